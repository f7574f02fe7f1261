//! What is told of a watched shadow, as streams.

use core::fmt;
use std::sync::Arc;

use super::callbacks::{Later, guarded};
use super::client::WeakClient;
use super::inbox::Inbox;
use super::outlet::Outlet;
use super::pending::Pending;
use super::shadow::{Settings, Shadow};
use super::shared::Shared;
use crate::{Delta, Outcome, SetupError, ShadowEvent, ShadowName, Ticket};

/// What is told of a shadow, from [`Shadow::watch`] on, over all lost connections and sessions.
///
/// First comes what the shadow is now, as [`ShadowEvent::Current`], and then what happens to it, in the order of its
/// versions: nothing older follows something newer, and nothing comes twice. After notifications may have been lost,
/// the shadow is read again, so that no delta is missed.
///
/// As a stream it ends when the watch is over.
///
/// Nothing is dropped: while 1,024 events or 4 MiB of them wait here, the client reads nothing from the network, until
/// half of that is taken. So take the events, or drop this.
///
/// Each watch of a shadow gets everything; the subscriptions are shared. Dropping the last of them ends these.
#[must_use = "dropping it ends the watch"]
pub struct ShadowEvents {
    pending: Pending,
    pub(crate) outlet: Outlet<ShadowEvent>,
    client: WeakClient,
    settings: Settings,
}

impl ShadowEvents {
    pub(crate) fn new(
        pending: Pending,
        inbox: Arc<Inbox<ShadowEvent>>,
        shared: Arc<Shared>,
        client: WeakClient,
        name: ShadowName,
    ) -> Self {
        Self { pending, outlet: Outlet::new(inbox, shared), client, settings: Settings::of(name) }
    }

    pub(crate) fn with(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Waits for the next event; `None` when the watch is over.
    ///
    /// Cancel safe: a future that is dropped has taken nothing.
    pub async fn recv(&self) -> Option<ShadowEvent> {
        self.outlet.recv().await
    }

    /// The next event, if there is one.
    pub fn try_recv(&self) -> Option<ShadowEvent> {
        self.outlet.try_recv()
    }

    /// Waits until the notifications are subscribed to, as late as that may be: then the outcome is
    /// [`Outcome::Subscribed`]. `None` as in [`Pending::wait`].
    ///
    /// Cancel safe: dropping the future changes nothing.
    pub async fn granted(&self) -> Option<Outcome> {
        self.pending.wait().await
    }

    /// Whether nothing more comes: the client is gone, or the watch is given up, which [`ShadowEvent::GivenUp`] says.
    /// What came before can still be taken.
    pub fn is_over(&self) -> bool {
        self.outlet.is_closed()
    }

    /// Calls `callback` with every event, where it may block, until the watch is over or [ended](Delivery::end).
    ///
    /// The callback is given the shadow. It may use it and wait for the answers, it may take its time, and it may panic:
    /// the next event is delivered all the same. While it blocks it is a slow reader, as described [above](Self). This
    /// alone keeps no client; a client that the callback has a handle of is kept.
    pub fn deliver_to(
        self,
        mut callback: impl FnMut(&Shadow, ShadowEvent) + Send + 'static,
    ) -> Result<Delivery, SetupError> {
        let Outlet { inbox, shared, .. } = &self.outlet;
        let delivery = Delivery { watch: self.pending.ticket(), inbox: Arc::clone(inbox), shared: Arc::clone(shared) };
        let callbacks = Arc::clone(self.pending.callbacks());
        let deliver = async move {
            while let Some(event) = self.recv().await {
                // Only now: while it waits here, the last handle of the client may be dropped.
                let Some(client) = self.client.upgrade() else { break };
                let shadow = Shadow::new(client, self.settings.clone());
                guarded("a shadow's callback", || callback(&shadow, event));
            }
        };
        callbacks.deliver("thingwire-shadow", Box::pin(deliver)).map(|()| delivery)
    }
}

impl Drop for ShadowEvents {
    fn drop(&mut self) {
        let watch = self.pending.ticket();
        self.outlet.shared.command(|state, now| state.end_watch(now, watch));
    }
}

impl fmt::Debug for ShadowEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShadowEvents").field("shadow", &self.settings.name).finish_non_exhaustive()
    }
}

/// The deltas of a shadow, from [`Shadow::deltas`] on: the [`ShadowEvents`] that are deltas, with all that is said
/// there. What else happens to the watch is only logged.
#[derive(Debug)]
#[must_use = "dropping it ends the watch"]
pub struct Deltas {
    pub(crate) events: ShadowEvents,
}

impl Deltas {
    pub(crate) fn new(events: ShadowEvents) -> Self {
        Self { events }
    }

    /// Waits for the next delta; `None` when the watch is over.
    ///
    /// Cancel safe: a future that is dropped has taken no delta.
    pub async fn recv(&self) -> Option<Delta> {
        loop {
            if let ShadowEvent::Delta(delta) = self.events.recv().await? {
                return Some(delta);
            }
        }
    }

    /// The next delta, if there is one.
    pub fn try_recv(&self) -> Option<Delta> {
        loop {
            if let ShadowEvent::Delta(delta) = self.events.try_recv()? {
                return Some(delta);
            }
        }
    }

    /// Waits until the deltas are subscribed to: see [`ShadowEvents::granted`].
    pub async fn granted(&self) -> Option<Outcome> {
        self.events.granted().await
    }

    /// Whether nothing more comes: see [`ShadowEvents::is_over`].
    pub fn is_over(&self) -> bool {
        self.events.is_over()
    }

    /// Calls `callback` with every delta: see [`ShadowEvents::deliver_to`].
    pub fn deliver_to(self, mut callback: impl FnMut(&Shadow, Delta) + Send + 'static) -> Result<Delivery, SetupError> {
        self.events.deliver_to(move |shadow, event| {
            if let ShadowEvent::Delta(delta) = event {
                callback(shadow, delta);
            }
        })
    }
}

/// A callback that is called with what happens to a shadow. Dropping this changes nothing: it goes on.
pub struct Delivery {
    watch: Ticket,
    inbox: Arc<Inbox<ShadowEvent>>,
    shared: Arc<Shared>,
}

impl Delivery {
    /// Ends it and its watch. A call that has begun is finished; what had not been delivered by then is forgotten.
    pub fn end(self) {
        self.shared.command(|state, now| state.end_watch(now, self.watch));
        let mut later = Later::default();
        self.inbox.cut(&mut later);
        later.run(&self.shared.callbacks);
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery").field("watch", &self.watch).finish_non_exhaustive()
    }
}
