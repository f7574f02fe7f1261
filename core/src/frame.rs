//! The strict frame validator: what a server may send, byte for byte, before the codec looks at it.
//!
//! The codec behind it accepts frames that MQTT forbids. This gate refuses them, refuses what a client that never
//! asks for QoS 2 can never be sent, and knows the frame's length before anything is stored.

use core::fmt;

/// The packets that a server sends to a client that uses QoS 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PacketKind {
    /// Answers CONNECT.
    Connack,
    /// Carries a message.
    Publish,
    /// Acknowledges a QoS 1 PUBLISH.
    Puback,
    /// Answers SUBSCRIBE.
    Suback,
    /// Answers UNSUBSCRIBE.
    Unsuback,
    /// Answers PINGREQ.
    Pingresp,
}

/// The most that four length bytes can say (§2.2.3).
pub(crate) const REMAINING_LEN_MAX: usize = 268_435_455;

/// One whole frame at the front of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// What the frame is.
    pub kind: PacketKind,
    /// Its length in bytes, fixed header included.
    pub len: usize,
}

/// Looks for one whole, well-formed frame at the front of `bytes`.
///
/// `Ok(None)` asks for more bytes. An error is final: the stream has no next frame. The answer depends on the bytes
/// alone, never on how they were split: a frame refused when whole may be refused earlier, never accepted.
///
/// `packet_len_max` bounds the whole frame, fixed header included, and is checked as soon as the length is known.
///
/// ```
/// use thingwire_core::frame::{PacketKind, validate};
///
/// let frame = validate(&[0x40, 2, 0, 7, 0xd0], 128)?.expect("the first is whole");
/// assert_eq!((frame.kind, frame.len), (PacketKind::Puback, 4));
/// assert_eq!(validate(&[0x40, 2, 0], 128)?, None, "more has to come");
/// assert!(validate(&[0x40, 2, 0, 0], 128).is_err(), "no packet has the id 0");
/// # Ok::<(), thingwire_core::FrameError>(())
/// ```
pub fn validate(bytes: &[u8], packet_len_max: usize) -> Result<Option<Frame>, FrameError> {
    let Some(Whole { kind, first, body, len }) = whole(bytes, packet_len_max)? else { return Ok(None) };
    check_body(kind, first, body)?;
    Ok(Some(Frame { kind, len }))
}

/// One whole frame whose body was not looked at yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Whole<'a> {
    pub(crate) kind: PacketKind,
    /// Its first byte, which has the flags.
    pub(crate) first: u8,
    pub(crate) body: &'a [u8],
    /// Its length in bytes, fixed header included.
    pub(crate) len: usize,
}

/// The part of [`validate`] that comes before the body.
pub(crate) fn whole(bytes: &[u8], packet_len_max: usize) -> Result<Option<Whole<'_>>, FrameError> {
    let Some(&first) = bytes.first() else { return Ok(None) };
    let kind = kind_of(first)?;
    let Some((header_len, body_len)) = remaining_length(bytes)? else { return Ok(None) };
    check_body_len(kind, first, body_len)?;
    let len = header_len + body_len;
    if len > packet_len_max {
        return Err(FrameError::PacketTooLong { len, max: packet_len_max });
    }
    Ok(bytes.get(header_len..len).map(|body| Whole { kind, first, body, len }))
}

/// [MQTT-2.2.2-2] Reserved header flags are as the standard sets them; QoS 2 and its packets are never sent to us.
fn kind_of(first: u8) -> Result<PacketKind, FrameError> {
    match first {
        0x20 => Ok(PacketKind::Connack),
        // [MQTT-3.3.1-2] DUP goes with QoS 1 only.
        0x30..=0x33 | 0x3a | 0x3b => Ok(PacketKind::Publish),
        0x34 | 0x35 | 0x3c | 0x3d | 0x50 | 0x62 | 0x70 => Err(FrameError::Qos2 { first }),
        0x40 => Ok(PacketKind::Puback),
        0x90 => Ok(PacketKind::Suback),
        0xb0 => Ok(PacketKind::Unsuback),
        0xd0 => Ok(PacketKind::Pingresp),
        _ => Err(FrameError::FixedHeader { first }),
    }
}

/// The fixed header's length and the remaining length (§2.2.3), or `None` while it is incomplete.
fn remaining_length(bytes: &[u8]) -> Result<Option<(usize, usize)>, FrameError> {
    let mut value = 0;
    for (index, shift) in [0, 7, 14, 21].into_iter().enumerate() {
        let Some(&byte) = bytes.get(1 + index) else { return Ok(None) };
        value |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            // An encoding longer than needed: no encoder writes it, so something else did.
            if byte == 0 && index > 0 {
                return Err(FrameError::RemainingLength);
            }
            return Ok(Some((2 + index, value)));
        }
    }
    Err(FrameError::RemainingLength)
}

fn check_body_len(kind: PacketKind, first: u8, len: usize) -> Result<(), FrameError> {
    let valid = match kind {
        PacketKind::Connack | PacketKind::Puback | PacketKind::Unsuback => len == 2,
        PacketKind::Pingresp => len == 0,
        PacketKind::Suback => len >= 3,
        // A topic of one byte at least, and the packet id when there is one.
        PacketKind::Publish => len >= if has_packet_id(first) { 5 } else { 3 },
    };
    if valid { Ok(()) } else { Err(FrameError::BodyLength { kind, len }) }
}

