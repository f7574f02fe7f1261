//! The body is `thingwire_fuzz::http`.
#![cfg_attr(fuzzing, no_main)]

thingwire_fuzz::program!(http);
