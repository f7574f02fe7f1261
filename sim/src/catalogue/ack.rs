//! Acknowledgements.

use super::Made::{Always, By, Elsewhere};
use super::{Made, Row};
use crate::plan::{Fault, Garbage, Meddling, PacketType, Span, Trigger};

const fn row(
    name: &'static str,
    what: &'static str,
    expected: &'static str,
    oracles: &'static [&'static str],
    made: Made,
) -> Row {
    super::row(super::Family::Ack, name, what, expected, oracles, made)
}

pub(super) const ROWS: &[Row] = &[
    row(
        "A1 puback-lost",
        "PUBACK never comes, and the connection stays",
        "waits for the next connection, or sends again under the same id with DUP where that is switched on",
        &["S2", "S5", "S6"],
        By(|d| d.withhold(PacketType::Puback, Meddling::Drop)),
    ),
    row(
        "A2 puback-late",
        "PUBACK comes late, perhaps after the message was sent again",
        "the first completes the operation, another changes nothing",
        &["S1", "S3"],
        By(|d| {
            let late = d.millis(100, 20_000);
            d.meddle(PacketType::Puback, 20, Meddling::Delay(late))
        }),
    ),
    row(
        "A3 puback-twice",
        "PUBACK comes twice",
        "the first completes the operation, the second changes nothing",
        &["S1", "S3"],
        By(|d| {
            let times = u8::try_from(d.between(1, 3)).unwrap_or(1);
            d.meddle(PacketType::Puback, 20, Meddling::Duplicate(times))
        }),
    ),
    row(
        "A4 puback-unknown",
        "PUBACK comes for an id that nobody waits for",
        "ignored; the connection stays",
        &["S3"],
        By(|d| d.once(Fault::Inject(Garbage::UnknownPuback))),
    ),
    row(
        "A5 wrong-type",
        "an acknowledgement of another kind comes for an id",
        "it never completes an operation of the wrong kind",
        &["S2", "S3"],
        By(|d| {
            let packet = d.pick(&[PacketType::Puback, PacketType::Suback, PacketType::Unsuback]);
            d.withhold(packet, Meddling::WrongType)
        }),
    ),
    row(
        "A6 puback-zero",
        "PUBACK has id 0",
        "malformed: the connection ends",
        &["S21"],
        By(|d| d.meddle(PacketType::Puback, 1, Meddling::IdZero)),
    ),
    row(
        "A7 out-of-order",
        "PUBACKs come in another order",
        "each completes its own operation",
        &["S2"],
        By(|d| {
            let late = d.millis(10, 2_000);
            let count = d.between(1, 20);
            let fault = Fault::Meddle { packet: PacketType::Puback, every: 2, count, how: Meddling::Delay(late) };
            d.lasting(1_000, 60_000, fault)
        }),
    ),
    row(
        "A8 puback-and-fin",
        "the connection ends right behind a PUBACK",
        "the operation is acknowledged, and then the connection is lost",
        &["S1", "S10"],
        By(|d| d.meddle(PacketType::Puback, 2, Meddling::CloseAfter)),
    ),
    row(
        "A9 dies-before-puback",
        "PUBLISH was written, and the connection dies before PUBACK",
        "kept, and sent again first, in the old order",
        &["S6", "S7"],
        By(|d| {
            let (nth, after) = (d.between(1, 40), d.millis(1, 60));
            d.cut_at(Trigger::OnSent { packet: PacketType::Publish, nth, after })
        }),
    ),
    row(
        "A10 puback-of-old-link",
        "PUBACK with the id of another connection comes",
        "it completes nothing that it was not for",
        &["S2", "S5"],
        By(|d| {
            let nth = d.between(1, 40);
            let when = Trigger::OnSent { packet: PacketType::Publish, nth, after: Span::default() };
            let mut faults = d.cut_at(when);
            let connack = Trigger::OnAnswer { packet: PacketType::Connack, nth: 2, after: Span::default() };
            faults.extend(d.when(connack, None, Fault::Inject(Garbage::UnknownPuback)));
            faults
        }),
    ),
    row(
        "A11 message-twice",
        "a QoS 1 message comes twice",
        "acknowledged and delivered each time",
        &["S22"],
        By(|d| d.meddle(PacketType::Publish, 5, Meddling::Duplicate(1))),
    ),
    row("A12 id-reused", "the broker uses an id again for another message", "it is a new message", &["S22"], Always),
    row(
        "A13 pingresp",
        "PINGRESP is lost, late or unasked for",
        "lost: offline in time; late or unasked for: ignored",
        &["S18"],
        By(|d| {
            let late = d.millis(100, 15_000);
            match d.below(4) {
                0 => d.once(Fault::Inject(Garbage::UnaskedPingresp)),
                1 => d.once(Fault::Inject(Garbage::ManyPingresps)),
                2 => d.meddle(PacketType::Pingresp, 3, Meddling::Delay(late)),
                _ => d.meddle(PacketType::Pingresp, 2, Meddling::Drop),
            }
        }),
    ),
    row(
        "A14 ids-exhausted",
        "every packet id is in use",
        "new operations wait; no id is used twice",
        &["S4", "S5"],
        Elsewhere("core tests: session"),
    ),
];
