//! What happens to a thing, and what it wants done.

use core::fmt;

use serde_json::Value;

use super::memory::MemoryError;
use super::{Failure, Note, Unfit};
use crate::{Document, Refusal, Rejection, ShadowError, ShadowEvent, ShadowUpdate};

/// Which component of a thing: its place in the order in which they were given to the builder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComponentId(pub usize);

/// Which request to the shadow. Chosen by the thing; ends in one `Answered` or `Refused`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// What happens to a thing.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ThingEvent<'a> {
    /// A component's device can be spoken to: its port was opened.
    Up(ComponentId),
    /// It cannot any more.
    Down(ComponentId),
    /// Bytes from a component's device, in pieces of any size.
    Received(ComponentId, &'a [u8]),
    /// Requests to the shadow can be made.
    Online {
        /// Whether the server has kept the session. If not, whoever watches the shadow reads it again and tells; if it
        /// has, the thing asks for it, as the server may have dropped what it kept.
        resumed: bool,
    },
    /// They cannot any more. Those under way end all the same.
    Offline,
    /// News of the watched shadow.
    Shadow(&'a ShadowEvent),
    /// A request ended.
    Answered(RequestId, Result<Document, ShadowError>),
    /// A request was refused before it was made.
    Refused(RequestId, Refusal),
    /// Time has passed.
    Wake,
}

/// Something to be done for a thing.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub enum ThingAction {
    /// These bytes go to a component's device.
    Send(ComponentId, Vec<u8>),
    /// Something is asked of the shadow. There is never more than one request without an end.
    Ask(RequestId, Ask),
    /// This is to be kept where it survives the program and the power, instead of what was there:
    /// [`ThingBuilder::remember`](super::ThingBuilder::remember) wants it back.
    Persist(Vec<u8>),
    /// Tell the application.
    Notify(ThingNotice),
}

/// What is asked of the shadow.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// To be read.
    Get,
    /// To be changed.
    Update(Box<ShadowUpdate>),
}

/// Why a property is what it is, or is to become something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// Somebody wrote it to `desired`.
    Cloud {
        /// The shadow's version when that was learned.
        version: u64,
    },
    /// The program set it, with [`Thing::set`](super::Thing::set).
    Local,
    /// A rule set it.
    Rule,
    /// The program started.
    Boot,
    /// The device changed by itself, or was read for the first time.
    Hardware,
}

/// Something the application may want to know.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ThingNotice {
    /// A property has changed: once for each settled batch.
    Changed {
        /// Which.
        property: String,
        /// What it was; `None` when nothing was known of it.
        old: Option<Value>,
        /// What it is.
        new: Value,
        /// Why.
        cause: Cause,
    },
    /// A property became what it was to become.
    Fulfilled {
        /// Which.
        property: String,
        /// Who wanted it.
        cause: Cause,
    },
    /// It did not.
    Failed {
        /// Which.
        property: String,
        /// What was wanted.
        value: Value,
        /// Who wanted it.
        cause: Cause,
        /// Why not.
        why: WishError,
    },
    /// Somebody wishes for something that no component has. Told once for each key and value.
    UnknownKey {
        /// The key in `desired`.
        key: String,
        /// The JSON text of the value.
        value: String,
    },
    /// The service does not take a report, or a component says what no shadow can keep. It is left out until it
    /// changes.
    Unreportable {
        /// Of which property.
        property: String,
        /// Why, in the service's words where it has some.
        why: String,
    },
    /// The service took an update of ours.
    Accepted {
        /// The shadow's version after it.
        version: u64,
    },
    /// The service did not take an update of ours, for a reason that passes.
    NotAccepted(ShadowError),
    /// A rule gave an error; nothing that it wanted is done.
    RuleFailed {
        /// Which rule.
        rule: String,
        /// Its error.
        why: String,
    },
    /// Rules have set each other off as often as they may; what this one wants is not done.
    RulesRunInCircles {
        /// Which rule.
        rule: String,
    },
    /// A component tells something.
    Device(ComponentId, Note),
    /// A component breaks its contract: it speaks of a property or an attempt that it does not have.
    Confused(ComponentId),
    /// What was remembered cannot be used.
    Memory(MemoryError),
    /// There is no shadow any more, or yet.
    NoShadow,
    /// The shadow cannot be read: nothing is reported before it could be.
    Unreadable(Rejection),
    /// The notifications of the shadow cannot be subscribed to; it is tried again.
    NotSubscribed,
    /// Something the service told makes no sense. The shadow is read again.
    Malformed,
    /// Notices were left out because nobody took those before.
    Lost {
        /// How many.
        count: u64,
    },
}

/// Why a property did not become what it was to become.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum WishError {
    /// There is no such property.
    Unknown,
    /// The device only says it.
    ReadOnly,
    /// The value does not fit.
    Unfit(Unfit),
    /// The device did not do it.
    Device(Failure),
    /// It did not become so in time.
    TooLate,
}

impl fmt::Display for WishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("there is no such property"),
            Self::ReadOnly => f.write_str("it can only be read"),
            Self::Unfit(why) => why.fmt(f),
            Self::Device(Failure::Down) => f.write_str("the device is not there"),
            Self::Device(Failure::NoAnswer { attempts }) => {
                write!(f, "the device was told {attempts} times and did not do it")
            }
            Self::Device(Failure::Refused { line }) => write!(f, "the device says {line:?}"),
            Self::Device(Failure::Replaced) => f.write_str("something newer took its place"),
            Self::Device(Failure::Unfit(why)) => why.fmt(f),
            Self::TooLate => f.write_str("the device did not do it in time"),
        }
    }
}

impl core::error::Error for WishError {}

/// One line; no value is shown.
impl fmt::Display for ThingNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed { property, cause, .. } => write!(f, "{property} has changed, by {cause}"),
            Self::Fulfilled { property, cause } => write!(f, "{property} is as wanted by {cause}"),
            Self::Failed { property, cause, why, .. } => write!(f, "{property} is not as wanted by {cause}: {why}"),
            Self::UnknownKey { key, .. } => write!(f, "{key:?} is desired, and no component has it"),
            Self::Unreportable { property, why } => write!(f, "{property} cannot be reported: {why}"),
            Self::Accepted { version } => write!(f, "reported; the shadow is at version {version}"),
            Self::NotAccepted(why) => write!(f, "not reported, will be again: {why}"),
            Self::RuleFailed { rule, why } => write!(f, "rule {rule:?}: {why}"),
            Self::RulesRunInCircles { rule } => write!(f, "rule {rule:?}: rules set each other off without an end"),
            Self::Device(ComponentId(id), note) => write!(f, "component {id}: {note}"),
            Self::Confused(ComponentId(id)) => write!(f, "component {id} breaks the contract of components"),
            Self::Memory(why) => why.fmt(f),
            Self::NoShadow => f.write_str("there is no shadow"),
            Self::Unreadable(why) => write!(f, "the shadow cannot be read: {why}"),
            Self::NotSubscribed => f.write_str("the shadow's notifications are not granted; check the policy"),
            Self::Malformed => f.write_str("what the service says makes no sense"),
            Self::Lost { count } => write!(f, "{count} notices were left out"),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cloud { version } => write!(f, "the cloud at version {version}"),
            Self::Local => f.write_str("the program"),
            Self::Rule => f.write_str("a rule"),
            Self::Boot => f.write_str("the start"),
            Self::Hardware => f.write_str("the device"),
        }
    }
}
