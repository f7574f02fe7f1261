//! Connections that do not last.

use std::io::{BufRead, BufReader};

use crate::support::{PATIENCE, Running, command, plain_double, thingwire};

#[test]
fn a_lost_connection_comes_back_and_nothing_is_lost() {
    let (double, address) = plain_double();
    let connection = ["--endpoint", &address, "--plain", "--topic", "t", "--verbose"];
    let subscribe = [["sub", "--count", "20"].as_slice(), &connection].concat();
    let (mut subscriber, stdout) = Running::spawn_unread(command(&subscribe));
    let mut received = BufReader::new(stdout).lines().map(|line| line.expect("text"));
    subscriber.hear("subscribed");
    let mut publisher = Running::start(&[["pub", "--lines"].as_slice(), &connection].concat());
    let lines = |numbers: std::ops::RangeInclusive<u32>| numbers.map(|number| number.to_string()).collect::<Vec<_>>();

    publisher.write(b"1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n");
    assert_eq!(received.by_ref().take(10).collect::<Vec<_>>(), lines(1..=10));
    assert_eq!(double.drop_connections(), 2);
    publisher.hear("offline: ");
    subscriber.hear("offline: ");
    subscriber.hear("ready");
    publisher.write(b"11\n12\n13\n14\n15\n16\n17\n18\n19\n20\n");
    publisher.end().assert_done();
    assert_eq!(received.collect::<Vec<_>>(), lines(11..=20));
    subscriber.end().assert_done();
    assert_eq!(double.wait_for_messages(20, PATIENCE).len(), 20);
}

#[test]
fn a_server_that_closes_on_every_publish_is_not_asked_for_ever() {
    let (double, address) = plain_double();
    double.change_rules(|rules| rules.deny_publish.push("secret".to_owned()));
    let ended = thingwire(&["pub", "--endpoint", &address, "--plain", "--topic", "secret", "--message", "m"]);
    let given_up = "message 1: given up: the server closed the connection 3 times instead of answering; check that the \
                    policy allows it";
    ended.assert_failed(5, given_up);
}
