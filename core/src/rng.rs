//! The seeded generator behind backoff jitter.

use core::time::Duration;

/// The generator behind jitter. `SplitMix64`: eight bytes of state, passes `BigCrush`, identical on every platform.
///
/// It is predictable by design. Bytes that must surprise an attacker never come from here.
#[derive(Debug, Clone)]
pub struct Rng(u64);

#[cfg(feature = "trace")]
crate::wire::fields!(Rng(state));

impl Rng {
    /// The draws of this seed. Give every device its own, or a fleet moves in step.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// What it goes on from; at first, its seed.
    #[cfg(feature = "trace")]
    pub(crate) fn state(&self) -> u64 {
        self.0
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `low..=high`, in whole microseconds; `low` where there is nothing in between.
    pub fn between(&mut self, low: Duration, high: Duration) -> Duration {
        let low = micros(low);
        let span = u128::from(micros(high).saturating_sub(low)) + 1;
        // Multiply-shift maps 64 random bits onto the span; the bias is below span / 2^64.
        let offset = (u128::from(self.next_u64()) * span) >> 64;
        Duration::from_micros(low.saturating_add(u64::try_from(offset).unwrap_or(u64::MAX)))
    }
}

/// The whole microseconds of a span; the greatest number for one that has more.
pub(crate) fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_stay_inside_the_closed_range_and_reach_both_ends() {
        let mut rng = Rng::new(7);
        let (low, high) = (Duration::from_micros(3), Duration::from_micros(6));
        let mut seen = [0_u32; 7];
        for _ in 0..1_000 {
            let drawn = rng.between(low, high);
            assert!((low..=high).contains(&drawn));
            seen[usize::try_from(drawn.as_micros()).unwrap()] += 1;
        }
        assert!(seen[3..].iter().all(|&count| count > 150), "{seen:?}");
    }

    #[test]
    fn an_empty_range_gives_its_only_value() {
        let one = Duration::from_secs(1);
        assert_eq!(Rng::new(1).between(one, one), one);
    }
}
