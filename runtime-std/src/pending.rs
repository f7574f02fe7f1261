//! How an accepted operation ends.

use std::fmt;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use thingwire_core::{Outcome, Ticket};

use crate::callbacks::{Callbacks, Job};
use crate::sync::lock;

/// An accepted operation of a [`Client`](crate::Client). Dropping it changes nothing: the operation goes on.
pub struct Pending {
    ticket: Ticket,
    slot: Arc<Slot>,
    callbacks: Arc<Callbacks>,
}

impl Pending {
    pub(crate) fn new(ticket: Ticket, slot: Arc<Slot>, callbacks: Arc<Callbacks>) -> Self {
        Self { ticket, slot, callbacks }
    }

    /// The operation's name.
    pub fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// Waits for the outcome. `None` when it is not known after `timeout`, or, at once, when the client
    /// [is gone](Self::is_gone).
    pub fn wait(&self, timeout: Duration) -> Option<Outcome> {
        self.slot.wait(Some(timeout))
    }

    /// Waits for the outcome of what ends by itself; `None` when the client is gone.
    pub(crate) fn wait_to_the_end(&self) -> Option<Outcome> {
        self.slot.wait(None)
    }

    /// The outcome, if it is known.
    pub fn poll(&self) -> Option<Outcome> {
        self.slot.wait(Some(Duration::ZERO))
    }

    /// Whether the last handle of the client was dropped before the outcome was known: then it never will be.
    pub fn is_gone(&self) -> bool {
        matches!(*lock(&self.slot.state), State::Gone)
    }

    /// Calls `callback` once with the outcome, or with `None` when the client is gone before it is known.
    ///
    /// Callbacks run one after the other on a thread of their own. They may use the client, block or panic: that
    /// delays later callbacks at most. A client that is kept by a callback lives at least until that callback was
    /// called.
    pub fn on_done(self, callback: impl FnOnce(Option<Outcome>) + Send + 'static) {
        if let Some(job) = self.slot.on_done(Box::new(callback)) {
            self.callbacks.run(job);
        }
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("ticket", &self.ticket).finish_non_exhaustive()
    }
}

type Callback = Box<dyn FnOnce(Option<Outcome>) + Send>;

/// Where the client's thread leaves the outcome of one operation.
pub(crate) struct Slot {
    state: Mutex<State>,
    changed: Condvar,
}

enum State {
    Waiting(Option<Callback>),
    Done(Outcome),
    Gone,
}

impl Slot {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::new(State::Waiting(None)), changed: Condvar::new() }
    }

    /// The operation has ended. Returns what is to be called.
    pub(crate) fn done(&self, outcome: Outcome) -> Option<Job> {
        self.settle(State::Done(outcome.clone()), Some(outcome))
    }

    /// The client is gone. Returns what is to be called.
    pub(crate) fn gone(&self) -> Option<Job> {
        self.settle(State::Gone, None)
    }

    fn settle(&self, settled: State, outcome: Option<Outcome>) -> Option<Job> {
        let before = mem::replace(&mut *lock(&self.state), settled);
        self.changed.notify_all();
        match before {
            State::Waiting(Some(callback)) => Some(Box::new(move || callback(outcome))),
            State::Waiting(None) | State::Done(_) | State::Gone => None,
        }
    }

    /// Waits at most for `limit`.
    fn wait(&self, limit: Option<Duration>) -> Option<Outcome> {
        let waiting = |state: &mut State| matches!(state, State::Waiting(_));
        let state = lock(&self.state);
        let state = match limit {
            Some(Duration::ZERO) => state,
            Some(limit) => {
                let waited = self.changed.wait_timeout_while(state, limit, waiting);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => self.changed.wait_while(state, waiting).unwrap_or_else(PoisonError::into_inner),
        };
        if let State::Done(outcome) = &*state { Some(outcome.clone()) } else { None }
    }

    /// Keeps the callback for later, or returns what is to be called now.
    fn on_done(&self, callback: Callback) -> Option<Job> {
        let mut state = lock(&self.state);
        let outcome = match &mut *state {
            State::Waiting(later) => {
                *later = Some(callback);
                return None;
            }
            State::Done(outcome) => Some(outcome.clone()),
            State::Gone => None,
        };
        Some(Box::new(move || callback(outcome)))
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").finish_non_exhaustive()
    }
}
