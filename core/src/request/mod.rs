//! Requests that the service answers on topics: subscribe to the answers, wait until that is granted, publish, match the
//! answer. Whatever happens, a request has one end, by its deadline.
//!
//! What is kept across links is in the documentation of [`Client::ask_shadow`](crate::Client::ask_shadow). It knows nothing of
//! what is asked for.

mod channel;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

pub(crate) use self::channel::ChannelId;
use self::channel::{Channels, Failure, State, Step};
use crate::{Filter, Instant, Outcome, Publish, RequestConfig, Rng, Ticket, Unsent};

/// What somebody wants to have answered.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) publish: Publish,
    /// Where the answers come: the one that says yes, then the one that says no.
    pub(crate) answers: [Filter; 2],
    /// What the answer repeats.
    pub(crate) token: Arc<str>,
    pub(crate) deadline: Instant,
    /// Whether asking twice does no harm, so that it is asked again when an answer may have been lost with a session.
    pub(crate) repeatable: bool,
}

/// What is to be done for requests.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Subscribe(ChannelId, Vec<Filter>),
    Unsubscribe(ChannelId, Vec<Filter>),
    /// No request and no stream needs these any more; the server has forgotten them.
    Forget(Vec<Filter>),
    Publish(Ticket, Publish),
    /// Its answers are not subscribed to any more, or nobody waits for them: it is not sent, if it was not yet.
    Recall(Ticket),
    Ended(Ticket, End),
    /// What became of a channel, for the streams on it.
    Stream(ChannelId, StreamState),
}

#[cfg(feature = "trace")]
crate::wire::variants!(Effect {
    0 = Subscribe(channel, filters),
    1 = Unsubscribe(channel, filters),
    2 = Forget(filters),
    3 = Publish(ticket, publish),
    4 = Ended(ticket, end),
    5 = Stream(channel, state),
    6 = Recall(ticket),
});

/// How a request ended without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    TimedOut,
    Unsent(Unsent),
    /// The server closed the connection every time.
    ConnectionClosed(u32),
}

#[cfg(feature = "trace")]
crate::wire::variants!(End { 0 = TimedOut, 1 = Unsent(why), 2 = ConnectionClosed(times), });

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamState {
    Granted,
    /// The server refuses it, or does not answer; it is asked again.
    Refused,
    /// The server closed the connection every time: it is given up.
    GivenUp(u32),
}

#[cfg(feature = "trace")]
crate::wire::variants!(StreamState { 0 = Granted, 1 = Refused, 2 = GivenUp(times), });

/// What a message is to the requests.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) channel: ChannelId,
    /// Which of the channel's filters it came on.
    pub(crate) place: usize,
    /// The request that it answers, which is over with it.
    pub(crate) request: Option<Ticket>,
}

/// All requests and streams of a client.
#[derive(Debug)]
pub(crate) struct Requests {
    config: RequestConfig,
    channels: Channels,
    pending: BTreeMap<Ticket, Pending>,
    tokens: BTreeMap<Arc<str>, Ticket>,
    deadlines: BTreeSet<(Instant, Ticket)>,
    /// Their answers are subscribed to: they wait for their turn, the oldest first.
    ready: BTreeSet<Ticket>,
    in_flight: usize,
    /// Packets of ours that the client has and that have not ended.
    packets: BTreeMap<Ticket, Packet>,
    effects: VecDeque<Effect>,
}

#[cfg(feature = "trace")]
crate::wire::fields!(Requests { config, channels, pending, tokens, deadlines, ready, in_flight, packets, effects });

#[derive(Debug)]
struct Pending {
    /// Unless the client has it and it is not to be published again.
    publish: Option<Publish>,
    channel: ChannelId,
    token: Arc<str>,
    deadline: Instant,
    repeatable: bool,
    stage: Stage,
    /// A link has carried it before, so the service may have done it, whatever the stage is now.
    carried: bool,
}

#[cfg(feature = "trace")]
crate::wire::fields!(Pending { publish, channel, token, deadline, repeatable, stage, carried });

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Waiting,
    Published,
    /// Published, and acknowledged by the server.
    Acked,
}

#[cfg(feature = "trace")]
crate::wire::variants!(Stage { 0 = Waiting, 1 = Published, 2 = Acked, });

