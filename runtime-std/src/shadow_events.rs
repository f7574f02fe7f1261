//! What is told of a watched shadow, as iterators.

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use thingwire_core::{Delta, Outcome, SetupError, ShadowEvent, ShadowName, Ticket};

use crate::callbacks::guarded;
use crate::client::WeakClient;
use crate::inbox::{Inbox, Taken};
use crate::pending::Pending;
use crate::shadow::{Settings, Shadow};
use crate::shared::Shared;

/// What is told of a shadow, from [`Shadow::watch`] on, over all lost connections and sessions.
///
/// First comes what the shadow is now, as [`ShadowEvent::Current`], and then what happens to it, in the order of its
/// versions: nothing older follows something newer, and nothing comes twice. After notifications may have been lost with
/// a session, the shadow is read again, so that no delta is missed.
///
/// As an iterator it waits for each event, and ends when the watch is over.
///
/// Nothing is dropped: while 1,024 events or 4 MiB of them wait here, the client reads nothing from the network, until
/// half of that is taken. So take the events, or drop this.
///
/// Each watch of a shadow gets everything; the subscriptions are shared. Dropping the last of them ends these.
pub struct ShadowEvents {
    pending: Pending,
    inbox: Arc<Inbox<ShadowEvent>>,
    shared: Arc<Shared>,
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
        Self { pending, inbox, shared, client, settings: Settings::of(name) }
    }

    pub(crate) fn with(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// The next event; `None` when there is none within `timeout`, or, at once, when the watch is over.
    pub fn recv(&self, timeout: Duration) -> Option<ShadowEvent> {
        self.receive(Some(timeout))
    }

    /// The next event, if there is one.
    pub fn try_recv(&self) -> Option<ShadowEvent> {
        self.receive(Some(Duration::ZERO))
    }

    /// Waits until the notifications are subscribed to, as late as that may be: then the outcome is
    /// [`Outcome::Subscribed`]. `None` as in [`Pending::wait`].
    pub fn granted(&self, timeout: Duration) -> Option<Outcome> {
        self.pending.wait(timeout)
    }

    /// Whether nothing more comes: the client is gone, or the watch is given up, which [`ShadowEvent::GivenUp`] says.
    /// What came before can still be taken.
    pub fn is_over(&self) -> bool {
        self.inbox.is_closed()
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
        let (watch, inbox, shared) = (self.pending.ticket(), Arc::clone(&self.inbox), Arc::clone(&self.shared));
        let deliver = move || {
            while let Some(event) = self.receive(None) {
                // Only now: while it waits here, the last handle of the client may be dropped.
                let Some(client) = self.client.upgrade() else { break };
                let shadow = Shadow::new(client, self.settings.clone());
                guarded("a shadow's callback", || callback(&shadow, event));
            }
        };
        match thread::Builder::new().name("thingwire-shadow".to_owned()).spawn(deliver) {
            Ok(_detached) => Ok(Delivery { watch, inbox, shared }),
            Err(error) => Err(SetupError::System { why: format!("no thread for the callback: {error}") }),
        }
    }

    fn receive(&self, limit: Option<Duration>) -> Option<ShadowEvent> {
        let Taken { item, made_room } = self.inbox.take(limit);
        if made_room {
            self.shared.wake();
        }
        item
    }
}

impl Iterator for ShadowEvents {
    type Item = ShadowEvent;

    fn next(&mut self) -> Option<ShadowEvent> {
        self.receive(None)
    }
}

impl Drop for ShadowEvents {
    fn drop(&mut self) {
        let watch = self.pending.ticket();
        self.shared.command(|state, now| state.end_watch(now, watch));
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
pub struct Deltas {
    events: ShadowEvents,
}

impl Deltas {
    pub(crate) fn new(events: ShadowEvents) -> Self {
        Self { events }
    }

    /// The next delta; `None` when there is none within `timeout`, or, at once, when the watch is over.
    pub fn recv(&self, timeout: Duration) -> Option<Delta> {
        let begin = Instant::now();
        loop {
            let left = timeout.saturating_sub(begin.elapsed());
            if let ShadowEvent::Delta(delta) = self.events.recv(left)? {
                return Some(delta);
            }
        }
    }

    /// The next delta, if there is one.
    pub fn try_recv(&self) -> Option<Delta> {
        self.recv(Duration::ZERO)
    }

    /// Waits until the deltas are subscribed to: see [`ShadowEvents::granted`].
    pub fn granted(&self, timeout: Duration) -> Option<Outcome> {
        self.events.granted(timeout)
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

impl Iterator for Deltas {
    type Item = Delta;

    fn next(&mut self) -> Option<Delta> {
        self.events.find_map(|event| if let ShadowEvent::Delta(delta) = event { Some(delta) } else { None })
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
        self.inbox.cut();
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery").field("watch", &self.watch).finish_non_exhaustive()
    }
}
