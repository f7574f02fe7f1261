//! What is wrong with a table, and where.

use core::fmt;

/// Where in a table something is wrong: which item of which list, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Place {
    /// The table as a whole.
    Table,
    /// How lines travel.
    Wire,
    /// Waits and patience.
    Timing,
    /// One of [`properties`](super::Lines::properties).
    Property(usize),
    /// One of [`hears`](super::Lines::hears).
    Hears(usize),
    /// One of [`queries`](super::Lines::queries).
    Query(usize),
    /// One of [`commands`](super::Lines::commands).
    Command(usize),
    /// One of [`refusals`](super::Lines::refusals).
    Refusal(usize),
    /// One of [`holds`](super::Lines::holds).
    Hold(usize),
    /// One of [`refresh_on`](super::Lines::refresh_on).
    RefreshOn(usize),
}

/// Something wrong with a table. Shown as one line that says where, what, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mistake {
    /// Where.
    pub place: Place,
    /// The name or text of what is there.
    pub subject: String,
    /// Which character of a template, counted from 1, where it is about one.
    pub column: Option<usize>,
    /// What is wrong.
    pub problem: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.place {
            Place::Table => "table",
            Place::Wire => "wire",
            Place::Timing => "timing",
            Place::Property(_) => "property",
            Place::Hears(_) => "line heard",
            Place::Query(_) => "query",
            Place::Command(_) => "command",
            Place::Refusal(_) => "refusal",
            Place::Hold(_) => "hold",
            Place::RefreshOn(_) => "refresh on",
        };
        write!(f, "{kind} {:?}", self.subject)?;
        if let Some(column) = self.column {
            write!(f, ", character {column}")?;
        }
        write!(f, ": {}", self.problem)
    }
}

impl core::error::Error for Mistake {}

/// Everything that is wrong with a table, at least one thing; each is shown in a line of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        in_lines(f, &self.0)
    }
}

/// Each in a line of its own.
pub(in crate::thing) fn in_lines(f: &mut fmt::Formatter<'_>, mistakes: &[impl fmt::Display]) -> fmt::Result {
    for (place, mistake) in mistakes.iter().enumerate() {
        if place != 0 {
            f.write_str("\n")?;
        }
        mistake.fmt(f)?;
    }
    Ok(())
}

impl core::error::Error for Mistakes {}
