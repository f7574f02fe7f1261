//! Which of many watches something is about.

use core::num::NonZeroU64;
use std::collections::{BTreeMap, BTreeSet};

use super::watch::{Due, Watch};
use crate::request::ChannelId;
use crate::{Instant, Ticket};

/// The least of all.
const FIRST: Ticket = Ticket(NonZeroU64::MIN);

/// Found in the watches themselves: it is not recorded, and made anew where there is none.
#[derive(Debug, Default)]
pub(super) struct Index(Option<Found>);

#[derive(Debug, Default)]
pub(super) struct Found {
    by_channel: BTreeSet<(ChannelId, Ticket)>,
    by_reading: BTreeMap<Ticket, Ticket>,
    due: BTreeSet<(Due, Ticket)>,
    /// What is kept of each above.
    kept: BTreeMap<Ticket, (Option<Ticket>, Option<Due>)>,
}

impl Index {
    pub(super) fn of(&mut self, watches: &BTreeMap<Ticket, Watch>) -> &mut Found {
        self.0.get_or_insert_with(|| {
            let mut found = Found::default();
            for (&name, watch) in watches {
                found.added(name, watch);
            }
            found
        })
    }
}

impl Found {
    pub(super) fn added(&mut self, name: Ticket, watch: &Watch) {
        self.by_channel.extend(watch.channels().map(|channel| (channel, name)));
        self.changed(name, watch);
    }

    pub(super) fn removed(&mut self, name: Ticket, watch: &Watch) {
        for channel in watch.channels() {
            self.by_channel.remove(&(channel, name));
        }
        self.forget(name);
    }

    /// It reads its shadow, will, or does not any more.
    pub(super) fn changed(&mut self, name: Ticket, watch: &Watch) {
        self.forget(name);
        let (reading, due) = (watch.reading(), watch.due());
        self.by_reading.extend(reading.map(|ticket| (ticket, name)));
        self.due.extend(due.map(|due| (due, name)));
        self.kept.insert(name, (reading, due));
    }

    fn forget(&mut self, name: Ticket) {
        let Some((reading, due)) = self.kept.remove(&name) else { return };
        reading.map(|ticket| self.by_reading.remove(&ticket));
        due.map(|due| self.due.remove(&(due, name)));
    }

    /// The watches that use a channel.
    pub(super) fn on(&self, channel: ChannelId) -> BTreeSet<Ticket> {
        let from = self.by_channel.range((channel, FIRST)..);
        from.take_while(|(of, _)| *of == channel).map(|&(_, name)| name).collect()
    }

    /// The watch that reads its shadow by this request.
    pub(super) fn reader(&self, request: Ticket) -> Option<Ticket> {
        self.by_reading.get(&request).copied()
    }

    /// The watches that are to read their shadows now.
    pub(super) fn due(&self, now: Instant) -> BTreeSet<Ticket> {
        self.due.iter().take_while(|(due, _)| *due <= Due::At(now)).map(|&(_, name)| name).collect()
    }

    /// When the next one is to that waits.
    pub(super) fn next_retry(&self) -> Option<Instant> {
        let &(due, _) = self.due.range((Due::At(Instant::EPOCH), FIRST)..).next()?;
        if let Due::At(at) = due { Some(at) } else { None }
    }
}

#[cfg(feature = "trace")]
impl crate::wire::Wire for Index {
    fn put(&self, _: &mut crate::wire::Output) {}

    fn get(_: &mut crate::wire::Input<'_>) -> Result<Self, crate::wire::Bad> {
        Ok(Self::default())
    }
}
