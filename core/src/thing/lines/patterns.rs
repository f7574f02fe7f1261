//! Makes patterns of templates, and says what is wrong with them.

use std::sync::Arc;

use serde_json::Value;

use super::build::Builder;
use super::mistake::{Mistake, Place};
use super::template::{Part, Pattern, Piece, Template, parts};
use super::wire::Framing;
use crate::thing::PropertyId;
use crate::thing::value::same;

/// Who says a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The device.
    Heard,
    /// The component.
    Said,
}

impl Builder<'_> {
    /// The pattern of a template, unless it cannot be one.
    pub(super) fn pattern(&mut self, place: Place, template: &Template, side: Side) -> Option<Pattern> {
        let source = template.text.as_str();
        let parts = match parts(source) {
            Ok(parts) => parts,
            Err((column, problem)) => {
                self.mistakes.push(Mistake { place, subject: source.to_owned(), column: Some(column), problem });
                return None;
            }
        };
        let before = self.mistakes.len();
        let mut pieces = Vec::with_capacity(parts.len());
        for part in &parts {
            match part {
                Part::Text(text) => pieces.push(Piece::Text(text.clone())),
                Part::Field("_") if side == Side::Said => {
                    self.mistake(place, source, "a command cannot leave anything open with `{_}`");
                }
                Part::Field("_") => pieces.push(Piece::Skip),
                Part::Field(name) => pieces.extend(self.field(place, template, name)),
            }
        }
        let pattern = Pattern { source: source.to_owned(), pieces };
        self.own_codecs(place, template, &parts);
        self.literals(place, &pattern, side);
        self.shape(place, &pattern);
        let is_sound = |piece: &Piece| !matches!(piece, Piece::Field(_, codec) if codec.mistake().is_some());
        if self.mistakes.len() == before && pattern.pieces.iter().all(is_sound) {
            self.reads_what_it_writes(place, &pattern);
        }
        (self.mistakes.len() == before).then_some(pattern)
    }

    /// A pattern that is about no property.
    pub(super) fn wordless(&mut self, place: Place, template: &Template, instead: &str) -> Option<Pattern> {
        let pattern = self.pattern(place, template, Side::Heard)?;
        let about = pattern.properties().next();
        if about.is_some() {
            self.mistake(place, &template.text, format!("the line tells about a property: {instead}"));
        }
        about.is_none().then_some(pattern)
    }

    /// A line that is said as it is.
    pub(super) fn plain_line(&mut self, place: Place, line: &str) {
        self.text(place, line, line, Side::Said);
        let wire = &self.lines.wire;
        if line.len() > wire.line_max {
            self.mistake(place, line, format!("it is longer than `line_max`, {} bytes", wire.line_max));
        }
    }

    fn field(&mut self, place: Place, template: &Template, name: &str) -> Option<Piece> {
        let property = self.named(place, &template.text, name)?;
        let own = template.codecs.iter().find(|(own, _)| own == name);
        let codec = own.map_or_else(|| Arc::clone(&self.codecs[property.0]), |(_, codec)| Arc::new(codec.clone()));
        Some(Piece::Field(property, codec))
    }

    fn own_codecs(&mut self, place: Place, template: &Template, parts: &[Part<'_>]) {
        for (name, codec) in &template.codecs {
            if !parts.contains(&Part::Field(name)) {
                self.mistake(
                    place,
                    &template.text,
                    format!("`with` tells how {name:?} is written, which is not in it"),
                );
            }
            if let Some(problem) = codec.mistake() {
                self.mistake(place, &template.text, format!("{name:?}: {problem}"));
            }
        }
    }

    fn literals(&mut self, place: Place, pattern: &Pattern, side: Side) {
        for piece in &pattern.pieces {
            if let Piece::Text(text) = piece {
                self.text(place, &pattern.source, text, side);
            }
        }
        let empty = pattern.pieces.is_empty();
        if empty && (side == Side::Said || !matches!(self.lines.wire.framing, Framing::Terminator(_))) {
            self.mistake(place, &pattern.source, "an empty line is nothing here");
        }
    }

    /// Text that is in a line must be able to be.
    fn text(&mut self, place: Place, subject: &str, text: &str, side: Side) {
        let wire = &self.lines.wire;
        let end = match (side, &wire.framing) {
            (Side::Said, _) => Some(wire.ending.as_str()),
            (Side::Heard, Framing::Terminator(terminator)) => Some(terminator.as_str()),
            (Side::Heard, Framing::Newline) => ["\r", "\n"].into_iter().find(|end| text.contains(end)),
            (Side::Heard, Framing::Length(_) | Framing::IdleGap(_)) => None,
        };
        if let Some(end) = end.filter(|end| !end.is_empty() && text.contains(end)) {
            self.mistake(place, subject, format!("it contains {end:?}, which ends a line and is never part of one"));
        }
        if let Err(character) = wire.encoding.encode(text, &mut Vec::new()) {
            self.mistake(place, subject, format!("{character:?} is not in ISO 8859-1"));
        }
    }

    fn shape(&mut self, place: Place, pattern: &Pattern) {
        for (piece, next) in pattern.pieces.iter().zip(pattern.pieces.iter().skip(1)) {
            if piece.is_unbounded() && !matches!(next, Piece::Text(_)) {
                let problem = "two fields touch, and nothing tells where the first one ends: put text between them";
                self.mistake(place, &pattern.source, problem);
            }
        }
        let mut seen = Vec::new();
        for property in pattern.properties() {
            if seen.contains(&property) {
                let name = &self.lines.properties[property.0].name;
                self.mistake(place, &pattern.source, format!("{name:?} is in it twice"));
            }
            seen.push(property);
        }
    }

    /// What the template writes, it must read; where a field runs into what follows it, it does not.
    fn reads_what_it_writes(&mut self, place: Place, pattern: &Pattern) {
        for line in sample_lines(pattern).into_iter().chain(neighbour_lines(pattern)) {
            let mut heard = Vec::new();
            let read = pattern.read(&line.text, &mut heard);
            let same = |(property, value): &(PropertyId, Value)| {
                heard.iter().any(|(id, said)| id == property && same(said, value))
            };
            if !read || !line.values.iter().all(same) {
                let text = line.text;
                let problem =
                    format!("{text:?}, which it writes, cannot be read back: a field runs into what follows it");
                return self.mistake(place, &pattern.source, problem);
            }
        }
    }
}

