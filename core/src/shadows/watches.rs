//! All watches, and which of them something is about.

use core::num::NonZeroU64;
use std::collections::{BTreeMap, BTreeSet};

use super::watch::{Due, Watch};
use crate::derived::Derived;
use crate::request::ChannelId;
use crate::{Instant, ShadowName, Ticket};

/// By the tickets of the calls that began them. There may be many, so that nobody goes through them for one message.
#[derive(Debug, Default)]
pub(super) struct Watches {
    all: BTreeMap<Ticket, Watch>,
    index: Derived<Index>,
}

#[cfg(feature = "trace")]
crate::wire::fields!(Watches { all, index });

#[derive(Debug, Default)]
struct Index {
    by_channel: BTreeSet<(ChannelId, Ticket)>,
    by_reading: BTreeMap<Ticket, Ticket>,
    due: BTreeSet<(Due, Ticket)>,
}

/// The least of all.
const FIRST: Ticket = Ticket(NonZeroU64::MIN);

impl Watches {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Watch> + Clone {
        self.all.values()
    }

    pub(super) fn insert(&mut self, name: Ticket, watch: Watch) {
        self.index().begin(name, &watch);
        self.all.insert(name, watch);
    }

    pub(super) fn remove(&mut self, name: Ticket) -> Option<Watch> {
        let watch = self.all.remove(&name)?;
        // Made without it, the index has nothing of it to lose.
        self.index().end(name, &watch);
        Some(watch)
    }

    /// The one way in which something happens to a watch, if it is there.
    pub(super) fn change(&mut self, name: Ticket, change: impl FnOnce(&mut Watch)) {
        let index = self.index.or_find(|| Index::of(&self.all));
        let Some(watch) = self.all.get_mut(&name) else { return };
        index.remove(name, watch);
        change(watch);
        index.insert(name, watch);
    }

    /// The server has lost the session: nearly all of them have something to read now.
    pub(super) fn session_lost(&mut self) {
        self.index.forget();
        self.all.values_mut().for_each(Watch::session_lost);
    }

    /// Those that use a channel.
    pub(super) fn on(&mut self, channel: ChannelId) -> BTreeSet<Ticket> {
        let from = self.index().by_channel.range((channel, FIRST)..);
        from.take_while(|(of, _)| *of == channel).map(|&(_, name)| name).collect()
    }

    /// The one that reads its shadow by this request.
    pub(super) fn reader(&mut self, request: Ticket) -> Option<Ticket> {
        self.index().by_reading.get(&request).copied()
    }

    /// Those of a shadow.
    pub(super) fn of(&self, shadow: &ShadowName) -> impl Iterator<Item = Ticket> {
        self.all.iter().filter(move |(_, watch)| watch.shadow() == shadow).map(|(&name, _)| name)
    }

    /// Those that are to read their shadows now.
    pub(super) fn due(&mut self, now: Instant) -> BTreeSet<Ticket> {
        self.index().due.iter().take_while(|(due, _)| *due <= Due::At(now)).map(|&(_, name)| name).collect()
    }

    /// When the next one is to that waits.
    pub(super) fn next_retry(&mut self) -> Option<Instant> {
        let &(due, _) = self.index().due.range((Due::At(Instant::EPOCH), FIRST)..).next()?;
        if let Due::At(at) = due { Some(at) } else { None }
    }

    fn index(&mut self) -> &mut Index {
        self.index.or_find(|| Index::of(&self.all))
    }
}

impl Index {
    fn of(watches: &BTreeMap<Ticket, Watch>) -> Self {
        let mut index = Self::default();
        for (&name, watch) in watches {
            index.begin(name, watch);
        }
        index
    }

    fn begin(&mut self, name: Ticket, watch: &Watch) {
        self.by_channel.extend(watch.channels().map(|channel| (channel, name)));
        self.insert(name, watch);
    }

    fn end(&mut self, name: Ticket, watch: &Watch) {
        for channel in watch.channels() {
            self.by_channel.remove(&(channel, name));
        }
        self.remove(name, watch);
    }

    fn insert(&mut self, name: Ticket, watch: &Watch) {
        self.by_reading.extend(watch.reading().map(|request| (request, name)));
        self.due.extend(watch.due().map(|due| (due, name)));
    }

    fn remove(&mut self, name: Ticket, watch: &Watch) {
        watch.reading().map(|request| self.by_reading.remove(&request));
        watch.due().map(|due| self.due.remove(&(due, name)));
    }
}
