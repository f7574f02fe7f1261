//! The body is `thingwire_fuzz::websocket`.
#![cfg_attr(fuzzing, no_main)]

thingwire_fuzz::program!(websocket);
