//! The body is `thingwire_fuzz::life`.
#![cfg_attr(fuzzing, no_main)]

thingwire_fuzz::program!(life);
