//! The application's end of an inbox.

use core::task::{Context, Poll};
use std::sync::Arc;

use super::inbox::{Inbox, Item, Taken};
use super::shared::Shared;
use super::wakers::Place;

/// Takes what comes, and tells the client's loop when there is room again.
#[derive(Debug)]
pub(crate) struct Outlet<T> {
    pub(crate) inbox: Arc<Inbox<T>>,
    pub(crate) shared: Arc<Shared>,
    place: Place,
}

impl<T: Item> Outlet<T> {
    pub(crate) fn new(inbox: Arc<Inbox<T>>, shared: Arc<Shared>) -> Self {
        Self { inbox, shared, place: Place::default() }
    }

    /// The next item; `None` when nothing more will come.
    pub(crate) async fn recv(&self) -> Option<T> {
        self.inbox.wakers.until(|| self.take()).await
    }

    /// The next item, if there is one.
    pub(crate) fn try_recv(&self) -> Option<T> {
        if let Poll::Ready(item) = self.take() { item } else { None }
    }

    /// As [`recv`](Self::recv), for a stream.
    #[cfg_attr(not(feature = "async"), expect(dead_code, reason = "there are no streams"))]
    pub(crate) fn poll_next(&mut self, context: &Context<'_>) -> Poll<Option<T>> {
        let Self { inbox, shared, place } = self;
        inbox.wakers.poll(place, context, || take(inbox, shared))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.inbox.is_closed()
    }

    fn take(&self) -> Poll<Option<T>> {
        take(&self.inbox, &self.shared)
    }
}

/// Whatever there is to be told now, the end included.
fn take<T: Item>(inbox: &Inbox<T>, shared: &Shared) -> Poll<Option<T>> {
    let Some(Taken { item, made_room }) = inbox.take() else { return Poll::Pending };
    if made_room {
        shared.wake();
    }
    Poll::Ready(item)
}

impl<T> Drop for Outlet<T> {
    fn drop(&mut self) {
        self.inbox.wakers.leave(&mut self.place);
    }
}
