//! Ranges and choices in the text of a scenario, and the values drawn for them.

use core::ops::Range;
use core::time::Duration;

use toml::de::{DeTable, DeValue};

use super::Complaint;
use crate::choices::{Choices, Site};
use crate::plan::Span;

/// Keys whose values are words of their own, whatever they look like.
const VERBATIM: [&str; 6] = ["name", "topic", "filter", "filters", "deny-publish", "deny-subscribe"];

/// A text in which everything is drawn.
#[derive(Debug)]
pub(super) struct Rolled {
    pub text: String,
    /// How many values were drawn.
    pub drawn: usize,
    /// What was put where: the place in the source, and what it became.
    cuts: Vec<(Range<usize>, String)>,
}

impl Rolled {
    /// The place in the source of a place in the rolled text.
    pub(super) fn origin(&self, offset: usize) -> usize {
        let (mut source, mut rolled) = (0, 0);
        for (span, value) in &self.cuts {
            let begins = rolled + (span.start - source);
            if offset < begins {
                break;
            }
            if offset < begins + value.len() {
                return span.start;
            }
            (source, rolled) = (span.end, begins + value.len());
        }
        source + (offset - rolled)
    }
}

/// Draws a value for every range and choice, in the order of the text.
pub(super) fn roll(text: &str, doc: &DeTable<'_>, choices: &mut dyn Choices) -> Result<Rolled, Complaint> {
    let mut found = Vec::new();
    strings(doc, &mut found);
    found.sort_by_key(|(span, _)| span.start);
    let mut rolled = Rolled { text: String::with_capacity(text.len()), drawn: found.len(), cuts: Vec::new() };
    let mut copied = 0;
    for (span, pattern) in found {
        let value = draw(&pattern, choices).map_err(|(what, hint)| Complaint { span: span.clone(), what, hint })?;
        rolled.text.push_str(&text[copied..span.start]);
        rolled.text.push_str(&value);
        copied = span.end;
        rolled.cuts.push((span, value));
    }
    rolled.text.push_str(&text[copied..]);
    Ok(rolled)
}

/// The strings with something to draw.
fn strings(table: &DeTable<'_>, found: &mut Vec<(Range<usize>, String)>) {
    for (key, value) in table {
        if !VERBATIM.contains(&key.get_ref().as_ref()) {
            strings_in(value.get_ref(), value.span(), found);
        }
    }
}

fn strings_in(value: &DeValue<'_>, span: Range<usize>, found: &mut Vec<(Range<usize>, String)>) {
    match value {
        DeValue::String(text) if text.contains('|') || text.contains("..") => found.push((span, text.to_string())),
        DeValue::Array(array) => array.iter().for_each(|value| strings_in(value.get_ref(), value.span(), found)),
        DeValue::Table(table) => strings(table, found),
        _ => {}
    }
}

/// What is wrong, and what to do.
type Wrong = (String, String);

/// One of the things that a choice is made from.
#[derive(Debug, Clone, PartialEq)]
enum Side {
    /// A number or a truth value, which stands without quotes.
    Bare(String),
    Word(String),
    Integers(i64, i64),
    Floats(f64, f64),
    Spans(Span, Span),
}

fn draw(pattern: &str, choices: &mut dyn Choices) -> Result<String, Wrong> {
    let sides = pattern.split('|').map(|side| self::side(pattern, side.trim())).collect::<Result<Vec<_>, _>>()?;
    let mut below = |n: u64| choices.below(0, Site::Scenario, n);
    let chosen = if sides.len() == 1 { 0 } else { below(sides.len() as u64) };
    let side = sides.into_iter().nth(usize::try_from(chosen).unwrap_or(0)).unwrap_or(Side::Word(String::new()));
    Ok(match side {
        Side::Bare(text) => text,
        Side::Word(text) => quoted(&text),
        Side::Integers(low, high) => {
            // The width of any two i64 fits a u64; one more may not.
            let drawn = below(high.abs_diff(low).saturating_add(1));
            low.saturating_add_unsigned(drawn).to_string()
        }
        Side::Floats(low, high) => {
            let share = Duration::from_micros(below(1_000_001)).as_secs_f64();
            float(low, high, low + (high - low) * share)
        }
        Side::Spans(low, high) => quoted(&span(low, high, below).to_string()),
    })
}

/// A number as round as can be within its range.
fn float(low: f64, high: f64, drawn: f64) -> String {
    let round = format!("{drawn:.3}");
    let fits = high - low >= 0.05 && round.parse().is_ok_and(|round: f64| low <= round && round <= high);
    if fits { round } else { format!("{:?}", drawn.clamp(low, high)) }
}

