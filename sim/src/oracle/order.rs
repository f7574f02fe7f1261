//! S7 and a part of S10: what is sent, in which order.

use core::time::Duration;

use super::judge::Seen;
use super::model::Meaning;
use super::model::operations::State;
use super::{Findings, Oracle, say};
use crate::trace::Packet;

#[derive(Debug, Default)]
pub(super) struct Order {
    /// Operations that newer ones have passed: they have ended, and that will be told.
    passed: Vec<u64>,
}

impl Order {
    pub(super) fn sent(&mut self, seen: &Seen<'_>, packet: &Packet, findings: &mut Findings) {
        match (seen.meaning, packet) {
            (Meaning::First { ticket, overtaking }, _) => self.first(seen, ticket, overtaking, packet, findings),
            (Meaning::Again { same_link: false, .. }, Packet::Publish(publish)) => {
                let next = seen.model.session.next_resend();
                let what =
                    || format!("packet {} is sent again, and it was the turn of {}", publish.id, say::or_none(next));
                findings.check(Oracle::S7, next == Some(publish.id), what);
            }
            (Meaning::Again { same_link: true, sent_at }, _) => {
                let after = seen.rules.config.resend_after.unwrap_or(Duration::MAX);
                let due = seen.at.since(sent_at) + seen.rules.slack >= after;
                findings.check(Oracle::S7, due, || {
                    format!("sent again on a live link, after {}", say::span(seen.at.since(sent_at)))
                });
            }
            (Meaning::Ask(_), Packet::Publish(publish)) => {
                if let Some(id) = seen.model.session.next_resend() {
                    findings
                        .add(Oracle::S7, format!("request {} is sent before packet {id} is sent again", publish.id));
                }
            }
            (Meaning::Stray, Packet::Publish(publish)) => {
                findings.add(Oracle::S10, format!("message {} is sent that nobody waits to have sent", publish.tag));
            }
            (Meaning::Stray, Packet::Unsubscribe(id, _)) => {
                findings.add(Oracle::S10, format!("UNSUBSCRIBE {id} that nobody asked for"));
            }
            _ => {}
        }
    }

    fn first(&mut self, seen: &Seen<'_>, ticket: u64, overtaking: bool, packet: &Packet, findings: &mut Findings) {
        if seen.model.ops.get(ticket).is_some_and(|op| op.passed) {
            findings.add(Oracle::S7, format!("operation {ticket} is sent behind newer ones"));
        }
        if overtaking {
            let older = seen.model.ops.queue().take_while(|op| op.ticket < ticket);
            self.passed.extend(older.filter(|op| !op.passed).map(|op| op.ticket));
        }
        if matches!(packet, Packet::Publish(_)) {
            if let Some(id) = seen.model.session.next_resend() {
                findings.add(Oracle::S7, format!("operation {ticket} is sent before packet {id} is sent again"));
            }
        }
    }

    pub(super) fn settled(&mut self, seen: &Seen<'_>, findings: &mut Findings) {
        if self.passed.is_empty() {
            return;
        }
        for ticket in self.passed.drain(..) {
            let waits = seen.model.ops.get(ticket).is_some_and(|op| op.state == State::Waiting);
            findings.check(Oracle::S7, !waits, || format!("operation {ticket} waits behind newer ones"));
        }
    }
}
