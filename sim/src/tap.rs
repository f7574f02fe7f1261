//! Cuts the bytes of one direction of a link into the packets that oracles judge.
//!
//! It shares no code with the client or the broker: what both got wrong in the same way is still seen here. It allocates
//! for the names in SUBSCRIBE, SUBACK and UNSUBSCRIBE, and for packets that come in pieces until it has room for them.

use thingwire_core::Qos;

use crate::trace::shadow::ShadowText;
use crate::trace::{Name, Packet, Published};

/// Whose packets pass, seen from the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The client's.
    Sent,
    /// The server's.
    Received,
}

/// One direction of one link.
#[derive(Debug, Clone)]
pub struct Tap {
    side: Side,
    /// The beginning of a packet whose end has not come.
    begun: Vec<u8>,
    /// Something came that is no packet: what follows has no sense.
    broken: bool,
    /// A longer packet is none.
    packet_len_max: usize,
}

impl Tap {
    /// Nothing has passed yet.
    pub fn new(side: Side) -> Self {
        Self { side, begun: Vec::new(), broken: false, packet_len_max: usize::MAX }
    }

    /// The same for a side that accepts no packet longer than this, fixed header included.
    #[must_use]
    pub fn packet_len_max(self, packet_len_max: usize) -> Self {
        Self { packet_len_max, ..self }
    }

    /// The next bytes; `each` gets every packet whose last byte is among them, in order. At the first byte that cannot
    /// belong to a packet of this side it gets one [`Packet::Malformed`], and after that nothing more.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(Packet)) {
        self.push_read(bytes, |_, packet| each(packet));
    }

    /// The same, with what a PUBLISH says about a shadow.
    pub fn push_read(&mut self, bytes: &[u8], mut each: impl FnMut(Option<Box<ShadowText>>, Packet)) {
        if !self.broken && self.cut(bytes, &mut each).is_none() {
            self.broken = true;
            self.begun = Vec::new();
            each(None, Packet::Malformed);
        }
    }

    /// `None` when the stream has no sense from here on.
    fn cut(&mut self, mut bytes: &[u8], each: &mut impl FnMut(Option<Box<ShadowText>>, Packet)) -> Option<()> {
        while !self.begun.is_empty() {
            // The header decides how much is missing; while it is not whole, one more byte.
            let missing = match self.length(&self.begun)? {
                Length::Unknown => 1,
                Length::Known(len) => len - self.begun.len(),
            };
            let (end, rest) = bytes.split_at(missing.min(bytes.len()));
            self.begun.extend_from_slice(end);
            bytes = rest;
            if self.length(&self.begun)? == Length::Known(self.begun.len()) {
                let packet = packet(self.side, &self.begun)?;
                each(about_shadow(&self.begun), packet);
                self.begun.clear();
            } else if bytes.is_empty() {
                return Some(());
            }
        }
        loop {
            let whole = match self.length(bytes)? {
                Length::Known(len) => bytes.split_at_checked(len),
                Length::Unknown => None,
            };
            let Some((frame, rest)) = whole else { break };
            let packet = packet(self.side, frame)?;
            each(about_shadow(frame), packet);
            bytes = rest;
        }
        self.begun.extend_from_slice(bytes);
        Some(())
    }
}

impl Tap {
    /// `None` when `bytes` cannot begin a packet of this side.
    fn length(&self, bytes: &[u8]) -> Option<Length> {
        let length = length(self.side, bytes)?;
        let known = match length {
            Length::Known(len) => len <= self.packet_len_max && fits(bytes, len),
            Length::Unknown => true,
        };
        known.then_some(length)
    }
}

/// Whether a packet that begins so may have this length, fixed header included.
fn fits(bytes: &[u8], len: usize) -> bool {
    match bytes.first().map(|first| (first >> 4, first & 0x06)) {
        // [MQTT-3.2.1] [MQTT-3.4.1] [MQTT-3.11.1]
        Some((2 | 4 | 11, _)) => len == 4,
        // [MQTT-3.12.1] [MQTT-3.13.1] [MQTT-3.14.1]
        Some((12..=14, _)) => len == 2,
        // An id and an answer.
        Some((9, _)) => len >= 5,
        // A topic of one byte at least, and the packet id when there is one.
        Some((3, 0)) => len >= 5,
        Some((3, _)) => len >= 7,
        _ => true,
    }
}

/// The length of a packet, fixed header included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    /// More bytes are needed to know it.
    Unknown,
    Known(usize),
}

/// `None` when `bytes` cannot begin a packet of this side (MQTT 3.1.1 §2.2).
fn length(side: Side, bytes: &[u8]) -> Option<Length> {
    let Some((&first, rest)) = bytes.split_first() else { return Some(Length::Unknown) };
    if !begins(side, first) {
        return None;
    }
    let mut len = 0;
    for (index, shift) in [0, 7, 14, 21].into_iter().enumerate() {
        let Some(&byte) = rest.get(index) else { return Some(Length::Unknown) };
        len |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let needless = byte == 0 && index > 0;
            return (!needless).then_some(Length::Known(2 + index + len));
        }
    }
    None
}

/// Whether this side may send a packet with this first byte, without QoS 2 [MQTT-2.2.2-2].
fn begins(side: Side, first: u8) -> bool {
    match (side, first) {
        // [MQTT-3.3.1-2] DUP goes with QoS 1 only.
        (_, 0x30..=0x33 | 0x3a | 0x3b | 0x40) => true,
        (Side::Sent, 0x10 | 0x82 | 0xa2 | 0xc0 | 0xe0) => true,
        (Side::Received, 0x20 | 0x90 | 0xb0 | 0xd0) => true,
        _ => false,
    }
}

