//! The one timer of a loop.

use std::future::Future;
use std::pin::Pin;
use std::task::Context;

use async_io::Timer;
use thingwire_core::Instant;

/// Wakes a task when it is time. A deadline that is put off costs nothing: the timer is set anew when it has fired.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    set: Option<(Instant, Timer)>,
}

impl Alarm {
    /// Has the task woken at `deadline` or a little before; true when that is over, or may be.
    pub(crate) fn poll(&mut self, deadline: Option<Instant>, now: Instant, context: &mut Context<'_>) -> bool {
        let Some(deadline) = deadline else { return false };
        if deadline <= now {
            return true;
        }
        if self.set.as_ref().is_none_or(|(at, _)| deadline < *at || *at <= now) {
            self.set = Some((deadline, Timer::after(deadline.since(now))));
        }
        self.set.as_mut().is_some_and(|(_, timer)| Pin::new(timer).poll(context).is_ready())
    }
}
