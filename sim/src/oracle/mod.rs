//! What must hold in every run, judged from the trace alone.
//!
//! A [`Judge`] sees every record once, as it happens, and keeps no trace. It holds a small reference model of each
//! client (`model`) that is moved by causes only: commands, packets, links. Each family of oracles is a little state
//! machine beside it that says what the effects must be. Effects may lag behind their causes, as a driver may drain
//! late, but at one instant only.
//!
//! Whether a client is late is judged by what it could do: it is late when something was due and it had not asked to be
//! woken by then. A device that slept through its own deadline is not to blame.

mod backoff;
mod catalogue;
mod chunks;
mod drain;
mod ids;
mod inbound;
mod judge;
mod keep_alive;
mod links;
mod liveness;
mod marks;
mod model;
mod notices;
mod order;
mod poison;
mod queue;
mod resubscribe;
mod say;
mod shadows;
mod tickets;
mod timing;
mod unread;

use core::fmt;
use core::time::Duration;
use std::collections::BTreeSet;

use thingwire_core::{Config, Instant};

pub use catalogue::{CheckedBy, Oracle};
pub use chunks::same_in_all_chunks;
pub use judge::{Judge, Verdict};
pub use marks::Mark;

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
        write!(f, "{} at {}, device {}: {}", self.oracle, say::at(self.at), self.device, self.what)
    }
}

/// What one device is judged by.
#[derive(Debug, Clone)]
pub struct Rulebook {
    /// The settings of its client.
    pub config: Config,
    /// How much later than due anything may be: coarse clocks, late drains, sockets that take little at a time.
    pub slack: Duration,
    /// The longest that an answer of a healthy broker takes.
    pub round_trip_max: Duration,
    /// The oracles that a fault of the run makes meaningless: who is told that a lost session is there cannot know
    /// what to subscribe to.
    pub excused: BTreeSet<Oracle>,
}

impl Rulebook {
    /// The strictest rules for a client with these settings.
    pub fn new(config: Config) -> Self {
        Self { config, slack: Duration::ZERO, round_trip_max: Duration::from_millis(100), excused: BTreeSet::new() }
    }

    /// How long a PINGRESP may take: half the keep-alive, at most 10 s.
    fn ping_timeout(&self) -> Duration {
        (self.config.keep_alive / 2).min(Duration::from_secs(10))
    }
}

/// The findings so far.
#[derive(Debug, Default)]
struct Findings {
    list: Vec<Finding>,
    /// The oracles that are excused, for each device.
    excused: Vec<BTreeSet<Oracle>>,
    device: u32,
    at: Instant,
}

/// How many findings are kept: what follows the first is mostly its consequence.
const FINDINGS_MAX: usize = 20;
/// How many of them are of one oracle and device, so that one thing that stays wrong does not hide others.
const ALIKE_MAX: usize = 3;

impl Findings {
    #[cold]
    fn add(&mut self, oracle: Oracle, what: impl Into<String>) {
        let excused = self.excused.get(self.device as usize).is_some_and(|excused| excused.contains(&oracle));
        let alike = |finding: &&Finding| (finding.oracle, finding.device) == (oracle.id(), self.device);
        let room = self.list.len() < FINDINGS_MAX && self.list.iter().filter(alike).count() < ALIKE_MAX;
        if room && !excused {
            self.list.push(Finding { oracle: oracle.id(), at: self.at, device: self.device, what: what.into() });
        }
    }

    /// Adds a finding unless `holds`.
    fn check(&mut self, oracle: Oracle, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.add(oracle, what());
        }
    }
}
