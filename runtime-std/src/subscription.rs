//! The messages of one subscription, as an iterator.

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use thingwire_core::{Message, Outcome, SetupError};

use crate::callbacks::guarded;
use crate::inbox::{Inbox, Taken};
use crate::pending::Pending;
use crate::shared::Shared;

/// The messages that match the filters of one [`Client::subscribe`](crate::Client::subscribe).
///
/// As an iterator it waits for each message, and ends when the client is gone.
///
/// Nothing is dropped: while 1,024 messages or 4 MiB of payload wait here, the client reads nothing from the network,
/// for no subscription, until half of that is taken. What had been read by then is still added. Pings and publishes
/// go on. So take the messages, or drop the subscription.
///
/// With automatic acknowledgement a message is acknowledged when it is put here.
///
/// Dropping it stops the listening, not the subscription at the server, because a persistent session is there to
/// outlive the program. To end it there too, call [`Client::unsubscribe`](crate::Client::unsubscribe).
pub struct Subscription {
    pending: Pending,
    inbox: Arc<Inbox<Message>>,
    shared: Arc<Shared>,
}

impl Subscription {
    pub(crate) fn new(pending: Pending, inbox: Arc<Inbox<Message>>, shared: Arc<Shared>) -> Self {
        Self { pending, inbox, shared }
    }

    /// The next message; `None` when there is none within `timeout`, or, at once, when the client is gone.
    pub fn recv(&self, timeout: Duration) -> Option<Message> {
        self.receive(Some(timeout))
    }

    /// The next message, if there is one.
    pub fn try_recv(&self) -> Option<Message> {
        self.receive(Some(Duration::ZERO))
    }

    /// Waits for the server's answer: [`Outcome::Subscribed`] says what was granted. `None` as in [`Pending::wait`].
    pub fn granted(&self, timeout: Duration) -> Option<Outcome> {
        self.pending.wait(timeout)
    }

    /// The operation that the server answers.
    pub fn pending(&self) -> &Pending {
        &self.pending
    }

    /// Whether the client is gone. What came before can still be taken.
    pub fn is_gone(&self) -> bool {
        self.inbox.is_closed()
    }

    /// Calls `callback` with every message, on a thread of its own, until the client is gone.
    ///
    /// The callback may use the client, and it may panic: the next message is delivered all the same. While it blocks
    /// it is a slow reader, as described [above](Self).
    pub fn deliver_to(self, mut callback: impl FnMut(Message) + Send + 'static) -> Result<(), SetupError> {
        let deliver = move || self.for_each(|message| guarded("a message callback", || callback(message)));
        match thread::Builder::new().name("thingwire-messages".to_owned()).spawn(deliver) {
            Ok(_detached) => Ok(()),
            Err(error) => Err(SetupError::System { why: format!("no thread for the callback: {error}") }),
        }
    }

    fn receive(&self, limit: Option<Duration>) -> Option<Message> {
        let Taken { item, made_room } = self.inbox.take(limit);
        if made_room {
            self.shared.wake();
        }
        item
    }
}

impl Iterator for Subscription {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        self.receive(None)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.shared.command(|state, _| state.remove_route(&self.inbox));
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("pending", &self.pending).finish_non_exhaustive()
    }
}
