//! The conformance cases of the client's predecessor, the AWS IoT Device SDK for Python v1, that are about calls, threads
//! and callbacks. `core/tests/it/parity.rs` has the others. Where v1 is to be improved on (★), the test shows the
//! improvement.
//!
//! | case | shown by |
//! |---|---|
//! | 10 | `failures::peer_that_closes_before_connack`, `failures::peer_that_says_nothing`, `own_thread::one_thread_while_it_lives_and_none_after` |
//! | 23 | `a_wait_that_runs_out_leaves_the_operation_alone`, `an_unanswered_subscription_ends_and_its_late_answer_harms_nobody`, `handles::a_refused_publish_comes_back` |
//! | 25 | `each_callback_is_called_once_with_how_its_operation_ended`, `handles::a_callback_after_the_end_is_called_too` |
//! | 26 | `calls_from_inside_a_callback_do_not_deadlock`, `handles::callbacks_may_use_the_client_and_panic` |
//! | 27 | `handles::a_message_goes_to_every_subscription_that_matches` |
//! | 28 | `a_thousand_messages_without_waiting_and_a_hundred_with_it_all_arrive` |
//! | 31 | `a_callback_that_panics_stops_no_other`, `handles::a_panicking_message_callback_gets_the_next_message` |
//! | 48 | `shadows::the_service_answers_each_request` |
//! | 50 | `shadows::an_answer_that_does_not_come_is_a_timeout_and_no_later_answer_changes_that`, `shadows::an_answer_that_cannot_be_read_answers_nobody` |
//! | 51 | `shadow_watches::a_callback_of_a_delta_may_use_the_shadow_take_its_time_and_panic` |
//! | 53 | `shadows::as_many_requests_as_there_is_room_for_each_get_their_own_answer` |
//! | 55 | `shadows::a_callback_of_a_timeout_may_use_the_shadow` |
//! | 56 | `shadow_watches::a_text_in_pieces_arrives_whole` |

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Arc, Barrier, mpsc};
use std::time::Duration;

use super::peer::{Peer, accept, read_packet};
use super::support::{PATIENCE, double, filter, plain, plain_at, publish, publish_qos0};
use crate::runtime::{Client, Notice, Outcome, Qos};

const PUBLISH: u8 = 3;
const SUBSCRIBE: u8 = 8;

#[test]
fn a_wait_that_runs_out_leaves_the_operation_alone() {
    let asked = Arc::new(Barrier::new(2));
    let answer = Arc::clone(&asked);
    let peer = Peer::start(move |stream| {
        accept(stream);
        let (kind, publish) = read_packet(stream).expect("PUBLISH");
        assert_eq!(kind, PUBLISH);
        answer.wait();
        stream.write_all(&[0x40, 2, publish[3], publish[4]]).unwrap();
        while read_packet(stream).is_some() {}
    });
    let client = Client::connect(plain_at(&peer.endpoint(), "a")).unwrap();
    let pending = client.publish(publish("t", "x")).unwrap();
    assert_eq!(pending.wait(Duration::from_millis(50)), None);
    asked.wait();
    assert_eq!(pending.wait(PATIENCE), Some(Outcome::Acked));
}

#[test]
fn an_unanswered_subscription_ends_and_its_late_answer_harms_nobody() {
    let asked = Arc::new(Barrier::new(2));
    let answer = Arc::clone(&asked);
    let peer = Peer::start(move |stream| {
        accept(stream);
        let (kind, subscribe) = read_packet(stream).expect("SUBSCRIBE");
        assert_eq!(kind, SUBSCRIBE);
        answer.wait();
        stream.write_all(&[0x90, 3, subscribe[0], subscribe[1], 1]).unwrap();
        let (kind, publish) = read_packet(stream).expect("PUBLISH");
        assert_eq!(kind, PUBLISH);
        stream.write_all(&[0x40, 2, publish[3], publish[4]]).unwrap();
        while read_packet(stream).is_some() {}
    });
    let options = plain_at(&peer.endpoint(), "a").with(|config| config.operation_timeout = Duration::from_millis(50));
    let client = Client::connect(options).unwrap();
    let subscription = client.subscribe(filter("t"), Qos::AtLeastOnce).unwrap();
    assert_eq!(subscription.granted(PATIENCE), Some(Outcome::TimedOut));
    asked.wait();
    assert_eq!(client.publish(publish("t", "x")).unwrap().wait(PATIENCE), Some(Outcome::Acked));
}

