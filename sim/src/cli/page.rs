//! The page of a campaign's report.

use std::collections::BTreeMap;

use thingwire_core::Phase;

use super::run::statement;
use crate::campaign::{Ended, Failure, Report};
use crate::catalogue::{self, Made};
use crate::oracle::{CheckedBy, Oracle};
use crate::picture::report::{self, FaultRow, Profile, Property, Slow, Summary};
use crate::picture::{count, phase};

/// The phases, in the order in which a client passes through them.
const PHASES: [Phase; 8] = [
    Phase::Idle,
    Phase::Opening,
    Phase::AwaitingConnack,
    Phase::Resubscribing,
    Phase::Draining,
    Phase::Ready,
    Phase::BackingOff,
    Phase::Closing,
];

/// The report as a page; `command` makes the campaign again.
pub(super) fn html(report: &Report, command: &str) -> String {
    report::html(&summary(report, command))
}

fn summary(report: &Report, command: &str) -> Summary {
    let counts = [
        ("operations accepted", report.accepted),
        ("messages acknowledged", report.acked),
        ("messages delivered", report.delivered),
        ("connections", report.connections),
        ("faults", report.faults),
    ];
    let slow = |slow: &crate::campaign::Slow| Slow {
        seed: format!("{}, seed {}", slow.source, slow.seed),
        millis: slow.wall_millis,
    };
    Summary {
        title: "A campaign of thingwire-sim".to_owned(),
        notes: notes(report, command),
        seeds: report.seeds,
        failed: report.failed,
        virtual_hours: report.virtual_hours,
        wall_seconds: report.wall_seconds,
        events: report.events,
        counts: counts.map(|(name, count)| (name.to_owned(), count)).to_vec(),
        profiles: report
            .sources
            .iter()
            .map(|source| Profile { name: source.name.clone(), seeds: source.seeds, failed: source.failed })
            .collect(),
        properties: properties(report),
        failures: report.failures.iter().map(failure).collect(),
        marks: report.marks.iter().map(|(mark, times)| (mark.clone(), *times)).collect(),
        phases: PHASES.map(|at| phase(at).to_owned()).to_vec(),
        faults: faults(report),
        slowest: report.slowest.iter().map(slow).collect(),
    }
}

fn notes(report: &Report, command: &str) -> Vec<String> {
    let version = env!("CARGO_PKG_VERSION");
    let mut notes = vec![format!("{command}, version {version}, {}", count(report.jobs as u64, "thread"))];
    notes.extend(match report.ended {
        Ended::Done => None,
        Ended::Interrupted => Some("It was interrupted: this is what was known by then.".to_owned()),
        Ended::Failures => Some("It ended early, because enough runs had failed.".to_owned()),
    });
    notes
}

/// Every oracle, and what else runs have failed by.
fn properties(report: &Report) -> Vec<Property> {
    let mut violated: BTreeMap<&str, u64> = BTreeMap::new();
    for failure in &report.failures {
        *violated.entry(&failure.signature.oracle).or_default() += failure.count;
    }
    let mut properties: Vec<_> =
        Oracle::ALL.iter().map(|oracle| property(*oracle, violated.remove(oracle.id()))).collect();
    properties.extend(violated.into_iter().map(|(id, violated)| Property {
        id: id.to_owned(),
        statement: statement(id).to_owned(),
        checked: None,
        violated,
    }));
    properties
}

fn property(oracle: Oracle, violated: Option<u64>) -> Property {
    // A campaign runs every seed once and as it is: what needs more than that, it does not check.
    let (checked, by) = match oracle.checked_by() {
        CheckedBy::Judge => (None, ""),
        CheckedBy::Chunks => (Some(0), " (Checked by the tests, not by campaigns.)"),
        CheckedBy::Hash => (Some(0), " (Checked by `thingwire-sim check-determinism`, not by campaigns.)"),
    };
    Property {
        id: oracle.id().to_owned(),
        statement: format!("{}{by}", oracle.statement()),
        checked,
        violated: violated.unwrap_or(0),
    }
}

fn failure(failure: &Failure) -> report::Failure {
    let picture = failure.reproduce.replacen(" run ", " timeline ", 1) + " -o failure.html";
    let commands = [("make it again", &failure.reproduce), ("make it smaller", &failure.shrink), ("see it", &picture)];
    report::Failure {
        signature: failure.signature.to_string(),
        count: failure.count,
        example: format!("{}, seed {}", failure.source, failure.seed),
        commands: commands.map(|(what, command)| (what.to_owned(), command.clone())).to_vec(),
        detail: failure.seen.clone(),
    }
}

/// Every case that faults make, also those that were never met; and faults of scenarios' own.
fn faults(report: &Report) -> Vec<FaultRow> {
    let words = |name: &str| {
        PHASES.into_iter().find(|at| format!("{at:?}") == name).map_or(name.to_owned(), |at| phase(at).to_owned())
    };
    let counts = |fault: &str| -> BTreeMap<_, _> {
        let cells = report.coverage.iter().filter(|cell| cell.fault == fault);
        cells.map(|cell| (words(&cell.phase), cell.count)).collect()
    };
    let made = catalogue::rows().filter(|row| matches!(row.made, Made::By(_)));
    let mut rows: Vec<_> = made
        .map(|row| FaultRow { fault: row.name.to_owned(), family: row.family.to_string(), counts: counts(row.name) })
        .collect();
    let own = counts("own");
    if !own.is_empty() {
        rows.push(FaultRow { fault: "of scenarios' own".to_owned(), family: "own".to_owned(), counts: own });
    }
    rows
}
