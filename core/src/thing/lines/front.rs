//! What the exchange machine wants to know of a device, whatever describes it.

use core::time::Duration;

use serde_json::Value;

use super::wire::{Timing, Wire};
use crate::thing::{Property, PropertyId, SetId, Unfit};

/// What describes a device to the machine: a table, or somebody's own structure.
pub(super) trait Front: Send {
    fn properties(&self) -> &[Property];
    fn wire(&self) -> &Wire;
    fn timing(&self) -> &Timing;
    fn questions(&self) -> &[Question];
    /// Whether this question makes sense now.
    fn asks(&self, question: usize, known: &[Option<Value>]) -> bool;
    /// How this property is set; `None`: it is not.
    fn orders(&self, property: PropertyId) -> Option<&Orders>;
    /// Reads a line: appends what it says. `asked` is what the device was told last and has not answered yet.
    fn read(&mut self, line: &str, asked: Option<Asked>, heard: &mut Vec<(PropertyId, Value)>) -> Meaning;
    fn check(&self, property: PropertyId, value: &Value) -> Result<(), Unfit>;
    /// The line that sets a property, made of what is known of the others.
    fn say(&self, property: PropertyId, value: &Value, known: &[Option<Value>]) -> Result<String, Unfit>;
    fn same(&self, property: PropertyId, one: &Value, other: &Value) -> bool;
    /// Whether commands wait, and how often the device is asked meanwhile.
    fn holds(&self, known: &[Option<Value>]) -> Option<Duration>;
    /// Whether everything is asked again when this property changes.
    fn refreshes(&self, property: PropertyId) -> bool;
    /// The device may be another one than before.
    fn restart(&mut self);
}

/// A question that a device is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    /// The line that asks.
    pub(super) line: String,
    /// How many lines answer it; 0: none is waited for.
    pub(super) awaits: u32,
    /// How often it is asked.
    pub(super) every: Option<Duration>,
    /// The properties that an answer is about.
    pub(super) reads: Vec<PropertyId>,
}

/// How a property is set, as far as time goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Orders {
    pub(super) confirm: Confirming,
    /// Whether the device says something to it that is waited for.
    pub(super) awaits: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Confirming {
    ReadBack { within: Duration },
    Acknowledged,
    Said,
}

/// What the device has been told or asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Question(usize),
    Command(PropertyId, SetId),
}

/// What a line means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Unknown,
    /// It says something; and it may be what was waited for.
    Heard {
        answers: bool,
    },
    /// The device says yes.
    Agreed,
    /// The device says no.
    Refused,
}
