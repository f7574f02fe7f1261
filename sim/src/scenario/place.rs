//! Places in a text.

use core::ops::Range;

use toml::de::{DeArray, DeTable, DeValue};

use super::Complaint;

/// A place as people count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

/// Where the byte at `offset` stands.
pub(crate) fn place(text: &str, offset: usize) -> Place {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Place { line, column }
}

/// A step on the way to a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Key(&'static str),
    Index(usize),
}

/// Where the value at the end of a way stands, or as far as the way goes: the file need not say everything.
pub(super) fn value_at(doc: &DeTable<'_>, way: &[Step]) -> Range<usize> {
    let mut span = 0..0;
    let mut table: Option<&DeTable<'_>> = Some(doc);
    let mut array: Option<&DeArray<'_>> = None;
    for step in way {
        let found = match (step, table, array) {
            (Step::Key(key), Some(table), _) => table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, v)| v),
            (Step::Index(index), _, Some(array)) => array.get(*index),
            _ => None,
        };
        let Some(value) = found else { return span };
        span = value.span();
        (table, array) = match value.get_ref() {
            DeValue::Table(table) => (Some(table), None),
            DeValue::Array(array) => (None, Some(array)),
            _ => (None, None),
        };
    }
    span
}

/// Where a key of this name stands within a part of the text; else a word of this text.
pub(super) fn key_within(doc: &DeTable<'_>, word: &str, within: &Range<usize>) -> Option<Range<usize>> {
    let inside = |span: &Range<usize>| within.start <= span.start && span.end <= within.end;
    doc.iter().find_map(|(key, value)| {
        let here = key.get_ref() == word && (inside(&key.span()) || inside(&value.span()) || within.is_empty());
        if here { Some(key.span()) } else { key_in_value(value.get_ref(), word, within) }
    })
}

fn key_in_value(value: &DeValue<'_>, word: &str, within: &Range<usize>) -> Option<Range<usize>> {
    match value {
        DeValue::Table(table) => key_within(table, word, within),
        DeValue::Array(array) => array.iter().find_map(|value| key_in_value(value.get_ref(), word, within)),
        _ => None,
    }
}

/// The seed that the file names; 0 where it names none.
pub(super) fn seed(doc: &DeTable<'_>) -> Result<u64, Complaint> {
    let Some((_, value)) = doc.iter().find(|(key, _)| key.get_ref() == "seed") else { return Ok(0) };
    let number = match value.get_ref() {
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok(),
        _ => None,
    };
    number.and_then(|number| u64::try_from(number).ok()).ok_or_else(|| Complaint {
        span: value.span(),
        what: "the seed is not a number from 0 to 2^63 - 1".to_owned(),
        hint: "leave it out, and give --seed".to_owned(),
    })
}

/// The text with this seed written down: in its place, or in a line of its own at the top.
pub(super) fn with_seed(text: &str, doc: &DeTable<'_>, seed: u64) -> String {
    match doc.iter().find(|(key, _)| key.get_ref() == "seed") {
        Some((_, value)) => {
            let span = value.span();
            format!("{}{seed}{}", &text[..span.start], &text[span.end..])
        }
        None => format!("seed = {seed}\n{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_lines_and_characters() {
        let text = "a = 1\n# ü\nü = 2";
        assert_eq!(place(text, 0), Place { line: 1, column: 1 });
        assert_eq!(place(text, text.len()), Place { line: 3, column: 6 });
        assert_eq!(place(text, 9), Place { line: 2, column: 3 }, "inside a character");
        assert_eq!(place(text, 999), Place { line: 3, column: 6 });
    }
}
