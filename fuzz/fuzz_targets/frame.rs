//! The body is `thingwire_fuzz::frame`.
#![cfg_attr(fuzzing, no_main)]

thingwire_fuzz::program!(frame);
