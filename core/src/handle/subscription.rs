//! The messages of one subscription, as a stream.

use core::fmt;
use std::sync::Arc;

use super::callbacks::guarded;
use super::inbox::Inbox;
use super::outlet::Outlet;
use super::pending::Pending;
use super::shared::Shared;
use crate::{Message, Outcome, SetupError};

/// The messages that match the filters of one [`Client::subscribe`](super::Client::subscribe).
///
/// As a stream it ends when the client is gone.
///
/// Nothing is dropped: while 1,024 messages or 4 MiB of payload wait here, the client reads nothing from the network,
/// for no subscription, until half of that is taken. What had been read by then is still added. Pings and publishes
/// go on. So take the messages, or drop the subscription.
///
/// With automatic acknowledgement a message is acknowledged when it is put here.
///
/// Dropping it stops the listening, not the subscription at the server, because a persistent session is there to
/// outlive the program. To end it there too, call [`Client::unsubscribe`](super::Client::unsubscribe).
#[must_use = "dropping it ends the subscription"]
pub struct Subscription {
    pending: Pending,
    pub(crate) outlet: Outlet<Message>,
}

impl Subscription {
    pub(crate) fn new(pending: Pending, inbox: Arc<Inbox<Message>>, shared: Arc<Shared>) -> Self {
        Self { pending, outlet: Outlet::new(inbox, shared) }
    }

    /// Waits for the next message; `None` when the client is gone.
    ///
    /// Cancel safe: a future that is dropped has taken nothing.
    pub async fn recv(&self) -> Option<Message> {
        self.outlet.recv().await
    }

    /// The next message, if there is one.
    pub fn try_recv(&self) -> Option<Message> {
        self.outlet.try_recv()
    }

    /// Waits for the server's answer: [`Outcome::Subscribed`] says what was granted. `None` as in [`Pending::wait`].
    ///
    /// Cancel safe: dropping the future changes nothing.
    pub async fn granted(&self) -> Option<Outcome> {
        self.pending.wait().await
    }

    /// The operation that the server answers.
    pub fn pending(&self) -> &Pending {
        &self.pending
    }

    /// Whether the client is gone. What came before can still be taken.
    pub fn is_gone(&self) -> bool {
        self.outlet.is_closed()
    }

    /// Calls `callback` with every message, where it may block, until the client is gone.
    ///
    /// The callback may use the client, and it may panic: the next message is delivered all the same. While it blocks
    /// it is a slow reader, as described [above](Self).
    pub fn deliver_to(self, mut callback: impl FnMut(Message) + Send + 'static) -> Result<(), SetupError> {
        let callbacks = Arc::clone(self.pending.callbacks());
        let deliver = async move {
            while let Some(message) = self.recv().await {
                guarded("a message callback", || callback(message));
            }
        };
        callbacks.deliver("thingwire-messages", Box::pin(deliver))
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let Outlet { inbox, shared, .. } = &self.outlet;
        shared.command(|state, _| state.remove_route(inbox));
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("pending", &self.pending).finish_non_exhaustive()
    }
}
