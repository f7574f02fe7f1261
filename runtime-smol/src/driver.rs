//! The engine with its socket, as one future.

use std::fmt;
use std::future::{Future, pending};
use std::io::{ErrorKind, Read, Write};
use std::mem;
use std::net::Shutdown;
use std::pin::Pin;
use std::time::Duration;

use async_io::Timer;
use futures_lite::FutureExt;
use thingwire_core::dial::{self, LINGER, Route};
use thingwire_core::host::{self, Clock};
use thingwire_core::transport::Supplies;
use thingwire_core::{
    AckToken, Action, Client, Engine, Filter, Instant, Link, LinkError, Notice, Options, Publish, Qos, Refused,
    SetupError, Ticket,
};

use crate::socket::{Socket, connect};

/// Bytes read at a time.
const CHUNK: usize = 16 * 1024;

/// A client with its socket. It lives while [`next`](Self::next) is awaited.
pub struct Driver {
    engine: Engine,
    route: Route,
    clock: Clock,
    connect_timeout: Duration,
    stage: Stage,
    /// Whether a read may give something at once.
    maybe_readable: bool,
    chunk: Box<[u8]>,
}

/// How far the link has come.
enum Stage {
    Closed,
    Connecting(Link, Pin<Box<dyn Future<Output = Made> + Send>>),
    Connected(Link, Socket),
    /// Our last words are on their way; until the peer has closed too, what it still sends is thrown away.
    Closing {
        socket: Socket,
        /// When the peer has had its time.
        until: Instant,
        said_all: bool,
    },
}

/// A connection with what its link takes from the outside, or why there is none.
type Made = Result<(Socket, Supplies), LinkError>;

/// What there was to wait for.
enum Woken {
    Connected(Made),
    Socket,
    Deadline,
}

impl Driver {
    /// An idle client.
    pub fn new(options: Options) -> Result<Self, SetupError> {
        let clock = Clock::start();
        let connect_timeout = options.config.connect_timeout;
        let route = Route::new(&options);
        let engine = Engine::new(options, host::seed()?, clock.now())?;
        Ok(Self {
            engine,
            route,
            clock,
            connect_timeout,
            stage: Stage::Closed,
            maybe_readable: false,
            chunk: vec![0; CHUNK].into_boxed_slice(),
        })
    }

    /// Starts connecting, and keeps the connection up until [`stop`](Self::stop).
    pub fn start(&mut self) {
        let now = self.clock.now();
        self.engine.client().start(now);
    }

    /// Says goodbye and closes; [`Notice::Stopped`] tells when that is done.
    pub fn stop(&mut self) {
        let now = self.clock.now();
        self.engine.client().stop(now);
    }

    /// Publishes a message; see [`Client::publish`].
    pub fn publish(&mut self, publish: Publish) -> Result<Ticket, Refused<Publish>> {
        let now = self.clock.now();
        self.engine.client().publish(now, publish)
    }

    /// Subscribes to filters; see [`Client::subscribe`].
    pub fn subscribe(&mut self, filters: Vec<(Filter, Qos)>) -> Result<Ticket, Refused<Vec<(Filter, Qos)>>> {
        let now = self.clock.now();
        self.engine.client().subscribe(now, filters)
    }

    /// Ends subscriptions; see [`Client::unsubscribe`].
    pub fn unsubscribe(&mut self, filters: Vec<Filter>) -> Result<Ticket, Refused<Vec<Filter>>> {
        let now = self.clock.now();
        self.engine.client().unsubscribe(now, filters)
    }

    /// Acknowledges a message; see [`Client::ack`].
    pub fn ack(&mut self, token: AckToken) {
        let now = self.clock.now();
        self.engine.client().ack(now, token);
    }

    /// The client itself, for everything else.
    pub fn client(&mut self) -> &mut Client {
        self.engine.client()
    }

    /// Records from now on what happens, in memory: see [`thingwire_core::trace`] for what is kept, and what stands in
    /// for payloads. `change` is for what is not to be as it is by default.
    #[cfg(feature = "trace")]
    pub fn record(&mut self, change: impl FnOnce(&mut crate::RecordOptions)) -> Result<(), SetupError> {
        let mut options = host::record_options()?;
        change(&mut options);
        self.client().record(&options);
        Ok(())
    }

    /// The recording so far, as a whole file for `thingwire-sim replay`; `None` without [`record`](Self::record).
    /// [`host::save`](thingwire_core::host::save) writes it.
    #[cfg(feature = "trace")]
    pub fn recording(&mut self) -> Option<Vec<u8>> {
        self.client().recording()
    }

    /// The driver's time.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Moves bytes and waits, up to the next notice.
    ///
    /// Cancel safe: the future may be dropped at any time and nothing is lost, because all state is in the driver.
    pub async fn next(&mut self) -> Notice {
        // A future that was dropped may have been about to tell.
        self.maybe_readable = true;
        loop {
            let now = self.clock.now();
            self.engine.wake(now);
            if let Some(notice) = self.work(now) {
                return notice;
            }
            match self.wait(now).await {
                Woken::Connected(made) => self.connected(made),
                Woken::Socket => self.maybe_readable = true,
                Woken::Deadline => {}
            }
        }
    }

    /// Does what can be done without waiting.
    fn work(&mut self, now: Instant) -> Option<Notice> {
        let mut done = false;
        loop {
            if self.lingers(now) {
                return None;
            }
            match self.engine.poll_action(now) {
                Some(Action::Open(link)) => {
                    let connect = connect(self.route.clone(), self.clock, self.connect_timeout);
                    self.stage = Stage::Connecting(link, Box::pin(connect));
                }
                Some(Action::Close(link)) => self.close(now, link),
                Some(Action::Notify(notice)) => {
                    if let Some(level) = host::log_level(&notice) {
                        log::log!(target: "thingwire", level, "{}: {notice}", self.engine.endpoint());
                    }
                    return Some(notice);
                }
                None if done => return None,
                None => {
                    // What the socket does not take may have been encoded all the same, and have given something to do.
                    done = !(self.write(now) || self.read(now));
                    continue;
                }
            }
            done = false;
        }
    }

