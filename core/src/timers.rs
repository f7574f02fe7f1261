//! The timers of the client: at most one of each kind.

use crate::Instant;

/// What a deadline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TimerKind {
    /// The next attempt begins.
    Reconnect,
    /// The attempt has taken too long.
    Connect,
    /// The server is asked for a sign of life.
    KeepAlive,
    /// The server gave no sign of life.
    Pingresp,
    /// The oldest SUBSCRIBE or UNSUBSCRIBE has no answer.
    Operation,
    /// A packet without an answer is sent again on the same link.
    Resend,
    /// A queued message's time runs out.
    Expiry,
    /// A request that was held back may be sent.
    Pace,
    /// A request over topics has no answer, or something about one is tried again.
    Request,
    /// DISCONNECT could not be written.
    Closing,
}

impl TimerKind {
    const ALL: [Self; 10] = [
        Self::Reconnect,
        Self::Connect,
        Self::KeepAlive,
        Self::Pingresp,
        Self::Operation,
        Self::Resend,
        Self::Expiry,
        Self::Pace,
        Self::Request,
        Self::Closing,
    ];
}

#[derive(Debug, Default)]
pub(crate) struct Timers {
    deadlines: [Option<Instant>; TimerKind::ALL.len()],
}

#[cfg(feature = "trace")]
crate::wire::fields!(Timers { deadlines });

impl Timers {
    pub(crate) fn set(&mut self, kind: TimerKind, deadline: impl Into<Option<Instant>>) {
        self.deadlines[kind as usize] = deadline.into();
    }

    pub(crate) fn stop(&mut self, kind: TimerKind) {
        self.set(kind, None);
    }

    pub(crate) fn deadline(&self, kind: TimerKind) -> Option<Instant> {
        self.deadlines[kind as usize]
    }

    /// The earliest deadline; of two at one instant, the kind that is declared first.
    pub(crate) fn next(&self) -> Option<(Instant, TimerKind)> {
        let armed = TimerKind::ALL.into_iter().filter_map(|kind| Some((self.deadlines[kind as usize]?, kind)));
        armed.min()
    }

    /// Takes the earliest timer that is due.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<TimerKind> {
        let (_, kind) = self.next().filter(|&(deadline, _)| deadline <= now)?;
        self.stop(kind);
        Some(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_place_of_its_own() {
        for (index, kind) in TimerKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, index);
        }
    }
}
