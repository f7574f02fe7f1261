//! How much may be sent now: a bucket that leaks at a constant rate.

use core::time::Duration;

use crate::Instant;

/// At most `burst` units at once and `rate` units a second in the long run.
///
/// In any span of time, no more than `burst + rate · span` units pass. Idle time gives no more than `burst`, however
/// long it was. All arithmetic is in whole millionths of a unit, so nothing drifts.
#[derive(Debug)]
pub(crate) struct Throttle {
    rate: u64,
    burst: u64,
    /// What the bucket holds, in millionths of a unit, as of `at`.
    level: u64,
    at: Instant,
}

#[cfg(feature = "trace")]
crate::wire::fields!(Throttle { rate, burst, level, at });

/// Millionths in a unit; also microseconds in a second, so that `rate` is what leaks in a microsecond.
const MILLION: u64 = 1_000_000;

impl Throttle {
    /// `rate` and `burst` are greater than 0.
    pub(crate) fn new(rate: u32, burst: u32) -> Self {
        Self { rate: rate.max(1).into(), burst: burst.max(1).into(), level: 0, at: Instant::EPOCH }
    }

    /// No more than `max` units in any second: a tenth of them at once, the rest spread.
    pub(crate) fn per_second(max: u32) -> Self {
        let burst = (max / 10).max(1);
        Self::new(max.saturating_sub(burst), burst)
    }

    /// Nine tenths of this, in the long run and at once; none if that is less than one a second.
    pub(crate) fn but_a_tenth(&self) -> Option<Self> {
        let part = |of: u64| of * 9 / 10;
        let (rate, burst) = (part(self.rate), part(self.burst).max(1));
        (rate > 0).then_some(Self { rate, burst, level: 0, at: Instant::EPOCH })
    }

    /// When `cost` units may pass, which is `now` or later. A cost above the burst waits for an empty bucket.
    pub(crate) fn ready_at(&self, now: Instant, cost: u64) -> Instant {
        let room_for = cost.min(self.burst).saturating_mul(MILLION);
        let excess = self.level_at(now).saturating_sub(self.burst * MILLION - room_for);
        now + Duration::from_micros(excess.div_ceil(self.rate))
    }

    /// Lets `cost` units pass, ready or not.
    pub(crate) fn take(&mut self, now: Instant, cost: u64) {
        self.level = self.level_at(now).saturating_add(cost.saturating_mul(MILLION));
        self.at = now;
    }

    fn level_at(&self, now: Instant) -> u64 {
        let elapsed = u64::try_from(now.since(self.at).as_micros()).unwrap_or(u64::MAX);
        self.level.saturating_sub(elapsed.saturating_mul(self.rate))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// When each of these costs passes, if each is tried as soon as it is there.
    fn passes(mut throttle: Throttle, arrivals: &[(u64, u64)]) -> Vec<(u64, u64)> {
        let mut now = 0;
        let mut pass = |&(gap_micros, cost): &(u64, u64)| {
            now += gap_micros;
            let ready = throttle.ready_at(Instant::from_micros(now), cost);
            assert_eq!(throttle.ready_at(ready, cost), ready, "ready when it says so");
            now = ready.as_micros();
            throttle.take(ready, cost);
            (now, cost)
        };
        arrivals.iter().map(&mut pass).collect()
    }

    #[test]
    fn a_burst_passes_at_once_and_the_rest_at_the_rate() {
        let passed = passes(Throttle::new(10, 3), &[(0, 1); 6]);
        let millis: Vec<_> = passed.iter().map(|&(at, _)| at / 1_000).collect();
        assert_eq!(millis, [0, 0, 0, 100, 200, 300]);
    }

    #[test]
    fn a_cost_above_the_burst_passes_alone() {
        let passed = passes(Throttle::new(10, 3), &[(0, 20), (0, 1)]);
        assert_eq!(passed, [(0, 20), (1_800_000, 1)]);
    }

    #[test]
    fn a_long_sleep_gives_one_burst() {
        let mut throttle = Throttle::new(10, 3);
        throttle.take(Instant::EPOCH, 3);
        let morning = Instant::EPOCH + Duration::from_secs(1 << 40);
        throttle.take(morning, 3);
        assert_eq!(throttle.ready_at(morning, 1), morning + Duration::from_millis(100));
    }

    proptest! {
        #[test]
        fn no_span_of_time_sees_more_than_its_share(
            rate in 1_u32..1_000,
            burst in 1_u32..50,
            arrivals in prop::collection::vec((0_u64..200_000, 1_u64..5), 1..60),
        ) {
            let costs_max = u64::from(burst).max(4);
            let passed = passes(Throttle::new(rate, burst), &arrivals);
            for from in 0..passed.len() {
                let mut sum = 0;
                for &(at, cost) in &passed[from..] {
                    sum += cost;
                    let span = at - passed[from].0;
                    prop_assert!(sum * MILLION <= costs_max * MILLION + u64::from(rate) * span);
                }
            }
        }

        #[test]
        fn nothing_waits_that_would_not_have_been_too_much_a_moment_before(
            rate in 1_u32..1_000,
            burst in 4_u32..50,
            arrivals in prop::collection::vec((0_u64..200_000, 1_u64..5), 1..60),
        ) {
            let passed = passes(Throttle::new(rate, burst), &arrivals);
            let mut before = 0;
            for (index, (&(at, _), &(gap, _))) in passed.iter().zip(&arrivals).enumerate() {
                let is_too_much_since = |from: usize| {
                    let sum: u64 = passed[from..=index].iter().map(|&(_, cost)| cost).sum();
                    sum * MILLION > u64::from(burst) * MILLION + u64::from(rate) * (at - 1 - passed[from].0)
                };
                let waited = at > before + gap;
                prop_assert!(!waited || (0..index).any(is_too_much_since), "{index} of {passed:?}");
                before = at;
            }
        }

        #[test]
        fn per_second_means_in_any_second(max in 2_u32..500, gaps in prop::collection::vec(0_u64..20_000, 1..400)) {
            let arrivals: Vec<_> = gaps.iter().map(|&gap| (gap, 1)).collect();
            let passed = passes(Throttle::per_second(max), &arrivals);
            for &(from, _) in &passed {
                let within = passed.iter().filter(|&&(at, _)| at >= from && at < from + MILLION).count();
                prop_assert!(within <= max as usize, "{within} of {max}");
            }
        }
    }
}
