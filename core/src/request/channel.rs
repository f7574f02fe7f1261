//! What is subscribed to for requests and streams: groups of filters, counted and lent.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Backoff, BackoffConfig, Filter, Instant, Rng, Ticket};

/// Names a channel. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ChannelId(u64);

#[cfg(feature = "trace")]
crate::wire::fields!(ChannelId(number));

/// Filters that are subscribed to together, for whoever uses them.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) filters: Vec<Filter>,
    pub(super) state: State,
    /// Requests that use it.
    pub(super) requests: BTreeSet<Ticket>,
    /// Streams that use it.
    pub(super) streams: usize,
    /// The server may know some of the filters.
    may_be_known: bool,
    /// The server's last answer was no.
    pub(super) refused: bool,
    /// Not to be asked for before, since that last failed.
    not_before: Option<Instant>,
    backoff: Backoff,
}

#[cfg(feature = "trace")]
crate::wire::fields!(Channel { filters, state, requests, streams, may_be_known, refused, not_before, backoff });

impl Channel {
    pub(super) fn is_used(&self) -> bool {
        !self.requests.is_empty() || self.streams > 0
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Waits for room, since it came into the line with this number.
    InLine(u64),
    /// Waits before it asks again.
    Retrying(Instant),
    Subscribing,
    Granted,
    /// Granted, and used by nobody since the release with this number.
    Idle(u64),
    Unsubscribing,
}

#[cfg(feature = "trace")]
crate::wire::variants!(State {
    0 = InLine(number),
    1 = Retrying(at),
    2 = Subscribing,
    3 = Granted,
    4 = Idle(number),
    5 = Unsubscribing,
});

/// What to do for a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Subscribe(ChannelId),
    Unsubscribe(ChannelId),
}

#[derive(Debug, Default)]
pub(super) struct Channels {
    all: BTreeMap<ChannelId, Channel>,
    by_filter: BTreeMap<Filter, ChannelId>,
    line: BTreeSet<(u64, ChannelId)>,
    idle: BTreeSet<(u64, ChannelId)>,
    retrying: BTreeSet<(Instant, ChannelId)>,
    /// Filters that the server knows or is asked for.
    held: usize,
    next_id: u64,
    /// Numbers places in the line and releases.
    next_number: u64,
}

#[cfg(feature = "trace")]
crate::wire::fields!(Channels { all, by_filter, line, idle, retrying, held, next_id, next_number });

impl Channels {
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn get(&self, id: ChannelId) -> Option<&Channel> {
        self.all.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: ChannelId) -> Option<&mut Channel> {
        self.all.get_mut(&id)
    }

    /// The channel that a topic belongs to, and the place of the topic in it.
    pub(super) fn of_topic(&self, topic: &str) -> Option<(ChannelId, usize)> {
        let &id = self.by_filter.get(topic)?;
        let place = self.all.get(&id)?.filters.iter().position(|filter| filter.as_str() == topic)?;
        Some((id, place))
    }

    /// Filters used by nobody, which may be given up at any time.
    pub(super) fn idle_filters(&self) -> usize {
        self.idle.iter().filter_map(|(_, id)| self.all.get(id)).map(|channel| channel.filters.len()).sum()
    }

    /// Filters of channels with streams: these are not given up for others.
    pub(super) fn stream_filters(&self) -> usize {
        self.all.values().filter(|channel| channel.streams > 0).map(|channel| channel.filters.len()).sum()
    }

    /// The channel of these filters, made when there is none; no other channel has one of them. The caller counts
    /// itself among its users.
    pub(super) fn open(&mut self, filters: &[Filter]) -> ChannelId {
        let known = filters.first().and_then(|first| self.by_filter.get(first)).copied();
        let id = known.unwrap_or_else(|| self.create(filters.to_vec()));
        if let Some(State::Idle(_)) = self.all.get(&id).map(|channel| channel.state) {
            self.set(id, State::Granted);
        }
        id
    }

    fn create(&mut self, filters: Vec<Filter>) -> ChannelId {
        let id = ChannelId(self.next_id);
        self.next_id += 1;
        for filter in &filters {
            self.by_filter.insert(filter.clone(), id);
        }
        let state = State::Unsubscribing;
        let channel = Channel {
            filters,
            state,
            requests: BTreeSet::new(),
            streams: 0,
            may_be_known: false,
            refused: false,
            not_before: None,
            backoff: Backoff::new(),
        };
        self.all.insert(id, channel);
        self.queue_up(id);
        id
    }

