//! Other readings of packets.

use bytes::BytesMut;
use mqtt_protocol_core::mqtt::packet::v3_1_1;
use rumqttc::mqttbytes::v4::Packet;
use thingwire_sim::tap::{Side, Tap, tag_on};
use thingwire_sim::trace::{Name, Packet as Tapped};

/// The one packet in `bytes`, as rumqttc reads it; the simulator's tap reads the same, and mqtt-protocol-core as well.
pub(super) fn read_by_all(bytes: &[u8]) -> Packet {
    let mut rest = BytesMut::from(bytes);
    let packet = Packet::read(&mut rest, usize::MAX).unwrap_or_else(|error| panic!("{error}: {bytes:?}"));
    assert!(rest.is_empty(), "more than one packet: {bytes:?}");
    let mut tapped = Vec::new();
    Tap::new(Side::Sent).push(bytes, |packet| tapped.push(packet));
    let [tapped] = &tapped[..] else { panic!("the tap reads {tapped:?} in {bytes:?}") };
    assert!(is_same(&packet, tapped), "{packet:?} is not {tapped:?}");
    assert_eq!(rewritten(bytes), bytes, "{packet:?}");
    packet
}

/// A packet that is right, as mqtt-protocol-core reads it and writes it again.
pub(super) fn rewritten(bytes: &[u8]) -> Vec<u8> {
    let len_len = bytes[1..].iter().take_while(|byte| **byte >= 0x80).count() + 1;
    let (first, body) = (bytes[0], &bytes[1 + len_len..]);
    macro_rules! rewritten {
        ($packet:ident, $($argument:expr),+) => {{
            let read = v3_1_1::$packet::parse($($argument),+);
            let (packet, taken) = read.unwrap_or_else(|why| panic!("{why:?}: {bytes:?}"));
            assert_eq!(taken, body.len(), "{packet:?}");
            packet.to_continuous_buffer()
        }};
    }
    match first >> 4 {
        1 => rewritten!(Connect, body),
        2 => rewritten!(Connack, body),
        3 => rewritten!(Publish, first & 0xf, body.into()),
        4 => rewritten!(Puback, body),
        8 => rewritten!(Subscribe, body),
        9 => rewritten!(Suback, body),
        10 => rewritten!(Unsubscribe, body),
        11 => rewritten!(Unsuback, body),
        12 => rewritten!(Pingreq, body),
        14 => rewritten!(Disconnect, body),
        _ => panic!("no client sends {bytes:?}, nor gets it"),
    }
}

/// The bytes of a packet, as rumqttc writes them.
pub(super) fn canonical(packet: &Packet) -> BytesMut {
    let mut bytes = BytesMut::new();
    packet.write(&mut bytes, usize::MAX).unwrap_or_else(|error| panic!("{error}: {packet:?}"));
    bytes
}

fn is_same(packet: &Packet, tapped: &Tapped) -> bool {
    let name = |text: &str| Name::of(text.as_bytes());
    match (packet, tapped) {
        (Packet::Connect(connect), Tapped::Connect { clean, keep_alive_secs }) => {
            (connect.clean_session, connect.keep_alive) == (*clean, *keep_alive_secs)
        }
        (Packet::Publish(publish), Tapped::Publish(published)) => {
            published.topic == name(&publish.topic)
                && published.len as usize == publish.payload.len()
                && (published.id, published.qos as u8) == (publish.pkid, publish.qos as u8)
                && (published.retain, published.dup) == (publish.retain, publish.dup)
                && published.tag == tag_on(publish.topic.as_bytes(), &publish.payload)
        }
        (Packet::PubAck(puback), Tapped::Puback(id)) => puback.pkid == *id,
        (Packet::Subscribe(subscribe), Tapped::Subscribe(id, filters)) => {
            let asked = subscribe.filters.iter().map(|filter| (name(&filter.path), filter.qos as u8));
            subscribe.pkid == *id && asked.eq(filters.iter().map(|(filter, qos)| (*filter, *qos as u8)))
        }
        (Packet::Unsubscribe(unsubscribe), Tapped::Unsubscribe(id, filters)) => {
            let asked = unsubscribe.topics.iter().map(|filter| name(filter));
            unsubscribe.pkid == *id && asked.eq(filters.iter().copied())
        }
        (Packet::PingReq, Tapped::Pingreq) | (Packet::Disconnect, Tapped::Disconnect) => true,
        _ => false,
    }
}
