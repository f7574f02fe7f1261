//! The body is `thingwire_fuzz::thing`.
#![cfg_attr(fuzzing, no_main)]

thingwire_fuzz::program!(thing);
