//! What becomes of the broker's packets on their way out, and what comes that the broker never sent.

use bytes::{BufMut, Bytes, BytesMut};
use core::time::Duration;

use crate::plan::{Garbage, Meddling, PacketType};

/// Changes some of the broker's packets.
#[derive(Debug)]
pub(super) struct Meddler {
    pub(super) index: u32,
    packet: PacketType,
    every: u32,
    /// How many it still changes; `None` is no end.
    left: Option<u32>,
    how: Meddling,
    met: u32,
}

/// What becomes of a packet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fate {
    /// What is sent now.
    pub(super) now: Vec<Bytes>,
    /// What is sent later.
    pub(super) later: Option<(Duration, Bytes)>,
    /// Whether the connection is closed behind it.
    pub(super) closes: bool,
}

impl Meddler {
    pub(super) fn new(index: u32, packet: PacketType, every: u32, count: u32, how: Meddling) -> Self {
        Self { index, packet, every: every.max(1), left: (count > 0).then_some(count), how, met: 0 }
    }

    /// Whether this packet is one that it changes.
    pub(super) fn meets(&mut self, packet: &Bytes) -> bool {
        let first = packet.first().copied().unwrap_or_default();
        if self.left == Some(0) || !is_of(self.packet, first) {
            return false;
        }
        self.met += 1;
        let mine = self.met % self.every == 0;
        if let Some(left) = self.left.as_mut().filter(|_| mine) {
            *left -= 1;
        }
        mine
    }

    /// Whether the client sees what the broker never sent, instead of seeing less of it, or later.
    pub(super) fn tampers(&self) -> bool {
        !matches!(self.how, Meddling::Drop | Meddling::Delay(_) | Meddling::CloseAfter)
    }

    pub(super) fn meddle(&self, packet: Bytes) -> Fate {
        let one = |packet| Fate { now: vec![packet], later: None, closes: false };
        match self.how {
            Meddling::Drop => Fate { now: Vec::new(), later: None, closes: false },
            Meddling::Delay(span) => Fate { now: Vec::new(), later: Some((span.0, packet)), closes: false },
            Meddling::Duplicate(times) => {
                Fate { now: vec![packet; 1 + usize::from(times)], later: None, closes: false }
            }
            Meddling::WrongId => one(with_id(&packet, |id| id ^ 0x2a55)),
            Meddling::IdZero => one(with_id(&packet, |_| 0)),
            Meddling::WrongType => one(of_another_kind(&packet)),
            Meddling::TrailingByte => one(with_trailing_byte(&packet)),
            Meddling::WrongFlags => one(with_first(&packet, |first| first ^ 0x06)),
            Meddling::CloseAfter => Fate { now: vec![packet], later: None, closes: true },
            Meddling::FlipSessionPresent => one(with_byte(&packet, 2, |flags| flags ^ 1)),
            Meddling::ReturnCode(code) => {
                Fate { now: vec![Bytes::copy_from_slice(&[0x20, 2, 0, code])], later: None, closes: true }
            }
            Meddling::RefuseFilter => one(with_byte(&packet, packet.len().saturating_sub(1), |_| 0x80)),
            Meddling::GrantLess => one(grant_less(&packet)),
            Meddling::OneMore => one(with_trailing_byte(&packet)),
        }
    }
}

/// Whether a packet with this first byte is one of `kind`.
pub(super) fn is_of(kind: PacketType, first: u8) -> bool {
    let number = match kind {
        PacketType::Any => return true,
        PacketType::Connect => 1,
        PacketType::Connack => 2,
        PacketType::Publish => 3,
        PacketType::Puback => 4,
        PacketType::Subscribe => 8,
        PacketType::Suback => 9,
        PacketType::Unsubscribe => 10,
        PacketType::Unsuback => 11,
        PacketType::Pingreq => 12,
        PacketType::Pingresp => 13,
        PacketType::Disconnect => 14,
    };
    first >> 4 == number
}

/// A packet of the broker's with one bit flipped.
pub(super) fn flip(packet: &Bytes, bit: u32) -> Bytes {
    let bit = bit as usize % (packet.len() * 8).max(1);
    with_byte(packet, bit / 8, |byte| byte ^ 1 << (bit % 8))
}

