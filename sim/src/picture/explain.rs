//! One finding in plain words: what must hold, what was seen, and what had happened before.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use thingwire_core::Phase;

use super::words;
use crate::oracle::Finding;
use crate::trace::{Holds, Record, Trace, What};

/// What must hold, in the oracle's own words; what was seen; how the device stood, and the last records before, so many
/// at most.
pub fn text(trace: &Trace, finding: &Finding, statement: &str, records_max: usize) -> String {
    let before: Vec<_> = before(trace, finding).collect();
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ =
        writeln!(out, "{} was broken at {} by device {}.\n", finding.oracle, words::clock(finding.at), finding.device);
    let _ = writeln!(out, "What must hold: {statement}");
    let _ = writeln!(out, "What was seen:  {}", finding.what);
    let _ = writeln!(out, "How it stood:   {}\n", stand(trace, &before));
    let told: Vec<_> = before.iter().rev().filter(|record| is_told(&record.what)).take(records_max).collect();
    let _ = writeln!(out, "What had happened, the last at the end:");
    for record in told.into_iter().rev() {
        let ago = match finding.at.since(record.at) {
            none if none.is_zero() => "then".to_owned(),
            ago => format!("{} before", words::span(ago)),
        };
        let _ = writeln!(out, "  {:>15}  {ago:>15}  {}", words::clock(record.at), words::what(trace, &record.what));
    }
    out
}

/// What the device's records were when the finding was seen.
fn before<'t>(trace: &'t Trace, finding: &Finding) -> impl Iterator<Item = &'t Record> {
    let (device, at) = (finding.device, finding.at);
    trace.records.iter().filter(move |record| record.device == device && record.at <= at)
}

/// What the client holds and waits for is said once, not in between.
fn is_told(what: &What) -> bool {
    !matches!(what, What::Holds(_) | What::Deadline(_))
}

fn stand(trace: &Trace, before: &[&Record]) -> String {
    let (mut phase, mut holds, mut link, mut open) = (None::<Phase>, Holds::default(), None, 0_u64);
    let mut faults = BTreeMap::new();
    let mut deadline = None;
    for record in before {
        match &record.what {
            What::Phase(to) => phase = Some(*to),
            What::Holds(held) => holds = *held,
            What::Up(number) => link = Some(*number),
            What::Down(..) | What::Close(_) => link = None,
            What::Accepted { .. } => open += 1,
            What::Finished { .. } => open = open.saturating_sub(1),
            What::Deadline(_) => deadline = Some(&record.what),
            What::Fault { index, name, begins: true } => drop(faults.insert(*index, *name)),
            What::Fault { index, begins: false, .. } => drop(faults.remove(index)),
            _ => {}
        }
    }
    let mut parts = vec![phase.map_or("no phase yet", words::phase).to_owned()];
    parts.push(link.map_or("no link up".to_owned(), |number| format!("link {number} up")));
    parts.push(words::what(trace, &What::Holds(holds)));
    parts.push(format!("{} open", words::count(open, "operation")));
    parts.extend(deadline.map(|what| words::what(trace, what)));
    if !faults.is_empty() {
        parts.push(format!("faults: {}", faults.into_values().collect::<Vec<_>>().join(", ")));
    }
    parts.join("; ")
}
