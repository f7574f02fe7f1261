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
    /// `None` once removed; the entry itself goes when it reaches the front.
    request: Option<Request>,
    /// Whether an earlier link has carried it: then it neither expires nor is evicted.
    sent: bool,
}

/// A queue in the order of tickets, so that any entry is found by bisection.
#[derive(Debug)]
pub(crate) struct Queue {
    config: QueueConfig,
    entries: VecDeque<Entry>,
    count: usize,
    bytes: usize,
    expiries: BTreeSet<(Instant, Ticket)>,
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
    pub(crate) fn front(&self) -> Option<(Ticket, &Request)> {
        // Removed entries never stay at the front.
        self.entries.front().and_then(|entry| Some((entry.ticket, entry.request.as_ref()?)))
    }

    /// Whether `request` fits; call until it answers `Free`.
    pub(crate) fn make_room(&mut self, request: &Request) -> Result<Room, Refusal> {
        let Some(why) = self.refusal(request) else { return Ok(Room::Free) };
        let hopeless = request.cost() > self.config.bytes_max;
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
            Some(count_max) if self.count >= count_max => Some(Refusal::QueueFull { count_max }),
            _ if self.bytes.saturating_add(request.cost()) > bytes_max => Some(Refusal::QueueFullOfBytes { bytes_max }),
            _ => None,
        }
    }

    /// Appends a new operation; its ticket is the greatest so far.
    pub(crate) fn push(&mut self, ticket: Ticket, request: Request, expires_at: Option<Instant>) {
        if let Some(expires_at) = expires_at {
            self.expiries.insert((expires_at, ticket));
        }
        self.count += 1;
        self.bytes += request.cost();
        self.entries.push_back(Entry { ticket, request: Some(request), sent: false });
    }

    /// Puts an operation that was sent before back into its place. The bounds do not apply: what was accepted once is
    /// not refused later.
    pub(crate) fn put_back(&mut self, ticket: Ticket, request: Request) {
        // Mostly the front; but what an earlier link had sent before it may have come back earlier.
        let index = self.entries.partition_point(|entry| entry.ticket < ticket);
        self.count += 1;
        self.bytes += request.cost();
        self.entries.insert(index, Entry { ticket, request: Some(request), sent: true });
    }

    pub(crate) fn pop(&mut self) -> Option<(Ticket, Request)> {
        let (ticket, _) = self.front()?;
        self.remove(ticket).map(|request| (ticket, request))
    }

    pub(crate) fn remove(&mut self, ticket: Ticket) -> Option<Request> {
        let index = self.position(ticket)?;
        let request = self.entries.get_mut(index)?.request.take()?;
        self.count -= 1;
        self.bytes -= request.cost();
        while self.entries.front().is_some_and(|entry| entry.request.is_none()) {
            self.entries.pop_front();
        }
        Some(request)
    }

    /// When the next message's time runs out. Entries that have left in the meantime are forgotten here.
    pub(crate) fn next_expiry(&mut self) -> Option<Instant> {
        while let Some(&(expires_at, ticket)) = self.expiries.first() {
            if self.holds_unsent(ticket) {
                return Some(expires_at);
            }
            self.expiries.pop_first();
        }
        None
    }

    /// Takes one message whose time has run out.
    pub(crate) fn pop_expired(&mut self, now: Instant) -> Option<Ticket> {
        self.next_expiry().filter(|&expires_at| expires_at <= now)?;
        let (_, ticket) = self.expiries.pop_first()?;
        self.remove(ticket).map(|_| ticket)
    }

    fn holds_unsent(&self, ticket: Ticket) -> bool {
        let entry = self.position(ticket).and_then(|index| self.entries.get(index));
        entry.is_some_and(|entry| entry.request.is_some() && !entry.sent)
    }

    fn position(&self, ticket: Ticket) -> Option<usize> {
        self.entries.binary_search_by_key(&ticket, |entry| entry.ticket).ok()
    }
}