fn with_byte(packet: &Bytes, at: usize, change: impl FnOnce(u8) -> u8) -> Bytes {
    let mut changed = BytesMut::from(&packet[..]);
    if let Some(byte) = changed.get_mut(at) {
        *byte = change(*byte);
    }
    changed.freeze()
}

fn with_first(packet: &Bytes, change: impl FnOnce(u8) -> u8) -> Bytes {
    with_byte(packet, 0, change)
}

/// Where the packet id is, in packets that have one.
fn id_at(packet: &Bytes) -> Option<usize> {
    let header = 2 + packet.iter().skip(1).take_while(|&&byte| byte & 0x80 != 0).count();
    match packet.first()? >> 4 {
        3 if packet.first()? & 0x06 == 0 => None,
        3 => {
            let len = usize::from(*packet.get(header)?) << 8 | usize::from(*packet.get(header + 1)?);
            Some(header + 2 + len)
        }
        4 | 9 | 11 => Some(header),
        _ => None,
    }
}

fn with_id(packet: &Bytes, change: impl FnOnce(u16) -> u16) -> Bytes {
    let mut changed = BytesMut::from(&packet[..]);
    if let Some([high, low]) = id_at(packet).and_then(|at| changed.get_mut(at..at + 2)) {
        [*high, *low] = change(u16::from_be_bytes([*high, *low])).to_be_bytes();
    }
    changed.freeze()
}

/// A whole acknowledgement of another kind for the same packet id; what is no acknowledgement stays.
fn of_another_kind(packet: &Bytes) -> Bytes {
    let Some(&[high, low]) = id_at(packet).and_then(|at| packet.get(at..)?.first_chunk()) else {
        return packet.clone();
    };
    let other: &[u8] = match packet[0] >> 4 {
        // By the id, so that both are met.
        4 if low % 2 == 1 => &[0x90, 3, high, low, 1],
        4 => &[0xb0, 2, high, low],
        9 | 11 => &[0x40, 2, high, low],
        _ => packet,
    };
    Bytes::copy_from_slice(other)
}

/// One byte more in the body, and counted in the remaining length; only for short packets.
fn with_trailing_byte(packet: &Bytes) -> Bytes {
    let mut changed = BytesMut::from(&packet[..]);
    if let Some(len) = changed.get_mut(1).filter(|len| **len < 0x7f) {
        *len += 1;
        changed.put_u8(0);
    }
    changed.freeze()
}

fn grant_less(packet: &Bytes) -> Bytes {
    let mut changed = BytesMut::from(&packet[..]);
    for code in changed.iter_mut().skip(4).filter(|code| **code != 0x80) {
        *code = 0;
    }
    changed.freeze()
}

