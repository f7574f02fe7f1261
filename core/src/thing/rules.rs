//! What an application adds to a thing: rules, and properties made of others.

use core::fmt;
use std::collections::BTreeMap;

use serde_json::Value;

use super::cell::Cell;
use super::value::same;
use super::{Cause, Unfit};

/// What has changed in one settled batch, and what everything is.
///
/// A batch is all changes within 0.1 s of the first, so that a device that says four things in four lines is seen once,
/// with all four.
pub struct Changes<'a> {
    pub(super) all: Vec<Change<'a>>,
    pub(super) cells: &'a [Cell],
    pub(super) names: &'a BTreeMap<String, usize>,
}

/// A property that has changed.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Change<'a> {
    /// Which.
    pub property: &'a str,
    /// What it was when the batch before was settled; `None` when nothing was known of it.
    pub old: Option<&'a Value>,
    /// What it is.
    pub new: &'a Value,
    /// Why.
    pub cause: Cause,
}

impl<'a> Changes<'a> {
    /// All changes, in the order of the properties.
    pub fn iter(&self) -> impl Iterator<Item = &Change<'a>> {
        self.all.iter()
    }

    /// How a property has changed; `None` when it has not.
    pub fn of(&self, property: &str) -> Option<&Change<'a>> {
        self.all.iter().find(|change| change.property == property)
    }

    /// Whether a property has changed to this value. Its first reading is a change as well.
    pub fn became(&self, property: &str, value: impl Into<Value>) -> bool {
        let value = value.into();
        self.of(property).is_some_and(|change| same(change.new, &value))
    }

    /// What a property is, changed or not; `None` when nothing is known of it.
    pub fn value(&self, property: &str) -> Option<&'a Value> {
        self.cells[*self.names.get(property)?].actual.as_ref()
    }
}

impl fmt::Debug for Changes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.all).finish()
    }
}

/// What a rule wants.
#[derive(Debug, Default)]
pub struct Wishes(pub(super) Vec<(String, Value)>);

impl Wishes {
    /// Wants a property to become this. The last one of a property counts.
    pub fn set(&mut self, property: impl Into<String>, value: impl Into<Value>) {
        self.0.push((property.into(), value.into()));
    }
}

/// Why a rule cannot say what it wants: one line. Nothing that it wanted before is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError(pub String);

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for RuleError {}

impl From<&str> for RuleError {
    fn from(why: &str) -> Self {
        Self(why.to_owned())
    }
}

pub(super) type RuleFn = Box<dyn FnMut(&Changes<'_>, &mut Wishes) -> Result<(), RuleError> + Send>;
type ReadFn = Box<dyn Fn(&[Option<&Value>]) -> Option<Value> + Send>;
type WriteFn = Box<dyn Fn(&Value, &mut Wishes) -> Result<(), Unfit> + Send>;

pub(super) struct Rule {
    pub(super) name: String,
    pub(super) run: RuleFn,
}

/// A property that no device has: it is made of others, and setting it sets others.
///
/// ```
/// use serde_json::{Value, json};
/// use thingwire_core::thing::Derived;
///
/// let bright = Derived::new("bright", ["level"], |values| Some(json!(values[0]?.as_u64()? > 50)))
///     .writes(|value, wishes| Ok(wishes.set("level", if *value == Value::Bool(true) { 100 } else { 0 })));
/// ```
#[must_use]
pub struct Derived {
    pub(super) name: String,
    pub(super) sources: Vec<String>,
    pub(super) read: ReadFn,
    pub(super) write: Option<WriteFn>,
}

impl Derived {
    /// A property of this name, made of these. `read` is given their values in the same order, `None` for what is not
    /// known, and says what the property is, if that is known.
    pub fn new(
        name: impl Into<String>,
        sources: impl IntoIterator<Item = impl Into<String>>,
        read: impl Fn(&[Option<&Value>]) -> Option<Value> + Send + 'static,
    ) -> Self {
        let sources = sources.into_iter().map(Into::into).collect();
        Self { name: name.into(), sources, read: Box::new(read), write: None }
    }

    /// The same, to be set as well: `write` says what to set instead.
    pub fn writes(mut self, write: impl Fn(&Value, &mut Wishes) -> Result<(), Unfit> + Send + 'static) -> Self {
        self.write = Some(Box::new(write));
        self
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rule({:?})", self.name)
    }
}

impl fmt::Debug for Derived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Derived({:?} of {:?})", self.name, self.sources)
    }
}
