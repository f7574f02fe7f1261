//! The table: what a device says and hears, as data.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use serde_json::Value;

use super::codec::Codec;
use super::template::Template;
use super::wire::{Timing, Wire};

/// A device that speaks lines, as a table: what its properties are and which lines are about them.
///
/// It is plain data: the methods fill it in, and [`build`](Self::build) checks all of it. Methods without an object of
/// their own, like [`when`](Self::when), are about what was added last.
///
/// ```
/// use core::time::Duration;
/// use thingwire_core::thing::lines::{Lines, number, words};
///
/// let projector = Lines::new("projector")
///     .property("power", words([("ON", true), ("OFF", false)]))
///     .property("volume", number(0..=20))
///     .query("PWR?", "PWR={power}")
///     .query("VOL?", "VOL={volume}")
///     .when("power", true) // off, it does not answer that
///     .command("power", "PWR {power}")
///     .command("volume", "VOL {volume}")
///     .poll_every(Duration::from_secs(10))
///     .terminators("\r\n", "\r");
/// let component = projector.build()?;
/// # let _ = component;
/// # Ok::<(), thingwire_core::thing::lines::Mistakes>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
#[must_use]
pub struct Lines {
    /// What the device is called.
    pub name: String,
    /// Its properties.
    pub properties: Vec<LineProperty>,
    /// Lines that it says unasked, beside the answers to queries. Any line is heard at any time.
    pub hears: Vec<Hears>,
    /// What it can be asked.
    pub queries: Vec<Query>,
    /// What it can be told.
    pub commands: Vec<Command>,
    /// When it is to be told nothing.
    pub holds: Vec<Hold>,
    /// Properties after whose change everything is asked again.
    pub refresh_on: Vec<String>,
    /// Lines with which it says no.
    pub refusals: Vec<Template>,
    /// How often every query is repeated that has no interval of its own. Default: never.
    pub poll_every: Option<Duration>,
    /// How lines travel.
    pub wire: Wire,
    /// Waits and patience.
    pub timing: Timing,
    /// Methods that had nothing to be about.
    pub(super) misuses: Vec<&'static str>,
}

/// A property of a table.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LineProperty {
    /// Its name: its key in the shadow.
    pub name: String,
    /// How its values are written.
    pub codec: Codec,
    /// Whether the device never says it.
    pub write_only: bool,
}

/// What tells about properties unasked.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Hears {
    /// A template.
    Template(Template),
    /// A regular expression for a whole line, whose named groups are properties.
    #[cfg(feature = "regex")]
    Regex(String),
    /// A function, for what nothing else can read.
    Function(Function),
}

/// A function that reads a line.
#[derive(Clone)]
pub struct Function {
    /// The properties that it may tell about.
    pub properties: Vec<String>,
    pub(super) read: Arc<Read>,
}

pub(super) type Read = dyn Fn(&str) -> Option<Vec<Value>> + Send + Sync;

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function").field("properties", &self.properties).finish_non_exhaustive()
    }
}

/// A question and its answers.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Query {
    /// The line that asks. No template: it is said as it is.
    pub ask: String,
    /// What the device may answer. None: nothing is waited for.
    pub answers: Vec<Template>,
    /// How many such lines one answer has.
    pub lines: u32,
    /// How often it is asked; the table's own interval where there is none.
    pub every: Option<Duration>,
    /// It is asked only while each of these properties was last heard to be one of these values.
    pub when: Vec<(String, Vec<Value>)>,
}

/// How a property is set.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Command {
    /// The property.
    pub property: String,
    /// The line that sets it. It may say other properties as well, as they were last heard or set.
    pub template: Template,
    /// The line that the device says to it; it is waited for before anything else is said. None: nothing is waited for.
    pub answer: Option<Template>,
    /// When the property counts as set.
    pub confirm: Confirmation,
}

/// When a property counts as set.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Confirmation {
    /// When the device says that it has the value. It is asked, if anything asks for the property, again and again for
    /// this long; then the command is repeated.
    ReadBack {
        /// How long the device may take to show it.
        within: Duration,
    },
    /// When the device answers with one of these lines.
    Acknowledged(Vec<Template>),
    /// When it was said.
    Said,
}

