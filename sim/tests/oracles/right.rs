//! Lives in which everything is right.

use core::fmt::Write as _;
use core::time::Duration;
use std::collections::BTreeMap;

use thingwire_core::{Instant, Phase};
use thingwire_sim::oracle::{Judge, Mark, Oracle, Rulebook, Verdict};
use thingwire_sim::trace::{Observer, Record, What};

use crate::{lives, shadows};

pub(crate) fn judge(records: &[Record], rules: &Rulebook) -> Verdict {
    let mut judge = Judge::new(vec![rules.clone()]);
    for record in records {
        judge.observe(record);
    }
    judge.finish(records.last().map_or(Instant::EPOCH, |record| record.at))
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    let mut found = String::new();
    for (name, life) in lives::ALL {
        let (records, rules) = life();
        for finding in judge(&records, &rules).findings {
            writeln!(found, "{name}: {finding}").unwrap();
        }
    }
    assert_eq!(found, "");
}

#[test]
fn what_a_fault_makes_meaningless_is_excused() {
    let (mut records, mut rules) = lives::plain();
    let ended = records.iter().rposition(|record| matches!(record.what, What::Finished { .. })).unwrap();
    let twice = records[ended].clone();
    records.insert(ended, twice);
    let found: Vec<_> = judge(&records, &rules).findings.iter().map(|finding| finding.oracle).collect();
    assert_eq!(found, ["S1"]);
    rules.excused.insert(Oracle::S1);
    assert_eq!(judge(&records, &rules).findings, []);
}

#[test]
fn a_driver_that_drains_late_is_no_fault_within_the_slack() {
    let (mut records, mut rules) = lives::drained();
    let late = Duration::from_millis(1);
    for record in &mut records {
        let effect = matches!(record.what, What::Finished { .. } | What::Holds(_) | What::Phase(_));
        record.at = record.at + if effect { late } else { Duration::ZERO };
    }
    records.sort_by_key(|record| record.at);
    assert!(!judge(&records, &rules).findings.is_empty());
    rules.slack = late * 2;
    assert_eq!(judge(&records, &rules).findings, []);
}

#[test]
fn devices_are_judged_apart() {
    let (one, rules) = lives::resumed();
    let (other, others) = lives::requests();
    let others_records = other.into_iter().map(|record| Record { device: 1, ..record });
    let mut records: Vec<_> = one.into_iter().chain(others_records).collect();
    records.sort_by_key(|record| record.at);
    let mut judge = Judge::new(vec![rules, others]);
    for record in &records {
        judge.observe(record);
    }
    assert_eq!(judge.finish(Instant::EPOCH).findings, []);
}

#[test]
fn findings_are_bounded() {
    let (mut records, rules) = lives::plain();
    records.retain(|record| !matches!(record.what, What::Finished { .. } | What::Received(..)));
    let findings = judge(&records, &rules).findings;
    assert!((2..=20).contains(&findings.len()));
    for oracle in Oracle::ALL {
        assert!(findings.iter().filter(|finding| finding.oracle == oracle.id()).count() <= 3);
    }
}

#[test]
fn marks_and_coverage_are_counted() {
    let mut met: BTreeMap<&str, u64> = BTreeMap::new();
    for (_, life) in lives::ALL.into_iter().chain([("shadows", shadows::life as lives::Life)]) {
        let (records, rules) = life();
        for (mark, count) in judge(&records, &rules).marks {
            *met.entry(mark).or_default() += count;
        }
    }
    assert_eq!(met.len(), Mark::ALL.len());
    let unmet: Vec<_> = met.iter().filter(|&(_, &count)| count == 0).map(|(&mark, _)| mark).collect();
    insta::assert_snapshot!(unmet.join("\n"));
    let (records, rules) = lives::healed();
    let coverage = judge(&records, &rules).coverage;
    assert_eq!(coverage.into_iter().collect::<Vec<_>>(), [(("connect/refused", Phase::Ready), 1)]);
}

#[test]
fn every_oracle_has_a_name_and_a_statement() {
    let mut names: Vec<_> = Oracle::ALL.iter().map(|oracle| oracle.id()).collect();
    assert_eq!(names.len(), 45);
    names.dedup();
    assert_eq!(names.len(), 45);
    assert!(Oracle::ALL.iter().all(|oracle| oracle.statement().ends_with('.')));
}
