//! Things as TOML files: devices need no program.
//!
//! ```toml
//! thing = "relay-one"
//! name = "relay"
//! port = { serial = "/dev/serial/by-id/usb-relay", baud = 9600 }
//! poll_every_ms = 5000
//!
//! [properties.relayState]
//! words = { ON = true, OFF = false }
//!
//! [[queries]]
//! ask = "RELAY?"
//! answers = ["RELAY{relayState}"]
//!
//! [[commands]]
//! property = "relayState"
//! say = "RELAY{relayState}"
//! ```
//!
//! One file is one thing. With several devices, each is a table of its own in `[[components]]`, and its lists are
//! `[[components.queries]]` and so on. What properties are to behave like is in `[policies.NAME]`.

mod entries;
mod mistake;
mod ordered;
mod table;
mod whole;

use core::ops::Range;
use core::time::Duration;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, Deserializer, Error};

pub use self::mistake::{FileMistake, FileMistakes};
use self::table::{Spans, Table};
use self::whole::Head;
use super::lines::{LineComponent, Lines, Mistakes};
use super::{BuildError, Policy, Port, Thing, ThingBuilder};

/// A thing as a file says it.
///
/// ```
/// use thingwire_core::thing::file::ThingFile;
///
/// let file = ThingFile::parse(r#"
///     thing = "relay-one"
///     name = "relay"
///
///     [properties.relayState]
///     words = { ON = true, OFF = false }
///
///     [[queries]]
///     ask = "RELAY?"
///     answers = ["RELAY{relayState}"]
/// "#)?;
/// let thing = file.builder()?.build(4711)?;
/// # let _ = thing;
///
/// let mistakes = ThingFile::parse("name = 'relay'\nspeed = 9600").unwrap_err();
/// assert_eq!((mistakes.0[0].line, mistakes.0[0].column), (2, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ThingFile {
    /// The name of the thing in AWS IoT, if the file says it.
    pub thing: Option<String>,
    /// Its named shadow; none: the classic one.
    pub shadow: Option<String>,
    /// Its devices, at least one.
    pub components: Vec<FileComponent>,
    /// The properties that do not behave as by default.
    pub policies: Vec<(String, Policy)>,
    /// Whether `desired` is never written.
    pub never_write_desired: bool,
    /// How long changes are collected.
    pub batch: Option<Duration>,
    /// How often the shadow is read in any case.
    pub read_every: Option<Duration>,
}

/// A device of a thing.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FileComponent {
    /// What it speaks. Its name is the component's.
    pub lines: Lines,
    /// Where it is, if the file says it.
    pub port: Option<Port>,
}

/// Where a thing is told what is wrong, and what.
type Wrong<'a> = dyn FnMut(Range<usize>, String) + 'a;

impl ThingFile {
    /// The thing in a file, checked: [`builder`](Self::builder) makes one that can be built. Or all that is wrong with
    /// it, in the order of the file.
    pub fn parse(source: &str) -> Result<Self, FileMistakes> {
        let mut mistakes = Vec::new();
        let parsed = Parsed::of(source);
        let file = match parsed {
            Ok(parsed) => {
                Some(parsed.check(&mut |span, problem| mistakes.push(FileMistake::at(source, &span, &problem))))
            }
            Err(error) => {
                let problem = error.message().lines().collect::<Vec<_>>().join(", ");
                mistakes.push(FileMistake::at(source, &error.span().unwrap_or(0..0), &problem));
                None
            }
        };
        mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
        file.filter(|_| mistakes.is_empty()).ok_or(FileMistakes(mistakes))
    }

    /// What puts the thing together; rules, derived properties and memory can be added.
    pub fn builder(&self) -> Result<ThingBuilder, Mistakes> {
        let mut builder = Thing::builder();
        for component in &self.components {
            let built: LineComponent = component.lines.build()?;
            builder = builder.component(component.lines.name.clone(), built);
        }
        for (property, policy) in &self.policies {
            builder = builder.policy(property.clone(), policy.clone());
        }
        if self.never_write_desired {
            builder = builder.never_write_desired();
        }
        builder = self.batch.into_iter().fold(builder, ThingBuilder::batch);
        Ok(self.read_every.into_iter().fold(builder, ThingBuilder::read_every))
    }
}

/// The file as TOML.
struct Parsed {
    head: Head,
    tables: Vec<Spanned<Table>>,
}

impl Parsed {
    fn of(source: &str) -> Result<Self, Error> {
        let doc = DeTable::parse(source)?;
        let (span, mut body) = (doc.span(), doc.into_inner());
        // What is said of the whole thing stands beside what is said of its only device.
        let is_alone = !body.contains_key("components");
        let mut head = DeTable::new();
        for key in if is_alone { Head::KEYS } else { &[] } {
            head.extend(body.remove_entry(*key));
        }
        let whole = |table| Deserializer::from(Spanned::new(span.clone(), table));
        if is_alone {
            let (head, table) = (Head::deserialize(whole(head))?, Table::deserialize(whole(body))?);
            return Ok(Self { head, tables: vec![Spanned::new(span, table)] });
        }
        let mut head = Head::deserialize(whole(body))?;
        let tables = head.components.take().unwrap_or_default();
        Ok(Self { head, tables })
    }

    fn check(self, wrong: &mut Wrong<'_>) -> ThingFile {
        let Self { head, tables } = self;
        if tables.is_empty() {
            wrong(0..0, "a thing has at least one component".to_owned());
        }
        let policies = head.policy_spans();
        let mut file = head.apply(wrong);
        let (mut names, mut properties, mut sound) = (Vec::<String>::new(), Vec::new(), true);
        for table in tables {
            let table = table.into_inner();
            let spans = Spans::of(&table);
            let name = table.name.get_ref().clone();
            if names.contains(&name) {
                wrong(table.name.span(), format!("there is another component {name:?} already: rename one"));
            }
            names.push(name);
            let mut is_read = true;
            let component = table.component(&mut |span, problem| {
                is_read = false;
                wrong(span, problem);
            });
            let mistakes = if is_read { component.lines.check() } else { Vec::new() };
            for mistake in mistakes {
                wrong(spans.of_place(mistake.place), mistake.to_string());
            }
            sound &= is_read;
            let own = component.lines.properties.iter().map(|property| property.name.clone());
            properties.extend(own.zip(spans.properties().iter().cloned()));
            file.components.push(component);
        }
        if sound {
            // Of tables with mistakes there is no builder.
            if let Some(error) = file.builder().ok().and_then(|builder| builder.build(0).err()) {
                let span = span_of(&error, &policies, &properties);
                wrong(span, error.to_string());
            }
        }
        file
    }
}

/// Where in the file something is that keeps the whole from being built.
fn span_of(
    error: &BuildError,
    policies: &[(String, Range<usize>)],
    properties: &[(String, Range<usize>)],
) -> Range<usize> {
    let (name, places) = match error {
        BuildError::BadName { name, .. } | BuildError::TwoOwners { name, .. } => (name, properties),
        BuildError::NoSuchProperty { name, .. } | BuildError::ReadOnly { name } | BuildError::Unfit { name, .. } => {
            (name, policies)
        }
    };
    // Of two owners, the later one is in the way.
    places.iter().rev().find(|(known, _)| known == name).map_or(0..0, |(_, span)| span.clone())
}
