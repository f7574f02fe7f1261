//! Bytes cut into lines.

use core::time::Duration;

use thingwire_core::Instant;
use thingwire_core::thing::lines::{Encoding, Framed, Framer, Framing, Lines, Place, Wire};

use crate::input::{Input, pieces};

/// What came, and when.
struct Piece<'a> {
    at: Instant,
    bytes: &'a [u8],
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    Line(Vec<u8>),
    TooLong,
    Broken(Vec<u8>),
}

pub(super) fn framing(lines: &Lines, input: &mut Input<'_>) {
    let wire = &lines.wire;
    let mut now = Instant::EPOCH;
    let stream: Vec<_> = (0..=input.below(6))
        .map(|_| {
            now = now + Duration::from_millis(input.pick(&[0, 1, 49, 50, 2_000, 9_000]));
            Piece { at: now, bytes: input.bytes(24) }
        })
        .collect();
    let lens = input.bytes(4);
    let silence = lines.timing.byte_timeout;
    let lens = if lens.is_empty() { &[1] } else { lens };
    let (whole, cut) = (found(wire, silence, &stream, &[]), found(wire, silence, &stream, lens));
    if lines.check().iter().any(|mistake| matches!(mistake.place, Place::Wire | Place::Timing)) {
        // All that is promised is that there is an end.
        return;
    }
    assert_eq!(whole, cut, "cut by {lens:?}");
    for line in &whole {
        let (Found::Line(line) | Found::Broken(line)) = line else { continue };
        let more = if let Framing::Terminator(end) = &wire.framing { end.len() } else { 0 };
        assert!(line.len() <= wire.line_max + more, "{line:?} is longer than {}", wire.line_max);
    }
    let bytes: Vec<u8> = stream.iter().flat_map(|piece| piece.bytes.iter().copied()).collect();
    if let Some(expected) = read_at_once(wire, &bytes) {
        let at_once = [Piece { at: Instant::EPOCH, bytes: &bytes }];
        assert_eq!(found(wire, silence, &at_once, &[]), expected, "{:?} of {bytes:?}", wire.framing);
    }
}

/// All that a framer finds, when each piece comes in smaller ones of these lengths.
fn found(wire: &Wire, silence: Duration, stream: &[Piece<'_>], lens: &[u8]) -> Vec<Found> {
    let mut framer = Framer::new(wire, silence);
    let (mut all, mut bytes_seen) = (Vec::new(), 0);
    for Piece { at, bytes } in stream {
        all.extend(framer.expire(*at).map(owned));
        let cut = if lens.is_empty() { vec![*bytes] } else { pieces(bytes, lens) };
        for mut piece in cut {
            bytes_seen += piece.len();
            all.extend(framer.expire(*at).map(owned));
            while let Some(framed) = framer.next(*at, &mut piece) {
                all.push(owned(framed));
                assert!(all.len() <= 2 * bytes_seen + stream.len(), "lines of nothing");
            }
            assert!(piece.is_empty(), "bytes are left");
        }
    }
    all
}

fn owned(framed: Framed<'_>) -> Found {
    match framed {
        Framed::Line(line) => Found::Line(line.to_vec()),
        Framed::TooLong => Found::TooLong,
        Framed::Broken(line) => Found::Broken(line.to_vec()),
    }
}

/// Another reading, of bytes that all come at once; none where only time ends lines.
fn read_at_once(wire: &Wire, bytes: &[u8]) -> Option<Vec<Found>> {
    let bounded = |line: &[u8]| if line.len() > wire.line_max { Found::TooLong } else { Found::Line(line.to_vec()) };
    match &wire.framing {
        Framing::Newline => {
            let mut lines: Vec<_> = bytes.split(|byte| matches!(byte, b'\r' | b'\n')).collect();
            let rest = lines.pop().unwrap_or_default();
            let ended = lines.into_iter().filter(|line| !line.is_empty()).map(bounded);
            Some(ended.chain((rest.len() > wire.line_max).then_some(Found::TooLong)).collect())
        }
        Framing::Terminator(text) => {
            let end = match wire.encoding {
                Encoding::Utf8 => text.clone().into_bytes(),
                Encoding::Latin1 => text.chars().filter_map(|character| u8::try_from(character).ok()).collect(),
            };
            let (mut lines, mut rest) = (Vec::new(), bytes);
            while let Some(at) = rest.windows(end.len()).position(|window| window == end) {
                lines.push(bounded(&rest[..at]));
                rest = &rest[at + end.len()..];
            }
            lines.extend((rest.len() > wire.line_max + end.len() - 1).then_some(Found::TooLong));
            Some(lines)
        }
        Framing::Length(len) => Some(bytes.chunks_exact(*len).map(|line| Found::Line(line.to_vec())).collect()),
        Framing::IdleGap(_) => None,
    }
}