/// What a packet of ours is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Packet {
    Subscribe(ChannelId),
    Unsubscribe(ChannelId),
    /// The request's own ticket.
    Publish,
}

#[cfg(feature = "trace")]
crate::wire::variants!(Packet { 0 = Subscribe(channel), 1 = Unsubscribe(channel), 2 = Publish, });

impl Requests {
    pub(crate) fn new(config: RequestConfig) -> Self {
        Self {
            config,
            channels: Channels::default(),
            pending: BTreeMap::new(),
            tokens: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            ready: BTreeSet::new(),
            in_flight: 0,
            packets: BTreeMap::new(),
            effects: VecDeque::new(),
        }
    }

    /// Nothing was asked for that left a trace.
    pub(crate) fn is_idle(&self) -> bool {
        self.channels.is_empty() && self.packets.is_empty() && self.effects.is_empty()
    }

    /// Requests without an end.
    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }

    pub(crate) fn has_token(&self, token: &str) -> bool {
        self.tokens.contains_key(token)
    }

    /// The token of a request that has no end yet.
    pub(crate) fn token_of(&self, ticket: Ticket) -> Option<&str> {
        self.pending.get(&ticket).map(|pending| &*pending.token)
    }

    /// Filters that are subscribed to and used by nobody now.
    pub(crate) fn idle_filters(&self) -> usize {
        self.channels.idle_filters()
    }

    /// Whether `more` filters fit beside the streams there are, with room left for one request.
    pub(crate) fn has_room_for_streams(&self, more: usize, max: usize) -> bool {
        self.channels.stream_filters() + more + 2 <= max.min(self.config.filters_max)
    }

    /// Whether a request or a stream relies on this subscription.
    pub(crate) fn uses(&self, filter: &Filter) -> bool {
        let channel = self.channels.of_topic(filter.as_str()).and_then(|(id, _)| self.channels.get(id));
        channel.is_some_and(channel::Channel::is_used)
    }

    /// The application ends a subscription that nobody here relies on.
    pub(crate) fn let_go(&mut self, filter: &Filter) {
        let step = self.channels.of_topic(filter.as_str()).and_then(|(id, _)| self.channels.let_go(id));
        self.take(step);
    }

    /// Takes a request in. Its token is no other request's.
    pub(crate) fn ask(&mut self, ticket: Ticket, ask: Ask) {
        let Ask { publish, answers, token, deadline, repeatable } = ask;
        let channel = self.channels.open(&answers);
        if let Some(used) = self.channels.get_mut(channel) {
            used.requests.insert(ticket);
        }
        self.tokens.insert(token.clone(), ticket);
        self.deadlines.insert((deadline, ticket));
        let (publish, stage) = (Some(publish), Stage::Waiting);
        let pending = Pending { publish, channel, token, deadline, repeatable, stage, carried: false };
        self.pending.insert(ticket, pending);
        self.wait(ticket);
    }

    /// Ends a request that was not published yet. Tells whether it was in time.
    pub(crate) fn withdraw(&mut self, ticket: Ticket) -> bool {
        let unsent = |pending: &Pending| pending.stage == Stage::Waiting && !pending.carried;
        let in_time = self.pending.get(&ticket).is_some_and(unsent);
        if in_time {
            self.remove(ticket);
        }
        in_time
    }

    /// Forgets a request. It is not published any more; the answer to one that was will find nobody.
    pub(crate) fn forget(&mut self, ticket: Ticket) {
        self.remove(ticket);
        self.effects.push_back(Effect::Recall(ticket));
    }

    /// Subscribes to a stream; what becomes of it comes as [`Effect::Stream`].
    pub(crate) fn open_stream(&mut self, filters: &[Filter]) -> ChannelId {
        let id = self.channels.open(filters);
        if let Some(channel) = self.channels.get_mut(id) {
            channel.streams += 1;
            if channel.state == State::Granted {
                self.effects.push_back(Effect::Stream(id, StreamState::Granted));
            }
        }
        id
    }

    /// Ends a stream.
    pub(crate) fn close_stream(&mut self, id: ChannelId) {
        if let Some(channel) = self.channels.get_mut(id) {
            channel.streams = channel.streams.saturating_sub(1);
        }
        self.left(id);
    }

    /// A message arrived. `None` when its topic is none of ours. `is_unsent`: whether no link has carried a publish yet.
    pub(crate) fn heard(&mut self, topic: &str, payload: &Bytes, is_unsent: impl Fn(Ticket) -> bool) -> Option<Heard> {
        let (id, place) = self.channels.of_topic(topic)?;
        // The answer to what was not asked yet belongs to somebody else, or to an earlier request with this token.
        let request = self.answered(id, payload).filter(|ticket| !is_unsent(*ticket));
        if let Some(ticket) = request {
            self.remove(ticket);
        }
        Some(Heard { channel: id, place, request })
    }

    /// The request of this channel that `payload` answers.
    fn answered(&self, id: ChannelId, payload: &Bytes) -> Option<Ticket> {
        let channel = self.channels.get(id).filter(|channel| !channel.requests.is_empty())?;
        // Without a token it answers another's request, which could not be read (S-8): ours have one.
        let ticket = *self.tokens.get(&*crate::reply::token(payload)?)?;
        let was_published = |pending: &Pending| pending.stage != Stage::Waiting || pending.carried;
        let published = self.pending.get(&ticket).is_some_and(was_published);
        (published && channel.requests.contains(&ticket)).then_some(ticket)
    }

    /// A request was taken back before it was sent on this link, and waits again; whether an earlier link has carried it.
    pub(crate) fn recalled(&mut self, ticket: Ticket, publish: Publish, carried: bool) {
        let Some(pending) = self.pending.get_mut(&ticket) else { return };
        pending.carried |= carried;
        pending.publish = Some(publish);
        self.wait(ticket);
    }

    /// A request waits for its turn, which it has when its answers are subscribed to.
    fn wait(&mut self, ticket: Ticket) {
        let Some(pending) = self.pending.get_mut(&ticket) else { return };
        if core::mem::replace(&mut pending.stage, Stage::Waiting) != Stage::Waiting {
            self.in_flight -= 1;
        }
        if self.hears_answer_to(ticket) {
            self.ready.insert(ticket);
        }
    }

    /// A packet of ours was taken back before it was sent.
    pub(crate) fn packet_dropped(&mut self, ticket: Ticket) {
        self.packets.remove(&ticket);
    }

    /// The client has given a packet of ours this ticket.
    pub(crate) fn packet_made(&mut self, ticket: Ticket, packet: Packet) {
        self.packets.insert(ticket, packet);
    }

    /// Whether this ticket names a packet of ours.
    pub(crate) fn owns(&self, ticket: Ticket) -> bool {
        self.packets.contains_key(&ticket)
    }

    /// Whether a link has carried this request before it is published again.
    pub(crate) fn was_carried(&self, ticket: Ticket) -> bool {
        self.pending.get(&ticket).is_some_and(|pending| pending.carried)
    }

    /// Whether this request has no end yet, and the subscription to its answers was granted. It may have to be renewed.
    pub(crate) fn hears_answer_to(&self, ticket: Ticket) -> bool {
        let channel = self.pending.get(&ticket).and_then(|pending| self.channels.get(pending.channel));
        channel.is_some_and(|channel| channel.state == State::Granted)
    }

    /// A packet of ours has ended.
    pub(crate) fn packet_ended(&mut self, ticket: Ticket, outcome: &Outcome, now: Instant, rng: &mut Rng) {
        match self.packets.remove(&ticket) {
            Some(Packet::Publish) => self.publish_ended(ticket, outcome),
            Some(Packet::Subscribe(id)) => self.subscribe_ended(id, outcome, now, rng),
            Some(Packet::Unsubscribe(id)) => self.channels.ended(id),
            None => {}
        }
    }

    fn publish_ended(&mut self, ticket: Ticket, outcome: &Outcome) {
        let Some(pending) = self.pending.get_mut(&ticket) else { return };
        if let Outcome::ConnectionClosed { times } = outcome {
            self.end(ticket, End::ConnectionClosed(*times));
        } else {
            // Nothing else ends a publish of ours than its acknowledgement.
            (pending.stage, pending.carried) = (Stage::Acked, true);
        }
    }

    fn subscribe_ended(&mut self, id: ChannelId, outcome: &Outcome, now: Instant, rng: &mut Rng) {
        if let Outcome::ConnectionClosed { times } = outcome {
            return self.give_up(id, *times);
        }
        let grants = if let Outcome::Subscribed(grants) = outcome { Some(grants) } else { None };
        if grants.is_some_and(|grants| grants.iter().all(Option::is_some)) {
            if self.channels.granted(id) {
                self.channel_ready(id);
            }
            return;
        }
        // Without an answer, the server may have granted them all.
        let may_be_known = grants.is_none_or(|grants| grants.iter().any(Option::is_some));
        self.subscription_failed(id, Failure { may_be_known, refused: grants.is_some() }, now, rng);
    }

    fn channel_ready(&mut self, id: ChannelId) {
        let Some(channel) = self.channels.get(id) else { return };
        let waits = |ticket: &&Ticket| self.pending.get(ticket).is_some_and(|pending| pending.stage == Stage::Waiting);
        self.ready.extend(channel.requests.iter().filter(waits));
        self.effects.push_back(Effect::Stream(id, StreamState::Granted));
    }

    fn give_up(&mut self, id: ChannelId, times: u32) {
        let Some(channel) = self.channels.get(id) else { return };
        let requests = channel.requests.clone();
        self.effects.push_back(Effect::Stream(id, StreamState::GivenUp(times)));
        for ticket in requests {
            self.end(ticket, End::ConnectionClosed(times));
        }
        self.channels.remove(id);
    }

    fn subscription_failed(&mut self, id: ChannelId, failure: Failure, now: Instant, rng: &mut Rng) {
        let Some(channel) = self.channels.get(id) else { return };
        for ticket in &channel.requests {
            self.ready.remove(ticket);
            self.effects.push_back(Effect::Recall(*ticket));
        }
        self.effects.push_back(Effect::Stream(id, StreamState::Refused));
        let step = self.channels.failed(id, failure, now, rng);
        self.take(step);
    }

    /// The packet that asks for what this filter belongs to, if there is one.
    pub(crate) fn subscribe_of(&self, filter: &Filter) -> Option<Ticket> {
        let (wanted, _) = self.channels.of_topic(filter.as_str())?;
        let asks = |packet: &Packet| matches!(packet, Packet::Subscribe(id) if *id == wanted);
        self.packets.iter().find(|(_, packet)| asks(packet)).map(|(&ticket, _)| ticket)
    }

    /// The server does not renew, or has ended, a subscription for which no packet asks.
    pub(crate) fn subscription_lost(&mut self, filter: &Filter, now: Instant, rng: &mut Rng) {
        if let Some((id, _)) = self.channels.of_topic(filter.as_str()) {
            self.subscription_failed(id, Failure { may_be_known: true, refused: true }, now, rng);
        }
    }

    /// The server has lost the session, and what it knew of us with it: there is nothing to unsubscribe from.
    pub(crate) fn session_lost(&mut self) {
        let over = |(&ticket, packet): (&Ticket, &Packet)| match packet {
            Packet::Unsubscribe(id) => Some((ticket, *id)),
            Packet::Subscribe(_) | Packet::Publish => None,
        };
        for (ticket, id) in self.packets.iter().filter_map(over).collect::<Vec<_>>() {
            self.channels.ended(id);
            self.effects.push_back(Effect::Recall(ticket));
        }
        let idle = self.channels.session_lost();
        if !idle.is_empty() {
            self.effects.push_back(Effect::Forget(idle));
        }
        self.ask_again();
    }

    /// The server may have lost the session some time ago, and all filters that `is_lost` names. It may know them as well:
    /// what nobody uses of them is not renewed, but ended.
    pub(crate) fn session_doubted(&mut self, is_lost: impl Fn(&Filter) -> bool) {
        while let Some(step) = self.channels.end_idle(&is_lost) {
            self.take(Some(step));
        }
        self.ask_again();
    }

    /// An answer may have been lost with the session. What is not acknowledged is sent again anyway.
    fn ask_again(&mut self) {
        let is_again = |pending: &Pending| pending.repeatable && pending.stage == Stage::Acked;
        let again: Vec<_> = self.pending.iter().filter(|(_, pending)| is_again(pending)).map(|(&t, _)| t).collect();
        for ticket in again {
            self.wait(ticket);
        }
    }

    /// When [`work`](Self::work) is due next.
    pub(crate) fn next_deadline(&self, send: bool) -> Option<Instant> {
        let deadline = self.deadlines.first().map(|&(deadline, _)| deadline);
        // Trying again waits for the link.
        deadline.into_iter().chain(self.channels.next_retry().filter(|_| send)).min()
    }

    /// Ends what has had its time. `online`: the link takes requests.
    pub(crate) fn expire(&mut self, now: Instant, online: bool) {
        while let Some(&(_, ticket)) = self.deadlines.first().filter(|&&(deadline, _)| deadline <= now) {
            let end = self.why_late(ticket, online);
            self.end(ticket, end);
        }
    }

    /// Does what can be done now that the link takes requests; the effects tell. `room`: filters that may be subscribed to,
    /// in all.
    pub(crate) fn work(&mut self, now: Instant, room: usize) {
        let (room, keep) = (room.min(self.config.filters_max), self.config.keep_subscriptions);
        while let Some(step) = self.channels.next_step(now, room, keep) {
            self.take(Some(step));
        }
        self.publish_ready(now);
    }

    fn publish_ready(&mut self, now: Instant) {
        let mut next = self.ready.first().copied();
        while let Some(ticket) = next.filter(|_| self.in_flight < self.config.in_flight_max) {
            next = self.ready.range((core::ops::Bound::Excluded(ticket), core::ops::Bound::Unbounded)).next().copied();
            // One that has had its time only waits to be told so.
            let Some(pending) = self.pending.get_mut(&ticket).filter(|pending| pending.deadline > now) else {
                continue;
            };
            self.ready.remove(&ticket);
            pending.stage = Stage::Published;
            self.in_flight += 1;
            let publish = if pending.repeatable { pending.publish.clone() } else { pending.publish.take() };
            self.effects.extend(publish.map(|publish| Effect::Publish(ticket, publish)));
        }
    }

    fn why_late(&self, ticket: Ticket, online: bool) -> End {
        let Some(pending) = self.pending.get(&ticket) else { return End::TimedOut };
        let channel = self.channels.get(pending.channel);
        match (pending.stage, channel.map(|channel| channel.state)) {
            (Stage::Published | Stage::Acked, _) => End::TimedOut,
            (Stage::Waiting, _) if pending.carried => End::TimedOut,
            (Stage::Waiting, _) if channel.is_some_and(|channel| channel.refused) => {
                End::Unsent(Unsent::SubscriptionRefused)
            }
            (Stage::Waiting, _) if !online => End::Unsent(Unsent::Offline),
            (Stage::Waiting, Some(State::Subscribing | State::Retrying(_))) => End::Unsent(Unsent::NotSubscribed),
            (Stage::Waiting, _) => End::Unsent(Unsent::Crowded),
        }
    }

    pub(crate) fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    fn end(&mut self, ticket: Ticket, end: End) {
        self.remove(ticket);
        self.effects.push_back(Effect::Ended(ticket, end));
    }

    fn remove(&mut self, ticket: Ticket) {
        let Some(pending) = self.pending.remove(&ticket) else { return };
        let Pending { channel, token, deadline, stage, .. } = pending;
        self.deadlines.remove(&(deadline, ticket));
        self.ready.remove(&ticket);
        self.tokens.remove(&token);
        if stage != Stage::Waiting {
            self.in_flight -= 1;
        }
        if let Some(used) = self.channels.get_mut(channel) {
            used.requests.remove(&ticket);
        }
        self.left(channel);
    }

    fn left(&mut self, id: ChannelId) {
        let step = self.channels.left(id);
        self.take(step);
    }

    fn take(&mut self, step: Option<Step>) {
        let filters = |id| self.channels.get(id).map(|channel| channel.filters.clone()).unwrap_or_default();
        match step {
            Some(Step::Subscribe(id)) => self.effects.push_back(Effect::Subscribe(id, filters(id))),
            Some(Step::Unsubscribe(id)) => self.effects.push_back(Effect::Unsubscribe(id, filters(id))),
            None => {}
        }
    }
}
