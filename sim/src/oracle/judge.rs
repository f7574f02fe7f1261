//! The judge: one model and one set of families for each device.

use std::collections::BTreeMap;

use thingwire_core::{Instant, Notice, Outcome, Phase};

use super::backoff::Backoff;
use super::drain::Pace;
use super::inbound::Inbound;
use super::keep_alive::KeepAlive;
use super::liveness::Liveness;
use super::marks::{Mark, Marks};
use super::model::{Meaning, Model};
use super::notices::Notices;
use super::order::Order;
use super::queue::Queue;
use super::shadows::Shadows;
use super::tickets::Tickets;
use super::timing::Timing;
use super::{
    Finding, Findings, Oracle, Rulebook, backoff, ids, links, poison, queue, resubscribe, say, shadows, tickets, unread,
};
use crate::trace::{Name, Observer, Operation, Packet, Record, What};

/// What the families are shown: a record, what it means, and how the client stood before it.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    pub(super) at: Instant,
    pub(super) what: &'a What,
    pub(super) meaning: Meaning,
    pub(super) model: &'a Model,
    pub(super) rules: &'a Rulebook,
}

/// Sees every record of a run, and judges it.
#[derive(Debug)]
pub struct Judge {
    devices: Vec<Device>,
    findings: Findings,
    coverage: BTreeMap<(&'static str, Phase), u64>,
}

/// What a judge says of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What must hold and did not, in the order it was seen: the first twenty, and of one oracle and
    /// device the first three.
    pub findings: Vec<Finding>,
    /// How often each [`Mark`] was met, by its name; also those that were not.
    pub marks: BTreeMap<&'static str, u64>,
    /// How often each fault began in each phase of the client.
    pub coverage: BTreeMap<(&'static str, Phase), u64>,
}

impl Judge {
    /// A judge of as many devices as there are rulebooks.
    pub fn new(rulebooks: Vec<Rulebook>) -> Self {
        let excused = rulebooks.iter().map(|rules| rules.excused.clone()).collect();
        let devices = rulebooks.into_iter().map(Device::new).collect();
        Self { devices, findings: Findings { excused, ..Findings::default() }, coverage: BTreeMap::new() }
    }

    /// The findings so far.
    pub fn findings(&self) -> &[Finding] {
        &self.findings.list
    }

    /// The end of the run, and the verdict. A record of [`What::End`] is not needed for it.
    pub fn finish(mut self, ended_at: Instant) -> Verdict {
        let mut marks: BTreeMap<_, _> = Mark::ALL.iter().map(|mark| (mark.name(), 0)).collect();
        for (number, device) in (0..).zip(&mut self.devices) {
            self.findings.device = number;
            device.end(ended_at, &mut self.findings);
            for (mark, count) in Mark::ALL.iter().zip(device.marks.counts) {
                *marks.entry(mark.name()).or_default() += count;
            }
        }
        Verdict { findings: self.findings.list, marks, coverage: self.coverage }
    }
}

impl Observer for Judge {
    fn observe(&mut self, record: &Record) {
        let Some(device) = self.devices.get_mut(record.device as usize) else { return };
        if let What::Fault { name, begins: true, .. } = record.what {
            *self.coverage.entry((name, device.model.phase)).or_default() += 1;
        }
        self.findings.device = record.device;
        device.observe(record, &mut self.findings);
    }
}

#[derive(Debug)]
struct Device {
    rules: Rulebook,
    model: Model,
    families: Families,
    marks: Marks,
    ended: bool,
}

impl Device {
    fn new(rules: Rulebook) -> Self {
        let families = Families::new(&rules);
        Self { rules, model: Model::new(), families, marks: Marks::default(), ended: false }
    }

    fn observe(&mut self, record: &Record, findings: &mut Findings) {
        if record.at != self.model.now {
            self.advance(record.at, findings);
        }
        findings.at = record.at;
        if let What::Holds(_) | What::Deadline(_) | What::Took(_) = record.what {
            return self.look(record, findings);
        }
        self.model.correct(&record.what);
        let meaning = self.model.read(&record.what, &self.rules);
        let Self { rules, model, families, marks, .. } = self;
        let seen = Seen { at: record.at, what: &record.what, meaning, model, rules };
        families.observe(&seen, findings);
        marks.observe(&seen, families.backoff.failures());
        model.apply(record, meaning, rules);
        if matches!(record.what, What::End) {
            self.end(record.at, findings);
        }
    }

