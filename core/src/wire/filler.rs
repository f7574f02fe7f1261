//! What stands in a trace for what nobody may read: payloads, when that was asked for, and logins, always.

use core::fmt;
use core::hash::Hasher;

use crate::Rng;
use crate::frame::{self, FrameError};

/// Replaces payloads by others of the same length. Equal payloads stay equal; without the key, which no trace holds,
/// nothing else can be told about them.
#[derive(Clone)]
pub(crate) struct Filler {
    key: [u64; 2],
}

/// The key is a secret.
impl fmt::Debug for Filler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filler").finish_non_exhaustive()
    }
}

impl Filler {
    pub(crate) fn new(key: [u64; 2]) -> Self {
        Self { key }
    }

    /// Replaces a whole payload.
    pub(crate) fn fill(&self, payload: &mut [u8]) {
        // One number made from the payload is enough for all of it: equal payloads are to stay equal.
        let mut rng = Rng::new(self.hash(payload));
        let mut next = || rng.next_u64().to_le_bytes();
        let mut words = payload.chunks_exact_mut(8);
        words.by_ref().for_each(|word| word.copy_from_slice(&next()));
        let last = words.into_remainder();
        let len = last.len();
        last.copy_from_slice(&next()[..len]);
    }

    #[expect(
        deprecated,
        reason = "the one keyed hash in the standard library whose algorithm is promised: SipHash 2-4"
    )]
    fn hash(&self, payload: &[u8]) -> u64 {
        let mut hasher = core::hash::SipHasher::new_with_keys(self.key[0], self.key[1]);
        hasher.write(payload);
        hasher.finish()
    }
}

/// A text of the same length that says nothing, but whether it has a question mark: that is all the client looks for.
pub(crate) fn mask(text: &mut [u8]) {
    text.iter_mut().filter(|byte| **byte != b'?').for_each(|byte| *byte = b'x');
}

/// Replaces the payloads in what the server sent, as the client took it: whole packets, and behind them perhaps what
/// made it give the link up, or what came too late.
pub(crate) fn fill_received(filler: &Filler, mut bytes: &mut [u8], packet_len_max: usize) {
    loop {
        match frame::validate(bytes, packet_len_max) {
            Ok(Some(whole)) => {
                let (packet, rest) = bytes.split_at_mut(whole.len);
                if let Some((topic, payload)) = payload(packet) {
                    filler.fill_payload(topic, payload);
                }
                bytes = rest;
            }
            // Only the code is wrong, wherever in the packet it is.
            Err(FrameError::SubackCode { .. }) => return blank(after_packet(bytes)),
            Err(_) if payload(bytes).is_some() => return blank(payload(bytes).map(|(_, payload)| payload)),
            // What is wrong is in the fixed header or right behind it; what has no end was never looked at.
            Err(_) | Ok(None) => return blank(bytes.get_mut(5..)),
        }
    }
}

fn blank(bytes: Option<&mut [u8]>) {
    bytes.into_iter().flatten().for_each(|byte| *byte = 0);
}

/// Replaces the payloads in what the client has written, and the login in CONNECT. `user_name_len` is without the
/// metrics that the client adds.
pub(crate) fn fill_sent(filler: Option<&Filler>, mut bytes: &mut [u8], user_name_len: usize) {
    while let Some((header, body)) = lengths(bytes) {
        let len = (header + body).min(bytes.len());
        let (packet, rest) = bytes.split_at_mut(len);
        match packet.first().map(|first| first >> 4) {
            Some(1) => fill_connect(filler, &mut packet[header.min(len)..], user_name_len),
            _ => {
                if let (Some(filler), Some((topic, payload))) = (filler, payload(packet)) {
                    filler.fill_payload(topic, payload);
                }
            }
        }
        bytes = rest;
    }
}

/// The fields of CONNECT in their order (MQTT 3.1.1 §3.1.3).
fn fill_connect(filler: Option<&Filler>, body: &mut [u8], user_name_len: usize) {
    let Some(&flags) = body.get(7) else { return };
    let mut rest = body.get_mut(10..).unwrap_or_default();
    let mut field = || {
        let (len, after) = core::mem::take(&mut rest).split_first_chunk_mut::<2>()?;
        let (field, after) = after.split_at_mut_checked(usize::from(u16::from_be_bytes(*len)))?;
        rest = after;
        Some(field)
    };
    let _client_id = field();
    if flags & 0x04 != 0 {
        let _topic = field();
        if let (Some(payload), Some(filler)) = (field(), filler) {
            filler.fill(payload);
        }
    }
    // What is not there has no field, and there is no password without a user name [MQTT-3.1.2-22].
    if let Some(user_name) = field() {
        let own = user_name_len.min(user_name.len());
        mask(&mut user_name[..own]);
    }
    field().into_iter().for_each(mask);
}

/// The topic of the PUBLISH at the front, and what follows it and the packet id; `None` when it has no place for that.
fn payload(bytes: &mut [u8]) -> Option<(&[u8], &mut [u8])> {
    let (header, body) = lengths(bytes)?;
    let id = match bytes.first()? {
        0x30..=0x31 => 0,
        0x32..=0x3f => 2,
        _ => return None,
    };
    let topic = bytes.get(header..)?.first_chunk().map(|len| usize::from(u16::from_be_bytes(*len)))?;
    let (topic_end, end) = (header + 2 + topic, (header + body).min(bytes.len()));
    // A topic that reaches beyond its packet is none.
    let start = if topic_end > end { header + 2 } else { (topic_end + id).min(end) };
    let (before, payload) = bytes.split_at_mut_checked(start)?;
    Some((before.get(header + 2..topic_end).unwrap_or_default(), payload))
}

/// What follows the packet at the front. It was never looked at.
fn after_packet(bytes: &mut [u8]) -> Option<&mut [u8]> {
    let (header, body) = lengths(bytes)?;
    bytes.get_mut(header + body..)
}

/// Bytes of the fixed header, and of what follows it.
fn lengths(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut body = 0;
    for (index, &byte) in bytes.get(1..)?.iter().take(4).enumerate() {
        body |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((2 + index, body));
        }
    }
    None
}
