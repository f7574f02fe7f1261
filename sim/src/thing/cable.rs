//! A cable between a component and its device, and what happens to bytes in it.

use core::time::Duration;
use std::collections::VecDeque;

use thingwire_core::Instant;

use crate::choices::{Choices, Site};

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// To the device.
    Out,
    /// To the component.
    Back,
}

/// What happens to a line on its way. Chances are in 1,000, for each line.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// It is lost.
    pub drop: u64,
    /// It comes up to 4 s late; what follows waits behind it.
    pub delay: u64,
    /// It comes in pieces, with pauses that are mostly short, and sometimes longer than a line may take.
    pub split: u64,
    /// One of its bytes becomes one that is no text.
    pub garble: u64,
    /// It comes twice.
    pub duplicate: u64,
    /// It comes with 5,000 more bytes in front.
    pub overlong: u64,
    /// Its end is lost, and the next line is glued to it.
    pub cut: u64,
}

impl Faults {
    /// Everything goes wrong with this chance.
    pub fn all(per_mille: u64) -> Self {
        let chance = per_mille;
        Self {
            drop: chance,
            delay: chance,
            split: chance,
            garble: chance,
            duplicate: chance,
            overlong: chance / 4,
            cut: chance,
        }
    }
}

/// A cable: both ways keep their order.
#[derive(Debug, Clone, Default)]
pub struct Cable {
    /// What goes wrong. May be changed at any time.
    pub faults: Faults,
    ways: [VecDeque<(Instant, Vec<u8>)>; 2],
}

impl Cable {
    /// A cable in which this goes wrong.
    pub fn new(faults: Faults) -> Self {
        Self { faults, ways: Default::default() }
    }

    /// It is pulled out: what was in it is gone.
    pub fn unplug(&mut self) {
        self.ways = Default::default();
    }

    /// A line goes in.
    pub fn send(&mut self, now: Instant, way: Way, mut bytes: Vec<u8>, choices: &mut dyn Choices) {
        let mut happens = |per_mille| choices.chance(0, Site::Cable, per_mille);
        if happens(self.faults.drop) {
            return;
        }
        let [delay, split, garble, duplicate, overlong, cut] = [
            self.faults.delay,
            self.faults.split,
            self.faults.garble,
            self.faults.duplicate,
            self.faults.overlong,
            self.faults.cut,
        ]
        .map(happens);
        let len = bytes.len() as u64;
        if garble && len > 0 {
            let at = usize::try_from(choices.below(0, Site::Cable, len)).unwrap_or(0);
            bytes[at] |= 0x80;
        }
        if cut && len > 2 {
            bytes.truncate(usize::try_from(choices.between(0, Site::Cable, 1, len - 2)).unwrap_or(1));
        }
        if overlong {
            bytes.splice(0..0, [b'x'; 5_000]);
        }
        let mut at = now;
        if delay {
            at = at + choices.span(0, Site::Cable, Duration::ZERO, Duration::from_secs(4));
        }
        for _ in 0..=u32::from(duplicate) {
            at = self.put(at, way, &bytes, split, choices);
        }
    }

    fn put(&mut self, from: Instant, way: Way, bytes: &[u8], split: bool, choices: &mut dyn Choices) -> Instant {
        let queue = &mut self.ways[way as usize];
        let mut at = queue.back().map_or(from, |(last, _)| from.max(*last));
        let mut rest = bytes;
        while split && rest.len() > 1 {
            let len = choices.between(0, Site::Cable, 1, rest.len() as u64 - 1);
            let (piece, after) = rest.split_at(usize::try_from(len).unwrap_or(1));
            queue.push_back((at, piece.to_vec()));
            rest = after;
            let long = choices.chance(0, Site::Cable, 100);
            let most = Duration::from_millis(if long { 3_000 } else { 60 });
            at = at + choices.span(0, Site::Cable, Duration::ZERO, most);
        }
        queue.push_back((at, rest.to_vec()));
        at
    }

    /// What arrives by now.
    pub fn poll(&mut self, now: Instant, way: Way) -> Option<Vec<u8>> {
        let queue = &mut self.ways[way as usize];
        let ready = queue.front().is_some_and(|(at, _)| *at <= now);
        if ready { queue.pop_front().map(|(_, bytes)| bytes) } else { None }
    }

    /// When something arrives.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.ways.iter().filter_map(|way| way.front().map(|(at, _)| *at)).min()
    }
}
