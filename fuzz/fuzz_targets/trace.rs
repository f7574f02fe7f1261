//! The body is `thingwire_fuzz::trace`.
#![cfg_attr(fuzzing, no_main)]

thingwire_fuzz::program!(trace);
