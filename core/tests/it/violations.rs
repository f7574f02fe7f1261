//! A server that breaks the protocol: the link is closed with the precise reason, nothing is applied by halves, and the
//! session goes on over the next link.

use bytes::BytesMut;
use thingwire_core::{Event, FrameError, LinkError, Notice, Outcome, PacketKind, Phase, ProtocolError, Qos};

use crate::rig::{
    CONNACK, CONNACK_RESUMED, Rig, config, message, packet_id, payload, persistent, puback, suback, unsuback,
};

/// A session with a granted subscription, and with a PUBLISH and a SUBSCRIBE without answers, whose ids these are.
fn busy() -> (Rig, u16, u16) {
    let mut rig = Rig::online(persistent());
    rig.subscribed("granted");
    rig.publish("t", "in flight", Qos::AtLeastOnce);
    rig.client.subscribe(rig.now, ["a", "b"].map(|text| (text.parse().unwrap(), Qos::AtLeastOnce)).into()).unwrap();
    let sent = rig.drain();
    rig.take_notices();
    (rig, packet_id(&sent[0]), packet_id(&sent[1]))
}

/// What the standard forbids and what ends the link for it. The ids are those of [`busy`].
fn violations(subscribe: u16) -> Vec<(Vec<u8>, LinkError)> {
    let frame = |bytes: &[u8], error: FrameError| (bytes.to_vec(), LinkError::from(error));
    let too_long = FrameError::PacketTooLong { len: 268_435_460, max: persistent().limits.packet_len_max };
    let body = |kind, len| FrameError::BodyLength { kind, len };
    vec![
        (CONNACK.to_vec(), ProtocolError::SecondConnack.into()),
        (CONNACK_RESUMED.to_vec(), ProtocolError::SecondConnack.into()),
        (suback(subscribe, &[1]), ProtocolError::SubackCount { expected: 2, got: 1 }.into()),
        (suback(subscribe, &[1; 3]), ProtocolError::SubackCount { expected: 2, got: 3 }.into()),
        frame(&suback(subscribe, &[1, 2]), FrameError::SubackCode { code: 2 }),
        frame(&suback(0, &[1, 1]), FrameError::PacketIdZero { kind: PacketKind::Suback }),
        frame(&puback(0), FrameError::PacketIdZero { kind: PacketKind::Puback }),
        frame(&unsuback(0), FrameError::PacketIdZero { kind: PacketKind::Unsuback }),
        frame(&message("t", "x", Some(0)), FrameError::PacketIdZero { kind: PacketKind::Publish }),
        // QoS 2: a message, and each packet of its handshake.
        frame(b"\x34\x06\0\x01t\0\x01x", FrameError::Qos2 { first: 0x34 }),
        frame(&[0x50, 2, 0, 1], FrameError::Qos2 { first: 0x50 }),
        frame(&[0x62, 2, 0, 1], FrameError::Qos2 { first: 0x62 }),
        frame(&[0x70, 2, 0, 1], FrameError::Qos2 { first: 0x70 }),
        frame(&[0x30, 0xff, 0xff, 0xff, 0x7f], too_long),
        frame(&[0x30, 0xff, 0xff, 0xff, 0xff, 0x01], FrameError::RemainingLength),
        frame(&[0xd0, 0x80, 0x00], FrameError::RemainingLength),
        frame(&[0x40, 3, 0, 1, 0], body(PacketKind::Puback, 3)),
        frame(&message("a/+", "x", None), FrameError::Topic),
        frame(&message("", "x", None), FrameError::Topic),
        // A client's packets, and no packets at all.
        frame(&[0xc0, 0], FrameError::FixedHeader { first: 0xc0 }),
        frame(&[0xe0, 0], FrameError::FixedHeader { first: 0xe0 }),
        frame(b"HTTP/1.1 400 Bad Request\r\n\r\n", FrameError::FixedHeader { first: b'H' }),
        frame(&[0xff; 64], FrameError::FixedHeader { first: 0xff }),
        frame(&[0; 64], FrameError::FixedHeader { first: 0 }),
    ]
}

/// Gives bytes to the client in pieces, as a driver does that reads little at a time.
fn receive_in_pieces(rig: &mut Rig, bytes: &[u8], len: usize) {
    let (link, mut inbound) = (rig.link.unwrap(), BytesMut::new());
    for piece in bytes.chunks(len) {
        inbound.extend_from_slice(piece);
        rig.client.handle(rig.now, Event::Received(link, &mut inbound));
        rig.drain();
    }
}

