//! Bytes cut into packets, however they are chunked.

use proptest::prelude::*;
use thingwire_core::Qos;
use thingwire_sim::tap::{Side, Tap};
use thingwire_sim::trace::{Name, Packet, Published};

/// Everything a client may send, and a server.
const SENT: &[&[u8]] = &[
    &[0x10, 13, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 30, 0, 1, b'c'],
    &[0x3b, 15, 0, 3, b'a', b'/', b'b', 1, 2, 0, 0, 0, 0, 0, 0, 0, 9],
    &[0x30, 4, 0, 1, b't', b'x'],
    &[0x40, 2, 0, 5],
    &[0x82, 12, 0, 1, 0, 1, b'a', 1, 0, 3, b'b', b'/', b'#', 0],
    &[0xa2, 5, 0, 2, 0, 1, b'a'],
    &[0xc0, 0],
    &[0xe0, 0],
];
const RECEIVED: &[&[u8]] = &[
    &[0x20, 2, 1, 0],
    &[0x31, 3, 0, 1, b't'],
    &[0x40, 2, 1, 0],
    &[0x90, 4, 0, 1, 1, 0x80],
    &[0xb0, 2, 0, 2],
    &[0xd0, 0],
];

fn sent() -> Vec<Packet> {
    let [a, t] = ["a", "t"].map(|text| Name::of(text.as_bytes()));
    let topic = Name::of(b"a/b");
    let publish = Published { id: 0x102, dup: true, qos: Qos::AtLeastOnce, retain: true, topic, tag: 9, len: 8 };
    let short = Published { id: 0, dup: false, qos: Qos::AtMostOnce, retain: false, topic: t, tag: 0, len: 1 };
    vec![
        Packet::Connect { clean: true, keep_alive_secs: 30 },
        Packet::Publish(publish),
        Packet::Publish(short),
        Packet::Puback(5),
        Packet::Subscribe(1, [(a, Qos::AtLeastOnce), (Name::of(b"b/#"), Qos::AtMostOnce)].into()),
        Packet::Unsubscribe(2, [a].into()),
        Packet::Pingreq,
        Packet::Disconnect,
    ]
}

fn received() -> Vec<Packet> {
    let topic = Name::of(b"t");
    let retained = Published { id: 0, dup: false, qos: Qos::AtMostOnce, retain: true, topic, tag: 0, len: 0 };
    vec![
        Packet::Connack { present: true, code: 0 },
        Packet::Publish(retained),
        Packet::Puback(256),
        Packet::Suback(1, [1, 0x80].into()),
        Packet::Unsuback(2),
        Packet::Pingresp,
    ]
}

fn cut<'a>(side: Side, chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Packet> {
    let (mut tap, mut packets) = (Tap::new(side), Vec::new());
    chunks.into_iter().for_each(|chunk| tap.push(chunk, |packet| packets.push(packet)));
    packets
}

#[test]
fn every_packet_of_both_sides_is_told_in_any_chunks() {
    for (side, frames, packets) in [(Side::Sent, SENT, sent()), (Side::Received, RECEIVED, received())] {
        let bytes = frames.concat();
        for len in 1..=bytes.len() {
            assert_eq!(cut(side, bytes.chunks(len)), packets, "chunks of {len}");
        }
    }
}

#[test]
fn what_this_side_may_not_send_is_told_once_and_nothing_after_it() {
    for (side, frames) in [(Side::Sent, RECEIVED), (Side::Received, SENT)] {
        for frame in frames.iter().filter(|frame| !matches!(frame[0] >> 4, 3 | 4)) {
            assert_eq!(cut(side, [*frame, &[0x40, 2, 0, 1]]), [Packet::Malformed]);
        }
    }
    let wrong: [&[u8]; 10] = [
        &[0x34],                         // QoS 2
        &[0x38],                         // DUP with QoS 0
        &[0x30, 0x80, 0],                // a length longer than needed
        &[0x30, 0xff, 0xff, 0xff, 0xff], // a length without an end
        &[0x30, 4, 0, 9, b'a', b'b'],    // a topic beyond the packet
        &[0x30, 3, 0, 1, b'+'],          // a wildcard
        &[0x30, 3, 0, 1, 0xff],          // not UTF-8
        &[0x32, 5, 0, 1, b'a', 0, 0],    // packet id 0
        &[0x40, 3, 0, 1, 0],             // more than belongs there
        &[0x40, 0],                      // nothing at all
    ];
    for bytes in wrong {
        for side in [Side::Sent, Side::Received] {
            assert_eq!(cut(side, [bytes, &[0x40, 2, 0, 1]]), [Packet::Malformed], "{bytes:x?}");
        }
    }
}

#[test]
fn a_packet_is_told_with_its_last_byte() {
    let mut tap = Tap::new(Side::Received);
    tap.push(&[0x40, 2, 0], |packet| panic!("too early: {packet:?}"));
    let mut told = Vec::new();
    tap.push(&[7, 0xd0], |packet| told.push(packet));
    assert_eq!(told, [Packet::Puback(7)]);
}

proptest! {
    /// What is told depends on the bytes alone, never on how they were split.
    #[test]
    fn chunks_do_not_matter(
        frames in prop::collection::vec(prop::sample::select(SENT), 0..12),
        noise in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        len in 1_usize..40,
    ) {
        let mut bytes = frames.concat();
        if let Some((index, byte)) = noise.filter(|_| !bytes.is_empty()) {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        prop_assert_eq!(cut(Side::Sent, bytes.chunks(len)), cut(Side::Sent, [&bytes[..]]));
    }

    #[test]
    fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for side in [Side::Sent, Side::Received] {
            let packets = cut(side, [&bytes[..]]);
            let malformed = packets.iter().filter(|packet| **packet == Packet::Malformed).count();
            prop_assert!(malformed <= 1 && (malformed == 0 || packets.last() == Some(&Packet::Malformed)));
        }
    }
}
