//! How to test the logic of a device against everything that can happen to it: a door sensor, right and wrong.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod door;

use std::panic;
use std::process::Command;

use door::{Door, WhenRefused};
use thingwire_sim::check;
use thingwire_sim::check::Check;
use thingwire_sim::run::run_with;
use thingwire_sim::scenario;

/// A home network that fails often, and a queue that is soon full.
const HOME: &str = r#"
name = "a door in a bad network"
duration = "10m"
heal = "5m"

[client]
queue = "0..3"

[network]
latency = "5ms..80ms"

[[fault]]
at = "10s..60s"
for = "1s..60s"
do = { connect = "silence|refused|no-answer" }

[[fault]]
at = "10s..60s"
do = { cut = { how = "reset|fin" } }

[[fault]]
at = "90s..150s"
for = "1s..60s"
do = { connect = "silence|refused|no-answer" }

[[fault]]
at = "90s..150s"
do = { cut = { how = "reset|fin" } }

[[fault]]
at = "200s..280s"
for = "1s..60s"
do = { connect = "silence|refused|no-answer" }

[[fault]]
at = "200s..280s"
do = { cut = { how = "reset|fin" } }

[[fault]]
at = "300s..380s"
for = "1s..60s"
do = { connect = "silence|refused|no-answer" }

[[fault]]
at = "300s..380s"
do = { cut = { how = "reset|fin" } }

[[fault]]
at = "420s..500s"
for = "1s..60s"
do = { connect = "silence|refused|no-answer" }

[[fault]]
at = "420s..500s"
do = { cut = { how = "reset|fin" } }

[[fault]]
at = "100s..400s"
do = { broker = "forget-session" }
"#;

#[test]
fn every_change_of_the_door_arrives_once_at_least_and_in_order() {
    check!(HOME, seeds = 40, application = |_| Door::new(WhenRefused::TryAgain));
}

#[test]
fn it_does_so_at_every_kind_of_place() {
    for profile in ["flaky-wifi", "brownout", "powercut"] {
        check!(profile, seeds = 10, application = |_| Door::new(WhenRefused::TryAgain));
    }
}

#[test]
fn a_sensor_that_forgets_what_is_refused_is_found_out() {
    let check = Check::of(HOME).seeds(40).application(|_| Door::new(WhenRefused::Forget));
    let failure = check.try_run().unwrap_err();
    let finding = failure.findings.first().unwrap();
    assert_eq!(finding.oracle, "APP");
    assert!(finding.what.contains("has not arrived"), "{}", finding.what);
    let text = failure.to_string();
    let reproduce = format!(
        "reproduce: THINGWIRE_SIM_SEED={} cargo test a_sensor_that_forgets_what_is_refused_is_found_out\n",
        failure.seed
    );
    assert!(text.contains(&reproduce), "{text}");
    assert!(text.contains("What the application verifies at the end."), "{text}");
    assert!(text.contains("home/0/door"), "topics are told as the application calls them: {text}");
    // The smaller scenario is one, and fails alone as well.
    let small = Check::scenario(&failure.scenario).seeds(1).application(|_| Door::new(WhenRefused::Forget));
    assert_eq!(small.try_run().unwrap_err().findings.first().unwrap().oracle, "APP");
    check!(failure.scenario, seeds = 1, application = |_| Door::new(WhenRefused::TryAgain));
}

#[test]
fn pictures_call_topics_as_the_application_does() {
    let plan = scenario::read("home", HOME, Some(3)).unwrap().plan;
    let run = run_with(&plan, true, &|_| Box::new(Door::new(WhenRefused::TryAgain))).unwrap();
    let trace = run.trace.unwrap();
    assert_eq!(trace.names.into_values().collect::<Vec<_>>(), ["home/0/door"]);
}

#[test]
fn a_panic_of_the_application_names_its_place() {
    let check = Check::of("calm").seeds(3).application(|_| Door::new(WhenRefused::TryAgain).that_sticks_at(2));
    let failure = check.try_run().unwrap_err();
    assert!(failure.findings.is_empty());
    let message = failure.panic.unwrap();
    assert!(message.starts_with("the door sticks, at ") && message.contains("door.rs:"), "{message}");
}

#[test]
fn what_cannot_be_checked_is_said_at_once() {
    let said = |what: &'static str| {
        let panicked = panic::catch_unwind(|| drop(Check::of(what))).unwrap_err();
        panicked.downcast_ref::<String>().cloned().unwrap()
    };
    assert_eq!(
        said("flaky-wfi"),
        "there is neither a profile nor a file called `flaky-wfi` (hint: did you mean `flaky-wifi`?)"
    );
    assert!(said("no/such.toml").starts_with("cannot read no/such.toml: "));
    assert!(said("duration = \"10x\"\n").starts_with("scenario:1:"));
}

/// The next test runs it in a process of its own, where the door forgets.
#[test]
fn a_door_that_may_forget() {
    let forgets = std::env::var_os(FORGETS).is_some();
    let when_refused = move || if forgets { WhenRefused::Forget } else { WhenRefused::TryAgain };
    check!(HOME, seeds = 10, application = move |_| Door::new(when_refused()));
}

const FORGETS: &str = "THE_DOOR_FORGETS";

#[test]
fn one_seed_from_the_environment_is_run_alone() {
    let run = |seed: &str| {
        let mut test = Command::new(std::env::current_exe().unwrap());
        test.args(["--exact", "a_door_that_may_forget"]).env(FORGETS, "1").env("THINGWIRE_SIM_SEED", seed);
        let output = test.output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let failing = Check::of(HOME).seeds(40).application(|_| Door::new(WhenRefused::Forget)).try_run().unwrap_err().seed;
    let (passed, text) = run(&failing.to_string());
    assert!(!passed);
    assert!(
        text.contains(&format!("reproduce: THINGWIRE_SIM_SEED={failing} cargo test a_door_that_may_forget")),
        "{text}"
    );
    let (passed, text) = run("nonsense");
    assert!(!passed);
    assert!(text.contains("THINGWIRE_SIM_SEED has to be a number, and is `nonsense`"), "{text}");
}
