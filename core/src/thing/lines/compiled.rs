//! A table that was checked: it reads lines and makes them.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use serde_json::Value;

use super::codec::Codec;
use super::front::{Asked, Front, Meaning, Orders, Question};
use super::reader::Reader;
use super::template::{Pattern, Piece};
use super::wire::{Timing, Wire};
use crate::thing::value::same;
use crate::thing::{Property, PropertyId, Unfit};

/// A table that was checked. What plays a device, describes it or draws it is made from this.
pub struct Compiled {
    pub(super) name: String,
    pub(super) properties: Vec<Property>,
    pub(super) codecs: Vec<Arc<Codec>>,
    pub(super) readers: Vec<Reader>,
    pub(super) questions: Vec<Question>,
    /// By question: the readers of its answers, and when it is asked at all.
    pub(super) asking: Vec<(Vec<usize>, Conditions)>,
    /// By property.
    pub(super) commands: Vec<Option<CompiledCommand>>,
    pub(super) refusals: Vec<Pattern>,
    pub(super) holds: Vec<(PropertyId, Vec<Value>, Duration)>,
    pub(super) refresh: Vec<bool>,
    pub(super) wire: Wire,
    pub(super) timing: Timing,
}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let properties = self.properties.iter().map(|property| &property.name);
        write!(f, "Compiled({:?} with ", self.name)?;
        f.debug_list().entries(properties).finish()?;
        f.write_str(")")
    }
}

/// Properties, each with the values of which it must have one.
pub(super) type Conditions = Vec<(PropertyId, Vec<Value>)>;

pub(super) struct CompiledCommand {
    pub(super) pattern: Pattern,
    pub(super) orders: Orders,
    /// The reader of the line that answers it.
    pub(super) answer: Option<usize>,
    pub(super) acknowledgements: Vec<Pattern>,
}

impl Compiled {
    /// What the device is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its properties.
    pub fn properties(&self) -> &[Property] {
        &self.properties
    }

    /// How a property's values are written.
    pub fn codec(&self, property: PropertyId) -> Option<&Codec> {
        self.codecs.get(property.0).map(|codec| &**codec)
    }

    /// How lines travel.
    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    /// The questions, each with the templates of its answers, and how many lines one answer has.
    pub fn queries(&self) -> impl Iterator<Item = (&str, Vec<&Pattern>, usize)> {
        self.questions.iter().zip(&self.asking).map(|(question, (readers, _))| {
            let answers = readers.iter().filter_map(|&reader| self.readers[reader].pattern()).collect();
            (question.line.as_str(), answers, usize::try_from(question.awaits).unwrap_or(usize::MAX))
        })
    }

    /// The template of the command that sets a property.
    pub fn command(&self, property: PropertyId) -> Option<&Pattern> {
        Some(&self.commands.get(property.0)?.as_ref()?.pattern)
    }

    /// What the device says to the command that sets a property: first any answer, then an acknowledgement.
    pub fn replies(&self, property: PropertyId) -> impl Iterator<Item = &Pattern> {
        let command = self.commands.get(property.0).and_then(Option::as_ref);
        let answer = command.and_then(|command| self.readers[command.answer?].pattern());
        answer.into_iter().chain(command.into_iter().flat_map(|command| &command.acknowledgements))
    }

    /// The templates of lines that are heard at any time.
    pub fn heard(&self) -> impl Iterator<Item = &Pattern> {
        self.readers.iter().filter(|reader| reader.always).filter_map(Reader::pattern)
    }

    /// The templates of lines with which the device says no.
    pub fn refusals(&self) -> &[Pattern] {
        &self.refusals
    }

    fn answers(&self, asked: Option<Asked>) -> &[usize] {
        match asked {
            Some(Asked::Question(question)) => &self.asking[question].0,
            Some(Asked::Command(property, _)) => {
                self.commands[property.0].as_ref().map_or(&[], |command| command.answer.as_slice())
            }
            None => &[],
        }
    }

    /// The line that sets a property, with what others are known to be.
    fn line(
        &self,
        property: PropertyId,
        value: &Value,
        other: impl Fn(PropertyId) -> Option<Value>,
    ) -> Result<String, Unfit> {
        let command = self.commands.get(property.0).and_then(Option::as_ref);
        let pattern = match command {
            Some(command) if !value.is_null() => &command.pattern,
            Some(_) => return Err(Unfit("null is no value".to_owned())),
            None => return Err(Unfit("it cannot be set".to_owned())),
        };
        let others: Vec<_> = pattern.properties().map(|id| (id, other(id))).collect();
        let known = |id: PropertyId| {
            if id == property {
                return Ok(value);
            }
            let found = others.iter().find_map(|(other, value)| if *other == id { value.as_ref() } else { None });
            let name = &self.properties[id.0].name;
            found.ok_or_else(|| Unfit(format!("it is said together with {name:?}, which is not known yet")))
        };
        let mut line = String::new();
        pattern.write(known, |field| self.wire.guard(field), &mut line)?;
        reads_back(pattern, &line, known)?;
        self.wire.encode(&line)?;
        Ok(line)
    }
}

