//! Runs as pictures.

use std::fs;

use thingwire_core::{Instant, Phase};
use thingwire_sim::plan::Plan;
use thingwire_sim::run::Run;
use thingwire_sim::trace::{Record, Trace, What};

use crate::process::{sim, with};
use crate::verdicts::failed;

fn runner(_: &Plan, record: bool) -> Run {
    let record_of = |(secs, what): (u64, What)| Record { at: Instant::from_micros(secs * 1_000_000), device: 0, what };
    let whats = [(1, What::Start), (2, What::Phase(Phase::Opening)), (4, What::End)];
    let trace = record.then(|| Trace { records: whats.map(record_of).to_vec(), ..Trace::default() });
    Run { trace, ..failed("S1", "it ended twice") }
}

#[test]
fn the_name_of_the_file_says_how_it_is_drawn() {
    let dir = tempfile::tempdir().unwrap();
    for (name, beginning) in [("a.svg", "<svg"), ("a.html", "<!doctype html>"), ("a.txt", "calm, seed 0")] {
        let path = dir.path().join(name);
        let ended = with(&runner, &["timeline", "calm", "-o", path.to_str().unwrap()]);
        assert_eq!((ended.code, ended.err.as_str()), (10, ""));
        assert!(ended.out.starts_with("FAILED: calm, seed 0") && ended.out.contains("\nreproduce: "), "{}", ended.out);
        let picture = fs::read_to_string(&path).unwrap();
        assert!(picture.to_lowercase().starts_with(beginning), "{name}: {}", &picture[..80]);
        assert!(picture.contains("it ended twice"), "{name}");
        assert_eq!(picture.contains("thingwire-sim run calm --seed 0"), name == "a.html", "{name}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
}

#[test]
fn without_a_file_the_text_goes_where_it_can_be_read_on() {
    for arguments in [&["timeline", "calm"][..], &["timeline", "calm", "-o", "-"]] {
        let ended = with(&runner, arguments);
        assert_eq!(ended.code, 10);
        assert!(
            ended.out.starts_with("calm, seed 0\n") && ended.out.ends_with("3 records, 1 finding\n"),
            "{}",
            ended.out
        );
        assert!(ended.err.contains("reproduce: thingwire-sim run calm --seed 0\n"), "{}", ended.err);
    }
}

#[test]
fn a_client_that_panics_leaves_no_picture() {
    let dir = tempfile::tempdir().unwrap();
    let panics = |_: &Plan, _: bool| -> Run { panic!("index out of bounds") };
    let ended = with(&panics, &["timeline", "calm", "-o", dir.path().join("a.svg").to_str().unwrap()]);
    assert!(ended.code == 12 && ended.out.contains("\nreproduce: "), "{}", ended.out);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_run_of_the_real_thing_is_drawn() {
    let ended = sim(&["timeline", "calm", "--seed", "3", "--devices", "0"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(ended.out.contains("CONNACK, accepted") && ended.err.starts_with("passed: calm, seed 3"), "{}", ended.err);
}
