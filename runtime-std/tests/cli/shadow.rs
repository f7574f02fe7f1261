//! `thingwire shadow`, against a double and against servers that say nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::ChildStdout;
use std::time::Duration;

use serde_json::{Value, json};
use thingwire_sim::double::Double;
use thingwire_sim::shadow::{Mood, ShadowMessage, ShadowName, Whim};

use crate::interrupts::{CONNACK, interrupt, skip_packet};
use crate::support::{Ended, PATIENCE, Running, command, mutual, plain_double, serve, thingwire};

/// `thingwire shadow` with these words, and the connection to `address`.
fn line<'a>(words: &[&'a str], address: &'a str) -> Vec<&'a str> {
    [&["shadow"], words, &["--endpoint", address, "--plain"]].concat()
}

fn shadow(words: &[&str], address: &str) -> Ended {
    thingwire(&line(words, address))
}

/// What it wrote to standard output, which has to be one line.
fn answer(words: &[&str], address: &str) -> Value {
    let ended = shadow(words, address);
    ended.assert_done();
    assert_eq!(ended.text().matches('\n').count(), 1, "{}", ended.text());
    serde_json::from_str(ended.text()).expect("JSON")
}

fn pump() -> ShadowName {
    ShadowName::classic("pump").expect("valid")
}

fn state(double: &Double) -> Value {
    double.shadow(&pump()).expect("there is one")["state"].take()
}

fn want(double: &Double, flow: u64) {
    let update = json!({ "state": { "desired": { "flow": flow } } }).to_string();
    double.update_shadow(&pump(), &update).expect("accepted");
}

