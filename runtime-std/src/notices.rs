//! What happens to a client, as an iterator.

use std::time::Duration;

use thingwire_core::{Notice, handle};

use super::wait::wait;

/// What happens to a [`Client`](crate::Client), from the call of [`Client::notices`](crate::Client::notices) on:
/// everything but [`Notice::Done`], the messages that belong to a [`Subscription`](crate::Subscription), and the news
/// of a shadow that [`ShadowEvents`](crate::ShadowEvents) give.
///
/// As an iterator it waits for each notice, and ends when the client is gone. When nobody takes them, the oldest
/// notices are dropped, and [counted](Self::dropped).
///
/// ```no_run
/// use thingwire_std::{Client, Notice};
///
/// fn watch(client: &Client) {
///     for notice in client.notices() {
///         match notice {
///             Notice::Ready => println!("everything that waited is sent"),
///             other => println!("{other}"),
///         }
///     }
/// }
/// ```
#[derive(Debug)]
#[must_use = "dropping it ends the listening"]
pub struct Notices {
    inner: handle::Notices,
}

impl Notices {
    pub(crate) fn new(inner: handle::Notices) -> Self {
        Self { inner }
    }

    /// The next notice; `None` when there is none within `timeout`, or, at once, when the client is gone.
    pub fn recv(&self, timeout: Duration) -> Option<Notice> {
        wait(self.inner.recv(), Some(timeout)).flatten()
    }

    /// The next notice, if there is one.
    pub fn try_recv(&self) -> Option<Notice> {
        self.inner.try_recv()
    }

    /// How many notices were dropped so far because nobody took them in time.
    pub fn dropped(&self) -> u64 {
        self.inner.dropped()
    }

    /// Whether the client is gone. What came before can still be taken.
    pub fn is_gone(&self) -> bool {
        self.inner.is_gone()
    }
}

impl Iterator for Notices {
    type Item = Notice;

    fn next(&mut self) -> Option<Notice> {
        wait(self.inner.recv(), None).flatten()
    }
}