/// The whole packet, whose first byte and length are right.
fn packet(side: Side, frame: &[u8]) -> Option<Packet> {
    let header = 1 + frame.iter().skip(1).position(|byte| byte & 0x80 == 0)? + 1;
    let (first, body) = (*frame.first()?, frame.get(header..)?);
    let mut fields = Fields(body);
    let packet = match (side, first >> 4) {
        (_, 3) => return publish(first, fields),
        (Side::Sent, 1) => return connect(fields),
        (Side::Received, 2) => connack(&mut fields)?,
        (_, 4) => Packet::Puback(fields.id()?),
        (_, 8) => subscribe(&mut fields)?,
        (_, 9) => suback(&mut fields)?,
        (_, 10) => unsubscribe(&mut fields)?,
        (_, 11) => Packet::Unsuback(fields.id()?),
        (_, 12) => Packet::Pingreq,
        (_, 13) => Packet::Pingresp,
        (_, 14) => Packet::Disconnect,
        _ => return None,
    };
    fields.0.is_empty().then_some(packet)
}

/// What a valid PUBLISH says about a shadow.
fn about_shadow(frame: &[u8]) -> Option<Box<ShadowText>> {
    let first = frame.first().filter(|first| *first >> 4 == 3)?;
    let header = 1 + frame.iter().skip(1).position(|byte| byte & 0x80 == 0)? + 1;
    let mut fields = Fields(frame.get(header..)?);
    let topic = fields.string().filter(|topic| ShadowText::is_about(topic))?;
    if first & 0x06 != 0 {
        fields.id()?;
    }
    ShadowText::read(topic, fields.0).map(Box::new)
}

fn publish(first: u8, mut fields: Fields<'_>) -> Option<Packet> {
    let topic = fields.string()?;
    // [MQTT-3.3.2-2] [MQTT-4.7.3-1]
    if topic.is_empty() || topic.iter().any(|byte| matches!(byte, b'+' | b'#')) {
        return None;
    }
    let qos = if first & 0x06 == 0 { Qos::AtMostOnce } else { Qos::AtLeastOnce };
    let id = if qos == Qos::AtMostOnce { 0 } else { fields.id()? };
    let payload = fields.0;
    Some(Packet::Publish(Published {
        id,
        dup: first & 0x08 != 0,
        qos,
        retain: first & 0x01 != 0,
        topic: Name::of(topic),
        tag: tag_on(topic, payload),
        len: u32::try_from(payload.len()).ok()?,
    }))
}

/// Which message this is, among those of this topic.
pub fn tag_on(topic: &[u8], payload: &[u8]) -> u64 {
    if ShadowText::is_about(topic) { Name::of(payload).0 } else { tag(payload) }
}

/// Which message this is: the first eight bytes of its payload, big-endian; 0 in a shorter one.
pub fn tag(payload: &[u8]) -> u64 {
    payload.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
}

/// The will and the login are the server's to judge.
fn connect(mut fields: Fields<'_>) -> Option<Packet> {
    if fields.string()? != b"MQTT" || fields.byte()? != 4 {
        return None;
    }
    let flags = fields.byte()?;
    let keep_alive_secs = fields.number()?;
    fields.string()?;
    (flags & 1 == 0).then_some(Packet::Connect { clean: flags & 2 != 0, keep_alive_secs })
}

/// [MQTT-3.2.2-4] A refusal claims no session.
fn connack(fields: &mut Fields<'_>) -> Option<Packet> {
    match (fields.byte()?, fields.byte()?) {
        (flags @ (0 | 1), 0) => Some(Packet::Connack { present: flags == 1, code: 0 }),
        (0, code @ 1..=5) => Some(Packet::Connack { present: false, code }),
        _ => None,
    }
}

fn subscribe(fields: &mut Fields<'_>) -> Option<Packet> {
    let id = fields.id()?;
    let mut filters = Vec::new();
    while !fields.0.is_empty() {
        let filter = Name::of(fields.string()?);
        filters.push((filter, if fields.bit()? { Qos::AtLeastOnce } else { Qos::AtMostOnce }));
    }
    // [MQTT-3.8.3-3]
    (!filters.is_empty()).then(|| Packet::Subscribe(id, filters.into()))
}

/// [MQTT-3.9.3-2] QoS 2 is never granted, because it is never asked for.
fn suback(fields: &mut Fields<'_>) -> Option<Packet> {
    let id = fields.id()?;
    let codes = core::mem::take(&mut fields.0);
    let valid = !codes.is_empty() && codes.iter().all(|code| matches!(code, 0 | 1 | 0x80));
    valid.then(|| Packet::Suback(id, codes.into()))
}

fn unsubscribe(fields: &mut Fields<'_>) -> Option<Packet> {
    let id = fields.id()?;
    let mut filters = Vec::new();
    while !fields.0.is_empty() {
        filters.push(Name::of(fields.string()?));
    }
    // [MQTT-3.10.3-2]
    (!filters.is_empty()).then(|| Packet::Unsubscribe(id, filters.into()))
}

/// What is left of a packet.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    fn bit(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<u16> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*number))
    }

    /// [MQTT-2.3.1-1]
    fn id(&mut self) -> Option<u16> {
        self.number().filter(|&id| id != 0)
    }

    /// [MQTT-1.5.3-1] [MQTT-1.5.3-2]
    fn string(&mut self) -> Option<&'a [u8]> {
        let len = usize::from(self.number()?);
        let (text, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        (core::str::from_utf8(text).is_ok() && !text.contains(&0)).then_some(text)
    }
}
