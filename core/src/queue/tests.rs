use core::num::NonZeroU64;
use core::time::Duration;

use proptest::prelude::*;

use super::backlog::BLOCK_LEN;
use super::*;
use crate::{Publish, Qos, Topic};

/// The queue as its documentation has it: one list, searched from end to end.
struct Naive {
    config: QueueConfig,
    entries: Vec<Waiting>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Waiting {
    ticket: Ticket,
    cost: usize,
    sent: bool,
    waits_since: Instant,
    expires_at: Option<Instant>,
}

impl Naive {
    fn bytes(&self) -> usize {
        self.entries.iter().map(|waiting| waiting.cost).sum()
    }

    /// What is evicted for a request of `cost` bytes, and whether it fits then.
    fn make_room(&mut self, cost: usize) -> (Vec<Ticket>, bool) {
        let QueueConfig { count_max, bytes_max, when_full } = self.config;
        let fits = |entries: &[Waiting]| {
            let bytes: usize = entries.iter().map(|waiting| waiting.cost).sum();
            bytes + cost <= bytes_max && count_max.is_none_or(|max| max == 0 || entries.len() < max)
        };
        let (sent, unsent): (Vec<_>, Vec<_>) = self.entries.iter().cloned().partition(|waiting| waiting.sent);
        if fits(&self.entries) {
            return (Vec::new(), true);
        }
        if when_full == WhenFull::DropNewest || !fits(&sent) {
            return (Vec::new(), false);
        }
        let mut evicted = Vec::new();
        while !fits(&self.entries) {
            self.entries.remove(sent.len());
            evicted.push(unsent[evicted.len()].ticket);
        }
        (evicted, true)
    }

    fn take(&mut self, chosen: impl Fn(&Waiting) -> bool) -> Option<Ticket> {
        let index = self.entries.iter().position(chosen)?;
        Some(self.entries.remove(index).ticket)
    }

    fn next_expiry(&self) -> Option<Instant> {
        self.entries.iter().filter(|waiting| !waiting.sent).filter_map(|waiting| waiting.expires_at).min()
    }
}

#[derive(Debug, Clone)]
enum Step {
    Publish {
        len: usize,
        expires_in: Option<u64>,
    },
    Subscribe,
    /// Send the next; it stays in flight.
    Send,
    /// Have all that is in flight back, newest first.
    LinkLost,
    /// Have one answered.
    Acked(prop::sample::Index),
    Withdraw(prop::sample::Index),
    /// Withdraw all but every so manieth.
    Thin(usize),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0_usize..40, prop::option::of(1_u64..60)).prop_map(|(len, expires_in)| Step::Publish { len, expires_in }),
        1 => Just(Step::Subscribe),
        4 => Just(Step::Send),
        1 => Just(Step::LinkLost),
        2 => any::<prop::sample::Index>().prop_map(Step::Acked),
        2 => any::<prop::sample::Index>().prop_map(Step::Withdraw),
        1 => (2_usize..40).prop_map(Step::Thin),
        1 => (0_u64..30).prop_map(Step::Pass),
    ]
}

fn config() -> impl Strategy<Value = QueueConfig> {
    let count_max = prop_oneof![Just(None), (0_usize..200).prop_map(Some)];
    let when_full = prop_oneof![Just(WhenFull::DropNewest), Just(WhenFull::DropOldest)];
    (count_max, 50_usize..4_000, when_full).prop_map(|(count_max, bytes_max, when_full)| QueueConfig {
        count_max,
        bytes_max,
        when_full,
    })
}

/// The queue and the list side by side: every answer is compared.
struct Pair {
    queue: Queue,
    naive: Naive,
    in_flight: Vec<(Ticket, Request)>,
    next: usize,
    now: Instant,
}

impl Pair {
    fn push(&mut self, request: Request) {
        let cost = request.cost();
        let mut evicted = Vec::new();
        let fits = loop {
            match self.queue.make_room(&request) {
                Ok(Room::Free) => break true,
                Ok(Room::Evicted(ticket, _)) => evicted.push(ticket),
                Err(_) => break false,
            }
        };
        assert_eq!((evicted, fits), self.naive.make_room(cost));
        if fits {
            let entry = Entry { waits_since: self.now, request };
            let (ticket, expires_at) = (ticket(self.next), entry.expires_at());
            self.next += 1;
            self.naive.entries.push(Waiting { ticket, cost, sent: false, waits_since: self.now, expires_at });
            self.queue.push(self.now, ticket, entry.request);
        }
    }

