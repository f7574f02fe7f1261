//! S21, S22 and a part of S17: what the server sends.

use std::collections::VecDeque;

use thingwire_core::{Instant, Qos};

use super::judge::Seen;
use super::model::Meaning;
use super::{Findings, Oracle, say};
use crate::trace::{Packet, Published};

#[derive(Debug, Default)]
pub(super) struct Inbound {
    /// Received, and not delivered yet.
    expected: VecDeque<Expected>,
    /// Received on this link with QoS 1, and not acknowledged yet.
    unacked: VecDeque<Unacked>,
    /// The link that `unacked` is about.
    link: u64,
}

#[derive(Debug)]
struct Expected {
    message: Published,
    link: u64,
    at: Instant,
    /// It may belong to a request or watch that is over.
    may_be_kept: bool,
}

#[derive(Debug)]
struct Unacked {
    id: u16,
    tag: u64,
    /// Since when it may be acknowledged.
    due: Option<Instant>,
    /// Whether the client acknowledges it itself, when the application has taken what it tells of it; `None` where nobody
    /// can see whose it is.
    kept: Option<bool>,
}

impl Inbound {
    pub(super) fn received(&mut self, seen: &Seen<'_>, link: u64, packet: &Packet) {
        let Packet::Publish(message) = packet else { return };
        if seen.meaning != Meaning::Message {
            return;
        }
        self.use_link(link);
        // The client keeps what belongs to requests and watches of shadows, and acknowledges it itself.
        let kept = seen.model.shadows.takes(message.topic);
        if kept != Some(true) {
            self.expected.push_back(Expected { message: *message, link, at: seen.at, may_be_kept: kept.is_none() });
        }
        if message.qos == Qos::AtLeastOnce {
            let due = (kept != Some(false)).then_some(seen.at);
            self.unacked.push_back(Unacked { id: message.id, tag: message.tag, due, kept });
        }
    }

    fn use_link(&mut self, link: u64) {
        if self.link != link {
            self.link = link;
            self.unacked.clear();
        }
    }

    pub(super) fn delivered(&mut self, seen: &Seen<'_>, message: &Published, findings: &mut Findings) {
        let same = |expected: &Expected| {
            let Published { dup, qos, retain, topic, tag, len, .. } = expected.message;
            (dup, qos, retain, topic, tag, len)
                == (message.dup, message.qos, message.retain, message.topic, message.tag, message.len)
        };
        let Some(index) = self.expected.iter().position(same) else {
            findings.add(Oracle::S22, format!("message {} is delivered that was not received", message.tag));
            if seen.model.link.forbidden.is_some() {
                findings.add(Oracle::S21, format!("message {} came behind what is forbidden", message.tag));
            }
            return;
        };
        let first = self.expected.iter().position(|expected| !expected.may_be_kept).is_none_or(|first| index <= first);
        findings.check(Oracle::S22, first, || format!("message {} is delivered before older ones", message.tag));
        let Some(expected) = self.expected.remove(index) else { return };
        if !seen.rules.config.manual_acks && message.qos == Qos::AtLeastOnce && expected.link == self.link {
            self.may_ack(seen.at, message.tag);
        }
    }

    pub(super) fn acknowledged(&mut self, seen: &Seen<'_>, tag: u64) {
        self.may_ack(seen.at, tag);
    }

    fn may_ack(&mut self, at: Instant, tag: u64) {
        if let Some(unacked) = self.unacked.iter_mut().find(|unacked| unacked.tag == tag && unacked.due.is_none()) {
            unacked.due = Some(at);
        }
    }

    pub(super) fn sent(&mut self, link: u64, packet: &Packet, findings: &mut Findings) {
        self.use_link(link);
        let due = self.unacked.front().and_then(|front| front.due.filter(|_| front.kept == Some(false)));
        let Packet::Puback(id) = packet else {
            let waits = due.is_some() && *packet != Packet::Pingreq;
            return findings
                .check(Oracle::S17, !waits, || format!("{} is sent before a PUBACK that is due", packet.name()));
        };
        match self.unacked.front() {
            Some(front) if front.id == *id && front.due.is_some() => {}
            Some(front) if front.id == *id => {
                findings.add(Oracle::S22, format!("packet {id} is acknowledged before the application has it"));
            }
            front => {
                let expected = front.map(|front| front.id);
                findings.add(Oracle::S22, format!("PUBACK {id}, and it was the turn of {}", say::or_none(expected)));
                return;
            }
        }
        self.unacked.pop_front();
    }

    pub(super) fn settled(&mut self, seen: &Seen<'_>, findings: &mut Findings) {
        let (slack, model) = (seen.rules.slack, seen.model);
        if self.expected.front().is_some_and(|front| seen.at.since(front.at) >= slack) {
            for Expected { message, .. } in self.expected.drain(..).filter(|expected| !expected.may_be_kept) {
                findings.add(Oracle::S22, format!("message {} is not delivered", message.tag));
            }
        }
        if self.link == model.link.number && model.online() && !model.blocked {
            let ours = |front: &&Unacked| front.kept == Some(true) || !seen.rules.config.manual_acks;
            let due = self.unacked.front().filter(ours).and_then(|front| front.due);
            if due.is_some_and(|due| seen.at.since(due) >= slack) {
                findings.add(Oracle::S17, "a PUBACK is due and not sent");
                self.unacked.clear();
            }
        }
    }

    /// Whether nothing is left to deliver, or to acknowledge where that is the client's business.
    pub(super) fn is_done(&self, seen: &Seen<'_>) -> bool {
        let open = self.link == seen.model.link.number && seen.model.online() && !seen.rules.config.manual_acks;
        self.expected.iter().all(|expected| expected.may_be_kept) && (!open || self.unacked.is_empty())
    }
}
