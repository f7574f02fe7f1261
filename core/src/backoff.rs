//! How long to wait before the next attempt.

use core::time::Duration;

use crate::rng::{Rng, micros};
use crate::{BackoffConfig, Jitter};

/// How often in a row connecting has failed, and so how long to wait before the next attempt.
///
/// It is what [`Client`](crate::Client) uses, and stands alone for whoever retries something else. It holds neither
/// its settings nor its randomness, so that a million of them are small: both are arguments, and must be the same ones
/// at every call.
///
/// ```
/// use std::time::Duration;
/// use thingwire_core::{Backoff, BackoffConfig, Jitter, Rng};
///
/// let mut config = BackoffConfig::default();
/// config.jitter = Jitter::None;
/// let (mut backoff, mut rng) = (Backoff::new(), Rng::new(7));
///
/// let waits: Vec<u64> = (0..7).map(|_| backoff.wait(&config, &mut rng).as_secs()).collect();
/// assert_eq!(waits, [1, 2, 4, 8, 16, 32, 32]);
///
/// backoff.lasted(&config, Duration::from_secs(60));
/// assert_eq!(backoff.attempt(), 1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backoff {
    /// Attempts that failed since the last stable connection.
    failures: u32,
    /// The wait after the last of them.
    last_wait_micros: u64,
}

#[cfg(feature = "trace")]
crate::wire::fields!(Backoff { failures, last_wait_micros });

impl Backoff {
    /// Nothing has failed yet.
    pub const fn new() -> Self {
        Self { failures: 0, last_wait_micros: 0 }
    }

    /// The number of the attempt that begins now: 1 for the first since the last stable connection, or ever.
    pub const fn attempt(&self) -> u32 {
        self.failures.saturating_add(1)
    }

    /// Says that a connection has ended which the server had accepted for `online`. All is forgotten when that was
    /// [`BackoffConfig::stable`] or longer. The end is itself a failure: [`wait`](Self::wait) follows.
    pub fn lasted(&mut self, config: &BackoffConfig, online: Duration) {
        if online >= config.stable {
            *self = Self::new();
        }
    }

    /// Counts a failure and draws the wait that follows it, by the formula of [`BackoffConfig`].
    #[must_use]
    pub fn wait(&mut self, config: &BackoffConfig, rng: &mut Rng) -> Duration {
        let exponential = self.exponential(config);
        self.draw(exponential, config, rng)
    }

    /// Counts a failure that only a change from outside can mend, such as a login refused: the wait is drawn as if the
    /// longest one were reached.
    #[must_use]
    pub fn wait_for_a_change(&mut self, config: &BackoffConfig, rng: &mut Rng) -> Duration {
        self.draw(config.max, config, rng)
    }

    /// `e(n) = min(2^n · base, max)`.
    fn exponential(&self, config: &BackoffConfig) -> Duration {
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        config.base.saturating_mul(factor).min(config.max)
    }

    fn draw(&mut self, capped: Duration, config: &BackoffConfig, rng: &mut Rng) -> Duration {
        let BackoffConfig { base, max, floor, jitter, .. } = *config;
        let wait = match jitter {
            Jitter::None => capped,
            Jitter::Full => floor.saturating_add(rng.between(Duration::ZERO, capped)),
            Jitter::Equal => rng.between(capped / 2, capped),
            Jitter::Decorrelated => rng.between(base, self.last_wait(base).saturating_mul(3).min(max)),
        };
        self.failures = self.failures.saturating_add(1);
        self.last_wait_micros = micros(wait);
        wait
    }

    fn last_wait(&self, base: Duration) -> Duration {
        if self.failures == 0 { base } else { Duration::from_micros(self.last_wait_micros) }
    }
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "statistics of small numbers")]
mod tests {
    use super::*;

    fn waits(jitter: Jitter, count: usize) -> Vec<Duration> {
        let mut rng = Rng::new(1);
        let mut backoff = Backoff::new();
        let config = BackoffConfig { jitter, ..BackoffConfig::default() };
        (0..count).map(|_| backoff.wait(&config, &mut rng)).collect()
    }

    #[test]
    fn without_jitter_waits_follow_the_documented_formula() {
        let seconds: Vec<_> = waits(Jitter::None, 40).iter().map(Duration::as_secs).collect();
        assert_eq!(seconds[..7], [1, 2, 4, 8, 16, 32, 32]);
        assert!(seconds[7..].iter().all(|&wait| wait == 32), "the shift never overflows");
    }

    #[test]
    fn the_first_wait_is_base_and_a_stable_connection_brings_it_back() {
        let mut rng = Rng::new(1);
        let config = BackoffConfig {
            base: Duration::from_secs(3),
            max: Duration::from_secs(5),
            stable: Duration::from_secs(6),
            jitter: Jitter::None,
            ..BackoffConfig::default()
        };
        let mut backoff = Backoff::new();
        let mut after = |online| {
            backoff.lasted(&config, Duration::from_secs(online));
            backoff.wait(&config, &mut rng).as_secs()
        };
        assert_eq!([after(0), after(5), after(5), after(6), after(5)], [3, 5, 5, 3, 5]);
    }

