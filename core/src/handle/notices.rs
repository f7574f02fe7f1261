//! What happens to a client, as a stream.

use core::fmt;
use std::sync::Arc;

use super::inbox::Inbox;
use super::outlet::Outlet;
use super::shared::Shared;
use crate::Notice;

/// What happens to a [`Client`](super::Client), from the call of [`Client::notices`](super::Client::notices) on:
/// everything but [`Notice::Done`], the messages that belong to a [`Subscription`](super::Subscription), and the news
/// of a shadow that [`ShadowEvents`](super::ShadowEvents) give.
///
/// As a stream it ends when the client is gone. When nobody takes them, the oldest notices are dropped, and
/// [counted](Self::dropped).
#[must_use = "dropping it ends the listening"]
pub struct Notices {
    pub(crate) outlet: Outlet<Notice>,
}

impl Notices {
    pub(crate) fn new(inbox: Arc<Inbox<Notice>>, shared: Arc<Shared>) -> Self {
        Self { outlet: Outlet::new(inbox, shared) }
    }

    /// Waits for the next notice; `None` when the client is gone.
    ///
    /// Cancel safe: a future that is dropped has taken nothing.
    pub async fn recv(&self) -> Option<Notice> {
        self.outlet.recv().await
    }

    /// The next notice, if there is one.
    pub fn try_recv(&self) -> Option<Notice> {
        self.outlet.try_recv()
    }

    /// How many notices were dropped so far because nobody took them in time.
    pub fn dropped(&self) -> u64 {
        self.outlet.inbox.dropped()
    }

    /// Whether the client is gone. What came before can still be taken.
    pub fn is_gone(&self) -> bool {
        self.outlet.is_closed()
    }
}

impl Drop for Notices {
    fn drop(&mut self) {
        let Outlet { inbox, shared, .. } = &self.outlet;
        shared.command(|state, _| state.remove_notices(inbox));
    }
}

impl fmt::Debug for Notices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notices").finish_non_exhaustive()
    }
}
