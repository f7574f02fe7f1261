//! Messages through TLS.

use thingwire_core::{Action, Engine, LinkError, Notice, Options, Outcome, Publish, TcpError, Topic};

use crate::pair::{CONNACK, NOW, Pair, World};
use crate::pki::Version;

const CHUNKS: [usize; 4] = [1, 7, 100, 20_000];
/// More than rustls takes at once, either way.
const LARGE: usize = 100_000;

fn payload(len: usize) -> Vec<u8> {
    (0..len).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

/// A QoS 1 PUBLISH with packet id 1, by hand.
fn publish(topic: &str, payload: &[u8]) -> Vec<u8> {
    let mut body = u16::try_from(topic.len()).unwrap().to_be_bytes().to_vec();
    body.extend_from_slice(topic.as_bytes());
    body.extend_from_slice(&[0, 1]);
    body.extend_from_slice(payload);
    let mut packet = vec![0x32];
    let mut rest = body.len();
    while rest >= 128 {
        packet.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    packet.push(u8::try_from(rest).unwrap());
    packet.extend_from_slice(&body);
    packet
}

fn outbound(pair: &mut Pair, len: usize) {
    let message = Publish::new(Topic::new("up").unwrap(), payload(len));
    let ticket = pair.engine.client().publish(pair.now, message).unwrap();
    pair.run();
    assert_eq!(pair.at_server, publish("up", &payload(len)));
    pair.say(&[0x40, 2, 0, 1]);
    assert!(pair.notices.contains(&Notice::Done { ticket, outcome: Outcome::Acked }));
}

fn inbound(pair: &mut Pair, len: usize) {
    pair.at_server.clear();
    pair.say(&publish("down", &payload(len)));
    let arrived = pair.notices.iter().find_map(|notice| match notice {
        Notice::Message(message) => Some(message.payload.clone()),
        _ => None,
    });
    assert!(arrived.unwrap() == payload(len), "whole and in order");
    assert_eq!(pair.at_server, [0x40, 2, 0, 1], "PUBACK");
}

#[test]
fn messages_pass_both_ways_in_chunks_of_any_size() {
    let world = World::new();
    for version in Version::BOTH {
        for chunk in CHUNKS {
            for len in [0, 3, LARGE] {
                let mut pair = Pair::online(world.options(), world.server_config(version));
                pair.chunk = chunk;
                outbound(&mut pair, len);
                inbound(&mut pair, len);
            }
        }
    }
}

#[test]
fn bytes_that_the_socket_does_not_take_stay_in_their_place() {
    let world = World::new();
    let mut pair = Pair::online(world.options(), world.server_config(Version::Tls13));
    let message = Publish::new(Topic::new("up").unwrap(), payload(LARGE));
    pair.engine.client().publish(pair.now, message).unwrap();
    let before = pair.engine.transmit(pair.now).to_vec();
    pair.engine.transmitted(pair.now, 0);
    assert!(pair.engine.transmit(pair.now).starts_with(&before));
    pair.chunk = 333;
    pair.run();
    assert_eq!(pair.at_server, publish("up", &payload(LARGE)));
}

#[test]
fn a_stalled_socket_bounds_what_waits_for_it() {
    let world = World::new();
    let mut pair = Pair::online(world.options(), world.server_config(Version::Tls13));
    for _ in 0..20 {
        let message = Publish::new(Topic::new("up").unwrap(), payload(LARGE));
        let _ = pair.engine.client().publish(pair.now, message);
    }
    for _ in 0..20 {
        pair.engine.transmit(pair.now);
    }
    let waiting = pair.engine.transmit(pair.now).len();
    assert!(waiting < 2 * LARGE, "{waiting}");
}

#[test]
fn who_does_not_keep_up_is_asked_for_no_input_and_loses_none() {
    let options = Options::plain("broker.test", "device").unwrap().with(|config| config.actions_max = 4);
    let mut engine = Engine::new(options, 7, NOW).unwrap();
    engine.client().start(NOW);
    let opened = core::iter::from_fn(|| engine.poll_action(NOW)).find_map(|action| match action {
        Action::Open(link) => Some(link),
        _ => None,
    });
    let link = opened.unwrap();
    engine.opened(NOW, link);
    let len = engine.transmit(NOW).len();
    engine.transmitted(NOW, len);
    engine.received(NOW, link, &CONNACK);
    while engine.poll_action(NOW).is_some() {}
    assert!(engine.wants_input());
    let sent: Vec<Vec<u8>> = (0..20).map(|number| vec![number; 9]).collect();
    engine.received(NOW, link, &sent.iter().flat_map(|payload| publish("t", payload)).collect::<Vec<_>>());
    assert!(!engine.wants_input(), "four are all that it may have to tell");
    let told: Vec<_> = core::iter::from_fn(|| engine.poll_action(NOW))
        .map(|action| match action {
            Action::Notify(Notice::Message(message)) => message.payload.to_vec(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(told, sent);
    assert!(engine.wants_input());
}

#[test]
fn stop_says_goodbye_in_mqtt_and_in_tls() {
    let world = World::new();
    let mut pair = Pair::online(world.options(), world.server_config(Version::Tls13));
    pair.engine.client().stop(pair.now);
    pair.run();
    assert_eq!(pair.at_server, [0xe0, 0], "DISCONNECT");
    assert!(pair.server.process_new_packets().unwrap().peer_has_closed(), "close_notify");
    assert_eq!(pair.notices.last(), Some(&Notice::Stopped));
    assert_eq!(pair.closes, 1);
}

#[test]
fn a_socket_that_takes_nothing_for_the_write_timeout_is_given_up() {
    let world = World::new();
    let mut pair = Pair::online(world.options(), world.server_config(Version::Tls13));
    let timeout = pair.engine.client().config().write_timeout;
    pair.engine.client().publish(pair.now, Publish::new(Topic::new("up").unwrap(), "x")).unwrap();
    assert!(!pair.engine.transmit(pair.now).is_empty());
    pair.engine.transmitted(pair.now, 0);
    let half = pair.now + timeout / 2;
    pair.engine.transmitted(half, 1);
    pair.engine.transmitted(half, 0);
    assert_eq!(pair.engine.next_deadline(), Some(half + timeout), "any progress begins the wait anew");
    pair.engine.wake(half + timeout);
    let mut reasons = Vec::new();
    while let Some(action) = pair.engine.poll_action(half + timeout) {
        if let Action::Notify(Notice::Offline { why, .. }) = action {
            reasons.push(why);
        }
    }
    assert_eq!(reasons, [Some(LinkError::Tcp { address: None, why: TcpError::WriteStalled })]);
    assert!(pair.engine.next_deadline() > Some(half + timeout));
}

#[test]
fn a_stalled_link_that_is_closed_leaves_no_deadline_behind() {
    let world = World::new();
    let mut pair = Pair::online(world.options(), world.server_config(Version::Tls13));
    pair.engine.client().publish(pair.now, Publish::new(Topic::new("up").unwrap(), "x")).unwrap();
    assert!(!pair.engine.transmit(pair.now).is_empty());
    pair.engine.transmitted(pair.now, 0);
    pair.engine.client().stop(pair.now);
    pair.engine.transmit(pair.now);
    // The socket still takes nothing, and is dropped.
    while pair.engine.poll_action(pair.now).is_some() {}
    pair.engine.transmitted(pair.now, 0);
    assert_eq!(pair.engine.next_deadline(), None);
}
