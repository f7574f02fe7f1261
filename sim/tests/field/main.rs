//! Lives recorded in the field, and what the simulator makes of them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod replay;
mod tap;
