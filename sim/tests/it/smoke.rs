//! A small campaign over every profile, every regression, and the same again: what the simulator promises of the client
//! on every change. `thingwire-sim campaign` is the large one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use thingwire_sim::campaign::{Line, Report, Setup, Source, Watch, campaign};
use thingwire_sim::plan::Plan;
use thingwire_sim::run::{Run, run};
use thingwire_sim::{catalogue, oracle, profile, scenario};

/// Runs in all, dealt to the profiles in turn.
const SEEDS: u64 = 300;

struct Nobody;

impl Watch for Nobody {
    fn line(&mut self, _: &Line) -> std::io::Result<()> {
        Ok(())
    }

    fn progress(&mut self, _: &Report, _: f64) {}
}

fn judged(plan: &Plan, record: bool) -> Run {
    run(plan, record).unwrap()
}

fn campaign_over(profiles: impl IntoIterator<Item = &'static profile::Profile>, seeds: u64) -> Report {
    let setup = Setup {
        sources: profiles.into_iter().map(Source::Profile).collect(),
        first_seed: 0,
        seeds: Some(seeds),
        time: None,
        jobs: 0,
        failures_max: 0,
        marks: oracle::Mark::ALL.iter().map(|mark| mark.name()).collect(),
    };
    campaign(&setup, &judged, &AtomicBool::new(false), &mut Nobody).unwrap()
}

#[test]
fn no_profile_breaks_a_promise() {
    let quick = profile::ALL.iter().filter(|profile| profile.name != "soak");
    let report = campaign_over(quick, SEEDS);
    let failures: Vec<_> = report.failures.iter().map(|failure| (&failure.reproduce, &failure.seen)).collect();
    assert!(failures.is_empty(), "{failures:#?}");
    let (reached, all) = report.reached();
    assert!(reached * 10 >= all * 8, "only {reached} of {all} things happened that a campaign has to meet");
    let faults: BTreeSet<_> = report.coverage.iter().map(|cell| cell.fault.as_str()).collect();
    let made = catalogue::rows().filter(|row| matches!(row.made, catalogue::Made::By(_)));
    let missed: Vec<_> = made.filter(|row| !faults.contains(row.name)).map(|row| row.name).collect();
    assert!(missed.len() <= 3, "faults that never happened: {missed:?}");
}

#[test]
fn every_regression_stays_mended() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let mut findings = BTreeMap::new();
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        let scenario = scenario::read(&file, &std::fs::read_to_string(&path).unwrap(), None).unwrap();
        seen += 1;
        let run = judged(&scenario.plan, false);
        if !run.findings.is_empty() {
            findings.insert(file, run.findings);
        }
    }
    assert!(seen > 0, "there are regressions");
    assert!(findings.is_empty(), "{findings:#?}");
}

#[test]
fn a_plan_is_one_life_on_every_thread() {
    for profile in profile::ALL.iter().filter(|profile| profile.name != "soak") {
        let plan = profile.plan(11);
        let here = judged(&plan, false);
        let there = std::thread::scope(|scope| scope.spawn(|| judged(&plan, false)).join()).unwrap();
        assert_eq!(here, there, "{}", profile.name);
        assert_eq!(judged(&plan, true).hash, here.hash, "{}: being recorded changes nothing", profile.name);
    }
}
