//! A bounded queue from the client's thread to the application's.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use thingwire_core::{Message, Notice, ShadowEvent};

use crate::sync::lock;

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
            _ => 0,
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
    queue: Mutex<Queue<T>>,
    changed: Condvar,
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
    pub(crate) item: Option<T>,
    /// There is room again, and the writer waits for it.
    pub(crate) made_room: bool,
}

impl<T: Item> Inbox<T> {
    pub(crate) fn new() -> Self {
        let queue = Queue { items: VecDeque::new(), bytes: 0, dropped: 0, closed: false, room_wanted: false };
        Self { queue: Mutex::new(queue), changed: Condvar::new() }
    }

    /// Adds an item, whether there is room or not, and tells whether the next one [lacks room](Self::lacks_room).
    pub(crate) fn push(&self, item: T) -> bool {
        let mut queue = lock(&self.queue);
        queue.bytes += item.weight();
        queue.items.push_back(item);
        queue.room_wanted |= queue.is_full();
        let room_wanted = queue.room_wanted;
        drop(queue);
        self.changed.notify_one();
        room_wanted
    }

    /// Adds the last item: nothing more will come.
    pub(crate) fn push_last(&self, item: T) {
        let mut queue = lock(&self.queue);
        queue.bytes += item.weight();
        queue.items.push_back(item);
        queue.closed = true;
        drop(queue);
        self.changed.notify_all();
    }

    /// Adds an item; the oldest ones make way.
    pub(crate) fn push_over(&self, item: T) {
        let mut queue = lock(&self.queue);
        while queue.is_full() {
            let Some(oldest) = queue.items.pop_front() else { break };
            queue.bytes -= oldest.weight();
            queue.dropped += 1;
        }
        queue.bytes += item.weight();
        queue.items.push_back(item);
        drop(queue);
        self.changed.notify_one();
    }

    /// Whether the writer should wait. Once it should, half of the room has to be free again before it need not:
    /// whoever makes that room is told so.
    pub(crate) fn lacks_room(&self) -> bool {
        lock(&self.queue).room_wanted
    }

    /// Takes the next item, waiting for it at most for `limit`. A closed inbox still gives what is in it.
    pub(crate) fn take(&self, limit: Option<Duration>) -> Taken<T> {
        let nothing_yet = |queue: &mut Queue<T>| queue.items.is_empty() && !queue.closed;
        let queue = lock(&self.queue);
        let mut queue = match limit {
            Some(Duration::ZERO) => queue,
            Some(limit) => {
                let waited = self.changed.wait_timeout_while(queue, limit, nothing_yet);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => self.changed.wait_while(queue, nothing_yet).unwrap_or_else(PoisonError::into_inner),
        };
        let item = queue.items.pop_front();
        queue.bytes -= item.as_ref().map_or(0, T::weight);
        let made_room = queue.room_wanted && queue.items.len() <= COUNT_MAX / 2 && queue.bytes <= BYTES_MAX / 2;
        queue.room_wanted &= !made_room;
        Taken { item, made_room }
    }

    /// Nothing more will come.
    pub(crate) fn close(&self) {
        lock(&self.queue).closed = true;
        self.changed.notify_all();
    }

    /// Nothing more will come, and what is there is forgotten.
    pub(crate) fn cut(&self) {
        let mut queue = lock(&self.queue);
        (queue.closed, queue.bytes) = (true, 0);
        let forgotten = std::mem::take(&mut queue.items);
        drop(queue);
        self.changed.notify_all();
        drop(forgotten);
    }

    pub(crate) fn is_closed(&self) -> bool {
        lock(&self.queue).closed
    }

    /// How many items had to make way so far.
    pub(crate) fn dropped(&self) -> u64 {
        lock(&self.queue).dropped
    }
}

impl<T> Queue<T> {
    fn is_full(&self) -> bool {
        self.items.len() >= COUNT_MAX || self.bytes >= BYTES_MAX
    }
}
