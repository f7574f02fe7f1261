//! What is known of the shadow, and the one request that may be under way.

use core::time::Duration;

use super::RequestId;
use super::cell::Write;
use crate::{Backoff, BackoffConfig, Instant, Rng};

/// A request that nobody answers or ends in this time is given up. The client's own deadlines are earlier.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct Cloud {
    pub(super) online: bool,
    pub(super) known: Known,
    /// The newest version heard of.
    pub(super) seen: Option<u64>,
    /// The version whose whole document is known. Only while it is the newest one `desired` may be written, on top of
    /// it: what slips in between makes the service refuse (S-5).
    pub(super) base: Option<u64>,
    /// The last version of the shadow that was under this name. What is told of it or of an older one may be late news
    /// of that, or of another whose versions began anew.
    buried: Option<u64>,
    /// Counts the shadows that were under this name.
    pub(super) epoch: u32,
    pub(super) in_flight: Option<InFlight>,
    /// The shadow is to be read before anything else.
    pub(super) to_read: bool,
    /// When it is to be read in any case.
    pub(super) read_at: Option<Instant>,
    /// Nothing is asked before.
    pub(super) hold_until: Option<Instant>,
    /// What was asked last is not allowed: a new connection does not change that.
    pub(super) denied: bool,
    /// Only so many properties in one update, after one that the service did not take.
    pub(super) at_most: Option<usize>,
    /// What time it was for the service when it last said so, in seconds since 1970.
    clock: Option<(Instant, u64)>,
    failures: u32,
    backoff: Backoff,
    rng: Rng,
    next_request: u64,
}

/// What is known of the shadow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// Nothing: nothing is reported yet.
    Nothing,
    /// There is none.
    Absent,
    /// What it holds.
    Document,
}

#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) id: RequestId,
    pub(super) until: Instant,
    pub(super) epoch: u32,
    pub(super) asked: Asked,
}

#[derive(Debug)]
pub(super) enum Asked {
    /// With the newest version heard of at that time: an older answer is of a shadow made anew.
    Get(Option<u64>),
    /// What is written for which properties.
    Update(Vec<(usize, Write)>),
}

/// What to make of a whole document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It is the newest there is.
    Newest,
    /// Something newer is known already: how it is now, only reading it tells.
    Overtaken,
}

impl Cloud {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            online: false,
            known: Known::Nothing,
            seen: None,
            base: None,
            buried: None,
            epoch: 0,
            in_flight: None,
            to_read: false,
            read_at: None,
            hold_until: None,
            denied: false,
            at_most: None,
            clock: None,
            failures: 0,
            backoff: Backoff::new(),
            rng: Rng::new(seed),
            next_request: 0,
        }
    }

    /// Whether something may be asked now.
    pub(super) fn is_free(&self, now: Instant) -> bool {
        self.online && self.in_flight.is_none() && self.hold_until.is_none_or(|until| until <= now)
    }

    /// The service says what time it is. It may have been on its way for long.
    pub(super) fn tells_time(&mut self, now: Instant, secs: Option<u64>) {
        self.clock = secs.map(|secs| (now, secs)).or(self.clock);
    }

    /// What time it is for the service, or earlier.
    pub(super) fn time(&self, now: Instant) -> Option<u64> {
        self.clock.map(|(at, secs)| secs.saturating_add(now.since(at).as_secs()))
    }

    /// A request is made.
    pub(super) fn ask(&mut self, now: Instant, asked: Asked) -> RequestId {
        self.next_request += 1;
        let id = RequestId(self.next_request);
        (self.hold_until, self.denied) = (None, false);
        self.in_flight = Some(InFlight { id, until: now + ANSWER_WITHIN, epoch: self.epoch, asked });
        id
    }

    /// The request of this name, if it is under way. It is over.
    pub(super) fn ended(&mut self, id: RequestId) -> Option<InFlight> {
        self.in_flight.take_if(|in_flight| in_flight.id == id)
    }

    /// Where a whole document of this version belongs. `asked` is what was the newest version when it was asked for, if
    /// it was by us: then one below that is of a shadow made anew (S-41).
    pub(super) fn place(&mut self, version: u64, asked: Option<u64>) -> Place {
        let anew = asked.is_some_and(|then| version < then);
        if anew {
            self.forget();
        } else if self.seen.is_some_and(|seen| version < seen) {
            self.to_read = true;
            return Place::Overtaken;
        }
        (self.seen, self.base, self.known) = (Some(version), Some(version), Known::Document);
        (self.to_read, self.buried) = (false, None);
        Place::Newest
    }

    /// A notification of this version. Tells whether nothing newer is known: the same version may have been told
    /// already, by what else the service says of one update (S-40).
    pub(super) fn told(&mut self, version: u64) -> bool {
        if self.buried.is_some_and(|buried| version <= buried) {
            self.to_read = true;
            return false;
        }
        let late = self.seen.is_some_and(|seen| version < seen);
        self.seen = self.seen.max(Some(version));
        !late
    }

    /// An update of ours made this version. Tells whether nothing newer is known.
    pub(super) fn accepted(&mut self, version: u64) -> bool {
        let (seen, before) = (self.seen, version.checked_sub(1));
        if self.base.is_some() && self.base == before {
            self.base = Some(version);
        } else if seen.is_some() && seen < before {
            // Somebody else's update is before ours, and nothing was heard of it.
            self.to_read = true;
        }
        self.known = Known::Document;
        (self.failures, self.backoff) = (0, Backoff::new());
        self.told(version)
    }

    /// The version on top of which `desired` may be written, if its document is known.
    pub(super) fn whole_version(&self) -> Option<u64> {
        self.base.filter(|_| self.base == self.seen)
    }

    /// There is no shadow of this name, or it is another one: versions begin anew, and what is under way is none of it.
    pub(super) fn forget(&mut self) {
        self.buried = self.seen.max(self.buried);
        (self.seen, self.base) = (None, None);
        self.epoch = self.epoch.wrapping_add(1);
    }

    /// Something went wrong that passes. The first time in a row, `at_once` goes on without a wait.
    pub(super) fn failure(&mut self, now: Instant, at_once: bool) {
        self.failures = self.failures.saturating_add(1);
        if !at_once || self.failures > 1 {
            self.hold_until = Some(now + self.backoff.wait(&BackoffConfig::default(), &mut self.rng));
        }
    }

    /// Nothing is left to be done.
    pub(super) fn rest(&mut self) {
        (self.failures, self.backoff, self.at_most) = (0, Backoff::new(), None);
    }

    /// When something is due, apart from what properties want.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        if let Some(in_flight) = &self.in_flight {
            return Some(in_flight.until);
        }
        self.hold_until.or(self.read_at).filter(|_| self.online)
    }
}
