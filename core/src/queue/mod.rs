//! What was accepted and waits to be sent.

mod backlog;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use self::backlog::Backlog;
use crate::{Filter, Instant, Publish, Qos, QueueConfig, Refusal, Ticket, WhenFull};

/// An accepted operation.
#[derive(Debug)]
pub(crate) enum Request {
    Publish(Publish),
    Subscribe(Vec<(Filter, Qos)>),
    Unsubscribe(Vec<Filter>),
}

#[cfg(feature = "trace")]
crate::wire::variants!(Request { 0 = Publish(publish), 1 = Subscribe(filters), 2 = Unsubscribe(filters), });

impl Request {
    /// Bytes of topic and payload.
    fn cost(&self) -> usize {
        match self {
            Self::Publish(publish) => publish.topic.as_str().len() + publish.payload.len(),
            Self::Subscribe(filters) => filters.iter().map(|(filter, _)| filter.as_str().len()).sum(),
            Self::Unsubscribe(filters) => filters.iter().map(|filter| filter.as_str().len()).sum(),
        }
    }
}

/// An accepted operation that waits.
#[derive(Debug)]
struct Entry {
    waits_since: Instant,
    request: Request,
}

#[cfg(feature = "trace")]
crate::wire::fields!(Entry { waits_since, request });

impl Entry {
    /// When it is not worth sending any more: a message says how long, from its acceptance on.
    fn expires_at(&self) -> Option<Instant> {
        match &self.request {
            Request::Publish(publish) => publish.expires_in.map(|span| self.waits_since + span),
            Request::Subscribe(_) | Request::Unsubscribe(_) => None,
        }
    }
}

/// A queue in the order of tickets. Nothing it does takes longer the more it holds, but for a bisection.
#[derive(Debug)]
pub(crate) struct Queue {
    config: QueueConfig,
    /// What the client sends for itself, ahead of everything and outside of the bounds; and whether an earlier link has
    /// carried it.
    own: VecDeque<(Ticket, Entry, bool)>,
    /// What an earlier link has carried: it does not expire, and is neither evicted nor withdrawn. All of it is older
    /// than the backlog.
    sent: VecDeque<(Ticket, Entry)>,
    sent_bytes: usize,
    backlog: Backlog,
}

#[cfg(feature = "trace")]
crate::wire::fields!(Queue { config, own, sent, sent_bytes, backlog });

/// The next operation to send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Front<'a> {
    pub(crate) request: &'a Request,
    /// Whether it is no backlog: an earlier link has carried it, or the client sends it for itself.
    pub(crate) at_once: bool,
}

/// What [`Queue::make_room`] did.
#[derive(Debug)]
pub(crate) enum Room {
    Free,
    Evicted(Ticket, Request),
}

impl Queue {
    pub(crate) fn new(config: QueueConfig) -> Self {
        Self { config, own: VecDeque::new(), sent: VecDeque::new(), sent_bytes: 0, backlog: Backlog::default() }
    }

    pub(crate) fn len(&self) -> usize {
        self.sent.len() + self.backlog.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.sent_bytes + self.backlog.bytes()
    }

