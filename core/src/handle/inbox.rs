//! A bounded queue from a client's loop to the application.

use core::task::Poll;
use std::collections::VecDeque;

use super::callbacks::Later;
use super::lock::Lock;
use super::wakers::Wakers;
use crate::{Message, Notice, ShadowEvent};

/// Items that wait before the queue counts as full.
const COUNT_MAX: usize = 1_024;
/// Bytes of payload that wait before the queue counts as full.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// What waits in an [`Inbox`].
pub(crate) trait Item {
    /// The bytes it keeps in memory, where that can be many.
    fn weight(&self) -> usize;
}

impl Item for Message {
    fn weight(&self) -> usize {
        self.payload.len()
    }
}

impl Item for Notice {
    fn weight(&self) -> usize {
        match self {
            Self::Message(message) => message.weight(),
            Self::Shadow(notice) => notice.event.weight(),
            Self::Attempting { .. }
            | Self::Failed { .. }
            | Self::Online { .. }
            | Self::Offline { .. }
            | Self::Ready
            | Self::Stopped
            | Self::SubscriptionLost { .. }
            | Self::Done { .. } => 0,
        }
    }
}

impl Item for ShadowEvent {
    fn weight(&self) -> usize {
        self.raw().map_or(0, bytes::Bytes::len)
    }
}

#[derive(Debug)]
pub(crate) struct Inbox<T> {
    queue: Lock<Queue<T>>,
    pub(crate) wakers: Wakers,
}

#[derive(Debug)]
struct Queue<T> {
    items: VecDeque<T>,
    bytes: usize,
    dropped: u64,
    closed: bool,
    /// The writer waits until half of the room is free.
    room_wanted: bool,
}

/// What a look into an inbox gave.
#[derive(Debug)]
pub(crate) struct Taken<T> {
    /// `None` when nothing more will come.
    pub(crate) item: Option<T>,
    /// There is room again, and the writer waits for it.
    pub(crate) made_room: bool,
}

impl<T: Item> Inbox<T> {
    pub(crate) fn new() -> Self {
        let queue = Queue { items: VecDeque::new(), bytes: 0, dropped: 0, closed: false, room_wanted: false };
        Self { queue: Lock::new(queue), wakers: Wakers::default() }
    }

    /// Adds an item, whether there is room or not, and tells whether the next one [lacks room](Self::lacks_room).
    pub(crate) fn push(&self, item: T, later: &mut Later) -> bool {
        let mut queue = self.queue.lock();
        queue.add(item);
        queue.room_wanted |= queue.is_full();
        let room_wanted = queue.room_wanted;
        drop(queue);
        self.wakers.take(&mut later.wakers);
        room_wanted
    }

    /// Adds the last item: nothing more will come.
    pub(crate) fn push_last(&self, item: T, later: &mut Later) {
        let mut queue = self.queue.lock();
        queue.add(item);
        queue.closed = true;
        drop(queue);
        self.wakers.take(&mut later.wakers);
    }

    /// Adds an item; the oldest ones make way.
    pub(crate) fn push_over(&self, item: T, later: &mut Later) {
        let mut queue = self.queue.lock();
        while queue.is_full() {
            let Some(oldest) = queue.items.pop_front() else { break };
            queue.bytes -= oldest.weight();
            queue.dropped += 1;
        }
        queue.add(item);
        drop(queue);
        self.wakers.take(&mut later.wakers);
    }

    /// Whether the writer should wait. Once it should, half of the room has to be free again before it need not:
    /// whoever makes that room is told so.
    pub(crate) fn lacks_room(&self) -> bool {
        self.queue.lock().room_wanted
    }

    /// Takes the next item; `None` when there is none yet. A closed inbox still gives what is in it.
    pub(crate) fn take(&self) -> Option<Taken<T>> {
        let mut queue = self.queue.lock();
        let item = queue.items.pop_front();
        if item.is_none() && !queue.closed {
            return None;
        }
        queue.bytes -= item.as_ref().map_or(0, T::weight);
        let made_room = queue.room_wanted && queue.items.len() <= COUNT_MAX / 2 && queue.bytes <= BYTES_MAX / 2;
        queue.room_wanted &= !made_room;
        Some(Taken { item, made_room })
    }

    /// Waits for the next item of a queue that is never full; `None` when nothing more will come.
    pub(crate) async fn next(&self) -> Option<T> {
        self.wakers.until(|| self.take().map_or(Poll::Pending, |taken| Poll::Ready(taken.item))).await
    }

    /// Nothing more will come.
    pub(crate) fn close(&self, later: &mut Later) {
        self.queue.lock().closed = true;
        self.wakers.take(&mut later.wakers);
    }

    /// Nothing more will come, and what is there is forgotten.
    pub(crate) fn cut(&self, later: &mut Later) {
        let mut queue = self.queue.lock();
        (queue.closed, queue.bytes) = (true, 0);
        let forgotten = std::mem::take(&mut queue.items);
        drop(queue);
        self.wakers.take(&mut later.wakers);
        drop(forgotten);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.queue.lock().closed
    }

    /// How many items had to make way so far.
    pub(crate) fn dropped(&self) -> u64 {
        self.queue.lock().dropped
    }
}

impl<T: Item> Queue<T> {
    fn add(&mut self, item: T) {
        self.bytes += item.weight();
        self.items.push_back(item);
    }

    fn is_full(&self) -> bool {
        self.items.len() >= COUNT_MAX || self.bytes >= BYTES_MAX
    }
}

#[cfg(test)]
mod tests;
