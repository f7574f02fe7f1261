//! The one place where a run lets anything be decided: every draw names its site.
//!
//! Each site of each device has a stream of its own, made from the seed and the site's name. So a new site, or one more
//! draw at another one, does not reshuffle what a seed means everywhere else. Zero is the simplest answer at every
//! site: nothing goes wrong, nothing is late, nothing is cut.

use core::time::Duration;
use std::collections::BTreeMap;

use thingwire_core::Rng;

use crate::trace::Name;

/// Who answers the draws of a run.
pub trait Choices {
    /// A number below `n`; 0 where `n` is 0.
    fn below(&mut self, device: u32, site: Site, n: u64) -> u64;

    /// Whether something happens that has a chance of `per_mille` in 1,000.
    fn chance(&mut self, device: u32, site: Site, per_mille: u64) -> bool {
        let drawn = self.below(device, site, 1_000);
        // Zero is "no" even where the chance is 1,000 in 1,000 but one.
        drawn >= 1_000 - per_mille.min(1_000) && per_mille > 0
    }

    /// A number in `low..=high`.
    fn between(&mut self, device: u32, site: Site, low: u64, high: u64) -> u64 {
        low + self.below(device, site, high.saturating_sub(low).saturating_add(1))
    }

    /// A span in `low..=high`, in whole microseconds.
    fn span(&mut self, device: u32, site: Site, low: Duration, high: Duration) -> Duration {
        let micros = |span: Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.between(device, site, micros(low), micros(high)))
    }
}

macro_rules! sites {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// Where a draw is made.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Site {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Site {
            /// Every site.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The name that the site's stream is made from: renaming a site changes what seeds mean.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

sites! {
    /// What a profile makes of a seed.
    Profile = "profile",
    /// The range of a scenario file.
    Scenario = "scenario",
    /// The seed of a client's own jitter.
    ClientSeed = "client.seed",
    /// How much longer a segment travels.
    Jitter = "net.jitter",
    /// Where the stream is cut.
    Segment = "net.segment",
    /// How many bytes the socket takes.
    Write = "net.write",
    /// When the application does the next thing.
    AppTime = "app.time",
    /// What it does.
    AppWork = "app.work",
    /// How late a wake is.
    Late = "clock.late",
    /// What is injected or flipped.
    Garbage = "broker.garbage",
    /// Where a driver skips a drain, or asks in another order.
    Driver = "driver",
    /// What the application asks of shadows.
    Shadow = "app.shadow",
    /// What others do to shadows.
    Cloud = "cloud",
    /// A device of a fleet.
    Fleet = "fleet",
    /// What a device with lines does wrong.
    Device = "thing.device",
    /// What happens in its cable.
    Cable = "thing.cable",
    /// What people want of it, and do to it.
    Hands = "thing.hands",
}

/// Draws made from a seed.
#[derive(Debug, Clone)]
pub struct Seeded {
    seed: u64,
    /// The streams of each device, made when they are first asked.
    streams: Vec<[Option<Rng>; Site::ALL.len()]>,
}

impl Seeded {
    /// The draws of this seed.
    pub fn new(seed: u64) -> Self {
        Self { seed, streams: Vec::new() }
    }
}

impl Choices for Seeded {
    fn below(&mut self, device: u32, site: Site, n: u64) -> u64 {
        let index = device as usize;
        if self.streams.len() <= index {
            self.streams.resize(index + 1, [const { None }; Site::ALL.len()]);
        }
        let seed = self.seed;
        let drawn = self.streams[index][site as usize].get_or_insert_with(|| stream(seed, device, site)).next_u64();
        // Multiply-shift; the bias is below n / 2^64.
        u64::try_from((u128::from(drawn) * u128::from(n)) >> 64).unwrap_or(0)
    }
}

/// The client's own generator, begun at a place of its own for each seed, device and site.
fn stream(seed: u64, device: u32, site: Site) -> Rng {
    let name = Name::of(site.name().as_bytes()).0;
    // Neighbouring seeds and devices must not walk in step: mix before the first draw.
    let mixed = Rng::new(seed ^ name.rotate_left(17)).next_u64();
    let device = u64::from(device).wrapping_mul(0xd6e8_feb8_6659_fd93);
    Rng::new(Rng::new(mixed.wrapping_add(device)).next_u64())
}

/// Draws read from bytes, for fuzzers: each takes as many bytes as its range needs, and zero once they are used up.
#[derive(Debug, Clone)]
pub struct Read<'a> {
    bytes: &'a [u8],
}

