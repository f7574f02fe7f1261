//! What outlives a connection.

use std::time::Duration;

use crate::packets::{Connect, DISCONNECT, again1, connack, puback, publish0, publish1};
use crate::world::World;
use thingwire_sim::broker::CloseReason;

/// Connects again and returns everything that comes with it.
fn resume(world: &mut World, connect: &Connect<'_>) -> Vec<Vec<u8>> {
    let connection = world.open(&connect.bytes());
    world.sent_to(connection)
}

#[test]
fn a_persistent_session_keeps_subscriptions_and_qos_1_messages() {
    let mut world = World::aws();
    let device = world.subscriber(&Connect::persistent("d"), "t", 1);
    world.send(device, DISCONNECT);
    let publisher = world.online(&Connect::clean("p"));
    world.send(publisher, &publish1(1, "t", b"kept"));
    world.send(publisher, &publish0("t", b"not kept"));
    world.send(publisher, &publish1(2, "t", b"kept too"));
    let sent = resume(&mut world, &Connect::persistent("d"));
    assert_eq!(sent, [connack(true, 0), publish1(1, "t", b"kept"), publish1(2, "t", b"kept too")]);
}

#[test]
fn what_was_not_acknowledged_comes_again_with_dup_before_anything_new() {
    let mut world = World::aws();
    let device = world.subscriber(&Connect::persistent("d"), "t", 1);
    let publisher = world.online(&Connect::clean("p"));
    for id in 1..=3 {
        world.send(publisher, &publish1(id, "t", &[u8::try_from(id).unwrap()]));
    }
    world.send(device, &puback(2));
    world.lose(device);
    world.send(publisher, &publish1(4, "t", &[4]));
    let sent = resume(&mut world, &Connect::persistent("d"));
    assert_eq!(sent, [connack(true, 0), again1(1, "t", &[1]), again1(3, "t", &[3]), publish1(4, "t", &[4])]);
}

#[test]
fn redelivery_as_new_has_no_dup_and_other_packet_ids() {
    let mut world = World::with(|rules| rules.redeliver_as_new = true);
    let device = world.subscriber(&Connect::persistent("d"), "t", 1);
    let publisher = world.online(&Connect::clean("p"));
    world.send(publisher, &publish1(1, "t", b"1"));
    world.send(publisher, &publish1(2, "t", b"2"));
    world.lose(device);
    world.send(publisher, &publish1(3, "t", b"3"));
    let sent = resume(&mut world, &Connect::persistent("d"));
    assert_eq!(sent, [connack(true, 0), publish1(3, "t", b"1"), publish1(4, "t", b"2"), publish1(5, "t", b"3")]);
}

#[test]
fn an_acknowledgement_on_the_new_connection_ends_the_redelivery() {
    let mut world = World::aws();
    let device = world.subscriber(&Connect::persistent("d"), "t", 1);
    world.send(device, &publish1(1, "t", b"x"));
    world.lose(device);
    let again = world.open(&Connect::persistent("d").bytes());
    assert_eq!(world.sent_to(again), [connack(true, 0), again1(1, "t", b"x")]);
    world.send(again, &puback(1));
    world.lose(again);
    assert_eq!(resume(&mut world, &Connect::persistent("d")), [connack(true, 0)]);
    assert!(world.violations().is_empty());
}

#[test]
fn a_clean_session_keeps_nothing_and_ends_an_older_one() {
    let mut world = World::aws();
    let device = world.subscriber(&Connect::persistent("d"), "t", 1);
    world.lose(device);
    assert_eq!(resume(&mut world, &Connect::clean("d")), [connack(false, 0)]);
    assert_eq!(resume(&mut world, &Connect::persistent("d")), [connack(false, 0)]);
}

#[test]
fn a_takeover_of_a_persistent_session_goes_on_with_it() {
    let mut world = World::aws();
    let device = world.subscriber(&Connect::persistent("d"), "t", 1);
    world.send(device, &publish1(1, "t", b"x"));
    assert_eq!(resume(&mut world, &Connect::persistent("d")), [connack(true, 0), again1(1, "t", b"x")]);
}

#[test]
fn a_session_of_the_service_ends_one_hour_after_its_connection() {
    let mut world = World::aws();
    let device = world.subscriber(&Connect::persistent("d"), "t", 1);
    world.lose(device);
    world.pass(Duration::from_secs(3599));
    let again = world.open(&Connect::persistent("d").bytes());
    assert_eq!(world.sent_to(again), [connack(true, 0)]);
    world.lose(again);
    world.pass(Duration::from_secs(3600));
    assert_eq!(resume(&mut world, &Connect::persistent("d")), [connack(false, 0)]);
}

#[test]
fn a_session_of_the_standard_never_ends() {
    let mut world = World::standard();
    let device = world.subscriber(&Connect::persistent("d"), "t", 1);
    world.lose(device);
    assert_eq!(world.broker.next_deadline(), None);
}

#[test]
fn a_full_session_queue_drops_the_newest() {
    let mut world = World::with(|rules| rules.session_queue = 2);
    let device = world.subscriber(&Connect::persistent("d"), "t", 1);
    world.lose(device);
    let publisher = world.online(&Connect::clean("p"));
    for id in 1..=4 {
        world.send(publisher, &publish1(id, "t", &[u8::try_from(id).unwrap()]));
    }
    let sent = resume(&mut world, &Connect::persistent("d"));
    assert_eq!(sent, [connack(true, 0), publish1(1, "t", &[1]), publish1(2, "t", &[2])]);
}

#[test]
fn a_restart_closes_everybody_and_publishes_every_will() {
    for forget in [false, true] {
        let mut world = World::aws();
        let device = world.subscriber(&Connect::persistent("d").will("t", "bye"), "t", 1);
        let other = world.online(&Connect::clean("other").will("t", "bye too"));
        let fresh = world.open(&[]);
        world.broker.restart(world.now, forget);
        assert_eq!(world.broker.connection_count(), 3, "until their ends are polled");
        world.settle();
        for connection in [device, other, fresh] {
            assert_eq!(world.closed(connection), Some(CloseReason::Administrative));
        }
        assert_eq!((world.broker.connection_count(), world.broker.session_count()), (0, usize::from(!forget)));
        let sent = resume(&mut world, &Connect::persistent("d"));
        if forget {
            assert_eq!(sent, [connack(false, 0)]);
        } else {
            assert_eq!(sent, [connack(true, 0), publish1(1, "t", b"bye"), publish1(2, "t", b"bye too")]);
        }
    }
}

#[test]
fn a_forgotten_session_is_closed_and_begins_anew() {
    let mut world = World::aws();
    let device = world.subscriber(&Connect::persistent("d"), "t", 1);
    assert!(!world.broker.forget_session(world.now, "somebody else"));
    assert!(world.broker.forget_session(world.now, "d"));
    world.settle();
    assert_eq!(world.closed(device), Some(CloseReason::Administrative));
    let again = world.online(&Connect::persistent("d"));
    world.send(again, &publish1(1, "t", b"x"));
    assert_eq!(world.sent_to(again), [puback(1)], "not subscribed any more");
    world.lose(again);
    assert!(world.broker.forget_session(world.now, "d"));
    assert_eq!((world.broker.session_count(), world.broker.next_deadline()), (0, None));
}