    /// Half of all records say how things stand, and have no meaning beyond that.
    fn look(&mut self, record: &Record, findings: &mut Findings) {
        let Self { rules, model, families, .. } = self;
        let seen = Seen { at: record.at, what: &record.what, meaning: Meaning::Plain, model, rules };
        match &record.what {
            What::Holds(holds) => {
                ids::holds(&seen, *holds, findings);
                families.pace.holds(*holds);
                model.holds = Some(*holds);
            }
            What::Deadline(deadline) => {
                families.timing.step(findings);
                model.announced = *deadline;
            }
            _ => {}
        }
    }

    /// Time has passed: what was to happen at the last instant has happened.
    fn advance(&mut self, to: Instant, findings: &mut Findings) {
        self.settle(findings);
        findings.at = to;
        let last = self.model.now;
        findings.check(Oracle::S29, to >= last, || format!("time goes back from {} to {}", say::at(last), say::at(to)));
        self.model.now = self.model.now.max(to);
    }

    fn settle(&mut self, findings: &mut Findings) {
        let Self { rules, model, families, .. } = self;
        findings.at = model.now;
        let seen = Seen { at: model.now, what: &What::End, meaning: Meaning::Plain, model, rules };
        families.settled(&seen, findings);
    }

    fn end(&mut self, at: Instant, findings: &mut Findings) {
        if core::mem::replace(&mut self.ended, true) {
            return;
        }
        if at > self.model.now {
            self.advance(at, findings);
        }
        self.settle(findings);
        let Self { rules, model, families, .. } = self;
        let seen = Seen { at: model.now, what: &What::End, meaning: Meaning::Plain, model, rules };
        families.liveness.ended(&seen, families.inbound.is_done(&seen), findings);
    }
}

#[derive(Debug)]
struct Families {
    tickets: Tickets,
    order: Order,
    queue: Queue,
    backoff: Backoff,
    notices: Notices,
    keep_alive: KeepAlive,
    pace: Pace,
    inbound: Inbound,
    timing: Timing,
    liveness: Liveness,
    shadows: Shadows,
    /// What was last received means.
    last_received: Meaning,
}

impl Families {
    fn new(rules: &Rulebook) -> Self {
        Self {
            tickets: Tickets::default(),
            order: Order::default(),
            queue: Queue::default(),
            backoff: Backoff::new(&rules.config.backoff),
            notices: Notices::default(),
            keep_alive: KeepAlive::default(),
            pace: Pace::new(&rules.config),
            inbound: Inbound::default(),
            timing: Timing::default(),
            liveness: Liveness::default(),
            shadows: Shadows::default(),
            last_received: Meaning::Plain,
        }
    }

