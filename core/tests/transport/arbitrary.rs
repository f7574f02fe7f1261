//! Whatever the peer sends, the engine waits, goes on or ends the link; it never panics.

use proptest::prelude::*;
use thingwire_core::{Action, Engine, Link, LinkError, Notice};

use crate::pair::{NOW, Pair, World};
use crate::pki::Version;

/// An engine whose link has just been opened.
fn opened(world: &World) -> (Engine, Link) {
    let mut engine = Engine::new(world.options(), 7, NOW).unwrap();
    engine.client().start(NOW);
    loop {
        if let Action::Open(link) = engine.poll_action(NOW).unwrap() {
            engine.opened(NOW, link);
            return (engine, link);
        }
    }
}

/// What the engine does until it has nothing more to do: whether it closes, and why.
fn outcome(engine: &mut Engine) -> (usize, Option<LinkError>) {
    let (mut closes, mut reason) = (0, None);
    loop {
        let len = engine.transmit(NOW).len();
        engine.transmitted(NOW, len);
        match engine.poll_action(NOW) {
            Some(Action::Close(_)) => closes += 1,
            Some(Action::Notify(Notice::Failed { why, .. } | Notice::Offline { why, .. })) => reason = why,
            Some(Action::Open(_) | Action::Notify(_)) => {}
            None if len == 0 => return (closes, reason),
            None => {}
        }
    }
}

fn assert_waiting_or_over((closes, reason): (usize, Option<LinkError>)) {
    assert_eq!(closes, usize::from(reason.is_some()), "{reason:?}");
}

/// Bytes that look like the beginning of a record more often than chance would have it.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let record = (20_u8..25, 0_u8..5, prop::collection::vec(any::<u8>(), 0..200)).prop_map(|(kind, minor, body)| {
        let len = u8::try_from(body.len()).unwrap_or(0);
        [&[kind, 3, minor, 0, len][..], &body].concat()
    });
    let noise = prop::collection::vec(any::<u8>(), 0..200);
    prop::collection::vec(prop_oneof![record, noise], 1..6).prop_map(|parts| parts.concat())
}

#[test]
fn arbitrary_bytes_before_the_handshake() {
    let world = World::new();
    proptest!(|(bytes in bytes(), chunk in 1_usize..64)| {
        let (mut engine, link) = opened(&world);
        for chunk in bytes.chunks(chunk) {
            engine.received(NOW, link, chunk);
        }
        assert_waiting_or_over(outcome(&mut engine));
    });
}

#[test]
fn arbitrary_bytes_after_the_handshake() {
    let world = World::new();
    proptest!(ProptestConfig::with_cases(64), |(bytes in bytes(), chunk in 1_usize..64)| {
        let mut pair = Pair::online(world.options(), world.server_config(Version::Tls13));
        let link = pair.link.unwrap();
        for chunk in bytes.chunks(chunk) {
            pair.engine.received(NOW, link, chunk);
        }
        assert_waiting_or_over(outcome(&mut pair.engine));
    });
}

#[test]
fn a_handshake_that_is_changed_on_the_way_ends_the_link_once_or_waits() {
    let world = World::new();
    for version in Version::BOTH {
        proptest!(ProptestConfig::with_cases(64), |(at in 0_usize..2_000, bit in 0_u32..8)| {
            let mut pair = world.pair(version);
            let mut seen = 0;
            pair.tamper = Some(Box::new(move |bytes: &mut [u8]| {
                if let Some(byte) = at.checked_sub(seen).and_then(|at| bytes.get_mut(at)) {
                    *byte ^= 1 << bit;
                }
                seen += bytes.len();
            }));
            pair.run();
            prop_assert_eq!(pair.closes, usize::from(pair.why().is_some()));
            // With TLS 1.2 the server's last word of the handshake vouches for all of it.
            let late = version == Version::Tls13;
            prop_assert!(late || pair.why().is_none() || pair.at_server.is_empty());
        });
    }
}
