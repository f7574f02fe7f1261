//! S16: how fast a backlog and everything else is sent.

use thingwire_core::{Config, Drain, Instant};

use super::judge::Seen;
use super::model::Meaning;
use super::queue::{TOPIC_AT_MOST, cost};
use super::{Findings, Oracle, say};
use crate::trace::{Holds, Operation, Packet};

#[derive(Debug)]
pub(super) struct Pace {
    /// The link whose backlog is drained.
    link: u64,
    last_drained_at: Option<Instant>,
    publishes: Option<Bucket>,
    bytes: Option<Bucket>,
    /// Bytes that may wait: what the client has told, and what it has accepted since.
    bytes_at_most: u64,
}

/// Fixed header, packet id, length and one character of the topic: what every PUBLISH has around its payload.
const AROUND_PAYLOAD: u64 = 10;

impl Pace {
    pub(super) fn new(config: &Config) -> Self {
        let limits = &config.limits;
        Self {
            link: 0,
            last_drained_at: None,
            publishes: limits.publishes_per_second_max.map(|max| {
                let burst = (max / 10).max(1);
                Bucket::new((max - burst).max(1), burst)
            }),
            bytes: limits.bytes_per_second_max.map(|max| Bucket::new(max, max)),
            bytes_at_most: 0,
        }
    }

    pub(super) fn accepted(&mut self, operation: &Operation) {
        self.bytes_at_most += cost(operation) + TOPIC_AT_MOST;
    }

    pub(super) fn holds(&mut self, holds: Holds) {
        self.bytes_at_most = holds.queued_bytes;
    }

    pub(super) fn sent(&mut self, seen: &Seen<'_>, link: u64, packet: &Packet, findings: &mut Findings) {
        if self.link != link {
            self.link = link;
            self.last_drained_at = None;
        }
        if let Meaning::First { ticket, .. } = seen.meaning {
            let new = seen.model.ops.get(ticket).is_some_and(|op| !op.was_sent);
            if new && ticket <= seen.model.link.backlog_until {
                self.drained(seen, ticket, findings);
            }
        }
        if let Packet::Publish(publish) = packet {
            let pass =
                |bucket: &mut Option<Bucket>, cost| bucket.as_mut().is_none_or(|bucket| bucket.pass(seen.at, cost));
            let within = pass(&mut self.publishes, 1);
            findings.check(Oracle::S16, within, || "more publishes a second than the service allows".into());
            let within = pass(&mut self.bytes, u64::from(publish.len) + AROUND_PAYLOAD);
            findings.check(Oracle::S16, within, || "more bytes a second than the service allows".into());
        }
    }

    fn drained(&mut self, seen: &Seen<'_>, ticket: u64, findings: &mut Findings) {
        let model = seen.model;
        let in_time = match seen.rules.config.drain {
            Drain::Every(interval) => {
                let next_at = self.last_drained_at.map(|at| at + interval);
                next_at.is_none_or(|next_at| seen.at >= next_at) || self.may_be_full(seen)
            }
            Drain::Adaptive => (model.session.publishes() as u64) < 1 + model.link.acks,
            _ => true,
        };
        let what = || {
            let last = self.last_drained_at.map(|last| say::span(seen.at.since(last)));
            format!("operation {ticket} is drained too early, after the last: {}", say::or_none(last))
        };
        findings.check(Oracle::S16, in_time, what);
        self.last_drained_at = Some(seen.at);
    }

    fn may_be_full(&self, seen: &Seen<'_>) -> bool {
        let queue = &seen.rules.config.queue;
        queue.count_max.is_some_and(|max| seen.model.ops.waiting() >= max)
            || self.bytes_at_most >= queue.bytes_max as u64
    }
}

/// How much may pass: `burst` at once, `rate` a second in the long run.
#[derive(Debug)]
struct Bucket {
    rate: u64,
    burst: u64,
    /// In millionths, so that a microsecond leaks `rate`.
    level: u64,
    at: Instant,
}

const MILLION: u64 = 1_000_000;

impl Bucket {
    fn new(rate: u32, burst: u32) -> Self {
        Self { rate: rate.into(), burst: burst.into(), level: 0, at: Instant::EPOCH }
    }

    /// Lets `cost` pass, and tells whether it may. What costs more than a burst passes an empty bucket.
    fn pass(&mut self, at: Instant, cost: u64) -> bool {
        let elapsed = u64::try_from(at.since(self.at).as_micros()).unwrap_or(u64::MAX);
        let level = self.level.saturating_sub(elapsed.saturating_mul(self.rate));
        let allowed = level + cost.min(self.burst) * MILLION <= self.burst * MILLION;
        (self.level, self.at) = (level + cost * MILLION, at);
        allowed
    }
}
