//! The packets of a client, and the frames they come in.

use bytes::{Buf, Bytes, BytesMut};

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
    pub topic: String,
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
    pub(super) filters: Vec<(String, Qos)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unsubscribe {
    pub(super) id: u16,
    pub(super) filters: Vec<String>,
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
    buffer: BytesMut,
}

impl Frames {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The first byte of the next frame.
    pub(super) fn peek(&self) -> Option<u8> {
        self.buffer.first().copied()
    }

    pub(super) fn clear(&mut self) {
        self.buffer = BytesMut::new();
    }

    /// The next whole frame. An impossible one is refused at its first impossible byte, before the rest has come.
    pub(super) fn next(&mut self, max_packet: usize) -> Result<Option<Frame>, Broken> {
        let Some(first) = self.peek() else {
            return Ok(None);
        };
        if let Err(kind) = check_first_byte(first) {
            return Err(self.broken(kind, 1));
        }
        let (body, header) = match remaining_length(self.buffer.get(1..).unwrap_or_default()) {
            Ok(None) => return Ok(None),
            Ok(Some((length, width))) => (length, 1 + width),
            Err((kind, width)) => return Err(self.broken(kind, 1 + width)),
        };
        if header + body > max_packet {
            return Err(self.broken(ViolationKind::PacketTooLarge, header));
        }
        if self.buffer.len() < header + body {
            return Ok(None);
        }
        let bytes = self.buffer.split_to(header + body).freeze();
        Ok(Some(Frame { first, bytes, header }))
    }

    fn broken(&self, kind: ViolationKind, length: usize) -> Broken {
        let bytes = Bytes::copy_from_slice(self.buffer.get(..length).unwrap_or(&self.buffer));
        Broken { kind, bytes }
    }
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
    pub(super) fn string(&mut self) -> Result<String, ViolationKind> {
        let bytes = self.binary()?;
        let text = core::str::from_utf8(&bytes).map_err(|_| ViolationKind::NotUtf8)?;
        if text.contains('\0') {
            return Err(ViolationKind::NulCharacter);
        }
        Ok(text.to_owned())
    }

    /// A topic or filter: a string of at least one character [MQTT-4.7.3-1].
    pub(super) fn topic(&mut self) -> Result<String, ViolationKind> {
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