#[test]
fn each_violation_ends_the_link_with_its_reason_and_leaves_the_session_as_it_was() {
    let (_, _, subscribe) = busy();
    for (bytes, expected) in violations(subscribe) {
        for piece_len in [usize::MAX, 1] {
            let (mut rig, publish, _) = busy();
            let stream =
                [message("granted", "before", None), bytes.clone(), message("granted", "after", None)].concat();
            receive_in_pieces(&mut rig, &stream, piece_len);
            let notices = rig.take_notices();
            let [Notice::Message(before), Notice::Offline { why: Some(why), retry_in: Some(_) }] = &notices[..] else {
                panic!("{bytes:02x?} in pieces of {piece_len}: {notices:?}");
            };
            assert_eq!((&before.payload[..], why), (&b"before"[..], &expected), "{bytes:02x?}");
            assert_eq!((rig.closed, rig.client.phase()), (1, Phase::BackingOff));

            rig.wake();
            rig.take_notices();
            let again = rig.reach_online(&CONNACK_RESUMED);
            let kinds: Vec<_> = again.iter().map(|packet| packet[0]).collect();
            assert_eq!(kinds, [0x3a, 0x82], "{bytes:02x?}: what was unanswered, and no more");
            assert_eq!((packet_id(&again[0]), payload(&again[0])), (publish, "in flight"));
            rig.receive(&puback(publish));
            rig.receive(&suback(packet_id(&again[1]), &[1, 0]));
            let outcomes: Vec<_> = rig.outcomes().into_iter().map(|(_, outcome)| outcome).collect();
            let granted = Outcome::Subscribed(vec![Some(Qos::AtLeastOnce), Some(Qos::AtMostOnce)]);
            assert_eq!(outcomes, [Outcome::Acked, granted], "{bytes:02x?}");
        }
    }
}

#[test]
fn a_wrong_number_of_answers_to_a_renewal_ends_the_link_and_renews_again() {
    let mut rig = Rig::online(config());
    rig.subscribed("a");
    rig.subscribed("b");
    rig.lose_link(LinkError::Closed);
    rig.wake();
    let restore = rig.reach_online(&CONNACK);
    rig.take_notices();
    rig.receive(&suback(packet_id(&restore[0]), &[1]));
    let why = LinkError::from(ProtocolError::SubackCount { expected: 2, got: 1 });
    let notices = rig.take_notices();
    assert!(matches!(&notices[..], [Notice::Offline { why: Some(reason), .. }] if *reason == why), "{notices:?}");
    rig.wake();
    let again = rig.reach_online(&CONNACK);
    assert_eq!(again[0][4..], restore[0][4..], "both filters");
    rig.receive(&suback(packet_id(&again[0]), &[1, 1]));
    assert_eq!(rig.client.phase(), Phase::Ready);
}

#[test]
fn a_session_that_cannot_be_is_not_resumed_and_costs_nothing() {
    // [MQTT-3.2.2-1] There is none after a clean CONNECT.
    let mut rig = Rig::online(config());
    rig.subscribed("f");
    let ticket = rig.publish("t", "x", Qos::AtLeastOnce);
    rig.drain();
    rig.lose_link(LinkError::Closed);
    rig.wake();
    rig.take_notices();
    assert!(rig.reach_online(&CONNACK_RESUMED).is_empty(), "nothing is sent into it");
    let why = LinkError::from(ProtocolError::SessionOfCleanConnect);
    let notices = rig.take_notices();
    assert!(matches!(&notices[..], [Notice::Failed { why: Some(reason), .. }] if *reason == why), "{notices:?}");
    rig.wake();
    let restore = rig.reach_online(&CONNACK);
    let sent = rig.receive(&suback(packet_id(&restore[0]), &[1]));
    assert_eq!((sent[0][0], payload(&sent[0])), (0x32, "x"));
    rig.receive(&puback(packet_id(&sent[0])));
    assert_eq!(rig.outcomes(), [(ticket, Outcome::Acked)]);
}

#[test]
fn answers_under_wrong_ids_have_no_effect_and_are_counted() {
    let (mut rig, publish, subscribe) = busy();
    let unsubscribe = {
        rig.client.unsubscribe(rig.now, vec!["granted".parse().unwrap()]).unwrap();
        packet_id(&rig.drain()[0])
    };
    let before = rig.client.status();
    let wrong = [
        puback(9_999),
        puback(subscribe),
        puback(unsubscribe),
        suback(9_999, &[1]),
        suback(publish, &[1]),
        suback(unsubscribe, &[1]),
        unsuback(9_999),
        unsuback(publish),
        unsuback(subscribe),
    ];
    for packet in &wrong {
        assert!(rig.receive(packet).is_empty(), "{packet:02x?}");
    }
    assert_eq!(rig.take_notices(), []);
    let after = rig.client.status();
    assert_eq!(after.totals.unknown_answers, before.totals.unknown_answers + wrong.len() as u64);
    assert_eq!((after.phase, after.in_flight), (Phase::Ready, before.in_flight));
    for packet in [puback(publish), suback(subscribe, &[1, 1]), unsuback(unsubscribe)] {
        rig.receive(&packet);
    }
    assert_eq!(rig.outcomes().len(), 3, "the right ones count");
}
