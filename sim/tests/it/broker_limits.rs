//! The service's rates: what comes too fast, and what is sent again.

use std::time::Duration;

use thingwire_sim::broker::{CloseReason, Message, Qos, Refuse, Rules, ViolationKind};

use crate::packets::{Connect, PINGREQ, again1, connack, puback, publish1};
use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

fn message(topic: &str, payload: &'static [u8], qos: Qos) -> Message {
    Message { topic: topic.into(), payload: payload.into(), qos, retain: false }
}

#[test]
fn the_service_takes_one_connect_a_second_of_one_client_id() {
    let mut world = World::new(Rules::aws());
    let first = world.online(&Connect::clean("a"));
    world.online(&Connect::clean("b"));
    world.pass(999 * MILLISECOND);
    let soon = world.open(&Connect::clean("a").bytes());
    assert_eq!(world.closed(soon), Some(CloseReason::RefusedSilently));
    assert_eq!(world.closed(first), None, "not taken over");
    world.pass(MILLISECOND);
    world.online(&Connect::clean("a"));
    assert_eq!(world.closed(first), Some(CloseReason::TakenOver));
}

#[test]
fn more_connects_than_an_account_may_are_refused() {
    let mut world = World::with(|rules| {
        rules.connects_per_second = Some(2);
        rules.excess_connects = Refuse::Code(3);
    });
    world.online(&Connect::clean("a"));
    world.online(&Connect::clean("b"));
    let third = world.open(&Connect::clean("c").bytes());
    assert_eq!(world.sent_to(third), [connack(false, 3)]);
    assert_eq!(world.closed(third), Some(CloseReason::Refused(3)));
    world.pass(SECOND / 2);
    world.online(&Connect::clean("c"));
}

#[test]
fn publishes_beyond_the_rate_are_dropped_without_a_word() {
    let mut world = World::with(|rules| rules.publishes_per_second = Some(3));
    let subscriber = world.subscriber(&Connect::clean("s"), "t", 1);
    let publisher = world.online(&Connect::clean("p"));
    for id in 1..=4 {
        world.send(publisher, &publish1(id, "t", b"x"));
    }
    assert_eq!(world.sent_to(publisher), [puback(1), puback(2), puback(3)]);
    assert_eq!(world.sent_to(subscriber).len(), 3);
    assert_eq!((world.closed(publisher), world.broker.discarded_count()), (None, 1));
    world.pass(334 * MILLISECOND);
    world.send(publisher, &again1(4, "t", b"x"));
    assert_eq!(world.sent_to(publisher), [puback(4)]);
    assert!(world.violations().is_empty());
}

#[test]
fn the_service_takes_100_publishes_a_second() {
    let mut world = World::aws();
    let publisher = world.online(&Connect::clean("p"));
    for id in 1..=101 {
        world.send(publisher, &publish1(id, "t", b"x"));
        world.sent_to(publisher);
        world.send(publisher, PINGREQ);
    }
    assert_eq!(world.broker.discarded_count(), 1);
}

#[test]
fn the_rate_counts_both_ways_and_what_goes_out_waits() {
    let mut world = World::with(|rules| rules.publishes_per_second = Some(3));
    let client = world.subscriber(&Connect::clean("a"), "t", 1);
    world.send(client, &publish1(1, "t", b"1"));
    world.send(client, &publish1(2, "t", b"2"));
    assert_eq!(world.sent_to(client), [puback(1), publish1(1, "t", b"1"), puback(2)]);
    world.pass(334 * MILLISECOND);
    assert_eq!(world.sent_to(client), [publish1(2, "t", b"2")]);
    assert_eq!(world.broker.discarded_count(), 0);
}

#[test]
fn what_goes_out_too_fast_with_qos_0_is_dropped() {
    let mut world = World::with(|rules| rules.publishes_per_second = Some(2));
    let client = world.subscriber(&Connect::clean("a"), "t", 0);
    for _ in 0..3 {
        assert!(world.broker.publish(message("t", b"x", Qos::AtLeastOnce)));
    }
    world.settle();
    assert_eq!(world.sent_to(client).len(), 2);
    assert_eq!(world.broker.discarded_count(), 1);
}

