//! One run of a plan, and what came of it.

use std::collections::BTreeMap;

use thingwire_core::Phase;

use crate::oracle::Finding;
use crate::trace::Trace;

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Run {
    /// What must hold and did not, in the order it was seen. Empty for a run that passed.
    pub findings: Vec<Finding>,
    /// How often each thing happened that a campaign has to meet, by its name.
    pub marks: BTreeMap<&'static str, u64>,
    /// How often each fault began in each phase of the client.
    pub coverage: BTreeMap<(&'static str, Phase), u64>,
    /// Counts.
    pub counts: Counts,
    /// A hash over every record: equal runs have equal hashes.
    pub hash: u64,
    /// Everything that happened, if it was asked for.
    pub trace: Option<Trace>,
}

/// Counts of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Steps of the world: segments that arrived, timers, work of the application, faults.
    pub events: u64,
    /// Virtual time that passed, in microseconds, times the number of devices.
    pub device_micros: u64,
    /// Operations that were accepted.
    pub accepted: u64,
    /// Messages that were acknowledged.
    pub acked: u64,
    /// Messages delivered to the application.
    pub delivered: u64,
    /// Connections accepted by the broker.
    pub connections: u64,
    /// Faults that began.
    pub faults: u64,
}
