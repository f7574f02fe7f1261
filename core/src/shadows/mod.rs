//! Device shadows: which request asks what, and what a watch tells in which order.
//!
//! Rules S-n are those of the service.

mod topics;
mod watch;
mod watches;

use std::collections::BTreeMap;

use bytes::Bytes;

use self::topics::{RequestTopics, TopicsCache, Verb};
use self::watch::Watch;
use self::watches::Watches;
use crate::derived::Derived;
use crate::request::{Ask, ChannelId, End, Heard, Requests, StreamState};
use crate::{
    Instant, Limits, Outcome, Publish, Refusal, Rejection, Rng, ShadowEvent, ShadowName, ShadowNotice, ShadowOperation,
    ShadowRequest, ShadowWatch, Ticket,
};

/// The longest token that the service takes, in bytes (S-3).
const TOKEN_LEN_MAX: usize = 64;

/// What the client knows of shadows.
#[derive(Debug, Default)]
pub(crate) struct Shadows {
    /// Requests of the application that change what a watch knows, also one that begins meanwhile.
    deletes: BTreeMap<Ticket, ShadowName>,
    watches: Watches,
    /// What tells this client's tokens from those of others; 0 before the first one.
    token_prefix: u64,
    topics: Derived<TopicsCache>,
}

#[cfg(feature = "trace")]
crate::wire::fields!(Shadows { deletes, watches, token_prefix, topics });

/// What there is to tell.
#[derive(Debug)]
pub(crate) enum News {
    Event(Box<ShadowNotice>),
    /// The call of the watch is over.
    Done(Ticket, Outcome),
}

impl News {
    fn event(watch: Ticket, shadow: &ShadowName, event: ShadowEvent) -> Self {
        Self::Event(Box::new(ShadowNotice { watch, shadow: shadow.clone(), event, ack: None }))
    }
}

