//! The service's limits on how many publishes and bytes a second one connection may carry.

use crate::throttle::Throttle;
use crate::{Instant, Limits, Publish};

/// Header, lengths and packet id: the most that a PUBLISH adds to topic and payload.
const PUBLISH_OVERHEAD: usize = 9;

#[derive(Debug)]
pub(super) struct Pacing {
    publishes: Option<Throttle>,
    /// What of that may be used up by what arrives: not all, lest a server that never rests lets nothing be sent.
    received: Option<Throttle>,
    bytes: Option<Throttle>,
}

#[cfg(feature = "trace")]
crate::wire::fields!(Pacing { publishes, received, bytes });

impl Pacing {
    pub(super) fn new(limits: &Limits) -> Self {
        let publishes = limits.publishes_per_second_max.map(Throttle::per_second);
        Self {
            received: publishes.as_ref().and_then(Throttle::but_a_tenth),
            publishes,
            // The service delays what goes over, it does not drop it: a second's worth may go at once.
            bytes: limits.bytes_per_second_max.map(|max| Throttle::new(max, max)),
        }
    }

    /// When `publish` may be sent, which is `now` or later.
    pub(super) fn ready_at(&self, now: Instant, publish: &Publish) -> Instant {
        let publishes = self.publishes.as_ref().map_or(now, |throttle| throttle.ready_at(now, 1));
        let bytes = self.bytes.as_ref().map_or(now, |throttle| throttle.ready_at(now, len(publish)));
        publishes.max(bytes)
    }

    pub(super) fn sent(&mut self, now: Instant, publish: &Publish) {
        if let Some(throttle) = &mut self.publishes {
            throttle.take(now, 1);
        }
        if let Some(throttle) = &mut self.bytes {
            throttle.take(now, len(publish));
        }
    }

    /// What arrives counts as well (B-10), as far as it leaves something to send.
    pub(super) fn received(&mut self, now: Instant) {
        if let (Some(publishes), Some(received)) = (&mut self.publishes, &mut self.received) {
            if received.ready_at(now, 1) == now {
                received.take(now, 1);
                publishes.take(now, 1);
            }
        }
    }
}

fn len(publish: &Publish) -> u64 {
    (publish.topic.as_str().len() + publish.payload.len() + PUBLISH_OVERHEAD) as u64
}
