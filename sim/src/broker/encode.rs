//! The packets a server sends.

use bytes::{BufMut, Bytes, BytesMut};

use super::wire::Message;

pub(super) fn connack(session_present: bool, code: u8) -> Bytes {
    Bytes::copy_from_slice(&[0x20, 2, u8::from(session_present), code])
}

pub(super) fn puback(id: u16) -> Bytes {
    acknowledgement(0x40, id)
}

pub(super) fn unsuback(id: u16) -> Bytes {
    acknowledgement(0xb0, id)
}

pub(super) fn pingresp() -> Bytes {
    Bytes::from_static(&[0xd0, 0])
}

pub(super) fn suback(id: u16, codes: &[u8]) -> Bytes {
    let mut out = header(0x90, 2 + codes.len());
    out.put_u16(id);
    out.put_slice(codes);
    out.freeze()
}

/// A PUBLISH; `id` is present unless QoS 0.
pub(super) fn publish(message: &Message, id: Option<u16>, dup: bool) -> Bytes {
    let topic = message.topic.as_bytes();
    let first = 0x30 | u8::from(dup) << 3 | (message.qos as u8) << 1 | u8::from(message.retain);
    let length = 2 + topic.len() + 2 * usize::from(id.is_some()) + message.payload.len();
    let mut out = header(first, length);
    out.put_u16(u16::try_from(topic.len()).unwrap_or(u16::MAX));
    out.put_slice(topic);
    if let Some(id) = id {
        out.put_u16(id);
    }
    out.put_slice(&message.payload);
    out.freeze()
}

fn acknowledgement(first: u8, id: u16) -> Bytes {
    let mut out = header(first, 2);
    out.put_u16(id);
    out.freeze()
}

fn header(first: u8, length: usize) -> BytesMut {
    let mut out = BytesMut::with_capacity(5 + length);
    out.put_u8(first);
    let mut rest = length;
    loop {
        let byte = u8::try_from(rest & 0x7f).unwrap_or(0);
        rest >>= 7;
        if rest == 0 {
            out.put_u8(byte);
            return out;
        }
        out.put_u8(byte | 0x80);
    }
}
