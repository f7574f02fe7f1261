//! What tests that are shared between runtimes test here: the handles of `thingwire-std`, which wait, over the loop of
//! this runtime.

#[path = "../../../runtime-std/src/client.rs"]
mod client;
mod driver;
#[path = "../../../runtime-std/src/notices.rs"]
mod notices;
#[path = "../../../runtime-std/src/pending.rs"]
mod pending;
#[path = "../../../runtime-std/src/shadow.rs"]
mod shadow;
#[path = "../../../runtime-std/src/shadow_events.rs"]
mod shadow_events;
#[path = "../../../runtime-std/src/subscription.rs"]
mod subscription;
#[path = "../../../runtime-std/src/thing.rs"]
mod thing;
mod wait;
mod worker;

pub(crate) use thingwire_smol::*;

pub(crate) use client::Client;
pub(crate) use driver::Driver;
pub(crate) use notices::Notices;
pub(crate) use pending::Pending;
pub(crate) use shadow::{Shadow, ShadowPending};
pub(crate) use shadow_events::{Deltas, ShadowEvents};
pub(crate) use subscription::Subscription;
pub(crate) use thing::RunningThing;
