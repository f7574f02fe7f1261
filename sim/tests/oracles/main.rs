//! The oracles: silent on lives that are right, and each of them loud on one that is not.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod chunks;
mod lives;
mod mutations;
mod pinned;
mod random;
mod rig;
mod right;
mod shadows;
