//! The reference model of a client: what follows from commands, links and packets alone.
//!
//! It knows nothing of timers, of actions or of how the client works inside. Where an effect has no visible cause of its
//! own, as with what expires, the model follows what the client tells, and a family of oracles judges whether it may.

pub(super) mod filters;
pub(super) mod link;
mod meaning;
pub(super) mod operations;
pub(super) mod session;
pub(super) mod shadows;
mod traffic;

use core::fmt;
use core::time::Duration;
use std::collections::VecDeque;

use thingwire_core::{Instant, LinkError, Notice, Outcome, Phase, Qos, ShadowEvent};

use self::filters::Filters;
use self::link::{LinkState, Stage};
pub(super) use self::meaning::Meaning;
use self::operations::{Kind, Operations, State};
use self::session::{Carried, Session};
use self::shadows::{Known, Shadows};
use self::traffic::Traffic;
use super::Rulebook;
use crate::trace::shadow::ShadowTopics;
use crate::trace::{Holds, Name, Operation, Packet, Published, Record, What};

/// A client.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) now: Instant,
    /// The deadline that the client has last told.
    pub(super) announced: Option<Instant>,
    pub(super) life: Life,
    pub(super) link: LinkState,
    pub(super) traffic: Traffic,
    pub(super) ops: Operations,
    pub(super) session: Session,
    pub(super) filters: Filters,
    pub(super) shadows: Shadows,
    /// Since when the client has been ready.
    pub(super) ready_since: Option<Instant>,
    /// What is decided and not told yet, in the order in which it was decided.
    pub(super) decided: VecDeque<Decided>,
    pub(super) phase: Phase,
    pub(super) holds: Option<Holds>,
    pub(super) paused: bool,
    /// Since when input has been held up, if it is: it is paused, or the application has as many messages as it may.
    pub(super) held_since: Option<Instant>,
    /// When it last was.
    pub(super) held_until: Option<Instant>,
    pub(super) healed_at: Option<Instant>,
    /// The socket takes no more: nothing can be sent that is due.
    pub(super) blocked: bool,
}

/// What the application wants of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Idle,
    Running,
    /// The goodbye is on its way; whether it starts again afterwards.
    Closing {
        again: bool,
    },
}

/// An operation whose end is certain.
#[derive(Debug)]
pub(super) struct Decided {
    pub(super) ticket: u64,
    pub(super) as_what: Decision,
    pub(super) at: Instant,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Sent,
    Acked,
    Subscribed(Box<[u8]>),
    Unsubscribed,
    Discarded,
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sent => "sent",
            Self::Acked => "acknowledged",
            Self::Subscribed(_) => "subscribed",
            Self::Unsubscribed => "unsubscribed",
            Self::Discarded => "withdrawn",
        })
    }
}

impl Model {
    pub(super) fn new() -> Self {
        Self {
            now: Instant::EPOCH,
            announced: None,
            life: Life::Idle,
            link: LinkState::default(),
            traffic: Traffic::default(),
            ops: Operations::default(),
            session: Session::default(),
            filters: Filters::default(),
            shadows: Shadows::default(),
            ready_since: None,
            decided: VecDeque::new(),
            phase: Phase::Idle,
            holds: None,
            paused: false,
            held_since: None,
            held_until: None,
            healed_at: None,
            blocked: false,
        }
    }

    /// Whether what was due by `due` is the client's fault: it is over, and the client has not asked to be woken for it.
    pub(super) fn is_late(&self, due: Instant, slack: Duration) -> bool {
        let due = due + slack;
        self.now > due && self.announced.is_none_or(|announced| announced > due)
    }

    /// Whether the application has let nothing be read for longer than this instant.
    pub(super) fn reads_nothing(&self, rules: &Rulebook) -> bool {
        self.held_since.is_some_and(|since| self.now.since(since) > rules.slack)
    }

    /// Whether input has been held up at any time since.
    pub(super) fn was_held_since(&self, since: Instant) -> bool {
        self.held_since.is_some() || self.held_until.is_some_and(|until| until >= since)
    }

    /// Follows whether input is held up.
    fn hold(&mut self, rules: &Rulebook) {
        let held = self.paused || self.link.unacked >= u32::from(rules.config.unacked_max);
        if held || self.held_since.is_some() {
            self.held_until = Some(self.now);
            self.held_since = if held { self.held_since.or(Some(self.now)) } else { None };
        }
    }

