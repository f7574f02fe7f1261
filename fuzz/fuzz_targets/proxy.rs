//! The body is `thingwire_fuzz::proxy`.
#![cfg_attr(fuzzing, no_main)]

thingwire_fuzz::program!(proxy);
