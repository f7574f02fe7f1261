//! A device client for AWS IoT Core as a pure state machine: events in, actions out.
//!
//! No clock, no socket, no file, no thread, no randomness of its own: time and a seed are arguments, bytes go in and
//! out through buffers that the caller owns. The same seed and the same events give the same bytes and the same
//! actions, on every platform.
//!
//! # Words
//!
//! | word | meaning |
//! |---|---|
//! | [`Event`] | a fact about the outside, given to the client |
//! | [`Action`] | something the driver must do now |
//! | [`Notice`] | something the application wants to know, carried by an action |
//! | [`Ticket`] | the name of an accepted operation; never reused; ends in exactly one [`Outcome`] |
//! | [`Refusal`] | why a call was not accepted; the argument comes back with it |
//! | deadline | when the client next wants to be woken |
//! | [`Link`] | one transport connection, numbered |
//! | session | what survives links: in-flight publishes, subscriptions, the queue |
//! | driver | the loop around the client that owns sockets and sleep |
//!
//! # The contract
//!
//! 1. [`Client::handle`] and the commands never fail because of the peer: trouble with the peer becomes actions.
//!    Commands fail for local reasons only, and give the argument back.
//! 2. Any number of events and commands may come before a drain. To **drain** is to call [`Client::poll_transmit`]
//!    and [`Client::poll_action`] until the first gives 0 bytes and the second `None`; then
//!    [`Client::next_deadline`] is right. Handing a message to the driver is what acknowledges it, so actions can
//!    cause bytes: that is why both are asked again.
//! 3. After [`Event::Wake`] at `now` the deadline is `None` or later than `now`. Extra wakes do nothing. `now` never
//!    goes back; in a build with debug assertions, a driver that says so panics.
//! 4. Bytes never travel inside an action. Packets are encoded late, straight into the caller's buffer; what does not
//!    fit the budget stays a request.
//! 5. [`Action::Close`] means: bytes already in the buffer first, then drop the link. Events of an old link have no
//!    effect.
//! 6. Everything is bounded, and every bound is in [`Config`].
//! 7. Input from the network can never panic, allocate without bound, or be applied by halves.
//!
//! | bound | default | where |
//! |---|---|---|
//! | operations waiting to be sent | 20 | [`QueueConfig::count_max`] |
//! | bytes waiting to be sent | 4 MiB | [`QueueConfig::bytes_max`] |
//! | unacknowledged publishes out | 100 | [`Config::in_flight_max`] |
//! | unacknowledged messages in | 100 | [`Config::unacked_max`] |
//! | actions before input stops | 1,024 | [`Config::actions_max`] |
//! | one inbound packet | 129 KiB | [`Limits::packet_len_max`] |
//! | subscriptions | 50 | [`Limits::subscriptions_max`] |
//! | publishes in any second | 100 | [`Limits::publishes_per_second_max`] |
//! | requests without an outcome | 100 | [`RequestConfig::count_max`] |
//! | requests published and unanswered | 10 | [`RequestConfig::in_flight_max`] |
//! | watches of shadows | 100 | [`RequestConfig::watches_max`] |
//! | connections lost to one operation | 3 | [`Config::closes_max`] |
//!
//! # The loop
//!
//! A driver is this loop; here the server's part is played by four bytes.
//!
//! ```
//! use bytes::BytesMut;
//! use thingwire_core::{Action, Client, Config, Event, Instant, Notice, Publish, Topic};
//!
//! let mut now = Instant::EPOCH;
//! let mut client = Client::new(Config::new("kitchen-sensor"), 7, now)?;
//! let (mut inbound, mut outbound) = (BytesMut::new(), BytesMut::new());
//! let mut online = false;
//!
//! client.start(now);
//! let ticket = client.publish(now, Publish::new(Topic::new("kitchen/temperature")?, "21.5"))?;
//! while !online {
//!     loop {
//!         let written = client.poll_transmit(now, &mut outbound, 16 * 1024);
//!         let action = client.poll_action();
//!         match &action {
//!             // A real driver connects, and says so when the transport is ready.
//!             Some(Action::Open(link)) => {
//!                 client.handle(now, Event::LinkUp(*link));
//!                 client.poll_transmit(now, &mut outbound, 16 * 1024); // CONNECT
//!                 inbound.extend_from_slice(&[0x20, 2, 0, 0]); // CONNACK
//!             }
//!             Some(Action::Close(_link)) => { /* write `outbound`, then drop the socket */ }
//!             Some(Action::Notify(Notice::Online { .. })) => online = true,
//!             Some(Action::Notify(_)) | None => {}
//!         }
//!         if let Some(Action::Open(link)) = action {
//!             // A real driver writes `outbound` to the socket, and reads `inbound` from it.
//!             client.handle(now, Event::Received(link, &mut inbound));
//!         }
//!         if written == 0 && action.is_none() {
//!             break;
//!         }
//!     }
//!     // A real driver sleeps until bytes arrive or the deadline is reached.
//!     if let Some((deadline, _what_for)) = client.next_deadline() {
//!         now = now.max(deadline);
//!         client.handle(now, Event::Wake);
//!     }
//! }
//! # let _ = ticket;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![warn(clippy::wildcard_enum_match_arm, missing_debug_implementations)]