    pub(super) fn online(&self) -> bool {
        self.link.stage == Stage::Online && self.link.forbidden.is_none() && self.life == Life::Running
    }

    /// Two operations that ask for the same look the same on the wire. The older one was taken to be sent, and is now
    /// told to have been evicted before that: it was the newer one.
    pub(super) fn correct(&mut self, what: &What) {
        if let What::Finished { ticket, outcome: Outcome::Evicted } = *what {
            if let Some(twin) = self.ops.not_sent(ticket) {
                self.session.rename(ticket, twin);
            }
        }
    }
}

/// Effects.
impl Model {
    pub(super) fn apply(&mut self, record: &Record, meaning: Meaning, rules: &Rulebook) {
        match &record.what {
            What::Start => {
                self.life = match self.life {
                    Life::Closing { .. } => Life::Closing { again: true },
                    Life::Idle | Life::Running => Life::Running,
                };
            }
            What::Stop => self.stop(),
            What::Pause(paused) => self.paused = *paused,
            What::Blocked(blocked) => self.blocked = *blocked,
            What::Accepted { ticket, operation } => self.accept(*ticket, operation),
            What::Discarded(ticket, true) if self.shadows.asks.contains_key(ticket) => {
                self.shadows.withdraw(*ticket, record.at);
            }
            What::Discarded(ticket, true) => self.decide(*ticket, Decision::Discarded),
            What::Unwatched(shadow, true) => self.shadows.unwatch(*shadow, record.at),
            What::Shadow(text) => self.shadows.text = Some((**text).clone()),
            What::Finished { ticket, outcome } => self.finish(*ticket, outcome),
            What::Told(notice) => self.told(notice),
            What::Wake { .. } => {
                let unread = self.held_since.is_some() && self.online();
                self.session.woken(self.now, unread.then(|| self.now + rules.config.operation_timeout));
            }
            What::Phase(phase) => {
                self.phase = *phase;
                self.ready_since = (*phase == Phase::Ready).then_some(record.at);
                if matches!(phase, Phase::Draining | Phase::Ready) {
                    // What nobody uses needs not be renewed.
                    self.shadows.own.retain(|_, known| !matches!(known, Known::Lost | Known::Forgotten));
                    self.filters.renewals_over();
                }
            }
            What::Dial(link) => {
                self.link = LinkState::dialed(*link, record.at);
                self.traffic = Traffic::default();
            }
            What::Up(link) if self.link.number == *link && self.link.stage == Stage::Dialed => {
                self.link.stage = Stage::Up;
                self.link.was_up = true;
            }
            What::Down(link, why) if self.link.number == *link => self.down(why, rules),
            What::Close(link) if self.link.number == *link => self.gone(),
            What::Sent(link, packet) if self.link.number == *link => self.sent(packet, meaning, rules),
            What::Received(_, packet) if meaning != Meaning::Ignored => self.received(packet, meaning),
            // Its name is the catalogue's. What the server keeps for the session goes to whoever has it.
            What::Fault { name: "B15 takeover", .. } => self.shadows.robbed_at = Some(record.at),
            What::Healed => self.healed_at = Some(record.at),
            _ => {}
        }
        if let What::Sent(_, packet) | What::Received(_, packet) = &record.what {
            self.shadows.text = None;
            if matches!(packet, Packet::Publish(_)) {
                self.traffic.passed(record.at, rules);
            }
        }
        // What else happens neither fills nor empties the application's hands.
        if matches!(record.what, What::Pause(_) | What::Dial(_) | What::Sent(..) | What::Received(..)) {
            self.hold(rules);
        }
    }

    fn stop(&mut self) {
        match self.life {
            Life::Idle => {}
            Life::Closing { .. } => self.life = Life::Closing { again: false },
            Life::Running => {
                let online = self.link.stage == Stage::Online && self.link.forbidden.is_none();
                self.link.left = true;
                self.life = if online { Life::Closing { again: false } } else { Life::Idle };
            }
        }
    }

