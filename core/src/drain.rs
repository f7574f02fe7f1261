//! How fast what waited for the connection is sent.

use crate::{Drain, Instant};

#[derive(Debug)]
pub(crate) struct Drainer {
    policy: Drain,
    /// When the next request may go, with `Drain::Every`.
    next_at: Instant,
    /// How many publishes may be unacknowledged, with `Drain::Adaptive`.
    window: usize,
}

#[cfg(feature = "trace")]
crate::wire::fields!(Drainer { policy, next_at, window });

/// Whether the next request may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    Open,
    /// Not before this instant.
    Until(Instant),
    /// Not before an acknowledgement.
    UntilAcked,
}

impl Drainer {
    pub(crate) fn new(policy: Drain) -> Self {
        Self { policy, next_at: Instant::EPOCH, window: 1 }
    }

    /// A link was accepted: the first request goes at once.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.next_at = now;
        self.window = 1;
    }

    /// `full` tells that the queue has no room, so that holding anything back would lose what comes next.
    pub(crate) fn gate(&self, now: Instant, unacknowledged: usize, full: bool) -> Gate {
        match self.policy {
            Drain::Unlimited => Gate::Open,
            Drain::Every(_) if full || self.next_at <= now => Gate::Open,
            Drain::Every(_) => Gate::Until(self.next_at),
            Drain::Adaptive if unacknowledged < self.window => Gate::Open,
            Drain::Adaptive => Gate::UntilAcked,
        }
    }

    pub(crate) fn sent(&mut self, now: Instant) {
        if let Drain::Every(interval) = self.policy {
            self.next_at = now + interval;
        }
    }

    /// The server keeps up: twice as many may be on their way by the next round trip.
    pub(crate) fn acked(&mut self) {
        self.window = self.window.saturating_add(1);
    }
}
