//! What is to be logged, kept until no lock is held: a logger is code of the application too, and may use the client.

use core::fmt;
use core::mem;

use log::Level;

/// Lines for the log. Never payloads, names of users, or secrets.
#[derive(Debug, Default)]
#[must_use = "what is not written is not logged"]
pub struct Journal {
    lines: Vec<(Level, String)>,
}

impl Journal {
    pub(crate) fn note(&mut self, level: Level, what: fmt::Arguments<'_>) {
        if level <= log::max_level() {
            self.lines.push((level, what.to_string()));
        }
    }

    /// Takes what there is, to be written later.
    pub(crate) fn take(&mut self) -> Self {
        mem::take(self)
    }

    /// Hands everything to the logger.
    pub fn write(self) {
        for (level, line) in self.lines {
            log::log!(target: "thingwire", level, "{line}");
        }
    }
}