    fn accept(&mut self, ticket: u64, operation: &Operation) {
        self.ops.accept(ticket, operation);
        match operation {
            Operation::Publish(..) => {}
            Operation::Subscribe(filters) => self.filters.asked(ticket, filters),
            Operation::Unsubscribe(filters) => self.filters.ended(filters),
            Operation::Shadow(ask) => self.shadows.accept(ticket, ask, self.now),
            Operation::Watch(watch) => self.shadows.watch(ticket, watch, self.now),
        }
    }

    fn decide(&mut self, ticket: u64, as_what: Decision) {
        if self.ops.get(ticket).is_some() {
            self.ops.set(ticket, State::Decided);
            self.ops.advance();
            self.decided.push_back(Decided { ticket, as_what, at: self.now });
        }
    }

    fn finish(&mut self, ticket: u64, outcome: &Outcome) {
        let Some(op) = self.ops.get(ticket) else { return self.finish_ask(ticket, outcome) };
        let (state, unanswered) = (op.state, !matches!(outcome, Outcome::Subscribed(_)));
        if let Kind::Subscribe(filters) = &op.kind {
            if unanswered {
                self.filters.answered(ticket, filters, None);
            }
        }
        match state {
            State::Decided => {
                // Mostly the oldest.
                if let Some(index) = self.decided.iter().position(|decided| decided.ticket == ticket) {
                    self.decided.remove(index);
                }
            }
            State::InFlight if matches!(outcome, Outcome::ConnectionClosed { .. }) => {
                let carries = |what: &Carried| what.ticket() == Some(ticket);
                let id = self.session.iter().find(|bound| carries(&bound.what)).map(|bound| bound.id);
                id.and_then(|id| self.session.free(id));
            }
            State::InFlight => self.session.give_up(ticket),
            State::Waiting | State::Ended => {}
        }
        self.ops.set(ticket, State::Ended);
        if state == State::Waiting {
            self.ops.advance();
        }
    }

    fn finish_ask(&mut self, ticket: u64, outcome: &Outcome) {
        self.shadows.finish(ticket);
        self.shadows.cut_short.remove(&ticket);
        if let Some(watch) = self.shadows.watches.values_mut().find(|watch| watch.ticket == ticket) {
            watch.begun |= matches!(outcome, Outcome::Subscribed(_));
        }
    }

    fn told(&mut self, notice: &Notice) {
        match notice {
            Notice::Shadow(news) => {
                self.shadows.told(ShadowTopics::of(&news.shadow).shadow, &news.event, self.now);
                if let (ShadowEvent::NotSubscribed, Some(filter)) = (&news.event, self.link.condemned) {
                    self.shadows.renewal_given_up(filter);
                }
            }
            Notice::Stopped => {
                if let Life::Closing { again } = self.life {
                    self.life = if again { Life::Running } else { Life::Idle };
                }
            }
            Notice::SubscriptionLost { filter } => {
                let name = Name::of(filter.as_str().as_bytes());
                match self.filters.refused.iter().position(|&refused| refused == name) {
                    Some(index) => drop(self.filters.refused.remove(index)),
                    None => {
                        self.filters.renewed(name, false);
                        self.filters.refused.clear();
                    }
                }
            }
            _ => {}
        }
    }

    fn down(&mut self, why: &LinkError, rules: &Rulebook) {
        let by_server = *why == LinkError::Closed && self.online();
        if self.link.stage != Stage::Gone {
            self.link.told_down = Some(why.clone());
        }
        if by_server {
            self.closed_by_server(rules);
        }
        self.gone();
    }

    fn closed_by_server(&mut self, rules: &Rulebook) {
        let closes_max = rules.config.closes_max;
        let mut given_up = None;
        let weight = |what: &Carried| if let Carried::Renewal(filters) = what { filters.len() } else { 1 };
        let unanswered: Vec<_> = self.session.unanswered().filter(|bound| bound.answer_due.is_some()).collect();
        let alone = unanswered.iter().map(|bound| weight(&bound.what)).sum::<usize>() == 1;
        for bound in unanswered {
            match &bound.what {
                Carried::Renewal(filters) if alone => {
                    self.link.condemned = filters.first().copied();
                    self.shadows.condemn(filters.first().copied());
                }
                Carried::Ask(asked, _) => {
                    // Nobody is told of it, if nobody waits for its answer any more.
                    let cost = self.shadows.closed(*asked, alone);
                    given_up = given_up.or((alone && cost >= closes_max).then_some((bound.id, *asked)));
                }
                Carried::OwnSubscribe(filters) | Carried::OwnUnsubscribe(filters) => {
                    if let Some(first) = filters.first() {
                        self.shadows.closes.entry(*first).or_default().count(alone);
                    }
                }
                what => drop(what.ticket().map(|ticket| self.ops.closed(ticket, alone))),
            }
        }
        if let Some((id, asked)) = given_up {
            self.session.free(id);
            self.shadows.costs_no_more(asked);
        }
    }

