//! What comes one after the other, as streams.

use core::pin::Pin;
use core::task::{Context, Poll};

use futures_core::Stream;

use super::notices::Notices;
use super::shadow_events::{Deltas, ShadowEvents};
use super::subscription::Subscription;
use crate::{Delta, Message, Notice, ShadowEvent};

impl Stream for Notices {
    type Item = Notice;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Notice>> {
        self.outlet.poll_next(context)
    }
}

impl Stream for Subscription {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Message>> {
        self.outlet.poll_next(context)
    }
}

impl Stream for ShadowEvents {
    type Item = ShadowEvent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<ShadowEvent>> {
        self.outlet.poll_next(context)
    }
}

impl Stream for Deltas {
    type Item = Delta;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Delta>> {
        loop {
            match self.events.outlet.poll_next(context) {
                Poll::Ready(Some(ShadowEvent::Delta(delta))) => return Poll::Ready(Some(delta)),
                // What else happens to the watch is only logged.
                Poll::Ready(Some(_)) => {}
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
