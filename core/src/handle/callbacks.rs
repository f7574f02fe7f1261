//! Running the application's code where it can stall nothing.

use core::fmt;
use core::mem;
use core::task::Waker;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::inbox::{Inbox, Item};
use super::lock::Lock;
use super::net::{Spawn, Work};
use crate::SetupError;

/// One callback with its argument.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

impl Item for Job {
    fn weight(&self) -> usize {
        0
    }
}

/// Where callbacks run: those of operations one after the other, each stream of messages by itself.
pub(crate) struct Callbacks {
    spawn: Arc<dyn Spawn>,
    /// The jobs of operations, once there was one.
    jobs: Lock<Option<Arc<Inbox<Job>>>>,
}

impl Callbacks {
    pub(crate) fn new(spawn: Arc<dyn Spawn>) -> Self {
        Self { spawn, jobs: Lock::default() }
    }

    /// Where whatever may block is done.
    pub(crate) fn spawn(&self) -> &Arc<dyn Spawn> {
        &self.spawn
    }

    /// Runs `job` after all earlier ones.
    pub(crate) fn run(&self, job: Job) {
        let mut later = Later::default();
        match self.jobs() {
            Ok(jobs) => {
                jobs.push(job, &mut later);
            }
            // Without the lock: dropping a job that cannot run may drop whatever it holds.
            Err(error) => log::error!("a callback was lost: there is no thread to run it: {error}"),
        }
        later.run(self);
    }

    fn jobs(&self) -> io::Result<Arc<Inbox<Job>>> {
        let mut known = self.jobs.lock();
        if let Some(jobs) = &*known {
            return Ok(Arc::clone(jobs));
        }
        let jobs = Arc::new(Inbox::new());
        let waiting = Arc::clone(&jobs);
        let work = async move {
            while let Some(job) = waiting.next().await {
                guarded("a callback", job);
            }
        };
        self.spawn.spawn("thingwire-callbacks", Box::pin(work))?;
        *known = Some(Arc::clone(&jobs));
        Ok(jobs)
    }

    /// Drives `work`, which calls the application with one thing after the other.
    pub(crate) fn deliver(&self, name: &'static str, work: Work) -> Result<(), SetupError> {
        let failed = |error| SetupError::System { why: format!("no thread for the callback: {error}") };
        self.spawn.spawn(name, work).map_err(failed)
    }
}

impl Drop for Callbacks {
    fn drop(&mut self) {
        let mut later = Later::default();
        if let Some(jobs) = self.jobs.lock().take() {
            jobs.close(&mut later);
        }
        later.wake();
    }
}

impl fmt::Debug for Callbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callbacks").finish_non_exhaustive()
    }
}

/// Calls code of the application; a panic in it goes no further.
pub(crate) fn guarded(what: &str, code: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(code)).is_err() {
        log::error!("{what} has panicked");
    }
}

/// Code of the application that is to be called once no lock is held.
#[derive(Default)]
pub(crate) struct Later {
    pub(crate) jobs: Vec<Job>,
    pub(crate) wakers: Vec<Waker>,
}

impl Later {
    pub(crate) fn run(mut self, callbacks: &Callbacks) {
        self.wake();
        for job in self.jobs {
            callbacks.run(job);
        }
    }

    fn wake(&mut self) {
        for waker in mem::take(&mut self.wakers) {
            guarded("a waker", || waker.wake());
        }
    }
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::{AtomicUsize, Ordering};
    use core::task::{Context, Waker};

    use super::super::line::tests::Idle;
    use super::*;

    #[test]
    fn callbacks_share_one_place_that_ends_with_them_and_a_panic_is_no_end() {
        let idle = Arc::new(Idle::default());
        let callbacks = Callbacks::new(Arc::clone(&idle) as Arc<dyn Spawn>);
        let calls = Arc::new(AtomicUsize::new(0));
        callbacks.run(Box::new(|| panic!("this panic is part of the test")));
        for _ in 0..2 {
            let calls = Arc::clone(&calls);
            callbacks.run(Box::new(move || assert!(calls.fetch_add(1, Ordering::Relaxed) < 2)));
        }
        let mut works = mem::take(&mut *idle.0.lock().unwrap());
        assert_eq!(works.len(), 1);
        let mut poll = || works[0].0.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(poll().is_pending());
        assert_eq!(calls.load(Ordering::Relaxed), 2);
        drop(callbacks);
        assert!(poll().is_ready());
    }
}
