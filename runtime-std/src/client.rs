//! The client as a handle to clone and share.

use std::fmt;
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use thingwire_core::{
    AckToken, Filter, Instant, LinkError, Options, Phase, Publish, Qos, Refused, SetupError, ShadowRequest,
    ShadowWatch, Status, Ticket,
};

use crate::machine;
use crate::notices::Notices;
use crate::pending::{Pending, Slot};
use crate::shadow::ShadowPending;
use crate::shadow_events::ShadowEvents;
use crate::shared::{Shared, State};
use crate::subscription::Subscription;
use crate::worker;

/// How long the goodbye may take when the last handle is dropped.
const GOODBYE: Duration = Duration::from_secs(1);

/// A handle of a client that runs on one background thread. Clones are handles of the same client.
///
/// No call waits for the network, but those with a timeout. Where nothing else is said, every call works in every
/// phase, also while offline and before [`start`](Self::start).
///
/// When the last handle is dropped, the client says goodbye as [`stop`](Self::stop) does, at most for a second, and
/// its thread ends. What was not sent by then is not sent: wait for its [`Pending`] first.
#[derive(Clone)]
pub struct Client {
    handle: Arc<Handle>,
}

/// A handle that does not keep the client.
#[derive(Clone)]
pub(crate) struct WeakClient {
    handle: Weak<Handle>,
}

/// Ends the thread when it is dropped.
struct Handle {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// Why the client is not ready.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotReady {
    /// Where the client stands.
    pub phase: Phase,
    /// Why the last attempt or connection failed, if one has and no other was accepted since.
    pub last_error: Option<LinkError>,
}

impl Client {
    /// An idle client. Subscribe before [`start`](Self::start), and no message that the server has stored is missed.
    pub fn new(options: Options) -> Result<Self, SetupError> {
        let (machine, poll, waker) = machine::set_up(options)?;
        let shared = Arc::new(Shared::new(machine, waker));
        let run = {
            let shared = Arc::clone(&shared);
            move || worker::run(&shared, poll)
        };
        let thread = thread::Builder::new()
            .name("thingwire".to_owned())
            .spawn(run)
            .map_err(|error| SetupError::System { why: format!("no thread for the client: {error}") })?;
        Ok(Self { handle: Arc::new(Handle { shared, thread: Some(thread) }) })
    }

    /// A client that connects at once, and stays connected.
    pub fn connect(options: Options) -> Result<Self, SetupError> {
        let client = Self::new(options)?;
        client.start();
        Ok(client)
    }

    /// Starts connecting, and keeps the connection up until [`stop`](Self::stop). Without effect when already
    /// started.
    pub fn start(&self) {
        self.shared().command(|state, now| {
            if !state.running {
                state.last_error = None;
            }
            state.running = true;
            state.machine.client().start(now);
        });
    }

    /// Says goodbye and closes, in whatever phase. What is queued or unacknowledged stays for the next
    /// [`start`](Self::start).
    ///
    /// Tells whether that was done within `timeout`; if not, it goes on.
    pub fn stop(&self, timeout: Duration) -> bool {
        self.shared().command(|state, now| state.machine.client().stop(now));
        !self.shared().wait(timeout, |state| !state.running).running
    }

    /// Publishes a message. A refused one comes back with the reason.
    pub fn publish(&self, publish: Publish) -> Result<Pending, Refused<Publish>> {
        self.shared().command(|state, now| {
            let ticket = state.machine.client().publish(now, publish)?;
            Ok(self.pending(ticket, state.add_pending(ticket)))
        })
    }

    /// Subscribes to a filter. The subscription is renewed by itself whenever the server has lost it.
    pub fn subscribe(&self, filter: Filter, qos: Qos) -> Result<Subscription, Refused<Vec<(Filter, Qos)>>> {
        self.subscribe_all(vec![(filter, qos)])
    }

    /// Subscribes to several filters in one request, with one stream of messages for all of them.
    pub fn subscribe_all(&self, filters: Vec<(Filter, Qos)>) -> Result<Subscription, Refused<Vec<(Filter, Qos)>>> {
        self.shared().command(|state, now| {
            let wanted = filters.clone();
            let ticket = state.machine.client().subscribe(now, filters)?;
            let pending = self.pending(ticket, state.add_pending(ticket));
            Ok(Subscription::new(pending, state.add_route(&wanted), Arc::clone(self.shared())))
        })
    }

    /// Ends subscriptions at the server. Every [`Subscription`] stays, and still gives what had arrived.
    pub fn unsubscribe(&self, filters: Vec<Filter>) -> Result<Pending, Refused<Vec<Filter>>> {
        self.shared().command(|state, now| {
            let ticket = state.machine.client().unsubscribe(now, filters)?;
            Ok(self.pending(ticket, state.add_pending(ticket)))
        })
    }

    /// Asks something of a device shadow, with everything that a request may say. [`Client::shadow`] has less to write.
    /// A refused request comes back with the reason.
    pub fn ask_shadow(&self, request: ShadowRequest) -> Result<ShadowPending, Refused<ShadowRequest>> {
        self.shared().command(|state, now| {
            let ticket = state.machine.client().shadow(now, request)?;
            let token = state.machine.client().shadow_token(ticket).unwrap_or_default().to_owned();
            Ok(ShadowPending::new(self.pending(ticket, state.add_pending(ticket)), token))
        })
    }

