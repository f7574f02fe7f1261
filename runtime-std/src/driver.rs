//! The client on the caller's own thread.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mio::{Events, Poll};
use thingwire_core::{
    AckToken, Filter, Instant, Notice, Options, Publish, Qos, Refused, SetupError, ShadowRequest, ShadowWatch, Ticket,
};

use crate::machine::{self, Machine};
use crate::sync::wake_up;

/// A client that runs on your own thread, inside [`next`](Self::next), and nowhere else.
///
/// Call `next` all the time: while nobody does, nothing is sent or received, not even the pings that keep the
/// connection alive. Messages that were not taken by `next` are not acknowledged.
///
/// Dropping it drops the connection without a goodbye, so that the server publishes the will. To leave in good order,
/// call [`stop`](Self::stop), then `next` until [`Notice::Stopped`].
pub struct Driver {
    machine: Machine,
    poll: Poll,
    events: Events,
    waker: Waker,
}

/// Makes [`Driver::next`] return, from another thread.
#[derive(Clone)]
pub struct Waker {
    woken: Arc<AtomicBool>,
    waker: Arc<mio::Waker>,
}

impl Driver {
    /// An idle client.
    pub fn new(options: Options) -> Result<Self, SetupError> {
        let (machine, poll, waker) = machine::set_up(options)?;
        let waker = Waker { woken: Arc::new(AtomicBool::new(false)), waker };
        Ok(Self { machine, poll, events: Events::with_capacity(8), waker })
    }

    /// The time, as the client counts it.
    pub fn now(&self) -> Instant {
        self.machine.now()
    }

    /// The client itself, for everything that has no method here. What a command causes happens in the next
    /// [`next`](Self::next).
    pub fn client(&mut self) -> &mut thingwire_core::Client {
        self.machine.client()
    }

    /// Starts connecting, and keeps the connection up until [`stop`](Self::stop).
    pub fn start(&mut self) {
        let now = self.now();
        self.client().start(now);
    }

    /// Says goodbye and closes: [`Notice::Stopped`] tells when that is done. What is queued stays for the next start.
    pub fn stop(&mut self) {
        let now = self.now();
        self.client().stop(now);
    }

    /// Publishes a message. How it ends comes as [`Notice::Done`].
    pub fn publish(&mut self, publish: Publish) -> Result<Ticket, Refused<Publish>> {
        let now = self.now();
        self.client().publish(now, publish)
    }

    /// Subscribes. Messages come as [`Notice::Message`], the server's answer as [`Notice::Done`].
    pub fn subscribe(&mut self, filters: Vec<(Filter, Qos)>) -> Result<Ticket, Refused<Vec<(Filter, Qos)>>> {
        let now = self.now();
        self.client().subscribe(now, filters)
    }

    /// Ends subscriptions. The server's answer comes as [`Notice::Done`].
    pub fn unsubscribe(&mut self, filters: Vec<Filter>) -> Result<Ticket, Refused<Vec<Filter>>> {
        let now = self.now();
        self.client().unsubscribe(now, filters)
    }

    /// Asks something of a device shadow. How it ends comes as [`Notice::Done`];
    /// [`Outcome::into_document`](crate::Outcome::into_document) reads it.
    pub fn shadow(&mut self, request: ShadowRequest) -> Result<Ticket, Refused<ShadowRequest>> {
        let now = self.now();
        self.client().shadow(now, request)
    }

    /// Watches a device shadow. What happens to it comes as [`Notice::Shadow`].
    pub fn watch_shadow(&mut self, watch: ShadowWatch) -> Result<Ticket, Refused<ShadowWatch>> {
        let now = self.now();
        self.client().watch_shadow(now, watch)
    }

    /// Ends a watch. Tells whether there was one of this name.
    pub fn unwatch_shadow(&mut self, watch: Ticket) -> bool {
        let now = self.now();
        self.client().unwatch_shadow(now, watch)
    }

    /// Acknowledges a message, with [`Config::manual_acks`](crate::Config::manual_acks).
    pub fn ack(&mut self, token: AckToken) {
        let now = self.now();
        self.client().ack(now, token);
    }

    /// Records from now on what happens, in memory: see [`thingwire_core::trace`] for what is kept, and what stands in
    /// for payloads. `change` is for what is not to be as it is by default.
    #[cfg(feature = "trace")]
    pub fn record(&mut self, change: impl FnOnce(&mut crate::RecordOptions)) -> Result<(), SetupError> {
        let mut options = thingwire_core::host::record_options()?;
        change(&mut options);
        self.client().record(&options);
        Ok(())
    }

    /// The recording so far, as a whole file for `thingwire-sim replay`; `None` without [`record`](Self::record).
    /// [`host::save`](thingwire_core::host::save) writes it.
    #[cfg(feature = "trace")]
    pub fn recording(&mut self) -> Option<Vec<u8>> {
        self.client().recording()
    }

    /// Moves bytes, and sleeps until there is something to tell.
    ///
    /// `None` when `limit` has passed, or when a [`Waker`] asks for it. Without a limit, an idle client sleeps until
    /// then.
    pub fn next(&mut self, limit: Option<Duration>) -> Option<Notice> {
        let until = limit.map(|limit| self.now() + limit);
        loop {
            let now = self.now();
            self.machine.turn(now, &self.events);
            self.events.clear();
            let notice = self.machine.next_notice(now);
            self.machine.journal.take().write();
            if notice.is_some() {
                return notice;
            }
            // A second look at the time: what was just done may have taken some.
            let now = self.now();
            if self.waker.woken.swap(false, Ordering::Acquire) || until.is_some_and(|until| until <= now) {
                return None;
            }
            let rest = until.map(|until| until.since(now));
            let sleep = self.machine.sleep_limit(now).into_iter().chain(rest).min();
            machine::sleep(&mut self.poll, &mut self.events, sleep);
        }
    }

    /// What wakes [`next`](Self::next) from another thread.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }
}

impl Waker {
    /// Makes the running or the next call of [`Driver::next`] that has nothing to tell return `None`.
    pub fn wake(&self) {
        self.woken.store(true, Ordering::Release);
        wake_up(&self.waker);
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").finish_non_exhaustive()
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waker").finish_non_exhaustive()
    }
}
