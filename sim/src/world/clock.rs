//! The clock of one device, which need not agree with the world's.

use core::time::Duration;

use thingwire_core::Instant;

/// What a device takes for the time.
///
/// It is read at everything that happens, so it reckons in whole microseconds.
#[derive(Debug)]
pub(super) struct Clock {
    /// How far it is behind the world's: it stops while the device sleeps, and may be set back.
    behind_micros: u64,
    /// Since when it stands still.
    stopped_at: Option<Instant>,
    /// It ticks only this often; at least 1.
    tick_micros: u64,
    /// The latest time that it has shown.
    shown: Instant,
}

impl Default for Clock {
    fn default() -> Self {
        Self { behind_micros: 0, stopped_at: None, tick_micros: 1, shown: Instant::EPOCH }
    }
}

impl Clock {
    /// What it shows at this moment of the world's time.
    pub(super) fn read(&mut self, world: Instant) -> Instant {
        let world = self.stopped_at.unwrap_or(world);
        let micros = world.as_micros().saturating_sub(self.behind_micros);
        let since_tick = if self.tick_micros > 1 { micros % self.tick_micros } else { 0 };
        let now = Instant::from_micros(micros - since_tick);
        self.shown = self.shown.max(now);
        self.shown
    }

    /// The moment of the world's time at which it shows `device` or later.
    pub(super) fn reaches(&self, device: Instant) -> Instant {
        let mut micros = device.as_micros();
        if self.tick_micros > 1 {
            micros = micros.div_ceil(self.tick_micros).saturating_mul(self.tick_micros);
        }
        Instant::from_micros(micros.saturating_add(self.behind_micros))
    }

    pub(super) fn stop(&mut self, world: Instant) {
        self.stopped_at.get_or_insert(world);
    }

    pub(super) fn go_on(&mut self, world: Instant) {
        if let Some(stopped_at) = self.stopped_at.take() {
            self.behind_micros += world.as_micros().saturating_sub(stopped_at.as_micros());
        }
    }

    pub(super) fn set_tick(&mut self, tick: Duration) {
        self.tick_micros = micros(tick).max(1);
    }

    /// Sets it back. What it shows stands still until it has caught up: a driver must not let time go back.
    pub(super) fn set_back(&mut self, by: Duration) {
        self.behind_micros = self.behind_micros.saturating_add(micros(by));
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
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
