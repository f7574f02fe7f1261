//! CONNECT, keep-alive, wills and the end of connections.

use std::time::Duration;

use thingwire_sim::broker::{CloseReason, ConnectionId, KeepAlive, Qos2, Refuse, ViolationKind};

use crate::packets::{
    Connect, DISCONNECT, PINGREQ, Will, connack, packet, publish0, publish1, string, with_first_byte,
};
use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_connect_is_accepted_with_a_new_session() {
    let mut world = World::aws();
    let client = world.open(&Connect::clean("a").bytes());
    assert_eq!(world.sent_to(client), [connack(false, 0)]);
    assert_eq!(world.broker.clients().collect::<Vec<_>>(), ["a"]);
}

#[test]
fn an_empty_client_id_with_clean_session_gets_one_from_the_server() {
    let mut world = World::aws();
    let first = world.online(&Connect::clean(""));
    let second = world.online(&Connect::clean(""));
    assert_eq!(world.closed(first).or(world.closed(second)), None);
    assert_eq!(world.broker.clients().count(), 2);
}

#[test]
fn a_bad_client_id_is_refused_with_code_2() {
    let long = "x".repeat(129);
    let cases = [
        (Connect::persistent(""), ViolationKind::EmptyClientId),
        (Connect::clean(&long), ViolationKind::ClientId),
        (Connect::clean("$a"), ViolationKind::ClientId),
    ];
    for (connect, kind) in cases {
        let mut world = World::aws();
        let client = world.open(&connect.bytes());
        assert_eq!(world.sent_to(client), [connack(false, 2)]);
        world.assert_violated(client, kind);
    }
}

#[test]
fn another_protocol_level_is_refused_with_code_1() {
    let mut world = World::aws();
    let mut body = string("MQTT");
    body.extend([5, 2, 0, 60, 0]);
    body.extend(string("a"));
    let client = world.open(&packet(0x10, &body));
    assert_eq!(world.sent_to(client), [connack(false, 1)]);
    assert_eq!(world.closed(client), Some(CloseReason::Refused(1)));
}

#[test]
fn a_refusing_broker_answers_with_its_code_and_closes() {
    let mut world = World::with(|rules| rules.refuse = Some(Refuse::Code(5)));
    let client = world.open(&Connect::clean("a").bytes());
    assert_eq!(world.sent_to(client), [connack(false, 5)]);
    assert_eq!(world.closed(client), Some(CloseReason::Refused(5)));
    assert_eq!(world.broker.clients().count(), 0);
}

#[test]
fn a_silently_refusing_broker_closes_without_a_connack() {
    let mut world = World::with(|rules| rules.refuse = Some(Refuse::Silently));
    let client = world.open(&Connect::clean("a").bytes());
    assert!(world.sent_to(client).is_empty());
    assert_eq!(world.closed(client), Some(CloseReason::RefusedSilently));
}

#[test]
fn a_password_is_checked_for_the_client_ids_that_have_one() {
    let login = |client_id, username, password| Connect { username, password, ..Connect::clean(client_id) }.bytes();
    let cases: [(Vec<u8>, u8); 5] = [
        (login("a", Some("user"), Some(b"\xff\x00right")), 0),
        (login("a", Some(""), Some(b"\xff\x00right")), 0),
        (login("a", Some("user"), Some(b"wrong")), 4),
        (login("a", None, None), 4),
        (login("b", Some("user"), None), 0),
    ];
    for (bytes, code) in cases {
        let mut world = World::with(|rules| drop(rules.passwords.insert("a".to_owned(), b"\xff\x00right".to_vec())));
        let client = world.open(&bytes);
        assert_eq!(world.sent_to(client), [connack(false, code)]);
        assert!(world.violations().is_empty());
    }
}

#[test]
fn a_connection_without_a_connect_is_closed_in_the_end() {
    let mut world = World::aws();
    let client = world.open(&Connect::clean("a").bytes()[..5]);
    world.pass(29 * SECOND);
    assert_eq!(world.closed(client), None);
    world.pass(SECOND);
    assert_eq!(world.closed(client), Some(CloseReason::ConnectTimeout));
}

#[test]
fn a_delayed_connack_comes_when_it_is_due() {
    let mut world = World::with(|rules| rules.connack_delay = 3 * SECOND);
    let client = world.open(&Connect::clean("a").bytes());
    world.pass(2 * SECOND);
    assert!(world.sent_to(client).is_empty());
    world.pass(SECOND);
    assert_eq!(world.sent_to(client), [connack(false, 0)]);
}

#[test]
fn sending_before_a_delayed_connack_is_a_violation() {
    let mut world = World::with(|rules| rules.connack_delay = SECOND);
    let client = world.open(&Connect::clean("a").bytes());
    world.send(client, PINGREQ);
    world.assert_violated(client, ViolationKind::BeforeConnack);
}

#[test]
fn what_the_standard_lets_a_client_send_early_is_answered_after_the_connack() {
    let mut world = World::with(|rules| {
        rules.connack_delay = SECOND;
        rules.send_before_connack = true;
    });
    let client = world.open(&[&Connect::clean("a").bytes(), PINGREQ].concat());
    assert!(world.sent_to(client).is_empty());
    world.pass(SECOND);
    assert_eq!(world.sent_to(client), [connack(false, 0), vec![0xd0, 0]]);
}

