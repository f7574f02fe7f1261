//! How an accepted operation ends.

use core::fmt;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::Arc;

use super::callbacks::{Callbacks, Job, Later};
use super::lock::Lock;
use super::wakers::{Place, Wakers};
use crate::{Outcome, Ticket};

/// An accepted operation of a [`Client`](super::Client), and a future of its outcome: `None` when the client is gone
/// before it is known, for then it never will be.
///
/// Dropping it changes nothing: the operation goes on. Awaited again, it gives the same. Clones are of the same operation.
pub struct Pending {
    ticket: Ticket,
    slot: Arc<Slot>,
    callbacks: Arc<Callbacks>,
    place: Place,
}

impl Pending {
    pub(crate) fn new(ticket: Ticket, slot: Arc<Slot>, callbacks: Arc<Callbacks>) -> Self {
        Self { ticket, slot, callbacks, place: Place::default() }
    }

    /// The operation's name.
    pub fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// Waits for the outcome, as awaiting this does; `None` when the client [is gone](Self::is_gone).
    ///
    /// Cancel safe: dropping the future changes nothing.
    pub async fn wait(&self) -> Option<Outcome> {
        self.slot.wakers.until(|| self.slot.settled()).await
    }

    /// The outcome, if it is known.
    pub fn try_wait(&self) -> Option<Outcome> {
        if let Poll::Ready(outcome) = self.slot.settled() { outcome } else { None }
    }

    /// Whether the client was gone before the outcome was known: then it never will be.
    pub fn is_gone(&self) -> bool {
        self.slot.settled() == Poll::Ready(None)
    }

    /// Calls `callback` once with the outcome, or with `None` when the client is gone before it is known.
    ///
    /// Callbacks run one after the other where they may block. They may use the client, block or panic: that delays
    /// later callbacks at most. A client that is kept by a callback lives at least until that callback was called.
    pub fn on_done(self, callback: impl FnOnce(Option<Outcome>) + Send + 'static) {
        if let Some(job) = self.slot.on_done(Box::new(callback)) {
            self.callbacks.run(job);
        }
    }

    pub(crate) fn callbacks(&self) -> &Arc<Callbacks> {
        &self.callbacks
    }
}

impl Clone for Pending {
    fn clone(&self) -> Self {
        Self::new(self.ticket, Arc::clone(&self.slot), Arc::clone(&self.callbacks))
    }
}

impl Future for Pending {
    type Output = Option<Outcome>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Outcome>> {
        let Self { slot, place, .. } = self.get_mut();
        slot.wakers.poll(place, context, || slot.settled())
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.slot.wakers.leave(&mut self.place);
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("ticket", &self.ticket).finish_non_exhaustive()
    }
}

type Callback = Box<dyn FnOnce(Option<Outcome>) + Send>;

/// Where the client's loop leaves the outcome of one operation.
pub(crate) struct Slot {
    state: Lock<State>,
    wakers: Wakers,
}

enum State {
    Waiting(Vec<Callback>),
    Done(Outcome),
    Gone,
}

impl Slot {
    pub(crate) fn new() -> Self {
        Self { state: Lock::new(State::Waiting(Vec::new())), wakers: Wakers::default() }
    }

    /// The operation has ended, or with `None` the client is gone.
    pub(crate) fn settle(&self, outcome: Option<Outcome>, later: &mut Later) {
        let settled = outcome.map_or(State::Gone, State::Done);
        let before = mem::replace(&mut *self.state.lock(), settled);
        self.wakers.take(&mut later.wakers);
        if let State::Waiting(callbacks) = before {
            for callback in callbacks {
                later.jobs.extend(self.on_done(callback));
            }
        }
    }

    /// How it has ended, if it has.
    fn settled(&self) -> Poll<Option<Outcome>> {
        match &*self.state.lock() {
            State::Waiting(_) => Poll::Pending,
            State::Done(outcome) => Poll::Ready(Some(outcome.clone())),
            State::Gone => Poll::Ready(None),
        }
    }

    /// Keeps the callback for later, or returns what is to be called now.
    fn on_done(&self, callback: Callback) -> Option<Job> {
        let mut state = self.state.lock();
        let outcome = match &mut *state {
            State::Waiting(callbacks) => {
                callbacks.push(callback);
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