/// A span in `low..=high`, as round as can be with at least a hundred to choose from.
fn span(low: Span, high: Span, mut below: impl FnMut(u64) -> u64) -> Span {
    let micros = |span: Span| u64::try_from(span.0.as_micros()).unwrap_or(u64::MAX);
    let width = micros(high) - micros(low);
    let mut step = 1;
    while step < 60_000_000 && width / (step * 10) >= 100 {
        step *= 10;
    }
    let drawn = below(width / step + 1) * step;
    Span(low.0 + Duration::from_micros(drawn))
}

fn side(pattern: &str, text: &str) -> Result<Side, Wrong> {
    if text.is_empty() {
        let hint = "write something on both sides of every |, as in \"full|none\"";
        return Err((format!("{pattern:?} has an empty alternative"), hint.to_owned()));
    }
    let Some((low, high)) = text.split_once("..") else {
        let bare = text.parse::<i64>().is_ok() || text.parse::<f64>().is_ok() || text.parse::<bool>().is_ok();
        return Ok(if bare { Side::Bare(text.to_owned()) } else { Side::Word(text.to_owned()) });
    };
    range(text, low.trim(), high.trim())
}

fn range(text: &str, low: &str, high: &str) -> Result<Side, Wrong> {
    let backwards = || (format!("the range {text:?} begins above its end"), format!("write {high}..{low}"));
    if let (Ok(low), Ok(high)) = (low.parse::<i64>(), high.parse::<i64>()) {
        return if low <= high { Ok(Side::Integers(low, high)) } else { Err(backwards()) };
    }
    if let (Ok(low), Ok(high)) = (low.parse::<f64>(), high.parse::<f64>()) {
        return match low.partial_cmp(&high) {
            Some(order) if order.is_le() && (high - low).is_finite() => Ok(Side::Floats(low, high)),
            Some(order) if order.is_gt() => Err(backwards()),
            _ => Err((format!("the range {text:?} has no end"), "write two numbers".to_owned())),
        };
    }
    let hint = "write a range as 1s..32s, 20..400 or 0.1..0.5; both sides of a span need a unit: us, ms, s, m, h or d";
    let wrong =
        |side: &str| (format!("{side:?} in the range {text:?} is neither a number nor a span"), hint.to_owned());
    let bound = |side: &str| side.parse::<Span>().map_err(|_| wrong(side));
    let (low, high) = (bound(low)?, bound(high)?);
    if low <= high { Ok(Side::Spans(low, high)) } else { Err(backwards()) }
}

/// A string as TOML has it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choices::{Read, Seeded};

    fn drawn(pattern: &str, seed: u64) -> String {
        draw(pattern, &mut Seeded::new(seed)).unwrap()
    }

    #[test]
    fn every_kind_of_range_is_drawn_within_its_bounds() {
        for seed in 0..200 {
            let number: i64 = drawn("-3..400", seed).parse().unwrap();
            assert!((-3..=400).contains(&number));
            let number: f64 = drawn("0.1..0.5", seed).parse().unwrap();
            assert!((0.1..=0.5).contains(&number));
            let span: Span = drawn("1s..32s", seed).trim_matches('"').parse().unwrap();
            assert!((Span::secs(1)..=Span::secs(32)).contains(&span));
            assert!(["\"full\"", "\"none\"", "3", "true"].contains(&drawn("full | none|3|true", seed).as_str()));
        }
        assert_eq!(drawn("7..7", 1), "7");
        assert!(drawn("-9223372036854775808..9223372036854775807", 3).parse::<i64>().is_ok());
    }

    #[test]
    fn the_simplest_draw_is_the_lowest_and_the_first() {
        let simplest = |pattern| draw(pattern, &mut Read::new(&[])).unwrap();
        assert_eq!(simplest("20..400"), "20");
        assert_eq!(simplest("1s..32s"), "\"1s\"");
        assert_eq!(simplest("reset|fin"), "\"reset\"");
    }

    #[test]
    fn drawn_spans_are_round() {
        for seed in 0..50 {
            let span: Span = drawn("1s..32s", seed).trim_matches('"').parse().unwrap();
            assert_eq!(span.0.subsec_micros() % 100_000, 0, "{span}");
        }
    }

    #[test]
    fn what_is_no_range_is_told() {
        for (pattern, what) in [
            ("32s..1s", "above its end"),
            ("5..1", "above its end"),
            ("1..5s", "\"1\" in the range"),
            ("1s..5y", "\"5y\" in the range"),
            ("..", "\"\" in the range"),
            ("a|", "empty alternative"),
            ("|", "empty alternative"),
            ("1.0..inf", "no end"),
            ("nan..nan", "no end"),
        ] {
            let (said, hint) = draw(pattern, &mut Seeded::new(0)).unwrap_err();
            assert!(said.contains(what) && !hint.is_empty(), "{pattern}: {said}");
        }
    }
}
