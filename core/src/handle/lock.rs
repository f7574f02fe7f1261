//! A lock that does not fail.
#![allow(clippy::disallowed_types, reason = "handles go from thread to thread; none is started here")]

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A panic elsewhere is no reason to panic here: everything that is locked is whole between two statements, or only
/// used by the loop that has panicked.
#[derive(Debug, Default)]
pub(crate) struct Lock<T>(Mutex<T>);

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
