//! The command line of `thingwire-sim`.
//!
//! [`execute`] is all of it but the process: arguments in, lines and an exit code out, with any runner.

mod advisor;
mod bench;
mod campaign;
mod console;
mod determinism;
mod list;
mod page;
mod replay;
mod run;
mod serve;
mod shrink;
mod source;
mod things;
mod timeline;
mod visitors;

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use thingwire_core::Instant;

use crate::campaign::Runner;
use crate::fleet::{self, FleetArgs};
use crate::oracle::Finding;
use crate::plan::Plan;
use crate::run::Run;

pub use console::Console;

use console::Failure;

/// Everything went well.
const OK: u8 = 0;
/// A file or a socket failed.
const FAILED: u8 = 1;
/// The command was called wrongly, or the scenario cannot be.
const USAGE: u8 = 2;
/// Something happened that must never happen.
const SAFETY: u8 = 10;
/// Something did not happen that must.
const LIVENESS: u8 = 11;
/// The client panicked.
const PANIC: u8 = 12;
/// Two runs of one plan were different, or a replay from what was recorded.
const NONDETERMINISM: u8 = 13;
/// A campaign did not meet everything that it has to meet.
const MARKS: u8 = 14;
/// A case of the advisor failed.
const ADVISOR: u8 = 15;

#[derive(Debug, Parser)]
#[command(
    name = "thingwire-sim",
    version,
    about = "Runs device clients against every fault on a virtual clock, and stands in for AWS IoT Core when devices are tested.",
    after_help = EXAMPLES
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Wherever SCENARIO|PROFILE is asked for, give a scenario file or the name of a profile (`thingwire-sim list profiles`).

Examples:
  thingwire-sim run flaky-wifi --seed 7
  thingwire-sim campaign swarm soak --time 10m --out report
  thingwire-sim shrink swarm --seed 4711 -o small.toml
  thingwire-sim timeline small.toml -o small.html
  thingwire-sim replay device.trace --judge
  thingwire-sim fleet --devices 100000 --rate 500 -o storm
  thingwire-sim serve --port 8883 --plain-port 1883 --dir ./certs

Exit codes:
  0   everything that must hold did
  1   a file or a socket failed
  2   called wrongly, or a scenario that cannot be
  10  something happened that must never happen (S)
  11  something did not happen that must (L)
  12  the client panicked
  13  two runs of one plan were different, or this build differs from a field trace
  14  a campaign missed something that it has to meet (--require-marks)
  15  a case of `advisor` failed

Environment: THINGWIRE_SIM_SEED, THINGWIRE_SIM_SEEDS and THINGWIRE_SIM_JOBS stand in for --seed, --seeds and --jobs.
Flags come before the environment, and the environment before the scenario file.";

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::RunOptions),
    Campaign(campaign::Campaign),
    Replay(replay::Replay),
    Shrink(shrink::Shrink),
    Explain(run::Explain),
    Timeline(timeline::Timeline),
    Advisor(advisor::Advisor),
    List(list::List),
    CheckDeterminism(determinism::CheckDeterminism),
    Bench(bench::Bench),
    Fleet(FleetArgs),
    Things(things::Things),
    Serve(serve::Serve),
}

/// Runs the command that the process was started with, and says how the process should exit.
pub fn run() -> ExitCode {
    let (mut out, mut err) = (io::stdout().lock(), io::stderr());
    let interactive = err.is_terminal();
    let mut console = Console { out: &mut out, err: &mut err, interactive };
    ExitCode::from(execute(std::env::args_os(), &judged, &mut console))
}

/// A run in the simulated world. A plan that cannot be fails as such: scenarios and profiles are checked before.
fn judged(plan: &Plan, record: bool) -> Run {
    let refused = |what| Run {
        findings: vec![Finding { oracle: "PLAN", at: Instant::EPOCH, device: 0, what }],
        ..Run::default()
    };
    crate::run::run(plan, record).unwrap_or_else(refused)
}

/// Runs a command with this runner, and says how a process should exit: see the help for the codes.
pub fn execute(arguments: impl IntoIterator<Item = OsString>, runner: Runner<'_>, console: &mut Console<'_>) -> u8 {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return explain(&error, console),
    };
    let outcome = match arguments.command {
        Command::Run(options) => run::run(&options, runner, console),
        Command::Campaign(options) => campaign::campaign(&options, runner, console),
        Command::Replay(options) => replay::replay(&options, runner, console),
        Command::Shrink(options) => shrink::shrink(&options, runner, console),
        Command::Explain(options) => run::explain(&options, runner, console),
        Command::Timeline(options) => timeline::timeline(&options, runner, console),
        Command::Advisor(options) => advisor::advisor(&options, console),
        Command::List(options) => list::list(&options, console),
        Command::CheckDeterminism(options) => determinism::check(&options, runner, console),
        Command::Bench(options) => bench::bench(&options, runner, console),
        Command::Fleet(options) => fleet::command(&options).map(|()| OK).map_err(|line| Failure { code: FAILED, line }),
        Command::Things(options) => things::things(&options, console),
        Command::Serve(options) => serve::serve(options, console).map(|()| OK).map_err(Failure::from),
    };
    outcome.unwrap_or_else(|failure| {
        console.say(&format!("error: {}", failure.line));
        failure.code
    })
}

/// Help and version as clap has them; a usage error in one line.
fn explain(error: &clap::Error, console: &mut Console<'_>) -> u8 {
    let text = error.to_string();
    if error.use_stderr() && error.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let cause: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
        console.say(&format!("{} (hint: see 'thingwire-sim --help')", cause.join(" ")));
    } else if error.use_stderr() {
        console.say(text.trim_end());
    } else if let Err(failure) = console.print(&text) {
        console.say(&format!("error: {}", failure.line));
        return failure.code;
    }
    u8::try_from(error.exit_code()).unwrap_or(USAGE)
}
