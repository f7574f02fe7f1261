//! The flags about lost connections and what waits for them.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use thingwire_sim::double::Double;

use crate::support::{Ended, PATIENCE, Running, WARNING, command, plain_double, serve, thingwire};

/// `thingwire pub --lines --verbose` that has lost its connection after the message `first`.
pub(crate) fn lost(double: &Double, address: &str, flags: &[&str]) -> Running {
    let basic = ["pub", "--endpoint", address, "--plain", "--topic", "t", "--lines", "--verbose"];
    let mut running = Running::start(&[&basic, flags].concat());
    running.write(b"first\n");
    assert_eq!(double.wait_for_messages(1, PATIENCE).len(), 1);
    assert_eq!(double.drop_connections(), 1);
    running
}

/// What the command says about the first wait, in seconds.
fn first_wait(flags: &[&str]) -> f64 {
    let (double, address) = plain_double();
    let mut running = lost(&double, &address, flags);
    let line = running.hear_line("offline: ");
    let (_, wait) = line.split_once("; next attempt in ").expect("a wait");
    wait.strip_suffix(" s").expect("a unit").parse().expect("a number")
}

fn assert_near(value: f64, expected: f64) {
    assert!((value - expected).abs() < 0.15, "{value} is not {expected}");
}

#[test]
fn backoff_and_jitter_decide_the_waits() {
    assert_near(first_wait(&["--backoff", "40,50,41", "--jitter", "none"]), 40.0);
    let equal = first_wait(&["--backoff", "40,50,41", "--jitter", "equal"]);
    assert!((19.8..=40.1).contains(&equal), "{equal}");
    let full = first_wait(&["--backoff", "3,3,4"]);
    assert!((0.9..=4.1).contains(&full), "{full}");
    // Between the base and three times the base, which is more than the longest.
    assert_near(first_wait(&["--backoff", "40,40.0,40.5", "--jitter", "decorrelated"]), 40.0);
}

#[test]
fn settings_come_from_variables_too() {
    let (_double, address) = plain_double();
    let flags = ["pub", "--endpoint", &address, "--plain", "--topic", "t", "--message", "m"];
    let variables = [
        ("THINGWIRE_BACKOFF", "BASE,MAX,STABLE"),
        ("THINGWIRE_JITTER", "JITTER"),
        ("THINGWIRE_OFFLINE_QUEUE", "N"),
        ("THINGWIRE_DROP", "WHICH"),
        ("THINGWIRE_DRAIN_HZ", "HZ"),
        ("THINGWIRE_OPERATION_TIMEOUT", "SECONDS"),
        ("THINGWIRE_RESEND_AFTER", "SECONDS"),
        ("THINGWIRE_CONNECT_TIMEOUT", "SECONDS"),
        ("THINGWIRE_KEEP_ALIVE", "SECONDS"),
        ("THINGWIRE_PRESET", "PRESET"),
    ];
    for (variable, value) in variables {
        let mut command = command(&flags);
        command.env(variable, "x");
        let ended = Running::spawn(command).end();
        let flag = variable.strip_prefix("THINGWIRE_").expect("all have it").to_lowercase().replace('_', "-");
        let start = format!("thingwire: invalid value 'x' for '--{flag} <{value}>'");
        assert!(ended.code == Some(2) && ended.stderr.starts_with(&start), "{}", ended.stderr);
    }
}

/// Publishes 50 lines while the connection is lost. The status line from then, and the end.
fn fifty_lines_offline(flags: &[&str]) -> (String, Ended, Vec<String>) {
    let (double, address) = plain_double();
    let backoff = ["--backoff", "2,2,3", "--jitter", "none"];
    let mut running = lost(&double, &address, &[&backoff, flags].concat());
    running.hear("status: waiting to reconnect");
    let mut lines = Vec::new();
    for number in 1..=50 {
        writeln!(lines, "{number}").expect("a vector takes everything");
    }
    running.write(&lines);
    let status = running.hear_line("status: connecting");
    let ended = running.end();
    let payload = |payload: &[u8]| String::from_utf8(payload.to_vec()).expect("text");
    let mut arrived: Vec<String> = double.messages().iter().map(|message| payload(&message.payload)).collect();
    // The connection may have been lost before the acknowledgement of the first one.
    arrived.retain(|payload| payload != "first");
    (status, ended, arrived)
}