/// Bytes that nobody asked for.
pub(super) fn garbage(kind: Garbage, random: &mut dyn FnMut(u64) -> u64) -> Vec<u8> {
    match kind {
        Garbage::Http => b"HTTP/1.1 302 Found\r\nLocation: http://login.example/\r\n\r\n".to_vec(),
        Garbage::TlsAlert => vec![0x15, 3, 3, 0, 2, 2, 40],
        Garbage::SshBanner => b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
        Garbage::Random => (0..=random(63)).map(|_| u8::try_from(random(256)).unwrap_or_default()).collect(),
        Garbage::LengthTooLong => vec![0x30, 0xff, 0xff, 0xff, 0xff, 0x01],
        Garbage::LengthNotMinimal => vec![0x40, 0x82, 0x00, 0, 1],
        Garbage::LengthHuge => vec![0x30, 0xff, 0xff, 0xff, 0x7f],
        Garbage::ReservedType => vec![if random(2) == 0 { 0x00 } else { 0xf0 }, 0],
        Garbage::ClientPacket => {
            let packets: [&[u8]; 4] =
                [&[0xc0, 0], &[0xe0, 0], &[0x82, 6, 0, 1, 0, 1, b't', 0], b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01a"];
            packets[usize::try_from(random(4)).unwrap_or_default() % 4].to_vec()
        }
        Garbage::SecondConnack => vec![0x20, 2, 0, 0],
        Garbage::PublishQos2 => vec![0x34, 6, 0, 1, b't', 0, 9, b'x'],
        Garbage::PublishQos3 => vec![0x36, 6, 0, 1, b't', 0, 9, b'x'],
        Garbage::PublishDupQos0 => vec![0x38, 4, 0, 1, b't', b'x'],
        Garbage::PublishIdZero => vec![0x32, 6, 0, 1, b't', 0, 0, b'x'],
        Garbage::PublishEmptyTopic => vec![0x30, 3, 0, 0, b'x'],
        Garbage::PublishWildcard => vec![0x30, 6, 0, 3, b'a', b'/', b'#', b'x'],
        Garbage::PublishNulTopic => vec![0x30, 5, 0, 2, b'a', 0, b'x'],
        Garbage::PublishBadUtf8 => vec![0x30, 5, 0, 2, 0xc3, 0x28, b'x'],
        Garbage::UnknownPuback => vec![0x40, 2, 0xfe, 0xdc],
        Garbage::UnknownSuback => vec![0x90, 3, 0xfe, 0xdc, 0],
        Garbage::UnknownUnsuback => vec![0xb0, 2, 0xfe, 0xdc],
        Garbage::UnaskedPingresp => vec![0xd0, 0],
        Garbage::ManyPingresps => [0xd0, 0].repeat(1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(bytes: &[u8]) -> Bytes {
        Bytes::copy_from_slice(bytes)
    }

    #[test]
    fn a_packet_id_is_found_behind_the_topic() {
        assert_eq!(id_at(&bytes(&[0x32, 6, 0, 1, b't', 0, 9, b'x'])), Some(5));
        assert_eq!(id_at(&bytes(&[0x30, 4, 0, 1, b't', b'x'])), None);
        assert_eq!(with_id(&bytes(&[0x40, 2, 0, 9]), |_| 0), bytes(&[0x40, 2, 0, 0]));
    }

    #[test]
    fn a_meddler_takes_its_share_and_no_more() {
        let mut meddler = Meddler::new(0, PacketType::Puback, 2, 2, Meddling::Drop);
        let (puback, other) = (bytes(&[0x40, 2, 0, 1]), bytes(&[0xd0, 0]));
        assert!(!meddler.meets(&other));
        let met: Vec<bool> = (0..6).map(|_| meddler.meets(&puback)).collect();
        assert_eq!(met, [false, true, false, true, false, false]);
    }

    #[test]
    fn an_acknowledgement_of_another_kind_is_a_whole_packet_for_the_same_id() {
        for suback in [&[0x90, 3, 1, 9, 1][..], &[0x90, 6, 1, 9, 1, 0, 0x80, 1], &[0xb0, 2, 1, 9]] {
            assert_eq!(of_another_kind(&bytes(suback)), bytes(&[0x40, 2, 1, 9]));
        }
        assert_eq!(of_another_kind(&bytes(&[0x40, 2, 1, 9])), bytes(&[0x90, 3, 1, 9, 1]));
        assert_eq!(of_another_kind(&bytes(&[0x40, 2, 1, 8])), bytes(&[0xb0, 2, 1, 8]));
        for other in [&[0xd0, 0][..], &[0x32, 6, 0, 1, b't', 0, 9, b'x'], &[0x40]] {
            assert_eq!(of_another_kind(&bytes(other)), bytes(other));
        }
    }

    #[test]
    fn what_is_changed_is_changed_where_it_should_be() {
        assert_eq!(with_trailing_byte(&bytes(&[0x90, 3, 0, 1, 1])), bytes(&[0x90, 4, 0, 1, 1, 0]));
        assert_eq!(grant_less(&bytes(&[0x90, 4, 0, 1, 1, 0x80])), bytes(&[0x90, 4, 0, 1, 0, 0x80]));
        assert_eq!(flip(&bytes(&[0, 0]), 9), bytes(&[0, 2]));
        assert_eq!(flip(&bytes(&[0, 0]), 16), bytes(&[1, 0]));
    }
}
