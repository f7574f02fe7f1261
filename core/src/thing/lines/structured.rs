//! Devices described by a structure of somebody's own, for protocols that no table can say.

use core::fmt;
use core::time::Duration;

use serde_core::Serialize;
use serde_core::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::front::{self, Asked, Confirming, Front, Meaning, Orders};
use super::machine::Machine;
use super::wire::{Timing, Wire};
use crate::Instant;
use crate::thing::value::same;
use crate::thing::{Access, Component, ComponentAction, ComponentEvent, Property, PropertyId, Unfit};

/// A device as a structure: its fields, as JSON, are the properties, and `null` is what was not heard yet.
///
/// All fields must be there at any time: none may be skipped when it is empty.
///
/// A fan that answers `?` with its speed as one character, `0` to `9`, and is told it in the same way:
///
/// ```
/// use core::time::Duration;
///
/// use serde::{Deserialize, Serialize};
/// use thingwire_core::thing::lines::{Hearing, LineDevice, Question, StructComponent, Timing, Wire};
/// use thingwire_core::thing::Unfit;
///
/// #[derive(Clone, Default, Serialize, Deserialize)]
/// struct Fan {
///     speed: Option<u32>,
/// }
///
/// impl LineDevice for Fan {
///     fn hear(&mut self, line: &str) -> Hearing {
///         let Ok(speed) = line.parse() else { return Hearing::NotUnderstood };
///         self.speed = Some(speed);
///         Hearing::About(&["speed"])
///     }
///
///     fn tell(&self, _: &str) -> Result<String, Unfit> {
///         match self.speed {
///             Some(speed @ 0..=9) => Ok(speed.to_string()),
///             _ => Err(Unfit("a speed is 0 to 9".to_owned())),
///         }
///     }
///
///     fn questions(&self) -> Vec<Question> {
///         vec![Question::new("?", ["speed"]).every(Duration::from_secs(5))]
///     }
/// }
///
/// let fan = StructComponent::new(Fan::default(), Wire::default(), Timing::default())?;
/// # Ok::<(), Unfit>(())
/// ```
pub trait LineDevice: Clone + Send + Serialize + DeserializeOwned {
    /// Takes in a line.
    fn hear(&mut self, line: &str) -> Hearing;

    /// The line that makes a property what it is in `self`, which is what is wanted.
    fn tell(&self, property: &str) -> Result<String, Unfit>;

    /// What the device can be asked. Called once.
    fn questions(&self) -> Vec<Question>;

    /// Whether a question makes sense now.
    fn asks(&self, question: &str) -> bool {
        let _ = question;
        true
    }

    /// In which directions a property goes.
    fn access(&self, property: &str) -> Access {
        let _ = property;
        Access::ReadWrite
    }
}

/// What a line means to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hearing {
    /// Nothing.
    NotUnderstood,
    /// It tells about these properties, and about all that changed with it.
    About(&'static [&'static str]),
    /// The device says no.
    Refused,
}

/// A question to a device that is a structure.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Question {
    line: String,
    about: Vec<String>,
    every: Option<Duration>,
}

impl Question {
    /// This line asks about these properties; any line that tells about one of them is an answer.
    pub fn new<P: Into<String>>(line: impl Into<String>, about: impl IntoIterator<Item = P>) -> Self {
        Self { line: line.into(), about: about.into_iter().map(Into::into).collect(), every: None }
    }

    /// It is asked this often.
    pub fn every(mut self, interval: Duration) -> Self {
        self.every = Some(interval);
        self
    }
}

/// A component that is a structure.
pub struct StructComponent<T>(Machine<Structured<T>>);

impl<T: LineDevice> StructComponent<T> {
    /// The device as it is when nothing was heard of it. A value counts as set when the device shows it within 2 s.
    pub fn new(device: T, wire: Wire, timing: Timing) -> Result<Self, Unfit> {
        Structured::new(device, wire, timing).map(|front| Self(Machine::new(front)))
    }
}

impl<T: LineDevice> fmt::Debug for StructComponent<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.properties().iter().map(|property| &property.name);
        f.write_str("StructComponent")?;
        f.debug_list().entries(names).finish()
    }
}

impl<T: LineDevice> Component for StructComponent<T> {
    fn properties(&self) -> &[Property] {
        self.0.front.properties()
    }

    fn handle(&mut self, now: Instant, event: ComponentEvent<'_>, actions: &mut Vec<ComponentAction>) {
        self.0.handle(now, event, actions);
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.0.next_deadline()
    }

    fn check(&self, property: PropertyId, value: &Value) -> Result<(), Unfit> {
        self.0.front.check(property, value)
    }

    fn same(&self, property: PropertyId, one: &Value, other: &Value) -> bool {
        self.0.front.same(property, one, other)
    }
}

struct Structured<T> {
    initial: T,
    device: T,
    /// The device as JSON.
    said: Map<String, Value>,
    properties: Vec<Property>,
    questions: Vec<front::Question>,
    orders: Orders,
    wire: Wire,
    timing: Timing,
}

