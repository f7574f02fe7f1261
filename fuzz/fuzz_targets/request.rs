//! The body is `thingwire_fuzz::request`.
#![cfg_attr(fuzzing, no_main)]

thingwire_fuzz::program!(request);
