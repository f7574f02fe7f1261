//! Everything that can happen has words.

use thingwire_core::{LinkError, Notice, Outcome, Phase, Qos, Refusal};
use thingwire_sim::broker::ViolationKind;
use thingwire_sim::picture::explain;
use thingwire_sim::picture::timeline::{self, Options};
use thingwire_sim::trace::shadow::{Says, ShadowText, Verb};
use thingwire_sim::trace::{Holds, Name, Operation, Packet, Published, Record, Trace, What};

use crate::sample::{at, finding};

/// One of each kind, as far as the compiler knows them; a new one has to be added below.
fn kind(what: &What) -> usize {
    match what {
        What::Start => 0,
        What::Stop => 1,
        What::Pause(_) => 2,
        What::Accepted { .. } => 3,
        What::Refused { .. } => 4,
        What::Discarded(..) => 5,
        What::Finished { .. } => 6,
        What::Delivered(_) => 7,
        What::Acknowledged(_) => 8,
        What::Told(_) => 9,
        What::Phase(_) => 10,
        What::Holds(_) => 11,
        What::Deadline(_) => 12,
        What::Wake { .. } => 13,
        What::Dial(_) => 14,
        What::Up(_) => 15,
        What::Down(..) => 16,
        What::Close(_) => 17,
        What::Sent(..) => 18,
        What::Received(..) => 19,
        What::Took(_) => 20,
        What::Violation(_) => 21,
        What::Fault { .. } => 22,
        What::Healed => 23,
        What::End => 24,
        What::Blocked(_) => 25,
        What::Unwatched(..) => 26,
        What::Shadow(_) => 27,
        What::Stands(..) => 28,
    }
}

const KINDS: usize = 29;

fn all() -> Vec<What> {
    let topic = Name::of(b"t");
    let message = Published { id: 3, dup: true, qos: Qos::AtLeastOnce, retain: true, topic, tag: 9, len: 1 };
    let publish = Operation::Publish(Published { id: 0, dup: false, retain: false, ..message }, None);
    let filters: Box<[_]> = [(topic, Qos::AtMostOnce), (Name::of(b"unknown"), Qos::AtLeastOnce)].into();
    let mut all = vec![
        What::Start,
        What::Stop,
        What::Pause(true),
        What::Pause(false),
        What::Blocked(true),
        What::Blocked(false),
        What::Accepted { ticket: 1, operation: publish.clone() },
        What::Accepted { ticket: 2, operation: Operation::Subscribe(filters.clone()) },
        What::Accepted { ticket: 3, operation: Operation::Unsubscribe([topic].into()) },
        What::Refused { operation: publish, why: Refusal::Offline },
        What::Discarded(1, true),
        What::Discarded(1, false),
        What::Finished { ticket: 1, outcome: Outcome::Acked },
        What::Delivered(message),
        What::Acknowledged(9),
        What::Told(Notice::Online { resumed: true }),
        What::Phase(Phase::BackingOff),
        What::Holds(Holds { queued: 1_234, queued_bytes: 1, in_flight: 2 }),
        What::Deadline(None),
        What::Deadline(Some(at(3_723_004))),
        What::Wake { due: true },
        What::Wake { due: false },
        What::Dial(1),
        What::Up(1),
        What::Down(1, LinkError::KeepAlive),
        What::Close(1),
        What::Took(message),
        What::Violation(ViolationKind::SecondConnect),
        What::Fault { index: 1, name: "network.hold", begins: true },
        What::Fault { index: 1, name: "network.hold", begins: false },
        What::Healed,
        What::End,
    ];
    let text = |says| ShadowText {
        shadow: topic,
        says,
        token: Some(topic),
        ticket: Some(3),
        version: Some(7),
        code: Some(409),
        makes_sense: true,
    };
    let said = [Says::Ask(Verb::Get), Says::Accepted(Verb::Update), Says::Rejected(Verb::Delete), Says::Delta];
    all.extend(said.into_iter().chain([Says::Documents]).map(|says| What::Shadow(Box::new(text(says)))));
    all.extend([
        What::Unwatched(topic, true),
        What::Unwatched(topic, false),
        What::Stands(topic, None),
        What::Stands(topic, Some((7, true))),
        What::Stands(topic, Some((7, false))),
    ]);
    all.extend([
        What::Sent(1, Packet::Connect { clean: false, keep_alive_secs: 30 }),
        What::Sent(1, Packet::Publish(message)),
        What::Sent(1, Packet::Subscribe(4, filters)),
        What::Sent(1, Packet::Unsubscribe(5, [topic].into())),
        What::Sent(1, Packet::Pingreq),
        What::Sent(1, Packet::Disconnect),
        What::Received(1, Packet::Connack { present: true, code: 0 }),
        What::Received(1, Packet::Connack { present: false, code: 0 }),
        What::Received(1, Packet::Connack { present: true, code: 5 }),
        What::Received(1, Packet::Puback(3)),
        What::Received(1, Packet::Suback(4, [0, 1, 0x80].into())),
        What::Received(1, Packet::Unsuback(5)),
        What::Received(1, Packet::Pingresp),
        What::Received(1, Packet::Malformed),
    ]);
    all
}

#[test]
fn everything_that_happens_has_words() {
    let mut met: Vec<_> = all().iter().map(kind).collect();
    met.sort_unstable();
    met.dedup();
    assert_eq!(met, (0..KINDS).collect::<Vec<_>>(), "one of each kind is among them");
    let names = [(Name::of(b"t"), "t".to_owned())].into();
    let records = all().into_iter().map(|what| Record { at: at(1), device: 0, what });
    insta::assert_snapshot!(timeline::text(&Trace { records: records.collect(), names }, &[], &Options::default()));
}

#[test]
fn everything_that_happens_can_be_part_of_an_explanation() {
    for what in all() {
        let trace = Trace { records: vec![Record { at: at(1), device: 0, what: what.clone() }], ..Trace::default() };
        let text = explain::text(&trace, &finding(2, "x"), "y", 20);
        let told = text.lines().filter(|line| line.contains("1 ms before  ")).count();
        let in_the_stand = matches!(what, What::Holds(_) | What::Deadline(_));
        assert_eq!(told, usize::from(!in_the_stand), "{text}");
    }
}
