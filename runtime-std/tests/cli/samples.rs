//! The samples of device shadows as real processes, alone and two at a time.

use std::io::{BufRead, BufReader};
use std::process::ChildStdout;

use serde_json::json;
use thingwire_sim::double::{Double, Visitors};
use thingwire_sim::shadow::ShadowName;

use crate::example::example;
use crate::support::{PATIENCE, Running, command, mutual};

const TILDES: &str = "~~~~~~~~~~~~~~~~~~~~~~~";

fn start(name: &str, arguments: &[&str]) -> (Running, BufReader<ChildStdout>) {
    let (running, stdout) = Running::spawn_unread(example(name, arguments));
    (running, BufReader::new(stdout))
}

fn next(lines: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    lines.read_line(&mut line).expect("a line");
    line.trim_end_matches('\n').to_owned()
}

/// The lines up to the end, without those that are empty.
fn rest(lines: BufReader<ChildStdout>) -> Vec<String> {
    lines.lines().map(|line| line.expect("text")).filter(|line| !line.is_empty()).collect()
}

/// The flags of the samples for mutual TLS with `double`.
fn flags(double: &Double) -> Vec<String> {
    let path = |path: &std::path::Path| path.to_str().expect("UTF-8").to_owned();
    let flags = ["-e", "localhost", "-p", &double.port().to_string(), "-r"].map(str::to_owned);
    let files = [path(double.ca_path()), "-c".to_owned(), path(double.cert_path()), "-k".to_owned()];
    flags.into_iter().chain(files).chain([path(double.key_path())]).collect()
}

