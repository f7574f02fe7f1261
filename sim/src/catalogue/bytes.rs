//! Malformed and hostile bytes.

use super::Made::By;
use super::{Draw, Family, Row};
use crate::plan::{Fault, Garbage, Meddling, PacketType, PlannedFault, Span, Trigger};

/// What all of these expect of a client, but those that say something else.
const CLOSES: &str = "a protocol error: the connection ends, and nothing of the packet has an effect";

const fn row(name: &'static str, what: &'static str, make: fn(&mut Draw<'_>) -> Vec<PlannedFault>) -> Row {
    super::row(Family::Bytes, name, what, CLOSES, &["S20", "S21"], By(make))
}

const fn expects(mut row: Row, expected: &'static str) -> Row {
    row.expected = expected;
    row
}

pub(super) const ROWS: &[Row] = &[
    expects(
        row("P1 http", "a captive portal answers in HTTP", portal),
        "a protocol error at the first byte, not after as many as an `H` seems to announce",
    ),
    row("P2 tls-alert", "a TLS alert arrives in the clear", |d| d.inject(&[Garbage::TlsAlert])),
    row("P3 banner", "another protocol's greeting, or noise", |d| d.inject(&[Garbage::SshBanner, Garbage::Random])),
    row("P4 length-too-long", "a remaining length of five bytes", |d| d.inject(&[Garbage::LengthTooLong])),
    expects(
        row("P5 length-not-minimal", "a remaining length longer than it need be", |d| {
            d.inject(&[Garbage::LengthNotMinimal])
        }),
        "a protocol error, however it is cut",
    ),
    expects(
        row("P6 length-huge", "a packet longer than is taken is announced", |d| d.inject(&[Garbage::LengthHuge])),
        "the connection ends before anything is set aside for it",
    ),
    row("P7 wrong-flags", "the fixed header has wrong flags [MQTT-2.2.2-2]", |d| {
        let acks = [PacketType::Puback, PacketType::Suback, PacketType::Unsuback, PacketType::Pingresp];
        let packet = d.pick(&acks);
        d.meddle(packet, 1, Meddling::WrongFlags)
    }),
    row("P8 qos-3", "a message of QoS 3", |d| d.inject(&[Garbage::PublishQos3])),
    row("P9 dup-qos-0", "a QoS 0 message marked as repeated [MQTT-3.3.1-2]", |d| d.inject(&[Garbage::PublishDupQos0])),
    row("P10 bad-topic", "a topic that is empty, has wildcards or NUL, or is no UTF-8", |d| {
        d.inject(&[
            Garbage::PublishEmptyTopic,
            Garbage::PublishWildcard,
            Garbage::PublishNulTopic,
            Garbage::PublishBadUtf8,
        ])
    }),
    row("P11 id-zero", "packet id 0", |d| match d.below(3) {
        0 => d.inject(&[Garbage::PublishIdZero]),
        1 => d.meddle(PacketType::Suback, 1, Meddling::IdZero),
        _ => d.meddle(PacketType::Puback, 1, Meddling::IdZero),
    }),
    row("P12 trailing-byte", "a byte too many inside a packet", |d| {
        let packets = [PacketType::Puback, PacketType::Pingresp, PacketType::Unsuback, PacketType::Connack];
        let packet = d.pick(&packets);
        d.meddle(packet, 1, Meddling::TrailingByte)
    }),
    row("P13 reserved-type", "a packet of a reserved type", |d| d.inject(&[Garbage::ReservedType])),
    expects(
        row("P14 flipped-bit", "one bit is flipped", |d| {
            let bit = d.between(0, 4_096);
            d.once(Fault::FlipBit(bit))
        }),
        "a defined state, whatever the packet has become; no panic",
    ),
    expects(
        row("P15 many-tiny-packets", "many tiny packets at once", |d| d.inject(&[Garbage::ManyPingresps])),
        "handled; timers are not starved",
    ),
];

impl Draw<'_> {
    fn inject(&mut self, garbage: &[Garbage]) -> Vec<PlannedFault> {
        let garbage = self.pick(garbage);
        self.once(Fault::Inject(garbage))
    }
}

/// The next connections are answered in HTTP.
pub(super) fn portal(draw: &mut Draw<'_>) -> Vec<PlannedFault> {
    let (nth, times) = (draw.between(1, 3), draw.between(1, 6));
    let mut faults = Vec::new();
    for nth in nth..nth + times {
        let sent = Trigger::OnSent { packet: PacketType::Connect, nth, after: Span::default() };
        faults.extend(draw.when(sent, None, Fault::Inject(Garbage::Http)));
    }
    faults
}
