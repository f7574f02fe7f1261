//! A client as handles to clone and share, over a loop that a runtime turns.
//!
//! Everything here is the same whoever sleeps: operations that are futures, messages that wait in bounded queues, the
//! socket of the current link, and when to sleep. There is no thread here, no socket and no clock of its own. A runtime
//! brings four things, and turns the loop:
//!
//! | what | for |
//! |---|---|
//! | [`Net`] and [`Socket`] | TCP connections that never block |
//! | [`PortNet`] | waiting for the ports of things |
//! | [`Spawn`] | somewhere to wait for the resolver, and to run callbacks |
//! | a [`Waker`](core::task::Waker) | ending its sleep, with [`Bell::set`] |
//!
//! A runtime with a [`Worker`] serves a [`Client`], and whatever things [run](Client::run_thing) beside it: it calls [`Worker::turn`], sleeps as the [`Rest`] says, tells the
//! [`Line`] what its socket is ready for, and begins again. A runtime whose caller has the engine for itself does the
//! same with an [`Engine`](crate::Engine) and a [`Line`] alone.
//!
//! # Futures
//!
//! Every future here may be dropped at any time, and what it waits for goes on: waiting has no effect of its own. A
//! message is taken by the poll that returns it, and by no other. Futures need no particular executor.

mod callbacks;
mod client;
mod commands;
mod connection;
mod inbox;
mod journal;
mod keeper;
mod line;
mod lock;
mod lookup;
mod net;
mod notices;
mod outlet;
mod pending;
mod ports;
mod routes;
mod running_thing;
mod shadow;
mod shadow_events;
mod shared;
#[cfg(feature = "async")]
mod stream;
mod subscription;
mod thing_options;
mod things;
mod wakers;
mod watches;
mod worker;

pub use client::{Client, NotReady};
pub use journal::Journal;
pub use line::{Line, Wants};
pub use net::{Net, PortNet, Socket, Spawn, Work};
pub use notices::Notices;
pub use pending::Pending;
pub use running_thing::{PropertyState, RunningThing};
pub use shadow::{Shadow, ShadowPending};
pub use shadow_events::{Delivery, Deltas, ShadowEvents};
pub use subscription::Subscription;
pub use thing_options::{ThingError, ThingOptions};
pub use things::ThingNews;
pub use wakers::Bell;
pub use worker::{Rest, Worker};