#[test]
fn bytes_beyond_the_rate_are_taken_later() {
    let mut world = World::with(|rules| rules.bytes_per_second = Some(1000));
    let publisher = world.online(&Connect { keep_alive: 30, ..Connect::clean("p") });
    for id in 1..=3 {
        world.send(publisher, &publish1(id, "t", &[0; 999]));
    }
    assert_eq!(world.sent_to(publisher), [puback(1)]);
    world.pass(500 * MILLISECOND);
    assert_eq!(world.sent_to(publisher), [puback(2)]);
    world.pass(600 * MILLISECOND);
    assert_eq!(world.sent_to(publisher), [puback(3)]);
    world.pass(44 * SECOND);
    assert_eq!((world.closed(publisher), world.broker.discarded_count()), (None, 0));
    world.pass(2 * SECOND);
    assert_eq!(world.closed(publisher), Some(CloseReason::KeepAlive));
}

#[test]
fn what_is_not_acknowledged_for_long_comes_again_on_the_same_connection() {
    for as_new in [false, true] {
        let mut world = World::with(|rules| rules.redeliver_as_new = as_new);
        let client = world.subscriber(&Connect::clean("a"), "t", 1);
        world.send(client, &publish1(1, "t", b"x"));
        assert_eq!(world.sent_to(client), [puback(1), publish1(1, "t", b"x")]);
        world.pass(29_999 * MILLISECOND);
        assert!(world.sent_to(client).is_empty());
        world.pass(MILLISECOND);
        let again = if as_new { publish1(2, "t", b"x") } else { again1(1, "t", b"x") };
        assert_eq!(world.sent_to(client), [again]);
        // Both copies are acknowledged, and nothing more comes.
        world.send(client, &puback(1));
        world.send(client, &puback(if as_new { 2 } else { 1 }));
        world.pass(80 * SECOND);
        assert!(world.sent_to(client).is_empty());
        assert!(world.violations().is_empty());
        world.send(client, &puback(1));
        world.assert_violated(client, ViolationKind::UnknownPuback);
    }
}

#[test]
fn what_is_acknowledged_does_not_come_again() {
    let mut world = World::aws();
    let client = world.subscriber(&Connect::clean("a"), "t", 1);
    world.send(client, &publish1(1, "t", b"1"));
    world.pass(20 * SECOND);
    world.send(client, &publish1(2, "t", b"2"));
    world.sent_to(client);
    world.send(client, &puback(1));
    world.pass(29 * SECOND);
    assert!(world.sent_to(client).is_empty());
    world.pass(SECOND);
    assert_eq!(world.sent_to(client), [again1(2, "t", b"2")]);
}

#[test]
fn stored_messages_come_slowly_and_live_ones_overtake_them() {
    let mut world = World::aws();
    let device = world.subscriber(&Connect::persistent("d"), "t", 1);
    world.lose(device);
    for _ in 0..15 {
        assert!(world.broker.publish(message("t", b"stored", Qos::AtLeastOnce)));
    }
    let device = world.open(&Connect::persistent("d").bytes());
    let sent = world.sent_to(device);
    assert_eq!((sent.len(), &sent[10]), (11, &publish1(10, "t", b"stored")));
    assert!(world.broker.publish(message("t", b"live", Qos::AtLeastOnce)));
    world.settle();
    assert_eq!(world.sent_to(device), [publish1(11, "t", b"live")]);
    world.pass(100 * MILLISECOND);
    assert_eq!(world.sent_to(device), [publish1(12, "t", b"stored")]);
    world.pass(400 * MILLISECOND);
    assert_eq!(world.sent_to(device).last(), Some(&publish1(16, "t", b"stored")));
    world.pass(SECOND);
    assert!(world.sent_to(device).is_empty());
}

#[test]
fn what_was_in_flight_comes_again_as_slowly() {
    let mut world = World::aws();
    let device = world.subscriber(&Connect::persistent("d"), "t", 1);
    for _ in 0..12 {
        assert!(world.broker.publish(message("t", b"x", Qos::AtLeastOnce)));
    }
    world.lose(device);
    let device = world.open(&Connect::persistent("d").bytes());
    assert_eq!(world.sent_to(device).last(), Some(&again1(10, "t", b"x")));
    world.pass(200 * MILLISECOND);
    assert_eq!(world.sent_to(device), [again1(11, "t", b"x"), again1(12, "t", b"x")]);
}

#[test]
fn in_the_standard_everything_stored_comes_at_once() {
    let mut world = World::standard();
    let device = world.subscriber(&Connect::persistent("d"), "t", 1);
    world.lose(device);
    for _ in 0..50 {
        assert!(world.broker.publish(message("t", b"x", Qos::AtLeastOnce)));
    }
    let device = world.open(&Connect::persistent("d").bytes());
    assert_eq!(world.sent_to(device).len(), 51);
}
