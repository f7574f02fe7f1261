//! The body is `thingwire_fuzz::tls`.
#![cfg_attr(fuzzing, no_main)]

thingwire_fuzz::program!(tls);
