//! Campaigns: the same verdicts whatever the threads do.

use core::sync::atomic::AtomicBool;
use std::fs;

use thingwire_core::Phase;
use thingwire_sim::campaign::{Ended, Error, Line, Report, Setup, Source, Watch, campaign};
use thingwire_sim::plan::Plan;
use thingwire_sim::profile;
use thingwire_sim::run::{Counts, Run};

use crate::process::{binary, ended, sim, with};
use crate::verdicts::failed;

/// Every seventh seed fails in one way, every eleventh in another.
fn runner(plan: &Plan, _: bool) -> Run {
    let mut run = match plan.seed {
        seed if seed % 7 == 3 => failed("S1", &format!("ticket {seed} ended twice")),
        seed if seed % 11 == 5 => failed("L2", &format!("ticket {seed} never ended")),
        _ => Run::default(),
    };
    run.counts =
        Counts { events: 10, device_micros: 3_600_000_000, faults: plan.fault.len() as u64, ..Counts::default() };
    run.hash = plan.seed;
    run.marks.insert("reconnected", plan.seed % 2);
    run.coverage.insert(("T7 half-open", Phase::Ready), 1);
    run
}

#[derive(Default)]
struct Kept {
    lines: Vec<Line>,
    full_after: Option<usize>,
}

impl Watch for Kept {
    fn line(&mut self, line: &Line) -> std::io::Result<()> {
        if self.full_after.is_some_and(|most| self.lines.len() >= most) {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        self.lines.push(Line { wall_millis: 0.0, ..line.clone() });
        Ok(())
    }

    fn progress(&mut self, _: &Report, share: f64) {
        assert!((0.0..=1.0).contains(&share));
    }
}

fn setup(jobs: usize) -> Setup {
    let sources = ["calm", "swarm"].map(|name| Source::Profile(profile::find(name).unwrap())).to_vec();
    let marks = vec!["reconnected", "never"];
    Setup { sources, first_seed: 10, seeds: Some(200), time: None, jobs, failures_max: 0, marks }
}

fn made(setup: &Setup) -> (Report, Vec<Line>) {
    let mut kept = Kept::default();
    let report = campaign(setup, &runner, &AtomicBool::new(false), &mut kept).unwrap();
    // What the clock on the wall says is nobody's promise.
    (Report { wall_seconds: 0.0, slowest: Vec::new(), jobs: 0, ..report }, kept.lines)
}

#[test]
fn verdicts_do_not_depend_on_threads() {
    let (report, lines) = made(&setup(1));
    assert_eq!((report.seeds, report.events, report.virtual_hours, lines.len()), (200, 2_000, 200.0, 200));
    assert_eq!(made(&setup(4)), (report.clone(), lines.clone()));
    let seeds: Vec<_> = lines.iter().map(|line| (line.source.as_str(), line.seed.as_str())).collect();
    assert_eq!(seeds[..4], [("calm", "10"), ("swarm", "10"), ("calm", "11"), ("swarm", "11")]);
    assert_eq!(report.sources.iter().map(|source| source.seeds).collect::<Vec<_>>(), [100, 100]);
    assert_eq!(report.failed, lines.iter().filter(|line| line.failure.is_some()).count() as u64);
    let [often, rarely] = report.failures.as_slice() else { panic!("{:?}", report.failures) };
    assert_eq!((often.signature.to_string().as_str(), often.seed.as_str()), ("S1: ticket # ended twice", "10"));
    assert_eq!(often.reproduce, "thingwire-sim run calm --seed 10");
    assert_eq!(often.shrink, "thingwire-sim shrink calm --seed 10");
    assert_eq!((rarely.signature.oracle.as_str(), rarely.seed.as_str()), ("L2", "16"));
    assert!(often.count > rarely.count);
    assert_eq!((report.marks["reconnected"], report.marks["never"], report.reached()), (100, 0, (1, 2)));
    assert_eq!((report.coverage[0].phase.as_str(), report.coverage[0].count), ("Ready", 200));
}

#[test]
fn a_campaign_ends_at_the_same_failure_every_time() {
    let made = |jobs| made(&Setup { failures_max: 5, ..setup(jobs) });
    let (report, lines) = made(1);
    assert_eq!((report.failed, report.ended), (5, Ended::Failures));
    assert!(lines.len() < 100 && lines.last().unwrap().failure.is_some());
    assert_eq!(made(4), (report, lines));
}

#[test]
fn an_interrupted_campaign_still_reports() {
    let stop = AtomicBool::new(false);
    let runner = |plan: &Plan, record: bool| {
        if plan.seed == 15 {
            stop.store(true, core::sync::atomic::Ordering::Relaxed);
        }
        runner(plan, record)
    };
    let mut kept = Kept::default();
    let report = campaign(&Setup { seeds: None, ..setup(2) }, &runner, &stop, &mut kept).unwrap();
    assert_eq!(report.ended, Ended::Interrupted);
    assert!(report.seeds >= 10 && report.seeds == kept.lines.len() as u64);
}

#[test]
fn a_full_disk_ends_the_campaign() {
    let mut kept = Kept { full_after: Some(50), ..Kept::default() };
    let stop = AtomicBool::new(false);
    let error = campaign(&Setup { seeds: None, ..setup(2) }, &runner, &stop, &mut kept).unwrap_err();
    assert!(matches!(error, Error::Watch(error) if error.kind() == std::io::ErrorKind::StorageFull));
}

#[test]
fn results_are_left_in_files() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("a/report");
    let arguments = ["campaign", "calm", "swarm", "--seeds", "60", "--out", out.to_str().unwrap()];
    let ended = with(&runner, &arguments);
    assert_eq!((ended.code, ended.err.as_str()), (10, ""), "{}", ended.out);
    for word in
        ["60 runs in ", "calm", "FAILED ", "S1: ticket # ended twice", "make smaller: thingwire-sim shrink calm"]
    {
        assert!(ended.out.contains(word), "{word}: {}", ended.out);
    }
    let report: Report = serde_json::from_str(&fs::read_to_string(out.join("report.json")).unwrap()).unwrap();
    assert_eq!((report.seeds, report.ended), (60, Ended::Done));
    let lines = fs::read_to_string(out.join("results.jsonl")).unwrap();
    let lines: Vec<Line> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 60);
    assert_eq!(fs::read_dir(&out).unwrap().count(), 3);

    let page = fs::read_to_string(out.join("report.html")).unwrap();
    for word in [
        "✗ Failed: ",
        "thingwire-sim campaign calm swarm --seeds 60 --seed 0",
        "Every accepted operation ends exactly once",
        "thingwire-sim run calm --seed 3</code>",
        "thingwire-sim shrink calm --seed 3</code>",
        "thingwire-sim timeline calm --seed 3 -o failure.html</code>",
        "awaiting CONNACK",
        "A1 puback-lost",
        "packet ids wrapped",
    ] {
        assert!(page.contains(word), "{word}");
    }
    let row = page.split("T7 half-open").nth(1).unwrap().split("</tr>").next().unwrap();
    assert_eq!((row.matches("<td").count(), row.matches(">60<").count()), (9, 2), "{row}");
    let never = page.split(">S30<").nth(1).unwrap().split("</tr>").next().unwrap();
    assert!(never.contains("never checked"), "a campaign does not run seeds twice: {never}");
    assert!(ended.out.contains(&format!("report: {}", out.join("report.html").display())), "{}", ended.out);
}