    /// Watches a device shadow, as [`Shadow::watch`](crate::Shadow::watch) does.
    pub fn watch_shadow(&self, watch: ShadowWatch) -> Result<ShadowEvents, Refused<ShadowWatch>> {
        self.shared().command(|state, now| {
            let shadow = watch.shadow.clone();
            let ticket = state.machine.client().watch_shadow(now, watch)?;
            let pending = self.pending(ticket, state.add_pending(ticket));
            let client = WeakClient { handle: Arc::downgrade(&self.handle) };
            Ok(ShadowEvents::new(pending, state.add_watch(ticket), Arc::clone(self.shared()), client, shadow))
        })
    }

    /// Acknowledges a message, with [`Config::manual_acks`](crate::Config::manual_acks).
    pub fn ack(&self, token: AckToken) {
        self.shared().command(|state, now| state.machine.client().ack(now, token));
    }

    /// Withdraws an operation that was not sent yet: it ends as [`Outcome::Discarded`](crate::Outcome::Discarded).
    /// Tells whether it was in time.
    pub fn discard(&self, ticket: Ticket) -> bool {
        self.shared().command(|state, now| state.machine.client().discard(now, ticket))
    }

    /// Records from now on what happens, in memory: see [`thingwire_core::trace`] for what is kept, and what stands in
    /// for payloads. `change` is for what is not to be as it is by default.
    #[cfg(feature = "trace")]
    pub fn record(&self, change: impl FnOnce(&mut crate::RecordOptions)) -> Result<(), SetupError> {
        let mut options = thingwire_core::host::record_options()?;
        change(&mut options);
        self.shared().look(|state| state.machine.client().record(&options));
        Ok(())
    }

    /// The recording so far, as a whole file for `thingwire-sim replay`; `None` without [`record`](Self::record).
    /// [`host::save`](thingwire_core::host::save) writes it. No call of the client's waits longer for it than copying
    /// it takes.
    #[cfg(feature = "trace")]
    pub fn recording(&self) -> Option<Vec<u8>> {
        self.shared().look(|state| state.machine.client().recording())
    }

    /// What happens to the client from now on. Each receiver gets everything.
    pub fn notices(&self) -> Notices {
        let inbox = self.shared().look(State::add_notices);
        Notices::new(inbox, Arc::clone(self.shared()))
    }

    /// Waits until the session is ready: connected, subscriptions restored, and what was queued before is sent.
    /// Attempts that fail meanwhile are followed by others.
    pub fn wait_ready(&self, timeout: Duration) -> Result<(), NotReady> {
        self.wait_ready_unless(timeout, |_| false)
    }

    /// The same, but returns at once when the last attempt since [`start`](Self::start) has failed. The client goes
    /// on trying.
    pub fn wait_ready_or_error(&self, timeout: Duration) -> Result<(), NotReady> {
        self.wait_ready_unless(timeout, |last_error| last_error.is_some())
    }

    /// Where the client stands.
    pub fn phase(&self) -> Phase {
        self.shared().look(State::phase)
    }

    /// How the client is doing.
    pub fn status(&self) -> Status {
        self.shared().look(|state| state.machine.client().status())
    }

    /// The client's time, in which [`Status`] counts.
    pub fn now(&self) -> Instant {
        self.shared().look(|state| state.machine.now())
    }

    /// Operations that wait to be sent.
    pub fn queued(&self) -> usize {
        self.shared().look(|state| state.machine.client().queued())
    }

    /// QoS 1 messages that were sent and wait for their acknowledgement.
    pub fn in_flight(&self) -> usize {
        self.shared().look(|state| state.machine.client().in_flight())
    }

    fn wait_ready_unless(
        &self,
        timeout: Duration,
        give_up: impl Fn(Option<&LinkError>) -> bool,
    ) -> Result<(), NotReady> {
        let mut state =
            self.shared().wait(timeout, |state| state.phase() == Phase::Ready || give_up(state.last_error.as_ref()));
        match state.phase() {
            Phase::Ready => Ok(()),
            phase => Err(NotReady { phase, last_error: state.last_error.clone() }),
        }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }

    fn pending(&self, ticket: Ticket, slot: Arc<Slot>) -> Pending {
        Pending::new(ticket, slot, Arc::clone(&self.shared().callbacks))
    }
}

impl WeakClient {
    /// The client, while somebody else keeps it.
    pub(crate) fn upgrade(&self) -> Option<Client> {
        self.handle.upgrade().map(|handle| Client { handle })
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.command(|state, now| {
            state.leaving = Some(now + GOODBYE);
            state.machine.client().stop(now);
        });
        // A handle that is dropped on the client's own thread cannot wait for that thread.
        let own = |thread: &JoinHandle<()>| thread.thread().id() == thread::current().id();
        if let Some(thread) = self.thread.take().filter(|thread| !own(thread)) {
            // A panic in it was logged there.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.last_error {
            Some(why) => write!(f, "not ready: {why}"),
            None => write!(f, "not ready in time: {}", words(self.phase)),
        }
    }
}

impl std::error::Error for NotReady {}

fn words(phase: Phase) -> &'static str {
    match phase {
        Phase::Idle => "not started",
        Phase::Opening => "connecting",
        Phase::AwaitingConnack => "waiting for the server's answer to CONNECT",
        Phase::Resubscribing => "renewing subscriptions",
        Phase::Draining => "sending what is queued",
        Phase::BackingOff => "waiting for the next attempt",
        Phase::Closing => "closing",
        _ => "busy",
    }
}
