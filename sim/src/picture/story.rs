//! A trace, told device by device: when each thing began and ended.

use std::collections::BTreeMap;

use thingwire_core::{Instant, Outcome, Phase};

use super::words;
use crate::oracle::Finding;
use crate::trace::{Holds, Packet, Published, Trace, What};

/// What happened to one device.
#[derive(Debug, Default)]
pub(super) struct Story {
    pub(super) operations: Vec<Operation>,
    pub(super) refused: Vec<(Instant, String)>,
    pub(super) phases: Vec<(Instant, Phase)>,
    pub(super) holds: Vec<(Instant, Holds)>,
    pub(super) links: Vec<Link>,
    pub(super) packets: Vec<Passed>,
    pub(super) faults: Vec<FaultSpan>,
    /// Rules broken, and findings: when, and in words.
    pub(super) wrong: Vec<(Instant, String)>,
    pub(super) healed: Option<Instant>,
    /// The moment of the last record.
    pub(super) end: Instant,
}

/// An operation from its ticket to its outcome.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) ticket: u64,
    pub(super) what: String,
    pub(super) accepted: Instant,
    pub(super) finished: Option<(Instant, Outcome)>,
}

/// How an operation stands, in the few classes that are told apart at a glance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    /// It ended as it was meant to, and the server said so.
    Good,
    /// It was handed to the link, which is all that QoS 0 promises.
    Sent,
    /// The client or the application gave it up.
    GivenUp,
    /// It was tried, and failed.
    Failed,
    /// It had not ended at the end.
    Pending,
}

impl Fate {
    pub(super) const ALL: [Self; 5] = [Self::Good, Self::Sent, Self::GivenUp, Self::Failed, Self::Pending];

    /// The name of its colour.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Sent => "sent",
            Self::GivenUp => "given-up",
            Self::Failed => "bad",
            Self::Pending => "pending",
        }
    }

    /// What it is, for a legend.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Good => "acknowledged",
            Self::Sent => "sent (QoS 0)",
            Self::GivenUp => "expired, evicted or withdrawn",
            Self::Failed => "failed",
            Self::Pending => "not ended",
        }
    }
}

impl Operation {
    pub(super) fn fate(&self) -> Fate {
        match self.finished.as_ref().map(|(_, outcome)| outcome) {
            None => Fate::Pending,
            Some(Outcome::Acked | Outcome::Unsubscribed) => Fate::Good,
            Some(Outcome::Subscribed(grants)) if grants.iter().all(Option::is_some) => Fate::Good,
            Some(Outcome::Sent) => Fate::Sent,
            Some(Outcome::Expired | Outcome::Evicted | Outcome::Discarded) => Fate::GivenUp,
            Some(_) => Fate::Failed,
        }
    }

    pub(super) fn ended(&self, end: Instant) -> Instant {
        self.finished.as_ref().map_or(end, |(at, _)| *at).max(self.accepted)
    }
}

/// A link, from the wish for it to its end.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) number: u64,
    pub(super) dialled: Instant,
    pub(super) up: Option<Instant>,
    pub(super) ended: Option<Instant>,
    /// Why it went down; nothing if the client gave it up.
    pub(super) why: Option<String>,
}

/// A packet that passed.
#[derive(Debug)]
pub(super) struct Passed {
    pub(super) at: Instant,
    pub(super) to_broker: bool,
    pub(super) kind: Kind,
    pub(super) repeated: bool,
    /// The place of its record in the trace.
    pub(super) record: usize,
}

/// What a packet is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Handshake,
    Publish,
    Ack,
    Subscribe,
    Ping,
}

impl Kind {
    pub(super) const ALL: [Self; 5] = [Self::Handshake, Self::Publish, Self::Ack, Self::Subscribe, Self::Ping];

    /// The name of its colour, which is also what its row is called.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::Publish => "publish",
            Self::Ack => "ack",
            Self::Subscribe => "subscribe",
            Self::Ping => "ping",
        }
    }

    fn of(packet: &Packet) -> Self {
        match packet {
            Packet::Connect { .. } | Packet::Connack { .. } | Packet::Disconnect | Packet::Malformed => Self::Handshake,
            Packet::Publish(_) => Self::Publish,
            Packet::Puback(_) => Self::Ack,
            Packet::Subscribe(..) | Packet::Suback(..) | Packet::Unsubscribe(..) | Packet::Unsuback(_) => {
                Self::Subscribe
            }
            Packet::Pingreq | Packet::Pingresp => Self::Ping,
        }
    }
}

