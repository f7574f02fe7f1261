//! What came of a storm.

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::BinaryHeap;

use super::{Policy, Storm};

/// The parts of a fleet, in per cent, whose return is timed.
pub const MILESTONES: [u32; 4] = [50, 90, 99, 100];

/// How a fleet came back, and at what price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// How the devices waited.
    pub policy: Policy,
    /// How many there are.
    pub devices: u32,
    /// How many were accepted before the end of the study.
    pub connected: u32,
    /// When each of [`MILESTONES`] was reached, from the loss on; `None` when it was not.
    pub reached: [Option<Duration>; MILESTONES.len()],
    /// Attempts in all. Each ended in one of three ways: a device connected, or was refused, or timed out.
    pub attempts: u64,
    /// Attempts that the server refused.
    pub refused: u64,
    /// Attempts that the device gave up.
    pub timed_out: u64,
    /// How long the devices were at it, all attempts together: what their radios cost.
    pub on_air: Duration,
    /// What happened in each second, up to the last in which anything did.
    pub seconds: Vec<Second>,
    /// How many devices made 0, 1, 2, … attempts.
    pub devices_by_attempts: Vec<u32>,
    /// What some devices did, evenly chosen by their numbers.
    pub shown: Vec<Life>,
}

/// What one device did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// Its number.
    pub device: u32,
    /// When its attempts began, in milliseconds since the loss: the first 512.
    pub attempts_millis: Vec<u32>,
    /// When it was back.
    pub back_at_millis: Option<u32>,
}

/// How many devices are shown, at most.
const SHOWN_MAX: u32 = 96;
/// How many attempts of each: room that is taken once, so that memory does not depend on what happens.
const ATTEMPTS_SHOWN: usize = 512;

/// What happened in one second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Second {
    /// Attempts that began.
    pub attempts: u32,
    /// Devices that learnt that they are back.
    pub accepted: u32,
    /// Devices that learnt that they were refused.
    pub refused: u32,
    /// Devices that gave an attempt up.
    pub timed_out: u32,
}

impl Recovery {
    /// The most attempts that began in one second.
    pub fn peak_attempts(&self) -> u32 {
        self.seconds.iter().map(|second| second.attempts).max().unwrap_or(0)
    }

    /// The most refusals in one second.
    pub fn peak_refused(&self) -> u32 {
        self.seconds.iter().map(|second| second.refused).max().unwrap_or(0)
    }

    /// Attempts of a device on average; all but the last of a device that is back were wasted.
    pub fn attempts_mean(&self) -> f64 {
        part(self.attempts, self.devices)
    }

    /// The attempts that `percent` of the devices did not exceed; 100 for the worst device.
    pub fn attempts_percentile(&self, percent: u32) -> usize {
        let wanted = milestone(self.devices, percent);
        let mut seen = 0;
        let within = |&count: &u32| {
            seen += count;
            seen >= wanted
        };
        self.devices_by_attempts.iter().position(within).unwrap_or(0)
    }

    /// Seconds that a device spent in attempts on average.
    pub fn on_air_mean(&self) -> f64 {
        self.on_air.as_secs_f64() / f64::from(self.devices)
    }
}

#[expect(clippy::cast_precision_loss, reason = "an average of counts far below 2^52")]
fn part(total: u64, count: u32) -> f64 {
    total as f64 / f64::from(count)
}

/// How many devices are this part of the fleet.
fn milestone(devices: u32, percent: u32) -> u32 {
    let count = (u64::from(devices) * u64::from(percent)).div_ceil(100);
    u32::try_from(count).unwrap_or(devices)
}

/// The device that is shown in this place: the first of those that fall to it.
fn nth_of(index: u32, shown: u32, devices: u32) -> u32 {
    let first = (u64::from(index) * u64::from(devices)).div_ceil(u64::from(shown));
    u32::try_from(first).unwrap_or(devices)
}

/// Writes down what happens, in the order in which it ends.
pub(super) struct Recorder {
    recovery: Recovery,
    milestones: [u32; MILESTONES.len()],
    on_air_millis: u64,
    /// When devices will be back that are not yet: with ways of several lengths, who begins first is not the first back.
    coming: BinaryHeap<Reverse<u32>>,
    back: u32,
}

