//! The shadow service's behaviour, seen from outside, without a broker.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod exchanges;
mod laws;
mod limits;
mod moods;
mod numbers;
mod order;
mod rig;
mod saved;
mod topics;
mod updates;
mod validation;
mod versions;