#[test]
fn flags_come_before_the_environment() {
    let seeds = |arguments: &[&str]| {
        let mut command = binary();
        command.env("THINGWIRE_SIM_SEEDS", "3").env("THINGWIRE_SIM_SEED", "8").args(arguments);
        ended(&command.output().unwrap()).out
    };
    assert!(seeds(&["check-determinism", "calm"]).ends_with("3 seeds\n"));
    assert!(seeds(&["check-determinism", "calm", "--seeds", "2"]).ends_with("2 seeds\n"));
    assert!(seeds(&["run", "calm"]).contains("calm, seed 8"));
    assert!(seeds(&["run", "calm", "--seed", "9"]).contains("calm, seed 9"));
    let bad = binary().env("THINGWIRE_SIM_SEED", "many").args(["run", "calm"]).output().unwrap();
    assert_eq!(bad.status.code(), Some(2));
}

#[test]
fn a_short_campaign_of_the_real_thing_goes_through() {
    let ended = sim(&["campaign", "calm", "--seeds", "4", "-j", "2"]);
    assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
    assert!(ended.out.starts_with("4 runs in "), "{}", ended.out);
}

#[cfg(unix)]
#[test]
fn control_c_ends_a_campaign_with_its_report() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = binary();
    command.args(["campaign", "calm", "--time", "1h", "-j", "1", "--max-failures", "0", "--out"]).arg(dir.path());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let child = command.spawn().unwrap();
    // The results are begun when signals are already listened to.
    while fs::read_dir(dir.path()).unwrap().count() == 0 {
        std::thread::yield_now();
    }
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
    let ended = ended(&child.wait_with_output().unwrap());
    assert!(ended.out.starts_with("interrupted\n"), "{}{}", ended.out, ended.err);
    let report: Report = serde_json::from_str(&fs::read_to_string(dir.path().join("report.json")).unwrap()).unwrap();
    assert_eq!(report.ended, Ended::Interrupted);
    let lines = fs::read_to_string(dir.path().join("results.jsonl")).unwrap();
    assert_eq!(lines.lines().count() as u64, report.seeds);
}