    /// Shows a record to those whom it concerns.
    fn observe(&mut self, seen: &Seen<'_>, findings: &mut Findings) {
        self.timing.observe(seen, findings);
        self.liveness.observe(seen, findings);
        match seen.what {
            What::Start => self.backoff.started(seen),
            What::Stop => {
                self.notices.stopped(seen);
                self.timing.stopped(seen);
            }
            What::Accepted { ticket, operation } => {
                tickets::accepted(seen, *ticket, findings);
                match operation {
                    Operation::Shadow(ask) => shadows::accepted(seen, ask, findings),
                    Operation::Watch(_) => {}
                    _ => queue::accepted(seen, findings),
                }
                self.timing.accepted(*ticket, operation);
                self.pace.accepted(operation);
            }
            What::Refused { operation, why } => match operation {
                Operation::Shadow(ask) => shadows::refused(seen, Some(ask), why, findings),
                Operation::Watch(_) => shadows::refused(seen, None, why, findings),
                _ => queue::refused(seen, operation, why, findings),
            },
            What::Discarded(ticket, in_time) => shadows::withdrawn(seen, *ticket, *in_time, findings),
            What::Finished { ticket, outcome } => self.finished(seen, *ticket, outcome, findings),
            What::Delivered(message) => self.inbound.delivered(seen, message, findings),
            What::Acknowledged(tag) => self.inbound.acknowledged(seen, *tag),
            What::Told(notice) => self.told(seen, notice, findings),
            What::Wake { .. } => {
                self.keep_alive.woken(seen);
                self.shadows.woken(seen);
            }
            What::Dial(link) => {
                backoff::dialed(seen, *link, findings);
                self.notices.dialed(seen, findings);
            }
            What::Close(link) => links::closed(seen, *link, findings),
            What::Sent(link, packet) => self.sent(seen, *link, packet, findings),
            What::Received(link, packet) => {
                self.last_received = seen.meaning;
                self.tickets.received(seen);
                self.inbound.received(seen, *link, packet);
                if let Packet::Publish(message) = packet {
                    self.shadows.received(seen, message);
                }
            }
            What::Violation(kind) => links::violation(*kind, findings),
            What::Healed => self.liveness.healed(seen),
            What::Stands(shadow, stands) => {
                shadows::stands(seen, *shadow, *stands, self.liveness.settled_by(seen), findings);
            }
            _ => {}
        }
    }

    fn finished(&mut self, seen: &Seen<'_>, ticket: u64, outcome: &Outcome, findings: &mut Findings) {
        if seen.model.ops.get(ticket).is_none() && seen.meaning == Meaning::Ends {
            return self.shadows.finished(seen, ticket, outcome, findings);
        }
        self.tickets.finished(seen, ticket, outcome, findings);
        self.timing.finished(seen, ticket, outcome, findings);
        unread::finished(seen, ticket, outcome, findings);
        match outcome {
            Outcome::Evicted => queue::evicted(seen, ticket, findings),
            Outcome::ConnectionClosed { times } => poison::condemned(seen, ticket, *times, findings),
            _ => {}
        }
    }

    fn told(&mut self, seen: &Seen<'_>, notice: &Notice, findings: &mut Findings) {
        if let Notice::Shadow(news) = notice {
            return self.shadows.told(seen, news, findings);
        }
        self.notices.told(seen, notice, findings);
        self.backoff.told(seen, notice, findings);
        self.timing.told(notice);
        match notice {
            Notice::Online { resumed } => links::online(seen, *resumed, findings),
            Notice::Failed { why: Some(why), .. } | Notice::Offline { why: Some(why), .. } => {
                links::ended(seen, why, self.last_received, findings);
                unread::ended(seen, why, findings);
            }
            Notice::SubscriptionLost { filter } => {
                resubscribe::lost(seen, Name::of(filter.as_str().as_bytes()), findings);
            }
            _ => {}
        }
    }

    fn sent(&mut self, seen: &Seen<'_>, link: u64, packet: &Packet, findings: &mut Findings) {
        links::sent(seen, link, packet, findings);
        self.inbound.sent(link, packet, findings);
        self.keep_alive.sent(seen, link, packet, findings);
        match packet {
            Packet::Connect { .. } => self.backoff.connects(seen, findings),
            Packet::Publish(_) | Packet::Subscribe(..) | Packet::Unsubscribe(..) => {
                ids::sent(seen, packet, findings);
                self.order.sent(seen, packet, findings);
                self.pace.sent(seen, link, packet, findings);
                resubscribe::sent(seen, packet, findings);
                poison::sent(seen, packet, findings);
                shadows::sent(seen, packet, findings);
            }
            _ => {}
        }
    }

    /// Everything that was to happen at an instant has happened.
    fn settled(&mut self, seen: &Seen<'_>, findings: &mut Findings) {
        tickets::settled(seen, findings);
        self.order.settled(seen, findings);
        self.queue.settled(seen, findings);
        self.backoff.settled(seen, findings);
        self.keep_alive.settled(seen, findings);
        self.inbound.settled(seen, findings);
        self.timing.settled(seen, self.notices.is_stopping(), findings);
        self.liveness.settled(seen, findings);
        self.shadows.settled(seen, findings);
        links::settled(seen, findings);
        resubscribe::settled(seen, findings);
    }
}
