//! How an accepted operation ends.

use std::time::Duration;

use thingwire_core::{Outcome, Ticket, handle};

use super::wait::wait;

/// An accepted operation of a [`Client`](crate::Client). Dropping it changes nothing: the operation goes on.
///
/// ```no_run
/// use std::time::Duration;
/// use thingwire_std::{Client, Outcome, Publish, Topic};
///
/// fn report(client: &Client) -> Result<(), Box<dyn std::error::Error>> {
///     let sent = client.publish(Publish::new(Topic::new("kitchen/temperature")?, "21.5"))?;
///     match sent.wait(Duration::from_secs(10)) {
///         Some(Outcome::Acked) => println!("the server has it"),
///         Some(other) => println!("{other}"),
///         None => println!("not yet: it goes on"),
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct Pending {
    inner: handle::Pending,
}

impl Pending {
    pub(crate) fn new(inner: handle::Pending) -> Self {
        Self { inner }
    }

    /// The operation's name.
    pub fn ticket(&self) -> Ticket {
        self.inner.ticket()
    }

    /// Waits for the outcome. `None` when it is not known after `timeout`, or, at once, when the client
    /// [is gone](Self::is_gone).
    pub fn wait(&self, timeout: Duration) -> Option<Outcome> {
        wait(self.inner.wait(), Some(timeout)).flatten()
    }

    /// The outcome, if it is known.
    pub fn try_wait(&self) -> Option<Outcome> {
        self.inner.try_wait()
    }

    /// Whether the last handle of the client was dropped before the outcome was known: then it never will be.
    pub fn is_gone(&self) -> bool {
        self.inner.is_gone()
    }

    /// Calls `callback` once with the outcome, or with `None` when the client is gone before it is known.
    ///
    /// Callbacks run one after the other on a thread of their own. They may use the client, block or panic: that
    /// delays later callbacks at most. A client that is kept by a callback lives at least until that callback was
    /// called.
    pub fn on_done(self, callback: impl FnOnce(Option<Outcome>) + Send + 'static) {
        self.inner.on_done(callback);
    }
}
