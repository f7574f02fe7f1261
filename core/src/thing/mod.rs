//! Things and their components: what a device speaks on one side, its shadow on the other.
//!
//! Pure, as everything here: a [`Component`] is told what its device says, and says what to send to it; a [`Thing`]
//! has several of them and keeps one shadow in step with them; [`Bound`] joins it to a [`Client`](crate::Client).
//!
//! # What holds between a thing and its shadow
//!
//! | rule | where |
//! |---|---|
//! | Subscribe, read, only then report. 404: everything is reported, nothing desired | a [watch](crate::ShadowWatch) subscribes and reads; the thing waits for what it reads |
//! | Wishes come from `desired`; what is reported is what the cloud holds, not what was sent | [`Thing`] |
//! | A delta older than what is known is ignored, one of the same version is not; deleting begins anew | the watch, and again [`Thing`], which knows of its own updates as well |
//! | A wish is new when its value or time is | [`Thing`], with its memory |
//! | One request under way; changes wait in one place each, collected for 0.1 s | [`Thing`] |
//! | Reported is what was accepted; after silence the shadow is read, and once more after a minute if what was written to `desired` is not there: it may have been on its way; 409: read, 413 and 400: split, then leave out, 429 and 5xx: wait | [`Thing`]; that silence ends is the client's deadline |
//! | Who writes `desired` says on top of which version | [`Thing`] |
//! | What is the same to the device is the same | [`Component::same`] |
//! | What cannot be done is told, and `desired` moved back | [`Thing`], by its [`Policy`] |
//! | Unknown keys are told once, nulls are no wish | [`Thing`] |
//! | Arrays whole, no null in them, 8 KiB | [`Thing`], and again the client |
//! | One shadow for one thing, classic or named | [`Bound`] |
//!
//! # Devices
//!
//! Most devices speak [`lines`]; such a one is a table of a few lines, which is checked when it is built:
//!
//! ```
//! use core::time::Duration;
//! use thingwire_core::Instant;
//! use thingwire_core::thing::lines::{Lines, words};
//! use thingwire_core::thing::{Component, ComponentAction, ComponentEvent, PropertyId, SetId};
//!
//! let mut relay = Lines::new("relay")
//!     .property("relayState", words([("ON", true), ("OFF", false)]))
//!     .query("RELAY?", "RELAY{relayState}")
//!     .command("relayState", "RELAY{relayState}")
//!     .poll_every(Duration::from_secs(5))
//!     .build()?;
//!
//! let (now, mut actions) = (Instant::EPOCH, Vec::new());
//! relay.handle(now, ComponentEvent::Up, &mut actions); // the port is open
//! relay.handle(now, ComponentEvent::Received(b"RELAYOFF\r\n"), &mut actions);
//! let value = true.into();
//! let later = now + Duration::from_secs(1);
//! relay.handle(later, ComponentEvent::Set { id: SetId(1), property: PropertyId(0), value: &value }, &mut actions);
//! relay.handle(later, ComponentEvent::Received(b"RELAYON\r\n"), &mut actions); // it obeys, and says so
//!
//! assert_eq!(actions, [
//!     ComponentAction::Send(b"RELAY?\n".to_vec()),
//!     ComponentAction::Heard(PropertyId(0), false.into()),
//!     ComponentAction::Send(b"RELAYON\n".to_vec()),
//!     ComponentAction::Heard(PropertyId(0), true.into()),
//!     ComponentAction::Done(SetId(1)),
//! ]);
//! assert_eq!(relay.next_deadline(), Some(now + Duration::from_secs(5))); // the next poll
//! # Ok::<(), thingwire_core::thing::lines::Mistakes>(())
//! ```
//!
//! Whoever drives it opens a port, hands in what it reads, writes what is to be sent, and wakes it at its deadlines. A
//! device without lines, like a pin of a processor, is a [`Component`] of its own: it need not pretend to speak.
//!
//! # Bounds
//!
//! | what | default | where |
//! |---|---|---|
//! | a line, either way | 1,024 bytes | [`Wire::line_max`](lines::Wire::line_max) |
//! | lines out that are to be answered | 1 | |
//! | attempts to set a property | 1, the newest | |
//! | how often the device is told for one attempt | 3 | [`Timing::attempts`](lines::Timing::attempts) |
//! | commands in a row while a question waits | 3 | |

mod bound;
mod builder;
mod cell;
mod cloud;
mod component;
#[cfg(feature = "thing-files")]
pub mod file;
pub mod lines;
mod machine;
mod memory;
mod policy;
mod port;
mod rules;
mod schedule;
mod settle;
mod sync;
mod value;
mod wants;
mod words;

pub use bound::Bound;
pub use builder::{BuildError, ThingBuilder};
pub use component::{
    Access, Component, ComponentAction, ComponentEvent, Failure, Note, Property, PropertyId, SetId, Unfit,
};
pub use machine::{PropertyView, Thing};
pub use memory::MemoryError;
pub use policy::{Authority, Boot, Confirm, OnRefusal, Policy, ReportLimits};
pub use port::{DataBits, FlowControl, NoPort, Parity, Port, SerialPort, StopBits};
pub use rules::{Change, Changes, Derived, RuleError, Wishes};
pub use words::{Ask, Cause, ComponentId, RequestId, ThingAction, ThingEvent, ThingNotice, WishError};
