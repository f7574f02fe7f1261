//! How many publishes a link carries, both ways together.

use std::collections::VecDeque;
use std::time::Duration;

use thingwire_core::Instant;

use super::Rulebook;

/// The time for which a service counts (B-10).
const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(in crate::oracle) struct Traffic {
    /// The last ones: as many as a busy second has.
    recent: VecDeque<Instant>,
    busy_at: Option<Instant>,
}

impl Traffic {
    pub(super) fn passed(&mut self, now: Instant, rules: &Rulebook) {
        // What is on its way counts too, but is not seen yet.
        let busy = rules.config.limits.publishes_per_second_max.unwrap_or(100) * 8 / 10;
        let busy = usize::try_from(busy).unwrap_or(usize::MAX).max(1);
        self.recent.push_back(now);
        if self.recent.len() > busy {
            self.recent.pop_front();
        }
        let all_of_now = self.recent.len() == busy && self.recent.front().is_some_and(|&at| now.since(at) <= SECOND);
        if all_of_now {
            self.busy_at = Some(now);
        }
    }

    /// Until when the service may have discarded what was sent, because there was more than it lets through.
    pub(in crate::oracle) fn lossy_until(&self, rules: &Rulebook) -> Option<Instant> {
        self.busy_at.map(|at| at + SECOND + rules.round_trip_max)
    }
}
