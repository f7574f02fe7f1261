//! The blocking pool, for whatever may block.

use std::fmt;
use std::io;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};

use thingwire_core::handle::{Spawn, Work};

/// A thread of the `blocking` pool for each work, only while that has something to do: what waits keeps none.
#[derive(Debug)]
pub(crate) struct Pool;

impl Spawn for Pool {
    fn spawn(&self, _name: &'static str, work: Work) -> io::Result<()> {
        Arc::new(Task { state: Mutex::new(State::Waiting(work)) }).wake();
        Ok(())
    }
}

struct Task {
    state: Mutex<State>,
}

enum State {
    /// For somebody to wake it.
    Waiting(Work),
    /// For a thread of the pool.
    Scheduled(Work),
    /// On a thread of the pool; woken since it began, or not.
    Running {
        woken: bool,
    },
    Done,
}

impl Task {
    /// Drives the work as far as it goes.
    fn run(self: Arc<Self>) {
        let before = mem::replace(&mut *self.lock(), State::Running { woken: false });
        let State::Scheduled(mut work) = before else { return };
        let waker = Waker::from(Arc::clone(&self));
        loop {
            // Without the lock: it may wake itself.
            let done = work.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
            let mut state = self.lock();
            if !done && matches!(*state, State::Running { woken: true }) {
                *state = State::Running { woken: false };
                continue;
            }
            *state = if done { State::Done } else { State::Waiting(work) };
            return;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        let mut state = self.lock();
        *state = match mem::replace(&mut *state, State::Done) {
            State::Waiting(work) => {
                let task = Arc::clone(&self);
                blocking::unblock(move || task.run()).detach();
                State::Scheduled(work)
            }
            State::Running { .. } => State::Running { woken: true },
            unmoved @ (State::Scheduled(_) | State::Done) => unmoved,
        };
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").finish_non_exhaustive()
    }
}
