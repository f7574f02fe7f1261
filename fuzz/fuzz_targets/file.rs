//! The body is `thingwire_fuzz::file`.
#![cfg_attr(fuzzing, no_main)]

thingwire_fuzz::program!(file);
