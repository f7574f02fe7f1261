//! L1 to L4, L8, L9, S33: once everything works again.

use core::time::Duration;

use thingwire_core::{BackoffConfig, Drain, Instant, Jitter, Notice, Phase};

use super::judge::Seen;
use super::model::session::{Bound, Carried};
use super::model::shadows::Asked;
use super::model::{Life, Meaning};
use super::{Findings, Oracle, Rulebook, say};
use crate::trace::{Packet, What};

/// How long a client must have been ready at the end.
const QUIET: Duration = Duration::from_secs(60);

impl Rulebook {
    /// How long after healing a client may need until it is online for good: a link that is dead without saying so has
    /// to be found, an attempt under way has to fail, and the longest wait has to pass.
    pub fn online_within(&self) -> Duration {
        let config = &self.config;
        let floor = if config.backoff.jitter == Jitter::Full { config.backoff.floor } else { Duration::ZERO };
        let wait = (floor + config.backoff.max).max(config.limits.connect_spacing);
        2 * config.keep_alive + wait + 2 * config.connect_timeout + self.round_trip_max * 4 + self.slack * 4
    }

    /// How long after that it may need to send so many operations and have them answered.
    pub fn done_within(&self, operations: usize, bytes: u64, filters: usize) -> Duration {
        let config = &self.config;
        let interval = if let Drain::Every(interval) = config.drain { interval } else { Duration::ZERO };
        let spread = config.limits.publishes_per_second_max.map_or(Duration::ZERO, |max| Duration::from_secs(2) / max);
        let each = interval + spread + self.round_trip_max + self.slack;
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let bandwidth = config.limits.bytes_per_second_max.map_or(0, |max| 2 * bytes / u64::from(max));
        each.saturating_mul(count(operations))
            + (self.round_trip_max * 2).saturating_mul(count(filters))
            + Duration::from_secs(bandwidth)
            + config.operation_timeout * 2
    }
}

#[derive(Debug, Default)]
pub(super) struct Liveness {
    /// When the client has to be online, and when everything has to have ended.
    due: Option<(Instant, Instant)>,
    was_online: bool,
    /// When something was last sent, or nothing could be.
    progress_at: Instant,
    /// Whether something waited and might be sent when the last instant was over.
    may_send: bool,
    /// When a link or an attempt last ended.
    lost_at: Option<Instant>,
}

impl Liveness {
    pub(super) fn healed(&mut self, seen: &Seen<'_>) {
        let (rules, model) = (seen.rules, seen.model);
        let online_by = seen.at + rules.online_within();
        let bytes = model.ops.iter().filter_map(|op| op.publish()).map(|publish| u64::from(publish.len)).sum();
        let done_by = online_by + rules.done_within(model.ops.live(), bytes, model.filters.len());
        self.due = Some((online_by, done_by));
        self.was_online = model.online();
        self.progress_at = seen.at;
    }

    /// When watches have to know how their shadows stand: a subscription or a reading that was refused or not answered is
    /// tried again after the longest wait.
    pub(super) fn settled_by(&self, seen: &Seen<'_>) -> Option<Instant> {
        let (_, done_by) = self.due.filter(|_| !is_stuck(seen))?;
        let backoff = BackoffConfig::default();
        Some(done_by + seen.rules.config.requests.timeout * 2 + backoff.floor + backoff.max)
    }

    /// For every record after healing.
    pub(super) fn observe(&mut self, seen: &Seen<'_>, findings: &mut Findings) {
        match seen.what {
            What::Told(Notice::Failed { why: Some(_), .. } | Notice::Offline { why: Some(_), .. }) => {
                self.lost_at = Some(seen.at);
            }
            What::Sent(_, packet) if !matches!(packet, Packet::Puback(_) | Packet::Pingreq) => {
                self.progresses(seen, findings);
                self.progress_at = seen.at;
            }
            What::Fault { begins: true, name, .. } if self.due.is_some() => {
                findings.add(Oracle::L9, format!("{name} begins after healing"));
            }
            What::Accepted { ticket, .. } if self.due.is_some() => {
                findings.add(Oracle::L9, format!("operation {ticket} is asked for after healing"));
            }
            _ => {}
        }
        self.was_online |= matches!(seen.meaning, Meaning::Accepts { .. });
    }