    /// The next operation to send.
    pub(crate) fn front(&self) -> Option<Front<'_>> {
        let own = self.own.front().map(|(_, entry, _)| entry);
        let at_once = own.or_else(|| self.sent.front().map(|(_, entry)| entry));
        let Entry { request, .. } = at_once.or_else(|| self.backlog.front().map(|(_, entry)| entry))?;
        Some(Front { request, at_once: at_once.is_some() })
    }

    /// The next of the application's operations.
    pub(crate) fn next_ticket(&self) -> Option<Ticket> {
        let sent = self.sent.front().map(|(ticket, _)| *ticket);
        sent.or_else(|| self.backlog.front().map(|(ticket, _)| ticket))
    }

    /// Since when the next operation waits.
    pub(crate) fn waits_since(&self) -> Option<Instant> {
        let sent = self.sent.front().map(|(_, entry)| entry);
        sent.or_else(|| self.backlog.front().map(|(_, entry)| entry)).map(|entry| entry.waits_since)
    }

    /// Whether one more operation would go over a bound.
    pub(crate) fn is_full(&self) -> bool {
        let QueueConfig { count_max, bytes_max, .. } = self.config;
        count_max.is_some_and(|count_max| self.len() >= count_max) || self.bytes() >= bytes_max
    }

    /// Whether `request` fits; call until it answers `Free`.
    pub(crate) fn make_room(&mut self, request: &Request) -> Result<Room, Refusal> {
        let Some(why) = self.refusal(request) else { return Ok(Room::Free) };
        let QueueConfig { count_max, bytes_max, when_full } = self.config;
        if when_full == WhenFull::DropNewest || count_max.is_some_and(|max| 0 < max && max <= self.sent.len()) {
            return Err(why);
        }
        if self.sent_bytes.saturating_add(request.cost()) > bytes_max {
            return Err(Refusal::QueueFullOfBytes { bytes_max });
        }
        self.backlog.pop().map(|(ticket, entry)| Room::Evicted(ticket, entry.request)).ok_or(why)
    }

    fn refusal(&self, request: &Request) -> Option<Refusal> {
        let QueueConfig { count_max, bytes_max, .. } = self.config;
        match count_max {
            // Zero switches the queue off while offline; that is not for here.
            Some(count_max) if count_max > 0 && self.len() >= count_max => Some(Refusal::QueueFull { count_max }),
            _ if self.bytes().saturating_add(request.cost()) > bytes_max => {
                Some(Refusal::QueueFullOfBytes { bytes_max })
            }
            _ => None,
        }
    }

    /// Appends a new operation; its ticket is the greatest so far.
    pub(crate) fn push(&mut self, now: Instant, ticket: Ticket, request: Request) {
        self.backlog.push(ticket, Entry { waits_since: now, request });
    }

    /// Puts an operation that was sent before back into its place. The bounds do not apply: what was accepted once is
    /// not refused later.
    pub(crate) fn put_back(&mut self, now: Instant, ticket: Ticket, request: Request) {
        debug_assert!(self.backlog.front().is_none_or(|(next, _)| ticket < next));
        // Mostly the front; but what an earlier link had sent before it may have come back earlier.
        let index = self.sent.partition_point(|&(sent, _)| sent < ticket);
        self.sent_bytes += request.cost();
        self.sent.insert(index, (ticket, Entry { waits_since: now, request }));
    }

    /// Appends what the client sends for itself; whether an earlier link has carried it.
    pub(crate) fn push_own(&mut self, now: Instant, ticket: Ticket, request: Request, carried: bool) {
        self.own.push_back((ticket, Entry { waits_since: now, request }, carried));
    }

    /// Puts what the client had sent for itself back in front.
    pub(crate) fn put_back_own(&mut self, now: Instant, ticket: Ticket, request: Request) {
        self.own.push_front((ticket, Entry { waits_since: now, request }, true));
    }

    /// Takes out what the client wanted to send for itself, and tells whether an earlier link has carried it.
    pub(crate) fn withdraw_own(&mut self, ticket: Ticket) -> Option<(Request, bool)> {
        let index = self.own.iter().position(|&(own, ..)| own == ticket)?;
        self.own.remove(index).map(|(_, entry, sent)| (entry.request, sent))
    }

    /// Whether this is something of the client's own that no link has carried yet.
    pub(crate) fn is_unsent_own(&self, ticket: Ticket) -> bool {
        self.own.iter().any(|&(own, _, sent)| own == ticket && !sent)
    }

    pub(crate) fn pop(&mut self) -> Option<(Ticket, Request)> {
        if let Some((ticket, entry, _)) = self.own.pop_front() {
            return Some((ticket, entry.request));
        }
        if let Some((ticket, entry)) = self.sent.pop_front() {
            self.sent_bytes -= entry.request.cost();
            return Some((ticket, entry.request));
        }
        self.backlog.pop().map(|(ticket, entry)| (ticket, entry.request))
    }

    /// Takes an operation out that no link has carried yet.
    pub(crate) fn withdraw(&mut self, ticket: Ticket) -> Option<Request> {
        self.backlog.remove(ticket).map(|entry| entry.request)
    }

    /// When the next message's time runs out.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        self.backlog.next_expiry()
    }

    /// Takes one message whose time has run out.
    pub(crate) fn pop_expired(&mut self, now: Instant) -> Option<Ticket> {
        self.backlog.pop_expired(now).map(|(ticket, _)| ticket)
    }
}
