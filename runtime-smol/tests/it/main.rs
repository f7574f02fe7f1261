//! The runtime over real sockets, tested from outside: by the suite that every runtime has to pass, and by what only an
//! async one can do.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(dead_code, unreachable_pub, reason = "the handles that wait are those of another crate, all of them")]

mod cancellation;
mod driver;
mod executors;
#[cfg(unix)]
mod pumped;
#[path = "../waiting/mod.rs"]
mod runtime;
#[path = "../../../runtime-std/tests/it/suite/mod.rs"]
mod suite;
