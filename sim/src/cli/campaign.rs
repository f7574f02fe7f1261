//! `thingwire-sim campaign`.

use core::fmt::Write as _;
use core::sync::atomic::AtomicBool;
use core::time::Duration;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::console::{Failure, code};
use super::source::{seed, source};
use super::{Console, FAILED, MARKS, OK, list, page};
use crate::campaign::{Ended, Line, Report, Runner, Setup, Watch, Whole, campaign as make, shell_word};
use crate::picture::count;
use crate::plan::{Span, Workload};

/// Run many seeds of scenarios and profiles, on all cores.
///
/// Counts what failed, by what was seen, each with the command that makes its first run again. Ctrl-C ends it early with everything
/// that is known by then. With --out it leaves `results.jsonl`, a line for every run, `report.json`, and `report.html` for people;
/// they appear when they are complete.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  thingwire-sim campaign all --seeds 15000
  thingwire-sim campaign flaky-wifi cellular my.toml --time 10m --out report")]
pub(super) struct Campaign {
    /// Scenario files and names of profiles; their runs take turns.
    #[arg(value_name = "SCENARIO|PROFILE", required = true)]
    sources: Vec<String>,
    /// How many runs in all. Without it and without --time, 1,000.
    #[arg(long, value_name = "N", env = "THINGWIRE_SIM_SEEDS")]
    seeds: Option<u64>,
    /// How long, on the clock on the wall.
    #[arg(long, value_name = "SPAN")]
    time: Option<Span>,
    /// The first seed of each.
    #[arg(long, value_name = "N", env = "THINGWIRE_SIM_SEED", value_parser = seed, default_value = "0")]
    seed: u64,
    /// Threads; 0 for as many as there are cores.
    #[arg(short, long, value_name = "N", env = "THINGWIRE_SIM_JOBS", default_value_t = 0)]
    jobs: usize,
    /// After how many failed runs to end; 0 for never.
    #[arg(long, value_name = "N", default_value_t = 20)]
    max_failures: u64,
    /// Where to leave the results.
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Fail with 14 if anything was not met that a campaign has to meet (`thingwire-sim list marks`).
    #[arg(long)]
    require_marks: bool,
}

pub(super) fn campaign(options: &Campaign, runner: Runner<'_>, console: &mut Console<'_>) -> Result<u8, Failure> {
    let sources = options.sources.iter().map(|name| source(name)).collect::<Result<Vec<_>, _>>()?;
    // A scenario that cannot be is found before anything is written.
    let mut shadows = false;
    for source in &sources {
        let plan = source.plan(options.seed)?;
        shadows |= plan.workload.iter().any(|workload| matches!(workload, Workload::Shadow { .. }));
    }
    let seeds = options.seeds.or(options.time.is_none().then_some(1_000));
    let setup = Setup {
        sources,
        first_seed: options.seed,
        seeds,
        time: options.time.map(|span| span.0),
        jobs: options.jobs,
        failures_max: options.max_failures,
        marks: list::marks(shadows),
    };
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // Whoever asks a second time does not want to wait for the report.
        flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))?;
        flag::register(signal, Arc::clone(&stop))?;
    }
    let results = options.out.as_deref().map(prepare).transpose()?;
    let mut watcher = Watcher::new(results, console);
    let report = make(&setup, runner, &stop, &mut watcher)?;
    let results = watcher.results.take();
    watcher.bar.finish_and_clear();
    if let (Some(dir), Some(results)) = (&options.out, results) {
        results.finish()?;
        let json = serde_json::to_string_pretty(&report).map_err(io::Error::from)?;
        Whole::write(&dir.join("report.json"), format!("{json}\n").as_bytes())?;
        Whole::write(&dir.join("report.html"), page::html(&report, &command(options)).as_bytes())?;
    }
    console.print(&summary(&report))?;
    if let Some(dir) = &options.out {
        console.print(&format!("report: {}\n", dir.join("report.html").display()))?;
    }
    let missed = options.require_marks && report.reached().0 < report.reached().1;
    Ok(report.worst().map_or(if missed { MARKS } else { OK }, code))
}

/// The command that makes the campaign again, but for where it leaves its results.
fn command(options: &Campaign) -> String {
    let mut command = String::from("thingwire-sim campaign");
    for source in &options.sources {
        let _ = write!(command, " {}", shell_word(source));
    }
    if let Some(seeds) = options.seeds {
        let _ = write!(command, " --seeds {seeds}");
    }
    if let Some(time) = options.time {
        let _ = write!(command, " --time {time}");
    }
    let _ = write!(command, " --seed {} --max-failures {}", options.seed, options.max_failures);
    command
}