#[test]
fn each_callback_is_called_once_with_how_its_operation_ended() {
    let double = double();
    let client = Client::connect(plain(&double, "a")).unwrap();
    let (sender, ended) = mpsc::channel();
    let tell = |name: &'static str| {
        let sender = sender.clone();
        move |outcome| sender.send((name, outcome)).unwrap()
    };
    // v1 forgets the callback of a QoS 0 message.
    client.publish(publish_qos0("t", "0")).unwrap().on_done(tell("qos 0"));
    client.publish(publish("t", "1")).unwrap().on_done(tell("qos 1"));
    client.unsubscribe(vec![filter("t")]).unwrap().on_done(tell("unsubscribe"));
    drop(sender);
    let mut all: Vec<_> = ended.iter().collect();
    all.sort_by_key(|&(name, _)| name);
    let expected =
        [("qos 0", Some(Outcome::Sent)), ("qos 1", Some(Outcome::Acked)), ("unsubscribe", Some(Outcome::Unsubscribed))];
    assert_eq!(all, expected, "the channel ends with the last callback");
}

#[test]
fn calls_from_inside_a_callback_do_not_deadlock() {
    let double = double();
    let client = Client::connect(plain(&double, "a")).unwrap();
    let (sender, ended) = mpsc::channel();
    // From the answer to a request of subscriptions, and again from the answer to that.
    let (inner, tell) = (client.clone(), sender.clone());
    client.unsubscribe(vec![filter("t")]).unwrap().on_done(move |_| {
        let innermost = inner.clone();
        inner.publish(publish("t", "1")).unwrap().on_done(move |_| {
            tell.send(innermost.publish(publish("t", "2")).unwrap().wait(PATIENCE)).unwrap();
        });
    });
    assert_eq!(ended.recv_timeout(PATIENCE), Ok(Some(Outcome::Acked)));
    // From a message.
    let messages = client.subscribe(filter("question"), Qos::AtLeastOnce).unwrap();
    let inner = client.clone();
    let answer = move |_| sender.send(inner.publish(publish("answer", "")).unwrap().wait(PATIENCE)).unwrap();
    messages.deliver_to(answer).unwrap();
    client.publish(publish("question", "")).unwrap();
    assert_eq!(ended.recv_timeout(PATIENCE), Ok(Some(Outcome::Acked)));
    assert_eq!(double.violations(), []);
}

#[test]
fn a_thousand_messages_without_waiting_and_a_hundred_with_it_all_arrive() {
    let double = double();
    let reader = Client::new(plain(&double, "reader")).unwrap();
    let messages = reader.subscribe(filter("t"), Qos::AtLeastOnce).unwrap();
    reader.start();
    reader.wait_ready(PATIENCE).unwrap();
    let writer = Client::connect(plain(&double, "writer")).unwrap();
    let mut pending = Vec::new();
    for number in 0..1_100 {
        let sent = writer.publish(publish("t", number.to_string())).unwrap();
        if number % 11 == 10 {
            assert_eq!(sent.wait(PATIENCE), Some(Outcome::Acked));
        } else {
            pending.push(sent);
        }
    }
    assert_eq!(pending.len(), 1_000);
    assert!(pending.iter().all(|sent| sent.wait(PATIENCE) == Some(Outcome::Acked)));
    let arrived: BTreeSet<u32> = std::iter::from_fn(|| messages.recv(PATIENCE))
        .take(1_100)
        .map(|message| std::str::from_utf8(&message.payload).unwrap().parse().unwrap())
        .collect();
    assert_eq!(arrived, (0..1_100).collect());
    assert_eq!(double.violations(), []);
}

#[test]
fn a_callback_that_panics_stops_no_other() {
    // Case 31 ★.
    let double = double();
    let client = Client::connect(plain(&double, "a")).unwrap();
    let (sender, ended) = mpsc::channel();
    for number in 0..10 {
        let sender = sender.clone();
        client.publish(publish("t", "x")).unwrap().on_done(move |_| {
            assert!(number % 2 == 1, "this panic is part of the test");
            sender.send(number).unwrap();
        });
    }
    drop(sender);
    assert_eq!(ended.iter().collect::<Vec<_>>(), [1, 3, 5, 7, 9]);
    // Messages and notices come after them.
    let messages = client.subscribe(filter("t"), Qos::AtLeastOnce).unwrap();
    client.publish(publish("t", "after")).unwrap();
    assert_eq!(messages.recv(PATIENCE).expect("a message").payload, "after");
    let notices = client.notices();
    assert!(client.stop(PATIENCE));
    assert_eq!(notices.recv(PATIENCE), Some(Notice::Offline { why: None, retry_in: None }));
}
