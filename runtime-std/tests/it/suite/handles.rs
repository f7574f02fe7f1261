//! Pendings, subscriptions, notices and callbacks.

use std::sync::mpsc;
use std::time::Duration;

use thingwire_sim::double::Double;

use super::support::{PATIENCE, double, filter, plain, publish, publish_qos0};
use crate::runtime::{Client, Driver, Notice, Notices, Outcome, Pending, Phase, Qos, Refusal, Subscription};

fn ready(double: &Double) -> Client {
    let client = Client::connect(plain(double, "a")).unwrap();
    client.wait_ready(PATIENCE).unwrap();
    client
}

#[test]
fn a_refused_publish_comes_back() {
    let double = double();
    let client = Client::new(plain(&double, "a").with(|config| config.queue.count_max = Some(1))).unwrap();
    client.publish(publish("a", "fits")).unwrap();
    let refused = client.publish(publish("a", "does not")).expect_err("the queue is full");
    assert_eq!(refused.why, Refusal::QueueFull { count_max: 1 });
    assert_eq!(refused.value, publish("a", "does not"));
}

#[test]
fn what_is_not_ready_says_why() {
    let double = double();
    let client = Client::new(plain(&double, "a")).unwrap();
    let not_ready = client.wait_ready(Duration::ZERO).expect_err("not started");
    assert_eq!((not_ready.phase, &not_ready.last_error), (Phase::Idle, &None));
    assert_eq!(not_ready.to_string(), "not ready in time: not started");
}

#[test]
fn handles_go_from_thread_to_thread() {
    fn check<T: Send>() {}
    fn check_shared<T: Send + Sync>() {}
    check::<Driver>();
    check_shared::<Client>();
    check_shared::<Pending>();
    check_shared::<Subscription>();
    check_shared::<Notices>();
}

#[test]
fn a_withdrawn_publish_ends() {
    let double = double();
    let client = Client::new(plain(&double, "a")).unwrap();
    let pending = client.publish(publish("a", "1")).unwrap();
    assert!(client.discard(pending.ticket()));
    assert_eq!(pending.wait(PATIENCE), Some(Outcome::Discarded));
    assert_eq!(pending.try_wait(), Some(Outcome::Discarded));
    assert!(!client.discard(pending.ticket()));
}

#[test]
fn callbacks_may_use_the_client_and_panic() {
    let double = double();
    let client = ready(&double);
    let (outcome, outcomes) = mpsc::channel();
    client.publish(publish("a", "1")).unwrap().on_done(|_| panic!("this panic is part of the test"));
    let inner = client.clone();
    client.publish(publish("a", "2")).unwrap().on_done(move |_| {
        // Re-entrant and blocking.
        let done = inner.publish(publish("a", "3")).unwrap().wait(PATIENCE);
        outcome.send(done).unwrap();
    });
    assert_eq!(outcomes.recv_timeout(PATIENCE), Ok(Some(Outcome::Acked)));
    // The client itself is alive and well.
    assert_eq!(client.publish(publish("a", "4")).unwrap().wait(PATIENCE), Some(Outcome::Acked));
}

#[test]
fn a_callback_after_the_end_is_called_too() {
    let double = double();
    let client = ready(&double);
    let pending = client.publish(publish("a", "1")).unwrap();
    assert!(pending.wait(PATIENCE).is_some());
    drop(client);
    let (outcome, outcomes) = mpsc::channel();
    pending.on_done(move |done| outcome.send(done).unwrap());
    assert_eq!(outcomes.recv_timeout(PATIENCE), Ok(Some(Outcome::Acked)));
}

#[test]
fn a_panicking_message_callback_gets_the_next_message() {
    let double = double();
    let client = ready(&double);
    let (payload, payloads) = mpsc::channel();
    let messages = client.subscribe(filter("a"), Qos::AtLeastOnce).unwrap();
    let deliver = move |message: crate::runtime::Message| {
        assert_ne!(message.payload, "bad", "this panic is part of the test");
        payload.send(message.payload).unwrap();
    };
    messages.deliver_to(deliver).unwrap();
    for text in ["bad", "good"] {
        client.publish(publish("a", text)).unwrap();
    }
    assert_eq!(payloads.recv_timeout(PATIENCE).unwrap(), "good");
}

#[test]
fn a_message_goes_to_every_subscription_that_matches() {
    let double = double();
    let client = ready(&double);
    let one = client.subscribe(filter("a/+"), Qos::AtLeastOnce).unwrap();
    let both = vec![(filter("b"), Qos::AtLeastOnce), (filter("c"), Qos::AtMostOnce)];
    let other = client.subscribe_all(both).unwrap();
    assert_eq!(other.granted(PATIENCE), Some(Outcome::Subscribed(vec![Some(Qos::AtLeastOnce), Some(Qos::AtMostOnce)])));
    for to in ["a/1", "b", "c"] {
        client.publish(publish(to, to)).unwrap();
    }
    assert_eq!(one.recv(PATIENCE).expect("a message").payload, "a/1");
    assert_eq!(other.recv(PATIENCE).expect("a message").payload, "b");
    assert_eq!(other.recv(PATIENCE).expect("a message").payload, "c");
    assert_eq!((one.try_recv(), other.try_recv()), (None, None));
}

#[test]
fn messages_without_a_subscription_are_notices() {
    let double = double();
    let client = ready(&double);
    let dropped = client.subscribe(filter("a"), Qos::AtLeastOnce).unwrap();
    assert!(dropped.granted(PATIENCE).is_some());
    drop(dropped);
    let notices = client.notices();
    client.publish(publish("a", "1")).unwrap();
    match notices.recv(PATIENCE) {
        Some(Notice::Message(message)) => assert_eq!(message.payload, "1"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn notices_that_nobody_takes_make_way() {
    const MESSAGES: usize = 1_500;
    let double = double();
    let client = ready(&double);
    let subscription = client.subscribe(filter("flood"), Qos::AtMostOnce).unwrap();
    drop(subscription);
    let last = client.subscribe(filter("last"), Qos::AtMostOnce).unwrap();
    let notices = client.notices();
    for number in 0..MESSAGES {
        client.publish(publish_qos0("flood", number.to_string())).unwrap();
    }
    client.publish(publish_qos0("last", "")).unwrap();
    assert!(last.recv(PATIENCE).is_some());
    assert!(client.stop(PATIENCE));
    // The messages, Offline and Stopped.
    let taken = std::iter::from_fn(|| notices.try_recv()).collect::<Vec<_>>();
    assert_eq!(taken.len() + usize::try_from(notices.dropped()).unwrap(), MESSAGES + 2);
    assert!(notices.dropped() > 0);
    assert_eq!(taken.last(), Some(&Notice::Stopped));
    assert_eq!(notices.recv(Duration::ZERO), None);
}
