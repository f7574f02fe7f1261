//! Publishes in, out, and kept.

use thingwire_sim::broker::{CloseReason, Message, Output, Qos, Qos2, ViolationKind};

use crate::packets::{
    Connect, again1, puback, publish0, publish1, retained, suback, subscribe, unsuback, unsubscribe, with_first_byte,
};
use crate::world::World;

#[test]
fn a_message_reaches_its_subscriber_at_the_lower_qos_of_the_two() {
    for (sent, granted, expected) in [(0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 1)] {
        let mut world = World::aws();
        let subscriber = world.subscriber(&Connect::clean("s"), "a/b", granted);
        let publisher = world.online(&Connect::clean("p"));
        let message = |qos| if qos == 0 { publish0("a/b", b"x") } else { publish1(1, "a/b", b"x") };
        world.send(publisher, &message(sent));
        assert_eq!(world.sent_to(subscriber), [message(expected)], "{sent} {granted}");
        let acknowledged = if sent == 1 { vec![puback(1)] } else { vec![] };
        assert_eq!(world.sent_to(publisher), acknowledged);
    }
}

#[test]
fn a_publish_is_told_to_the_owner() {
    let mut world = World::aws();
    let publisher = world.online(&Connect::clean("p"));
    world.broker.receive(world.now, publisher, &again1(7, "a", b"x"));
    let message = Message { topic: "a".into(), payload: b"x"[..].into(), qos: Qos::AtLeastOnce, retain: false };
    assert_eq!(world.broker.poll(), Some(Output::Published { connection: publisher, message, dup: true }));
}

#[test]
fn a_publisher_gets_its_own_message_when_it_subscribes() {
    let mut world = World::aws();
    let client = world.subscriber(&Connect::clean("a"), "echo", 1);
    world.send(client, &publish1(9, "echo", b"x"));
    assert_eq!(world.sent_to(client), [puback(9), publish1(1, "echo", b"x")]);
    world.send(client, &puback(1));
    assert!(world.violations().is_empty());
}

#[test]
fn messages_keep_their_order() {
    let mut world = World::aws();
    let subscriber = world.subscriber(&Connect::clean("s"), "t", 1);
    let publisher = world.online(&Connect::clean("p"));
    for id in 1..=20 {
        world.send(publisher, &publish1(id, "t", &[u8::try_from(id).unwrap()]));
    }
    let expected: Vec<_> = (1..=20).map(|id| publish1(id, "t", &[u8::try_from(id).unwrap()])).collect();
    assert_eq!(world.sent_to(subscriber), expected);
}

#[test]
fn overlapping_subscriptions_give_one_copy_at_the_highest_qos_or_one_each() {
    for (each, copies) in [(false, 1), (true, 2)] {
        let mut world = World::with(|rules| rules.copy_per_subscription = each);
        let client = world.online(&Connect::clean("s"));
        world.send(client, &subscribe(1, &[("a/+", 0), ("a/b", 1)]));
        assert_eq!(world.sent_to(client), [suback(1, &[0, 1])]);
        let publisher = world.online(&Connect::clean("p"));
        world.send(publisher, &publish1(1, "a/b", b"x"));
        let sent = world.sent_to(client);
        assert_eq!(sent.len(), copies);
        assert!(sent.contains(&publish1(1, "a/b", b"x")));
    }
}

#[test]
fn no_more_than_the_window_is_sent_without_a_puback() {
    let mut world = World::with(|rules| rules.send_window = 3);
    let subscriber = world.subscriber(&Connect::clean("s"), "t", 1);
    let publisher = world.online(&Connect::clean("p"));
    for id in 1..=5 {
        world.send(publisher, &publish1(id, "t", b"x"));
    }
    assert_eq!(world.sent_to(subscriber).len(), 3);
    world.send(subscriber, &puback(2));
    assert_eq!(world.sent_to(subscriber), [publish1(4, "t", b"x")]);
}

#[test]
fn the_window_of_the_service_is_100() {
    let mut world = World::with(|rules| rules.publishes_per_second = None);
    let subscriber = world.subscriber(&Connect::clean("s"), "t", 1);
    let publisher = world.online(&Connect::clean("p"));
    for id in 1..=150 {
        world.send(publisher, &publish1(id, "t", b"x"));
    }
    assert_eq!(world.sent_to(subscriber).len(), 100);
}

#[test]
fn a_packet_id_is_not_used_again_while_in_flight() {
    let mut world = World::with(|rules| rules.publishes_per_second = None);
    let subscriber = world.subscriber(&Connect::clean("s"), "t", 1);
    let publisher = world.online(&Connect::clean("p"));
    world.send(publisher, &publish1(1, "t", b"first"));
    assert_eq!(world.sent_to(subscriber), [publish1(1, "t", b"first")]);
    assert_eq!(world.sent_to(publisher), [puback(1)]);
    for round in 0..=u16::MAX {
        world.send(publisher, &publish1(1, "t", b"next"));
        assert_eq!(world.sent_to(publisher), [puback(1)]);
        let sent = world.sent_to(subscriber);
        let id = u16::from_be_bytes([sent[0][5], sent[0][6]]);
        assert!(id > 1, "round {round}");
        world.send(subscriber, &puback(id));
    }
    assert!(world.violations().is_empty());
}

