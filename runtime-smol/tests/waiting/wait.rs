//! What the handles ask of a runtime: to wait for a future.

use std::future::pending;
use std::time::Duration;

use async_io::Timer;
use futures_lite::future::{block_on, or};

/// Waits at most for `limit`, and for ever without one; `None` when that was not long enough.
pub(crate) fn wait<T>(future: impl Future<Output = T>, limit: Option<Duration>) -> Option<T> {
    let late = async {
        match limit {
            Some(limit) => drop(Timer::after(limit).await),
            None => pending().await,
        }
        None
    };
    block_on(or(async { Some(future.await) }, late))
}