fn with<'a>(flags: &'a [String], more: &[&'a str]) -> Vec<&'a str> {
    flags.iter().map(String::as_str).chain(more.iter().copied()).collect()
}

/// Without the tokens, which are different every time.
fn without_tokens(lines: &[String]) -> Vec<String> {
    let no_token = |line: &String| {
        let words = line.split(' ').filter(|word| !(word.len() > 16 && word.as_bytes()[16] == b'-'));
        words.collect::<Vec<_>>().join(" ")
    };
    lines.iter().map(no_token).collect()
}

#[test]
fn the_updater_talks_to_a_double_of_its_own() {
    let (running, mut lines) = start("basic_shadow_updater", &["--count", "1"]);
    let announced = next(&mut lines);
    assert!(announced.starts_with("No endpoint given: started a double of AWS IoT Core at localhost:"), "{announced}");
    let said = without_tokens(&rest(lines));
    let update = ["Delete request rejected!", TILDES, "Update request with token: accepted!", "property: 0", TILDES];
    assert_eq!(said, update, "there is no shadow to be removed");
    assert_eq!((running.end().code), Some(0));
}

#[test]
fn the_listener_prints_what_the_updater_wants_on_the_double_of_the_first() {
    let (listener, mut deltas) = start("basic_shadow_delta_listener", &["--count", "2"]);
    next(&mut deltas);
    let join = next(&mut deltas);
    let join: Vec<&str> = join.strip_prefix("Others join with ").expect("how to join").split(' ').collect();
    let (updater, answers) = start("basic_shadow_updater", &[&join[..], &["--count", "2"]].concat());
    let mut expected = Vec::new();
    for number in 0..2 {
        let (property, version) = (format!("property: {number}"), format!("version: {}", number + 1));
        let block = ["delta/Bot", "++++++++DELTA++++++++++", &property, &version, "+++++++++++++++++++++++"];
        expected.extend(block.map(str::to_owned));
    }
    assert_eq!(rest(deltas), expected);
    let listener = listener.end();
    assert_eq!((listener.code, listener.stderr.as_str()), (Some(0), ""));
    // Whether the second answer has come before the double has gone with the listener is all the same.
    assert!(without_tokens(&rest(answers)).contains(&"property: 0".to_owned()));
    drop(updater);
}

#[test]
fn the_echo_reports_whatever_the_updater_wants() {
    let double = Double::start().expect("the double starts");
    let flags = flags(&double);
    let (echo, mut echoed) = start("thing_shadow_echo", &with(&flags, &["-n", "lamp", "-id", "lamp", "--count", "3"]));
    // It reads the shadow once the deltas are subscribed to.
    double.wait_for_messages(1, PATIENCE);
    let (updater, answers) = start("basic_shadow_updater", &with(&flags, &["--thingName", "lamp", "--count", "3"]));
    for number in 0..3 {
        let said = [(); 4].map(|()| next(&mut echoed));
        let state = format!("{{\"property\":{number}}}");
        assert_eq!(said, ["Received a delta message:", &state, "Request to update the reported state...", "Sent."]);
    }
    assert_eq!(
        (echo.end().code, updater_ends(updater, answers)),
        (Some(0), ["property: 0", "property: 1", "property: 2"].map(str::to_owned).to_vec())
    );
    let shadow = double.shadow(&ShadowName::classic("lamp").expect("valid")).expect("it is there");
    assert_eq!(shadow["state"], json!({ "desired": { "property": 2 }, "reported": { "property": 2 } }));
    assert_eq!(double.violations(), []);
}

fn updater_ends(updater: Running, answers: BufReader<ChildStdout>) -> Vec<String> {
    let properties = rest(answers).into_iter().filter(|line| line.starts_with("property")).collect();
    updater.end().assert_done();
    properties
}

#[test]
fn the_echo_does_what_the_command_asks_for() {
    let double = Double::start().expect("the double starts");
    let flags = flags(&double);
    let (echo, mut echoed) = start("thing_shadow_echo", &with(&flags, &["--count", "1"]));
    double.wait_for_messages(1, PATIENCE);
    let connection = mutual(&double);
    let big = r#"{"serial":9007199254740993,"on":[1,{"a":"ü"}]}"#;
    let update = with(&connection, &["--thing", "Bot", "--desired", big]);
    let ended = Running::spawn(command(&[&["shadow", "update"], &update[..]].concat())).end();
    ended.assert_done();
    assert_eq!(next(&mut echoed), "Received a delta message:");
    assert_eq!(rest(echoed).last().map(String::as_str), Some("Sent."));
    assert_eq!(echo.end().code, Some(0));
    let get = with(&connection, &["--thing", "Bot"]);
    let ended = Running::spawn(command(&[&["shadow", "get"], &get[..]].concat())).end();
    let document: serde_json::Value = serde_json::from_str(ended.text()).expect("JSON");
    assert_eq!(
        (&document["state"]["reported"]["serial"], &document["version"]),
        (&json!(9_007_199_254_740_993_u64), &json!(2))
    );
    assert_eq!(document["state"]["delta"], json!(null));
}

#[test]
fn the_updater_and_the_echo_go_in_websockets_and_by_custom_authorizers_too() {
    let visitors = Visitors::new().access_key("AKIDEXAMPLE", "hunter2").authorizer("gate", "ticket", "let-me-in", None);
    let double = Double::options().visitors(visitors).start().expect("the double starts");
    let flags = &flags(&double)[..6];
    let signed = with(flags, &["-w", "--region", "eu-west-1", "-n", "lamp", "--count", "1"]);
    let mut echo = example("thing_shadow_echo", &signed);
    echo.envs([("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "hunter2")]);
    let (echo, stdout) = Running::spawn_unread(echo);
    double.wait_for_messages(1, PATIENCE);
    let gate = ["--authorizer-name", "gate", "--authorizer-token-key", "ticket", "-n", "lamp", "--count", "1"];
    let mut updater = example("basic_shadow_updater", &with(flags, &gate));
    updater.env("AUTHORIZER_TOKEN", "let-me-in");
    let (updater, answers) = Running::spawn_unread(updater);
    assert_eq!(updater_ends(updater, BufReader::new(answers)), ["property: 0"]);
    assert_eq!(rest(BufReader::new(stdout)).last().map(String::as_str), Some("Sent."));
    assert_eq!(echo.end().code, Some(0));
    assert_eq!(double.violations(), []);
}

#[test]
fn what_cannot_be_done_is_said() {
    let output = example("thing_shadow_echo", &["-n", "my lamp"]).output().expect(crate::example::HOW_TO_BUILD);
    let stderr = String::from_utf8(output.stderr).expect("text");
    assert!(stderr.starts_with("thing_shadow_echo: \"my lamp\" is no thing name"), "{stderr}");
    assert_eq!(output.status.code(), Some(1));
}

/// What a sample of things says when it has devices, a cloud and people of its own, from the first thing known on.
#[cfg(unix)]
fn scenes(name: &str, count: &str) -> Vec<String> {
    let (running, lines) = start(name, &["--count", count]);
    let said = rest(lines);
    running.end().assert_done();
    assert!(said[0].starts_with("No endpoint given: started a double of AWS IoT Core at localhost:"), "{said:?}");
    said.into_iter().skip_while(|line| !line.starts_with("The shadow has what")).collect()
}

#[cfg(unix)]
#[test]
fn the_relay_and_its_shadow_follow_each_other() {
    let said = scenes("thing_relay", "2");
    let expected = [
        "The shadow has what the devices are: {\"relayState\":true}",
        "Somebody in the cloud wishes: relayState = false",
        "relayState = false, by the cloud at version 2",
        "The shadow has it: {\"relayState\":false}",
        "Somebody turns the device: relayState = true",
        "relayState = true, by the device",
        "The shadow has it: {\"relayState\":true}",
    ];
    assert_eq!(said, expected);
}

#[cfg(unix)]
#[test]
fn a_pin_needs_no_port() {
    let said = scenes("thing_gpio", "2");
    let ends: Vec<_> = said.iter().filter(|line| line.starts_with("The shadow has it")).collect();
    assert_eq!(ends, ["The shadow has it: {\"led\":true}", "The shadow has it: {\"led\":false}"]);
}

#[cfg(unix)]
#[test]
fn a_thermostat_is_reached_over_tcp() {
    let said = scenes("thing_thermostat", "4");
    let ends: Vec<_> = said.iter().filter_map(|line| line.strip_prefix("The shadow has it: ")).collect();
    let state = |room: &str, target: &str| format!("{{\"room\":{room},\"target\":{target}}}");
    let expected = [("19.5", "21.5"), ("19.5", "19.0"), ("20.5", "19.0"), ("18.0", "19.0")];
    assert_eq!(ends, expected.map(|(room, target)| state(room, target)));
}

#[cfg(unix)]
#[test]
fn the_theatre_has_rules_between_its_devices() {
    let said = scenes("thing_preamp_projector", "3");
    let ends: Vec<_> = said.iter().filter_map(|line| line.strip_prefix("The shadow has it: ")).collect();
    let state = |input: &str, projector: &str, volume: &str| {
        format!(
            "{{\"input\":\"{input}\",\"muted\":true,\"power\":\"ON\",\"projector\":\"{projector}\",\"volume\":{volume}}}"
        )
    };
    assert_eq!(ends, [state("TV", "ON", "60.0"), state("TV", "ON", "40.0"), state("AUX", "OFF", "40.0")]);
}

#[cfg(unix)]
#[test]
fn a_sample_that_a_signal_ends_leaves_nothing_behind() {
    for name in ["basic_pub_sub", "thing_gpio"] {
        let temporary = tempfile::tempdir().expect("a directory");
        let files = || std::fs::read_dir(temporary.path()).expect("a directory").count();
        let mut command = example(name, &[]);
        command.env("TMPDIR", temporary.path());
        let (running, stdout) = Running::spawn_unread(command);
        let mut lines = BufReader::new(stdout);
        // The second line: by then everything is written.
        next(&mut lines);
        next(&mut lines);
        assert_eq!(files(), 1, "{name}");
        crate::interrupts::interrupt(&running);
        rest(lines);
        let ended = running.end();
        assert_eq!((ended.code, ended.stderr.as_str()), (None, ""), "{name} is ended by the signal");
        assert_eq!(files(), 0, "{name}");
    }
}