#[test]
fn a_repeated_publish_is_acknowledged_and_delivered_again() {
    let mut world = World::aws();
    let subscriber = world.subscriber(&Connect::clean("s"), "t", 0);
    let publisher = world.online(&Connect::clean("p"));
    world.send(publisher, &publish1(1, "t", b"x"));
    world.send(publisher, &again1(1, "t", b"x"));
    assert_eq!(world.sent_to(publisher), [puback(1), puback(1)]);
    assert_eq!(world.sent_to(subscriber).len(), 2);
}

#[test]
fn a_retained_message_comes_with_a_subscription_until_it_is_cleared() {
    let mut world = World::aws();
    let publisher = world.online(&Connect::clean("p"));
    let present = world.subscriber(&Connect::clean("present"), "t", 1);
    world.send(publisher, &retained("t", b"1"));
    world.send(publisher, &retained("t", b"2"));
    assert_eq!(world.sent_to(present), [publish0("t", b"1"), publish0("t", b"2")]);
    assert_eq!(world.subscriber_with_retained("late", "t"), [retained("t", b"2")]);
    world.send(publisher, &retained("t", b""));
    assert_eq!(world.sent_to(present), [publish0("t", b"")]);
    assert!(world.subscriber_with_retained("later", "t").is_empty());
}

#[test]
fn a_retained_message_reaches_wildcards_in_the_standard_only() {
    for (mut world, reached) in [(World::aws(), false), (World::standard(), true)] {
        let publisher = world.online(&Connect::clean("p"));
        world.send(publisher, &retained("a/b", b"x"));
        let expected = if reached { vec![retained("a/b", b"x")] } else { vec![] };
        assert_eq!(world.subscriber_with_retained("s", "a/+"), expected);
    }
}

#[test]
fn a_publish_where_it_is_denied_closes_the_connection_without_a_puback() {
    let mut world = World::with(|rules| rules.deny_publish = vec!["secret/".to_owned()]);
    let publisher = world.online(&Connect::clean("p"));
    world.send(publisher, &publish1(1, "secret/x", b"x"));
    assert!(world.sent_to(publisher).is_empty());
    assert_eq!(world.closed(publisher), Some(CloseReason::NotAuthorized));
}

#[test]
fn a_publish_of_qos_2_is_never_answered_by_the_service() {
    let mut world = World::aws();
    let publisher = world.online(&Connect::clean("p"));
    world.send(publisher, &with_first_byte(0x34, publish1(1, "t", b"x")));
    assert!(world.sent_to(publisher).is_empty());
    assert_eq!(world.closed(publisher), None);
}

#[test]
fn a_publish_of_qos_2_closes_the_connection_under_standard_rules() {
    let mut world = World::standard();
    assert_eq!(world.broker.rules().qos2, Qos2::Closed);
    let publisher = world.online(&Connect::clean("p"));
    world.send(publisher, &with_first_byte(0x34, publish1(1, "t", b"x")));
    assert_eq!(world.closed(publisher), Some(CloseReason::Qos2));
}

#[test]
fn a_payload_of_128_kib_is_taken_and_one_more_byte_is_not() {
    let mut world = World::aws();
    let publisher = world.online(&Connect::clean("p"));
    world.send(publisher, &publish1(1, "t", &vec![0; 128 * 1024]));
    assert_eq!(world.sent_to(publisher), [puback(1)]);
    world.send(publisher, &publish1(2, "t", &vec![0; 128 * 1024 + 1]));
    world.assert_violated(publisher, ViolationKind::PayloadTooLarge);
}

#[test]
fn the_broker_itself_publishes_only_to_valid_topics() {
    let mut world = World::aws();
    let subscriber = world.subscriber(&Connect::clean("s"), "t", 0);
    let message =
        |topic: &str| Message { topic: topic.into(), payload: b"x"[..].into(), qos: Qos::AtMostOnce, retain: false };
    assert!(world.broker.publish(message("t")));
    assert!(!world.broker.publish(message("")));
    assert!(!world.broker.publish(message("a/#")));
    world.settle();
    assert_eq!(world.sent_to(subscriber), [publish0("t", b"x")]);
}

#[test]
fn after_unsubscribe_nothing_comes_any_more() {
    let mut world = World::aws();
    let client = world.subscriber(&Connect::clean("s"), "t", 0);
    world.send(client, &unsubscribe(2, &["t", "never/there"]));
    assert_eq!(world.sent_to(client), [unsuback(2)]);
    world.send(client, &publish0("t", b"x"));
    assert!(world.sent_to(client).is_empty());
}
