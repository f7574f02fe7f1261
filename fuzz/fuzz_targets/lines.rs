//! The body is `thingwire_fuzz::lines`.
#![cfg_attr(fuzzing, no_main)]

thingwire_fuzz::program!(lines);