/// When a device is to be told nothing.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Hold {
    /// The property that says so.
    pub property: String,
    /// While it was last heard to be one of these.
    pub values: Vec<Value>,
    /// How often everything is asked meanwhile. Default: 5 s.
    pub poll_every: Duration,
}

/// How long a device may take to show what was set, unless said otherwise.
pub(super) const SHOWN_WITHIN: Duration = Duration::from_secs(2);

impl Lines {
    /// A table of nothing.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            properties: Vec::new(),
            hears: Vec::new(),
            queries: Vec::new(),
            commands: Vec::new(),
            holds: Vec::new(),
            refresh_on: Vec::new(),
            refusals: Vec::new(),
            poll_every: None,
            wire: Wire::default(),
            timing: Timing::default(),
            misuses: Vec::new(),
        }
    }

    /// A property, and how its values are written.
    pub fn property(mut self, name: impl Into<String>, codec: impl Into<Codec>) -> Self {
        self.properties.push(LineProperty { name: name.into(), codec: codec.into(), write_only: false });
        self
    }

    /// A property that the device can be told and never says.
    pub fn write_only(mut self, name: impl Into<String>, codec: impl Into<Codec>) -> Self {
        self.properties.push(LineProperty { name: name.into(), codec: codec.into(), write_only: true });
        self
    }

    /// Everything that another table says about the device, except how lines travel and its waits: tables are put
    /// together from parts.
    pub fn and(mut self, other: Self) -> Self {
        self.properties.extend(other.properties);
        self.hears.extend(other.hears);
        self.queries.extend(other.queries);
        self.commands.extend(other.commands);
        self.holds.extend(other.holds);
        self.refresh_on.extend(other.refresh_on);
        self.refusals.extend(other.refusals);
        self.misuses.extend(other.misuses);
        self.poll_every = self.poll_every.or(other.poll_every);
        self
    }

    /// A question and its answer.
    pub fn query(self, ask: impl Into<String>, answer: impl Into<Template>) -> Self {
        self.ask(ask).or_answer(answer)
    }

    /// A question that is not answered, or whose answer is said with [`or_answer`](Self::or_answer).
    pub fn ask(mut self, ask: impl Into<String>) -> Self {
        self.queries.push(Query { ask: ask.into(), answers: Vec::new(), lines: 1, every: None, when: Vec::new() });
        self
    }

    /// Another answer that the last query may have.
    pub fn or_answer(self, answer: impl Into<Template>) -> Self {
        self.with_query("or_answer", |query| query.answers.push(answer.into()))
    }

    /// The answer to the last query is this many lines.
    pub fn in_lines(self, lines: u32) -> Self {
        self.with_query("in_lines", |query| query.lines = lines)
    }

    /// The last query is asked this often, whatever is asked how often else.
    pub fn every(self, interval: Duration) -> Self {
        self.with_query("every", |query| query.every = Some(interval))
    }

    /// The last query is asked only while the property was last heard to be this.
    pub fn when(self, property: impl Into<String>, value: impl Into<Value>) -> Self {
        self.when_any(property, [value])
    }

    /// The last query is asked only while the property was last heard to be one of these.
    pub fn when_any<V: Into<Value>>(self, property: impl Into<String>, values: impl IntoIterator<Item = V>) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        self.with_query("when", |query| query.when.push((property.into(), values)))
    }

    /// Every query is asked this often, however many commands there are.
    pub fn poll_every(mut self, interval: Duration) -> Self {
        self.poll_every = Some(interval);
        self
    }

    /// A line that the device says unasked.
    pub fn hears(mut self, template: impl Into<Template>) -> Self {
        self.hears.push(Hears::Template(template.into()));
        self
    }

    /// Lines that this regular expression matches as a whole. Its named groups are properties, written as their codecs
    /// say; a group that is not there says nothing.
    #[cfg(feature = "regex")]
    pub fn hears_re(mut self, regex: impl Into<String>) -> Self {
        self.hears.push(Hears::Regex(regex.into()));
        self
    }

    /// Lines that this function understands: the values of these properties, in their order; `null` says nothing. It must
    /// not block.
    pub fn hears_with<P: Into<String>>(
        mut self,
        properties: impl IntoIterator<Item = P>,
        read: impl Fn(&str) -> Option<Vec<Value>> + Send + Sync + 'static,
    ) -> Self {
        let properties = properties.into_iter().map(Into::into).collect();
        self.hears.push(Hears::Function(Function { properties, read: Arc::new(read) }));
        self
    }

    /// How a property is set. It counts as set when the device shows the value within 2 s.
    pub fn command(mut self, property: impl Into<String>, template: impl Into<Template>) -> Self {
        self.commands.push(Command {
            property: property.into(),
            template: template.into(),
            answer: None,
            confirm: Confirmation::ReadBack { within: SHOWN_WITHIN },
        });
        self
    }

    /// The device says this line to the last command.
    pub fn answered_by(self, answer: impl Into<Template>) -> Self {
        self.with_command("answered_by", |command| command.answer = Some(answer.into()))
    }

    /// What the last command sets may take this long to show.
    pub fn shown_within(self, within: Duration) -> Self {
        self.with_command("shown_within", |command| command.confirm = Confirmation::ReadBack { within })
    }

    /// The last command is done when the device says one of these lines.
    pub fn acknowledged_by<T: Into<Template>>(self, lines: impl IntoIterator<Item = T>) -> Self {
        let lines = lines.into_iter().map(Into::into).collect();
        self.with_command("acknowledged_by", |command| command.confirm = Confirmation::Acknowledged(lines))
    }

    /// The last command is done when it was said: nothing tells whether the device obeys.
    pub fn unconfirmed(self) -> Self {
        self.with_command("unconfirmed", |command| command.confirm = Confirmation::Said)
    }

    /// Lines with which the device says no to whatever it was told or asked.
    pub fn refused_by(mut self, line: impl Into<Template>) -> Self {
        self.refusals.push(line.into());
        self
    }

    /// The device is told nothing while this property was last heard to be one of these. It is asked meanwhile.
    pub fn hold_commands_while<V: Into<Value>>(
        mut self,
        property: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        self.holds.push(Hold {
            property: property.into(),
            values: values.into_iter().map(Into::into).collect(),
            poll_every: Duration::from_secs(5),
        });
        self
    }

    /// How often everything is asked during the last hold.
    pub fn polling_every(mut self, interval: Duration) -> Self {
        match self.holds.last_mut() {
            Some(hold) => hold.poll_every = interval,
            None => self.misuses.push("polling_every"),
        }
        self
    }

    /// Whenever this property changes, everything is asked again.
    pub fn refresh_on(mut self, property: impl Into<String>) -> Self {
        self.refresh_on.push(property.into());
        self
    }

    /// How lines travel, changed.
    pub fn wire(mut self, change: impl FnOnce(&mut Wire)) -> Self {
        change(&mut self.wire);
        self
    }

    /// Waits and patience, changed.
    pub fn timing(mut self, change: impl FnOnce(&mut Timing)) -> Self {
        change(&mut self.timing);
        self
    }

    /// Lines end with this, in both directions.
    pub fn terminator(self, terminator: &str) -> Self {
        self.terminators(terminator, terminator)
    }

    /// Lines from the device end with `heard`, lines to it with `said`.
    pub fn terminators(self, heard: &str, said: &str) -> Self {
        self.wire(|wire| {
            wire.framing = super::Framing::Terminator(heard.to_owned());
            said.clone_into(&mut wire.ending);
        })
    }

    /// The device says every line back.
    pub fn echoes(self) -> Self {
        self.wire(|wire| wire.echoes = true)
    }

    fn with_query(mut self, method: &'static str, change: impl FnOnce(&mut Query)) -> Self {
        match self.queries.last_mut() {
            Some(query) => change(query),
            None => self.misuses.push(method),
        }
        self
    }

    fn with_command(mut self, method: &'static str, change: impl FnOnce(&mut Command)) -> Self {
        match self.commands.last_mut() {
            Some(command) => change(command),
            None => self.misuses.push(method),
        }
        self
    }
}
