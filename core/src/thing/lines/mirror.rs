//! The other end of a table: the device that it describes.

use core::mem;
use core::time::Duration;

use serde_json::Value;

use super::compiled::Compiled;
use super::framer::{Framed, Framer};
use super::mistake::Mistakes;
use super::table::Lines;
use super::template::Pattern;
use super::wire::{Framing, Wire};
use crate::Instant;
use crate::thing::{PropertyId, Unfit};

/// The longest silence within a line to the device.
const SILENCE: Duration = Duration::from_secs(1);
/// Longer than any silence that ends a line.
const LONG_SILENCE: Duration = Duration::from_secs(10);

/// The device that a table describes: it has the properties, knows the questions and the commands, and writes the lines
/// that say how things are.
///
/// It only knows what to say. Whether and when it is said is for whoever plays the device; one that does everything right
/// does what [`hear`](Self::hear) returns.
#[derive(Debug)]
pub struct Mirror {
    table: Compiled,
    /// `null`: the device does not know itself, and says no line that needs it.
    values: Vec<Value>,
    framer: Framer,
}

/// What a line is to the device.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Told {
    /// A question, and the lines that answer it.
    Question(Vec<String>),
    /// A command that sets this property, and what it sets: that one, and others that the line says as well.
    Command(PropertyId, Vec<(PropertyId, Value)>),
    /// Nothing that it knows.
    Unknown,
}

impl Mirror {
    /// The device at the other end of this table. Every property has a value of its codec; those whose codec is a
    /// function have none yet.
    pub fn new(lines: &Lines) -> Result<Self, Mistakes> {
        let table = lines.compile()?;
        let first = |place: usize| table.codec(PropertyId(place)).and_then(|codec| codec.samples().into_iter().next());
        let values: Vec<_> = (0..table.properties().len()).map(|place| first(place).unwrap_or_default()).collect();
        let framer = Framer::new(&heard_by_device(table.wire()), SILENCE);
        Ok(Self { table, values, framer })
    }

    /// The table behind it.
    pub fn table(&self) -> &Compiled {
        &self.table
    }

    /// What its properties are, each in its place.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// A property becomes this.
    pub fn set(&mut self, property: PropertyId, value: Value) {
        if let Some(known) = self.values.get_mut(property.0) {
            *known = value;
        }
    }

    /// It was switched off and on: half a line is forgotten.
    pub fn restart(&mut self) {
        self.framer.reset();
    }

    /// Bytes come from the component: the lines that are whole now. Where nothing ends a line to the device, each piece is
    /// one.
    pub fn cut(&mut self, now: Instant, mut bytes: &[u8]) -> Vec<String> {
        let (mut framer, mut lines) = (mem::take(&mut self.framer), Vec::new());
        while let Some(framed) = framer.next(now, &mut bytes) {
            lines.extend(self.decoded(framed));
        }
        if self.table.wire().ending.is_empty() {
            lines.extend(framer.expire(now + LONG_SILENCE).and_then(|framed| self.decoded(framed)));
        }
        self.framer = framer;
        lines
    }

    fn decoded(&self, framed: Framed<'_>) -> Option<String> {
        let Framed::Line(bytes) = framed else { return None };
        self.table.wire().encoding.decode(bytes, &mut String::new()).map(str::to_owned)
    }

    /// What a line is to it. Nothing is set by that.
    pub fn read(&self, line: &str) -> Told {
        if let Some((_, answers, lines)) = self.table.queries().find(|(ask, ..)| *ask == line) {
            return Told::Question(answers.into_iter().filter_map(|answer| self.written(answer)).take(lines).collect());
        }
        for property in (0..self.values.len()).map(PropertyId) {
            let mut set = Vec::new();
            if self.table.command(property).is_some_and(|command| command.read(line, &mut set)) {
                return Told::Command(property, set);
            }
        }
        Told::Unknown
    }

    /// What it says once it has obeyed a command that sets this property: the answer, or what is said unasked.
    pub fn reply(&self, property: PropertyId) -> Option<String> {
        let replied = self.table.replies(property).find_map(|reply| self.written(reply));
        replied.or_else(|| self.announcement(property))
    }

    /// What it answers to the command that sets this property, if it answers.
    pub fn answer(&self, property: PropertyId) -> Option<String> {
        self.table.replies(property).find_map(|reply| self.written(reply))
    }

    /// What it says unasked when this property has changed, if there is a line for that.
    pub fn announcement(&self, property: PropertyId) -> Option<String> {
        let about = |pattern: &Pattern| pattern.properties().any(|said| said == property);
        self.table.heard().filter(|pattern| about(pattern)).find_map(|pattern| self.written(pattern))
    }

    /// With what it says no, if it has a word for that.
    pub fn refusal(&self) -> Option<String> {
        self.table.refusals().first().and_then(|refusal| self.written(refusal))
    }

    /// Hears a line as a device does that does everything right: what is set then, and what it says.
    pub fn hear(&mut self, line: &str) -> (Vec<(PropertyId, Value)>, Vec<String>) {
        let mut said: Vec<_> = self.table.wire().echoes.then(|| line.to_owned()).into_iter().collect();
        let mut changed = Vec::new();
        match self.read(line) {
            Told::Question(answers) => said.extend(answers),
            Told::Command(property, set) => {
                for (property, value) in &set {
                    self.set(*property, value.clone());
                }
                changed = set;
                said.extend(self.reply(property));
            }
            Told::Unknown => said.extend(self.refusal()),
        }
        (changed, said)
    }

    /// A line as the bytes that the component hears, with its end.
    pub fn bytes(&self, line: &str) -> Vec<u8> {
        let wire = self.table.wire();
        let end = match &wire.framing {
            Framing::Newline => "\r\n",
            Framing::Terminator(terminator) => terminator,
            Framing::Length(_) | Framing::IdleGap(_) => "",
        };
        let mut bytes = Vec::new();
        // What a table cannot encode, it does not have.
        let _ = wire.encoding.encode(line, &mut bytes).and_then(|()| wire.encoding.encode(end, &mut bytes));
        bytes
    }

    /// The silence behind every line, where that is what ends it.
    pub fn pause(&self) -> Duration {
        if let Framing::IdleGap(gap) = self.table.wire().framing { gap * 2 } else { Duration::ZERO }
    }

    /// The line that says how things are.
    fn written(&self, pattern: &Pattern) -> Option<String> {
        let value = |property: PropertyId| {
            let value = &self.values[property.0];
            if value.is_null() { Err(Unfit("not known".to_owned())) } else { Ok(value) }
        };
        let mut line = String::new();
        pattern.write(value, |_| Ok(()), &mut line).ok().map(|()| line)
    }
}

/// How lines to the device are cut.
fn heard_by_device(wire: &Wire) -> Wire {
    let mut heard = wire.clone();
    heard.framing = if wire.ending.is_empty() {
        Framing::IdleGap(Duration::from_millis(1))
    } else {
        Framing::Terminator(wire.ending.clone())
    };
    heard
}