impl<T: LineDevice> Structured<T> {
    fn new(device: T, wire: Wire, timing: Timing) -> Result<Self, Unfit> {
        if let Some((field, problem)) = wire.mistakes().into_iter().chain(timing.mistakes()).next() {
            return Err(Unfit(format!("{field}: {problem}")));
        }
        let said = members(&device)?;
        let properties: Vec<_> = said.keys().map(|name| Property::new(name, device.access(name))).collect();
        let place = |name: &String| {
            let found = properties.iter().position(|property| property.name == *name);
            found.map(PropertyId).ok_or_else(|| Unfit(format!("a question is about {name:?}, which is no field")))
        };
        let mut questions = Vec::new();
        for ask in device.questions() {
            wire.encode(&ask.line)?;
            if ask.every.is_some_and(super::wire::is_zero) {
                return Err(Unfit(format!("`every` of the question {:?} must not be zero", ask.line)));
            }
            let reads = ask.about.iter().map(place).collect::<Result<Vec<_>, _>>()?;
            let awaits = u32::from(!reads.is_empty());
            questions.push(front::Question { line: ask.line, awaits, every: ask.every, reads });
        }
        let orders = Orders { confirm: Confirming::ReadBack { within: super::table::SHOWN_WITHIN }, awaits: false };
        Ok(Self { initial: device.clone(), device, said, properties, questions, orders, wire, timing })
    }

    /// The device with one property set: alone, so that a value that is none does not spoil the others.
    fn with(&self, property: PropertyId, value: &Value) -> Result<(T, &str), Unfit> {
        let unknown = || Unfit("there is no such property".to_owned());
        let name = self.properties.get(property.0).ok_or_else(unknown)?.name.as_str();
        if value.is_null() {
            return Err(Unfit("null is no value".to_owned()));
        }
        let mut wanted = self.said.clone();
        wanted.insert(name.to_owned(), value.clone());
        let device = T::deserialize(Value::Object(wanted)).map_err(|error| Unfit(error.to_string()))?;
        Ok((device, name))
    }
}

fn members<T: LineDevice>(device: &T) -> Result<Map<String, Value>, Unfit> {
    match serde_json::to_value(device) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(Unfit("a device must be a structure with fields".to_owned())),
        Err(error) => Err(Unfit(error.to_string())),
    }
}

impl<T: LineDevice> Front for Structured<T> {
    fn properties(&self) -> &[Property] {
        &self.properties
    }

    fn wire(&self) -> &Wire {
        &self.wire
    }

    fn timing(&self) -> &Timing {
        &self.timing
    }

    fn questions(&self) -> &[front::Question] {
        &self.questions
    }

    fn asks(&self, question: usize, _known: &[Option<Value>]) -> bool {
        self.device.asks(&self.questions[question].line)
    }

    fn orders(&self, property: PropertyId) -> Option<&Orders> {
        let settable = self.properties.get(property.0).is_some_and(|property| property.access != Access::Read);
        settable.then_some(&self.orders)
    }

    fn read(&mut self, line: &str, asked: Option<Asked>, heard: &mut Vec<(PropertyId, Value)>) -> Meaning {
        let mut device = self.device.clone();
        let named = match device.hear(line) {
            Hearing::NotUnderstood => return Meaning::Unknown,
            Hearing::Refused => return Meaning::Refused,
            Hearing::About(named) => named,
        };
        // What cannot be shown as JSON was not heard.
        let Ok(said) = members(&device) else { return Meaning::Unknown };
        let before = heard.len();
        for (place, property) in self.properties.iter().enumerate() {
            let value = said.get(&property.name).unwrap_or(&Value::Null);
            let told = named.contains(&property.name.as_str()) || self.said.get(&property.name) != Some(value);
            if told && !value.is_null() {
                heard.push((PropertyId(place), value.clone()));
            }
        }
        let about = |question: usize| {
            let reads = &self.questions[question].reads;
            heard[before..].iter().any(|(property, _)| reads.contains(property))
        };
        let answers = matches!(asked, Some(Asked::Question(question)) if about(question));
        (self.device, self.said) = (device, said);
        Meaning::Heard { answers }
    }

    fn check(&self, property: PropertyId, value: &Value) -> Result<(), Unfit> {
        self.say(property, value, &[]).map(drop)
    }

    fn say(&self, property: PropertyId, value: &Value, _known: &[Option<Value>]) -> Result<String, Unfit> {
        let (wanted, name) = self.with(property, value)?;
        if self.orders(property).is_none() {
            return Err(Unfit("it cannot be set".to_owned()));
        }
        let line = wanted.tell(name)?;
        self.wire.guard(&line)?;
        self.wire.encode(&line)?;
        Ok(line)
    }

    fn same(&self, property: PropertyId, one: &Value, other: &Value) -> bool {
        let line = |value| self.with(property, value).and_then(|(device, name)| device.tell(name)).ok();
        same(one, other) || line(one).is_some_and(|one| line(other) == Some(one))
    }

    fn holds(&self, _known: &[Option<Value>]) -> Option<Duration> {
        None
    }

    fn refreshes(&self, _property: PropertyId) -> bool {
        false
    }

    fn restart(&mut self) {
        self.device = self.initial.clone();
        if let Ok(said) = members(&self.device) {
            self.said = said;
        }
    }
}
