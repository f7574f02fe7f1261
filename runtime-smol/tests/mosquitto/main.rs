//! The client against a real Mosquitto, through a network that breaks: the drill of every runtime. It has to be
//! installed.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(dead_code, unreachable_pub, unused_imports, reason = "what is shared is used in other tests")]

#[path = "../../../runtime-std/tests/mosquitto/drill.rs"]
mod drill;
#[path = "../../../runtime-std/tests/mosquitto/proxy.rs"]
mod proxy;
#[path = "../../../runtime-std/tests/mosquitto/rig.rs"]
mod rig;
#[path = "../waiting/mod.rs"]
mod runtime;
