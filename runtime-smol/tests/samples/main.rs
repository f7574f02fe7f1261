//! The samples as real processes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;
use thingwire_sim::double::Double;
use thingwire_sim::shadow::ShadowName;

const PATIENCE: Duration = Duration::from_secs(20);

/// `cargo test` has built the samples beside the tests, but tells nobody where.
fn sample(name: &str, arguments: &[&str]) -> Child {
    let test = std::env::current_exe().unwrap();
    let sample = test.ancestors().nth(2).unwrap().join("examples").join(name);
    let mut command = Command::new(sample);
    command.args(arguments).env_clear().stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the sample is there: `cargo test --test samples` does not build it, `cargo test` does")
}

/// What it has printed, all in order: the exit code, the output and the errors.
fn ended(child: Child) -> (Option<i32>, String, String) {
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_first_sample_talks_to_a_double_of_its_own() {
    let (code, said, errors) = ended(sample("basic_pub_sub_async", &["--count", "2"]));
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    let (announced, received) = said.split_once('\n').unwrap();
    assert!(announced.starts_with("No endpoint given: started a double of AWS IoT Core at localhost:"), "{announced}");
    let block = |sequence: u32| {
        let payload = format!("{{\"message\":\"Hello World!\",\"sequence\":{sequence}}}");
        format!("Received a new message: \n{payload}\nfrom topic: \nsdk/test/Rust\n--------------\n\n\n")
    };
    assert_eq!(received, [block(0), block(1)].concat());
}

#[test]
fn flags_are_those_of_the_blocking_sample() {
    let flags = ["-w", "-id", "me", "-t", "old/topic", "-M", "Hi", "-m", "publish", "--count", "1"];
    let (code, said, errors) = ended(sample("basic_pub_sub_async", &flags));
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    assert!(said.ends_with("\nPublished topic old/topic: {\"message\":\"Hi\",\"sequence\":0}\n\n"), "{said}");
}

#[test]
fn the_echo_reports_what_is_wanted() {
    let double = Double::start().unwrap();
    let (port, ca) = (double.port().to_string(), double.ca_path().to_str().unwrap());
    let (cert, key) = (double.cert_path().to_str().unwrap(), double.key_path().to_str().unwrap());
    let connection = ["-e", "localhost", "-p", &port, "-r", ca, "-c", cert, "-k", key, "-id", "lamp"];
    let echo = sample("thing_shadow_echo_async", &[&connection[..], &["-n", "lamp", "--count", "2"]].concat());
    // It reads the shadow once the deltas are subscribed to.
    double.wait_for_messages(1, PATIENCE);
    let lamp = ShadowName::classic("lamp").unwrap();
    let want = |on: bool| {
        let update = json!({ "state": { "desired": { "on": on } } }).to_string();
        double.update_shadow(&lamp, &update).unwrap()
    };
    want(true);
    // The first echo is there before anything else is wanted.
    double.wait_for_messages(2, PATIENCE);
    want(false);
    let (code, said, errors) = ended(echo);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    let block =
        |on| format!("Received a delta message:\n{{\"on\":{on}}}\nRequest to update the reported state...\nSent.\n");
    assert_eq!(said, [block(true), block(false)].concat());
    assert_eq!(
        double.shadow(&lamp).unwrap()["state"],
        json!({ "desired": { "on": false }, "reported": { "on": false } })
    );
    assert_eq!(double.violations(), []);
}
