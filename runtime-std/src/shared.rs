//! What the handles of a client share with its thread.

use std::collections::BTreeMap;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thingwire_core::{Filter, Instant, LinkError, Message, Notice, Outcome, Phase, Qos, ShadowEvent, Ticket};

use crate::callbacks::{Callbacks, Job};
use crate::inbox::Inbox;
use crate::machine::Machine;
use crate::pending::Slot;
use crate::routes::Routes;
use crate::sync::{lock, wake_up};
use crate::watches::Watches;

/// The lock order is: this state, then an inbox or a slot. Code of the application runs under none of them.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    /// Something happened to the link, or the thread has ended.
    changed: Condvar,
    waker: Arc<mio::Waker>,
    pub(crate) callbacks: Arc<Callbacks>,
}

impl Shared {
    pub(crate) fn new(machine: Machine, waker: Arc<mio::Waker>) -> Self {
        let state = State {
            machine,
            routes: Routes::default(),
            watches: Watches::default(),
            pendings: BTreeMap::new(),
            notices: Vec::new(),
            last_error: None,
            sleeping: false,
            running: false,
            leaving: None,
            ended: false,
        };
        Self { state: Mutex::new(state), changed: Condvar::new(), waker, callbacks: Arc::default() }
    }

    /// Changes something, and has the thread act on it.
    pub(crate) fn command<R>(&self, change: impl FnOnce(&mut State, Instant) -> R) -> R {
        let mut state = lock(&self.state);
        let now = state.machine.now();
        let result = change(&mut state, now);
        // A thread that does not sleep sees the change anyway: a burst of commands costs one system call.
        let wake = mem::take(&mut state.sleeping);
        drop(state);
        if wake {
            wake_up(&self.waker);
        }
        result
    }

    /// Has the thread look again.
    pub(crate) fn wake(&self) {
        self.command(|_, _| ());
    }

    /// Looks at something.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&mut State) -> R) -> R {
        look(&mut lock(&self.state))
    }

    /// Waits until `done` or the thread has ended, at most for `timeout`.
    pub(crate) fn wait(&self, timeout: Duration, mut done: impl FnMut(&mut State) -> bool) -> MutexGuard<'_, State> {
        let waiting = |state: &mut State| !done(state) && !state.ended;
        let waited = self.changed.wait_timeout_while(lock(&self.state), timeout, waiting);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Wakes everybody in [`wait`](Self::wait).
    pub(crate) fn notify(&self) {
        self.changed.notify_all();
    }
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) machine: Machine,
    pub(crate) routes: Routes,
    pub(crate) watches: Watches,
    pendings: BTreeMap<Ticket, Arc<Slot>>,
    notices: Vec<Arc<Inbox<Notice>>>,
    /// Why the last attempt or connection failed, unless there is a connection now.
    pub(crate) last_error: Option<LinkError>,
    /// The thread sleeps, or is about to, and has to be woken.
    pub(crate) sleeping: bool,
    /// Between `start` and [`Notice::Stopped`].
    pub(crate) running: bool,
    /// The last handle is gone: until when the thread may say goodbye.
    pub(crate) leaving: Option<Instant>,
    /// The thread has ended.
    ended: bool,
}

impl State {
    pub(crate) fn phase(&mut self) -> Phase {
        self.machine.client().phase()
    }

    pub(crate) fn add_pending(&mut self, ticket: Ticket) -> Arc<Slot> {
        let slot = Arc::new(Slot::new());
        if self.ended {
            slot.gone();
        } else {
            self.pendings.insert(ticket, Arc::clone(&slot));
        }
        slot
    }

    pub(crate) fn add_route(&mut self, filters: &[(Filter, Qos)]) -> Arc<Inbox<Message>> {
        let inbox = Arc::new(Inbox::new());
        if self.ended {
            inbox.close();
        } else {
            self.routes.add(filters, Arc::clone(&inbox));
        }
        inbox
    }

    pub(crate) fn remove_route(&mut self, inbox: &Arc<Inbox<Message>>) {
        self.routes.remove(inbox);
    }

    pub(crate) fn add_watch(&mut self, watch: Ticket) -> Arc<Inbox<ShadowEvent>> {
        let inbox = Arc::new(Inbox::new());
        if self.ended {
            inbox.close();
        } else {
            self.watches.add(watch, Arc::clone(&inbox));
        }
        inbox
    }

    pub(crate) fn end_watch(&mut self, now: Instant, watch: Ticket) {
        if self.watches.remove(watch) {
            self.machine.client().unwatch_shadow(now, watch);
        }
    }

    /// Whether somebody has to take something before more is read.
    pub(crate) fn lacks_room(&self) -> bool {
        self.routes.lack_room() || self.watches.lack_room()
    }

    pub(crate) fn add_notices(&mut self) -> Arc<Inbox<Notice>> {
        let inbox = Arc::new(Inbox::new());
        if self.ended {
            inbox.close();
        } else {
            self.notices.push(Arc::clone(&inbox));
        }
        inbox
    }

    pub(crate) fn remove_notices(&mut self, inbox: &Arc<Inbox<Notice>>) {
        self.notices.retain(|other| !Arc::ptr_eq(other, inbox));
    }

    /// An operation has ended. Returns what is to be called, once the lock is free.
    pub(crate) fn done(&mut self, ticket: Ticket, outcome: Outcome) -> Option<Job> {
        self.pendings.remove(&ticket)?.done(outcome)
    }

    /// Tells everybody who listens.
    pub(crate) fn tell(&self, notice: Notice) {
        let Some((last, others)) = self.notices.split_last() else { return };
        for inbox in others {
            inbox.push_over(notice.clone());
        }
        last.push_over(notice);
    }

    /// The thread ends: nothing more will happen. Returns what is to be called, once the lock is free.
    pub(crate) fn end(&mut self) -> Vec<Job> {
        self.ended = true;
        self.running = false;
        self.machine.abort();
        self.routes.close();
        self.watches.close();
        self.notices.drain(..).for_each(|inbox| inbox.close());
        mem::take(&mut self.pendings).into_values().filter_map(|slot| slot.gone()).collect()
    }
}
