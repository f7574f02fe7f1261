//! Scenario files: a [`Plan`] as TOML, in which values may be ranges and alternatives.
//!
//! ```toml
//! name = "reset while draining"
//! duration = "20m"
//! heal = "5m"
//!
//! [client]
//! queue = "5..50"
//! drain-hz = 2.0
//! jitter = "full|equal"
//!
//! [[workload]]
//! kind = "publish"
//! topic = "dt/{id}/t"
//! qos = 1
//! every = "1s..5s"
//!
//! [[fault]]
//! when = { phase = "draining", after = "0s..2s" }
//! do = { cut = { how = "reset|fin" } }
//! ```
//!
//! A range (`"1s..5s"`, `"20..400"`, `"0.1..0.5"`) or a choice (`"reset|fin"`) may stand at every value but names, topics
//! and filters. The dice are rolled in the text itself: a drawn scenario is the same file with values where the ranges
//! were, says the same on the same line, and can be kept and run again.

mod check;
mod dice;
mod near;
pub(crate) mod place;
mod write;

use core::fmt;
use core::ops::Range;

use toml::de::DeTable;

use crate::choices::{Choices, Seeded};
use crate::plan::Plan;

pub use near::nearest;
pub use write::write;

use place::Place;

/// A scenario with everything drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// The file's text with the dice rolled and the seed written down: the same run for ever.
    pub text: String,
    /// What it says.
    pub plan: Plan,
    /// How many values were drawn.
    pub drawn: usize,
}

/// What is wrong with a scenario file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The file, as it was named.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong, in one line.
    pub what: String,
    /// What to do about it; may be empty.
    pub hint: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, what, hint } = self;
        write!(f, "{file}:{line}:{column}: {what}")?;
        if hint.is_empty() { Ok(()) } else { write!(f, " (hint: {hint})") }
    }
}

impl core::error::Error for Error {}

/// A complaint about a part of a text.
#[derive(Debug)]
struct Complaint {
    span: Range<usize>,
    what: String,
    hint: String,
}

/// Reads a scenario and rolls its dice with `seed`, else with the seed in the file, else with 0. `file` is for errors.
pub fn read(file: &str, text: &str, seed: Option<u64>) -> Result<Scenario, Error> {
    // Some editors begin with one; the seed is written in front of what follows.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let doc = DeTable::parse(text).map_err(|error| located(file, text, complaint(&error, None)))?;
    let seed = match seed {
        Some(seed) => seed,
        None => place::seed(doc.get_ref()).map_err(|wrong| located(file, text, wrong))?,
    };
    let mut choices = Seeded::new(seed);
    roll(file, text, doc.get_ref(), seed, &mut choices)
}

fn roll(file: &str, text: &str, doc: &DeTable<'_>, seed: u64, choices: &mut dyn Choices) -> Result<Scenario, Error> {
    let rolled = dice::roll(text, doc, choices).map_err(|wrong| located(file, text, wrong))?;
    // What is wrong in the rolled text is wrong at the place it was rolled from.
    let blame = |wrong: Complaint| {
        let span = rolled.origin(wrong.span.start)..rolled.origin(wrong.span.end);
        located(file, text, Complaint { span, ..wrong })
    };
    let doc = DeTable::parse(&rolled.text).map_err(|error| blame(complaint(&error, None)))?;
    let mut plan: Plan = toml::from_str(&rolled.text).map_err(|error| blame(complaint(&error, Some(doc.get_ref()))))?;
    plan.seed = seed;
    check::check(&plan).map_err(|problem| blame(problem.complaint(doc.get_ref())))?;
    let text = place::with_seed(&rolled.text, doc.get_ref(), seed);
    Ok(Scenario { text, plan, drawn: rolled.drawn })
}

/// Checks a plan that did not come from a file: the first thing that cannot be.
pub fn check(plan: &Plan) -> Result<(), String> {
    check::check(plan).map_err(|problem| problem.to_string())
}

fn located(file: &str, text: &str, complaint: Complaint) -> Error {
    let Place { line, column } = place::place(text, complaint.span.start);
    // Whatever was quoted, an error stays one line.
    let line_of = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    Error { file: file.to_owned(), line, column, what: line_of(complaint.what), hint: line_of(complaint.hint) }
}

/// The TOML reader's complaint, with the place of an unknown word found and the word it was meant to be.
fn complaint(error: &toml::de::Error, doc: Option<&DeTable<'_>>) -> Complaint {
    let span = error.span().unwrap_or(0..0);
    let what = error.message().to_owned();
    let Some((word, known)) = unknown_word(&what) else {
        return Complaint { span, what, hint: String::new() };
    };
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let span = doc.and_then(|doc| place::key_within(doc, &word, &span)).unwrap_or(span);
    let kind = if what.starts_with("unknown variant") { "unknown word" } else { "unknown key" };
    let hint = match nearest(&word, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("one of {}", known.join(", ")),
    };
    Complaint { span, what: format!("{kind} `{word}`"), hint }
}

/// The word that is not known, and those that are, in the words of serde or of the TOML reader.
fn unknown_word(message: &str) -> Option<(String, Vec<String>)> {
    if let Some((words, known)) =
        message.strip_prefix("unexpected keys in table: ").and_then(|rest| rest.split_once(", available keys: "))
    {
        let word = words.split(',').next()?.trim();
        return Some((word.to_owned(), known.split(',').map(|known| known.trim().to_owned()).collect()));
    }
    if !message.starts_with("unknown ") {
        return None;
    }
    let mut quoted = message.split('`').skip(1).step_by(2).map(str::to_owned);
    let word = quoted.next()?;
    Some((word, quoted.collect()))
}
