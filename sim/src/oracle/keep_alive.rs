//! S18, L6 and a part of S17: signs of life.

use thingwire_core::Instant;

use super::judge::Seen;
use super::{Findings, Oracle, Rulebook, say};
use crate::trace::Packet;

#[derive(Debug)]
pub(super) struct KeepAlive {
    /// A PINGREQ is due on this link since then, and the client knows it.
    due_on: Option<(u64, Instant)>,
    /// When the last PINGREQ was due; it was sent later where the socket had no room.
    asked_at: Instant,
}

impl Default for KeepAlive {
    fn default() -> Self {
        Self { due_on: None, asked_at: Instant::EPOCH }
    }
}

impl KeepAlive {
    pub(super) fn woken(&mut self, seen: &Seen<'_>) {
        let (link, keep_alive) = (&seen.model.link, seen.rules.config.keep_alive);
        let silent = !keep_alive.is_zero() && seen.at >= link.silent_since() + keep_alive;
        let known = self.due_on.is_some_and(|(on, _)| on == link.number);
        if seen.model.online() && link.ping_sent_at.is_none() && silent && !known {
            self.due_on = Some((link.number, seen.at));
        }
    }

    pub(super) fn sent(&mut self, seen: &Seen<'_>, link: u64, packet: &Packet, findings: &mut Findings) {
        if *packet == Packet::Pingreq {
            // One that was due while the socket had no room is sent when it has.
            let due_since = self.due_on.take().filter(|(on, _)| *on == link).map(|(_, since)| since);
            return self.pings(seen, due_since, findings);
        }
        let waits = self.due_on.is_some_and(|(on, _)| on == link) && !matches!(packet, Packet::Puback(_));
        findings.check(Oracle::S17, !waits, || format!("{} is sent before a PINGREQ that is due", packet.name()));
    }

    pub(super) fn settled(&mut self, seen: &Seen<'_>, findings: &mut Findings) {
        let Rulebook { config, slack, .. } = seen.rules;
        let (model, link, keep_alive) = (seen.model, &seen.model.link, config.keep_alive);
        if !model.online() || keep_alive.is_zero() {
            self.due_on = None;
            return;
        }
        let Some(sent_at) = link.ping_sent_at else {
            let due = link.silent_since() + keep_alive;
            let what = || format!("no PINGREQ, and one was due at {}", say::at(due));
            return findings.check(Oracle::S18, model.blocked || !model.is_late(due, *slack), what);
        };
        if model.was_held_since(sent_at) {
            return;
        }
        let patience = seen.rules.ping_timeout();
        let heard_since = link.last_received > link.silent_before_ping + keep_alive;
        let dead_at = sent_at + if heard_since { keep_alive } else { patience };
        findings.check(Oracle::S18, !model.is_late(dead_at, *slack), || format!("no PINGRESP by {}", say::at(dead_at)));
        let nothing_by = link.last_received + keep_alive + patience;
        let what = || format!("nothing received since {}, and the link lives", say::at(link.last_received));
        findings.check(Oracle::L6, !model.is_late(nothing_by.max(sent_at + patience), *slack), what);
    }

    fn pings(&mut self, seen: &Seen<'_>, due_since: Option<Instant>, findings: &mut Findings) {
        let (link, slack) = (&seen.model.link, seen.rules.slack);
        let keep_alive = seen.rules.config.keep_alive;
        findings.check(Oracle::S18, !keep_alive.is_zero(), || "PINGREQ although the keep-alive is off".into());
        match link.ping_sent_at {
            // Asked again while nobody reads: the answer may be among what was not read.
            Some(_) => {
                let due_at = self.asked_at + seen.rules.ping_timeout();
                let due = seen.at + slack >= due_at && seen.model.was_held_since(self.asked_at);
                findings.check(Oracle::S18, due, || "PINGREQ while one is without an answer".into());
                self.asked_at = due_at;
            }
            None => {
                let due = due_since.is_some() || seen.at + slack >= link.silent_since() + keep_alive;
                let what = || format!("PINGREQ after a silence since {}", say::at(link.silent_since()));
                findings.check(Oracle::S18, due, what);
                self.asked_at = due_since.unwrap_or(seen.at);
            }
        }
    }
}
