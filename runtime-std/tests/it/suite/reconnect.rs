//! Links that break.

use std::time::Duration;

use super::support::{PATIENCE, double, filter, plain, publish};
use crate::runtime::{Client, Notice, Outcome, Qos};

#[test]
fn a_dropped_link_loses_nothing() {
    const MESSAGES: usize = 200;
    let double = double();
    let reader = Client::new(plain(&double, "reader").with(|config| config.clean_session = false)).unwrap();
    let messages = reader.subscribe(filter("t"), Qos::AtLeastOnce).unwrap();
    reader.start();
    reader.wait_ready(PATIENCE).unwrap();
    let writer = Client::connect(plain(&double, "writer").with(|config| config.clean_session = false)).unwrap();
    let notices = writer.notices();
    writer.wait_ready(PATIENCE).unwrap();

    let pending: Vec<_> = (0..MESSAGES)
        .map(|number| {
            if number % 50 == 25 {
                double.drop_connections();
            }
            writer.publish(publish("t", number.to_string())).unwrap()
        })
        .collect();
    for pending in &pending {
        assert_eq!(pending.wait(PATIENCE), Some(Outcome::Acked));
    }
    let lost = std::iter::from_fn(|| notices.try_recv()).filter(|notice| matches!(notice, Notice::Offline { .. }));
    assert!(lost.count() > 0, "no link was lost");

    let mut missing: std::collections::BTreeSet<_> = (0..MESSAGES).map(|number| number.to_string()).collect();
    while !missing.is_empty() {
        let message = messages.recv(PATIENCE).unwrap_or_else(|| panic!("missing: {missing:?}"));
        missing.remove(std::str::from_utf8(&message.payload).unwrap());
    }
    assert_eq!(double.violations(), []);
}

#[test]
fn subscriptions_are_renewed() {
    let double = double();
    let client = Client::new(plain(&double, "a")).unwrap();
    let messages = client.subscribe(filter("t"), Qos::AtLeastOnce).unwrap();
    client.start();
    client.wait_ready(PATIENCE).unwrap();
    let notices = client.notices();
    assert_eq!(double.drop_connections(), 1);
    while notices.recv(PATIENCE).expect("Ready") != Notice::Ready {}
    client.publish(publish("t", "again")).unwrap();
    assert_eq!(messages.recv(PATIENCE).expect("a message").payload, "again");
}

#[test]
fn stored_messages_reach_a_subscriber_that_was_there_before_the_start() {
    let double = double();
    let persistent = || plain(&double, "reader").with(|config| config.clean_session = false);
    let first = Client::connect(persistent()).unwrap();
    let subscription = first.subscribe(filter("t/#"), Qos::AtLeastOnce).unwrap();
    assert!(subscription.granted(PATIENCE).is_some());
    drop(first);
    assert!(double.wait_for_clients(&[], PATIENCE));

    let writer = Client::connect(plain(&double, "writer")).unwrap();
    for number in 0..10 {
        let stored = writer.publish(publish(&format!("t/{number}"), number.to_string())).unwrap();
        assert_eq!(stored.wait(PATIENCE), Some(Outcome::Acked));
    }

    let second = Client::new(persistent()).unwrap();
    let messages = second.subscribe(filter("t/#"), Qos::AtLeastOnce).unwrap();
    let notices = second.notices();
    second.start();
    for number in 0..10 {
        assert_eq!(messages.recv(PATIENCE).expect("a stored message").payload, number.to_string());
    }
    let online = std::iter::from_fn(|| notices.recv(PATIENCE)).find(|notice| matches!(notice, Notice::Online { .. }));
    assert_eq!(online, Some(Notice::Online { resumed: true }));
    assert!(second.stop(PATIENCE));
    assert_eq!(messages.recv(Duration::ZERO), None);
}
