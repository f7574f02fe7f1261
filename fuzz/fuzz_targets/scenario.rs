//! The body is `thingwire_fuzz::scenario`.
#![cfg_attr(fuzzing, no_main)]

thingwire_fuzz::program!(scenario);
