//! What every runtime has to do, over real sockets. Each runtime has this module in its tests, and beside it a module
//! `runtime` with its names: handles that wait, with timeouts, and a driver.

mod bad_input;
mod drop;
mod failures;
mod handles;
mod logging;
mod parity;
pub(crate) mod peer;
mod reconnect;
mod round_trip;
mod shadow_watches;
mod shadows;
mod slow_consumer;
mod stall;
mod stop;
pub(crate) mod support;
#[cfg(unix)]
pub(crate) mod things;
mod threads;
#[cfg(feature = "websocket")]
mod ways;