    fn queue_up(&mut self, id: ChannelId) {
        let number = self.number();
        self.set(id, State::InLine(number));
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    /// A user has left.
    pub(super) fn left(&mut self, id: ChannelId) -> Option<Step> {
        let channel = self.all.get(&id).filter(|channel| !channel.is_used())?;
        match channel.state {
            State::Granted => {
                let number = self.number();
                self.set(id, State::Idle(number));
            }
            State::InLine(_) | State::Retrying(_) if channel.may_be_known => {
                self.set(id, State::Unsubscribing);
                return Some(Step::Unsubscribe(id));
            }
            State::InLine(_) | State::Retrying(_) => self.remove(id),
            // Its answer comes.
            State::Subscribing | State::Unsubscribing | State::Idle(_) => {}
        }
        None
    }

    /// What can be done now, with room for `room` filters in all.
    pub(super) fn next_step(&mut self, now: Instant, room: usize, keep: bool) -> Option<Step> {
        while let Some(&(_, id)) = self.retrying.first().filter(|&&(at, _)| at <= now) {
            self.queue_up(id);
        }
        // The first in the line goes first, or a request of two filters would wait for ever behind those of one.
        let wanted = self.line.first().and_then(|&(_, id)| Some((id, self.all.get(&id)?.filters.len())));
        if let Some((id, _)) = wanted.filter(|(_, len)| self.held + len <= room) {
            self.set(id, State::Subscribing);
            return Some(Step::Subscribe(id));
        }
        let makes_room = wanted.is_some() || !keep || self.held > room;
        let &(_, id) = self.idle.first().filter(|_| makes_room)?;
        self.set(id, State::Unsubscribing);
        Some(Step::Unsubscribe(id))
    }

    /// Gives up what nobody uses.
    pub(super) fn let_go(&mut self, id: ChannelId) -> Option<Step> {
        let Some(State::Idle(_)) = self.all.get(&id).map(|channel| channel.state) else { return None };
        self.set(id, State::Unsubscribing);
        Some(Step::Unsubscribe(id))
    }

    /// Gives up one that nobody uses and that has such a filter.
    pub(super) fn end_idle(&mut self, is_lost: impl Fn(&Filter) -> bool) -> Option<Step> {
        let has_lost = |id: &ChannelId| self.all.get(id).is_some_and(|channel| channel.filters.iter().any(&is_lost));
        let id = self.idle.iter().map(|&(_, id)| id).find(has_lost)?;
        self.let_go(id)
    }

    /// When something is to be tried again.
    pub(super) fn next_retry(&self) -> Option<Instant> {
        self.retrying.first().map(|&(at, _)| at)
    }

    /// The server has granted all filters. Tells whether somebody still uses them.
    pub(super) fn granted(&mut self, id: ChannelId) -> bool {
        let Some(channel) = self.all.get_mut(&id) else { return false };
        (channel.backoff, channel.not_before) = (Backoff::new(), None);
        (channel.refused, channel.may_be_known) = (false, true);
        let used = channel.is_used();
        self.set(id, State::Granted);
        self.left(id);
        used
    }

    /// The server has refused a filter or has not answered: asks again later, if somebody still wants it.
    pub(super) fn failed(&mut self, id: ChannelId, failure: Failure, now: Instant, rng: &mut Rng) -> Option<Step> {
        let channel = self.all.get_mut(&id)?;
        channel.may_be_known = failure.may_be_known;
        channel.refused = failure.refused;
        let retry_at = now + channel.backoff.wait(&BackoffConfig::default(), rng);
        channel.not_before = Some(retry_at);
        // While it is being ended, who wants it again waits until that is done.
        if channel.state != State::Unsubscribing {
            self.set(id, State::Retrying(retry_at));
        }
        self.left(id)
    }

    /// The server has ended the subscription.
    pub(super) fn ended(&mut self, id: ChannelId) {
        let Some(channel) = self.all.get_mut(&id) else { return };
        channel.may_be_known = false;
        match (channel.is_used(), channel.not_before) {
            (true, Some(retry_at)) => self.set(id, State::Retrying(retry_at)),
            (true, None) => self.queue_up(id),
            (false, _) => self.remove(id),
        }
    }

    /// The server's session is lost. Returns the filters that nobody uses: they need not be restored.
    pub(super) fn session_lost(&mut self) -> Vec<Filter> {
        let idle: Vec<_> = self.idle.iter().map(|&(_, id)| id).collect();
        let filters = idle.iter().filter_map(|id| self.all.get(id)).flat_map(|channel| channel.filters.clone());
        let filters = filters.collect();
        for id in idle {
            self.remove(id);
        }
        filters
    }

    /// Takes a channel away with all that use it.
    pub(super) fn remove(&mut self, id: ChannelId) {
        self.set(id, State::Unsubscribing);
        let Some(channel) = self.all.remove(&id) else { return };
        for filter in channel.filters {
            self.by_filter.remove(&filter);
        }
    }

    /// The one place where a channel changes its state, and the counts with it.
    fn set(&mut self, id: ChannelId, state: State) {
        let Some(channel) = self.all.get_mut(&id) else { return };
        let len = channel.filters.len();
        match core::mem::replace(&mut channel.state, state) {
            State::InLine(number) => drop(self.line.remove(&(number, id))),
            State::Retrying(at) => drop(self.retrying.remove(&(at, id))),
            State::Idle(number) => {
                self.idle.remove(&(number, id));
                self.held -= len;
            }
            State::Subscribing | State::Granted => self.held -= len,
            State::Unsubscribing => {}
        }
        match state {
            State::InLine(number) => drop(self.line.insert((number, id))),
            State::Retrying(at) => drop(self.retrying.insert((at, id))),
            State::Idle(number) => {
                self.idle.insert((number, id));
                self.held += len;
            }
            State::Subscribing | State::Granted => self.held += len,
            // The server takes the packets in their order: the place is free for the next SUBSCRIBE.
            State::Unsubscribing => {}
        }
    }
}

/// How asking for a channel went wrong.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failure {
    pub(super) may_be_known: bool,
    pub(super) refused: bool,
}
