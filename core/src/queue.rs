//! What was accepted and waits to be sent.

use std::collections::{BTreeSet, VecDeque};

use crate::{Filter, Instant, Publish, Qos, QueueConfig, Refusal, Ticket, WhenFull};

/// An accepted operation.
#[derive(Debug)]
pub(crate) enum Request {
    Publish(Publish),
    Subscribe(Vec<(Filter, Qos)>),
    Unsubscribe(Vec<Filter>),
}

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

#[derive(Debug)]
struct Entry {
    ticket: Ticket,
    /// `None` once removed; the entry itself goes when it reaches the front, or when the removed ones prevail.
    request: Option<Request>,
    /// Whether an earlier link has carried it: then it does not expire, and is neither evicted nor
    /// withdrawn.
    sent: bool,
    waits_since: Instant,
    expires_at: Option<Instant>,
}

/// Removed entries that are kept in any case: fewer are not worth moving the others.
const REMOVED_KEPT: usize = 32;

/// A queue in the order of tickets, so that any entry is found by bisection.
#[derive(Debug)]
pub(crate) struct Queue {
    config: QueueConfig,
    entries: VecDeque<Entry>,
    count: usize,
    bytes: usize,
    expiries: BTreeSet<(Instant, Ticket)>,
}

/// The next operation to send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Front<'a> {
    pub(crate) ticket: Ticket,
    pub(crate) request: &'a Request,
    /// Whether an earlier link has carried it.
    pub(crate) sent: bool,
}

/// What [`Queue::make_room`] did.
#[derive(Debug)]
pub(crate) enum Room {
    Free,
    Evicted(Ticket, Request),
}

