//! The runtime over real sockets, tested from outside.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod documents;
mod own_thread;
#[cfg(unix)]
mod pumped;
mod suite;

/// What the suite tests.
mod runtime {
    pub(crate) use thingwire_std::*;
}
