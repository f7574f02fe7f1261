//! S1, S2, S3, S23: every operation ends once, as it was decided.

use thingwire_core::{Instant, Outcome, Qos};

use super::judge::Seen;
use super::model::operations::State;
use super::model::{Decision, Meaning};
use super::{Findings, Oracle, say};

#[derive(Debug, Default)]
pub(super) struct Tickets {
    /// When an answer to nothing was last received.
    inert_at: Option<Instant>,
}

impl Tickets {
    pub(super) fn received(&mut self, seen: &Seen<'_>) {
        if seen.meaning == Meaning::Inert {
            self.inert_at = Some(seen.at);
        }
    }

    pub(super) fn finished(&self, seen: &Seen<'_>, ticket: u64, outcome: &Outcome, findings: &mut Findings) {
        let Some(op) = seen.model.ops.get(ticket) else {
            return findings.add(Oracle::S1, format!("operation {ticket} ends ({outcome}) that has not to end"));
        };
        if op.state == State::Decided {
            return decided(seen, ticket, outcome, findings);
        }
        match outcome {
            Outcome::Expired | Outcome::TimedOut | Outcome::ConnectionClosed { .. } | Outcome::Evicted => {}
            _ => {
                findings.add(Oracle::S2, format!("operation {ticket} ends ({outcome}) without a reason"));
                if self.inert_at == Some(seen.at) {
                    findings.add(Oracle::S3, format!("an answer to nothing ends operation {ticket} ({outcome})"));
                }
            }
        }
    }
}

pub(super) fn accepted(seen: &Seen<'_>, ticket: u64, findings: &mut Findings) {
    let last = seen.model.ops.last_ticket();
    findings.check(Oracle::S1, ticket > last, || format!("ticket {ticket} comes after {last}"));
}

pub(super) fn settled(seen: &Seen<'_>, findings: &mut Findings) {
    if let Some(decided) = seen.model.decided.front() {
        if seen.at.since(decided.at) >= seen.rules.slack {
            let what = format!("operation {} has ended ({}) and nobody is told", decided.ticket, decided.as_what);
            findings.add(Oracle::S1, what);
        }
    }
}

/// The end is certain already: it must be this one, and told in its turn.
fn decided(seen: &Seen<'_>, ticket: u64, outcome: &Outcome, findings: &mut Findings) {
    let Some(index) = seen.model.decided.iter().position(|decided| decided.ticket == ticket) else { return };
    let Some(decided) = seen.model.decided.get(index) else { return };
    findings.check(Oracle::S2, index == 0, || format!("operation {ticket} is told before those decided earlier"));
    let right = match (&decided.as_what, outcome) {
        (Decision::Subscribed(codes), Outcome::Subscribed(grants)) => {
            let told = || {
                grants.iter().map(|grant| match grant {
                    Some(Qos::AtMostOnce) => 0,
                    Some(Qos::AtLeastOnce) => 1,
                    None => 0x80,
                })
            };
            let same = told().eq(codes.iter().copied());
            findings.check(Oracle::S23, same, || {
                format!("operation {ticket}: the answer {} is told as {}", say::list(codes), say::list(told()))
            });
            true
        }
        (Decision::Sent, Outcome::Sent)
        | (Decision::Acked, Outcome::Acked)
        | (Decision::Unsubscribed, Outcome::Unsubscribed)
        | (Decision::Discarded, Outcome::Discarded) => true,
        _ => false,
    };
    let what = || format!("operation {ticket} ends ({outcome}) although it was {}", decided.as_what);
    findings.check(Oracle::S2, right, what);
}
