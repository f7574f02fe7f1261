//! What a campaign found.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::attempt::{Kind, Signature};

/// What a campaign found. Equal campaigns have equal reports, but for the times on the wall.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Why it ended.
    pub ended: Ended,
    /// Runs that were made.
    pub seeds: u64,
    /// Runs that failed.
    pub failed: u64,
    /// Virtual time, in hours, summed over devices.
    pub virtual_hours: f64,
    /// Time on the wall, in seconds.
    pub wall_seconds: f64,
    /// Threads.
    pub jobs: usize,
    /// Steps of all worlds.
    pub events: u64,
    /// Operations that were accepted.
    pub accepted: u64,
    /// Messages that were acknowledged.
    pub acked: u64,
    /// Messages that were delivered.
    pub delivered: u64,
    /// Connections that were accepted.
    pub connections: u64,
    /// Faults that began.
    pub faults: u64,
    /// The profiles and scenarios, in the order they were named.
    pub sources: Vec<SourceCount>,
    /// What failed, the most frequent first.
    pub failures: Vec<Failure>,
    /// How often each thing happened that a campaign has to meet; 0 for what never did.
    pub marks: BTreeMap<String, u64>,
    /// How often each fault began in each phase: fault, phase, times.
    pub coverage: Vec<Cell>,
    /// The runs that took longest on the wall, the longest first.
    pub slowest: Vec<Slow>,
}

/// Why a campaign ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// Everything that was asked for was run.
    #[default]
    Done,
    /// It was interrupted.
    Interrupted,
    /// Enough runs had failed.
    Failures,
}

/// The runs of one profile or scenario.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceCount {
    /// What it is called on the command line.
    pub name: String,
    /// Runs.
    pub seeds: u64,
    /// Those that failed.
    pub failed: u64,
    /// Virtual time, in microseconds, summed over devices.
    pub device_micros: u64,
    /// Steps.
    pub events: u64,
}

/// Runs that failed in the same way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// What they have in common.
    pub signature: Signature,
    /// What kind of failure it is.
    pub kind: Kind,
    /// How many runs.
    pub count: u64,
    /// The first of them: its profile or scenario.
    pub source: String,
    /// Its seed. A string, because not everything that reads JSON has 64-bit integers.
    pub seed: String,
    /// What was seen there, with its numbers.
    pub seen: String,
    /// The command that makes it again.
    pub reproduce: String,
    /// The command that makes it smaller.
    pub shrink: String,
}

/// A fault in a phase.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// The fault, as the catalogue calls it.
    pub fault: String,
    /// The phase of the client, as it is called in code.
    pub phase: String,
    /// How often it began there.
    pub count: u64,
}

/// A run that took long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slow {
    /// Its profile or scenario.
    pub source: String,
    /// Its seed.
    pub seed: String,
    /// How long it took, in milliseconds.
    pub wall_millis: f64,
    /// Its steps.
    pub events: u64,
}

impl Report {
    /// The worst kind of failure.
    pub fn worst(&self) -> Option<Kind> {
        self.failures.iter().map(|failure| failure.kind).max()
    }

    /// Marks that were reached, and marks.
    pub fn reached(&self) -> (usize, usize) {
        (self.marks.values().filter(|&&count| count > 0).count(), self.marks.len())
    }

    /// How much faster than the clock on the wall.
    pub fn speed_up(&self) -> f64 {
        if self.wall_seconds > 0.0 { self.virtual_hours * 3_600.0 / self.wall_seconds } else { 0.0 }
    }
}
