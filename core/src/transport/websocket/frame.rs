//! Frames (RFC 6455 §5).

use core::str;

use bytes::{BufMut as _, BytesMut};

use crate::WebSocketFault;

pub(super) const CODE_NORMAL: u16 = 1000;
pub(super) const CODE_PROTOCOL: u16 = 1002;
pub(super) const CODE_UNSUPPORTED: u16 = 1003;

/// The longest payload of a control frame (§5.5).
const CONTROL_LEN_MAX: usize = 125;
/// The longest header of a frame that is not masked.
const HEADER_LEN_MAX: usize = 10;

/// In place of a length: it follows in two bytes.
const LEN_IN_2: u8 = 0x7e;
/// In place of a length: it follows in eight bytes.
const LEN_IN_8: u8 = 0x7f;

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;

/// What a client that sends MQTT sends.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
pub(super) enum Opcode {
    Binary = 2,
    Close = 8,
    Pong = 10,
}

/// Writes one whole frame, masked as a client has to (§5.3).
pub(super) fn encode(opcode: Opcode, payload: &[u8], mask: [u8; 4], wire: &mut BytesMut) {
    wire.put_u8(FIN | opcode as u8);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(len @ 0..=125), _) => wire.put_u8(MASKED | len),
        (_, Ok(len)) => {
            wire.put_u8(MASKED | LEN_IN_2);
            wire.put_u16(len);
        }
        _ => {
            wire.put_u8(MASKED | LEN_IN_8);
            wire.put_u64(payload.len() as u64);
        }
    }
    wire.put_slice(&mask);
    let start = wire.len();
    wire.put_slice(payload);
    // The mask repeats every four bytes, and so every sixteen, which the processor takes at once.
    let long: [u8; 16] = core::array::from_fn(|index| mask[index % mask.len()]);
    let mut blocks = wire[start..].chunks_exact_mut(long.len());
    for block in &mut blocks {
        block.iter_mut().zip(long).for_each(|(byte, mask)| *byte ^= mask);
    }
    blocks.into_remainder().iter_mut().zip(long).for_each(|(byte, mask)| *byte ^= mask);
}

/// A whole control frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Control {
    Ping(Vec<u8>),
    Pong,
    Close { code: Option<u16>, reason: String },
}

/// Takes frames apart as they come.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    part: Part,
    /// Between the first and the last fragment of a message.
    in_message: bool,
}

/// What comes next.
#[derive(Debug)]
enum Part {
    /// More of a header.
    Header { bytes: [u8; HEADER_LEN_MAX], len: usize },
    /// This many bytes of data.
    Data { left: u64 },
    /// More of a control frame.
    Control { opcode: u8, len: usize, payload: Vec<u8> },
}

impl Default for Part {
    fn default() -> Self {
        Self::Header { bytes: [0; HEADER_LEN_MAX], len: 0 }
    }
}

impl Decoder {
    /// Takes bytes from the front of `wire`, up to the end of a control frame or all of them. Data goes to `plain`.
    ///
    /// The answer depends on the bytes alone, never on how they were split: what is forbidden is refused as soon as it
    /// is seen.
    pub(super) fn receive(
        &mut self,
        wire: &mut &[u8],
        plain: &mut BytesMut,
    ) -> Result<Option<Control>, WebSocketFault> {
        loop {
            match &mut self.part {
                Part::Header { bytes, len } => {
                    let Some((&byte, rest)) = wire.split_first() else { return Ok(None) };
                    *wire = rest;
                    bytes[*len] = byte;
                    *len += 1;
                    let header = &bytes[..*len];
                    if let Some(part) = after_header(header, &mut self.in_message)? {
                        self.part = part;
                    }
                }
                Part::Data { left } => {
                    let data = front(wire, usize::try_from(*left).unwrap_or(usize::MAX));
                    plain.extend_from_slice(data);
                    *left -= data.len() as u64;
                    if *left > 0 {
                        return Ok(None);
                    }
                    self.part = Part::default();
                }
                Part::Control { opcode, len, payload } => {
                    payload.extend_from_slice(front(wire, *len - payload.len()));
                    if payload.len() < *len {
                        return Ok(None);
                    }
                    let control = control(*opcode, core::mem::take(payload))?;
                    self.part = Part::default();
                    return Ok(Some(control));
                }
            }
        }
    }
}

/// At most `len` bytes from the front of `wire`.
fn front<'a>(wire: &mut &'a [u8], len: usize) -> &'a [u8] {
    let (front, rest) = wire.split_at(len.min(wire.len()));
    *wire = rest;
    front
}

/// What comes behind a header; `None` while it is incomplete.
fn after_header(header: &[u8], in_message: &mut bool) -> Result<Option<Part>, WebSocketFault> {
    let (first, second) = (header[0], header.get(1).copied());
    let (opcode, fin) = (first & 0x0f, first & FIN != 0);
    check_first(first, *in_message)?;
    let Some(second) = second else { return Ok(None) };
    if second & MASKED != 0 {
        return Err(WebSocketFault::Masked);
    }
    let is_control = opcode >= 8;
    let (short, extended) = (u64::from(second & 0x7f), &header[2..]);
    if is_control && short > CONTROL_LEN_MAX as u64 {
        return Err(WebSocketFault::ControlTooLong);
    }
    let (wanted, least) = match second & 0x7f {
        LEN_IN_2 => (2, 126),
        LEN_IN_8 => (8, 0x1_0000),
        _ => (0, 0),
    };
    if extended.len() < wanted {
        return Ok(None);
    }
    let extended = extended.iter().fold(0, |len, byte| len << 8 | u64::from(*byte));
    let len = if wanted == 0 { short } else { extended };
    if len < least || len >> 63 != 0 {
        return Err(WebSocketFault::Length);
    }
    if is_control {
        return Ok(Some(Part::Control { opcode, len: usize::from(second & 0x7f), payload: Vec::new() }));
    }
    *in_message = !fin;
    Ok(Some(Part::Data { left: len }))
}

fn check_first(first: u8, in_message: bool) -> Result<(), WebSocketFault> {
    if first & RESERVED != 0 {
        return Err(WebSocketFault::ReservedBits);
    }
    let fin = first & FIN != 0;
    match (first & 0x0f, in_message) {
        (0, true) | (2, false) => Ok(()),
        (0, false) => Err(WebSocketFault::Continuation),
        (1, _) => Err(WebSocketFault::Text),
        (2, true) => Err(WebSocketFault::Interleaved),
        (8..=10, _) if fin => Ok(()),
        (8..=10, _) => Err(WebSocketFault::ControlFragment),
        (opcode, _) => Err(WebSocketFault::Opcode { opcode }),
    }
}

fn control(opcode: u8, payload: Vec<u8>) -> Result<Control, WebSocketFault> {
    match opcode {
        8 => close(&payload),
        9 => Ok(Control::Ping(payload)),
        _ => Ok(Control::Pong),
    }
}

/// §5.5.1, §7.4
fn close(payload: &[u8]) -> Result<Control, WebSocketFault> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() {
            Ok(Control::Close { code: None, reason: String::new() })
        } else {
            Err(WebSocketFault::CloseBody)
        };
    };
    let code = u16::from_be_bytes(*code);
    // 1004 to 1006 and 1015 are never sent; 1016 to 2999 are not given out.
    let is_valid = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
    let reason = str::from_utf8(reason).ok().filter(|_| is_valid).ok_or(WebSocketFault::CloseBody)?;
    Ok(Control::Close { code: Some(code), reason: reason.to_owned() })
}
