//! A component: one device of a thing, whatever it speaks.

use core::fmt;

use serde_json::Value;

use crate::Instant;

/// One device, as a state machine: it is told what happens, and says what is to be done.
///
/// It has no socket, no file and no clock. Whoever drives it carries bytes and wakes it up. Nothing that a device or a
/// cloud says makes it panic; what makes no sense to it becomes an action that says so.
///
/// A value of a property is what is in a shadow: any JSON but `null`.
pub trait Component: Send {
    /// What can be read and set. It never changes.
    fn properties(&self) -> &[Property];

    /// Takes in what happened, and appends what is to be done.
    fn handle(&mut self, now: Instant, event: ComponentEvent<'_>, actions: &mut Vec<ComponentAction>);

    /// When it wants to be woken. After a wake at that time, none or a later one.
    fn next_deadline(&self) -> Option<Instant> {
        None
    }

    /// Whether a property can be set to this at all: asked before it is.
    fn check(&self, property: PropertyId, value: &Value) -> Result<(), Unfit>;

    /// Whether two values are the same to the device. A volume of 97 % is that of 100 %, if the device has steps of ten.
    fn same(&self, property: PropertyId, one: &Value, other: &Value) -> bool {
        let _ = property;
        one == other
    }
}

/// What a property is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Property {
    /// Its name: its key in the shadow.
    pub name: String,
    /// In which directions it goes.
    pub access: Access,
}

impl Property {
    /// A property of this name.
    pub fn new(name: impl Into<String>, access: Access) -> Self {
        Self { name: name.into(), access }
    }
}

/// In which directions a property goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The device says it.
    Read,
    /// The device can be told, and never says it.
    Write,
    /// Both.
    ReadWrite,
}

/// Which property of a component: its place in [`Component::properties`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PropertyId(pub usize);

/// Which attempt to set a property. Chosen by whoever asks; ends in one `Done` or `Failed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SetId(pub u64);

/// What happens to a component.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ComponentEvent<'a> {
    /// The device can be spoken to: a port was opened.
    Up,
    /// It cannot any more. Every attempt to set something fails.
    Down,
    /// Bytes from the device, in pieces of any size.
    Received(&'a [u8]),
    /// A property is to be set. It was [checked](Component::check). An attempt of the same property that has not ended is
    /// replaced, and fails as [`Failure::Replaced`]; the device may have heard of it already.
    Set {
        /// The attempt.
        id: SetId,
        /// What to set.
        property: PropertyId,
        /// To which value.
        value: &'a Value,
    },
    /// All properties are to be read as soon as may be.
    Refresh,
    /// Time has passed.
    Wake,
}

/// What is to be done for a component.
#[derive(Debug, Clone, PartialEq)]
pub enum ComponentAction {
    /// Bytes go to the device.
    Send(Vec<u8>),
    /// The device says what a property is. Said as often as the device does, changed or not.
    Heard(PropertyId, Value),
    /// The device was told, and as far as the component's own rule goes it has obeyed.
    Done(SetId),
    /// It was not, or did not.
    Failed(SetId, Failure),
    /// Something that somebody might want to know.
    Note(Note),
}

/// Why a value does not fit a property: one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit(pub String);

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for Unfit {}

/// Why an attempt to set a property failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The device is not there.
    Down,
    /// The device did not answer, or did not show the new value, in all the attempts made.
    NoAnswer {
        /// How often it was told.
        attempts: u32,
    },
    /// The device said no.
    Refused {
        /// What it said.
        line: String,
    },
    /// A newer attempt took its place.
    Replaced,
    /// The value cannot be said to the device.
    Unfit(Unfit),
}

/// Something worth knowing about a device.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// It said something that nothing in the component understands.
    NotUnderstood {
        /// What, as far as it is text; shortened.
        line: String,
    },
    /// A line was longer than any may be, and was dropped.
    TooLong {
        /// The bound, in bytes.
        max: usize,
    },
    /// A question was not answered in time. Said once, until it is answered again.
    Silent {
        /// The question.
        question: String,
    },
    /// It said no, and not to an attempt to set something.
    Refused {
        /// The question to which it did; none: nothing was asked.
        question: Option<String>,
        /// What it said.
        line: String,
    },
    /// A line broke off in the middle, and was dropped with what may still come of it.
    Broken {
        /// Its beginning, as far as it is text; shortened.
        line: String,
    },
}

/// One line.
impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUnderstood { line } => write!(f, "the device says {line:?}, which is not understood"),
            Self::TooLong { max } => write!(f, "a line of more than {max} bytes was left out"),
            Self::Silent { question } => write!(f, "the device does not answer {question:?}"),
            Self::Refused { question: Some(question), line } => write!(f, "the device says {line:?} to {question:?}"),
            Self::Refused { question: None, line } => write!(f, "the device says {line:?}"),
            Self::Broken { line } => write!(f, "a line broke off, and was left out: {line:?}"),
        }
    }
}