impl Shadows {
    /// Checks what the service would reject for certain.
    pub(crate) fn check(request: &ShadowRequest, limits: &Limits) -> Result<(), Refusal> {
        if let ShadowOperation::Update(update) = &request.operation {
            let (len, max) = (update.len, limits.shadow_len_max);
            if len > max {
                return Err(Refusal::ShadowTooLong { len, max });
            }
            let (levels, max) = (update.levels, limits.shadow_levels_max);
            if levels > max {
                return Err(Refusal::ShadowTooDeep { levels, max });
            }
        }
        match chosen_token(request) {
            Some(token) if !(1..=TOKEN_LEN_MAX).contains(&token.len()) => {
                Err(Refusal::TokenLen { len: token.len(), max: TOKEN_LEN_MAX })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Asks the service.
    pub(crate) fn ask(
        &mut self,
        requests: &mut Requests,
        ticket: Ticket,
        request: ShadowRequest,
        deadline: Instant,
        rng: &mut Rng,
    ) {
        let token = chosen_token(&request).map_or_else(|| self.token(ticket, rng), str::to_owned);
        let ShadowRequest { shadow, operation, .. } = request;
        let topics = self.topics.or_find(TopicsCache::default).get(&shadow, Verb::from(&operation));
        requests.ask(ticket, ask(topics, &operation, token, deadline));
        if matches!(operation, ShadowOperation::Delete) {
            self.deletes.insert(ticket, shadow);
        }
    }

    /// A token that nobody else uses: for this the generator is good enough, and nobody gains by guessing one.
    fn token(&mut self, ticket: Ticket, rng: &mut Rng) -> String {
        while self.token_prefix == 0 {
            self.token_prefix = rng.next_u64();
        }
        format!("{:016x}-{}", self.token_prefix, ticket.number())
    }

    /// How many watches there are.
    pub(crate) fn watches(&self) -> usize {
        self.watches.len()
    }

    /// The filters of a watch that no other watch has subscribed to.
    pub(crate) fn new_filters(&self, options: &ShadowWatch) -> usize {
        let others = self.watches.iter().map(Watch::options).filter(|other| other.shadow == options.shadow);
        let (documents, deletions) = others.clone().fold((false, false), |(documents, deletions), other| {
            (documents || other.documents, deletions || other.deletions)
        });
        usize::from(others.count() == 0)
            + usize::from(options.documents && !documents)
            + 2 * usize::from(options.deletions && !deletions)
    }

    /// Begins a watch.
    pub(crate) fn watch(&mut self, requests: &mut Requests, ticket: Ticket, options: ShadowWatch) {
        self.watches.insert(ticket, Watch::new(requests, options));
    }

    /// Ends a watch, if there is one. Tells whether the call that began it is over.
    pub(crate) fn unwatch(&mut self, requests: &mut Requests, watch: Ticket) -> Option<bool> {
        Some(self.watches.remove(watch)?.close(requests))
    }

    /// Reads what is due to be read.
    pub(crate) fn work(
        &mut self,
        requests: &mut Requests,
        now: Instant,
        deadline: Instant,
        tickets: &mut impl FnMut() -> Ticket,
        rng: &mut Rng,
    ) {
        for name in self.watches.due(now) {
            let ticket = tickets();
            let token = self.token(ticket, rng);
            let topics = self.topics.or_find(TopicsCache::default);
            self.watches.change(name, |watch| {
                let topics = topics.get(watch.shadow(), Verb::Get);
                requests.ask(ticket, ask(topics, &ShadowOperation::Get, token, deadline));
                watch.asked(ticket);
            });
        }
    }

    /// When [`work`](Self::work) is due next.
    pub(crate) fn next_deadline(&mut self) -> Option<Instant> {
        self.watches.next_retry()
    }

    /// A message on a topic of ours. Tells whether it answers a request that no application made.
    pub(crate) fn heard(
        &mut self,
        heard: &Heard,
        payload: &Bytes,
        now: Instant,
        rng: &mut Rng,
        news: &mut Vec<News>,
    ) -> bool {
        let accepted = heard.place == 0;
        let deleted = heard.request.and_then(|ticket| self.deletes.remove(&ticket)).filter(|_| accepted);
        let reader = heard.request.and_then(|ticket| self.watches.reader(ticket));
        let mut concerned = self.watches.on(heard.channel);
        concerned.extend(reader);
        concerned.extend(deleted.iter().flat_map(|shadow| self.watches.of(shadow)));
        for name in concerned {
            self.watches.change(name, |watch| {
                let mut events = Vec::new();
                if reader == Some(name) {
                    watch.answered(accepted, payload, &mut events);
                    watch.retry_later(now, rng);
                }
                if deleted.as_ref() == Some(watch.shadow()) {
                    watch.deleted_by_us(payload, &mut events);
                }
                watch.notified(heard.channel, accepted, payload, &mut events);
                news.extend(events.into_iter().map(|event| News::event(name, watch.shadow(), event)));
            });
        }
        reader.is_some()
    }

    /// A request is withdrawn.
    pub(crate) fn forget(&mut self, ticket: Ticket) {
        self.deletes.remove(&ticket);
    }

    /// A request ended without an answer. Tells whether it was one of ours.
    pub(crate) fn unanswered(
        &mut self,
        ticket: Ticket,
        end: End,
        now: Instant,
        rng: &mut Rng,
        news: &mut Vec<News>,
    ) -> bool {
        self.deletes.remove(&ticket);
        let Some(name) = self.watches.reader(ticket) else { return false };
        self.watches.change(name, |watch| {
            news.extend(watch.unanswered(end, now, rng).map(|event| News::event(name, watch.shadow(), event)));
        });
        true
    }

    /// What became of a stream.
    pub(crate) fn stream(
        &mut self,
        requests: &mut Requests,
        channel: ChannelId,
        state: StreamState,
        news: &mut Vec<News>,
    ) {
        let mut over = Vec::new();
        for name in self.watches.on(channel) {
            self.watches.change(name, |watch| match state {
                StreamState::Granted => {
                    news.extend(watch.granted(channel).map(|outcome| News::Done(name, outcome)));
                }
                StreamState::Refused => {
                    news.extend(watch.refused(channel).map(|event| News::event(name, watch.shadow(), event)));
                }
                StreamState::GivenUp(times) => over.push((name, watch.shadow().clone(), times)),
            });
        }
        for (name, shadow, times) in over {
            if self.unwatch(requests, name) == Some(false) {
                news.push(News::Done(name, Outcome::ConnectionClosed { times }));
            }
            news.push(News::event(name, &shadow, ShadowEvent::GivenUp { times }));
        }
    }

    /// The server has lost the session: notifications may have been missed.
    pub(crate) fn session_lost(&mut self) {
        self.watches.session_lost();
    }
}

/// The token that the application has chosen.
pub(crate) fn chosen_token(request: &ShadowRequest) -> Option<&str> {
    let given = match &request.operation {
        ShadowOperation::Update(update) => update.token.as_deref(),
        ShadowOperation::Get | ShadowOperation::Delete => None,
    };
    request.token.as_deref().or(given)
}

fn ask(topics: &RequestTopics, operation: &ShadowOperation, token: String, deadline: Instant) -> Ask {
    let payload = match operation {
        ShadowOperation::Update(update) => update.payload(&token),
        ShadowOperation::Get | ShadowOperation::Delete => {
            format!("{{\"clientToken\":{}}}", crate::json::quoted(&token)).into()
        }
    };
    Ask {
        publish: Publish::new(topics.ask.clone(), payload),
        answers: topics.answers.clone(),
        token: token.into(),
        deadline,
        repeatable: matches!(operation, ShadowOperation::Get),
    }
}

/// Rejected because there is no such shadow.
fn is_absent(rejection: &Rejection) -> bool {
    rejection.status() == Some(404)
}

/// Rejected for a reason that passes: too many requests, or a fault of the service's own.
fn is_passing(rejection: &Rejection) -> bool {
    matches!(rejection.status(), Some(429 | 500..=599))
}
