//! What is told of a watched shadow, as iterators.

use std::time::Duration;

use thingwire_core::handle::{self, Delivery};
use thingwire_core::{Delta, Outcome, SetupError, ShadowEvent};

use super::shadow::Shadow;
use super::wait::wait;

/// What is told of a shadow, from [`Shadow::watch`] on, over all lost connections and sessions.
///
/// First comes what the shadow is now, as [`ShadowEvent::Current`], and then what happens to it, in the order of its
/// versions: nothing older follows something newer, and nothing comes twice. After notifications may have been lost,
/// the shadow is read again, so that no delta is missed.
///
/// As an iterator it waits for each event, and ends when the watch is over.
///
/// Nothing is dropped: while 1,024 events or 4 MiB of them wait here, the client reads nothing from the network, until
/// half of that is taken. So take the events, or drop this.
///
/// Each watch of a shadow gets everything; the subscriptions are shared. Dropping the last of them ends these.
#[derive(Debug)]
#[must_use = "dropping it ends the watch"]
pub struct ShadowEvents {
    inner: handle::ShadowEvents,
}

impl ShadowEvents {
    pub(crate) fn new(inner: handle::ShadowEvents) -> Self {
        Self { inner }
    }

    /// The next event; `None` when there is none within `timeout`, or, at once, when the watch is over.
    pub fn recv(&self, timeout: Duration) -> Option<ShadowEvent> {
        wait(self.inner.recv(), Some(timeout)).flatten()
    }

    /// The next event, if there is one.
    pub fn try_recv(&self) -> Option<ShadowEvent> {
        self.inner.try_recv()
    }

    /// Waits until the notifications are subscribed to, as late as that may be: then the outcome is
    /// [`Outcome::Subscribed`]. `None` as in [`Pending::wait`](crate::Pending::wait).
    pub fn granted(&self, timeout: Duration) -> Option<Outcome> {
        wait(self.inner.granted(), Some(timeout)).flatten()
    }

    /// Whether nothing more comes: the client is gone, or the watch is given up, which [`ShadowEvent::GivenUp`] says.
    /// What came before can still be taken.
    pub fn is_over(&self) -> bool {
        self.inner.is_over()
    }

    /// Calls `callback` with every event, on a thread of its own, until the watch is over or [ended](Delivery::end).
    ///
    /// The callback is given the shadow. It may use it and wait for the answers, it may take its time, and it may panic:
    /// the next event is delivered all the same. While it blocks it is a slow reader, as described [above](Self). This
    /// alone keeps no client; a client that the callback has a handle of is kept.
    pub fn deliver_to(
        self,
        mut callback: impl FnMut(&Shadow, ShadowEvent) + Send + 'static,
    ) -> Result<Delivery, SetupError> {
        self.inner.deliver_to(move |shadow, event| callback(&Shadow::new(shadow.clone()), event))
    }
}

impl Iterator for ShadowEvents {
    type Item = ShadowEvent;

    fn next(&mut self) -> Option<ShadowEvent> {
        wait(self.inner.recv(), None).flatten()
    }
}

/// The deltas of a shadow, from [`Shadow::deltas`] on: the [`ShadowEvents`] that are deltas, with all that is said
/// there. What else happens to the watch is only logged.
#[derive(Debug)]
#[must_use = "dropping it ends the watch"]
pub struct Deltas {
    inner: handle::Deltas,
}

impl Deltas {
    pub(crate) fn new(inner: handle::Deltas) -> Self {
        Self { inner }
    }

    /// The next delta; `None` when there is none within `timeout`, or, at once, when the watch is over.
    pub fn recv(&self, timeout: Duration) -> Option<Delta> {
        wait(self.inner.recv(), Some(timeout)).flatten()
    }

    /// The next delta, if there is one.
    pub fn try_recv(&self) -> Option<Delta> {
        self.inner.try_recv()
    }

    /// Waits until the deltas are subscribed to: see [`ShadowEvents::granted`].
    pub fn granted(&self, timeout: Duration) -> Option<Outcome> {
        wait(self.inner.granted(), Some(timeout)).flatten()
    }

    /// Whether nothing more comes: see [`ShadowEvents::is_over`].
    pub fn is_over(&self) -> bool {
        self.inner.is_over()
    }

    /// Calls `callback` with every delta: see [`ShadowEvents::deliver_to`].
    pub fn deliver_to(self, mut callback: impl FnMut(&Shadow, Delta) + Send + 'static) -> Result<Delivery, SetupError> {
        self.inner.deliver_to(move |shadow, delta| callback(&Shadow::new(shadow.clone()), delta))
    }
}

impl Iterator for Deltas {
    type Item = Delta;

    fn next(&mut self) -> Option<Delta> {
        wait(self.inner.recv(), None).flatten()
    }
}