/// A field may hold what surrounds it in the template, and then is another command than the one that was meant.
fn reads_back<'v>(
    pattern: &Pattern,
    line: &str,
    value: impl Fn(PropertyId) -> Result<&'v Value, Unfit>,
) -> Result<(), Unfit> {
    // A function of somebody's own may well go one way only.
    if pattern.pieces.iter().any(|piece| matches!(piece, Piece::Field(_, codec) if matches!(**codec, Codec::Custom(_))))
    {
        return Ok(());
    }
    let mut heard = Vec::new();
    pattern.read(line, &mut heard);
    for piece in &pattern.pieces {
        let Piece::Field(property, codec) = piece else { continue };
        let meant = value(*property)?;
        if !heard.iter().any(|(id, said)| id == property && written_alike(codec, said, meant)) {
            return Err(Unfit("in the line that says it, the device could not tell where it ends".to_owned()));
        }
    }
    Ok(())
}

impl Front for Compiled {
    fn properties(&self) -> &[Property] {
        &self.properties
    }

    fn wire(&self) -> &Wire {
        &self.wire
    }

    fn timing(&self) -> &Timing {
        &self.timing
    }

    fn questions(&self) -> &[Question] {
        &self.questions
    }

    fn asks(&self, question: usize, known: &[Option<Value>]) -> bool {
        self.asking[question].1.iter().all(|(property, values)| is_one_of(known, *property, values))
    }

    fn orders(&self, property: PropertyId) -> Option<&Orders> {
        Some(&self.commands.get(property.0)?.as_ref()?.orders)
    }

    fn read(&mut self, line: &str, asked: Option<Asked>, heard: &mut Vec<(PropertyId, Value)>) -> Meaning {
        let answers = self.answers(asked);
        if let Some(reader) = self.readers.iter().position(|reader| reader.always && reader.read(line, heard)) {
            return Meaning::Heard { answers: answers.contains(&reader) };
        }
        if self.refusals.iter().any(|refusal| refusal.read(line, heard)) {
            return Meaning::Refused;
        }
        for (property, command) in self.commands.iter().enumerate() {
            let acknowledgements = command.iter().flat_map(|command| &command.acknowledgements);
            if acknowledgements.into_iter().any(|yes| yes.read(line, heard)) {
                let meant = |asked| matches!(asked, Asked::Command(told, _) if told.0 == property);
                if asked.is_none_or(meant) {
                    return Meaning::Agreed;
                }
            }
        }
        let only_asked = answers.iter().map(|&reader| &self.readers[reader]).filter(|reader| !reader.always);
        if only_asked.into_iter().any(|reader| reader.read(line, heard)) {
            return Meaning::Heard { answers: true };
        }
        Meaning::Unknown
    }

    fn check(&self, property: PropertyId, value: &Value) -> Result<(), Unfit> {
        // What the others are is not known here. Any value of theirs does; a function's values are not known either.
        let pattern = self.command(property);
        let mut others = pattern.into_iter().flat_map(Pattern::properties).filter(|id| *id != property);
        if others.any(|id| self.codecs[id.0].samples().is_empty()) {
            let mut field = String::new();
            self.codecs[property.0].format(value, &mut field)?;
            return self.wire.guard(&field);
        }
        self.line(property, value, |id| self.codecs[id.0].samples().into_iter().next()).map(drop)
    }

    fn say(&self, property: PropertyId, value: &Value, known: &[Option<Value>]) -> Result<String, Unfit> {
        self.line(property, value, |id| known[id.0].clone())
    }

    fn same(&self, property: PropertyId, one: &Value, other: &Value) -> bool {
        let Some(codec) = self.codecs.get(property.0) else { return false };
        if same(one, other) || written_alike(codec, one, other) {
            return true;
        }
        let command = self.commands[property.0].as_ref();
        let said = command.and_then(|command| {
            command.pattern.pieces.iter().find_map(|piece| match piece {
                Piece::Field(id, codec) if *id == property => Some(codec),
                Piece::Field(..) | Piece::Text(_) | Piece::Skip => None,
            })
        });
        said.is_some_and(|codec| written_alike(codec, one, other))
    }

    fn holds(&self, known: &[Option<Value>]) -> Option<Duration> {
        let holds = self.holds.iter().filter(|(property, values, _)| is_one_of(known, *property, values));
        holds.map(|(_, _, poll_every)| *poll_every).min()
    }

    fn refreshes(&self, property: PropertyId) -> bool {
        self.refresh[property.0]
    }

    fn restart(&mut self) {}
}

fn is_one_of(known: &[Option<Value>], property: PropertyId, values: &[Value]) -> bool {
    known[property.0].as_ref().is_some_and(|known| values.iter().any(|value| same(value, known)))
}

fn written_alike(codec: &Codec, one: &Value, other: &Value) -> bool {
    let written = |value| {
        let mut text = String::new();
        codec.format(value, &mut text).ok().map(|()| text)
    };
    written(one).is_some_and(|one| written(other) == Some(one))
}