impl<'a> Read<'a> {
    /// The draws that these bytes stand for.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }
}

impl Choices for Read<'_> {
    fn below(&mut self, _: u32, _: Site, n: u64) -> u64 {
        if n <= 1 {
            return 0;
        }
        let width = usize::try_from(71 - (n - 1).leading_zeros()).unwrap_or(64) / 8;
        let (taken, rest) = self.bytes.split_at(width.min(self.bytes.len()));
        self.bytes = rest;
        taken.iter().fold(0_u64, |number, &byte| number << 8 | u64::from(byte)) % n
    }
}

/// Draws that were recorded, site by site; zero once a site's are used up, or where a site was never asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    drawn: BTreeMap<(u32, Site), Vec<u64>>,
    used: BTreeMap<(u32, Site), usize>,
}

impl Choices for Script {
    fn below(&mut self, device: u32, site: Site, n: u64) -> u64 {
        let used = self.used.entry((device, site)).or_default();
        let drawn = self.drawn.get(&(device, site)).and_then(|drawn| drawn.get(*used)).copied().unwrap_or(0);
        *used += 1;
        drawn.min(n.saturating_sub(1))
    }
}

/// Draws of another kind, written down.
#[derive(Debug, Clone)]
pub struct Recording<C> {
    inner: C,
    script: Script,
}

impl<C: Choices> Recording<C> {
    /// Writes down what `inner` answers.
    pub fn new(inner: C) -> Self {
        Self { inner, script: Script::default() }
    }

    /// What was answered.
    pub fn into_script(self) -> Script {
        self.script
    }
}

impl<C: Choices> Choices for Recording<C> {
    fn below(&mut self, device: u32, site: Site, n: u64) -> u64 {
        let drawn = self.inner.below(device, site, n);
        self.script.drawn.entry((device, site)).or_default().push(drawn);
        drawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(choices: &mut impl Choices, device: u32, site: Site) -> Vec<u64> {
        (0..100).map(|_| choices.below(device, site, 1_000)).collect()
    }

    #[test]
    fn a_seed_means_the_same_for_ever() {
        let mut seeded = Seeded::new(7);
        let drawn: Vec<_> = (0..6).map(|_| seeded.below(0, Site::Jitter, 1_000)).collect();
        assert_eq!(drawn, [338, 958, 164, 979, 184, 753]);
    }

    #[test]
    fn sites_and_devices_do_not_disturb_each_other() {
        let alone = draws(&mut Seeded::new(7), 1, Site::Jitter);
        let mut busy = Seeded::new(7);
        let mut beside = Vec::new();
        for _ in 0..100 {
            busy.below(0, Site::Jitter, 5);
            beside.push(busy.below(1, Site::Jitter, 1_000));
            busy.below(1, Site::Segment, 9);
        }
        assert_eq!(alone, beside);
        assert_ne!(alone, draws(&mut Seeded::new(7), 2, Site::Jitter));
        assert_ne!(alone, draws(&mut Seeded::new(8), 1, Site::Jitter));
    }

    #[test]
    fn what_was_recorded_is_answered_again() {
        let mut recording = Recording::new(Seeded::new(3));
        let (one, other) = (draws(&mut recording, 0, Site::Write), draws(&mut recording, 1, Site::Late));
        let mut script = recording.into_script();
        assert_eq!(draws(&mut script, 1, Site::Late), other);
        assert_eq!(draws(&mut script, 0, Site::Write), one);
        assert_eq!(script.below(0, Site::Write, 10), 0, "used up");
    }

    #[test]
    fn bytes_are_used_sparingly_and_then_nothing_goes_wrong() {
        let mut read = Read::new(&[7, 1, 2, 9]);
        assert_eq!(read.below(0, Site::Write, 1), 0, "nothing to choose");
        assert_eq!(read.below(0, Site::Write, 256), 7);
        assert_eq!(read.below(0, Site::Write, 257), 0x0102 % 257);
        assert_eq!(read.below(0, Site::Write, 4), 1);
        assert!(!read.chance(0, Site::Write, 999));
    }
}
