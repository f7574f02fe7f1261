//! Device shadows in the simulated world: what went wrong in other SDKs, and whether the oracles see what they are for.

#![expect(clippy::unwrap_used, reason = "what is not as a test expects it ends the test")]

mod faults;
mod mutations;
mod script;
mod v1;
