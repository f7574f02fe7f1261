//! The packets of a client, and the frames they come in.

use bytes::{Buf, Bytes, BytesMut};

use super::name::TopicName;
use super::violation::{SHOWN_BYTES, SHOWN_CONNECT_BYTES, ViolationKind};

/// A quality of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Qos {
    /// 0: a message may be lost.
    AtMostOnce = 0,
    /// 1: a message may come twice.
    AtLeastOnce = 1,
    /// 2: exactly once. The model broker delivers no message this way.
    ExactlyOnce = 2,
}

impl Qos {
    /// The quality of service of this number.
    pub(super) fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }
}

/// An application message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Where it goes.
    pub topic: TopicName,
    /// What it says.
    pub payload: Bytes,
    /// How it is sent.
    pub qos: Qos,
    /// Whether it stays for later subscribers; on the way out, whether it had stayed.
    pub retain: bool,
}

/// What a client may send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Packet {
    Connect(Box<Connect>),
    /// A CONNECT of a protocol level other than 4; the rest is not looked at.
    ConnectOfLevel(u8),
    Publish(Publish),
    PubAck(u16),
    Subscribe(Subscribe),
    Unsubscribe(Unsubscribe),
    PingReq,
    Disconnect,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Connect {
    pub(super) client_id: String,
    pub(super) clean: bool,
    pub(super) keep_alive: u16,
    pub(super) will: Option<Message>,
    pub(super) username: Option<String>,
    pub(super) password: Option<Bytes>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Publish {
    pub(super) message: Message,
    pub(super) dup: bool,
    /// Present unless QoS 0.
    pub(super) id: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subscribe {
    pub(super) id: u16,
    pub(super) filters: Vec<(TopicName, Qos)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unsubscribe {
    pub(super) id: u16,
    pub(super) filters: Vec<TopicName>,
}

/// One whole packet, not yet looked into.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// First byte: packet type and flags.
    pub(super) first: u8,
    /// All bytes.
    pub(super) bytes: Bytes,
    /// Where the fixed header ends.
    pub(super) header: usize,
}

impl Frame {
    /// As much of the packet as a report may show.
    pub(super) fn shown(&self) -> Bytes {
        shown(&self.bytes)
    }
}

/// A frame that cannot be one; the stream has no sense from here on.
#[derive(Debug, Clone)]
pub(super) struct Broken {
    pub(super) kind: ViolationKind,
    pub(super) bytes: Bytes,
}

/// Cuts a byte stream into frames. What it says does not depend on how the stream is chunked.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// What has come last, while nothing incomplete came before it: its frames are parts of it, not copies.
    whole: Bytes,
    /// What has come without its end. While there is something in here, `whole` is empty.
    partial: BytesMut,
}

impl Frames {
    pub(super) fn push(&mut self, bytes: Bytes) {
        if self.is_empty() {
            self.whole = bytes;
        } else {
            self.keep();
            self.partial.extend_from_slice(&bytes);
        }
    }

    /// The first byte of the next frame.
    pub(super) fn peek(&self) -> Option<u8> {
        self.whole.first().or_else(|| self.partial.first()).copied()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The next whole frame. An impossible one is refused at its first impossible byte, before the rest has come.
    pub(super) fn next(&mut self, packet_len_max: usize) -> Result<Option<Frame>, Broken> {
        let held = if self.partial.is_empty() { &self.whole[..] } else { &self.partial[..] };
        let (length, header) = match measure(held, packet_len_max) {
            Ok(Some(measured)) => measured,
            Ok(None) => {
                self.keep();
                return Ok(None);
            }
            Err((kind, shown)) => {
                return Err(Broken { kind, bytes: Bytes::copy_from_slice(held.get(..shown).unwrap_or(held)) });
            }
        };
        let first = held.first().copied().unwrap_or(0);
        let bytes = if self.partial.is_empty() { self.whole.split_to(length) } else { self.split_partial(length) };
        Ok(Some(Frame { first, bytes, header }))
    }

    fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.partial.is_empty()
    }

    /// Keeps what has come for when more comes.
    fn keep(&mut self) {
        self.partial.extend_from_slice(&self.whole);
        self.whole = Bytes::new();
    }

    /// A frame of its own, so that a stored message does not keep a whole receive buffer alive.
    fn split_partial(&mut self, length: usize) -> Bytes {
        if length == self.partial.len() {
            return core::mem::take(&mut self.partial).freeze();
        }
        let bytes = Bytes::copy_from_slice(&self.partial[..length]);
        self.partial.advance(length);
        bytes
    }
}

/// How long the frame at the beginning of `held` is, and its fixed header, once it is there as a whole; or what is wrong with it
/// and up to which byte.
fn measure(held: &[u8], packet_len_max: usize) -> Result<Option<(usize, usize)>, (ViolationKind, usize)> {
    let Some((&first, rest)) = held.split_first() else {
        return Ok(None);
    };
    check_first_byte(first).map_err(|kind| (kind, 1))?;
    let Some((body, width)) = remaining_length(rest).map_err(|(kind, width)| (kind, 1 + width))? else {
        return Ok(None);
    };
    let header = 1 + width;
    if header + body > packet_len_max {
        return Err((ViolationKind::PacketTooLarge, header));
    }
    Ok((held.len() >= header + body).then_some((header + body, header)))
}

/// As much of a packet as a report may show.
pub(super) fn shown(bytes: &Bytes) -> Bytes {
    let is_connect = bytes.first().is_some_and(|first| first >> 4 == 1);
    let most = if is_connect { SHOWN_CONNECT_BYTES } else { SHOWN_BYTES };
    bytes.slice(..bytes.len().min(most))
}

/// Packet type and flags [MQTT-2.2.2-1], [MQTT-2.2.2-2], [MQTT-3.3.1-2], [MQTT-3.3.1-4].
fn check_first_byte(first: u8) -> Result<(), ViolationKind> {
    let flags = first & 0x0f;
    match first >> 4 {
        0 | 15 => Err(ViolationKind::ReservedType),
        2 | 9 | 11 | 13 => Err(ViolationKind::ServerPacket),
        3 if flags & 0b0110 == 0b0110 => Err(ViolationKind::Qos3),
        3 if flags & 0b1110 == 0b1000 => Err(ViolationKind::DupWithoutQos),
        6 | 8 | 10 if flags != 0b0010 => Err(ViolationKind::ReservedFlags),
        1 | 4 | 5 | 7 | 12 | 14 if flags != 0 => Err(ViolationKind::ReservedFlags),
        5..=7 => Err(ViolationKind::Qos2Flow),
        _ => Ok(()),
    }
}

/// The remaining length and how many bytes it takes; or what is wrong with it and up to which byte.
fn remaining_length(bytes: &[u8]) -> Result<Option<(usize, usize)>, (ViolationKind, usize)> {
    let mut length = 0;
    for (index, byte) in bytes.iter().take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let minimal = *byte != 0 || index == 0;
            return if minimal {
                Ok(Some((length, index + 1)))
            } else {
                Err((ViolationKind::LengthNotMinimal, index + 1))
            };
        }
    }
    if bytes.len() >= 4 {
        return Err((ViolationKind::LengthTooLong, 4));
    }
    Ok(None)
}

