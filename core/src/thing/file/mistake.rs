//! What is wrong with a file, and where.

use core::fmt;
use core::ops::Range;

use crate::thing::lines::in_lines;

/// Something wrong with a file, and where: shown as one line, `LINE:COLUMN: PROBLEM`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileMistake {
    /// The line, from 1.
    pub line: usize,
    /// The character in it, from 1.
    pub column: usize,
    /// What is wrong.
    pub problem: String,
}

impl FileMistake {
    /// A problem at the beginning of `span`, in bytes of the file.
    pub(super) fn at(source: &str, span: &Range<usize>, problem: &str) -> Self {
        let before = source.get(..span.start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        // What is wrong may be quoted, and would begin a line of its own or drive a terminal.
        Self { line, column, problem: problem.replace(char::is_control, "\u{fffd}") }
    }
}

impl fmt::Display for FileMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.problem)
    }
}

impl core::error::Error for FileMistake {}

/// Everything that is wrong with a file, at least one thing, in the order of the file; each is shown in a line of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileMistakes(pub Vec<FileMistake>);

impl fmt::Display for FileMistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        in_lines(f, &self.0)
    }
}

impl core::error::Error for FileMistakes {}
