//! The client as a handle to clone and share.

use core::fmt;
use core::time::Duration;
use std::sync::{Arc, Weak};

use super::lock::Lock;
use super::notices::Notices;
use super::pending::{Pending, Slot};
use super::shadow::ShadowPending;
use super::shadow_events::ShadowEvents;
use super::shared::{Shared, State};
use super::subscription::Subscription;
use crate::{
    AckToken, Filter, Instant, LinkError, Phase, Publish, Qos, Refused, ShadowRequest, ShadowWatch, Status, Ticket,
};

/// How long the goodbye may take when the last handle is dropped.
const GOODBYE: Duration = Duration::from_secs(1);

/// A handle of a client whose loop runs elsewhere. Clones are handles of the same client.
///
/// No call waits for the network, but those that are futures. Where nothing else is said, every call works in every
/// phase, also while offline and before [`start`](Self::start).
///
/// When the last handle is dropped, the client says goodbye as [`stop`](Self::stop) does, at most for a second, and
/// its loop ends. What was not sent by then is not sent: wait for its [`Pending`] first. When the loop is dropped
/// instead, everything ends at once: see [`Pending::is_gone`] and [`Subscription::is_gone`].
///
/// ```
/// use thingwire_core::handle::Client;
/// use thingwire_core::{Filter, Outcome, Publish, Qos, Topic};
///
/// async fn greet(client: &Client) -> Result<Option<Outcome>, Box<dyn std::error::Error>> {
///     let answers = client.subscribe(Filter::new("answers")?, Qos::AtLeastOnce)?;
///     let sent = client.publish(Publish::new(Topic::new("greetings")?, "hello"))?;
///     println!("{:?}", sent.wait().await);
///     println!("{:?}", answers.recv().await);
///     Ok(client.unsubscribe(vec![Filter::new("answers")?])?.wait().await)
/// }
/// ```
#[derive(Clone)]
#[must_use = "dropping the last handle ends it"]
pub struct Client {
    handle: Arc<Handle>,
}

/// A handle that does not keep the client.
#[derive(Clone)]
pub(crate) struct WeakClient {
    handle: Weak<Handle>,
}

/// Ends the loop when it is dropped.
struct Handle {
    shared: Arc<Shared>,
    farewell: Lock<Option<Farewell>>,
}