    fn withdraw(&mut self, ticket: Ticket) {
        let withdrawn = self.queue.withdraw(ticket).map(|_| ticket);
        assert_eq!(withdrawn, self.naive.take(|waiting| waiting.ticket == ticket && !waiting.sent));
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Publish { len, expires_in } => {
                let mut publish = Publish::new(Topic::new("topic").unwrap(), vec![0; len]);
                publish.expires_in = expires_in.map(Duration::from_micros);
                self.push(Request::Publish(publish));
            }
            Step::Subscribe => self.push(Request::Subscribe(vec![(Filter::new("a/#").unwrap(), Qos::AtLeastOnce)])),
            Step::Send => {
                let popped = self.queue.pop();
                assert_eq!(popped.as_ref().map(|(ticket, _)| *ticket), self.naive.take(|_| true));
                self.in_flight.extend(popped);
            }
            Step::LinkLost => {
                for (ticket, request) in self.in_flight.drain(..).rev() {
                    let (cost, waits_since) = (request.cost(), self.now);
                    let index = self.naive.entries.partition_point(|waiting| waiting.ticket < ticket);
                    let waiting = Waiting { ticket, cost, sent: true, waits_since, expires_at: None };
                    self.naive.entries.insert(index, waiting);
                    self.queue.put_back(self.now, ticket, request);
                }
            }
            Step::Acked(index) => {
                if !self.in_flight.is_empty() {
                    self.in_flight.remove(index.index(self.in_flight.len()));
                }
            }
            // Also what is not there any more, and what never was.
            Step::Withdraw(index) => self.withdraw(ticket(1 + index.index(self.next))),
            Step::Thin(every) => {
                let tickets: Vec<_> = self.naive.entries.iter().map(|waiting| waiting.ticket).collect();
                tickets.iter().enumerate().filter(|(n, _)| n % every != 0).for_each(|(_, &t)| self.withdraw(t));
            }
            Step::Pass(micros) => {
                self.now = self.now + Duration::from_micros(micros);
                loop {
                    let next = self.naive.next_expiry().filter(|&next| next <= self.now);
                    let expired = self.queue.pop_expired(self.now);
                    let due = |waiting: &Waiting| !waiting.sent && waiting.expires_at == next;
                    assert_eq!(expired, next.and_then(|_| self.naive.take(due)));
                    if expired.is_none() {
                        break;
                    }
                }
            }
        }
    }

    fn compare(&self) {
        let Self { queue, naive, .. } = self;
        let (count, bytes) = (naive.entries.len(), naive.bytes());
        assert_eq!((queue.len(), queue.bytes()), (count, bytes));
        let QueueConfig { count_max, bytes_max, .. } = naive.config;
        assert_eq!(queue.is_full(), bytes >= bytes_max || count_max.is_some_and(|max| count >= max));
        let front = naive.entries.first();
        assert_eq!(
            queue.next_ticket().zip(queue.front().map(|front| front.at_once)),
            front.map(|front| (front.ticket, front.sent))
        );
        assert_eq!(queue.waits_since(), front.map(|front| front.waits_since));
        assert_eq!(queue.next_expiry(), naive.next_expiry());
        assert!(queue.backlog.slots() <= slots_max(&queue.backlog));
    }
}

/// Twice what is there, and a block each for what came off the front, what goes to the back, and what was pushed since
/// the last removal.
fn slots_max(backlog: &Backlog) -> usize {
    2 * backlog.len() + 3 * BLOCK_LEN
}

fn ticket(number: usize) -> Ticket {
    Ticket(NonZeroU64::new(number as u64).unwrap())
}

proptest! {
    #[test]
    fn it_does_what_a_list_would(config in config(), steps in prop::collection::vec(step(), 1..400)) {
        let (queue, naive) = (Queue::new(config), Naive { config, entries: Vec::new() });
        let mut pair = Pair { queue, naive, in_flight: Vec::new(), next: 1, now: Instant::EPOCH };
        for step in steps {
            pair.step(&step);
            pair.compare();
        }
    }
}

#[test]
fn what_was_removed_takes_no_place() {
    let mut queue = Queue::new(QueueConfig::default());
    for number in 1..10_000 {
        let expires_in = Duration::from_micros(number as u64);
        let publish = Publish::new(Topic::new("t").unwrap(), "x").expires_in(expires_in);
        queue.push(Instant::EPOCH, ticket(number), Request::Publish(publish));
        // The first stays in front of all that come and go.
        assert!(number == 1 || queue.withdraw(ticket(number)).is_some());
        assert!(queue.backlog.slots() <= slots_max(&queue.backlog));
        assert_eq!(queue.next_expiry(), Some(Instant::from_micros(1)));
    }
    assert_eq!(queue.next_ticket(), Some(ticket(1)));
}

#[test]
fn entries_are_kept_in_blocks() {
    let mut queue = Queue::new(QueueConfig::default());
    for number in 1..=3 * BLOCK_LEN + 1 {
        queue.push(Instant::EPOCH, ticket(number), Request::Unsubscribe(Vec::new()));
    }
    assert_eq!(queue.backlog.slots(), 4 * BLOCK_LEN);
}

#[test]
fn an_entry_is_small() {
    assert!(size_of::<(Ticket, Option<Entry>)>() <= 88);
}
