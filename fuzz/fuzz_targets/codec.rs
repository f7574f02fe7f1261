//! The body is `thingwire_fuzz::codec`.
#![cfg_attr(fuzzing, no_main)]

thingwire_fuzz::program!(codec);
