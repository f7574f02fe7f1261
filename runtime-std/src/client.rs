//! The client as a handle to clone and share.

use std::time::Duration;

use thingwire_core::handle::{self, NotReady};
use thingwire_core::{
    AckToken, Filter, Instant, Options, Phase, Publish, Qos, Refused, SetupError, ShadowRequest, ShadowWatch, Status,
    Ticket,
};

use super::notices::Notices;
use super::pending::Pending;
use super::shadow::ShadowPending;
use super::shadow_events::ShadowEvents;
use super::subscription::Subscription;
use super::wait::wait;
use super::worker;

/// A handle of a client that runs on one background thread. Clones are handles of the same client.
///
/// No call waits for the network, but those with a timeout. Where nothing else is said, every call works in every
/// phase, also while offline and before [`start`](Self::start).
///
/// When the last handle is dropped, the client says goodbye as [`stop`](Self::stop) does, at most for a second, and
/// its thread ends. What was not sent by then is not sent: wait for its [`Pending`] first.
///
/// ```no_run
/// use std::time::Duration;
/// use thingwire_std::{Client, Options, Publish, Topic};
///
/// # let options = Options::plain("localhost", "kitchen-sensor")?;
/// let client = Client::connect(options)?;
/// let sent = client.publish(Publish::new(Topic::new("kitchen/temperature")?, "21.5"))?;
/// match sent.wait(Duration::from_secs(10)) {
///     Some(outcome) => println!("{outcome}"),
///     None => println!("no answer yet; the client is {:?}", client.phase()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "dropping the last handle ends it"]
pub struct Client {
    pub(crate) inner: handle::Client,
}

impl Client {
    /// An idle client. Subscribe before [`start`](Self::start), and no message that the server has stored is missed.
    pub fn new(options: Options) -> Result<Self, SetupError> {
        worker::start(options).map(|inner| Self { inner })
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
        self.inner.start();
    }

    /// Says goodbye and closes, in whatever phase. What is queued or unacknowledged stays for the next
    /// [`start`](Self::start).
    ///
    /// Tells whether that was done within `timeout`; if not, it goes on.
    pub fn stop(&self, timeout: Duration) -> bool {
        wait(self.inner.stop(), Some(timeout)).is_some()
    }

    /// Publishes a message. A refused one comes back with the reason.
    pub fn publish(&self, publish: Publish) -> Result<Pending, Refused<Publish>> {
        self.inner.publish(publish).map(Pending::new)
    }

    /// Subscribes to a filter. The subscription is renewed by itself whenever the server has lost it.
    pub fn subscribe(&self, filter: Filter, qos: Qos) -> Result<Subscription, Refused<Vec<(Filter, Qos)>>> {
        self.subscribe_all(vec![(filter, qos)])
    }

    /// Subscribes to several filters in one request, with one stream of messages for all of them.
    pub fn subscribe_all(&self, filters: Vec<(Filter, Qos)>) -> Result<Subscription, Refused<Vec<(Filter, Qos)>>> {
        self.inner.subscribe_all(filters).map(Subscription::new)
    }

    /// Ends subscriptions at the server. Every [`Subscription`] stays, and still gives what had arrived.
    pub fn unsubscribe(&self, filters: Vec<Filter>) -> Result<Pending, Refused<Vec<Filter>>> {
        self.inner.unsubscribe(filters).map(Pending::new)
    }

    /// Asks something of a device shadow, with everything that a request may say. [`Client::shadow`] has less to write.
    /// A refused request comes back with the reason.
    pub fn ask_shadow(&self, request: ShadowRequest) -> Result<ShadowPending, Refused<ShadowRequest>> {
        self.inner.ask_shadow(request).map(ShadowPending::new)
    }

    /// Watches a device shadow, as [`Shadow::watch`](crate::Shadow::watch) does.
    pub fn watch_shadow(&self, watch: ShadowWatch) -> Result<ShadowEvents, Refused<ShadowWatch>> {
        self.inner.watch_shadow(watch).map(ShadowEvents::new)
    }

    /// Acknowledges a message, with [`Config::manual_acks`](crate::Config::manual_acks).
    pub fn ack(&self, token: AckToken) {
        self.inner.ack(token);
    }

    /// Withdraws an operation that was not sent yet: it ends as [`Outcome::Discarded`](crate::Outcome::Discarded).
    /// Tells whether it was in time.
    pub fn discard(&self, ticket: Ticket) -> bool {
        self.inner.discard(ticket)
    }

    /// Records from now on what happens, in memory: see [`thingwire_core::trace`] for what is kept, and what stands in
    /// for payloads. `change` is for what is not to be as it is by default.
    #[cfg(feature = "trace")]
    pub fn record(&self, change: impl FnOnce(&mut thingwire_core::trace::RecordOptions)) -> Result<(), SetupError> {
        self.inner.record(change)
    }

    /// The recording so far, as a whole file for `thingwire-sim replay`; `None` without [`record`](Self::record).
    /// [`host::save`](thingwire_core::host::save) writes it. No call of the client's waits longer for it than copying
    /// it takes.
    #[cfg(feature = "trace")]
    pub fn recording(&self) -> Option<Vec<u8>> {
        self.inner.recording()
    }

    /// What happens to the client from now on. Each receiver gets everything.
    pub fn notices(&self) -> Notices {
        Notices::new(self.inner.notices())
    }

    /// Waits until the session is ready: connected, subscriptions restored, and what was queued before is sent.
    /// Attempts that fail meanwhile are followed by others.
    pub fn wait_ready(&self, timeout: Duration) -> Result<(), NotReady> {
        wait(self.inner.wait_ready(), Some(timeout)).unwrap_or_else(|| self.late())
    }

    /// The same, but returns at once when the last attempt since [`start`](Self::start) has failed. The client goes
    /// on trying.
    pub fn wait_ready_or_error(&self, timeout: Duration) -> Result<(), NotReady> {
        wait(self.inner.wait_ready_or_error(), Some(timeout)).unwrap_or_else(|| self.late())
    }

    /// Where the client stands.
    pub fn phase(&self) -> Phase {
        self.inner.phase()
    }

    /// How the client is doing.
    pub fn status(&self) -> Status {
        self.inner.status()
    }

    /// The client's time, in which [`Status`] counts.
    pub fn now(&self) -> Instant {
        self.inner.now()
    }

    /// Operations that wait to be sent.
    pub fn queued(&self) -> usize {
        self.inner.queued()
    }

    /// QoS 1 messages that were sent and wait for their acknowledgement.
    pub fn in_flight(&self) -> usize {
        self.inner.in_flight()
    }

    /// The time is up. It may have become ready just now.
    fn late(&self) -> Result<(), NotReady> {
        self.inner.not_ready().map_or(Ok(()), Err)
    }
}
