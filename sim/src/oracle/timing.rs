//! S29, S31, L5, L7: time.

use std::collections::BTreeSet;

use thingwire_core::{Instant, Notice, Outcome};

use super::judge::Seen;
use super::model::operations::State;
use super::model::session::{Bound, Carried};
use super::{Findings, Oracle, say};
use crate::trace::{Operation, What};

/// Steps at one instant that are neither operations nor messages; a healthy client comes to rest after a few.
const STEPS_MAX: u32 = 10_000;

#[derive(Debug, Default)]
pub(super) struct Timing {
    /// The last thing that the client was given is a wake.
    woken: bool,
    steps: u32,
    /// When messages that no link has carried are no longer worth it.
    expiries: BTreeSet<(Instant, u64)>,
    stop_due: Option<Instant>,
}

impl Timing {
    /// Follows what wakes and moves the client; for every record but [`What::Deadline`], which is a [`step`](Self::step).
    pub(super) fn observe(&mut self, seen: &Seen<'_>, findings: &mut Findings) {
        match seen.what {
            What::Wake { .. } => {
                self.rests(seen, findings);
                self.woken = true;
                self.step(findings);
            }
            What::Phase(_) | What::Told(_) => self.step(findings),
            // Perhaps in reaction to what is told, before everything that follows a wake is over.
            What::Accepted { .. }
            | What::Refused { .. }
            | What::Discarded(..)
            | What::Acknowledged(_)
            | What::Unwatched(..) => self.woken = false,
            What::Start | What::Stop | What::Pause(_) | What::Up(_) | What::Down(..) | What::Received(..) => {
                self.rests(seen, findings);
                self.woken = false;
            }
            _ => {}
        }
    }

    /// One more thing has happened at this instant.
    pub(super) fn step(&mut self, findings: &mut Findings) {
        self.steps += 1;
        findings.check(Oracle::S31, self.steps != STEPS_MAX, || format!("{STEPS_MAX} steps at one instant"));
    }

    /// What follows a wake is over.
    fn rests(&self, seen: &Seen<'_>, findings: &mut Findings) {
        if let Some(deadline) = seen.model.announced.filter(|_| self.woken) {
            let later = deadline > seen.model.now;
            let what = || format!("the deadline {} is not later than the wake", say::at(deadline));
            findings.check(Oracle::S31, later, what);
        }
    }

    pub(super) fn accepted(&mut self, ticket: u64, operation: &Operation) {
        if let Operation::Publish(_, Some(expires_at)) = operation {
            self.expiries.insert((*expires_at, ticket));
        }
    }

    pub(super) fn stopped(&mut self, seen: &Seen<'_>) {
        self.stop_due = self.stop_due.or(Some(seen.at + seen.rules.config.operation_timeout));
    }

    pub(super) fn told(&mut self, notice: &Notice) {
        if *notice == Notice::Stopped {
            self.stop_due = None;
        }
    }

    pub(super) fn finished(&mut self, seen: &Seen<'_>, ticket: u64, outcome: &Outcome, findings: &mut Findings) {
        let Some(op) = seen.model.ops.get(ticket) else { return };
        if let Some(expires_at) = op.expires_at {
            self.expiries.remove(&(expires_at, ticket));
        }
        match outcome {
            Outcome::Expired => {
                let right = op.state == State::Waiting && !op.was_sent;
                let due = op.expires_at.is_some_and(|at| at <= seen.at && !seen.model.is_late(at, seen.rules.slack));
                let what = || {
                    let due = say::or_none(op.expires_at.map(say::at));
                    format!("operation {ticket} expires at {}, due: {due}", say::at(seen.at))
                };
                findings.check(Oracle::L5, right && due, what);
            }
            Outcome::TimedOut => {
                let carried = seen.model.session.iter().find(|bound| bound.what.ticket() == Some(ticket));
                let due = carried
                    .filter(|bound| !matches!(bound.what, Carried::Publish(_)))
                    .map(|bound| bound.first_sent_at + seen.rules.config.operation_timeout);
                let right = due.is_some_and(|due| seen.at + seen.rules.slack >= due);
                findings.check(Oracle::L5, right, || {
                    format!("operation {ticket} times out, due: {}", say::or_none(due.map(say::at)))
                });
            }
            _ => {}
        }
    }

    pub(super) fn settled(&mut self, seen: &Seen<'_>, stopping: bool, findings: &mut Findings) {
        self.rests(seen, findings);
        self.woken = false;
        self.steps = 0;
        let (model, slack) = (seen.model, seen.rules.slack);
        if let Some(due) = self.stop_due.filter(|_| stopping) {
            findings.check(Oracle::L7, !model.is_late(due, slack), || format!("a stop was due at {}", say::at(due)));
        } else {
            self.stop_due = None;
        }
        while let Some(&(due, ticket)) = self.expiries.first().filter(|&&(due, _)| due < seen.at) {
            let waits = model.ops.get(ticket).is_some_and(|op| op.state == State::Waiting && !op.was_sent);
            if waits && !model.is_late(due, slack) {
                break;
            }
            findings.check(Oracle::L5, !waits, || format!("operation {ticket} waits after its time, {}", say::at(due)));
            self.expiries.remove(&(due, ticket));
        }
        if model.session.has_requests() && model.online() && model.held_since.is_none() {
            requests(seen, findings);
        }
    }
}

fn requests(seen: &Seen<'_>, findings: &mut Findings) {
    // Of packets of the client's own for shadows nobody is told how they end.
    let told = |bound: &&Bound| !bound.what.is_message() && !bound.what.is_own_request();
    for bound in seen.model.session.unanswered().filter(told) {
        let since = seen.model.held_until.map_or(bound.first_sent_at, |until| bound.first_sent_at.max(until));
        let late = seen.model.is_late(since + seen.rules.config.operation_timeout, seen.rules.slack);
        findings.check(Oracle::L5, !late, || format!("packet {} has no answer and no end", bound.id));
    }
}
