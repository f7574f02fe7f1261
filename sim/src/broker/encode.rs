//! The packets a server sends.

use bytes::{BufMut, Bytes, BytesMut};

use super::wire::{Message, Qos};

/// Every PUBACK there is: it is what the broker sends most.
static PUBACKS: [[u8; 4]; 1 << 16] = pubacks();

pub(super) fn connack(session_present: bool, code: u8) -> Bytes {
    Bytes::copy_from_slice(&[0x20, 2, u8::from(session_present), code])
}

pub(super) fn puback(id: u16) -> Bytes {
    Bytes::from_static(&PUBACKS[usize::from(id)])
}

pub(super) fn unsuback(id: u16) -> Bytes {
    let [high, low] = id.to_be_bytes();
    Bytes::copy_from_slice(&[0xb0, 2, high, low])
}

pub(super) fn pingresp() -> Bytes {
    Bytes::from_static(&[0xd0, 0])
}

pub(super) fn suback(id: u16, codes: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(7 + codes.len());
    put_header(&mut out, 0x90, 2 + codes.len());
    out.put_u16(id);
    out.put_slice(codes);
    out.freeze()
}

/// A PUBLISH; `id` is present unless QoS 0.
pub(super) fn publish(out: &mut BytesMut, message: &Message, qos: Qos, id: Option<u16>, dup: bool) {
    let topic = message.topic.as_bytes();
    let first = 0x30 | u8::from(dup) << 3 | (qos as u8) << 1 | u8::from(message.retain);
    put_header(out, first, 2 + topic.len() + 2 * usize::from(id.is_some()) + message.payload.len());
    out.put_u16(u16::try_from(topic.len()).unwrap_or(u16::MAX));
    out.put_slice(topic);
    if let Some(id) = id {
        out.put_u16(id);
    }
    out.put_slice(&message.payload);
}

/// The most bytes that the PUBLISH of `message` can take.
pub(super) fn publish_len_max(message: &Message) -> usize {
    9 + message.topic.len() + message.payload.len()
}

fn put_header(out: &mut BytesMut, first: u8, length: usize) {
    out.put_u8(first);
    let mut rest = length;
    loop {
        let byte = u8::try_from(rest & 0x7f).unwrap_or(0);
        rest >>= 7;
        if rest == 0 {
            out.put_u8(byte);
            return;
        }
        out.put_u8(byte | 0x80);
    }
}

#[expect(clippy::large_stack_arrays, reason = "it is made by the compiler, never on a stack")]
#[expect(clippy::cast_possible_truncation, reason = "the id is taken apart into its bytes")]
const fn pubacks() -> [[u8; 4]; 1 << 16] {
    let mut all = [[0x40, 2, 0, 0]; 1 << 16];
    let mut id = 0;
    while id < all.len() {
        all[id][2] = (id >> 8) as u8;
        all[id][3] = id as u8;
        id += 1;
    }
    all
}