/// Reads the fields of a packet body one after another.
pub(super) struct Fields(pub(super) Bytes);

impl Fields {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> Result<u8, ViolationKind> {
        self.0.try_get_u8().map_err(|_| ViolationKind::Truncated)
    }

    pub(super) fn number(&mut self) -> Result<u16, ViolationKind> {
        self.0.try_get_u16().map_err(|_| ViolationKind::Truncated)
    }

    /// A packet id, which is never zero [MQTT-2.3.1-1].
    pub(super) fn packet_id(&mut self) -> Result<u16, ViolationKind> {
        match self.number()? {
            0 => Err(ViolationKind::PacketIdZero),
            id => Ok(id),
        }
    }

    /// Bytes with their length in front.
    pub(super) fn binary(&mut self) -> Result<Bytes, ViolationKind> {
        let length = usize::from(self.number()?);
        if self.0.len() < length {
            return Err(ViolationKind::Truncated);
        }
        Ok(self.0.split_to(length))
    }

    /// A string: UTF-8 [MQTT-1.5.3-1] without U+0000 [MQTT-1.5.3-2].
    pub(super) fn string(&mut self) -> Result<TopicName, ViolationKind> {
        let text = TopicName::from_utf8(self.binary()?).ok_or(ViolationKind::NotUtf8)?;
        if text.as_bytes().contains(&0) {
            return Err(ViolationKind::NulCharacter);
        }
        Ok(text)
    }

    /// A topic or filter: a string of at least one character [MQTT-4.7.3-1].
    pub(super) fn topic(&mut self) -> Result<TopicName, ViolationKind> {
        let topic = self.string()?;
        if topic.is_empty() {
            return Err(ViolationKind::EmptyTopic);
        }
        Ok(topic)
    }

    /// Nothing may be left.
    pub(super) fn end(self) -> Result<(), ViolationKind> {
        if self.0.is_empty() { Ok(()) } else { Err(ViolationKind::TrailingBytes) }
    }
}