fn prepare(dir: &Path) -> Result<Whole, Failure> {
    let told = |error: io::Error| {
        let hint = "--out wants a directory that you may write to";
        Failure { code: FAILED, line: format!("cannot write to {}: {error} (hint: {hint})", dir.display()) }
    };
    fs::create_dir_all(dir).map_err(told)?;
    Ok(Whole::create(&dir.join("results.jsonl"))?)
}

/// Writes results down and tells how it goes.
struct Watcher<'a, 'b> {
    results: Option<Whole>,
    bar: ProgressBar,
    console: &'a mut Console<'b>,
    told: Instant,
}

/// How often progress is told where nobody can see it change.
const TELL: Duration = Duration::from_secs(10);
/// Parts of the bar.
const PARTS: u32 = 1_000;

impl<'a, 'b> Watcher<'a, 'b> {
    fn new(results: Option<Whole>, console: &'a mut Console<'b>) -> Self {
        let bar = if console.interactive {
            ProgressBar::with_draw_target(Some(u64::from(PARTS)), ProgressDrawTarget::stderr())
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template("[{bar:30}] {msg}") {
            bar.set_style(style);
        }
        Self { results, bar, console, told: Instant::now() }
    }
}

impl Watch for Watcher<'_, '_> {
    fn line(&mut self, line: &Line) -> io::Result<()> {
        let Some(results) = &mut self.results else { return Ok(()) };
        let json = serde_json::to_string(line)?;
        writeln!(results, "{json}")
    }

    fn progress(&mut self, report: &Report, share: f64) {
        let line = progress(report, share);
        if self.console.interactive {
            // A share of 1 is 1,000 parts.
            let parts = (0..=PARTS).rev().find(|&parts| f64::from(parts) <= share * f64::from(PARTS));
            self.bar.set_position(u64::from(parts.unwrap_or(0)));
            self.bar.set_message(line);
        } else if self.told.elapsed() >= TELL {
            self.told = Instant::now();
            self.console.say(&line);
        }
    }
}

fn progress(report: &Report, share: f64) -> String {
    let (reached, marks) = report.reached();
    let left = if share > 0.0 { report.wall_seconds / share * (1.0 - share) } else { 0.0 };
    format!(
        "{} runs, {:.0}/s, {:.0} events/s; {} failed in {} ways; marks {reached}/{marks}; {:.1} h of devices, {:.0} times as \
         fast; {left:.0} s left",
        report.seeds,
        rate(report.seeds, report.wall_seconds),
        rate(report.events, report.wall_seconds),
        report.failed,
        report.failures.len(),
        report.virtual_hours,
        report.speed_up(),
    )
}

/// What a campaign came to, in words.
fn summary(report: &Report) -> String {
    let mut text = match report.ended {
        Ended::Done => String::new(),
        Ended::Interrupted => "interrupted\n".to_owned(),
        Ended::Failures => "ended early: enough runs have failed\n".to_owned(),
    };
    let _ = writeln!(
        text,
        "{} runs in {:.1} s on {} threads: {:.0} runs/s, {:.0} events/s, {:.1} hours of devices, {:.0} times as fast",
        report.seeds,
        report.wall_seconds,
        report.jobs,
        rate(report.seeds, report.wall_seconds),
        rate(report.events, report.wall_seconds),
        report.virtual_hours,
        report.speed_up()
    );
    for source in &report.sources {
        let _ = writeln!(text, "  {:<24} {:>9} runs {:>7} failed", source.name, source.seeds, source.failed);
    }
    let (reached, marks) = report.reached();
    if marks > 0 {
        let _ = writeln!(text, "marks reached: {reached} of {marks}");
    }
    for (mark, _) in report.marks.iter().filter(|&(_, &times)| times == 0) {
        let _ = writeln!(text, "  never: {mark}");
    }
    for failure in &report.failures {
        let _ = writeln!(text, "FAILED in {}: {}", count(failure.count, "run"), failure.signature);
        let _ = writeln!(text, "  first: {}", failure.seen);
        let _ = writeln!(text, "  reproduce: {}", failure.reproduce);
        let _ = writeln!(text, "  make smaller: {}", failure.shrink);
    }
    text
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn rate(count: u64, secs: f64) -> f64 {
    if secs > 0.0 { count as f64 / secs } else { 0.0 }
}
