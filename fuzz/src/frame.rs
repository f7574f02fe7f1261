//! The frame validator and the client behind it.

use bytes::BytesMut;
use thingwire_core::frame::{Frame, validate};
use thingwire_core::{Action, Client, Config, Event, FrameError, Instant, Notice};

/// Small, so that the limit is reached by small inputs.
const PACKET_LEN_MAX: usize = 256;

/// Laws of everything that reads from the network:
///
/// 1. A stream has one meaning: an independent reading of MQTT 3.1.1 finds the same frames, and refuses where the
///    validator refuses.
/// 2. More bytes never change an answer: what was accepted or refused stays so.
/// 3. The client gives the same actions and the same bytes however the stream is split, stops at the first fault,
///    and never panics.
///
/// # Panics
///
/// When a law is broken.
pub fn frame(data: &[u8]) {
    // The first byte says how the stream is split; the rest is the stream.
    let Some((&split, stream)) = data.split_first() else { return };
    same_frames_as_the_oracle(stream);
    answers_are_final(stream);
    let whole = actions(stream, stream.len().max(1));
    let parts = actions(stream, usize::from(split).max(1));
    assert_eq!(whole, parts, "split every {} bytes", usize::from(split).max(1));
}

fn same_frames_as_the_oracle(mut stream: &[u8]) {
    loop {
        let expected = oracle(stream);
        match validate(stream, PACKET_LEN_MAX) {
            Ok(Some(Frame { len, .. })) => {
                assert_eq!(expected, Verdict::Frame(len));
                stream = &stream[len..];
            }
            // The validator may refuse before the frame is whole; the oracle waits for all of it.
            Ok(None) => return assert_eq!(expected, Verdict::More),
            Err(error) => return assert!(expected != Verdict::More || early(error), "{error} refused too early"),
        }
    }
}

/// Refusals that do not need the whole frame.
fn early(error: FrameError) -> bool {
    matches!(
        error,
        FrameError::FixedHeader { .. }
            | FrameError::Qos2 { .. }
            | FrameError::RemainingLength
            | FrameError::BodyLength { .. }
            | FrameError::PacketTooLong { .. }
    )
}

fn answers_are_final(stream: &[u8]) {
    let mut last = Ok(None);
    for len in 0..=stream.len() {
        let answer = validate(&stream[..len], PACKET_LEN_MAX);
        match last {
            Ok(None) => {}
            Ok(Some(_)) => assert_eq!(answer, last, "a frame was found, then lost"),
            Err(_) => assert!(answer.is_err(), "a fault was found, then lost"),
        }
        last = answer;
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    More,
    Frame(usize),
    Refused,
}

/// MQTT 3.1.1 as a client with QoS 0 and 1 hears it, read from the standard, written another way: collect the whole
/// frame first, then judge it.
fn oracle(stream: &[u8]) -> Verdict {
    let Some(&first) = stream.first() else { return Verdict::More };
    let mut body_len = 0;
    let mut digits = 0;
    loop {
        let Some(&digit) = stream.get(1 + digits) else {
            return if digits == 4 { Verdict::Refused } else { Verdict::More };
        };
        if digits == 4 {
            return Verdict::Refused;
        }
        body_len += usize::from(digit % 128) * 128_usize.pow(u32::try_from(digits).unwrap_or(u32::MAX));
        digits += 1;
        if digit < 128 {
            let needed = if body_len == 0 { 1 } else { 1 + (body_len.ilog2() / 7) as usize };
            if digits != needed {
                return Verdict::Refused;
            }
            break;
        }
    }
    let len = 1 + digits + body_len;
    if len > PACKET_LEN_MAX {
        return Verdict::Refused;
    }
    let Some(body) = stream.get(1 + digits..len) else { return Verdict::More };
    if accepted(first >> 4, first & 15, body) { Verdict::Frame(len) } else { Verdict::Refused }
}

fn accepted(kind: u8, flags: u8, body: &[u8]) -> bool {
    let id = |at: usize| body.get(at..at + 2).is_some_and(|id| id != [0, 0]);
    match kind {
        2 => flags == 0 && matches!(body, [0 | 1, 0] | [0, 1..=5]),
        3 => {
            let (duplicate, qos) = (flags & 8 != 0, flags >> 1 & 3);
            let Some(topic_len) = body.get(..2).map(|len| usize::from(len[0]) << 8 | usize::from(len[1])) else {
                return false;
            };
            let Some(topic) = body.get(2..2 + topic_len).and_then(|topic| std::str::from_utf8(topic).ok()) else {
                return false;
            };
            let topic_fits = !topic.is_empty() && !topic.contains(['+', '#', '\0']);
            let id_fits = qos == 0 || id(2 + topic_len);
            qos < 2 && !(duplicate && qos == 0) && topic_fits && id_fits
        }
        4 | 11 => flags == 0 && body.len() == 2 && id(0),
        9 => flags == 0 && body.len() > 2 && id(0) && body[2..].iter().all(|code| matches!(code, 0 | 1 | 128)),
        13 => flags == 0 && body.is_empty(),
        _ => false,
    }
}

/// What an accepted client does with the stream: its actions and its bytes.
fn actions(stream: &[u8], chunk: usize) -> (Vec<Action>, Vec<u8>) {
    let mut config = Config::new("fuzz");
    config.limits.packet_len_max = PACKET_LEN_MAX;
    config.actions_max = 64;
    let now = Instant::EPOCH;
    let Ok(mut client) = Client::new(config, 1, now) else { return Default::default() };
    let (mut actions, mut out, mut inbound) = (Vec::new(), BytesMut::new(), BytesMut::new());
    client.start(now);
    let Some(link) = drain(&mut client, &mut actions, &mut out) else { return (actions, out.to_vec()) };
    client.handle(now, Event::LinkUp(link));
    let connack: &[u8] = &[0x20, 2, 0, 0];
    for part in std::iter::once(connack).chain(stream.chunks(chunk)) {
        inbound.extend_from_slice(part);
        loop {
            let before = inbound.len();
            client.handle(now, Event::Received(link, &mut inbound));
            drain(&mut client, &mut actions, &mut out);
            if inbound.len() == before {
                break;
            }
        }
        assert!(inbound.len() < PACKET_LEN_MAX, "a whole frame was left in the buffer");
    }
    (actions, out.to_vec())
}

fn drain(client: &mut Client, actions: &mut Vec<Action>, out: &mut BytesMut) -> Option<thingwire_core::Link> {
    let mut opened = None;
    loop {
        let written = client.poll_transmit(Instant::EPOCH, out, 4096);
        let action = client.poll_action();
        if written == 0 && action.is_none() {
            return opened;
        }
        if let Some(Action::Open(link)) = action {
            opened = Some(link);
        }
        // What is online stays online, whatever the server sends, until a fault ends the link.
        if let Some(Action::Notify(Notice::Online { .. })) = action {
            assert!(client.phase().is_online());
        }
        actions.extend(action);
    }
}
