//! `thingwire-sim fleet`.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Capacity, Fidelity, Handshakes, Kind, Loss, OverRate, Policy, Recovery, Storm, report};
use crate::plan::Span;

/// See how long a fleet takes to come back, and at what price.
///
/// All devices lose their connection, a server accepts so many of them a second, and each way to wait between attempts is tried on the
/// same storm. The table has for each policy: when 50, 90, 99 and 100 % of the fleet were back, and which part was at the end; attempts
/// of a device, on average, of the worst hundredth and of the worst; the most attempts and refusals in a second; attempts that timed
/// out; and how long a device was at it. With -o it also writes fleet.html (everything, with a map of devices over time and the same
/// storm before slower and faster servers), fleet.svg, fleet.csv (second by second) and fleet.json.
///
/// The policies: v1 (the documented formula, without jitter), fixed (always the base), equal (half of it drawn), full (all of it drawn,
/// above 1 s: thingwire's default), decorrelated (drawn up to three times the last wait).
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct FleetArgs {
    /// How many devices there are.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    devices: u32,
    /// How they lose the connection: sync (all at once), spread:TIME (each finds out within that time), power-cut:TIME (each starts
    /// anew within that time, and tries at once).
    #[arg(long, value_name = "HOW", default_value = "sync")]
    loss: Loss,
    /// The ways to wait, separated by commas.
    #[arg(long, value_name = "A,B,C", value_delimiter = ',', default_value = "v1,fixed,equal,full,decorrelated")]
    policy: Vec<Kind>,
    /// The first wait.
    #[arg(long, value_name = "TIME", default_value = "1s")]
    base: Span,
    /// The longest wait.
    #[arg(long, value_name = "TIME", default_value = "32s")]
    max: Span,
    /// How many CONNECTs the server accepts a second.
    #[arg(long, value_name = "N", default_value_t = 500)]
    rate: u32,
    /// How many it accepts at once after a rest; as many as in a second, when not given.
    #[arg(long, value_name = "N")]
    burst: Option<u32>,
    /// The server does not answer a CONNECT that is too many, instead of refusing it.
    #[arg(long)]
    silent: bool,
    /// The server hears each client id at most once in this time.
    #[arg(long, value_name = "TIME")]
    id_spacing: Option<Span>,
    /// How many per cent of its rate the server keeps while more than twice as many CONNECTs arrive.
    #[arg(long, value_name = "PERCENT", default_value_t = 100)]
    overloaded: u32,
    /// How many TLS handshakes the server works on at one time; without it, they are no burden.
    #[arg(long, value_name = "N")]
    tls_workers: Option<u32>,
    /// How long a handshake takes.
    #[arg(long, value_name = "TIME", default_value = "2ms", requires = "tls_workers")]
    tls_time: Span,
    /// How many connections may wait for their handshake; more get no answer.
    #[arg(long, value_name = "N", default_value_t = 4_096, requires = "tls_workers")]
    backlog: u32,
    /// The time between a device and the server, there and back.
    #[arg(long, value_name = "TIME", default_value = "60ms")]
    round_trip: Span,
    /// How much longer that is for the farthest device; every device is somewhere in between.
    #[arg(long, value_name = "TIME", default_value = "0s")]
    round_trip_spread: Span,
    /// When a device gives an attempt up.
    #[arg(long, value_name = "TIME", default_value = "10s")]
    connect_timeout: Span,
    /// When to stop looking.
    #[arg(long, value_name = "TIME", default_value = "4h")]
    until: Span,
    /// Run a whole client for each device; for up to 100,000 devices.
    #[arg(long)]
    full: bool,
    /// Another seed draws other waits.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Where to write fleet.html, fleet.svg, fleet.csv and fleet.json. Files of an earlier run are replaced.
    #[arg(short, long = "out", value_name = "DIR")]
    out: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  thingwire-sim fleet
  thingwire-sim fleet --devices 1000000 --rate 3000 --max 128s -o storm
  thingwire-sim fleet --loss spread:90s --policy v1,full
  thingwire-sim fleet --silent --tls-workers 8 --tls-time 5ms --overloaded 50";

/// Runs the study, prints the table and writes the files.
pub fn command(args: &FleetArgs) -> Result<(), String> {
    let storm = args.storm();
    let policies: Vec<_> = args.policy.iter().map(|&kind| Policy::new(kind, args.base.0, args.max.0)).collect();
    let fidelity = if args.full { Fidelity::Full } else { Fidelity::Lean };
    super::check(&storm, &policies, fidelity)?;
    if let Some(dir) = &args.out {
        prepare(dir)?;
    }
    let bar = progress_bar(u64::from(storm.devices) * policies.len() as u64);
    let recoveries = super::study(&storm, &policies, fidelity, &|back| bar.inc(back.into()));
    bar.finish_and_clear();
    let recoveries = recoveries?;
    if let Some(dir) = &args.out {
        write_files(dir, &storm, &policies, &recoveries)?;
    }
    let mut out = io::stdout().lock();
    let printed = out.write_all(report::table(&storm, &recoveries).as_bytes()).and_then(|()| out.flush());
    printed.map_err(|error| format!("cannot write to standard output: {error}"))
}

impl FleetArgs {
    fn storm(&self) -> Storm {
        let handshakes = |workers| Handshakes { workers, each: self.tls_time.0, backlog: self.backlog };
        let capacity = Capacity {
            burst: self.burst.unwrap_or(self.rate),
            over_rate: if self.silent { OverRate::Ignore } else { OverRate::Refuse },
            round_trip: self.round_trip.0,
            round_trip_spread: self.round_trip_spread.0,
            handshakes: self.tls_workers.map(handshakes),
            id_spacing: self.id_spacing.map(|spacing| spacing.0),
            overloaded_percent: self.overloaded,
            ..Capacity::new(self.rate)
        };
        Storm {
            loss: self.loss,
            connect_timeout: self.connect_timeout.0,
            until: self.until.0,
            seed: self.seed,
            ..Storm::new(self.devices, capacity)
        }
    }
}

/// On standard error, and only where somebody looks at it.
fn progress_bar(len: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(len), ProgressDrawTarget::stderr_with_hz(10));
    let style = ProgressStyle::with_template("{bar:30} {human_pos} of {human_len} recoveries, {elapsed}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn write_files(dir: &Path, storm: &Storm, policies: &[Policy], recoveries: &[Recovery]) -> Result<(), String> {
    let sweep = super::sweep(storm, policies)?;
    replace(dir, "fleet.html", &super::page(storm, recoveries, &sweep)?)?;
    replace(dir, "fleet.svg", &super::picture(storm, recoveries)?)?;
    replace(dir, "fleet.csv", &report::csv(recoveries))?;
    replace(dir, "fleet.json", &format!("{:#}\n", report::json(storm, recoveries)))
}

/// A study that could not be kept is not begun.
fn prepare(dir: &Path) -> Result<(), String> {
    let probe = unfinished(dir, "fleet");
    let tried = fs::create_dir_all(dir).and_then(|()| fs::write(&probe, "")).and_then(|()| fs::remove_file(&probe));
    tried.map_err(|error| cannot_write(dir, &error))
}

/// Writes a file that is there as a whole or not at all.
fn replace(dir: &Path, name: &str, text: &str) -> Result<(), String> {
    let unfinished = unfinished(dir, name);
    let done = dir.join(name);
    let written = fs::write(&unfinished, text).and_then(|()| fs::rename(&unfinished, &done));
    written.map_err(|error| {
        // It may not be there.
        let _ = fs::remove_file(&unfinished);
        cannot_write(&done, &error)
    })
}

fn unfinished(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!(".{name}.{}", process::id()))
}

fn cannot_write(path: &Path, error: &io::Error) -> String {
    format!("cannot write {}: {error}", path.display())
}
