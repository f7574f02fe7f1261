//! Waiting for futures on a thread that may block.

use std::cell::OnceCell;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use thingwire_core::handle::{Spawn, Work};

/// Waits at most for `limit`, and for ever without one; `None` when that was not long enough.
pub(crate) fn wait<T>(future: impl Future<Output = T>, limit: Option<Duration>) -> Option<T> {
    let mut future = pin!(future);
    if limit == Some(Duration::ZERO) {
        return match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        };
    }
    // A limit that no clock can count to is none.
    let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
    let alarm = Alarm::of_this_thread();
    let waker = Waker::from(Arc::clone(&alarm));
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(done);
        }
        if !alarm.sleep(deadline) {
            return None;
        }
    }
}

/// Wakes one thread. Not by unparking it: what the application parks for itself is none of our business.
#[derive(Debug, Default)]
struct Alarm {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Alarm {
    fn of_this_thread() -> Arc<Self> {
        thread_local! {
            static ALARM: OnceCell<Arc<Alarm>> = const { OnceCell::new() };
        }
        // A thread that ends has none any more.
        ALARM.try_with(|alarm| Arc::clone(alarm.get_or_init(Arc::default))).unwrap_or_default()
    }

    /// Sleeps until it rings; false when the deadline has come before.
    fn sleep(&self, deadline: Option<Instant>) -> bool {
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        while !*rung {
            rung = match deadline {
                None => self.changed.wait(rung).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    self.changed.wait_timeout(rung, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        *rung = false;
        true
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_one();
    }
}

/// A thread for each work.
#[derive(Debug)]
pub(crate) struct Threads;

impl Spawn for Threads {
    fn spawn(&self, name: &'static str, work: Work) -> io::Result<()> {
        let run = move || wait(work, None).unwrap_or_default();
        thread::Builder::new().name(name.to_owned()).spawn(run).map(|_detached| ())
    }
}
