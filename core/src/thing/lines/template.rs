//! Templates: lines with fields in them, which read and write.

use std::sync::Arc;

use serde_json::Value;

use super::codec::Codec;
use crate::thing::{PropertyId, Unfit};

/// A line with fields: `"P1S{input}V{volume}D{_}"`. The same template reads a line and writes one.
///
/// `{name}` is a property, written as its codec says; `{_}` is anything, and nothing that matters. `{{` and `}}` are
/// braces. A template is always a whole line. A text of no fixed form ends where what follows it in the template is
/// found first; before the last piece of the template, where it is found last.
#[derive(Debug, Clone)]
#[non_exhaustive]
#[must_use]
pub struct Template {
    /// The template.
    pub text: String,
    /// Properties that are written in another way here than elsewhere.
    pub codecs: Vec<(String, Codec)>,
    /// Whether it is understood only as the answer to the question that it belongs to. For devices whose answers do not
    /// say what they are about.
    pub when_asked: bool,
}

/// A template that needs more than its text.
pub fn template(text: impl Into<String>) -> Template {
    Template { text: text.into(), codecs: Vec::new(), when_asked: false }
}

impl Template {
    /// The property is written in another way in this template.
    pub fn with(mut self, property: impl Into<String>, codec: impl Into<Codec>) -> Self {
        self.codecs.push((property.into(), codec.into()));
        self
    }

    /// Understood only as the answer to the question that it belongs to.
    pub fn when_asked(mut self) -> Self {
        self.when_asked = true;
        self
    }
}

impl<T: Into<String>> From<T> for Template {
    fn from(text: T) -> Self {
        template(text)
    }
}

/// A piece of a template as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part<'a> {
    Text(String),
    Field(&'a str),
}

/// Cuts a template into its pieces. The error says at which character, counted from 1.
pub(super) fn parts(text: &str) -> Result<Vec<Part<'_>>, (usize, String)> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        literal.push_str(&rest[..at]);
        let column = text[..text.len() - rest.len() + at].chars().count() + 1;
        let tail = &rest[at..];
        if let Some(after) = tail.strip_prefix("{{").or_else(|| tail.strip_prefix("}}")) {
            literal.push_str(&tail[..1]);
            rest = after;
            continue;
        }
        let Some(inside) = tail.strip_prefix('{') else {
            return Err((column, "a `}` that closes nothing; a brace itself is written `}}`".to_owned()));
        };
        let Some(end) = inside.find(['{', '}']).filter(|&end| inside[end..].starts_with('}')) else {
            return Err((column, "a `{` that is not closed; a brace itself is written `{{`".to_owned()));
        };
        if end == 0 {
            return Err((column, "a field without a name; what does not matter is `{_}`".to_owned()));
        }
        if !literal.is_empty() {
            parts.push(Part::Text(core::mem::take(&mut literal)));
        }
        parts.push(Part::Field(&inside[..end]));
        rest = &inside[end + 1..];
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(Part::Text(literal));
    }
    Ok(parts)
}

/// A template whose fields are known.
#[derive(Debug, Clone)]
pub struct Pattern {
    pub(super) source: String,
    pub(super) pieces: Vec<Piece>,
}

#[derive(Debug, Clone)]
pub(super) enum Piece {
    Text(String),
    Field(PropertyId, Arc<Codec>),
    Skip,
}

impl Piece {
    /// Whether the end of its text is found in what follows it only.
    pub(super) fn is_unbounded(&self) -> bool {
        match self {
            Self::Text(_) => false,
            Self::Field(_, codec) => !codec.is_bounded(),
            Self::Skip => true,
        }
    }
}

impl Pattern {
    /// The template as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The properties that it is about.
    pub fn properties(&self) -> impl Iterator<Item = PropertyId> + '_ {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Field(property, _) => Some(*property),
            Piece::Text(_) | Piece::Skip => None,
        })
    }

    /// Reads a line: appends what it says, or nothing when it is no such line. Takes time in proportion to the line.
    pub fn read(&self, line: &str, heard: &mut Vec<(PropertyId, Value)>) -> bool {
        let before = heard.len();
        let read = self.read_pieces(line, heard).is_some();
        if !read {
            heard.truncate(before);
        }
        read
    }

    fn read_pieces(&self, line: &str, heard: &mut Vec<(PropertyId, Value)>) -> Option<()> {
        let mut rest = line;
        for (place, piece) in self.pieces.iter().enumerate() {
            match piece {
                Piece::Text(text) => rest = rest.strip_prefix(text.as_str())?,
                Piece::Field(property, codec) => {
                    let len = if codec.is_bounded() { codec.len_at(rest)? } else { self.len_before(place + 1, rest)? };
                    let (text, after) = rest.split_at_checked(len)?;
                    heard.push((*property, codec.parse(text)?));
                    rest = after;
                }
                Piece::Skip => rest = rest.get(self.len_before(place + 1, rest)?..)?,
            }
        }
        rest.is_empty().then_some(())
    }

    /// How much of `rest` comes before the piece at this place.
    fn len_before(&self, place: usize, rest: &str) -> Option<usize> {
        match self.pieces.get(place) {
            None => Some(rest.len()),
            Some(Piece::Text(text)) if place + 1 == self.pieces.len() => rest.strip_suffix(text.as_str()).map(str::len),
            Some(Piece::Text(text)) => rest.find(text.as_str()),
            // Refused when the table is built.
            Some(Piece::Field(..) | Piece::Skip) => None,
        }
    }

    /// Appends the line that says these values, with `0` for `{_}`. Each field's own text is shown to `guard` first, which may refuse it.
    pub fn write<'v>(
        &self,
        value: impl Fn(PropertyId) -> Result<&'v Value, Unfit>,
        guard: impl Fn(&str) -> Result<(), Unfit>,
        out: &mut String,
    ) -> Result<(), Unfit> {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Field(property, codec) => {
                    let start = out.len();
                    codec.format(value(*property)?, out)?;
                    guard(&out[start..])?;
                }
                Piece::Skip => out.push('0'),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_cut_into_text_and_fields() {
        let text = |text: &str| Part::Text(text.to_owned());
        assert_eq!(parts("P{a}{_}é{{x}}"), Ok(vec![text("P"), Part::Field("a"), Part::Field("_"), text("é{x}")]));
        assert_eq!(parts(""), Ok(Vec::new()));
    }

    #[test]
    fn a_slip_in_a_template_is_shown_by_its_column() {
        for (template, column) in [("é}", 2), ("{a", 1), ("ab{c{d}", 3), ("x{}", 2), ("{a}}", 4)] {
            assert_eq!(parts(template).unwrap_err().0, column, "{template}");
        }
    }
}
