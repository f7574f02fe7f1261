//! What is asked of device shadows, what is watched, and what the client subscribes to and publishes for that.

use std::collections::{BTreeMap, BTreeSet};

use thingwire_core::{Instant, ShadowEvent};

use super::operations::same_message;
use crate::trace::shadow::{Says, ShadowAsk, ShadowText, Verb, WatchAsk};
use crate::trace::{Name, Published};

#[derive(Debug, Default)]
pub(in crate::oracle) struct Shadows {
    pub(in crate::oracle) asks: BTreeMap<u64, Ask>,
    /// Links that the server closed while this was unanswered.
    costs: BTreeMap<Asked, u32>,
    /// Readings for watches that were published, and may have ended without anybody being told.
    pub(in crate::oracle) reads: BTreeMap<Name, Read>,
    pub(in crate::oracle) watches: BTreeMap<Name, Watch>,
    /// The filters that the client has subscribed to for all this.
    pub(in crate::oracle) own: BTreeMap<Name, Known>,
    /// Of these, the ones that nobody may have needed at some time since they were granted: the client may have decided
    /// to end them, which shows only when it says so.
    doubtful: BTreeSet<Name>,
    /// All filters that any of it has ever needed.
    ever: BTreeSet<Name>,
    /// When the server last refused the subscription to it.
    pub(in crate::oracle) refused: BTreeMap<Name, Instant>,
    /// What was being renewed alone when the server closed the link: at some time that counts as refused.
    pub(in crate::oracle) condemned: BTreeSet<Name>,
    /// Links that the server closed while the SUBSCRIBE or UNSUBSCRIBE that begins with this filter was unanswered.
    pub(in crate::oracle) closes: BTreeMap<Name, Closes>,
    /// Calls of watches that were ended before they were told to have begun, when, and whether they might have been told.
    pub(in crate::oracle) cut_short: BTreeMap<u64, (Instant, bool)>,
    /// Those that were granted with QoS 0 only.
    weak: BTreeSet<Name>,
    /// When somebody else last had the session.
    pub(in crate::oracle) robbed_at: Option<Instant>,
    /// What the next PUBLISH says.
    pub(in crate::oracle) text: Option<ShadowText>,
}

/// Links that the server closed while something was unanswered.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::oracle) struct Closes {
    count: u32,
    /// How many there were when it last was alone unanswered.
    pub(in crate::oracle) when_alone: u32,
}

impl Closes {
    pub(super) fn count(&mut self, alone: bool) {
        self.count += 1;
        if alone {
            self.when_alone = self.count;
        }
    }
}

/// A request of the application's.
#[derive(Debug)]
pub(in crate::oracle) struct Ask {
    pub(in crate::oracle) request: ShadowAsk,
    pub(in crate::oracle) since: Instant,
    pub(in crate::oracle) token: Option<Name>,
    pub(in crate::oracle) stage: Stage,
    pub(in crate::oracle) published: Option<Published>,
    /// What it has to be told to have ended with.
    pub(in crate::oracle) decided: Option<Decided>,
    /// Links that the server had closed on it when it last was alone unanswered.
    pub(in crate::oracle) closes: u32,
}

impl Ask {
    pub(in crate::oracle) fn answers(&self) -> [Name; 2] {
        self.request.topics.answers_to(self.request.verb)
    }

    /// Whether a link has carried it.
    pub(in crate::oracle) fn was_sent(&self) -> bool {
        self.published.is_some()
    }

