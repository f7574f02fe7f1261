//! What the handles of a client share with its loop.

use core::fmt;
use core::mem;
use core::task::{Poll, Waker};
use std::collections::BTreeMap;
use std::sync::Arc;

use super::callbacks::{Callbacks, Later};
use super::client::NotReady;
use super::inbox::Inbox;
use super::lock::Lock;
use super::net::Spawn;
use super::pending::Slot;
use super::routes::Routes;
use super::things::{Hosted, Things};
use super::wakers::{Bell, Wakers};
use super::watches::Watches;
use crate::host::Clock;
use crate::{Engine, Filter, Instant, LinkError, Message, Notice, Outcome, Phase, Qos, ShadowEvent, Ticket};

/// The lock order is: this state, then an inbox or a slot. Code of the application, wakers and loggers among it, runs
/// under none of them.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Lock<State>,
    clock: Clock,
    bell: Bell,
    /// Something happened to the link, or the loop has ended.
    changed: Wakers,
    pub(crate) callbacks: Arc<Callbacks>,
}

impl Shared {
    pub(crate) fn new(engine: Engine, clock: Clock, bell: Bell, spawn: Arc<dyn Spawn>) -> Self {
        let state = State {
            engine,
            routes: Routes::default(),
            watches: Watches::default(),
            things: Things::default(),
            pendings: BTreeMap::new(),
            notices: Vec::new(),
            last_error: None,
            sleeping: false,
            running: false,
            leaving: None,
            ended: false,
        };
        let callbacks = Arc::new(Callbacks::new(spawn));
        Self { state: Lock::new(state), clock, bell, changed: Wakers::default(), callbacks }
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Changes something, and has the loop act on it.
    pub(crate) fn command<R>(&self, change: impl FnOnce(&mut State, Instant) -> R) -> R {
        let mut state = self.state.lock();
        let now = self.now();
        let result = change(&mut state, now);
        // A loop that does not sleep sees the change anyway: a burst of commands costs one system call.
        let wake = mem::take(&mut state.sleeping);
        drop(state);
        if wake {
            self.bell.ring();
        }
        result
    }

    /// Has the loop look again.
    pub(crate) fn wake(&self) {
        self.command(|_, _| ());
    }

    /// Looks at something.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&mut State) -> R) -> R {
        look(&mut self.state.lock())
    }

    /// Waits until `look` gives something, or the loop has ended: then it gives `None`.
    pub(crate) async fn until<R>(&self, mut look: impl FnMut(&mut State) -> Option<R>) -> Option<R> {
        let mut look = |state: &mut State| match look(state) {
            None if !state.ended => Poll::Pending,
            found => Poll::Ready(found),
        };
        self.changed.until(|| self.look(&mut look)).await
    }

    /// Adds everybody in [`until`](Self::until).
    pub(crate) fn changed(&self, wakers: &mut Vec<Waker>) {
        self.changed.take(wakers);
    }

    pub(crate) fn bell(&self) -> &Bell {
        &self.bell
    }
}

pub(crate) struct State {
    pub(crate) engine: Engine,
    pub(crate) routes: Routes,
    pub(crate) watches: Watches,
    pub(crate) things: Things,
    pendings: BTreeMap<Ticket, Arc<Slot>>,
    notices: Vec<Arc<Inbox<Notice>>>,
    /// Why the last attempt or connection failed, unless there is a connection now.
    pub(crate) last_error: Option<LinkError>,
    /// The loop sleeps, or is about to, and has to be woken.
    pub(crate) sleeping: bool,
    /// Between `start` and [`Notice::Stopped`].
    pub(crate) running: bool,
    /// The last handle is gone: until when the loop may say goodbye.
    pub(crate) leaving: Option<Instant>,
    /// The loop has ended.
    ended: bool,
}

impl State {
    pub(crate) fn client(&mut self) -> &mut crate::Client {
        self.engine.client()
    }

    pub(crate) fn phase(&mut self) -> Phase {
        self.client().phase()
    }

    pub(crate) fn not_ready(&mut self) -> Option<NotReady> {
        let phase = self.phase();
        (phase != Phase::Ready).then(|| NotReady { phase, last_error: self.last_error.clone() })
    }

    pub(crate) fn add_pending(&mut self, ticket: Ticket) -> Arc<Slot> {
        let slot = Arc::new(Slot::new());
        if self.ended {
            slot.settle(None, &mut Later::default());
        } else {
            self.pendings.insert(ticket, Arc::clone(&slot));
        }
        slot
    }

    pub(crate) fn add_route(&mut self, filters: &[(Filter, Qos)]) -> Arc<Inbox<Message>> {
        let inbox = self.inbox();
        if !self.ended {
            self.routes.add(filters, Arc::clone(&inbox));
        }
        inbox
    }

    pub(crate) fn remove_route(&mut self, inbox: &Arc<Inbox<Message>>) {
        self.routes.remove(inbox);
    }

    pub(crate) fn add_watch(&mut self, watch: Ticket) -> Arc<Inbox<ShadowEvent>> {
        let inbox = self.inbox();
        if !self.ended {
            self.watches.add(watch, Arc::clone(&inbox));
        }
        inbox
    }

    pub(crate) fn add_thing(&mut self, hosted: Hosted) -> u64 {
        let id = self.things.add(hosted);
        if self.ended {
            self.things.end(&mut Later::default());
        }
        id
    }

    pub(crate) fn end_watch(&mut self, now: Instant, watch: Ticket) {
        if self.watches.remove(watch) {
            self.client().unwatch_shadow(now, watch);
        }
    }

    pub(crate) fn add_notices(&mut self) -> Arc<Inbox<Notice>> {
        let inbox = self.inbox();
        if !self.ended {
            self.notices.push(Arc::clone(&inbox));
        }
        inbox
    }

    pub(crate) fn remove_notices(&mut self, inbox: &Arc<Inbox<Notice>>) {
        self.notices.retain(|other| !Arc::ptr_eq(other, inbox));
    }

    /// A new inbox, to which nothing will come once the loop has ended.
    fn inbox<T: super::inbox::Item>(&self) -> Arc<Inbox<T>> {
        let inbox = Arc::new(Inbox::new());
        if self.ended {
            inbox.close(&mut Later::default());
        }
        inbox
    }

    /// Whether somebody has to take something before more is read.
    pub(crate) fn lacks_room(&self) -> bool {
        self.routes.lack_room() || self.watches.lack_room()
    }

    /// An operation has ended.
    pub(crate) fn done(&mut self, ticket: Ticket, outcome: Outcome, later: &mut Later) {
        if let Some(slot) = self.pendings.remove(&ticket) {
            slot.settle(Some(outcome), later);
        }
    }

    /// Tells everybody who listens.
    pub(crate) fn tell(&self, notice: Notice, later: &mut Later) {
        let Some((last, others)) = self.notices.split_last() else { return };
        for inbox in others {
            inbox.push_over(notice.clone(), later);
        }
        last.push_over(notice, later);
    }

    /// The loop ends: nothing more will happen.
    pub(crate) fn end(&mut self, later: &mut Later) {
        self.ended = true;
        self.running = false;
        self.routes.close(later);
        self.watches.close(later);
        self.things.end(later);
        self.notices.drain(..).for_each(|inbox| inbox.close(later));
        for slot in mem::take(&mut self.pendings).into_values() {
            slot.settle(None, later);
        }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("endpoint", self.engine.endpoint()).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