impl Queue {
    pub(crate) fn new(config: QueueConfig) -> Self {
        Self { config, entries: VecDeque::new(), count: 0, bytes: 0, expiries: BTreeSet::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The next operation to send.
    pub(crate) fn front(&self) -> Option<Front<'_>> {
        // Removed entries never stay at the front.
        let entry = self.entries.front()?;
        Some(Front { ticket: entry.ticket, request: entry.request.as_ref()?, sent: entry.sent })
    }

    /// Since when the next operation waits.
    pub(crate) fn waits_since(&self) -> Option<Instant> {
        self.entries.front().map(|entry| entry.waits_since)
    }

    /// Whether one more operation would go over a bound.
    pub(crate) fn is_full(&self) -> bool {
        let QueueConfig { count_max, bytes_max, .. } = self.config;
        count_max.is_some_and(|count_max| self.count >= count_max) || self.bytes >= bytes_max
    }

    /// Whether `request` fits; call until it answers `Free`.
    pub(crate) fn make_room(&mut self, request: &Request) -> Result<Room, Refusal> {
        let Some(why) = self.refusal(request) else { return Ok(Room::Free) };
        // What was sent stays, and is older than all that was not.
        let (mut count, mut bytes) = (0, request.cost());
        for kept in self.entries.iter().take_while(|entry| entry.sent).filter_map(|entry| entry.request.as_ref()) {
            count += 1;
            bytes += kept.cost();
        }
        let hopeless =
            bytes > self.config.bytes_max || self.config.count_max.is_some_and(|max| 0 < max && max <= count);
        if self.config.when_full == WhenFull::DropNewest || hopeless {
            return Err(why);
        }
        let oldest = self.entries.iter().find(|entry| entry.request.is_some() && !entry.sent);
        let Some(ticket) = oldest.map(|entry| entry.ticket) else { return Err(why) };
        self.remove(ticket).map(|request| Room::Evicted(ticket, request)).ok_or(why)
    }

    fn refusal(&self, request: &Request) -> Option<Refusal> {
        let QueueConfig { count_max, bytes_max, .. } = self.config;
        match count_max {
            // Zero switches the queue off while offline; that is not for here.
            Some(count_max) if count_max > 0 && self.count >= count_max => Some(Refusal::QueueFull { count_max }),
            _ if self.bytes.saturating_add(request.cost()) > bytes_max => Some(Refusal::QueueFullOfBytes { bytes_max }),
            _ => None,
        }
    }

    /// Appends a new operation; its ticket is the greatest so far.
    pub(crate) fn push(&mut self, now: Instant, ticket: Ticket, request: Request, expires_at: Option<Instant>) {
        if let Some(expires_at) = expires_at {
            self.expiries.insert((expires_at, ticket));
        }
        self.count += 1;
        self.bytes += request.cost();
        self.entries.push_back(Entry { ticket, request: Some(request), sent: false, waits_since: now, expires_at });
    }

    /// Puts an operation that was sent before back into its place. The bounds do not apply: what was accepted once is
    /// not refused later.
    pub(crate) fn put_back(&mut self, now: Instant, ticket: Ticket, request: Request) {
        // Mostly the front; but what an earlier link had sent before it may have come back earlier.
        let index = self.entries.partition_point(|entry| entry.ticket < ticket);
        self.count += 1;
        self.bytes += request.cost();
        self.entries
            .insert(index, Entry { ticket, request: Some(request), sent: true, waits_since: now, expires_at: None });
    }

    pub(crate) fn pop(&mut self) -> Option<(Ticket, Request)> {
        // Removed entries never stay at the front.
        let Entry { ticket, request, expires_at, .. } = self.entries.pop_front()?;
        let request = request?;
        self.left(ticket, expires_at, request.cost());
        Some((ticket, request))
    }

    /// Takes an operation out that no link has carried yet.
    pub(crate) fn withdraw(&mut self, ticket: Ticket) -> Option<Request> {
        self.position(ticket).and_then(|index| self.entries.get(index)).filter(|entry| !entry.sent)?;
        self.remove(ticket)
    }

    fn remove(&mut self, ticket: Ticket) -> Option<Request> {
        let index = self.position(ticket)?;
        let entry = self.entries.get_mut(index)?;
        let (request, expires_at) = (entry.request.take()?, entry.expires_at);
        self.left(ticket, expires_at, request.cost());
        if self.entries.len() > 2 * self.count + REMOVED_KEPT {
            self.entries.retain(|entry| entry.request.is_some());
        }
        Some(request)
    }

    /// Settles the books after an operation has left.
    fn left(&mut self, ticket: Ticket, expires_at: Option<Instant>, cost: usize) {
        if let Some(expires_at) = expires_at {
            self.expiries.remove(&(expires_at, ticket));
        }
        self.count -= 1;
        self.bytes -= cost;
        while self.entries.front().is_some_and(|entry| entry.request.is_none()) {
            self.entries.pop_front();
        }
    }

    /// When the next message's time runs out.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        self.expiries.first().map(|&(expires_at, _)| expires_at)
    }

    /// Takes one message whose time has run out.
    pub(crate) fn pop_expired(&mut self, now: Instant) -> Option<Ticket> {
        let &(_, ticket) = self.expiries.first().filter(|&&(expires_at, _)| expires_at <= now)?;
        self.remove(ticket).map(|_| ticket)
    }

    fn position(&self, ticket: Ticket) -> Option<usize> {
        self.entries.binary_search_by_key(&ticket, |entry| entry.ticket).ok()
    }
}

#[cfg(test)]
mod tests {
    use core::num::NonZeroU64;

    use super::*;
    use crate::Topic;

    #[test]
    fn what_was_removed_takes_no_place() {
        let mut queue = Queue::new(QueueConfig::default());
        let expires_at = Some(Instant::from_micros(1));
        for number in 1..10_000 {
            let ticket = Ticket(NonZeroU64::new(number).unwrap());
            let request = Request::Publish(Publish::new(Topic::new("t").unwrap(), "x"));
            queue.push(Instant::EPOCH, ticket, request, expires_at);
            // The first stays in front of all that come and go.
            assert!(number == 1 || queue.remove(ticket).is_some());
            assert!(queue.entries.len() <= 2 * queue.count + REMOVED_KEPT);
            assert_eq!(queue.expiries.len(), 1);
        }
        assert_eq!(queue.front().map(|front| front.ticket.number()), Some(1));
    }
}