    fn gone(&mut self) {
        if self.link.stage == Stage::Gone {
            return;
        }
        let doubtful = self.link.connect_at.is_some() && self.link.online_at.is_none() && self.link.refused.is_none();
        if doubtful {
            self.lose_filters();
        }
        self.ready_since = None;
        self.link.stage = Stage::Gone;
        self.link.gone_at = self.now;
        self.session.link_lost();
        self.filters.link_lost();
    }

    fn lose_filters(&mut self) {
        self.filters.lost();
        for known in self.shadows.own.values_mut().filter(|known| matches!(known, Known::Granted | Known::Maybe)) {
            *known = Known::Lost;
        }
    }

    fn sent(&mut self, packet: &Packet, meaning: Meaning, rules: &Rulebook) {
        let answer_due = self.now + rules.config.operation_timeout;
        let silent_since = self.link.silent_since();
        self.link.last_sent = self.now;
        let id = match packet {
            Packet::Publish(publish) => publish.id,
            Packet::Subscribe(id, _) | Packet::Unsubscribe(id, _) => *id,
            _ => 0,
        };
        if let Meaning::First { ticket, overtaking: true } = meaning {
            self.ops.pass(ticket);
        }
        match (packet, meaning) {
            (Packet::Connect { .. }, _) => self.link.connect_at = Some(self.now),
            (Packet::Puback(_), _) => self.link.unacked = self.link.unacked.saturating_sub(1),
            (Packet::Pingreq, _) => {
                if self.link.ping_sent_at.is_none() {
                    self.link.silent_before_ping = silent_since;
                }
                self.link.ping_sent_at = Some(self.now);
            }
            (Packet::Disconnect, _) => self.link.said_goodbye = true,
            (Packet::Publish(publish), Meaning::First { ticket, .. }) if publish.qos == Qos::AtMostOnce => {
                self.ops.set(ticket, State::InFlight);
                self.decide(ticket, Decision::Sent);
            }
            // Also where nobody asked for it, which is another's finding: it is answered like any other.
            (Packet::Subscribe(_, filters), Meaning::Renewal | Meaning::Stray) => {
                self.filters.renewal_sent(filters);
                let names = filters.iter().map(|&(filter, _)| filter).collect();
                self.session.bind(id, Carried::Renewal(names), self.now, answer_due);
            }
            (_, Meaning::First { ticket, .. }) => {
                let carried = match packet {
                    Packet::Subscribe(_, filters) => Carried::Subscribe(ticket, filters.len()),
                    Packet::Unsubscribe(..) => Carried::Unsubscribe(ticket),
                    _ => Carried::Publish(ticket),
                };
                self.ops.set(ticket, State::InFlight);
                self.ops.advance();
                self.session.bind(id, carried, self.now, answer_due);
            }
            (_, Meaning::Again { .. }) => self.session.sent_again(id, self.now),
            (Packet::Publish(publish), Meaning::Ask(asked)) => {
                self.shadows.sent(asked, publish);
                self.session.bind(id, Carried::Ask(asked, *publish), self.now, answer_due);
            }
            (Packet::Subscribe(_, filters), Meaning::Own) => {
                let names: Box<[_]> = filters.iter().map(|&(filter, _)| filter).collect();
                self.shadows.asked_for(&names);
                self.session.bind(id, Carried::OwnSubscribe(names), self.now, answer_due);
            }
            (Packet::Unsubscribe(_, filters), Meaning::Own) => {
                self.shadows.own.retain(|filter, _| !filters.contains(filter));
                self.filters.renewals_end(filters);
                self.session.bind(id, Carried::OwnUnsubscribe(filters.clone()), self.now, answer_due);
            }
            _ => {}
        }
    }