#[test]
fn a_silent_client_is_closed_after_one_and_a_half_keep_alives() {
    let mut world = World::aws();
    let client = world.online(&Connect::clean("a"));
    world.pass(50 * SECOND);
    world.send(client, PINGREQ);
    world.pass(89 * SECOND);
    assert_eq!(world.closed(client), None);
    world.pass(SECOND);
    assert_eq!(world.closed(client), Some(CloseReason::KeepAlive));
}

#[test]
fn half_a_packet_does_not_count_as_a_sign_of_life() {
    let mut world = World::aws();
    let client = world.online(&Connect::clean("a"));
    world.pass(89 * SECOND);
    world.send(client, &PINGREQ[..1]);
    world.pass(SECOND);
    assert_eq!(world.closed(client), Some(CloseReason::KeepAlive));
}

#[test]
fn the_service_clamps_the_keep_alive() {
    for (asked, counted) in [(1, 30), (29, 30), (30, 30), (1200, 1200), (1201, 1200), (0, 1200)] {
        let mut world = World::aws();
        let client = world.online(&Connect { keep_alive: asked, ..Connect::clean("a") });
        world.pass((counted * 3 / 2 - 1) * SECOND);
        assert_eq!(world.closed(client), None, "asked for {asked}");
        world.pass(SECOND);
        assert_eq!(world.closed(client), Some(CloseReason::KeepAlive), "asked for {asked}");
    }
}

#[test]
fn in_the_standard_a_keep_alive_of_zero_is_none() {
    let mut world = World::with(|rules| rules.keep_alive = KeepAlive::AsAsked);
    let client = world.online(&Connect { keep_alive: 0, ..Connect::clean("a") });
    world.pass(100_000 * SECOND);
    assert_eq!(world.closed(client), None);
}

#[test]
fn the_same_client_id_again_takes_over() {
    let mut world = World::aws();
    let watcher = world.subscriber(&Connect::clean("watcher"), "wills", 0);
    let old = world.online(&Connect::clean("a").will("wills", "old"));
    let new = world.online(&Connect::clean("a"));
    assert_eq!(world.closed(old), Some(CloseReason::TakenOver));
    assert_eq!(world.closed(new), None);
    assert_eq!(world.sent_to(watcher), [publish0("wills", b"old")]);
    world.send(new, PINGREQ);
    assert_eq!(world.sent_to(new), [[0xd0, 0]]);
}

#[test]
fn late_bytes_and_the_late_end_of_an_old_connection_do_not_touch_the_new_one() {
    let mut world = World::aws();
    let old = world.online(&Connect::clean("a"));
    let new = world.online(&Connect::clean("a"));
    world.send(old, PINGREQ);
    world.lose(old);
    assert!(world.sent_to(old).is_empty());
    assert_eq!(world.closed(new), None);
    assert_eq!(world.broker.clients().collect::<Vec<_>>(), ["a"]);
}

#[test]
fn a_will_is_published_on_every_end_but_disconnect() {
    type End = fn(&mut World, ConnectionId);
    let ends: [(&str, End, bool); 5] = [
        ("lost", |world, client| world.lose(client), true),
        ("keep-alive", |world, _| world.pass(90 * SECOND), true),
        ("violation", |world, client| world.send(client, &[0xff]), true),
        ("kicked", |world, _| assert!(world.broker.kick(world.now, "a")), true),
        ("disconnect", |world, client| world.send(client, DISCONNECT), false),
    ];
    for (name, end, published) in ends {
        let mut world = World::aws();
        let watcher = world.subscriber(&Connect { keep_alive: 1200, ..Connect::clean("watcher") }, "wills", 1);
        let client = world.online(&Connect::clean("a").will("wills", "bye"));
        end(&mut world, client);
        world.lose(client);
        let expected = if published { vec![publish1(1, "wills", b"bye")] } else { vec![] };
        assert_eq!(world.sent_to(watcher), expected, "{name}");
    }
}

#[test]
fn a_retained_will_stays_for_later_subscribers() {
    let mut world = World::aws();
    let will = Will { topic: "wills", payload: "bye", qos: 0, retain: true };
    let client = world.online(&Connect { will: Some(will), ..Connect::clean("a") });
    world.lose(client);
    let late = world.subscriber_with_retained("late", "wills");
    assert_eq!(late, [with_first_byte(0x31, publish0("wills", b"bye"))]);
}

#[test]
fn a_will_of_qos_2_is_refused_by_the_service() {
    let will = Will { topic: "wills", payload: "bye", qos: 2, retain: false };
    let connect = Connect { will: Some(will), ..Connect::clean("a") };
    let mut world = World::aws();
    assert_eq!(world.broker.rules().qos2, Qos2::Ignored);
    let client = world.open(&connect.bytes());
    assert_eq!(world.closed(client), Some(CloseReason::RefusedSilently));
}

#[test]
fn disconnect_closes_without_violation() {
    let mut world = World::aws();
    let client = world.online(&Connect::clean("a"));
    world.send(client, DISCONNECT);
    assert_eq!(world.closed(client), Some(CloseReason::Disconnected));
    assert!(world.violations().is_empty());
}
