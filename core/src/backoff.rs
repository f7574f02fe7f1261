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
}
