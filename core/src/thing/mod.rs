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
//! | Reported is what was accepted; after silence the shadow is read; 409: read, 413 and 400: split, then leave out, 429 and 5xx: wait | [`Thing`]; that silence ends is the client's deadline |
//! | Who writes `desired` says on top of which version | [`Thing`] |
//! | What is the same to the device is the same | [`Component::same`] |
//! | What cannot be done is told, and `desired` moved back | [`Thing`], by its [`Policy`] |
//! | Unknown keys are told once, nulls are no wish | [`Thing`] |
//! | Arrays whole, no null in them, 8 KiB | [`Thing`], and again the client |
//! | One shadow for one thing, classic or named | [`Bound`] |

mod bound;
mod builder;
mod cell;
mod cloud;
mod component;
mod machine;
mod memory;
mod policy;
mod rules;
mod settle;
mod sync;
mod value;
mod wants;
mod words;
pub mod lines;

pub use bound::Bound;
pub use builder::{BuildError, ThingBuilder};
pub use component::{
    Access, Component, ComponentAction, ComponentEvent, Failure, Note, Property, PropertyId, SetId, Unfit,
};
pub use machine::{PropertyView, Thing};
pub use memory::MemoryError;
pub use policy::{Authority, Boot, Confirm, OnRefusal, Policy, ReportLimits};
pub use rules::{Change, Changes, Derived, RuleError, Wishes};
pub use words::{Ask, Cause, ComponentId, RequestId, ThingAction, ThingEvent, ThingNotice, WishError};
