//! How long to wait before the next attempt.

use core::time::Duration;

use crate::rng::Rng;
use crate::{BackoffConfig, Jitter};

#[derive(Debug)]
pub(crate) struct Backoff {
    config: BackoffConfig,
    /// Attempts that failed since the last stable connection.
    failures: u32,
    last_wait: Duration,
}

impl Backoff {
    pub(crate) fn new(config: BackoffConfig) -> Self {
        Self { config, failures: 0, last_wait: config.base }
    }

    /// The number of the attempt that begins now, from 1.
    pub(crate) fn attempt(&self) -> u32 {
        self.failures.saturating_add(1)
    }

    /// A link has ended that was accepted by the server for `online`.
    pub(crate) fn lasted(&mut self, online: Duration) {
        if online >= self.config.stable {
            self.failures = 0;
            self.last_wait = self.config.base;
        }
    }

    /// Counts a failure and draws the wait that follows it.
    pub(crate) fn wait(&mut self, rng: &mut Rng) -> Duration {
        let exponential = self.exponential();
        self.failures = self.failures.saturating_add(1);
        self.draw(exponential, rng)
    }

    /// Counts a failure that only a change from outside can mend: the wait is drawn from the longest.
    pub(crate) fn wait_for_a_change(&mut self, rng: &mut Rng) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.draw(self.config.max, rng)
    }

    /// `e(n) = min(2^n · base, max)`.
    fn exponential(&self) -> Duration {
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        self.config.base.saturating_mul(factor).min(self.config.max)
    }

    fn draw(&mut self, capped: Duration, rng: &mut Rng) -> Duration {
        let BackoffConfig { base, max, floor, jitter, .. } = self.config;
        let wait = match jitter {
            Jitter::None => capped,
            Jitter::Full => floor + rng.between(Duration::ZERO, capped),
            Jitter::Equal => rng.between(capped / 2, capped),
            Jitter::Decorrelated => rng.between(base, self.last_wait.saturating_mul(3).clamp(base, max)),
        };
        self.last_wait = wait;
        wait
    }
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "statistics of small numbers")]
mod tests {
    use super::*;

    fn waits(jitter: Jitter, count: usize) -> Vec<Duration> {
        let mut rng = Rng::new(1);
        let mut backoff = Backoff::new(BackoffConfig { jitter, ..BackoffConfig::default() });
        (0..count).map(|_| backoff.wait(&mut rng)).collect()
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
        let mut backoff = Backoff::new(config);
        let mut after = |online| {
            backoff.lasted(Duration::from_secs(online));
            backoff.wait(&mut rng).as_secs()
        };
        assert_eq!([after(0), after(5), after(5), after(6), after(5)], [3, 5, 5, 3, 5]);
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
            let mut backoff = Backoff::new(BackoffConfig { jitter, ..BackoffConfig::default() });
            for _ in 0..n {
                backoff.wait(&mut rng);
            }
            backoff.wait(&mut rng).as_secs_f64()
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
            let mut backoff = Backoff::new(BackoffConfig::default());
            for _ in 0..5 {
                backoff.wait(&mut rng);
            }
            (0..DEVICES).map(|_| backoff.wait(&mut rng).as_secs_f64()).collect::<Vec<_>>()
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