pub(crate) type Farewell = Box<dyn FnOnce() + Send>;

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
    pub(crate) fn new(shared: Arc<Shared>, farewell: Farewell) -> Self {
        Self { handle: Arc::new(Handle { shared, farewell: Lock::new(Some(farewell)) }) }
    }

    /// Starts connecting, and keeps the connection up until [`stop`](Self::stop). Without effect when already
    /// started.
    pub fn start(&self) {
        self.shared().command(|state, now| {
            if !state.running {
                state.last_error = None;
            }
            state.running = true;
            state.client().start(now);
        });
    }

    /// Says goodbye and closes, in whatever phase. What is queued or unacknowledged stays for the next
    /// [`start`](Self::start).
    ///
    /// It begins with this call. The future waits for its end, also the end of the loop; dropping it changes nothing.
    pub fn stop(&self) -> impl Future<Output = ()> + Send + use<'_> {
        self.shared().command(|state, now| state.client().stop(now));
        async { self.shared().until(|state| (!state.running).then_some(())).await.unwrap_or_default() }
    }

    /// Publishes a message. A refused one comes back with the reason.
    pub fn publish(&self, publish: Publish) -> Result<Pending, Refused<Publish>> {
        self.shared().command(|state, now| {
            let ticket = state.client().publish(now, publish)?;
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
            let ticket = state.client().subscribe(now, filters)?;
            let pending = self.pending(ticket, state.add_pending(ticket));
            Ok(Subscription::new(pending, state.add_route(&wanted), Arc::clone(self.shared())))
        })
    }

    /// Ends subscriptions at the server. Every [`Subscription`] stays, and still gives what had arrived.
    pub fn unsubscribe(&self, filters: Vec<Filter>) -> Result<Pending, Refused<Vec<Filter>>> {
        self.shared().command(|state, now| {
            let ticket = state.client().unsubscribe(now, filters)?;
            Ok(self.pending(ticket, state.add_pending(ticket)))
        })
    }

    /// Asks something of a device shadow, with everything that a request may say. [`Client::shadow`] has less to write.
    /// A refused request comes back with the reason.
    pub fn ask_shadow(&self, request: ShadowRequest) -> Result<ShadowPending, Refused<ShadowRequest>> {
        self.shared().command(|state, now| {
            let ticket = state.client().ask_shadow(now, request)?;
            let token = state.client().shadow_token(ticket).unwrap_or_default().to_owned();
            Ok(ShadowPending::new(self.pending(ticket, state.add_pending(ticket)), token))
        })
    }

    /// Watches a device shadow, as [`Shadow::watch`](super::Shadow::watch) does.
    pub fn watch_shadow(&self, watch: ShadowWatch) -> Result<ShadowEvents, Refused<ShadowWatch>> {
        self.shared().command(|state, now| {
            let shadow = watch.shadow.clone();
            let ticket = state.client().watch_shadow(now, watch)?;
            let pending = self.pending(ticket, state.add_pending(ticket));
            let client = WeakClient { handle: Arc::downgrade(&self.handle) };
            Ok(ShadowEvents::new(pending, state.add_watch(ticket), Arc::clone(self.shared()), client, shadow))
        })
    }

    /// Acknowledges a message, with [`Config::manual_acks`](crate::Config::manual_acks).
    pub fn ack(&self, token: AckToken) {
        self.shared().command(|state, now| state.client().ack(now, token));
    }

    /// Withdraws an operation that was not sent yet: it ends as [`Outcome::Discarded`](crate::Outcome::Discarded).
    /// Tells whether it was in time.
    pub fn discard(&self, ticket: Ticket) -> bool {
        self.shared().command(|state, now| state.client().discard(now, ticket))
    }

    /// Records from now on what happens, in memory: see [`trace`](crate::trace) for what is kept, and what stands in
    /// for payloads. `change` is for what is not to be as it is by default.
    #[cfg(feature = "trace")]
    pub fn record(&self, change: impl FnOnce(&mut crate::trace::RecordOptions)) -> Result<(), crate::SetupError> {
        let mut options = crate::host::record_options()?;
        change(&mut options);
        self.shared().look(|state| state.client().record(&options));
        Ok(())
    }

    /// The recording so far, as a whole file for `thingwire-sim replay`; `None` without [`record`](Self::record).
    /// [`host::save`](crate::host::save) writes it. No call of the client's waits longer for it than copying it takes.
    #[cfg(feature = "trace")]
    pub fn recording(&self) -> Option<Vec<u8>> {
        self.shared().look(|state| state.client().recording())
    }

    /// What happens to the client from now on. Each receiver gets everything.
    pub fn notices(&self) -> Notices {
        let inbox = self.shared().look(State::add_notices);
        Notices::new(inbox, Arc::clone(self.shared()))
    }

    /// Waits until the session is ready: connected, subscriptions restored, and what was queued before is sent.
    /// Attempts that fail meanwhile are followed by others. Fails when the loop has ended.
    ///
    /// Cancel safe: dropping the future changes nothing.
    pub async fn wait_ready(&self) -> Result<(), NotReady> {
        self.wait_ready_unless(|_| false).await
    }

    /// The same, but returns at once when the last attempt since [`start`](Self::start) has failed. The client goes
    /// on trying.
    pub async fn wait_ready_or_error(&self) -> Result<(), NotReady> {
        self.wait_ready_unless(|last_error| last_error.is_some()).await
    }

    /// Why the client is not ready; `None` when it is.
    pub fn not_ready(&self) -> Option<NotReady> {
        self.shared().look(State::not_ready)
    }

    /// Where the client stands.
    pub fn phase(&self) -> Phase {
        self.shared().look(State::phase)
    }

    /// How the client is doing.
    pub fn status(&self) -> Status {
        self.shared().look(|state| state.client().status())
    }

    /// The client's time, in which [`Status`] counts.
    pub fn now(&self) -> Instant {
        self.shared().now()
    }

    /// Operations that wait to be sent.
    pub fn queued(&self) -> usize {
        self.shared().look(|state| state.client().queued())
    }

    /// QoS 1 messages that were sent and wait for their acknowledgement.
    pub fn in_flight(&self) -> usize {
        self.shared().look(|state| state.client().in_flight())
    }

    async fn wait_ready_unless(&self, give_up: impl Fn(Option<&LinkError>) -> bool) -> Result<(), NotReady> {
        let settled = |state: &mut State| match state.not_ready() {
            None => Some(Ok(())),
            Some(why) => give_up(why.last_error.as_ref()).then_some(Err(why)),
        };
        match self.shared().until(settled).await {
            Some(settled) => settled,
            None => self.not_ready().map_or(Ok(()), Err),
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
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
            state.client().stop(now);
        });
        let farewell = self.farewell.lock().take();
        if let Some(farewell) = farewell {
            farewell();
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
        Phase::Ready => "ready",
        Phase::BackingOff => "waiting for the next attempt",
        Phase::Closing => "closing",
    }
}
