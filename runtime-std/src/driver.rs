//! The client on the caller's own thread.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task;
use std::time::Duration;

use thingwire_core::handle::{Bell, Line};
use thingwire_core::host::{self, Clock};
use thingwire_core::{Engine, Instant, Notice, Options, SetupError};

use crate::net::{self, CHUNK, Net, Sleeper};
use crate::wait::Threads;

/// A client that runs on your own thread, inside [`next`](Self::next), and nowhere else.
///
/// Call `next` all the time: while nobody does, nothing is sent or received, not even the pings that keep the
/// connection alive. Messages that were not taken by `next` are not acknowledged.
///
/// Dropping it drops the connection without a goodbye, so that the server publishes the will. To leave in good order,
/// call [`stop`](Self::stop), then `next` until [`Notice::Stopped`].
///
/// ```no_run
/// use thingwire_std::{Driver, Notice, Options, Publish, Topic};
///
/// let options = Options::mtls_from_path("abc-ats.iot.eu-west-1.amazonaws.com", "lamp", "cert.pem", "key.pem", "root.pem")?;
/// let mut driver = Driver::new(options)?;
/// driver.start();
/// driver.publish(Publish::new(Topic::new("lamps/on")?, "true"))?;
/// while let Some(notice) = driver.next(None) {
///     println!("{notice}");
///     match notice {
///         Notice::Done { .. } => driver.stop(),
///         Notice::Stopped => break,
///         _ => {}
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Driver {
    engine: Engine,
    clock: Clock,
    line: Line<Net>,
    sleeper: Sleeper,
    waker: Waker,
    chunk: Box<[u8]>,
}

/// Makes [`Driver::next`] return, from another thread.
#[derive(Clone)]
pub struct Waker {
    woken: Arc<AtomicBool>,
    waker: task::Waker,
}

impl Driver {
    /// An idle client.
    pub fn new(options: Options) -> Result<Self, SetupError> {
        let (net, sleeper) = net::set_up()?;
        let (clock, bell) = (Clock::start(), Bell::default());
        sleeper.hear(&bell);
        let line = Line::new(&options, net, Arc::new(Threads), bell);
        let engine = Engine::new(options, host::seed()?, clock.now())?;
        let waker = Waker { woken: Arc::new(AtomicBool::new(false)), waker: sleeper.waker() };
        Ok(Self { engine, clock, line, sleeper, waker, chunk: vec![0; CHUNK].into_boxed_slice() })
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

    /// Moves bytes, and sleeps until there is something to tell.
    ///
    /// `None` when `limit` has passed, or when a [`Waker`] asks for it. Without a limit, an idle client sleeps until
    /// then.
    pub fn next(&mut self, limit: Option<Duration>) -> Option<Notice> {
        let until = limit.map(|limit| self.now() + limit);
        loop {
            let now = self.now();
            self.line.turn(&mut self.engine, now, &mut self.chunk);
            let notice = self.line.next_notice(&mut self.engine, now, &mut self.chunk);
            self.line.journal().write();
            if notice.is_some() {
                return notice;
            }
            // A second look at the time: what was just done may have taken some.
            let now = self.now();
            if self.waker.woken.swap(false, Ordering::Acquire) || until.is_some_and(|until| until <= now) {
                return None;
            }
            let sleep = self.line.sleep_until(&self.engine, now).into_iter().chain(until).min();
            let line = &mut self.line;
            self.sleeper.sleep(sleep.map(|until| until.since(now)), |ready| line.ready(|socket| ready.socket(socket)));
        }
    }

    /// What wakes [`next`](Self::next) from another thread.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }
}

impl Waker {
    /// Makes the running or the next call of [`Driver::next`] that has nothing to tell return `None`.
    pub fn wake(&self) {
        self.woken.store(true, Ordering::Release);
        self.waker.wake_by_ref();
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").finish_non_exhaustive()
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waker").finish_non_exhaustive()
    }
}