    #[test]
    fn settings_that_a_client_would_refuse_still_give_a_wait() {
        let (base, max) = (Duration::MAX, Duration::ZERO);
        for jitter in [Jitter::None, Jitter::Full, Jitter::Equal, Jitter::Decorrelated] {
            let config = BackoffConfig { base, max, floor: Duration::MAX, jitter, ..BackoffConfig::default() };
            let (mut backoff, mut rng) = (Backoff::new(), Rng::new(1));
            for attempt in 1..100 {
                assert_eq!(backoff.attempt(), attempt);
                let _ = backoff.wait(&config, &mut rng);
            }
        }
    }

    #[test]
    fn a_million_of_them_are_small() {
        assert_eq!(size_of::<Backoff>() + size_of::<Rng>(), 24);
    }

    #[test]
    fn every_jitter_stays_inside_its_interval() {
        let capped = waits(Jitter::None, 12);
        let floor = Duration::from_secs(1);
        for (wait, e) in waits(Jitter::Full, 12).into_iter().zip(&capped) {
            assert!((floor..=floor + *e).contains(&wait));
        }
        for (wait, e) in waits(Jitter::Equal, 12).into_iter().zip(&capped) {
            assert!((*e / 2..=*e).contains(&wait));
        }
        let mut last = Duration::from_secs(1);
        for wait in waits(Jitter::Decorrelated, 12) {
            assert!((Duration::from_secs(1)..=(last * 3).min(Duration::from_secs(32))).contains(&wait));
            last = wait;
        }
    }

    /// The n-th wait of as many devices, in seconds.
    fn devices(jitter: Jitter, n: usize) -> Vec<f64> {
        let wait = |seed| {
            let mut rng = Rng::new(seed);
            let mut backoff = Backoff::new();
            let config = BackoffConfig { jitter, ..BackoffConfig::default() };
            for _ in 0..n {
                let _ = backoff.wait(&config, &mut rng);
            }
            backoff.wait(&config, &mut rng).as_secs_f64()
        };
        (0..DEVICES).map(wait).collect()
    }

    const DEVICES: u64 = 10_000;

    /// Kolmogorov and Smirnov's distance from the uniform distribution between two bounds.
    fn distance_from_uniform(mut sample: Vec<f64>, low: f64, high: f64) -> f64 {
        sample.sort_by(f64::total_cmp);
        let count = sample.len() as f64;
        let distance = |(index, value): (usize, f64)| {
            let expected = (value - low) / (high - low);
            (expected - index as f64 / count).abs().max((expected - (index + 1) as f64 / count).abs())
        };
        sample.into_iter().enumerate().map(distance).fold(0.0, f64::max)
    }

    #[test]
    fn over_a_fleet_every_wait_is_uniform_in_its_interval() {
        // A true sample is further away than this once in a million.
        let allowed = ((2.0_f64 / 1e-6).ln() / (2.0 * DEVICES as f64)).sqrt();
        for n in [0, 1, 3, 5, 8] {
            let e = 2.0_f64.powi(i32::try_from(n).unwrap()).min(32.0);
            for (jitter, low, high) in [(Jitter::Full, 1.0, 1.0 + e), (Jitter::Equal, e / 2.0, e)] {
                let distance = distance_from_uniform(devices(jitter, n), low, high);
                assert!(distance < allowed, "{jitter:?}, wait {n}: {distance} of {allowed}");
            }
        }
        let distance = distance_from_uniform(devices(Jitter::Decorrelated, 0), 1.0, 3.0);
        assert!(distance < allowed, "decorrelated: {distance} of {allowed}");
    }

    #[test]
    fn devices_with_neighbouring_seeds_do_not_move_in_step() {
        let waits = |seed| {
            let mut rng = Rng::new(seed);
            let mut backoff = Backoff::new();
            let config = BackoffConfig::default();
            for _ in 0..5 {
                let _ = backoff.wait(&config, &mut rng);
            }
            (0..DEVICES).map(|_| backoff.wait(&config, &mut rng).as_secs_f64()).collect::<Vec<_>>()
        };
        for seed in 0..10 {
            let (a, b) = (waits(seed), waits(seed + 1));
            assert!(correlation(&a, &b).abs() < 0.05);
        }
        let same = waits(1);
        assert!(correlation(&same, &same) > 0.99, "it would be seen");
    }

    fn correlation(a: &[f64], b: &[f64]) -> f64 {
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let (mean_a, mean_b) = (mean(a), mean(b));
        let moment = |x: &[f64], mean_x: f64, y: &[f64], mean_y: f64| {
            x.iter().zip(y).map(|(x, y)| (x - mean_x) * (y - mean_y)).sum::<f64>()
        };
        moment(a, mean_a, b, mean_b) / (moment(a, mean_a, a, mean_a) * moment(b, mean_b, b, mean_b)).sqrt()
    }
}