    fn received(&mut self, packet: &Packet, meaning: Meaning) {
        self.link.last_received = self.now;
        match (packet, meaning) {
            (_, Meaning::Forbidden(what)) => self.link.forbidden = Some(what),
            (_, Meaning::Refuses(code)) => self.link.refused = Some(code),
            (_, Meaning::Accepts { resumed }) => self.accepted(resumed),
            (Packet::Pingresp, _) => self.link.ping_sent_at = None,
            (Packet::Publish(message), Meaning::Message) if message.qos == Qos::AtLeastOnce => {
                self.link.unacked += 1;
                self.heard(message);
            }
            (Packet::Puback(id), Meaning::Answer(ticket)) => {
                self.session.free(*id);
                self.link.acks += 1;
                self.decide(ticket, Decision::Acked);
            }
            (Packet::Suback(id, codes), Meaning::Answer(ticket)) => {
                self.session.free(*id);
                if let Some(Kind::Subscribe(filters)) = self.ops.get(ticket).map(|op| &op.kind) {
                    self.filters.answered(ticket, filters, Some(codes));
                }
                self.decide(ticket, Decision::Subscribed(codes.clone()));
            }
            (Packet::Suback(id, codes), Meaning::RenewalAnswer) => {
                if let Some(Carried::Renewal(filters)) = self.session.free(*id).map(|bound| bound.what) {
                    for (filter, code) in filters.iter().zip(codes) {
                        self.filters.renewed(*filter, *code != 0x80);
                        if self.shadows.own.contains_key(filter) {
                            if *code == 0x80 {
                                self.shadows.refused.insert(*filter, self.now);
                            }
                            self.shadows.own_answered(*filter, *code, false);
                        }
                    }
                }
            }
            (Packet::Unsuback(id), Meaning::Answer(ticket)) => {
                self.session.free(*id);
                self.decide(ticket, Decision::Unsubscribed);
            }
            (Packet::Publish(message), Meaning::Message) => self.heard(message),
            (Packet::Puback(id), Meaning::AskAcked(asked)) => {
                self.session.free(*id);
                self.link.acks += 1;
                self.shadows.acked(asked);
            }
            (Packet::Suback(id, codes), Meaning::OwnAnswer { late }) => {
                let bound = self.session.free(*id);
                // One that comes late tells the client nothing: it has begun to wait before.
                let known_at = bound.as_ref().filter(|_| late).map_or(self.now, |bound| bound.first_sent_at);
                if let Some(Carried::OwnSubscribe(filters)) = bound.map(|bound| bound.what) {
                    filters.first().map(|first| self.shadows.closes.remove(first));
                    for (filter, code) in filters.iter().zip(codes) {
                        self.shadows.own_answered(*filter, *code, late);
                    }
                    if codes.contains(&0x80) {
                        self.shadows.refuse(&filters, known_at);
                    }
                }
            }
            (Packet::Unsuback(id), Meaning::OwnAnswer { .. }) => drop(self.session.free(*id)),
            (Packet::Suback(id, _) | Packet::Unsuback(id), Meaning::LateAnswer) => drop(self.session.free(*id)),
            _ => {}
        }
    }

    fn accepted(&mut self, resumed: bool) {
        self.link.stage = Stage::Online;
        self.link.resumed = resumed;
        self.link.online_at = Some(self.now);
        self.link.backlog_until = self.ops.last_ticket();
        self.link.last_sent = self.now;
        if !resumed {
            self.lose_filters();
        }
        let (used, unused) = self.shadows.begin_renewing();
        for what in self.session.accepted(resumed) {
            match what {
                Carried::Ask(asked, _) => self.shadows.again(asked),
                what => drop(what.ticket().map(|ticket| self.ops.set(ticket, State::Waiting))),
            }
        }
        self.filters.begin_renewing(used, unused);
        if !resumed || self.filters.renews() || self.shadows.lose_messages() {
            self.shadows.session_lost();
        }
    }

    fn heard(&mut self, message: &Published) {
        let Some(text) = self.shadows.text.take() else { return };
        if self.shadows.takes(message.topic) != Some(false) {
            self.shadows.heard(&text, message.tag, self.now);
        }
    }
}