    async fn wait(&mut self, now: Instant) -> Woken {
        let (engine, stage) = (&mut self.engine, &mut self.stage);
        let blocked = !engine.transmit(now).is_empty();
        let reads = engine.wants_input();
        let deadline = match stage {
            // The engine waits as well: whatever it wants to do next comes after the end of this connection.
            Stage::Closing { until, .. } => Some(*until),
            _ => engine.next_deadline(),
        };
        let timer = async {
            match deadline {
                Some(deadline) => drop(Timer::after(deadline.since(now)).await),
                None => pending().await,
            }
            Woken::Deadline
        };
        let link = async {
            match stage {
                Stage::Closed => pending().await,
                Stage::Connecting(_, connecting) => Woken::Connected(connecting.await),
                Stage::Closing { socket, said_all, .. } => {
                    let readable = async { drop(socket.stream.readable().await) };
                    let writable =
                        async { if *said_all { pending().await } else { drop(socket.stream.writable().await) } };
                    readable.or(writable).await;
                    Woken::Socket
                }
                Stage::Connected(_, socket) => {
                    let readable = async { if reads { drop(socket.stream.readable().await) } else { pending().await } };
                    let writable =
                        async { if blocked { drop(socket.stream.writable().await) } else { pending().await } };
                    readable.or(writable).await;
                    Woken::Socket
                }
            }
        };
        link.or(timer).await
    }

    fn connected(&mut self, made: Made) {
        let Stage::Connecting(link, _) = self.stage else { return };
        let now = self.clock.now();
        match made {
            Ok((socket, supplies)) => {
                self.stage = Stage::Connected(link, socket);
                self.engine.supply(link, supplies);
                self.engine.opened(now, link);
            }
            Err(why) => self.lost(now, link, why),
        }
    }

    /// Reads one chunk; tells whether anything came of it.
    fn read(&mut self, now: Instant) -> bool {
        let Stage::Connected(link, socket) = &mut self.stage else { return false };
        if !self.maybe_readable || !self.engine.wants_input() {
            return false;
        }
        let link = *link;
        match socket.stream.get_ref().read(&mut self.chunk) {
            Ok(0) => self.lost(now, link, LinkError::Closed),
            Ok(len) => self.engine.received(now, link, &self.chunk[..len]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.maybe_readable = false;
                return false;
            }
            Err(error) => {
                let why = dial::tcp_error(socket.address, &error);
                self.lost(now, link, why);
            }
        }
        true
    }

    /// Writes what there is to write; tells whether anything came of it.
    fn write(&mut self, now: Instant) -> bool {
        let Stage::Connected(link, socket) = &mut self.stage else { return false };
        let bytes = self.engine.transmit(now);
        if bytes.is_empty() {
            return false;
        }
        let (link, address) = (*link, socket.address);
        let why = match socket.stream.get_ref().write(bytes) {
            Ok(len) => {
                self.engine.transmitted(now, len);
                return len > 0;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => return true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.engine.transmitted(now, 0);
                return false;
            }
            Err(error) => {
                // What the peer had to say before may explain more than the failed write.
                self.read_rest(now, link);
                dial::tcp_error(address, &error)
            }
        };
        self.lost(now, link, why);
        true
    }

    /// Reads what is left of a connection that cannot be written to any more.
    fn read_rest(&mut self, now: Instant, link: Link) {
        while let Stage::Connected(_, socket) = &mut self.stage {
            match socket.stream.get_ref().read(&mut self.chunk) {
                Ok(len @ 1..) if self.engine.wants_input() => self.engine.received(now, link, &self.chunk[..len]),
                _ => return,
            }
        }
    }

    fn lost(&mut self, now: Instant, link: Link, why: LinkError) {
        self.stage = Stage::Closed;
        self.engine.closed(now, link, why);
    }

    /// Gives up a link that is being made, and begins to close one that is there.
    fn close(&mut self, now: Instant, link: Link) {
        let current = match &self.stage {
            Stage::Connecting(current, _) | Stage::Connected(current, _) => *current,
            Stage::Closed | Stage::Closing { .. } => return,
        };
        if current != link {
            return;
        }
        if let Stage::Connected(_, socket) = mem::replace(&mut self.stage, Stage::Closed) {
            self.stage = Stage::Closing { socket, until: now + LINGER, said_all: false };
        }
    }

    /// Goes on closing; tells whether that takes more time, up to [`LINGER`].
    fn lingers(&mut self, now: Instant) -> bool {
        let Stage::Closing { socket, until, said_all } = &mut self.stage else { return false };
        let mut stream = socket.stream.get_ref();
        while now < *until && !*said_all {
            let bytes = self.engine.transmit(now);
            if bytes.is_empty() {
                *said_all = true;
                if let Err(error) = stream.shutdown(Shutdown::Write) {
                    log::debug!("{}: not shut down: {error}", socket.address);
                }
                break;
            }
            match stream.write(bytes) {
                Ok(len) => self.engine.transmitted(now, len),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => *said_all = true,
            }
        }
        let lingers = now < *until && socket.discard(&mut self.chunk);
        if !lingers {
            self.stage = Stage::Closed;
        }
        lingers
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("endpoint", self.engine.endpoint()).finish_non_exhaustive()
    }
}