/// A line that a pattern writes, and what it says.
pub(super) struct Sample {
    pub(super) text: String,
    values: Vec<(PropertyId, Value)>,
}

/// Lines that a pattern writes: each field takes each of its samples once, beside the first samples of the others. None
/// where a field has no samples.
pub(super) fn sample_lines(pattern: &Pattern) -> Vec<Sample> {
    let fields = fields(pattern);
    let most = fields.iter().map(|(_, samples)| samples.len()).max().unwrap_or(1);
    let turns = (0..fields.len().max(1)).flat_map(|field| (0..most).map(move |turn| (field, turn)));
    turns.filter_map(|(field, turn)| sample_line(pattern, &fields, |at| if at == field { turn } else { 0 })).collect()
}

/// Lines in which two fields that follow each other take all of their samples, each with each: where one ends and the
/// next begins may depend on both.
fn neighbour_lines(pattern: &Pattern) -> Vec<Sample> {
    let fields = fields(pattern);
    let pairs = fields.windows(2).enumerate().flat_map(|(first, pair)| {
        let [one, other] = [&pair[0], &pair[1]].map(|(_, samples)| samples.len());
        (0..one).flat_map(move |turn| (0..other).map(move |beside| (first, turn, beside)))
    });
    let lines = pairs.filter_map(|(first, turn, beside)| {
        let chosen = |at| if at == first { turn } else { beside * usize::from(at == first + 1) };
        sample_line(pattern, &fields, chosen)
    });
    lines.collect()
}

/// The fields of a pattern, each with its samples.
fn fields(pattern: &Pattern) -> Vec<(PropertyId, Vec<Value>)> {
    let fields = pattern.pieces.iter().filter_map(|piece| match piece {
        Piece::Field(property, codec) => Some((*property, codec.samples())),
        Piece::Text(_) | Piece::Skip => None,
    });
    fields.collect()
}

/// The line in which each field takes the sample that is `chosen` for it, counted round; none where one has no samples.
fn sample_line(
    pattern: &Pattern,
    fields: &[(PropertyId, Vec<Value>)],
    chosen: impl Fn(usize) -> usize,
) -> Option<Sample> {
    let value = |(at, (id, samples)): (usize, &(PropertyId, Vec<Value>))| {
        Some((*id, samples.get(chosen(at).checked_rem(samples.len())?)?.clone()))
    };
    let values: Vec<_> = fields.iter().enumerate().map(value).collect::<Option<_>>()?;
    let mut text = String::new();
    let find = |id: PropertyId| {
        let found = values.iter().find(|(property, _)| *property == id);
        found.map(|(_, value)| value).ok_or_else(|| crate::thing::Unfit(String::new()))
    };
    pattern.write(find, |_| Ok(()), &mut text).ok()?;
    Some(Sample { text, values })
}
