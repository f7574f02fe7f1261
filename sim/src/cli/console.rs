//! Where a command's words go, and what becomes of one that fails.

use std::io::{self, Write};

use super::{FAILED, USAGE};
use crate::campaign::{self, Kind};
use crate::scenario;

/// Where a command's words go.
pub struct Console<'a> {
    /// What was asked for.
    pub out: &'a mut dyn Write,
    /// Progress and errors.
    pub err: &'a mut dyn Write,
    /// Whether somebody watches `err`, so that a line of progress can be drawn over.
    pub interactive: bool,
}

/// A command that could not do its work.
#[derive(Debug)]
pub(super) struct Failure {
    /// The exit code.
    pub code: u8,
    /// What, and what to do about it, in one line.
    pub line: String,
}

impl Console<'_> {
    /// What was asked for, as it is.
    pub(super) fn print(&mut self, text: &str) -> Result<(), Failure> {
        let written = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
        written.map_err(|error| Failure { code: FAILED, line: format!("cannot write to standard output: {error}") })
    }

    /// One line on standard error.
    pub(super) fn say(&mut self, line: &str) {
        // Where standard error is closed, there is nobody to tell.
        let _ = writeln!(self.err, "{line}");
    }
}

impl Failure {
    /// The command was called wrongly.
    pub(super) fn usage(line: impl Into<String>) -> Self {
        Self { code: USAGE, line: line.into() }
    }
}

impl From<scenario::Error> for Failure {
    fn from(error: scenario::Error) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self { code: FAILED, line: format!("{error}{}", hint(&error)) }
    }
}

impl From<campaign::Error> for Failure {
    fn from(error: campaign::Error) -> Self {
        match error {
            campaign::Error::Scenario(error) => error.into(),
            campaign::Error::Watch(error) => error.into(),
            campaign::Error::Threads(why) => Self { code: FAILED, line: format!("no threads to run on: {why}") },
        }
    }
}

/// The exit code of a kind of failure.
pub(super) fn code(kind: Kind) -> u8 {
    match kind {
        Kind::Safety => super::SAFETY,
        Kind::Liveness => super::LIVENESS,
        Kind::Panic => super::PANIC,
    }
}

/// What to do about an error, where something can be done.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => " (hint: choose another port, or 0 for a free one)",
        io::ErrorKind::PermissionDenied => {
            " (hint: choose a port of 1024 or above and a directory that you may write to)"
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => " (hint: --dir and --state want a directory)",
        io::ErrorKind::NotFound => " (hint: see that the file and its directory exist)",
        io::ErrorKind::ResourceBusy => " (hint: end that one, or choose another directory)",
        io::ErrorKind::IsADirectory => " (hint: give a file)",
        io::ErrorKind::StorageFull | io::ErrorKind::FileTooLarge => " (hint: make room, or write somewhere else)",
        _ => "",
    }
}
