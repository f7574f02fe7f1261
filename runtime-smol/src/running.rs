//! A client's loop, as a future.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use thingwire_core::handle::{Client, Rest, Worker};
use thingwire_core::{Options, SetupError};

use crate::alarm::Alarm;
use crate::chunk;
use crate::pool::Pool;
use crate::socket::{Net, poll_ports, poll_ready};

/// The loop of a [`Client`]: give it to an executor, whichever it is. It ends when the last handle of the client is
/// gone and the goodbye is said.
///
/// Dropping it ends the client at once, without a goodbye: what waits for an outcome gets `None`, and every stream ends.
#[derive(Debug)]
#[must_use = "a client does nothing while nobody polls its loop"]
pub struct Running {
    worker: Worker<Net>,
    alarm: Alarm,
}

/// An idle client and its loop. Subscribe before [`Client::start`], and no message that the server has stored is missed.
pub fn client(options: Options) -> Result<(Client, Running), SetupError> {
    let worker = Worker::new(options, Net, Arc::new(Pool))?;
    let client = worker.client(|| ());
    Ok((client, Running { worker, alarm: Alarm::default() }))
}

/// A client that connects as soon as its loop is polled, and stays connected.
pub fn connect(options: Options) -> Result<(Client, Running), SetupError> {
    let (client, running) = client(options)?;
    client.start();
    Ok((client, running))
}

impl Future for Running {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Self { worker, alarm } = self.get_mut();
        worker.bell().set(context.waker());
        loop {
            match chunk::with(|chunk| worker.turn(chunk)) {
                Rest::End => return Poll::Ready(()),
                Rest::Yield => {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Rest::Sleep { until, wants } => {
                    let due = alarm.poll(until, worker.now(), context);
                    let ready = poll_ready(worker.line(), wants, context) | poll_ports(worker, context);
                    if !ready && !due {
                        return Poll::Pending;
                    }
                }
            }
        }
    }
}