    /// Whether it has been published and has no answer.
    pub(in crate::oracle) fn waits_for_answer(&self) -> bool {
        self.was_sent() && self.decided.is_none()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::oracle) enum Stage {
    /// To be published, for the first time or again.
    Waiting,
    /// Published, and not acknowledged.
    InFlight,
    Acked,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::oracle) struct Decided {
    /// Withdrawn, where it is `None`; else whether the service said yes.
    pub(in crate::oracle) accepted: Option<bool>,
    /// The fingerprint of the answer.
    pub(in crate::oracle) tag: u64,
    pub(in crate::oracle) at: Instant,
}

/// A reading for a watch.
#[derive(Debug)]
pub(in crate::oracle) struct Read {
    pub(in crate::oracle) shadow: Name,
    pub(in crate::oracle) published: Published,
    pub(in crate::oracle) acked: bool,
}

/// A watched shadow.
#[derive(Debug)]
pub(in crate::oracle) struct Watch {
    pub(in crate::oracle) ticket: u64,
    pub(in crate::oracle) since: Instant,
    pub(in crate::oracle) ask: WatchAsk,
    /// Its call was told to have ended well.
    pub(in crate::oracle) begun: bool,
    /// When something was last told of it.
    pub(in crate::oracle) told_at: Option<Instant>,
    /// The newest versions told.
    pub(in crate::oracle) delta: Option<u64>,
    pub(in crate::oracle) documents: Option<u64>,
    pub(in crate::oracle) current: Option<u64>,
    /// It was told to be deleted, and no answer to a reading was heard since: the next may be from before.
    pub(in crate::oracle) gone: bool,
}

impl Watch {
    /// The newest version told, by whatever.
    pub(in crate::oracle) fn newest(&self) -> Option<u64> {
        self.delta.max(self.documents).max(self.current)
    }
}

/// Whether the server knows a filter of the client's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::oracle) enum Known {
    Asked,
    Granted,
    /// It was granted after the client may have given up waiting for that.
    Maybe,
    Lost,
    /// Lost, and perhaps not wanted any more.
    Forgotten,
}

/// What a PUBLISH of the client's own is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::oracle) enum Asked {
    Request(u64),
    Read(Name),
}

impl Shadows {
    pub(super) fn accept(&mut self, ticket: u64, ask: &ShadowAsk, since: Instant) {
        let answers = ask.topics.answers_to(ask.verb);
        self.ever.extend(answers);
        // What ends at this instant may have ended before, and left these to nobody.
        let unused = |filter: &Name| !self.used_since(*filter, since, since);
        self.doubtful.extend(answers.into_iter().filter(unused).collect::<Vec<_>>());
        let (token, stage) = (ask.token, Stage::Waiting);
        let request = ask.clone();
        let new = Ask { request, since, token, stage, published: None, decided: None, closes: 0 };
        self.asks.insert(ticket, new);
    }

    pub(super) fn watch(&mut self, ticket: u64, ask: &WatchAsk, since: Instant) {
        self.ever.extend(ask.streams());
        if ask.reads {
            self.ever.extend(ask.topics.answers_to(Verb::Get));
        }
        let ask = ask.clone();
        let shadow = ask.topics.shadow;
        let (told_at, delta, documents, current) = (None, None, None, None);
        let new = Watch { ticket, since, ask, begun: false, told_at, delta, documents, current, gone: false };
        self.watches.insert(shadow, new);
    }

    pub(super) fn unwatch(&mut self, shadow: Name, at: Instant) {
        if let Some(watch) = self.watches.remove(&shadow) {
            self.lapse(watch.ask.streams());
            if !watch.begun {
                let granted = watch.ask.streams().all(|filter| self.is_granted(filter));
                self.cut_short.insert(watch.ticket, (at, granted));
            }
        }
        self.reads.retain(|_, read| read.shadow != shadow);
    }

    pub(in crate::oracle) fn watch_of(&self, ticket: u64) -> Option<&Watch> {
        self.watches.values().find(|watch| watch.ticket == ticket)
    }

    /// What has not ended.
    pub(in crate::oracle) fn live(&self) -> usize {
        self.asks.len()
    }

    /// How many requests have been published and have not ended. One whose time is over counts until that is told: the
    /// device may sleep.
    pub(in crate::oracle) fn in_flight(&self) -> usize {
        self.asks.values().filter(|ask| ask.waits_for_answer()).count()
    }

    /// How many of these the client has published on this link, or has an acknowledgement of.
    pub(in crate::oracle) fn on_the_way(&self, now: Instant) -> usize {
        let on_the_way = |ask: &Ask| ask.waits_for_answer() && ask.stage != Stage::Waiting;
        self.asks.values().filter(|ask| on_the_way(ask) && ask.request.deadline > now).count()
    }

    /// A request has ended.
    pub(super) fn finish(&mut self, ticket: u64) {
        if let Some(ask) = self.asks.remove(&ticket) {
            self.lapse(ask.answers());
        }
    }

