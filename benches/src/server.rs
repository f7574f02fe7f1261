//! A server's part, in bytes.

use thingwire_core::Qos;

use crate::TOPIC;

/// A PUBACK for every QoS 1 PUBLISH with a short topic in `stream`, and a SUBACK for every SUBSCRIBE; written over `acks`.
///
/// # Panics
///
/// When `stream` is anything else.
pub fn acknowledge(stream: &[u8], acks: &mut Vec<u8>) {
    acks.clear();
    let mut rest = stream;
    while !rest.is_empty() {
        let (mut len, mut header) = (0, 1);
        loop {
            let byte = rest[header];
            len |= usize::from(byte & 0x7f) << (7 * (header - 1));
            header += 1;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let (packet, behind) = rest[header..].split_at(len);
        match rest[0] & 0xf6 {
            0x30 => {}
            0x32 => {
                let id = 2 + usize::from(packet[1]);
                acks.extend_from_slice(&[0x40, 2, packet[id], packet[id + 1]]);
            }
            0x82 => {
                let grants = filters(&packet[2..]);
                acks.extend_from_slice(&[0x90, 2 + grants, packet[0], packet[1]]);
                acks.extend((0..grants).map(|_| 1));
            }
            kind => panic!("neither a PUBLISH of QoS 0 or 1 nor a SUBSCRIBE: {kind:#x}"),
        }
        rest = behind;
    }
}

/// How many a SUBSCRIBE asks for.
fn filters(mut rest: &[u8]) -> u8 {
    let mut count = 0;
    while let [_, len, ..] = *rest {
        rest = &rest[3 + usize::from(len)..];
        count += 1;
    }
    count
}

/// A PUBLISH from the server to [`TOPIC`]; the packet id makes it QoS 1.
///
/// # Panics
///
/// When the payload is longer than a packet can be.
pub fn message(payload: &[u8], id: Option<u16>) -> Vec<u8> {
    message_to(TOPIC, payload, id)
}

/// Messages of `len` bytes from the server, one behind the other.
///
/// # Panics
///
/// When there are more than packet ids.
pub fn stream(qos: Qos, count: usize, len: usize) -> Vec<u8> {
    let payload = vec![0x2a; len];
    let id = |index| u16::try_from(index).expect("few");
    (1..=count).flat_map(|index| message(&payload, (qos == Qos::AtLeastOnce).then(|| id(index)))).collect()
}

/// The same, to another topic of at most 255 bytes.
///
/// # Panics
///
/// When the payload is longer than a packet can be.
pub fn message_to(topic: &str, payload: &[u8], id: Option<u16>) -> Vec<u8> {
    let id: Vec<u8> = id.iter().flat_map(|id| id.to_be_bytes()).collect();
    let mut len = 2 + topic.len() + id.len() + payload.len();
    let mut packet = vec![if id.is_empty() { 0x30 } else { 0x32 }];
    loop {
        let digit = u8::try_from(len & 0x7f).expect("seven bits");
        len >>= 7;
        packet.push(if len > 0 { digit | 0x80 } else { digit });
        if len == 0 {
            break;
        }
    }
    packet.extend_from_slice(&[0, u8::try_from(topic.len()).expect("a short topic")]);
    packet.extend_from_slice(topic.as_bytes());
    packet.extend(id);
    packet.extend_from_slice(payload);
    packet
}
