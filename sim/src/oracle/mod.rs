//! What must hold in every run, judged from the trace alone.

use core::fmt;

use thingwire_core::Instant;

/// Something that must hold did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What must hold: `S1`.
    pub oracle: &'static str,
    /// When it was seen not to, on the clock of the device.
    pub at: Instant,
    /// The device, from 0.
    pub device: u32,
    /// What was seen, in one line.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:?}, device {}: {}", self.oracle, self.at, self.device, self.what)
    }
}