pub(crate) fn check_body(kind: PacketKind, first: u8, body: &[u8]) -> Result<(), FrameError> {
    match (kind, body) {
        // [MQTT-3.2.2-4] A refusal never claims a session; the other acknowledge flags are reserved.
        (PacketKind::Connack, &[flags, code]) => match (flags, code) {
            (0 | 1, 0) | (0, 1..=5) => Ok(()),
            _ => Err(FrameError::Connack { flags, code }),
        },
        (PacketKind::Puback | PacketKind::Unsuback, &[high, low]) => check_packet_id(kind, high, low),
        (PacketKind::Suback, &[high, low, ref codes @ ..]) => {
            check_packet_id(kind, high, low)?;
            // [MQTT-3.9.3-2] QoS 2 is never granted, because it is never asked for.
            match codes.iter().find(|code| !matches!(code, 0 | 1 | 0x80)) {
                None => Ok(()),
                Some(&code) => Err(FrameError::SubackCode { code }),
            }
        }
        (PacketKind::Publish, _) => publish(first, body, None).map(|_| ()),
        _ => Ok(()),
    }
}

/// The parts of a PUBLISH, as they were checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PublishBody<'a> {
    pub(crate) topic: &'a str,
    /// Present iff the QoS is 1; never 0.
    pub(crate) packet_id: Option<u16>,
    pub(crate) payload: &'a [u8],
}

/// Takes a PUBLISH apart, and checks all of it. A topic that is `known` was checked before.
pub(crate) fn publish<'a>(first: u8, body: &'a [u8], known: Option<&'a str>) -> Result<PublishBody<'a>, FrameError> {
    let overrun = FrameError::BodyLength { kind: PacketKind::Publish, len: body.len() };
    let Some((&[high, low], rest)) = body.split_first_chunk() else { return Err(overrun) };
    let Some((topic, rest)) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low]))) else {
        return Err(overrun);
    };
    let topic = match known {
        Some(known) if known.as_bytes() == topic => known,
        _ => check_topic(topic)?,
    };
    match (has_packet_id(first), rest) {
        (false, payload) => Ok(PublishBody { topic, packet_id: None, payload }),
        (true, &[high, low, ref payload @ ..]) => {
            check_packet_id(PacketKind::Publish, high, low)?;
            Ok(PublishBody { topic, packet_id: Some(u16::from_be_bytes([high, low])), payload })
        }
        (true, _) => Err(overrun),
    }
}

fn check_topic(topic: &[u8]) -> Result<&str, FrameError> {
    // [MQTT-1.5.3-2] [MQTT-3.3.2-2] All of it is looked at, which takes less time than to stop at the first.
    let forbidden = topic.iter().fold(false, |seen, byte| seen | matches!(byte, b'+' | b'#' | 0));
    // [MQTT-1.5.3-1] [MQTT-4.7.3-1]
    let topic = core::str::from_utf8(topic).ok().filter(|topic| !topic.is_empty() && !forbidden);
    topic.ok_or(FrameError::Topic)
}

/// [MQTT-2.3.1-1]
fn check_packet_id(kind: PacketKind, high: u8, low: u8) -> Result<(), FrameError> {
    if (high, low) == (0, 0) { Err(FrameError::PacketIdZero { kind }) } else { Ok(()) }
}

/// Only meant for a PUBLISH: whether its QoS is 1.
fn has_packet_id(first: u8) -> bool {
    first & 0x06 != 0
}

/// Why bytes from the network are not a frame that a server may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// The first byte begins no packet that a server sends, or its flags are wrong.
    FixedHeader {
        /// The byte.
        first: u8,
    },
    /// A QoS 2 packet: AWS IoT Core has none, and this client never asks for any.
    Qos2 {
        /// The frame's first byte.
        first: u8,
    },
    /// The remaining length has more than four bytes, or more than it needs.
    RemainingLength,
    /// The packet is longer than the client accepts.
    PacketTooLong {
        /// Its length in bytes.
        len: usize,
        /// The longest accepted, in bytes.
        max: usize,
    },
    /// The length does not fit the kind of packet.
    BodyLength {
        /// The kind of packet.
        kind: PacketKind,
        /// Its length in bytes after the fixed header.
        len: usize,
    },
    /// The flags and the return code of a CONNACK do not go together, or one is reserved.
    Connack {
        /// The acknowledge flags.
        flags: u8,
        /// The return code.
        code: u8,
    },
    /// A SUBACK grants what was not asked for, or its code is reserved.
    SubackCode {
        /// The code.
        code: u8,
    },
    /// The packet id is zero.
    PacketIdZero {
        /// The kind of packet.
        kind: PacketKind,
    },
    /// The topic is empty, not UTF-8, or contains a wildcard or NUL.
    Topic,
    /// The codec refused what the validator let pass.
    Codec,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FixedHeader { first } => write!(f, "byte 0x{first:02x} begins no packet that a server sends"),
            Self::Qos2 { first } => write!(f, "QoS 2 packet (first byte 0x{first:02x}), which was never asked for"),
            Self::RemainingLength => f.write_str("malformed remaining length"),
            Self::PacketTooLong { len, max } => write!(f, "packet of {len} bytes; the client accepts {max}"),
            Self::BodyLength { kind, len } => write!(f, "{kind:?} of {len} bytes has the wrong length"),
            Self::Connack { flags, code } => write!(f, "CONNACK with flags 0x{flags:02x} and code {code}"),
            Self::SubackCode { code } => write!(f, "SUBACK with code 0x{code:02x}"),
            Self::PacketIdZero { kind } => write!(f, "{kind:?} with packet id 0"),
            Self::Topic => f.write_str("PUBLISH with an invalid topic"),
            Self::Codec => f.write_str("malformed packet"),
        }
    }
}

impl core::error::Error for FrameError {}
