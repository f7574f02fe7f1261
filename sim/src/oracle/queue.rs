//! S9, and the counts of S10: what waits.

use thingwire_core::{Instant, Refusal, WhenFull};

use super::ids::is_about_room;
use super::judge::Seen;
use super::{Findings, Oracle, say};
use crate::trace::Operation;

#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Since when the client's counts differ from the model's.
    differs_since: Option<Instant>,
}

impl Queue {
    pub(super) fn settled(&mut self, seen: &Seen<'_>, findings: &mut Findings) {
        let (queue, model) = (&seen.rules.config.queue, seen.model);
        if let Some(max) = queue.count_max.filter(|&max| max > 0) {
            let unsent = model.ops.unsent();
            findings.check(Oracle::S9, unsent <= max, || format!("{unsent} operations wait, {max} may"));
        }
        let Some(holds) = model.holds else { return };
        if model.ops.came_back() == 0 {
            let (bytes, max) = (holds.queued_bytes, queue.bytes_max as u64);
            findings.check(Oracle::S9, bytes <= max, || format!("{bytes} bytes wait, {max} may"));
        }
        let told = (holds.queued as usize, holds.in_flight as usize);
        let known = (model.ops.waiting(), model.session.publishes());
        if told == known {
            self.differs_since = None;
            return;
        }
        let since = *self.differs_since.get_or_insert(seen.at);
        if seen.at.since(since) >= seen.rules.slack {
            let ((waiting, in_flight), (queued, unacked)) = (known, told);
            let what = format!("{waiting} wait and {in_flight} are in flight, the client says {queued} and {unacked}");
            findings.add(Oracle::S10, what);
        }
    }
}

pub(super) fn accepted(seen: &Seen<'_>, findings: &mut Findings) {
    let switched_off = seen.rules.config.queue.count_max == Some(0);
    let allowed = !switched_off || seen.model.online();
    findings.check(Oracle::S9, allowed, || "an operation is accepted offline although the queue is off".into());
}

pub(super) fn refused(seen: &Seen<'_>, operation: &Operation, why: &Refusal, findings: &mut Findings) {
    let queue = &seen.rules.config.queue;
    let ops = &seen.model.ops;
    // Of a queue that is too full in both ways, either may be told.
    let bytes = seen.model.holds.map_or(0, |holds| holds.queued_bytes) + cost(operation) + TOPIC_AT_MOST;
    let bytes_in_the_way = ops.came_back() > 0 && bytes > queue.bytes_max as u64;
    // What came back from a link is not evicted for the sake of something new.
    let in_the_way = if queue.when_full == WhenFull::DropOldest { ops.came_back() } else { ops.waiting() };
    let right = match why {
        Refusal::QueueFull { .. } => queue
            .count_max
            .is_some_and(|max| max > 0 && (in_the_way >= max || bytes_in_the_way && ops.waiting() >= max)),
        Refusal::Offline => queue.count_max == Some(0),
        _ => true,
    };
    let what = || format!("refused ({why}) although {in_the_way} operations are in the way");
    findings.check(Oracle::S9, right || !is_about_room(why), what);
}

pub(super) fn evicted(seen: &Seen<'_>, ticket: u64, findings: &mut Findings) {
    let drops = seen.rules.config.queue.when_full == WhenFull::DropOldest;
    findings.check(Oracle::S9, drops, || format!("operation {ticket} is evicted, and new ones are to be refused"));
    let oldest = seen.model.ops.queue().find(|op| !op.was_sent).map(|op| op.ticket);
    let what = || format!("operation {ticket} is evicted, and the oldest never sent is {}", say::or_none(oldest));
    findings.check(Oracle::S9, oldest == Some(ticket), what);
}

/// The most that a topic adds to the bytes of a message; the trace does not have it.
pub(super) const TOPIC_AT_MOST: u64 = 65_535;

/// Bytes that an operation takes in the queue at least, and may take at most.
pub(super) fn cost(operation: &Operation) -> u64 {
    match operation {
        Operation::Publish(publish, _) => u64::from(publish.len),
        _ => 0,
    }
}