/// A fault while it is on.
#[derive(Debug)]
pub(super) struct FaultSpan {
    pub(super) index: u32,
    pub(super) name: &'static str,
    pub(super) from: Instant,
    pub(super) to: Option<Instant>,
}

impl Story {
    /// The stories of these devices, in this order.
    pub(super) fn of(trace: &Trace, findings: &[Finding], devices: &[u32]) -> Vec<Self> {
        let mut tellers: Vec<_> = devices.iter().map(|_| Teller::default()).collect();
        let place: BTreeMap<u32, usize> = devices.iter().enumerate().map(|(place, &device)| (device, place)).collect();
        for (index, record) in trace.records.iter().enumerate() {
            if let Some(&place) = place.get(&record.device) {
                tellers[place].story.end = tellers[place].story.end.max(record.at);
                tellers[place].take(trace, index, record.at, &record.what);
            }
        }
        for finding in findings {
            if let Some(&place) = place.get(&finding.device) {
                let story = &mut tellers[place].story;
                story.end = story.end.max(finding.at);
                story.wrong.push((finding.at, format!("{}: {}", finding.oracle, finding.what)));
            }
        }
        tellers.into_iter().map(|teller| teller.story).collect()
    }

    /// Every moment at which something happened.
    pub(super) fn moments(trace: &Trace, findings: &[Finding], devices: &[u32]) -> Vec<Instant> {
        let of_records = trace.records.iter().filter(|record| devices.contains(&record.device));
        let moments = of_records.map(|record| record.at);
        moments.chain(findings.iter().filter(|finding| devices.contains(&finding.device)).map(|f| f.at)).collect()
    }
}

#[derive(Default)]
struct Teller {
    story: Story,
    /// Where the operations are that have not ended.
    open: BTreeMap<u64, usize>,
    /// Where the faults are that are on.
    on: BTreeMap<u32, usize>,
}

impl Teller {
    fn take(&mut self, trace: &Trace, record: usize, at: Instant, what: &What) {
        let story = &mut self.story;
        match what {
            What::Accepted { ticket, operation } => {
                self.open.insert(*ticket, story.operations.len());
                let what = words::operation(trace, operation);
                story.operations.push(Operation { ticket: *ticket, what, accepted: at, finished: None });
            }
            What::Refused { .. } => story.refused.push((at, words::what(trace, what))),
            What::Finished { ticket, outcome } => {
                if let Some(place) = self.open.remove(ticket) {
                    story.operations[place].finished = Some((at, outcome.clone()));
                }
            }
            What::Phase(phase) => story.phases.push((at, *phase)),
            What::Holds(holds) => story.holds.push((at, *holds)),
            What::Dial(number) => {
                story.links.push(Link { number: *number, dialled: at, up: None, ended: None, why: None });
            }
            What::Up(number) => self.link(*number, |link| link.up = Some(at)),
            What::Down(number, why) => self.link(*number, |link| {
                link.ended.get_or_insert(at);
                link.why.get_or_insert(words::link_error(why));
            }),
            What::Close(number) => self.link(*number, |link| {
                link.ended.get_or_insert(at);
            }),
            What::Sent(_, packet) => self.packet(record, at, packet, true),
            What::Received(_, packet) => self.packet(record, at, packet, false),
            What::Violation(_) => story.wrong.push((at, words::what(trace, what))),
            What::Fault { index, name, begins: true } => {
                self.on.insert(*index, story.faults.len());
                story.faults.push(FaultSpan { index: *index, name, from: at, to: None });
            }
            What::Fault { index, begins: false, .. } => {
                if let Some(place) = self.on.remove(index) {
                    story.faults[place].to = Some(at);
                }
            }
            What::Healed => story.healed = Some(at),
            What::Start
            | What::Stop
            | What::Pause(_)
            | What::Blocked(_)
            | What::Discarded(..)
            | What::Delivered(_)
            | What::Acknowledged(_)
            | What::Told(_)
            | What::Deadline(_)
            | What::Wake { .. }
            | What::Took(_)
            | What::Unwatched(..)
            | What::Shadow(_)
            | What::Stands(..)
            | What::End => {}
        }
    }

    fn link(&mut self, number: u64, change: impl FnOnce(&mut Link)) {
        // A link that nobody asked for is not drawn; that it is there is an oracle's business.
        if let Some(link) = self.story.links.iter_mut().rev().find(|link| link.number == number) {
            change(link);
        }
    }

    fn packet(&mut self, record: usize, at: Instant, packet: &Packet, to_broker: bool) {
        let repeated = matches!(packet, Packet::Publish(Published { dup: true, .. }));
        self.story.packets.push(Passed { at, to_broker, kind: Kind::of(packet), repeated, record });
    }
}
