//! The body is `thingwire_fuzz::topic`.
#![cfg_attr(fuzzing, no_main)]

thingwire_fuzz::program!(topic);