impl Recorder {
    pub(super) fn new(storm: &Storm, policy: &Policy) -> Self {
        let shown = storm.devices.min(SHOWN_MAX);
        let life = |device| Life { device, attempts_millis: Vec::with_capacity(ATTEMPTS_SHOWN), back_at_millis: None };
        let recovery = Recovery {
            shown: (0..shown).map(|index| life(nth_of(index, shown, storm.devices))).collect(),
            policy: *policy,
            devices: storm.devices,
            connected: 0,
            reached: [None; MILESTONES.len()],
            attempts: 0,
            refused: 0,
            timed_out: 0,
            on_air: Duration::ZERO,
            seconds: Vec::new(),
            devices_by_attempts: Vec::new(),
        };
        let milestones = MILESTONES.map(|percent| milestone(storm.devices, percent));
        Self { recovery, milestones, on_air_millis: 0, coming: BinaryHeap::new(), back: 0 }
    }

    pub(super) fn connected(&self) -> u32 {
        self.recovery.connected
    }

    /// An attempt of a device began, at this millisecond.
    pub(super) fn began(&mut self, device: u32, at: u32) {
        self.arrived(at);
        self.recovery.attempts += 1;
        self.second(at).attempts += 1;
        if let Some(life) = self.shown(device).filter(|life| life.attempts_millis.len() < ATTEMPTS_SHOWN) {
            life.attempts_millis.push(at);
        }
    }

    /// An attempt that began at `began` was accepted, the last of so many.
    pub(super) fn accepted(&mut self, device: u32, began: u32, at: u32, attempts: u32) {
        self.ended(began, at).accepted += 1;
        if let Some(life) = self.shown(device) {
            life.back_at_millis = Some(at);
        }
        self.recovery.connected += 1;
        self.coming.push(Reverse(at));
        self.made(attempts);
    }

    /// Whoever was to be back by now is: nobody who begins later can be sooner.
    fn arrived(&mut self, now: u32) {
        while let Some(&Reverse(at)) = self.coming.peek().filter(|&&Reverse(at)| at <= now) {
            self.coming.pop();
            self.back += 1;
            for (milestone, reached) in self.milestones.iter().zip(&mut self.recovery.reached) {
                if *milestone == self.back {
                    *reached = Some(Duration::from_millis(at.into()));
                }
            }
        }
    }

    pub(super) fn refused(&mut self, began: u32, at: u32) {
        self.ended(began, at).refused += 1;
        self.recovery.refused += 1;
    }

    pub(super) fn timed_out(&mut self, began: u32, at: u32) {
        self.ended(began, at).timed_out += 1;
        self.recovery.timed_out += 1;
    }

    /// A device is not back at the end, after so many attempts.
    pub(super) fn left(&mut self, attempts: u32) {
        self.made(attempts);
    }

    pub(super) fn finish(mut self) -> Recovery {
        self.arrived(u32::MAX);
        self.recovery.on_air = Duration::from_millis(self.on_air_millis);
        self.recovery
    }

    fn shown(&mut self, device: u32) -> Option<&mut Life> {
        let (shown, devices) = (u32::try_from(self.recovery.shown.len()).ok()?, self.recovery.devices);
        let index = u64::from(device) * u64::from(shown) / u64::from(devices);
        self.recovery.shown.get_mut(usize::try_from(index).ok()?).filter(|life| life.device == device)
    }

    fn ended(&mut self, began: u32, at: u32) -> &mut Second {
        self.on_air_millis += u64::from(at - began);
        self.second(at)
    }

    fn made(&mut self, attempts: u32) {
        *entry(&mut self.recovery.devices_by_attempts, attempts) += 1;
    }

    fn second(&mut self, at: u32) -> &mut Second {
        entry(&mut self.recovery.seconds, at / 1_000)
    }
}

/// The entry of this number, of a list that grows as far as needed.
fn entry<T: Default + Clone>(list: &mut Vec<T>, index: u32) -> &mut T {
    let index = index as usize;
    if list.len() <= index {
        list.resize(index + 1, T::default());
    }
    &mut list[index]
}
