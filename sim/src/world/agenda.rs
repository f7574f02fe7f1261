//! What happens when: the one queue of the world.

use core::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use thingwire_core::Instant;

use super::pipe::Way;

/// Something that is going to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// The client of a device wants to be woken, if this is still its deadline.
    Wake(u32),
    /// The broker wants to be woken, if this is still its deadline.
    Broker,
    /// A segment arrives.
    Arrive(u32, Way),
    /// An attempt to connect has come to its end, if it is still this link's.
    Connected(u32, u64),
    /// The socket may take more.
    Writable(u32),
    /// A workload has its turn.
    Work(u32, u32),
    /// The plan's operation of this number has its turn.
    Op(u32),
    /// The application acknowledges a message.
    Ack(u32),
    /// The application starts the client again.
    Start(u32),
    /// The application takes input again.
    Unpause(u32),
    /// The user's application wanted to be woken, if this is still its deadline.
    Application(u32),
    /// The plan's fault of this number begins.
    Begin(u32),
    /// The plan's fault of this number is over.
    End(u32),
    /// A packet that was held back is sent.
    Release(u32),
    /// The client is woken for no reason.
    Spurious(u32),
    /// Shadows are changed a last time.
    LastWord,
    /// Bytes of a link that is over are still given to the client.
    Late(u32, u64),
}

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    at: Instant,
    /// Of two at one instant, the one that was put in first comes first.
    serial: u64,
    due: Due,
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.serial).cmp(&(other.at, other.serial))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A total order over everything that is going to happen.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    heap: BinaryHeap<Reverse<Entry>>,
    serial: u64,
}

impl Agenda {
    pub(super) fn put(&mut self, at: Instant, due: Due) {
        self.serial += 1;
        self.heap.push(Reverse(Entry { at, serial: self.serial, due }));
    }

    /// The next thing, unless it is later than `end`.
    pub(super) fn pop(&mut self, end: Instant) -> Option<(Instant, Due)> {
        self.heap.peek().filter(|Reverse(entry)| entry.at <= end)?;
        self.heap.pop().map(|Reverse(entry)| (entry.at, entry.due))
    }
}