    pub(super) fn settled(&mut self, seen: &Seen<'_>, findings: &mut Findings) {
        let Some((online_by, done_by)) = self.due else { return };
        let (model, rules) = (seen.model, seen.rules);
        if model.life != Life::Running {
            return;
        }
        if seen.at > online_by {
            findings.check(Oracle::L1, self.was_online, || "not online in time".into());
        }
        if seen.at > done_by && !is_stuck(seen) {
            let left = model.ops.iter().find(|op| op.publish().is_some()).map(|op| op.ticket);
            if let Some(ticket) = left {
                findings.add(Oracle::L2, format!("operation {ticket} has not ended"));
            }
            let lost = model.filters.any_lost();
            findings.check(Oracle::L4, !lost, || "a wanted subscription is unknown to the server".into());
        }
        let window = usize::from(rules.config.in_flight_max);
        let may_send = model.online()
            && !model.blocked
            && model.ops.waiting() > 0
            && model.session.renewals() == 0
            && model.session.publishes() < window
            && !is_stuck(seen);
        self.may_send = may_send;
        if !may_send {
            self.progress_at = seen.at;
            return;
        }
        self.progresses(seen, findings);
    }

    /// Something could have been sent ever since it last was.
    fn progresses(&self, seen: &Seen<'_>, findings: &mut Findings) {
        if self.due.is_none() {
            return;
        }
        let rules = seen.rules;
        let idle = seen.at.since(self.progress_at);
        let interval = if let Drain::Every(interval) = rules.config.drain { interval } else { Duration::ZERO };
        // What is not answered may be what the next waits for: a request, or a message that was lost before.
        let in_flight = seen.model.session.publishes() > 0;
        let resend = rules.config.resend_after.filter(|_| in_flight).unwrap_or_default();
        // A second for the service's limits.
        let patience =
            interval + Duration::from_secs(1) + rules.config.operation_timeout.max(resend) + rules.round_trip_max;
        let what =
            || format!("{} operations wait, and nothing was sent for {}", seen.model.ops.waiting(), say::span(idle));
        findings.check(Oracle::L3, !self.may_send || idle <= patience + rules.slack, what);
    }

    pub(super) fn ended(&self, seen: &Seen<'_>, all_delivered: bool, findings: &mut Findings) {
        let Some((_, done_by)) = self.due.filter(|&(_, done_by)| seen.at >= done_by) else { return };
        let model = seen.model;
        if model.life != Life::Running || is_stuck(seen) {
            return;
        }
        // What was given up keeps its packet id as long as the link lasts.
        let overdue = |bound: &Bound| bound.answer_due.is_none_or(|due| seen.at >= due);
        let given_up = |bound: &Bound| bound.what == Carried::GivenUp || bound.what.is_own_request() && overdue(bound);
        // A watch may read at any time; what it asked just now is on its way.
        let just_asked = |bound: &Bound| {
            let since = seen.at.since(bound.first_sent_at);
            matches!(bound.what, Carried::Ask(Asked::Read(_), _))
                && since < seen.rules.round_trip_max + seen.rules.slack
        };
        let kept = model.session.iter().filter(|bound| !given_up(bound) && !just_asked(bound));
        let (live, bound) = (model.ops.live() + model.shadows.live(), kept.count());
        let holds = model.holds.unwrap_or_default();
        let in_flight_max = model.session.iter().filter(|bound| just_asked(bound)).count();
        let empty =
            live == 0 && bound == 0 && holds.queued == 0 && holds.in_flight as usize <= in_flight_max && all_delivered;
        findings.check(Oracle::S33, empty, || {
            let (queued, in_flight) = (holds.queued, holds.in_flight);
            format!(
                "{live} operations and {bound} packet ids are left, the client says {queued} queued and {in_flight} in flight, \
                 all messages delivered: {all_delivered}"
            )
        });
        let ready = model.phase == Phase::Ready;
        findings.check(Oracle::L8, ready, || format!("at the end the client is {}", model.phase));
        if seen.at >= done_by + QUIET {
            if let Some(lost_at) = self.lost_at.filter(|&at| seen.at.since(at) <= QUIET) {
                findings.add(Oracle::L8, format!("a link was lost at {}", say::at(lost_at)));
            }
        }
    }
}

/// Whether an answer was lost before healing on a link that lives on. The client waits for it, and does not send again
/// on a live link unless it is told to: nothing is wrong with it.
fn is_stuck(seen: &Seen<'_>) -> bool {
    let Some(healed_at) = seen.model.healed_at.filter(|_| seen.rules.config.resend_after.is_none()) else {
        return false;
    };
    // What was held up before counts into the service's rate when it arrives: beyond it, publishes are discarded (B-10).
    let lossy_until = healed_at + Duration::from_secs(1);
    let lossy_until = seen.model.traffic.lossy_until(seen.rules).map_or(lossy_until, |until| until.max(lossy_until));
    let waits = |bound: &Bound| bound.on_link && bound.sent_at <= lossy_until && bound.what.is_message();
    seen.model.session.iter().any(waits)
}
