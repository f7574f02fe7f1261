//! How fast the service lets things pass.

use thingwire_core::Instant;

const SECOND: u64 = 1_000_000;

/// A bucket that holds what a second allows, and fills evenly.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bucket {
    /// When it is full again, if nothing more is taken. Empty, it is full in a second.
    full: Instant,
}

impl Bucket {
    /// From when on a piece passes: `now` if it does at once. Without a rate it always does; at a rate of zero, never.
    pub(crate) fn opens(self, now: Instant, per_second: Option<u32>) -> Instant {
        let Some(rate) = per_second else {
            return now;
        };
        let full = self.full.max(now).as_micros().saturating_add(price(rate, 1));
        Instant::from_micros(full.saturating_sub(SECOND)).max(now)
    }

    /// Whether nothing has been taken that is not back.
    pub(crate) fn is_full(self, now: Instant) -> bool {
        self.full <= now
    }

    /// Takes `amount` pieces, even those that are not in it.
    pub(crate) fn take(&mut self, now: Instant, per_second: Option<u32>, amount: usize) {
        if let Some(rate) = per_second {
            let price = price(rate, u64::try_from(amount).unwrap_or(u64::MAX));
            self.full = Instant::from_micros(self.full.max(now).as_micros().saturating_add(price));
        }
    }

    /// Takes a piece if one passes at once.
    pub(crate) fn pass(&mut self, now: Instant, per_second: Option<u32>) -> bool {
        let passes = self.opens(now, per_second) <= now;
        if passes {
            self.take(now, per_second, 1);
        }
        passes
    }
}

/// How long the bucket takes to get `amount` pieces back, in microseconds.
fn price(rate: u32, amount: u64) -> u64 {
    amount.saturating_mul(SECOND).checked_div(rate.into()).unwrap_or(u64::MAX)
}
