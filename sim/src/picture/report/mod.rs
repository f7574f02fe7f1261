//! One campaign as a page: what was run, what failed, what was met.

mod page;

use std::collections::BTreeMap;

/// A campaign, as far as its page shows it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    /// What it is called.
    pub title: String,
    /// Lines below the title: when it was run, of which revision, by which command, why it ended early.
    pub notes: Vec<String>,
    /// Runs.
    pub seeds: u64,
    /// Runs that failed.
    pub failed: u64,
    /// Virtual time, in hours, summed over devices.
    pub virtual_hours: f64,
    /// Time on the wall, in seconds.
    pub wall_seconds: f64,
    /// Steps of all worlds.
    pub events: u64,
    /// Other sums, by what they are called: `messages acknowledged`.
    pub counts: Vec<(String, u64)>,
    /// The profiles and scenarios.
    pub profiles: Vec<Profile>,
    /// What must hold.
    pub properties: Vec<Property>,
    /// What failed, in the order it is shown.
    pub failures: Vec<Failure>,
    /// How often each thing happened that a campaign has to meet; 0 for what never did.
    pub marks: Vec<(String, u64)>,
    /// The phases of the client, as columns of the matrix; where none is named, those that are in its rows.
    pub phases: Vec<String>,
    /// How often each fault began in each phase; rows of one family are neighbours.
    pub faults: Vec<FaultRow>,
    /// The runs that took longest on the wall.
    pub slowest: Vec<Slow>,
}

/// The runs of one profile or scenario.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// What it is called on the command line.
    pub name: String,
    /// Runs.
    pub seeds: u64,
    /// Those that failed.
    pub failed: u64,
}

/// Something that must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Property {
    /// What it is called: `S1`.
    pub id: String,
    /// What must hold, in one sentence.
    pub statement: String,
    /// How often there was something to be judged, where that is counted. Never is worth a look.
    pub checked: Option<u64>,
    /// How often it did not hold.
    pub violated: u64,
}

/// Runs that failed in the same way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failure {
    /// What they have in common.
    pub signature: String,
    /// How many runs.
    pub count: u64,
    /// One of them: its profile or scenario, and its seed.
    pub example: String,
    /// What can be done about it, and the command that does it: `make it again`, `make it smaller`.
    pub commands: Vec<(String, String)>,
    /// What was seen there, in one line or more.
    pub detail: String,
}

/// A fault, and the phases it began in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FaultRow {
    /// The fault, as the catalogue calls it.
    pub fault: String,
    /// What it is a kind of: `network`.
    pub family: String,
    /// How often it began in each phase; nothing where it cannot.
    pub counts: BTreeMap<String, u64>,
}

/// A run that took long.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Slow {
    /// Its profile or scenario, and its seed.
    pub seed: String,
    /// How long it took, in milliseconds.
    pub millis: f64,
}

/// The campaign as one file.
pub fn html(campaign: &Summary) -> String {
    page::html(campaign)
}