    /// Somebody who needed these needs them no more.
    fn lapse(&mut self, filters: impl IntoIterator<Item = Name>) {
        for filter in filters {
            if !self.uses(filter) {
                self.doubtful.insert(filter);
            }
        }
    }

    /// The client asks for these.
    pub(super) fn asked_for(&mut self, filters: &[Name]) {
        for filter in filters {
            self.own.entry(*filter).or_insert(Known::Asked);
        }
    }

    /// The server has granted this or refused it, after the client may have given up waiting for that if it is `late`.
    pub(super) fn own_answered(&mut self, filter: Name, code: u8, late: bool) {
        self.weak.remove(&filter);
        if code == 0 {
            self.weak.insert(filter);
        }
        if code == 0x80 {
            self.own.remove(&filter);
        } else if late {
            // Unless it was ended since.
            self.own.entry(filter).and_modify(|known| *known = Known::Maybe);
            self.doubtful.insert(filter);
        } else {
            self.own.insert(filter, Known::Granted);
            self.doubtful.remove(&filter);
            self.lapse([filter]);
        }
    }

    /// The server has refused some of what was asked for at once: what becomes of the rest shows later.
    pub(super) fn refuse(&mut self, filters: &[Name], at: Instant) {
        self.refused.extend(filters.iter().map(|filter| (*filter, at)));
        self.doubtful.extend(filters);
    }

    /// Links that the server closed on a SUBSCRIBE or UNSUBSCRIBE that begins with this, as it stood when that was alone.
    pub(in crate::oracle) fn closes_alone(&self, filter: Name) -> u32 {
        self.closes.get(&filter).map_or(0, |closes| closes.when_alone)
    }