fn numbers(range: std::ops::RangeInclusive<u32>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

/// How the queue's length shows: with every length, all lines arrive.
fn nothing_is_lost(flags: &[&str], queued: usize) {
    let (status, ended, arrived) = fifty_lines_offline(flags);
    assert!(status.contains(&format!(" {queued} queued, 0 dropped")), "{status}");
    ended.assert_done();
    assert_eq!(arrived, numbers(1..=50));
}

#[test]
fn with_every_length_of_the_queue_all_lines_arrive() {
    let cases: [(&[&str], usize); 3] = [
        (&["--offline-queue", "5"], 5),
        (&["--offline-queue", "unlimited", "--drain-hz", "unlimited"], 50),
        (&["--offline-queue", "off", "--drop", "oldest"], 0),
    ];
    // Each waits two seconds.
    std::thread::scope(|scope| {
        for (flags, queued) in cases {
            scope.spawn(move || nothing_is_lost(flags, queued));
        }
    });
}

#[test]
fn the_oldest_are_dropped_where_the_user_wants_that() {
    let (status, ended, arrived) = fifty_lines_offline(&["--offline-queue", "5", "--drop", "oldest"]);
    assert!(status.contains(" 5 queued, 45 dropped"), "{status}");
    assert_eq!(arrived, numbers(46..=50));
    let line = "thingwire: 45 messages were dropped from the full offline queue; a longer --offline-queue keeps more";
    assert_eq!((ended.code, ended.stderr.lines().last()), (Some(1), Some(line)));
}

#[test]
fn nothing_is_dropped_while_there_is_a_connection() {
    let (double, address) = plain_double();
    let flags = ["pub", "--endpoint", &address, "--plain", "--topic", "t", "--lines", "--limits", "none"];
    let mut running = Running::start(&[flags.as_slice(), &["--offline-queue", "1", "--drop", "oldest"]].concat());
    running.write(&b"line\n".repeat(1000));
    running.end().assert_done();
    assert_eq!(double.messages().len(), 1000);
}

#[test]
fn drain_hz_paces_what_waited() {
    let (double, address) = plain_double();
    let flags = ["--backoff", "1.5,1.5,2", "--jitter", "none", "--drain-hz", "4"];
    let mut running = lost(&double, &address, &flags);
    running.hear("status: waiting to reconnect");
    running.write(b"1\n2\n3\n4\n5\n");
    running.hear("online, ");
    let begin = Instant::now();
    running.hear("thingwire: ready");
    // Four intervals of 250 ms, less what the line took to get here.
    assert!(begin.elapsed() > Duration::from_millis(600), "{:?}", begin.elapsed());
    running.end().assert_done();
}

#[test]
fn the_operation_timeout_bounds_the_wait_for_a_subscription() {
    let address = serve(|mut peer| {
        let mut request = [0; 4096];
        let _connect = peer.read(&mut request).expect("a CONNECT");
        peer.write_all(&[0x20, 2, 0, 0]).expect("the command listens");
        drop(std::io::copy(&mut peer, &mut std::io::sink()));
    });
    let begin = Instant::now();
    let flags = ["sub", "--endpoint", &address, "--plain", "--topic", "t", "--operation-timeout", "0.3"];
    let line = "SUBSCRIBE: no answer from the server in time; check the network and the server";
    thingwire(&flags).assert_failed(3, line);
    assert!(begin.elapsed() < Duration::from_secs(4), "the default is longer");
}

#[test]
fn subscriptions_find_room_in_any_queue() {
    let (double, address) = plain_double();
    let topics: Vec<String> = (0..20).map(|number| format!("t/{number}")).collect();
    for length in ["off", "1"] {
        let mut flags = vec!["sub", "--endpoint", &address, "--plain", "--verbose", "--drop", "oldest"];
        flags.extend(["--offline-queue", length]);
        flags.extend(topics.iter().flat_map(|topic| ["--topic", topic.as_str()]));
        let mut running = Running::start(&flags);
        running.hear("subscribed to t/0 ");
        running.hear("subscribed to t/19 ");
    }
    assert_eq!(double.violations(), []);
}

#[test]
fn bad_values_are_one_line_with_flag_value_and_rule() {
    let refused = |flag: &str, name: &str, value: &str, rule: &str| {
        let line = format!("invalid value '{value}' for '--{flag} <{name}>'{rule}; see 'thingwire --help'");
        for command in ["pub", "sub"] {
            let flags = [command, "--endpoint", "localhost", "--plain", "--topic", "t", &format!("--{flag}"), value];
            thingwire(&flags).assert_failed(2, &line);
        }
    };
    let no_span = ["-1", "NaN", "inf", "-inf", "1e999", "0", "1e-9", "86401", "soon", ""];
    let no_rate = ["0", "-2", "NaN", "inf", "-inf", "1e999", "1000001", "1e-9", "fast"];
    let seconds = "expected seconds from 0.000001 to 86400";
    let count = format!(": expected a whole number up to {}, unlimited or off", usize::MAX);
    let table: [(&str, &str, &[&str], &str); 10] = [
        ("connect-timeout", "SECONDS", &no_span, &format!(": {seconds}")),
        ("operation-timeout", "SECONDS", &no_span, &format!(": {seconds}")),
        ("resend-after", "SECONDS", &no_span, &format!(": {seconds}, or never")),
        (
            "keep-alive",
            "SECONDS",
            &["-1", "NaN", "inf", "1.5", "65536", "1e999", "never"],
            ": expected whole seconds from 0 to 65535",
        ),
        (
            "backoff",
            "BASE,MAX,STABLE",
            &["1,2", "1,2,3,4", "-5", ""],
            ": expected BASE,MAX,STABLE, three seconds from 0.000001 to 86400",
        ),
        ("backoff", "BASE,MAX,STABLE", &["1,,3"], &format!(": MAX is '', {seconds}")),
        ("drain-hz", "HZ", &no_rate, ": expected a number from 1/86400 (one a day) to 1000000, adaptive or unlimited"),
        ("offline-queue", "N", &["-1", "1.5", "99999999999999999999999", "none"], &count),
        ("jitter", "JITTER", &["some"], " [possible values: none, equal, full, decorrelated]"),
        ("drop", "WHICH", &["all"], " [possible values: oldest, newest]"),
    ];
    for (flag, name, values, rule) in table {
        for value in values {
            refused(flag, name, value, rule);
        }
    }
    for value in no_span {
        refused("backoff", "BASE,MAX,STABLE", &format!("{value},32,20"), &format!(": BASE is '{value}', {seconds}"));
        refused("backoff", "BASE,MAX,STABLE", &format!("1,32,{value}"), &format!(": STABLE is '{value}', {seconds}"));
    }
}

#[test]
fn waits_that_contradict_each_other() {
    let stable = |value: &str| format!("--backoff: STABLE is {value}; the rule is: longer than BASE");
    let max = |value: &str| format!("--backoff: MAX is {value}; the rule is: at least BASE, at most a day");
    let table = [
        ("20,32,20", stable("20s")),
        ("5,32,4.5", stable("4.5s")),
        ("10,2.5,20", max("2.5s")),
        ("86400,86400,86400", stable("86400s")),
    ];
    for (backoff, line) in table {
        let flags = ["--endpoint", "localhost", "--plain", "--topic", "t", "--backoff", backoff];
        thingwire(&[["sub"].as_slice(), &flags].concat()).assert_failed(2, &line);
        thingwire(&[["pub", "--message", "m"].as_slice(), &flags].concat()).assert_failed(2, &line);
    }
}

#[test]
fn verbose_shows_the_status_at_every_change_and_at_the_end() {
    let (_double, address) = plain_double();
    let flags = ["pub", "--endpoint", &address, "--plain", "--topic", "t", "--message", "m", "--verbose"];
    let ended = thingwire(&flags);
    ended.assert_done();
    let status: Vec<&str> = ended.stderr.lines().filter_map(|line| line.strip_prefix("thingwire: status: ")).collect();
    assert_eq!(status.first(), Some(&"connecting; 0 done, 0 in flight, 1 queued, 0 dropped"), "{}", ended.stderr);
    assert_eq!(status.last(), Some(&"idle; 1 done, 0 in flight, 0 queued, 0 dropped"));
    assert!(status.iter().any(|line| line.starts_with("ready; ")), "{}", ended.stderr);
    assert!(ended.stderr.lines().last().is_some_and(|line| line.contains("status: idle")), "{}", ended.stderr);
}

#[test]
fn a_pipe_sees_no_progress() {
    let (double, address) = plain_double();
    let mut running = Running::start(&["pub", "--endpoint", &address, "--plain", "--topic", "t", "--lines"]);
    // Longer than it takes until a terminal would have a line.
    for count in 1..=5 {
        running.write(b"line\n");
        assert_eq!(double.wait_for_messages(count, PATIENCE).len(), count);
        std::thread::sleep(Duration::from_millis(200));
    }
    let ended = running.end();
    ended.assert_done();
    assert_eq!(ended.stderr, WARNING);
}