#[test]
fn what_is_written_can_be_read_and_removed() {
    let (double, address) = plain_double();
    let document = r#"{"state": {"reported": {"flow": 3.5, "serial": 18446744073709551615}}}"#;
    let updated = answer(&["update", "--thing", "pump", document], &address);
    assert_eq!(updated["version"], 1);
    let named = ["update", "--thing", "pump", "--name", "config", "--desired", r#"{"on": true}"#];
    assert_eq!(answer(&named, &address)["state"]["desired"]["on"], true);

    let read = shadow(&["get", "--thing", "pump"], &address);
    read.assert_done();
    assert!(read.text().starts_with(r#"{"state":{"reported":{"flow":3.5,"serial":18446744073709551615}}"#));
    let read = answer(&["get", "--thing", "pump", "--name", "config"], &address);
    assert_eq!(read["state"]["delta"]["on"], true);

    assert_eq!(answer(&["delete", "--thing", "pump"], &address)["version"], 1);
    assert_eq!(double.shadow(&pump()), None);
    assert!(double.wait_for_clients(&[], PATIENCE), "it has said goodbye");
    assert_eq!(double.violations(), []);
}

#[test]
fn it_works_over_mutual_tls() {
    let double = Double::start().expect("the double starts");
    let flags = mutual(&double);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    thingwire(&[&["shadow", "update", "--thing", "pump", "--reported", "{\"a\":1}"], &flags[..]].concat())
        .assert_done();
    assert_eq!(state(&double), json!({ "reported": { "a": 1 } }));
}

#[test]
fn an_update_comes_from_the_command_line_a_file_or_standard_input() {
    let (double, address) = plain_double();
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("state.json");
    std::fs::write(&path, "{\n  \"state\": {\"reported\": {\"from\": \"file\"}}\n}\n").expect("writable");
    answer(&["update", "--thing", "pump", &format!("@{}", path.display())], &address);
    assert_eq!(state(&double)["reported"]["from"], "file");

    let mut running = Running::start(&line(&["update", "--thing", "pump", "-", "--version", "1"], &address));
    running.write(br#"{"state": {"reported": {"from": "stdin"}}}"#);
    running.end().assert_done();
    assert_eq!(state(&double)["reported"]["from"], "stdin");

    let both = ["update", "--thing", "pump", "--desired", r#"{"a": 1}"#, "--reported", "null"];
    answer(&both, &address);
    assert_eq!((&state(&double)["desired"], &state(&double)["reported"]), (&json!({ "a": 1 }), &Value::Null));

    let mut running = Running::start(&line(&["update", "--thing", "pump", "--desired", "-"], &address));
    running.write(br#"{"a": 2}"#);
    running.end().assert_done();
    assert_eq!(state(&double)["desired"], json!({ "a": 2 }));
}

#[test]
fn a_rejection_says_what_to_do() {
    let (double, address) = plain_double();
    let rejected = |words: &[&str], line: &str| shadow(words, &address).assert_failed(7, line);
    rejected(
        &["get", "--thing", "pump"],
        "shadow pump: rejected: 404 No shadow exists with name: Unnamed Shadow; thing pump has no shadow until an update makes it",
    );
    let ended = shadow(&["delete", "--thing", "pump", "--name", "config"], &address);
    assert_eq!(ended.code, Some(7));
    assert!(ended.stderr.ends_with("; thing pump has no shadow named config until an update makes it\n"));

    for flow in 1..=3 {
        want(&double, flow);
    }
    let stale = ["update", "--thing", "pump", "--reported", "{}", "--version", "2"];
    let hint = "it is at version 3: read it, and try again with --version 3";
    rejected(&stale, &format!("shadow pump: rejected: 409 Version conflict; {hint}"));

    let half = json!({ "text": "x".repeat(5_000) }).to_string();
    answer(&["update", "--thing", "pump", "--desired", &half], &address);
    let large = "413 The payload exceeds the maximum size allowed; set what the shadow does not need to null";
    rejected(&["update", "--thing", "pump", "--reported", &half], &format!("shadow pump: rejected: {large}"));

    for (code, words) in [
        (403, "403 Forbidden; check that the policy allows it"),
        (429, "429 Too many requests; try again later"),
        (500, "500 Internal service failure; try again later"),
        (400, "400 Bad request"),
    ] {
        double.change_shadows(move |service| {
            service.begin_mood(1, Mood { count: 1, ..Mood::always(ShadowMessage::Any, Whim::Reject(code)) });
        });
        rejected(&["get", "--thing", "pump"], &format!("shadow pump: rejected: {words}"));
    }
}

#[test]
fn no_answer_is_another_failure_than_never_sent() {
    let (double, address) = plain_double();
    double.change_shadows(|service| service.begin_mood(1, Mood::always(ShadowMessage::Any, Whim::Drop)));
    let ended = shadow(&["update", "--thing", "pump", "--reported", "{}", "--timeout", "0.2"], &address);
    let unanswered = "no answer in time; it may have been done all the same; check that the policy allows iot:Publish \
                      and iot:Receive for its topics";
    ended.assert_failed(8, &format!("shadow pump: {unanswered}"));

    let answering = |suback: &'static [u8]| {
        serve(move |mut peer| {
            skip_packet(&mut peer);
            peer.write_all(&CONNACK).expect("the command listens");
            let mut subscribe = vec![0; 1024];
            let _subscribe = peer.read(&mut subscribe).expect("SUBSCRIBE");
            if !suback.is_empty() {
                let id_at = if subscribe[1] & 0x80 == 0 { 2 } else { 3 };
                let packet = [&[0x90, 4], &subscribe[id_at..id_at + 2], suback].concat();
                peer.write_all(&packet).expect("the command listens");
            }
            let _ = peer.read_to_end(&mut Vec::new());
        })
    };
    let get = ["get", "--thing", "pump", "--timeout", "0.2"];
    let silent = "not sent: the server did not answer the subscription to the replies in time";
    shadow(&get, &answering(&[])).assert_failed(3, &format!("shadow pump: {silent}"));
    let refused = "not sent: the server refused the subscription to the replies; check the policy";
    shadow(&get, &answering(&[0x80, 0x80])).assert_failed(5, &format!("shadow pump: {refused}"));
}

#[test]
fn what_is_wrong_is_said_without_a_connection() {
    let mistaken = |words: &[&str], line: &str| shadow(words, "localhost:1").assert_failed(2, line);
    let rule = "of the characters a-z, A-Z, 0-9, `:`, `_` and `-`";
    mistaken(&["get", "--thing", "my pump"], &format!("--thing: \"my pump\" is no thing name: it has 1 to 128 {rule}"));
    mistaken(
        &["watch", "--thing", "pump", "--name", "a/b"],
        &format!("--name: \"a/b\" is no shadow name: it has 1 to 64 {rule}"),
    );
    let update = |more: &[&str], line: &str| mistaken(&[&["update", "--thing", "pump"], more].concat(), line);
    let sources = "give either DOCUMENT, as JSON, @PATH or -, or --desired and --reported, one or both";
    update(&[], sources);
    update(&["{}", "--desired", "{}"], sources);
    update(&["--reported", "-", "--desired", "-"], "standard input can be only one of --desired and --reported");
    update(&["{\"state\":\n {\"a\" 1}}"], "DOCUMENT: not a JSON object: expected `:` at line 2 column 7");
    update(&["[1]"], "DOCUMENT: not a JSON object: invalid type: sequence, expected a JSON object at line 1 column 0");
    update(&["{\"a\": 1}"], "DOCUMENT: no \"state\" that is an object: {\"state\": {\"reported\": {...}}} is expected");
    update(&["--desired", "{\"a\": nul}"], "--desired: not JSON: expected ident at line 1 column 10");
    update(&["--desired", "[1]"], "--desired: \"desired\" in \"state\" is neither an object nor null");
    update(&["@/no/such"], "DOCUMENT: cannot read /no/such: No such file or directory (os error 2)");
    update(&["-"], "DOCUMENT: standard input is empty; a JSON object is expected");
    let long = json!({ "text": "x".repeat(8_200) }).to_string();
    let limits = "; with another server than AWS IoT Core, try --limits none";
    let too_long = "the update has 8211 bytes of state; the service takes 8192 for a whole shadow";
    update(&["--reported", &long], &format!("shadow pump: {too_long}{limits}"));
    let hint = "; see 'thingwire --help'";
    update(
        &["{}", "--version", "x"],
        &format!("invalid value 'x' for '--version <N>': invalid digit found in string{hint}"),
    );
}

#[test]
fn an_interrupted_update_says_that_it_may_have_been_done() {
    let (double, address) = plain_double();
    double.change_shadows(|service| service.begin_mood(1, Mood::always(ShadowMessage::Any, Whim::Drop)));
    let running = Running::start(&line(&["update", "--thing", "pump", "--reported", "{}"], &address));
    double.wait_for_messages(1, PATIENCE);
    interrupt(&running);
    running.end().assert_failed(130, "interrupted: it may have been done, or not");
}

/// `thingwire shadow watch`, and the lines that it writes.
fn watch(words: &[&str], address: &str) -> (Running, BufReader<ChildStdout>) {
    let (running, stdout) =
        Running::spawn_unread(command(&line(&[&["watch", "--thing", "pump"], words].concat(), address)));
    (running, BufReader::new(stdout))
}

fn next(lines: &mut BufReader<ChildStdout>) -> Value {
    let mut line = String::new();
    lines.read_line(&mut line).expect("a line");
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
}

#[test]
fn a_watch_writes_a_line_for_each_event_and_ends_well_with_ctrl_c() {
    let (double, address) = plain_double();
    want(&double, 1);
    let (running, mut lines) = watch(&["--documents", "--deletions"], &address);
    let current = next(&mut lines);
    assert_eq!((&current["event"], &current["document"]["state"]["desired"]["flow"]), (&json!("current"), &json!(1)));
    let delta = next(&mut lines);
    assert_eq!(
        (&delta["event"], &delta["version"], &delta["state"]),
        (&json!("delta"), &json!(1), &json!({ "flow": 1 }))
    );
    assert!(delta["metadata"]["flow"]["timestamp"].is_u64());
    want(&double, 2);
    let mut events = [next(&mut lines), next(&mut lines)];
    events.sort_by_key(|event| event["event"].to_string());
    assert_eq!((&events[0]["event"], &events[0]["state"]["flow"]), (&json!("delta"), &json!(2)));
    let documents = &events[1]["message"];
    assert_eq!((&documents["previous"]["version"], &documents["current"]["version"]), (&json!(1), &json!(2)));
    answer(&["delete", "--thing", "pump"], &address);
    assert_eq!(next(&mut lines), json!({ "event": "deleted", "version": 2 }));
    interrupt(&running);
    let ended = running.end();
    ended.assert_done();
    assert!(double.wait_for_clients(&[], PATIENCE), "it has said goodbye");
    assert_eq!(double.violations(), []);
}

#[test]
fn a_watch_survives_a_lost_connection_and_says_so() {
    let (double, address) = plain_double();
    let quick = ["--backoff", "0.01,0.05,0.06", "--jitter", "none"];
    let (mut running, mut lines) = watch(&quick, &address);
    assert_eq!(next(&mut lines), json!({ "event": "absent" }));
    double.drop_connections();
    running.hear("offline: ");
    want(&double, 1);
    running.hear("online, new session");
    let mut told = next(&mut lines);
    // When it was there first, it has read the whole shadow.
    if told["event"] == "current" {
        told = next(&mut lines);
    }
    assert_eq!((&told["event"], &told["state"]["flow"]), (&json!("delta"), &json!(1)));
    interrupt(&running);
    running.end().assert_done();
    assert_eq!(double.violations(), []);
}

#[test]
fn a_watch_that_the_server_refuses_fails() {
    let refusing = serve(|mut peer| {
        skip_packet(&mut peer);
        peer.write_all(&CONNACK).expect("the command listens");
        let mut subscribe = [0; 1024];
        let _subscribe = peer.read(&mut subscribe).expect("SUBSCRIBE");
        peer.write_all(&[0x90, 3, subscribe[2], subscribe[3], 0x80]).expect("the command listens");
        let _ = peer.read_to_end(&mut Vec::new());
    });
    let refused = "shadow pump: the server does not grant the subscription to its notifications; check the policy";
    shadow(&["watch", "--thing", "pump"], &refusing).assert_failed(5, refused);
}

#[test]
fn what_cannot_be_read_is_told_in_one_line_and_the_watch_goes_on() {
    let (double, address) = plain_double();
    double.change_shadows(|service| {
        service.begin_mood(1, Mood { count: 1, ..Mood::always(ShadowMessage::Any, Whim::Reject(403)) });
    });
    let (mut running, mut lines) = watch(&["--count", "1"], &address);
    running.hear("shadow pump: cannot be read: rejected: 403 Forbidden");
    want(&double, 1);
    assert_eq!(next(&mut lines)["state"]["flow"], 1);
    let ended = running.end();
    ended.assert_done();
    assert_eq!(ended.stderr.lines().count(), 2, "{}", ended.stderr);

    let verbose = shadow(&["watch", "--thing", "pump", "--count", "1", "--verbose"], &address);
    verbose.assert_done();
    assert!(verbose.stderr.contains("thingwire: watching shadow pump\n"), "{}", verbose.stderr);
}

#[test]
fn two_watches_of_two_processes_are_told_the_same() {
    let (double, address) = plain_double();
    let mut both = [watch(&["--count", "2"], &address), watch(&["--count", "2"], &address)];
    for (_, lines) in &mut both {
        assert_eq!(next(lines), json!({ "event": "absent" }));
    }
    want(&double, 1);
    for (running, mut lines) in both {
        assert_eq!(next(&mut lines)["state"]["flow"], 1);
        running.end().assert_done();
    }
    assert!(double.wait_for_clients(&[], Duration::from_secs(5)));
}
