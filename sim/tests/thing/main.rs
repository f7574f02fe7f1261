//! Components and the devices that their tables describe, joined by cables that break.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, reason = "a test that cannot go on fails")]

mod files;
mod parity;
mod soak;
