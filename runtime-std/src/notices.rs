//! What happens to a client, as an iterator.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use thingwire_core::Notice;

use crate::inbox::Inbox;
use crate::shared::Shared;

/// What happens to a [`Client`](crate::Client), from the call of [`Client::notices`](crate::Client::notices) on:
/// everything but [`Notice::Done`], the messages that belong to a [`Subscription`](crate::Subscription), and the news
/// of a shadow that [`ShadowEvents`](crate::ShadowEvents) give.
///
/// As an iterator it waits for each notice, and ends when the client is gone. When nobody takes them, the oldest
/// notices are dropped, and [counted](Self::dropped).
pub struct Notices {
    inbox: Arc<Inbox<Notice>>,
    shared: Arc<Shared>,
}

impl Notices {
    pub(crate) fn new(inbox: Arc<Inbox<Notice>>, shared: Arc<Shared>) -> Self {
        Self { inbox, shared }
    }

    /// The next notice; `None` when there is none within `timeout`, or, at once, when the client is gone.
    pub fn recv(&self, timeout: Duration) -> Option<Notice> {
        self.inbox.take(Some(timeout)).item
    }

    /// The next notice, if there is one.
    pub fn try_recv(&self) -> Option<Notice> {
        self.inbox.take(Some(Duration::ZERO)).item
    }

    /// How many notices were dropped so far because nobody took them in time.
    pub fn dropped(&self) -> u64 {
        self.inbox.dropped()
    }

    /// Whether the client is gone. What came before can still be taken.
    pub fn is_gone(&self) -> bool {
        self.inbox.is_closed()
    }
}

impl Iterator for Notices {
    type Item = Notice;

    fn next(&mut self) -> Option<Notice> {
        self.inbox.take(None).item
    }
}

impl Drop for Notices {
    fn drop(&mut self) {
        self.shared.command(|state, _| state.remove_notices(&self.inbox));
    }
}

impl fmt::Debug for Notices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notices").finish_non_exhaustive()
    }
}