    /// Whether some request or watch has needed all of these.
    pub(in crate::oracle) fn are_asked_for<'a>(&self, mut filters: impl Iterator<Item = &'a Name>) -> bool {
        filters.all(|filter| self.ever.contains(filter))
    }

    /// Whether something that has not ended certainly uses this filter.
    pub(super) fn uses(&self, filter: Name) -> bool {
        let asked = self.asks.values().any(|ask| ask.decided.is_none() && ask.answers().contains(&filter));
        asked || self.watches.values().any(|watch| watch.ask.streams().any(|stream| stream == filter))
    }

    /// Whether the client certainly wants this to be subscribed to.
    fn needs(&self, filter: Name) -> bool {
        self.uses(filter) && !self.doubtful.contains(&filter)
    }

    /// Whether something that has not ended by `now` has used this filter since before this instant.
    pub(in crate::oracle) fn used_since(&self, filter: Name, before: Instant, now: Instant) -> bool {
        // One whose time is over has ended, although that may not have been told yet.
        let live = |ask: &Ask| ask.since < before && ask.request.deadline > now;
        let asked = |ask: &Ask| live(ask) && ask.answers().contains(&filter);
        let watched = |watch: &Watch| watch.since < before && watch.ask.streams().any(|stream| stream == filter);
        self.asks.values().any(asked) || self.watches.values().any(watched)
    }

    /// Whether messages on this topic are the client's, are the application's, or may be either's.
    pub(in crate::oracle) fn takes(&self, topic: Name) -> Option<bool> {
        if !self.ever.contains(&topic) {
            return Some(false);
        }
        let known = matches!(self.own.get(&topic), Some(Known::Granted | Known::Maybe));
        (known || self.uses(topic)).then_some(true)
    }

    /// Whether this is subscribed to, or was and is owed a renewal.
    pub(in crate::oracle) fn is_granted(&self, filter: Name) -> bool {
        matches!(self.own.get(&filter), Some(Known::Granted | Known::Maybe | Known::Lost))
    }

    /// Whether the answers to this request come.
    pub(in crate::oracle) fn hears_answers(&self, answers: [Name; 2]) -> bool {
        answers.iter().all(|filter| matches!(self.own.get(filter), Some(Known::Granted | Known::Maybe)))
    }

    /// The same, and the client knows it.
    pub(in crate::oracle) fn surely_hears_answers(&self, answers: [Name; 2]) -> bool {
        answers.iter().all(|filter| self.own.get(filter) == Some(&Known::Granted))
    }

    /// What a PUBLISH that is not sent again is, by its token.
    pub(super) fn asked(&self, publish: &Published) -> Option<Asked> {
        let text = self.text.as_ref()?;
        let Says::Ask(verb) = text.says else { return None };
        let here =
            |ask: &&Ask| ask.decided.is_none() && ask.request.verb == verb && ask.request.topics.shadow == text.shadow;
        let named = |ask: &Ask| ask.token.is_some() && ask.token == text.token;
        // One whose time is over may not have been told, while its token is another's already.
        let mut others = self.asks.iter().filter(|(_, ask)| here(ask) && named(ask)).peekable();
        if others.peek().is_some() {
            let same = |ask: &Ask| ask.published.is_none_or(|published| same_message(&published, publish));
            let waits = |ask: &Ask| ask.stage == Stage::Waiting && same(ask);
            return others.rfind(|(_, ask)| waits(ask)).map(|(ticket, _)| Asked::Request(*ticket));
        }
        let nameless = |ask: &&Ask| here(ask) && ask.token.is_none();
        let by_ticket = text.ticket.filter(|ticket| self.asks.get(ticket).as_ref().is_some_and(nameless));
        if let Some(ticket) = by_ticket {
            return Some(Asked::Request(ticket));
        }
        let token = text.token?;
        let reads = self.watches.get(&text.shadow).is_some_and(|watch| watch.ask.reads);
        if verb == Verb::Get && reads && text.ticket.is_some() {
            return Some(Asked::Read(token));
        }
        // A token that was given with an update's own text.
        let unsent = self.asks.iter().find(|(_, ask)| nameless(ask) && verb == Verb::Update);
        unsent.map(|(ticket, _)| Asked::Request(*ticket))
    }

    /// The application has withdrawn a request in time.
    pub(super) fn withdraw(&mut self, ticket: u64, at: Instant) {
        if let Some(ask) = self.asks.get_mut(&ticket) {
            ask.decided = Some(Decided { accepted: None, tag: 0, at });
            let answers = ask.answers();
            self.lapse(answers);
        }
    }

    pub(super) fn carried(&self, asked: Asked) -> Option<&Published> {
        match asked {
            Asked::Request(ticket) => self.asks.get(&ticket)?.published.as_ref(),
            Asked::Read(token) => self.reads.get(&token).map(|read| &read.published),
        }
    }

    pub(super) fn sent(&mut self, asked: Asked, publish: &Published) {
        let Some(text) = &self.text else { return };
        match asked {
            Asked::Request(ticket) => {
                if let Some(ask) = self.asks.get_mut(&ticket) {
                    (ask.stage, ask.token, ask.published) = (Stage::InFlight, text.token, Some(*publish));
                }
            }
            Asked::Read(token) => {
                let read = Read { shadow: text.shadow, published: *publish, acked: false };
                self.reads.insert(token, read);
            }
        }
    }

    pub(super) fn acked(&mut self, asked: Asked) {
        self.costs_no_more(asked);
        match asked {
            Asked::Request(ticket) => {
                if let Some(ask) = self.asks.get_mut(&ticket) {
                    ask.stage = Stage::Acked;
                }
            }
            Asked::Read(token) => {
                if let Some(read) = self.reads.get_mut(&token) {
                    read.acked = true;
                }
            }
        }
    }

    /// Whether what is sent while no link is up may be lost also for a session that lives on.
    pub(super) fn lose_messages(&self) -> bool {
        self.weak.iter().any(|filter| self.own.contains_key(filter))
    }

    /// The server has lost the session, or it may have. What is not acknowledged is in `again` where it has to be made
    /// again; a get whose answer may be lost is made again anyway.
    pub(super) fn session_lost(&mut self) {
        for ask in self.asks.values_mut().filter(|ask| ask.request.verb == Verb::Get && ask.stage == Stage::Acked) {
            ask.stage = Stage::Waiting;
        }
    }

    /// A link is accepted. The filters that have to be subscribed to again, and those of which nobody can see whether
    /// the client still wants them.
    pub(super) fn begin_renewing(&mut self) -> (Vec<Name>, Vec<Name>) {
        let lost = self.own.iter().filter(|(_, known)| matches!(known, Known::Lost | Known::Forgotten));
        let needed = |(filter, known): &(&Name, &Known)| **known == Known::Lost && self.needs(**filter);
        let (needed, others): (Vec<_>, Vec<_>) = lost.partition(needed);
        let names = |filters: Vec<(&Name, &Known)>| filters.into_iter().map(|(filter, _)| *filter).collect::<Vec<_>>();
        let (needed, others) = (names(needed), names(others));
        for filter in &others {
            if !self.uses(*filter) {
                self.own.insert(*filter, Known::Forgotten);
            }
        }
        (needed, others)
    }

    pub(super) fn again(&mut self, asked: Asked) {
        if let Asked::Request(ticket) = asked {
            if let Some(ask) = self.asks.get_mut(&ticket) {
                ask.stage = Stage::Waiting;
            }
        }
    }

    /// The server closed a link on which this was unanswered. How many that makes, also where it has ended meanwhile.
    pub(super) fn closed(&mut self, asked: Asked, alone: bool) -> u32 {
        let cost = self.costs.entry(asked).or_default();
        *cost += 1;
        if let (Asked::Request(ticket), true) = (asked, alone) {
            if let Some(ask) = self.asks.get_mut(&ticket) {
                ask.closes = *cost;
            }
        }
        *cost
    }

    pub(super) fn costs_no_more(&mut self, asked: Asked) {
        self.costs.remove(&asked);
    }

    /// The request that a message answers.
    pub(in crate::oracle) fn answered(&self, text: &ShadowText) -> Option<u64> {
        let (Says::Accepted(verb) | Says::Rejected(verb)) = text.says else { return None };
        let token = text.token?;
        let fits = |ask: &Ask| {
            ask.token == Some(token)
                && ask.waits_for_answer()
                && ask.request.verb == verb
                && ask.request.topics.shadow == text.shadow
        };
        self.asks.iter().find(|(_, ask)| fits(ask)).map(|(ticket, _)| *ticket)
    }

    /// The watch whose reading a message answers.
    pub(in crate::oracle) fn read_by(&self, text: &ShadowText) -> Option<Name> {
        let (Says::Accepted(Verb::Get) | Says::Rejected(Verb::Get)) = text.says else { return None };
        let read = self.reads.get(&text.token?)?;
        (read.shadow == text.shadow).then_some(read.shadow)
    }

    pub(super) fn heard(&mut self, text: &ShadowText, tag: u64, at: Instant) {
        if let Some(ask) = self.answered(text).and_then(|ticket| self.asks.get_mut(&ticket)) {
            let accepted = Some(matches!(text.says, Says::Accepted(_)));
            ask.decided = Some(Decided { accepted, tag, at });
            let answers = ask.answers();
            self.lapse(answers);
        }
        if let Some(shadow) = self.read_by(text) {
            text.token.and_then(|token| self.reads.remove(&token));
            if let Some(watch) = self.watches.get_mut(&shadow) {
                watch.gone = false;
            }
        }
    }

    /// The server closed the link while this alone was being renewed: it may have been given up.
    pub(super) fn condemn(&mut self, filter: Option<Name>) {
        self.condemned.extend(filter);
        self.doubtful.extend(filter);
    }

    /// Renewing it has cost too many links: it is asked for anew.
    pub(super) fn renewal_given_up(&mut self, filter: Name) {
        self.own.remove(&filter);
    }

    pub(super) fn told(&mut self, shadow: Name, event: &ShadowEvent, at: Instant) {
        let Some(watch) = self.watches.get_mut(&shadow) else { return };
        watch.told_at = Some(at);
        match event {
            ShadowEvent::Delta(delta) => watch.delta = Some(delta.version),
            ShadowEvent::Documents(documents) => watch.documents = Some(documents.current.version),
            ShadowEvent::Current(document) => (watch.current, watch.gone) = (document.version, false),
            ShadowEvent::Absent | ShadowEvent::Deleted { .. } => {
                (watch.delta, watch.documents, watch.current) = (None, None, None);
                watch.gone = matches!(event, ShadowEvent::Deleted { .. });
            }
            ShadowEvent::GivenUp { .. } => {
                if let Some(watch) = self.watches.remove(&shadow) {
                    self.lapse(watch.ask.streams());
                }
            }
            _ => {}
        }
    }
}
