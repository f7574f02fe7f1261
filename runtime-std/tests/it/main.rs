//! The runtime over real sockets, tested from outside.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod drop;
mod failures;
mod handles;
mod logging;
mod peer;
mod reconnect;
mod round_trip;
mod slow_consumer;
mod stall;
mod stop;
mod support;
mod threads;
