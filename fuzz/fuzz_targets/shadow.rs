//! The body is `thingwire_fuzz::shadow`.
#![cfg_attr(fuzzing, no_main)]

thingwire_fuzz::program!(shadow);
