//! `thingwire pub` at its work.

use std::io::Write;

use crate::support::{PATIENCE, Running, command, mutual, plain_double, thingwire};
use thingwire_sim::double::Double;

#[test]
fn a_message_arrives_as_it_was_given() {
    let (double, address) = plain_double();
    let connection = ["pub", "--endpoint", &address, "--plain"];
    let cases: [(&[&str], &str, u8, bool); 3] = [
        (&["--message", "hello"], "hello", 1, false),
        (&["--message", "-5", "--qos", "0", "--retain"], "-5", 0, true),
        (&["--message", ""], "", 1, false),
    ];
    for (number, (flags, payload, qos, retain)) in cases.into_iter().enumerate() {
        let ended = thingwire(&[&connection, ["--topic", "a/b"].as_slice(), flags].concat());
        ended.assert_done();
        assert_eq!(ended.text(), "");
        let messages = double.wait_for_messages(number + 1, PATIENCE);
        let message = &messages[number];
        assert_eq!((message.topic.as_str(), &message.payload[..]), ("a/b", payload.as_bytes()));
        assert_eq!((message.qos as u8, message.retain), (qos, retain));
    }
    assert_eq!(double.violations(), []);
}

#[test]
fn a_file_arrives_byte_by_byte() {
    let (double, address) = plain_double();
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("file");
    let bytes: Vec<u8> = (0..128 * 1024_u32).map(|n| (n % 251) as u8).collect();
    std::fs::write(&path, &bytes).expect("writable");
    let path = path.to_str().expect("UTF-8");
    thingwire(&["pub", "--endpoint", &address, "--plain", "--topic", "f", "--file", path]).assert_done();
    assert_eq!(double.wait_for_messages(1, PATIENCE)[0].payload, bytes);
}

#[test]
fn every_line_is_a_message() {
    let (double, address) = plain_double();
    let mut running = Running::start(&["pub", "--endpoint", &address, "--plain", "--topic", "l", "--lines"]);
    running.write(b"one\n\ntwo\r\n\xff\xfe\nlast without a newline");
    running.end().assert_done();
    let messages = double.wait_for_messages(5, PATIENCE);
    let payloads: Vec<&[u8]> = messages.iter().map(|message| &message.payload[..]).collect();
    assert_eq!(payloads, [b"one".as_slice(), b"", b"two\r", b"\xff\xfe", b"last without a newline"]);
}

#[test]
fn a_line_is_sent_as_soon_as_it_is_read() {
    let (double, address) = plain_double();
    let mut running = Running::start(&["pub", "--endpoint", &address, "--plain", "--topic", "l", "--lines"]);
    for count in 1..=3 {
        running.write(b"tick\n");
        assert_eq!(double.wait_for_messages(count, PATIENCE).len(), count);
    }
    running.end().assert_done();
}

#[test]
fn no_lines_are_no_messages() {
    let (double, address) = plain_double();
    thingwire(&["pub", "--endpoint", &address, "--plain", "--topic", "l", "--lines"]).assert_done();
    assert_eq!(double.messages(), []);
}

#[test]
fn a_thousand_lines_arrive_in_order_over_plain_tcp() {
    let (_double, address) = plain_double();
    thousand_lines(&["--endpoint", &address, "--plain"]);
}

#[test]
fn a_thousand_lines_arrive_in_order_over_mutual_tls() {
    let double = Double::start().expect("the double starts");
    let flags = mutual(&double);
    thousand_lines(&flags.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(double.violations(), []);
}

fn thousand_lines(connection: &[&str]) {
    let subscribe = ["sub", "--topic", "t", "--count", "1000", "--verbose"];
    let subscriber = Running::subscribed(&[&subscribe, connection].concat());
    let mut publisher = Running::start(&[&["pub", "--topic", "t", "--lines"], connection].concat());
    let mut lines = Vec::new();
    for number in 1..=1000 {
        writeln!(lines, "{number}").expect("a vector takes everything");
    }
    publisher.write(&lines);
    publisher.end().assert_done();
    let received = subscriber.end();
    received.assert_done();
    assert_eq!(received.stdout, lines);
}

#[test]
fn what_came_before_a_line_that_is_too_long_is_delivered() {
    let (double, address) = plain_double();
    let mut running = Running::start(&["pub", "--endpoint", &address, "--plain", "--topic", "l", "--lines"]);
    running.write(b"first\nsecond\n");
    running.write(&vec![b'x'; 128 * 1024 + 1]);
    running.end().assert_failed(2, "line 3 is too long; the service takes 131072 bytes");
    assert_eq!(double.wait_for_messages(2, PATIENCE).len(), 2);
    assert_eq!(double.violations(), []);
}

#[test]
fn without_limits_messages_may_be_long() {
    let (double, address) = plain_double();
    double.change_rules(|rules| (rules.payload_len_max, rules.packet_len_max) = (None, 8 << 20));
    let flags = ["pub", "--endpoint", &address, "--plain", "--topic", "l", "--lines", "--limits", "none"];
    let mut running = Running::start(&flags);
    running.write(&vec![b'x'; 5 << 20]);
    running.end().assert_done();
    assert_eq!(double.wait_for_messages(1, PATIENCE)[0].payload.len(), 5 << 20);
}

#[test]
fn settings_come_from_the_environment_too_and_flags_have_precedence() {
    let (double, address) = plain_double();
    let mut command = command(&["pub", "--message", "from a flag"]);
    command.env("THINGWIRE_ENDPOINT", &address).env("THINGWIRE_PLAIN", "true").env("THINGWIRE_TOPIC", "env");
    command.env("THINGWIRE_MESSAGE", "from a variable").env("THINGWIRE_LINES", "false").env("THINGWIRE_QOS", "0");
    Running::spawn(command).end().assert_done();
    let message = &double.wait_for_messages(1, PATIENCE)[0];
    assert_eq!((message.topic.as_str(), &message.payload[..]), ("env", b"from a flag".as_slice()));
    assert_eq!(message.qos as u8, 0);
}

#[test]
fn no_secret_is_shown_in_verbose_mode() {
    let double = Double::start().expect("the double starts");
    double.change_rules(|rules| {
        rules.passwords.insert("me".to_owned(), b"hunter2".to_vec());
    });
    let login = ["--client-id", "me", "--user-name", "top-secret", "--verbose"];
    for (password, code) in [("hunter2", 0), ("hunter3", 5)] {
        let connection = mutual(&double);
        let connection: Vec<&str> = connection.iter().map(String::as_str).collect();
        let flags = [["pub", "--topic", "t", "--message", "m"].as_slice(), &login, &connection].concat();
        let mut command = command(&flags);
        command.env("THINGWIRE_PASSWORD", password);
        let ended = Running::spawn(command).end();
        assert_eq!(ended.code, Some(code), "{}", ended.stderr);
        assert!(ended.stderr.contains("connecting to localhost:"), "{}", ended.stderr);
        let key = std::fs::read_to_string(double.key_path()).expect("readable");
        for secret in key.lines().filter(|line| !line.starts_with('-')).chain([password, "top-secret"]) {
            assert!(!ended.stderr.contains(secret) && !ended.text().contains(secret), "{}", ended.stderr);
        }
    }
    assert!(double.wait_for_clients(&[], PATIENCE));
}
