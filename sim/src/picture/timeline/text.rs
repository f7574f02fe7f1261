//! The run as text: fixed columns, for terminals and logs.

use core::time::Duration;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use thingwire_core::{Instant, Notice, Phase};

use super::Options;
use crate::oracle::Finding;
use crate::picture::axis::Axis;
use crate::picture::words;
use crate::trace::{Holds, Trace, What};

/// How a device stands.
#[derive(Default)]
struct Stand {
    phase: Option<Phase>,
    holds: Holds,
}

pub(super) fn text(trace: &Trace, findings: &[Finding], options: &Options) -> String {
    let shown = |device: u32| options.devices.is_empty() || options.devices.contains(&device);
    let mut out = String::new();
    let mut line = |text: &str| {
        out.push_str(text.trim_end());
        out.push('\n');
    };
    if !options.title.is_empty() {
        line(&one_line(&options.title));
    }
    line(&format!("{:>15} {:>3}   {:<23} {:>6} {:>9}  what", "time", "dev", "phase", "queued", "in flight"));
    let fold = options.fold.unwrap_or(threshold(trace));
    let mut waiting: Vec<_> = findings.iter().filter(|finding| shown(finding.device)).collect();
    waiting.sort_by_key(|finding| finding.at);
    let mut waiting = waiting.into_iter().peekable();
    let mut stands: BTreeMap<u32, Stand> = BTreeMap::new();
    let mut last: Option<Instant> = None;
    for record in trace.records.iter().filter(|record| shown(record.device)) {
        while let Some(finding) = waiting.next_if(|finding| finding.at < record.at) {
            line(&finding_line(finding));
        }
        let stand = stands.entry(record.device).or_default();
        match &record.what {
            What::Phase(phase) => stand.phase = Some(*phase),
            What::Holds(holds) => stand.holds = *holds,
            _ => {}
        }
        if !is_told(&record.what) {
            continue;
        }
        let idle = last.map_or(Duration::ZERO, |last| record.at.since(last));
        if idle > fold {
            line(&format!("{:>15}", format!("... {} ...", words::span(idle))));
        }
        last = Some(record.at);
        line(&format!(
            "{:>15} {:>3} {} {:<23} {:>6} {:>9}  {}",
            words::clock(record.at),
            record.device,
            words::glyph(&record.what),
            stand.phase.map_or("", words::phase),
            stand.holds.queued,
            stand.holds.in_flight,
            one_line(&words::what(trace, &record.what)),
        ));
    }
    for finding in waiting {
        line(&finding_line(finding));
    }
    let _ = writeln!(
        out,
        "{}, {}",
        words::count(trace.records.len() as u64, "record"),
        words::count(findings.len() as u64, "finding")
    );
    out
}

/// Whether it has a line of its own. What the client holds is in the columns; deadlines and wakes are the driver's
/// business; messages and outcomes have records of their own.
fn is_told(what: &What) -> bool {
    !matches!(
        what,
        What::Holds(_) | What::Deadline(_) | What::Wake { .. } | What::Told(Notice::Message(_) | Notice::Done { .. })
    )
}

fn finding_line(finding: &Finding) -> String {
    let (at, device, what) = (words::clock(finding.at), finding.device, one_line(&finding.what));
    format!("{at:>15} {device:>3} X {:<23} {:>6} {:>9}  {}: {what}", "FINDING", "", "", finding.oracle)
}

fn threshold(trace: &Trace) -> Duration {
    let times = || trace.records.iter().map(|record| record.at);
    let whole = times().max().zip(times().min()).map_or(Duration::ZERO, |(last, first)| last.since(first));
    Axis::usual_threshold(whole)
}

/// A log's line is one line, whatever somebody calls a topic, and has no escape sequences for the terminal.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
