//! Locking and waking that do not fail.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A panic elsewhere is no reason to panic here: everything that is locked is whole between two statements, or only
/// used by the thread that has panicked.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the sleep of whoever sleeps with the waker's poll.
pub(crate) fn wake_up(waker: &mio::Waker) {
    if let Err(error) = waker.wake() {
        log::error!("cannot wake the driver: {error}");
    }
}
