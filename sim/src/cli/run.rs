//! `thingwire-sim run` and `explain`: one run.

use core::fmt::Write as _;
use std::path::PathBuf;

use super::console::{Failure, code};
use super::source::{Loaded, load, seed};
use super::{Console, OK};
use crate::campaign::{Attempt, Runner, Whole, attempt};
use crate::oracle::Oracle;
use crate::picture::timeline::{self, Options};
use crate::picture::{clock, explain as told};
use crate::run::Run;

/// Run a scenario or a profile once.
///
/// Prints the verdict. When something that must hold did not, prints what and when, and the one command that makes the same run
/// again.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  thingwire-sim run flaky-wifi --seed 7
  thingwire-sim run half-open.toml -v")]
pub(super) struct RunOptions {
    /// A scenario file or the name of a profile.
    #[arg(value_name = "SCENARIO|PROFILE")]
    source: String,
    /// Decides everything that is left open. Without it, the scenario's own seed, or 0.
    #[arg(long, value_name = "N", env = "THINGWIRE_SIM_SEED", value_parser = seed)]
    seed: Option<u64>,
    /// Also print the plan, and everything that happens.
    #[arg(short, long)]
    verbose: bool,
    /// Also write the scenario with everything drawn to this file, for `replay`.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
}

/// Tell in plain words how a run failed: what had to hold, what was seen, how the device stood, and what came before.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  thingwire-sim explain swarm --seed 4711")]
pub(super) struct Explain {
    /// A scenario file or the name of a profile.
    #[arg(value_name = "SCENARIO|PROFILE")]
    source: String,
    /// Decides everything that is left open. Without it, the scenario's own seed, or 0.
    #[arg(long, value_name = "N", env = "THINGWIRE_SIM_SEED", value_parser = seed)]
    seed: Option<u64>,
    /// How many things to tell from before the failure.
    #[arg(long, value_name = "N", default_value_t = 20)]
    before: usize,
}

pub(super) fn run(options: &RunOptions, runner: Runner<'_>, console: &mut Console<'_>) -> Result<u8, Failure> {
    let loaded = load(&options.source, options.seed)?;
    if let Some(path) = &options.save {
        Whole::write(path, loaded.text.as_bytes())?;
    }
    if options.verbose {
        console.print(&format!("{}\n", loaded.text))?;
    }
    once(&loaded, options.verbose, runner, console)
}

/// One run, told if that is wanted, and its verdict.
pub(super) fn once(
    loaded: &Loaded,
    verbose: bool,
    runner: Runner<'_>,
    console: &mut Console<'_>,
) -> Result<u8, Failure> {
    let attempt = attempt(&loaded.plan, verbose, runner);
    if let Some(trace) = &attempt.run.trace {
        let text = timeline::text(trace, &attempt.run.findings, &Options::of(&loaded.plan));
        console.print(&format!("{text}\n"))?;
    }
    console.print(&verdict(loaded, &attempt))?;
    Ok(exit_code(&attempt))
}

pub(super) fn explain(options: &Explain, runner: Runner<'_>, console: &mut Console<'_>) -> Result<u8, Failure> {
    let loaded = load(&options.source, options.seed)?;
    let attempt = attempt(&loaded.plan, true, runner);
    let mut text = verdict(&loaded, &attempt);
    if let (Some(trace), Some(finding)) = (&attempt.run.trace, attempt.run.findings.first()) {
        let _ = write!(text, "\n{}", told::text(trace, finding, statement(finding.oracle), options.before));
    }
    console.print(&text)?;
    Ok(exit_code(&attempt))
}

/// What must hold, by the name that findings have for it.
pub(super) fn statement(id: &str) -> &'static str {
    match (Oracle::find(id), id) {
        (Some(oracle), _) => oracle.statement(),
        (None, "panic") => "The client never panics.",
        (None, "APP") => "What the application itself demands.",
        (None, "REPLAY") => "This build's client does what the device did.",
        (None, _) => "A plan can be run.",
    }
}

/// The exit code of a run.
pub(super) fn exit_code(attempt: &Attempt) -> u8 {
    attempt.signature().map_or(OK, |signature| code(signature.kind()))
}

/// What came of a run, and how to make it again if it failed.
pub(super) fn verdict(loaded: &Loaded, attempt: &Attempt) -> String {
    let (name, seed, plan) = (loaded.source.name(), loaded.seed, &loaded.plan);
    let passed = attempt.signature().is_none();
    let word = if passed { "passed" } else { "FAILED" };
    let devices = if plan.devices == 1 { String::new() } else { format!(", {} devices", plan.devices) };
    let mut text = format!("{word}: {name}, seed {seed}: {} and {} to heal{devices}\n", plan.duration, plan.heal);
    if let Some(message) = &attempt.panic {
        let _ = writeln!(text, "  the client panicked: {message}");
    } else {
        let _ = writeln!(text, "  {}", counts(&attempt.run));
    }
    for finding in &attempt.run.findings {
        let (at, device, what) = (clock(finding.at), finding.device, &finding.what);
        let _ = writeln!(text, "  {} at {at}, device {device}: {what}", finding.oracle);
    }
    if !passed {
        let _ = writeln!(text, "reproduce: {}", loaded.reproduce());
    }
    text
}

fn counts(run: &Run) -> String {
    let counts = run.counts;
    format!(
        "{} accepted, {} acknowledged, {} delivered; {} connections, {} faults, {} events; hash {:016x}",
        counts.accepted, counts.acked, counts.delivered, counts.connections, counts.faults, counts.events, run.hash
    )
}
