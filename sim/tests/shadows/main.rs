//! Device shadows in the simulated world: what went wrong in other SDKs, and what faults do.

#![expect(clippy::unwrap_used, reason = "what is not as a test expects it ends the test")]

mod faults;
mod script;
mod v1;
