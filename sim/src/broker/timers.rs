//! What is due when, for any number of connections and sessions.

use std::collections::BTreeSet;

use thingwire_core::Instant;

use super::ConnectionId;

/// Whose alarm it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    Connection(ConnectionId),
    /// A session, by its row.
    Session(u32),
}

/// The one time that its owner waits for.
///
/// Moving it to a later time is free, which is what every packet does to a keep-alive: the entry in the index stays where it is,
/// and is put right when it comes due.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    at: Option<Instant>,
    /// Where the index has it: never later than `at`.
    indexed: Option<Instant>,
}

impl Alarm {
    /// When it rings, if it does.
    pub(super) fn at(&self) -> Option<Instant> {
        self.at
    }
}

/// The alarms in order.
#[derive(Debug, Default)]
pub(super) struct Timers {
    index: BTreeSet<(Instant, Owner)>,
    /// The first of the index.
    next: Option<Instant>,
}

impl Timers {
    /// The owner of `alarm` is woken at `at`, and no more at any other time.
    pub(super) fn set(&mut self, alarm: &mut Alarm, owner: Owner, at: Instant) {
        alarm.at = Some(at);
        if alarm.indexed.is_none_or(|indexed| indexed > at) {
            self.remove(alarm, owner);
            self.insert(alarm, owner, at);
        }
    }

    /// The owner of `alarm` is woken at `at` at the latest.
    pub(super) fn set_no_later(&mut self, alarm: &mut Alarm, owner: Owner, at: Instant) {
        if alarm.at.is_none_or(|set| set > at) {
            self.set(alarm, owner, at);
        }
    }

    pub(super) fn clear(&mut self, alarm: &mut Alarm, owner: Owner) {
        alarm.at = None;
        self.remove(alarm, owner);
    }

    /// No alarm is due before; but none need be due then.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Somebody whose alarm may be due; [`Timers::rings`] says whether it is, and must be asked.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Owner> {
        if self.next.is_none_or(|next| next > now) {
            return None;
        }
        let (_, owner) = self.index.pop_first()?;
        self.next = self.index.first().map(|(at, _)| *at);
        Some(owner)
    }

    /// Whether `alarm`, just taken out of the index, is due; it is then over. If it is not, it is put back.
    pub(super) fn rings(&mut self, alarm: &mut Alarm, owner: Owner, now: Instant) -> bool {
        alarm.indexed = None;
        match alarm.at {
            Some(at) if at > now => {
                self.insert(alarm, owner, at);
                false
            }
            at => {
                alarm.at = None;
                at.is_some()
            }
        }
    }

    fn insert(&mut self, alarm: &mut Alarm, owner: Owner, at: Instant) {
        alarm.indexed = Some(at);
        self.index.insert((at, owner));
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }

    fn remove(&mut self, alarm: &mut Alarm, owner: Owner) {
        if let Some(indexed) = alarm.indexed.take() {
            self.index.remove(&(indexed, owner));
            if self.next == Some(indexed) {
                self.next = self.index.first().map(|(at, _)| *at);
            }
        }
    }
}
