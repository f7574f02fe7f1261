//! The client against a real Mosquitto, also through a network that breaks: the tests of every runtime. It has to be
//! installed.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(dead_code, unreachable_pub, unused_imports, reason = "what is shared is used in other tests")]

#[path = "../../../runtime-std/tests/mosquitto/broker_restart.rs"]
mod broker_restart;
#[path = "../../../runtime-std/tests/mosquitto/delivery.rs"]
mod delivery;
#[path = "../../../runtime-std/tests/mosquitto/drill.rs"]
mod drill;
#[path = "../../../runtime-std/tests/mosquitto/failures.rs"]
mod failures;
#[path = "../../../runtime-std/tests/mosquitto/proxy.rs"]
mod proxy;
#[path = "../../../runtime-std/tests/mosquitto/recording.rs"]
mod recording;
#[path = "../../../runtime-std/tests/mosquitto/retained.rs"]
mod retained;
#[path = "../../../runtime-std/tests/mosquitto/rig.rs"]
mod rig;
#[path = "../waiting/mod.rs"]
mod runtime;
#[path = "../../../runtime-std/tests/mosquitto/session.rs"]
mod session;
#[path = "../../../runtime-std/tests/mosquitto/subscriptions.rs"]
mod subscriptions;
#[path = "../../../runtime-std/tests/mosquitto/tls.rs"]
mod tls;
#[path = "../../../runtime-std/tests/mosquitto/ways.rs"]
mod ways;
#[path = "../../../runtime-std/tests/mosquitto/will.rs"]
mod will;
