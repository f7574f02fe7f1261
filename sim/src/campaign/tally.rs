//! The sums of a campaign.

use core::time::Duration;
use std::collections::BTreeMap;

use thingwire_core::Phase;

use super::attempt::{Attempt, Signature};
use super::report::{Cell, Failure, Report, Slow, SourceCount};
use super::source::Source;
use super::{Line, Setup};

/// How many of the slowest runs are kept.
const SLOWEST: usize = 10;

/// The sums so far.
#[derive(Debug)]
pub(super) struct Tally {
    report: Report,
    device_micros: u64,
    /// Which source each name is.
    sources: BTreeMap<String, usize>,
    failures: BTreeMap<Signature, Failure>,
    marks: BTreeMap<&'static str, u64>,
    coverage: BTreeMap<(&'static str, Phase), u64>,
}

impl Tally {
    pub(super) fn new(setup: &Setup, jobs: usize) -> Self {
        let mut report = Report { jobs, ..Report::default() };
        let mut sources = BTreeMap::new();
        for source in &setup.sources {
            let name = source.name().to_owned();
            sources.entry(name.clone()).or_insert_with(|| {
                report.sources.push(SourceCount { name, ..SourceCount::default() });
                report.sources.len() - 1
            });
        }
        let marks = setup.marks.iter().map(|&mark| (mark, 0)).collect();
        Self { report, device_micros: 0, sources, failures: BTreeMap::new(), marks, coverage: BTreeMap::new() }
    }

    /// Runs so far.
    pub(super) fn seeds(&self) -> u64 {
        self.report.seeds
    }

    /// Runs that failed so far.
    pub(super) fn failed(&self) -> u64 {
        self.report.failed
    }

    /// One more run.
    pub(super) fn take(&mut self, source: &Source, seed: u64, attempt: &Attempt, wall: Duration) -> Line {
        let (run, failure) = (&attempt.run, attempt.signature());
        let failed = u64::from(failure.is_some());
        self.report.seeds += 1;
        self.report.failed += failed;
        self.device_micros = self.device_micros.saturating_add(run.counts.device_micros);
        self.report.events += run.counts.events;
        self.report.accepted += run.counts.accepted;
        self.report.acked += run.counts.acked;
        self.report.delivered += run.counts.delivered;
        self.report.connections += run.counts.connections;
        self.report.faults += run.counts.faults;
        if let Some(count) = self.sources.get(source.name()).and_then(|&index| self.report.sources.get_mut(index)) {
            count.seeds += 1;
            count.failed += failed;
            count.device_micros = count.device_micros.saturating_add(run.counts.device_micros);
            count.events += run.counts.events;
        }
        for (&mark, &times) in run.marks.iter().filter(|(_, times)| **times > 0) {
            *self.marks.entry(mark).or_default() += times;
        }
        for (&cell, &times) in &run.coverage {
            *self.coverage.entry(cell).or_default() += times;
        }
        if let Some(signature) = &failure {
            let first = || first_failure(signature.clone(), source, seed, attempt);
            self.failures.entry(signature.clone()).or_insert_with(first).count += 1;
        }
        let wall_millis = wall.as_secs_f64() * 1_000.0;
        self.remember_slow(source, seed, wall_millis, run.counts.events);
        Line {
            source: source.name().to_owned(),
            seed: seed.to_string(),
            failure,
            hash: format!("{:016x}", run.hash),
            events: run.counts.events,
            virtual_seconds: Duration::from_micros(run.counts.device_micros).as_secs_f64(),
            wall_millis,
        }
    }

    fn remember_slow(&mut self, source: &Source, seed: u64, wall_millis: f64, events: u64) {
        let slowest = &mut self.report.slowest;
        let place = slowest.partition_point(|slow| slow.wall_millis >= wall_millis);
        if place < SLOWEST {
            let slow = Slow { source: source.name().to_owned(), seed: seed.to_string(), wall_millis, events };
            slowest.insert(place, slow);
            slowest.truncate(SLOWEST);
        }
    }

    /// What is known so far.
    pub(super) fn report(&self, wall: Duration) -> Report {
        let mut report = self.report.clone();
        report.wall_seconds = wall.as_secs_f64();
        report.virtual_hours = Duration::from_micros(self.device_micros).as_secs_f64() / 3_600.0;
        report.failures = self.failures.values().cloned().collect();
        report.failures.sort_by_key(|failure| core::cmp::Reverse(failure.count));
        report.marks = self.marks.iter().map(|(&mark, &times)| (mark.to_owned(), times)).collect();
        let cell = |(&(fault, phase), &count): (&(&'static str, Phase), &u64)| Cell {
            fault: fault.to_owned(),
            phase: format!("{phase:?}"),
            count,
        };
        report.coverage = self.coverage.iter().map(cell).collect();
        report
    }
}

fn first_failure(signature: Signature, source: &Source, seed: u64, attempt: &Attempt) -> Failure {
    let reproduce = source.reproduce(seed);
    Failure {
        kind: signature.kind(),
        signature,
        count: 0,
        source: source.name().to_owned(),
        seed: seed.to_string(),
        seen: attempt.seen().unwrap_or_default(),
        shrink: reproduce.replacen(" run ", " shrink ", 1),
        reproduce,
    }
}
