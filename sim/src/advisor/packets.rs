//! The few packets that the advisor writes and reads itself.

pub(super) const CONNECT: u8 = 1;
pub(super) const CONNACK: u8 = 2;
pub(super) const PUBLISH: u8 = 3;
pub(super) const PUBACK: u8 = 4;
pub(super) const SUBSCRIBE: u8 = 8;
pub(super) const SUBACK: u8 = 9;
pub(super) const PINGREQ: u8 = 12;
pub(super) const PINGRESP: u8 = 13;

/// The CONNECT of the server's own client.
pub(super) const TRIGGER: &[u8] = b"\x10\x13\0\x04MQTT\x04\x02\0\x3c\0\x07trigger";

/// The type of a packet.
pub(super) fn kind(packet: &[u8]) -> u8 {
    packet.first().map_or(0, |first| first >> 4)
}

/// A PUBLISH with QoS 1 and packet id 1 to `t`.
pub(super) fn publish(payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x32];
    let mut rest = payload.len() + 5;
    loop {
        let digit = u8::try_from(rest % 128).unwrap_or_default();
        rest /= 128;
        packet.push(if rest > 0 { digit | 0x80 } else { digit });
        if rest == 0 {
            break;
        }
    }
    packet.extend_from_slice(b"\0\x01t\0\x01");
    packet.extend_from_slice(payload);
    packet
}

/// The packet id of a QoS 1 PUBLISH or of a SUBSCRIBE, as short as they are here.
pub(super) fn packet_id(packet: &[u8]) -> Option<u16> {
    let at = match packet.first()? {
        0x32 | 0x3a => 4 + usize::from(*packet.get(3)?),
        0x82 => 2,
        _ => return None,
    };
    packet.get(at..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

/// The packets that the client has written; it writes whole ones.
pub(super) fn split(mut stream: &[u8]) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    while !stream.is_empty() {
        let end = len(stream).unwrap_or(stream.len()).min(stream.len());
        let (packet, rest) = stream.split_at(end);
        packets.push(packet.to_vec());
        stream = rest;
    }
    packets
}

/// The length of the first packet, with its header.
fn len(stream: &[u8]) -> Option<usize> {
    let mut len = 0;
    for (index, byte) in stream.iter().skip(1).take(4).enumerate() {
        len |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some(2 + index + len);
        }
    }
    None
}
