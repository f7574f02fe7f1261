//! `thingwire-sim timeline`: one run as a picture.

use core::time::Duration;
use std::path::{Path, PathBuf};

use super::Console;
use super::console::Failure;
use super::replay::{self, is_recorded, tell};
use super::run::{exit_code, verdict};
use super::source::{load, seed};
use crate::campaign::{Runner, Whole, attempt};
use crate::oracle::Finding;
use crate::picture::timeline::{self, Options};
use crate::trace::Trace;

/// Draw a run over time: faults, phases, operations by outcome, the queue, what is in flight, and packets both ways.
///
/// The name of the file says how: .svg, .html (with legend, findings and a table of operations) or .txt. Without one, or with `-`, the
/// text goes to standard output. Idle time is folded. Ends as `run` does. Of a field trace it shows what the device saw.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  thingwire-sim timeline flaky-wifi --seed 7 -o seven.html
  thingwire-sim timeline device.trace | less")]
pub(super) struct Timeline {
    /// A scenario file, the name of a profile, or a field trace.
    #[arg(value_name = "SCENARIO|PROFILE|TRACE")]
    source: String,
    /// Decides everything that is left open. Without it, the scenario's own seed, or 0.
    #[arg(long, value_name = "N", env = "THINGWIRE_SIM_SEED", value_parser = seed)]
    seed: Option<u64>,
    /// Where to draw it.
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The devices to show. Without it, those with findings and then the first, four at most.
    #[arg(long, value_name = "N,N", value_delimiter = ',')]
    devices: Vec<u32>,
}

/// How much later than due anything may be on a real device, before the picture says so.
const SLACK: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Svg,
    Html,
    Text,
}

pub(super) fn timeline(options: &Timeline, runner: Runner<'_>, console: &mut Console<'_>) -> Result<u8, Failure> {
    let file = options.out.as_deref().filter(|path| *path != Path::new("-"));
    // Before the run, which may take long.
    let how = file.map_or(Ok(How::Text), how)?;
    let source = Path::new(&options.source);
    if is_recorded(source) {
        let (trace, findings) = tell(source, SLACK)?;
        let picture = Options { title: options.source.clone(), ..Options::default() };
        draw(&trace, &findings, &picture, how, file, console)?;
        if !findings.is_empty() {
            console.say(&format!("FAILED: not everything held\nreproduce: thingwire-sim replay {}", options.source));
        }
        return Ok(replay::verdict(&findings));
    }
    let loaded = load(&options.source, options.seed)?;
    if let Some(device) = options.devices.iter().find(|device| **device >= loaded.plan.devices) {
        let last = loaded.plan.devices - 1;
        return Err(Failure::usage(format!("there is no device {device} (hint: the last one is {last})")));
    }
    let attempt = attempt(&loaded.plan, true, runner);
    if let Some(trace) = &attempt.run.trace {
        let subtitle = loaded.reproduce();
        let picture = Options { subtitle, devices: options.devices.clone(), ..Options::of(&loaded.plan) };
        draw(trace, &attempt.run.findings, &picture, how, file, console)?;
    }
    // Standard output may be a picture already.
    let verdict = verdict(&loaded, &attempt);
    if file.is_some() {
        console.print(&verdict)?;
    } else {
        console.say(verdict.trim_end());
    }
    Ok(exit_code(&attempt))
}

fn how(path: &Path) -> Result<How, Failure> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("svg") => Ok(How::Svg),
        Some("html") => Ok(How::Html),
        Some("txt") => Ok(How::Text),
        _ => Err(Failure::usage(format!("cannot tell how to draw {} (hint: .svg, .html or .txt)", path.display()))),
    }
}

fn draw(
    trace: &Trace,
    findings: &[Finding],
    options: &Options,
    how: How,
    file: Option<&Path>,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let picture = match how {
        How::Svg => timeline::svg(trace, findings, options),
        How::Html => timeline::html(trace, findings, options),
        How::Text => timeline::text(trace, findings, options),
    };
    match file {
        Some(path) => Ok(Whole::write(path, picture.as_bytes())?),
        None => console.print(&picture),
    }
}
