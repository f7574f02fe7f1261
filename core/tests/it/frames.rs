use thingwire_core::frame::{Frame, validate};
use thingwire_core::{FrameError, PacketKind};

const MAX: usize = 1_000;

/// Valid frames of every kind that a server sends.
const VALID: [&[u8]; 13] = [
    &[0x20, 2, 0, 0],
    &[0x20, 2, 1, 0],
    &[0x20, 2, 0, 5],
    b"\x30\x03\0\x01a",
    b"\x31\x04\0\x01ab",
    b"\x32\x05\0\x01a\0\x01",
    b"\x3a\x06\0\x01a\xff\xffx",
    b"\x3b\x05\0\x01a\0\x01",
    &[0x40, 2, 0, 1],
    &[0x90, 3, 0, 1, 0],
    &[0x90, 5, 0, 1, 0, 1, 0x80],
    &[0xb0, 2, 0, 1],
    &[0xd0, 0],
];

#[test]
fn every_valid_frame_is_found_whole_and_waits_for_its_last_byte() {
    for bytes in VALID {
        let found = validate(bytes, MAX).unwrap().map(|frame| frame.len);
        assert_eq!(found, Some(bytes.len()), "{bytes:02x?}");
        for len in 0..bytes.len() {
            assert_eq!(validate(&bytes[..len], MAX), Ok(None), "{:02x?}", &bytes[..len]);
        }
        let followed = [bytes, &[0xff]].concat();
        assert_eq!(validate(&followed, MAX), validate(bytes, MAX), "what follows does not matter");
    }
}

#[test]
fn every_invalid_frame_is_refused_with_its_reason() {
    let connack = |flags, code| FrameError::Connack { flags, code };
    let length = |kind, len| FrameError::BodyLength { kind, len };
    let zero = |kind| FrameError::PacketIdZero { kind };
    let cases: [(&[u8], FrameError); 37] = [
        (b"H", FrameError::FixedHeader { first: b'H' }),
        (&[0x00], FrameError::FixedHeader { first: 0x00 }),
        (&[0x10], FrameError::FixedHeader { first: 0x10 }),
        (&[0x21], FrameError::FixedHeader { first: 0x21 }),
        (&[0x38], FrameError::FixedHeader { first: 0x38 }),
        (&[0x36], FrameError::FixedHeader { first: 0x36 }),
        (&[0x41], FrameError::FixedHeader { first: 0x41 }),
        (&[0x82], FrameError::FixedHeader { first: 0x82 }),
        (&[0xc0], FrameError::FixedHeader { first: 0xc0 }),
        (&[0xe0], FrameError::FixedHeader { first: 0xe0 }),
        (&[0xf0], FrameError::FixedHeader { first: 0xf0 }),
        (&[0x34], FrameError::Qos2 { first: 0x34 }),
        (&[0x50], FrameError::Qos2 { first: 0x50 }),
        (&[0x62], FrameError::Qos2 { first: 0x62 }),
        (&[0x70], FrameError::Qos2 { first: 0x70 }),
        (&[0x30, 0x80, 0x80, 0x80, 0x80], FrameError::RemainingLength),
        (&[0xd0, 0x80, 0x00], FrameError::RemainingLength),
        (&[0x30, 0x83, 0x00], FrameError::RemainingLength),
        (&[0x30, 0xff, 0xff, 0xff, 0x7f], FrameError::PacketTooLong { len: 268_435_460, max: MAX }),
        (&[0x30, 0xe6, 0x07], FrameError::PacketTooLong { len: 1_001, max: MAX }),
        (&[0x20, 3], length(PacketKind::Connack, 3)),
        (&[0x40, 3], length(PacketKind::Puback, 3)),
        (&[0xb0, 4], length(PacketKind::Unsuback, 4)),
        (&[0xd0, 1], length(PacketKind::Pingresp, 1)),
        (&[0x90, 2], length(PacketKind::Suback, 2)),
        (&[0x30, 2], length(PacketKind::Publish, 2)),
        (&[0x32, 4], length(PacketKind::Publish, 4)),
        (&[0x20, 2, 0xfe, 0], connack(0xfe, 0)),
        (&[0x20, 2, 1, 5], connack(1, 5)),
        (&[0x20, 2, 0, 6], connack(0, 6)),
        (&[0x40, 2, 0, 0], zero(PacketKind::Puback)),
        (&[0x90, 3, 0, 0, 1], zero(PacketKind::Suback)),
        (&[0xb0, 2, 0, 0], zero(PacketKind::Unsuback)),
        (b"\x32\x05\0\x01a\0\0", zero(PacketKind::Publish)),
        (&[0x90, 3, 0, 1, 2], FrameError::SubackCode { code: 2 }),
        (&[0x90, 4, 0, 1, 1, 0x7f], FrameError::SubackCode { code: 0x7f }),
        (b"\x30\x03\0\x02a", length(PacketKind::Publish, 3)),
    ];
    for (bytes, expected) in cases {
        assert_eq!(validate(bytes, MAX), Err(expected), "{bytes:02x?}");
    }
}

#[test]
fn every_invalid_topic_is_refused() {
    let topics: [&[u8]; 9] =
        [b"", b"+", b"a/#", b"a\0b", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"a\xf4\x90\x80\x80", b"\xc3"];
    for topic in topics {
        let len = u8::try_from(topic.len()).unwrap();
        let bytes = [&[0x30, len + 3, 0, len], topic, b"x"].concat();
        assert_eq!(validate(&bytes, MAX), Err(FrameError::Topic), "{topic:02x?}");
    }
}

#[test]
fn the_longest_packet_is_counted_with_its_header() {
    let mut bytes = b"\x30\xe5\x07\0\x01a".to_vec();
    bytes.resize(MAX, b'x');
    let frame = Frame { kind: PacketKind::Publish, len: MAX };
    assert_eq!(validate(&bytes, MAX), Ok(Some(frame)));
    assert_eq!(validate(&bytes, MAX - 1), Err(FrameError::PacketTooLong { len: MAX, max: MAX - 1 }));
}

#[test]
fn one_flipped_bit_never_panics_and_never_reads_past_the_frame() {
    for bytes in VALID {
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(Some(frame)) = validate(&flipped, MAX) {
                assert!(frame.len <= flipped.len());
            }
        }
    }
}
