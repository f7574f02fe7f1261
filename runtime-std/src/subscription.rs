//! The messages of one subscription, as an iterator.

use std::time::Duration;

use thingwire_core::{Message, Outcome, SetupError, handle};

use super::pending::Pending;
use super::wait::wait;

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
///
/// ```no_run
/// use std::time::Duration;
/// use thingwire_std::{Client, Filter, Qos};
///
/// fn listen(client: &Client) -> Result<(), Box<dyn std::error::Error>> {
///     let commands = client.subscribe(Filter::new("kitchen/commands/#")?, Qos::AtLeastOnce)?;
///     println!("the server says: {:?}", commands.granted(Duration::from_secs(10)));
///     for message in commands {
///         println!("{}: {} bytes", message.topic, message.payload.len());
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug)]
#[must_use = "dropping it ends the subscription"]
pub struct Subscription {
    pending: Pending,
    inner: handle::Subscription,
}

impl Subscription {
    pub(crate) fn new(inner: handle::Subscription) -> Self {
        Self { pending: Pending::new(inner.pending().clone()), inner }
    }

    /// The next message; `None` when there is none within `timeout`, or, at once, when the client is gone.
    pub fn recv(&self, timeout: Duration) -> Option<Message> {
        wait(self.inner.recv(), Some(timeout)).flatten()
    }

    /// The next message, if there is one.
    pub fn try_recv(&self) -> Option<Message> {
        self.inner.try_recv()
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
        self.inner.is_gone()
    }

    /// Calls `callback` with every message, on a thread of its own, until the client is gone.
    ///
    /// The callback may use the client, and it may panic: the next message is delivered all the same. While it blocks
    /// it is a slow reader, as described [above](Self).
    pub fn deliver_to(self, callback: impl FnMut(Message) + Send + 'static) -> Result<(), SetupError> {
        self.inner.deliver_to(callback)
    }
}

impl Iterator for Subscription {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        wait(self.inner.recv(), None).flatten()
    }
}
