//! `thingwire sub` at its work.

use std::io::{BufRead, BufReader};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use thingwire_sim::broker::{Message, Qos};
use thingwire_sim::double::Double;

use crate::support::{PATIENCE, Running, WARNING, command, plain_double, thingwire};

fn publish(double: &Double, topic: &str, payload: &'static [u8]) {
    let message =
        Message { topic: topic.into(), payload: Bytes::from_static(payload), qos: Qos::AtLeastOnce, retain: false };
    assert!(double.publish(message));
}

#[test]
fn text_is_the_payloads_and_nothing_else() {
    let (double, address) = plain_double();
    let running =
        Running::subscribed(&["sub", "--endpoint", &address, "--plain", "--topic", "#", "--count", "4", "--verbose"]);
    let payloads: [&[u8]; 4] = [b"one", b"", b"two\nlines", b"\xff\x00\xfe"];
    for payload in payloads {
        publish(&double, "any/topic", payload);
    }
    let ended = running.end();
    ended.assert_done();
    assert_eq!(ended.stdout, b"one\n\ntwo\nlines\n\xff\x00\xfe\n");
    assert!(double.wait_for_clients(&[], PATIENCE), "it has said goodbye");
    assert_eq!(double.violations(), []);
}

#[test]
fn without_verbose_there_is_only_the_warning() {
    let (double, address) = plain_double();
    let flags = ["sub", "--endpoint", &address, "--plain", "--topic", "t", "--count", "1", "--client-id", "quiet"];
    let running = Running::start(&flags);
    assert!(double.wait_for_clients(&["quiet"], PATIENCE));
    // A retained message comes whether it is published before the subscription or after.
    let message = Message { topic: "t".into(), payload: "kept".into(), qos: Qos::AtLeastOnce, retain: true };
    assert!(double.publish(message));
    let ended = running.end();
    ended.assert_done();
    assert_eq!((ended.text(), ended.stderr.as_str()), ("kept\n", WARNING));
}

#[test]
fn json_is_one_object_per_line() {
    let (double, address) = plain_double();
    let mut flags = vec!["sub", "--endpoint", &address, "--plain", "--format", "json", "--count", "3", "--verbose"];
    flags.extend(["--topic", "a/+", "--topic", "b", "--qos", "0"]);
    let running = Running::subscribed(&flags);
    publish(&double, "a/1", b"text");
    publish(&double, "b", b"\xff\x0a");
    publish(&double, "a/2", "two\nlines, \"quotes\" and ü".as_bytes());
    let ended = running.end();
    ended.assert_done();
    let lines: Vec<Value> = ended.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let object = |topic: &str, field: &str, payload: &str| {
        let (qos, no) = (0, false);
        json!({ "topic": topic, "qos": qos, "retain": no, "duplicate": no, field: payload })
    };
    let expected = [
        object("a/1", "payload", "text"),
        object("b", "payload_hex", "ff0a"),
        object("a/2", "payload", "two\nlines, \"quotes\" and ü"),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn more_filters_than_one_request_takes() {
    let (double, address) = plain_double();
    let topics: Vec<String> = (0..20).map(|number| format!("t/{number}")).collect();
    let mut flags = vec!["sub", "--endpoint", &address, "--plain", "--count", "1", "--verbose"];
    flags.extend(topics.iter().flat_map(|topic| ["--topic", topic.as_str()]));
    let mut running = Running::subscribed(&flags);
    running.hear("subscribed to t/19 with QoS 1");
    publish(&double, "t/19", b"here");
    let ended = running.end();
    ended.assert_done();
    assert_eq!(ended.text(), "here\n");
    assert_eq!(double.violations(), []);
}

#[test]
fn what_is_not_written_is_not_acknowledged() {
    let (double, address) = plain_double();
    let mut flags = vec!["sub", "--endpoint", &address, "--plain", "--topic", "t", "--verbose"];
    flags.extend(["--client-id", "keeper", "--no-clean-session", "--count", "1"]);
    let first = Running::subscribed(&flags);
    for payload in [b"1", b"2", b"3"] {
        publish(&double, "t", payload);
    }
    let first = first.end();
    first.assert_done();
    let mut received = vec![first.text().to_owned()];
    while received.last().is_some_and(|last| last != "3\n") {
        let next = thingwire(&flags);
        next.assert_done();
        assert!(next.stderr.contains("online, session resumed"), "{}", next.stderr);
        received.push(next.text().to_owned());
    }
    // QoS 1 allows the server to repeat a message when it closes before it has seen the acknowledgement.
    received.dedup();
    assert_eq!(received, ["1\n", "2\n", "3\n"]);
}

#[test]
fn it_ends_quietly_when_nobody_reads_any_more() {
    let (double, address) = plain_double();
    let flags = ["sub", "--endpoint", &address, "--plain", "--topic", "t", "--verbose"];
    let (mut running, stdout) = Running::spawn_unread(command(&flags));
    running.hear("subscribed");
    publish(&double, "t", b"first");
    let mut stdout = BufReader::new(stdout);
    let mut line = String::new();
    stdout.read_line(&mut line).expect("a line");
    assert_eq!(line, "first\n");
    drop(stdout);
    // A process that another test is about to start has a copy of our end until it begins: one line may still be taken.
    while !running.has_ended() {
        publish(&double, "t", b"more");
        thread::sleep(Duration::from_millis(10));
    }
    let ended = running.end();
    ended.assert_done();
    assert!(ended.stderr.ends_with("subscribed to t with QoS 1\nthingwire: disconnected\n"), "{}", ended.stderr);
}

#[test]
fn a_refused_subscription_is_an_error() {
    let (double, address) = plain_double();
    double.change_rules(|rules| rules.deny_subscribe.push("secret".to_owned()));
    let ended = thingwire(&["sub", "--endpoint", &address, "--plain", "--topic", "open", "--topic", "secret/#"]);
    ended.assert_failed(
        5,
        "the server refuses the subscription to secret/#; check that the policy allows iot:Subscribe for it",
    );
}
