//! The runtime over real sockets, tested from outside.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod documents;
mod drop;
mod failures;
mod handles;
mod logging;
mod parity;
mod peer;
mod reconnect;
mod round_trip;
mod shadow_watches;
mod shadows;
mod slow_consumer;
mod stall;
mod stop;
mod support;
mod threads;
#[cfg(feature = "websocket")]
mod ways;
