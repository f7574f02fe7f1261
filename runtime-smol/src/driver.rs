//! The client on the caller's own task.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use thingwire_core::handle::{Bell, Line};
use thingwire_core::host::{self, Clock};
use thingwire_core::{Engine, Instant, Notice, Options, SetupError};

use crate::alarm::Alarm;
use crate::chunk;
use crate::pool::Pool;
use crate::socket::{Net, poll_ready};

/// A client with its socket. It lives while [`next`](Self::next) is awaited.
///
/// Await `next` all the time: while nobody does, nothing is sent or received, not even the pings that keep the
/// connection alive. Messages that were not taken by `next` are not acknowledged.
///
/// Dropping it drops the connection without a goodbye, so that the server publishes the will. To leave in good order,
/// call [`stop`](Self::stop), then `next` until [`Notice::Stopped`].
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use thingwire_smol::{Driver, Notice, Options, Publish, Topic};
///
/// let options = Options::mtls_from_path("abc-ats.iot.eu-west-1.amazonaws.com", "lamp", "cert.pem", "key.pem", "root.pem")?;
/// let mut driver = Driver::new(options)?;
/// driver.start();
/// driver.publish(Publish::new(Topic::new("lamps/on")?, "true"))?;
/// loop {
///     match driver.next().await {
///         Notice::Done { .. } => driver.stop(),
///         Notice::Stopped => return Ok(()),
///         notice => println!("{notice}"),
///     }
/// }
/// # }
/// ```
pub struct Driver {
    engine: Engine,
    clock: Clock,
    line: Line<Net>,
    bell: Bell,
    alarm: Alarm,
}

impl Driver {
    /// An idle client.
    pub fn new(options: Options) -> Result<Self, SetupError> {
        let (clock, bell) = (Clock::start(), Bell::default());
        let line = Line::new(&options, Net, Arc::new(Pool), bell.clone());
        let engine = Engine::new(options, host::seed()?, clock.now())?;
        Ok(Self { engine, clock, line, bell, alarm: Alarm::default() })
    }

    /// The time, as the client counts it.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// The client itself, for everything that has no method here. What a command causes happens in the next
    /// [`next`](Self::next).
    pub fn client(&mut self) -> &mut thingwire_core::Client {
        self.engine.client()
    }

    thingwire_core::driver_commands!();

    /// Moves bytes and waits, up to the next notice.
    ///
    /// Cancel safe: the future may be dropped at any time and nothing is lost, because all state is in the driver.
    pub async fn next(&mut self) -> Notice {
        poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Notice> {
        self.bell.set(context.waker());
        loop {
            let Self { engine, line, clock, alarm, .. } = self;
            let now = clock.now();
            let notice = chunk::with(|chunk| {
                line.turn(engine, now, chunk);
                line.next_notice(engine, now, chunk)
            });
            line.journal().write();
            if let Some(notice) = notice {
                return Poll::Ready(notice);
            }
            let now = clock.now();
            let due = alarm.poll(line.sleep_until(engine, now), now, context);
            if poll_ready(line, line.wants(engine), context) {
                continue;
            }
            if due {
                // Let others have their turn.
                context.waker().wake_by_ref();
            }
            return Poll::Pending;
        }
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("endpoint", self.engine.endpoint()).finish_non_exhaustive()
    }
}
