//! The body is `thingwire_fuzz::client`.
#![cfg_attr(fuzzing, no_main)]

thingwire_fuzz::program!(client);