mod action;
mod backoff;
mod client;
mod codec;
mod command;
mod config;
#[allow(dead_code, reason = "which forms are used depends on the features")]
mod date;
mod derived;
#[cfg(feature = "host")]
pub mod dial;
mod drain;
#[cfg(feature = "transport")]
mod engine;
mod event;
pub mod frame;
#[cfg(feature = "host")]
pub mod handle;
#[cfg(feature = "host")]
pub mod host;
#[cfg(feature = "internal")]
#[doc(hidden)]
pub mod internal;
mod json;
mod limits;
mod link;
#[cfg(feature = "transport")]
mod options;
#[cfg(feature = "host")]
pub mod ports;
mod queue;
#[cfg(feature = "trace")]
pub mod replay;
mod reply;
mod request;
mod rng;
mod session;
mod shadow;
mod shadows;
#[cfg(all(feature = "host", feature = "websocket"))]
pub mod sources;
mod subscriptions;
mod suspects;
mod tape;
pub mod thing;
mod throttle;
mod time;
mod timers;
mod topic;
#[cfg(feature = "trace")]
pub mod trace;
#[cfg(feature = "transport")]
pub mod transport;
mod unshown;
#[cfg(feature = "trace")]
mod wire;

pub use action::{Action, Message, Notice};
pub use backoff::Backoff;
pub use client::Client;
pub use client::phase::Phase;
pub use client::status::{Status, Totals};
pub use command::{AckToken, Outcome, Publish, Qos, Refusal, Refused, Ticket};
pub use config::{
    BackoffConfig, Config, ConfigError, Drain, Jitter, Password, QueueConfig, RequestConfig, WhenFull, Will,
};
#[cfg(feature = "transport")]
pub use engine::Engine;
pub use event::Event;
pub use frame::{FrameError, PacketKind};
pub use json::JsonError;
pub use limits::Limits;
pub use link::{
    CertificateInfo, ConnectRefusal, ConnectStage, Layer, Link, LinkError, ProtocolError, ProxyError, TcpError,
    TlsError, TlsInfo, UpgradeHeader, WebSocketError, WebSocketFault,
};
#[cfg(feature = "transport")]
pub use options::{Options, Security, SetupError};
pub use reply::{Rejection, Reply, Unsent};
pub use rng::Rng;
pub use shadow::{
    Delta, Document, Documents, Malformed, NameError, Section, ShadowError, ShadowEvent, ShadowName, ShadowNotice,
    ShadowOperation, ShadowRequest, ShadowUpdate, ShadowWatch, Snapshot, UpdateError, WhenOffline, WrongType,
};
pub use time::Instant;
pub use timers::TimerKind;
pub use topic::{Filter, Topic, TopicError};
