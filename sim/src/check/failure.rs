//! A run that failed, made small and told in words.

use core::fmt;
use core::time::Duration;
use std::thread;

use crate::campaign::{Attempt, Runner, Source, attempt};
use crate::oracle::{Finding, Oracle};
use crate::picture::explain;
use crate::scenario;
use crate::shrink::{Budget, Size, shrink};

/// What may be spent on making a failure small: somebody waits for the verdict.
const BUDGET: Budget = Budget { runs: 400, time: Duration::from_secs(2) };

/// The first run of a [`Check`](super::Check) that failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// The profile or scenario.
    pub source: String,
    /// The seed of the run.
    pub seed: u64,
    /// What must hold and did not. Empty where the run has panicked.
    pub findings: Vec<Finding>,
    /// The message and place of a panic, of the client or of the application.
    pub panic: Option<String>,
    /// A smaller scenario that fails in the same way.
    pub scenario: String,
    /// What led to the first finding of the smaller scenario, in words.
    pub story: String,
    /// How large the plan was, and how large the smaller one is.
    size: (Size, Size),
    /// The name of the test, if it is known.
    test: Option<String>,
}

impl Failure {
    /// Looks at a run that fails.
    pub(super) fn examine(source: &Source, seed: u64, runner: Runner<'_>) -> Self {
        let plan = source.plan(seed).unwrap_or_else(|error| panic!("{error}"));
        let failed = attempt(&plan, false, runner);
        let Some(signature) = failed.signature() else {
            panic!("the run of seed {seed} fails and passes: what decides that is not the seed");
        };
        let mut small = shrink(&plan, &signature, runner, BUDGET, &mut |_| {}).plan;
        small.name = signature.to_string();
        let again = attempt(&small, true, runner);
        Self {
            source: source.name().to_owned(),
            seed,
            findings: failed.run.findings,
            panic: failed.panic,
            scenario: scenario::write(&small).unwrap_or_else(|error| format!("# it cannot be written: {error}\n")),
            story: story(&again),
            size: (Size::of(&plan), Size::of(&small)),
            // The harness names the thread of a test after the test.
            test: thread::current().name().filter(|&name| name != "main").map(str::to_owned),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, seed, findings, panic, scenario, story, size, test } = self;
        writeln!(f, "{source} fails with seed {seed}:")?;
        if let Some(message) = panic {
            writeln!(f, "  panicked: {message}")?;
        }
        for finding in findings {
            writeln!(f, "  {finding}")?;
        }
        let test = test.as_ref().map_or_else(String::new, |test| format!(" {test}"));
        writeln!(f, "reproduce: THINGWIRE_SIM_SEED={seed} cargo test{test}")?;
        let (before, after) = size;
        writeln!(f, "\nThe smallest that fails so, with {} of {} faults:\n\n{scenario}", after.faults, before.faults)?;
        f.write_str(story)
    }
}

/// What led to the first finding.
fn story(attempt: &Attempt) -> String {
    let run = &attempt.run;
    let (Some(finding), Some(trace)) = (run.findings.first(), &run.trace) else { return String::new() };
    let oracle = Oracle::ALL.iter().find(|oracle| oracle.id() == finding.oracle);
    explain::text(
        trace,
        finding,
        oracle.map_or("What the application verifies at the end.", |oracle| oracle.statement()),
        20,
    )
}
