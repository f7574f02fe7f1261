//! The client against a real Mosquitto: a server that nobody here has written. It has to be installed.
//!
//! Where Mosquitto does otherwise than AWS IoT Core, the test says so.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod broker_restart;
mod delivery;
mod drill;
mod failures;
mod proxy;
#[cfg(feature = "trace")]
mod recording;
mod retained;
mod rig;
mod session;
mod subscriptions;
mod tls;
#[cfg(feature = "websocket")]
mod ways;
mod will;

/// What the tests test that every runtime has to pass.
mod runtime {
    pub(crate) use thingwire_std::*;
}
