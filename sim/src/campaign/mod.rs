//! Many seeds of one or more profiles and scenarios, on all cores, and the report about them.
//!
//! What a campaign finds depends on its seeds alone, never on threads: results are taken in the order of the seeds, and a
//! campaign that ends after so many failures ends at the same seed every time.

mod attempt;
mod file;
mod report;
mod source;
mod tally;

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::scenario;

pub use attempt::{Attempt, Kind, Runner, Signature, attempt};
pub use file::Whole;
pub use report::{Cell, Ended, Failure, Report, Slow, SourceCount};
pub use source::Source;
pub(crate) use source::shell_word;

use tally::Tally;

/// What a campaign runs.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Profiles and scenarios, whose runs are dealt in turn.
    pub sources: Vec<Source>,
    /// The seed of the first run of each.
    pub first_seed: u64,
    /// How many runs in all; without it, as many as there is time for.
    pub seeds: Option<u64>,
    /// How long on the wall; without it, until all runs are made.
    pub time: Option<Duration>,
    /// Threads; 0 for as many as there are cores.
    pub jobs: usize,
    /// After how many failed runs to end; 0 for never.
    pub failures_max: u64,
    /// Everything that a campaign has to meet, for the report to tell what was missed.
    pub marks: Vec<&'static str>,
}

/// One run, for the list of results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The profile or scenario.
    pub source: String,
    /// The seed. A string, because not everything that reads JSON has 64-bit integers.
    pub seed: String,
    /// Why it failed.
    pub failure: Option<Signature>,
    /// The hash of everything that happened.
    pub hash: String,
    /// Steps.
    pub events: u64,
    /// Virtual time, in seconds, summed over devices.
    pub virtual_seconds: f64,
    /// How long it took, in milliseconds.
    pub wall_millis: f64,
}

/// Who watches a campaign.
pub trait Watch {
    /// One more run, in the order of the seeds. An error ends the campaign.
    fn line(&mut self, line: &Line) -> std::io::Result<()>;

    /// How it stands; called several times a second.
    fn progress(&mut self, report: &Report, share: f64);
}

/// Why a campaign could not go on.
#[derive(Debug)]
pub enum Error {
    /// A scenario cannot be read, perhaps only with the dice of one seed.
    Scenario(scenario::Error),
    /// The results could not be kept.
    Watch(std::io::Error),
    /// There are no threads to run on.
    Threads(String),
}

/// Runs a campaign until it is done, or `stop` is set.
pub fn campaign(setup: &Setup, runner: Runner<'_>, stop: &AtomicBool, watch: &mut dyn Watch) -> Result<Report, Error> {
    if setup.sources.is_empty() {
        return Ok(Tally::new(setup, 0).report(Duration::ZERO));
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(setup.jobs).build();
    let pool = pool.map_err(|error| Error::Threads(error.to_string()))?;
    let jobs = pool.current_num_threads();
    let begun = Instant::now();
    let (next, halt) = (AtomicU64::new(0), AtomicBool::new(false));
    // Bounded, so that a slow disk holds the runs up instead of filling the memory.
    let (sender, results) = mpsc::sync_channel(1_024);
    let (next, halt) = (&next, &halt);
    pool.in_place_scope(|scope| {
        for _ in 0..jobs {
            let sender = sender.clone();
            scope.spawn(move |_| {
                while !halt.load(Ordering::Relaxed) && !stop.load(Ordering::Relaxed) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let over = setup.time.is_some_and(|time| begun.elapsed() >= time);
                    if over || setup.seeds.is_some_and(|seeds| index >= seeds) {
                        break;
                    }
                    if sender.send((index, one(setup, index, runner))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let collected = collect(setup, &results, jobs, begun, watch);
        halt.store(true, Ordering::Relaxed);
        // Nobody waits for a place in the channel any more.
        drop(results);
        let mut report = collected?;
        if report.ended == Ended::Done && stop.load(Ordering::Relaxed) {
            report.ended = Ended::Interrupted;
        }
        Ok(report)
    })
}

/// A run and how long it took.
type Outcome = Result<(Attempt, Duration), scenario::Error>;

fn one(setup: &Setup, index: u64, runner: Runner<'_>) -> Outcome {
    let (source, seed) = run_of(setup, index);
    let plan = source.plan(seed)?;
    let begun = Instant::now();
    let attempt = attempt(&plan, false, runner);
    Ok((attempt, begun.elapsed()))
}

/// What the run of this number is.
fn run_of(setup: &Setup, index: u64) -> (&Source, u64) {
    let sources = setup.sources.len() as u64;
    let source = usize::try_from(index % sources).unwrap_or(0);
    (&setup.sources[source], setup.first_seed.saturating_add(index / sources))
}

/// Takes results in order until no more come.
fn collect(
    setup: &Setup,
    results: &mpsc::Receiver<(u64, Outcome)>,
    jobs: usize,
    begun: Instant,
    watch: &mut dyn Watch,
) -> Result<Report, Error> {
    const OFTEN: Duration = Duration::from_millis(200);
    let mut tally = Tally::new(setup, jobs);
    let mut early = BTreeMap::new();
    let mut told = Instant::now();
    loop {
        match results.recv_timeout(OFTEN) {
            Ok((index, outcome)) => {
                early.insert(index, outcome);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        while let Some(outcome) = early.remove(&tally.seeds()) {
            let (attempt, wall) = outcome.map_err(Error::Scenario)?;
            let (source, seed) = run_of(setup, tally.seeds());
            watch.line(&tally.take(source, seed, &attempt, wall)).map_err(Error::Watch)?;
            if setup.failures_max > 0 && tally.failed() >= setup.failures_max {
                let mut report = tally.report(begun.elapsed());
                report.ended = Ended::Failures;
                return Ok(report);
            }
        }
        if told.elapsed() >= OFTEN {
            told = Instant::now();
            watch.progress(&tally.report(begun.elapsed()), share(setup, tally.seeds(), begun.elapsed()));
        }
    }
    Ok(tally.report(begun.elapsed()))
}

/// How much of the campaign is done.
#[expect(clippy::cast_precision_loss, reason = "a share for people")]
fn share(setup: &Setup, seeds: u64, elapsed: Duration) -> f64 {
    let by_seeds = setup.seeds.map_or(0.0, |all| seeds as f64 / all.max(1) as f64);
    let by_time = setup.time.map_or(0.0, |all| elapsed.as_secs_f64() / all.as_secs_f64().max(1e-9));
    by_seeds.max(by_time).min(1.0)
}
