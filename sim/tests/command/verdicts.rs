//! Verdicts and their exit codes, with runs that end as the test wants them to.

use core::sync::atomic::{AtomicU64, Ordering};
use std::fs;

use thingwire_core::{Instant, Phase};
use thingwire_sim::oracle::Finding;
use thingwire_sim::plan::Plan;
use thingwire_sim::run::Run;
use thingwire_sim::trace::{Record, Trace, What};

use crate::process::{sim, with};

/// A run in which this did not hold, at 3 s.
pub(crate) fn failed(oracle: &'static str, what: &str) -> Run {
    let at = Instant::from_micros(3_000_000);
    Run { findings: vec![Finding { oracle, at, device: 0, what: what.to_owned() }], ..Run::default() }
}

#[test]
fn a_run_that_passes_says_so() {
    let ended = with(&|_, _| Run::default(), &["run", "calm", "--seed", "3"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    assert!(ended.out.starts_with("passed: calm, seed 3: "), "{}", ended.out);
    assert!(!ended.out.contains("reproduce"));
    assert_eq!(sim(&["list", "profiles"]).code, 0);
}

#[test]
fn every_failure_has_its_code_and_the_command_that_makes_it_again() {
    let panics = |_: &Plan, _: bool| -> Run { panic!("index out of bounds") };
    let safety = |_: &Plan, _: bool| failed("S1", "ticket 7 ended twice");
    let liveness = |_: &Plan, _: bool| failed("L2", "ticket 7 never ended");
    for (runner, code, word) in [
        (&safety as thingwire_sim::campaign::Runner<'_>, 10, "S1 at 0:03.000000, device 0: ticket 7 ended twice"),
        (&liveness, 11, "L2 at 0:03.000000, device 0: ticket 7 never ended"),
        (&panics, 12, "the client panicked: index out of bounds, at "),
    ] {
        for command in ["run", "explain"] {
            let ended = with(runner, &[command, "swarm", "--seed", "4711"]);
            assert_eq!((ended.code, ended.err.as_str()), (code, ""), "{}", ended.out);
            assert!(ended.out.starts_with("FAILED: swarm, seed 4711") && ended.out.contains(word), "{}", ended.out);
            assert!(ended.out.contains("\nreproduce: thingwire-sim run swarm --seed 4711\n"), "{}", ended.out);
        }
        let ended = with(runner, &["campaign", "calm", "--seeds", "3"]);
        assert_eq!(ended.code, code, "{}", ended.out);
        assert!(ended.out.contains("reproduce: thingwire-sim run calm --seed 0\n"), "{}", ended.out);
    }
}

#[test]
fn what_came_before_a_failure_is_told() {
    let runner = |_: &Plan, record: bool| {
        let mut run = failed("S1", "it ended twice");
        let at = |secs: u64| Instant::from_micros(secs * 1_000_000);
        let record_of = |(secs, what)| Record { at: at(secs), device: 0, what };
        let whats = [(1, What::Start), (2, What::Dial(1)), (3, What::Phase(Phase::Opening)), (4, What::Healed)];
        run.trace = record.then(|| Trace { records: whats.map(record_of).to_vec(), ..Trace::default() });
        run
    };
    let ended = with(&runner, &["explain", "calm", "--before", "2"]);
    let told: Vec<_> = ended.out.lines().skip_while(|line| !line.starts_with("S1 was broken")).collect();
    assert_eq!(told[0], "S1 was broken at 0:03.000000 by device 0.");
    assert!(told[2].starts_with("What must hold: Every accepted operation ends exactly once"), "{}", ended.out);
    assert_eq!(told[3], "What was seen:  it ended twice");
    let before: Vec<_> = told[7..].iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(before, ["0:02.000000 1 s before asks for link 1", "0:03.000000 then phase: opening a link"]);
    let ended = with(&runner, &["run", "calm", "-v"]);
    for word in ["name = \"calm\"", "from here on everything works", "S1: it ended twice", "reproduce: "] {
        assert!(ended.out.contains(word), "{word}: {}", ended.out);
    }
}

#[test]
fn two_different_runs_of_one_plan_are_found() {
    let same = |plan: &Plan, _: bool| Run { hash: plan.seed, ..Run::default() };
    let ended = with(&same, &["check-determinism", "swarm", "--seeds", "5"]);
    assert_eq!((ended.code, ended.out.as_str()), (0, "the same twice: swarm, 5 seeds\n"));

    let count = AtomicU64::new(0);
    let different = |_: &Plan, _: bool| Run { hash: count.fetch_add(1, Ordering::Relaxed), ..Run::default() };
    let ended = with(&different, &["check-determinism", "swarm", "--seed", "5"]);
    assert_eq!(ended.code, 13);
    assert!(
        ended.out.contains("reproduce: thingwire-sim check-determinism swarm --seed 5 --seeds 1\n"),
        "{}",
        ended.out
    );
}

#[test]
fn what_was_saved_is_replayed() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("saved.toml");
    let file = file.to_str().unwrap();
    let hash = |plan: &Plan, _: bool| {
        let hash = thingwire_sim::trace::Name::of(format!("{plan:?}").as_bytes()).0;
        Run { hash, ..Run::default() }
    };
    let first = with(&hash, &["run", "swarm", "--seed", "12", "--save", file]);
    let again = with(&hash, &["replay", file]);
    let counts = |out: &str| out.lines().nth(1).map(str::to_owned);
    assert_eq!((first.code, again.code), (0, 0), "{}", again.err);
    assert_eq!(counts(&first.out), counts(&again.out));
}

#[test]
fn a_failure_is_shrunk_to_a_scenario_and_a_test() {
    let runner = |plan: &Plan, _: bool| {
        if plan.fault.is_empty() { Run::default() } else { failed("S12", "two connections in 300 ms") }
    };
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("small.toml");
    let ended = with(&runner, &["shrink", "flaky-wifi", "--seed", "1", "-o", out.to_str().unwrap()]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let text = fs::read_to_string(&out).unwrap();
    assert_eq!(text.matches("[[fault]]").count(), 1, "{text}");
    assert!(text.contains("name = \"S12: two connections in # ms\""), "{text}");
    assert!(ended.out.contains("fn s12_two_connections_in_ms() {"), "{}", ended.out);
    assert!(ended.out.contains("reproduce: thingwire-sim run "), "{}", ended.out);
    assert!(ended.err.lines().last().unwrap().contains("→ 1 faults in "), "{}", ended.err);
    assert_eq!(with(&runner, &["run", out.to_str().unwrap()]).code, 10);

    let ended = with(&|_, _| Run::default(), &["shrink", "calm"]);
    assert_eq!((ended.code, ended.out.as_str()), (0, "nothing to shrink: calm, seed 0 passes\n"));
}

#[test]
fn lists_come_from_the_code_and_help_teaches() {
    let faults = sim(&["list", "faults"]).out;
    for word in ["A1 puback-lost", "T19 flapping", "judged by S11 S12", "runtime tests: dial", "expected: "] {
        assert!(faults.contains(word), "{word}");
    }
    assert!(sim(&["list", "profiles"]).out.contains("device-advisor"));
    let oracles = sim(&["list", "oracles"]).out;
    assert!(oracles.contains("S11  The wait between attempts") && oracles.lines().all(|line| line.len() <= 110));
    assert_eq!(sim(&["list", "marks"]).out.lines().next(), Some("session resumed"));
    let help = sim(&["--help"]);
    assert_eq!(help.code, 0);
    for word in ["campaign", "shrink", "check-determinism", "serve", "13 ", "THINGWIRE_SIM_SEED", "Examples:"] {
        assert!(help.out.contains(word), "{word}");
    }
    for command in [
        "run",
        "campaign",
        "replay",
        "shrink",
        "explain",
        "timeline",
        "advisor",
        "list",
        "check-determinism",
        "bench",
        "fleet",
        "serve",
    ] {
        let help = sim(&[command, "--help"]);
        assert!(help.code == 0 && help.out.contains("Example"), "{command}");
    }
}

#[test]
fn the_speed_is_shown_as_a_table() {
    let ended = with(&|_, _| Run::default(), &["bench", "calm", "swarm", "--time", "1ms"]);
    assert_eq!(ended.code, 0);
    let names: Vec<_> = ended.out.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(names, ["profile", "calm", "swarm"]);

    let ended = with(&|_, _| Run::default(), &["bench", "--time", "1ms"]);
    assert_eq!((ended.code, ended.out.lines().next().unwrap().trim_start()), (0, "by CPU     by the wall  aim"));
    for row in ["  events/s ", "  device-hours/s ", "  seeds/s ", "  seconds, median "] {
        assert!(ended.out.lines().any(|line| line.starts_with(row)), "{row}: {}", ended.out);
    }
    assert!(ended.out.contains("1,500,000") && ended.out.contains("shrinking 0 "), "{}", ended.out);
}
