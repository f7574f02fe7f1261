//! `thingwire-sim replay`: what has happened once, again.

use core::fmt::Write as _;
use core::time::Duration;
use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use thingwire_core::trace::Trace as FieldTrace;

use super::console::Failure;
use super::run::{once, statement};
use super::source::load;
use super::{Console, LIVENESS, NONDETERMINISM, OK, SAFETY};
use crate::campaign::{Runner, shell_word};
use crate::field::{FieldError, Told, is_field_trace, records, replay_command};
use crate::oracle::{Finding, Judge, Rulebook};
use crate::picture::clock;
use crate::plan::Span;
use crate::trace::{Observer, Trace};

/// Replay what a device has recorded, or run a scenario again in which everything is drawn.
///
/// A field trace (`thingwire pub --record FILE`) is replayed through this build's client and compared step by step with what the
/// device did; the first difference is shown from both sides and ends the replay with 13. That is also how two versions are
/// compared. A scenario is one of `run --save` or `shrink`; it is refused if it leaves anything to the dice.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  thingwire-sim replay device.trace --judge
  thingwire-sim run swarm --seed 7 --save seven.toml && thingwire-sim replay seven.toml")]
pub(super) struct Replay {
    /// The field trace, or the scenario.
    #[arg(value_name = "FILE")]
    file: String,
    /// Also print everything that happens in a scenario (a field trace has `thingwire-sim timeline`).
    #[arg(short, long)]
    verbose: bool,
    /// Refuse a field trace of another version instead of comparing the two.
    #[arg(long)]
    strict: bool,
    /// Also judge what the device did, by every oracle that does without the broker's side; only for a trace that begins with the
    /// client's first moment.
    #[arg(long)]
    judge: bool,
    /// How much later than due anything may have been on the device (with --judge).
    #[arg(long, value_name = "SPAN", default_value = "1s", requires = "judge")]
    slack: Span,
}

pub(super) fn replay(options: &Replay, runner: Runner<'_>, console: &mut Console<'_>) -> Result<u8, Failure> {
    let path = Path::new(&options.file);
    if is_recorded(path) {
        return field(path, options, console);
    }
    let loaded = load(&options.file, None)?;
    if options.strict || options.judge {
        let hint = "a scenario is always judged, and has no version";
        return Err(Failure::usage(format!("{} is no field trace (hint: {hint})", options.file)));
    }
    if loaded.drawn > 0 {
        let hint = format!("see 'thingwire-sim run {} --save FILE'", options.file);
        let line = format!("{} leaves {} values to the dice (hint: {hint})", options.file, loaded.drawn);
        return Err(Failure::usage(line));
    }
    once(&loaded, options.verbose, runner, console)
}

/// Whether there is a field trace in this file.
pub(super) fn is_recorded(path: &Path) -> bool {
    let mut beginning = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(64).read_to_end(&mut beginning));
    read.is_ok() && is_field_trace(&beginning)
}

/// What a field trace tells, with what is wrong in it. One that this build cannot follow is told up to there.
pub(super) fn tell(path: &Path, slack: Duration) -> Result<(Trace, Vec<Finding>), Failure> {
    let (told, file) = match replay_command(path, false) {
        Ok(_) | Err(FieldError::Diverged { .. }) => read(path)?,
        Err(error) => return Err(failure(&error)),
    };
    let field = FieldTrace::parse(&file).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    let mut findings = if field.is_whole() { judge(&told.trace, &field, slack) } else { Vec::new() };
    if let (Some(error), Some(last)) = (told.error, told.trace.records.last()) {
        findings.push(Finding { oracle: "REPLAY", at: last.at, device: 0, what: first_line(&error.to_string()) });
    }
    Ok((told.trace, findings))
}

fn read(path: &Path) -> Result<(Told, Vec<u8>), Failure> {
    let file = fs::read(path)
        .map_err(|error| io::Error::new(error.kind(), format!("cannot read {}: {error}", path.display())))?;
    let field = FieldTrace::parse(&file).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    Ok((records(&field), file))
}

fn field(path: &Path, options: &Replay, console: &mut Console<'_>) -> Result<u8, Failure> {
    let replayed = replay_command(path, options.strict).map_err(|error| failure(&error))?;
    console.print(&format!("{replayed}\n"))?;
    if !options.judge {
        return Ok(OK);
    }
    if !replayed.whole {
        let why = "the trace begins in the middle of a life, and oracles have to see it from its beginning";
        let hint = "record with more memory, or from the start";
        return Err(Failure::usage(format!("{} cannot be judged: {why} (hint: {hint})", path.display())));
    }
    let (_, findings) = tell(path, options.slack.0)?;
    if findings.is_empty() {
        console.print("judged: everything held that can be seen from the device\n")?;
        return Ok(OK);
    }
    let mut text = String::from("FAILED: not everything held\n");
    for Finding { oracle, at, what, .. } in &findings {
        let _ = writeln!(text, "  {oracle} at {}: {what}\n    what must hold: {}", clock(*at), statement(oracle));
    }
    let slack = options.slack;
    let _ = writeln!(text, "reproduce: thingwire-sim replay {} --judge --slack {slack}", shell_word(&options.file));
    console.print(&text)?;
    Ok(verdict(&findings))
}

/// The exit code of what was found in a field trace.
pub(super) fn verdict(findings: &[Finding]) -> u8 {
    match findings.first().map(|first| first.oracle) {
        None => OK,
        Some("REPLAY") => NONDETERMINISM,
        Some(id) if id.starts_with('L') => LIVENESS,
        Some(_) => SAFETY,
    }
}

fn judge(trace: &Trace, field: &FieldTrace<'_>, slack: Duration) -> Vec<Finding> {
    let rules = Rulebook { slack, ..Rulebook::new(field.config().clone()) };
    let mut judge = Judge::new(vec![rules]);
    for record in &trace.records {
        judge.observe(record);
    }
    judge.findings().to_vec()
}

fn failure(error: &FieldError) -> Failure {
    Failure { code: error.exit_code(), line: error.to_string() }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
