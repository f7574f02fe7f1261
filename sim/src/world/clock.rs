//! The clock of one device, which need not agree with the world's.

use core::time::Duration;

use thingwire_core::Instant;

/// What a device takes for the time.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// How far it is behind the world's: it stops while the device sleeps, and may be set back.
    behind: Duration,
    /// Since when it stands still.
    stopped_at: Option<Instant>,
    /// It ticks only this often.
    tick: Duration,
    /// The latest time that it has shown.
    shown: Instant,
}

impl Clock {
    /// What it shows at this moment of the world's time.
    pub(super) fn read(&mut self, world: Instant) -> Instant {
        let world = self.stopped_at.unwrap_or(world);
        let micros = micros(world.since(Instant::EPOCH + self.behind));
        let tick = micros_of_tick(self.tick);
        let now = Instant::from_micros(micros - micros % tick);
        self.shown = self.shown.max(now);
        self.shown
    }

    /// The moment of the world's time at which it shows `device` or later.
    pub(super) fn reaches(&self, device: Instant) -> Instant {
        let micros = micros(device.since(Instant::EPOCH));
        let ticks = micros.div_ceil(micros_of_tick(self.tick));
        Instant::from_micros(ticks.saturating_mul(micros_of_tick(self.tick))) + self.behind
    }

    pub(super) fn stop(&mut self, world: Instant) {
        self.stopped_at.get_or_insert(world);
    }

    pub(super) fn go_on(&mut self, world: Instant) {
        if let Some(stopped_at) = self.stopped_at.take() {
            self.behind += world.since(stopped_at);
        }
    }

    pub(super) fn set_tick(&mut self, tick: Duration) {
        self.tick = tick;
    }

    /// Sets it back. What it shows stands still until it has caught up: a driver must not let time go back.
    pub(super) fn set_back(&mut self, by: Duration) {
        self.behind += by;
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

fn micros_of_tick(tick: Duration) -> u64 {
    micros(tick).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Instant {
        Instant::EPOCH + Duration::from_secs(secs)
    }

    #[test]
    fn a_stopped_clock_goes_on_where_it_stood() {
        let mut clock = Clock::default();
        clock.stop(at(10));
        assert_eq!(clock.read(at(100)), at(10));
        clock.go_on(at(100));
        assert_eq!(clock.read(at(105)), at(15));
        assert_eq!(clock.reaches(at(15)), at(105));
    }

    #[test]
    fn a_coarse_clock_shows_a_deadline_only_at_its_tick() {
        let mut clock = Clock::default();
        clock.set_tick(Duration::from_secs(4));
        assert_eq!(clock.read(at(7)), at(4));
        assert_eq!(clock.reaches(at(5)), at(8));
        assert_eq!(clock.reaches(at(8)), at(8));
    }

    #[test]
    fn a_clock_that_is_set_back_stands_until_it_has_caught_up() {
        let mut clock = Clock::default();
        assert_eq!(clock.read(at(10)), at(10));
        clock.set_back(Duration::from_secs(5));
        assert_eq!(clock.read(at(12)), at(10));
        assert_eq!(clock.read(at(16)), at(11));
    }
}
