//! A fleet of which each device is little more than its backoff.

use thingwire_core::{Backoff, Limits, Rng};

use super::capacity::{Server, Verdict};
use super::recovery::{Recorder, Recovery};
use super::wheel::Wheel;
use super::{Policy, Storm, millis};

/// With its eight bytes of the wheel, a device has 32.
struct Device {
    rng: Rng,
    backoff: Backoff,
}

const _: () = assert!(size_of::<Device>() == 24, "a million devices are small");

/// Every attempt is one step: how it ends is known when it begins, and so is when the next one begins.
pub(super) fn run(storm: &Storm, policy: &Policy, progress: &(dyn Fn(u32) + Sync)) -> Recovery {
    let mut fleet = Fleet::new(storm, policy);
    let until = millis(storm.until);
    let mut due = Vec::new();
    while let Some(now) = fleet.wheel.take(until, &mut due) {
        let before = fleet.recorder.connected();
        for &device in &due {
            fleet.attempt(device, now);
        }
        let back = fleet.recorder.connected() - before;
        if back > 0 {
            progress(back);
        }
    }
    fleet.finish()
}

struct Fleet<'a> {
    policy: &'a Policy,
    devices: Vec<Device>,
    wheel: Wheel,
    server: Server,
    recorder: Recorder,
    /// The client keeps this distance from its last CONNECT, whatever its backoff says.
    spacing: u32,
    /// What its backoff counts as an attempt more: the end of the connection that was lost.
    losses: u32,
}

impl<'a> Fleet<'a> {
    fn new(storm: &Storm, policy: &'a Policy) -> Self {
        let mut wheel = Wheel::new(storm.devices);
        let device = |number| {
            let mut device = Device { rng: Rng::new(storm.device_seed(number)), backoff: Backoff::new() };
            let mut first = storm.lost_at(number);
            if storm.loss.begins_with_a_wait() {
                first += millis(device.backoff.wait(&policy.backoff, &mut device.rng));
            }
            wheel.set(number, first);
            device
        };
        Self {
            policy,
            devices: (0..storm.devices).map(device).collect(),
            wheel,
            server: Server::new(storm),
            recorder: Recorder::new(storm, policy),
            spacing: millis(Limits::aws().connect_spacing),
            losses: u32::from(storm.loss.begins_with_a_wait()),
        }
    }

    fn attempt(&mut self, number: u32, now: u32) {
        let device = &mut self.devices[number as usize];
        let answer = self.server.attempt(number, now);
        self.recorder.began(number, now);
        match answer.verdict {
            Verdict::Accepted => {
                self.recorder.accepted(number, now, answer.end, device.backoff.attempt() - self.losses);
                return;
            }
            Verdict::Refused => self.recorder.refused(now, answer.end),
            Verdict::TimedOut => self.recorder.timed_out(now, answer.end),
        }
        let wait = millis(device.backoff.wait(&self.policy.backoff, &mut device.rng));
        let connected = answer.ready.unwrap_or(now);
        self.wheel.set(number, (answer.end + wait).max(connected + self.spacing));
    }

    fn finish(mut self) -> Recovery {
        for number in self.wheel.waiting() {
            // The attempt that it waits for is not made.
            self.recorder.left(self.devices[number as usize].backoff.attempt() - self.losses - 1);
        }
        self.recorder.finish()
    }
}
