//! The engine with its socket: all of a driver but the sleep.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use log::Level;
use mio::{Events, Poll, Registry, Token};
use thingwire_core::dial::{Attempts, LINGER, Prepared, Route};
use thingwire_core::host::{self, Clock};
use thingwire_core::{Action, Engine, Instant, Link, LinkError, Notice, Options, SetupError};

use crate::journal::Journal;
use crate::resolve::Resolver;
use crate::socket::{Input, Socket};

/// Bytes read at a time.
const CHUNK: usize = 16 * 1024;
/// Reads in one turn: a peer that never stops sending leaves time for everything else.
const READS_PER_TURN: u32 = 16;
/// The pause after a failed poll, which would otherwise be repeated without end.
const POLL_PAUSE: Duration = Duration::from_millis(100);

const WAKER: Token = Token(0);

/// The engine with its socket. It never waits: its owner sleeps with [`sleep`] for [`Machine::sleep_limit`], then
/// calls [`Machine::turn`], then [`Machine::next_notice`] until there is none.
#[derive(Debug)]
pub(crate) struct Machine {
    engine: Engine,
    clock: Clock,
    registry: Registry,
    resolver: Resolver,
    stage: Stage,
    /// Tokens of sockets: a late event of an old socket meets none.
    last_token: usize,
    connect_timeout: Duration,
    reads_left: u32,
    chunk: Box<[u8]>,
    /// To be written by the owner, after every use.
    pub(crate) journal: Journal,
}

/// How far the link has come.
#[derive(Debug)]
enum Stage {
    /// There is none.
    Closed,
    Resolving {
        link: Link,
        deadline: Instant,
    },
    Connecting {
        link: Link,
        socket: Socket,
        /// When the next address has its turn.
        give_up_at: Instant,
        others: Attempts,
    },
    Connected {
        link: Link,
        socket: Socket,
        /// Why nothing can be written any more. What the peer had to say before may still be there to be read, and
        /// explains more.
        broken: Option<LinkError>,
    },
    /// Our last words are on their way; until the peer has closed too, what it still sends is thrown away.
    Closing {
        socket: Socket,
        /// When the peer has had its time.
        until: Instant,
        said_all: bool,
    },
}

/// A machine, what its owner sleeps with, and what wakes it.
pub(crate) fn set_up(options: Options) -> Result<(Machine, Poll, Arc<mio::Waker>), SetupError> {
    let system = |error: std::io::Error| SetupError::System { why: format!("cannot wait for sockets: {error}") };
    let poll = Poll::new().map_err(system)?;
    let waker = Arc::new(mio::Waker::new(poll.registry(), WAKER).map_err(system)?);
    let registry = poll.registry().try_clone().map_err(system)?;
    let clock = Clock::start();
    let resolver = Resolver::new(Route::new(&options), Arc::clone(&waker));
    let connect_timeout = options.config.connect_timeout;
    let machine = Machine {
        engine: Engine::new(options, host::seed()?, clock.now())?,
        clock,
        registry,
        resolver,
        stage: Stage::Closed,
        last_token: WAKER.0,
        connect_timeout,
        reads_left: READS_PER_TURN,
        chunk: vec![0; CHUNK].into_boxed_slice(),
        journal: Journal::default(),
    };
    Ok((machine, poll, waker))
}

/// Sleeps until there is an event, or for `limit`.
pub(crate) fn sleep(poll: &mut Poll, events: &mut Events, limit: Option<Duration>) {
    match poll.poll(events, limit) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::Interrupted => events.clear(),
        Err(error) => {
            log::error!("waiting for sockets failed: {error}");
            events.clear();
            std::thread::sleep(limit.map_or(POLL_PAUSE, |limit| limit.min(POLL_PAUSE)));
        }
    }
}

/// What the owner uses.
impl Machine {
    pub(crate) fn client(&mut self) -> &mut thingwire_core::Client {
        self.engine.client()
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Drops the connection as it is.
    pub(crate) fn abort(&mut self) {
        self.drop_socket();
    }

    /// Takes in what happened during a sleep.
    pub(crate) fn turn(&mut self, now: Instant, events: &Events) {
        self.reads_left = READS_PER_TURN;
        if let Stage::Connecting { socket, .. } | Stage::Connected { socket, .. } | Stage::Closing { socket, .. } =
            &mut self.stage
        {
            events.iter().for_each(|event| socket.ready(event));
        }
        self.engine.wake(now);
        self.resolved(now);
        self.connected(now);
        // Not behind the notices that wait: their owner may take its time with each.
        self.write(now);
    }

    /// Does what can be done without waiting, up to the next notice.
    pub(crate) fn next_notice(&mut self, now: Instant) -> Option<Notice> {
        let mut done = false;
        loop {
            if self.lingers(now) {
                return None;
            }
            match self.engine.poll_action(now) {
                Some(Action::Open(link)) => self.open(now, link),
                Some(Action::Close(link)) => self.close(now, link),
                Some(Action::Notify(notice)) => {
                    self.log(&notice);
                    return Some(notice);
                }
                None if done => return None,
                None => {
                    // Both count, as reading may have been what gives something to write.
                    let written = self.write(now);
                    let read = self.read(now);
                    done = !written && !read;
                    continue;
                }
            }
            done = false;
        }
    }

    /// How long to sleep; `None` is until an event.
    pub(crate) fn sleep_limit(&self, now: Instant) -> Option<Duration> {
        let own = match &self.stage {
            Stage::Connecting { give_up_at, .. } => Some(*give_up_at),
            Stage::Closing { socket, until, .. } => Some(if socket.may_read() { now } else { *until }),
            Stage::Connected { socket, .. } if socket.may_read() && self.engine.wants_input() => Some(now),
            Stage::Closed | Stage::Resolving { .. } | Stage::Connected { .. } => None,
        };
        let deadline = own.into_iter().chain(self.engine.next_deadline()).min()?;
        Some(deadline.since(now))
    }
}

/// Making a link.
impl Machine {
    fn open(&mut self, now: Instant, link: Link) {
        let deadline = now + self.connect_timeout;
        match self.resolver.ask() {
            Ok(Some(prepared)) => self.prepared(now, link, prepared, deadline),
            Ok(None) => self.stage = Stage::Resolving { link, deadline },
            Err(why) => self.engine.closed(now, link, why),
        }
    }

    fn resolved(&mut self, now: Instant) {
        // An answer that nobody waits for any more is forgotten here.
        let Some(answer) = self.resolver.poll() else { return };
        let Stage::Resolving { link, deadline } = self.stage else { return };
        match answer {
            Ok(prepared) => self.prepared(now, link, prepared, deadline),
            Err(why) => self.lost(now, link, why),
        }
    }

    fn prepared(&mut self, now: Instant, link: Link, prepared: Prepared, deadline: Instant) {
        self.engine.supply(link, prepared.supplies);
        self.connect(now, link, Attempts::new(prepared.addresses, deadline), LinkError::Closed);
    }

    /// Begins with the next address. When there is none, the link has failed because of `why`.
    fn connect(&mut self, now: Instant, link: Link, mut others: Attempts, mut why: LinkError) {
        while let Some((address, give_up_at)) = others.next(now) {
            self.last_token += 1;
            match Socket::connect(&self.registry, Token(self.last_token), address) {
                Ok(socket) => {
                    self.journal.note(Level::Debug, format_args!("{link}: connecting to {address}"));
                    self.stage = Stage::Connecting { link, socket, give_up_at, others };
                    return;
                }
                Err(error) => {
                    self.journal.note(Level::Debug, format_args!("{link}: {error}"));
                    why = error;
                }
            }
        }
        self.lost(now, link, why);
    }

    fn connected(&mut self, now: Instant) {
        let (link, mut socket, give_up_at, others) = match std::mem::replace(&mut self.stage, Stage::Closed) {
            Stage::Connecting { link, socket, give_up_at, others } => (link, socket, give_up_at, others),
            other => {
                self.stage = other;
                return;
            }
        };
        let why = match socket.is_connected() {
            Ok(true) => {
                self.stage = Stage::Connected { link, socket, broken: None };
                self.engine.opened(now, link);
                return;
            }
            Ok(false) if now < give_up_at => {
                self.stage = Stage::Connecting { link, socket, give_up_at, others };
                return;
            }
            Ok(false) => socket.timed_out(),
            Err(why) => why,
        };
        self.journal.note(Level::Debug, format_args!("{link}: {why}"));
        socket.close(&self.registry);
        self.connect(now, link, others, why);
    }
}

/// Using a link, and ending it.
impl Machine {
    /// Writes what there is to write; tells whether the socket took any of it.
    fn write(&mut self, now: Instant) -> bool {
        let Stage::Connected { socket, broken: broken @ None, .. } = &mut self.stage else { return false };
        let bytes = self.engine.transmit(now);
        if bytes.is_empty() {
            return false;
        }
        match socket.write(bytes) {
            Ok(taken) => {
                let len = taken.unwrap_or(0);
                self.engine.transmitted(now, len);
                len > 0
            }
            Err(why) => {
                *broken = Some(why);
                socket.try_reading();
                false
            }
        }
    }

    /// Reads one chunk; tells whether anything came of it.
    fn read(&mut self, now: Instant) -> bool {
        let Stage::Connected { link, socket, broken, .. } = &mut self.stage else { return false };
        let link = *link;
        if !socket.may_read() || !self.engine.wants_input() {
            let Some(why) = broken.take() else { return false };
            self.lost(now, link, why);
            return true;
        }
        if self.reads_left == 0 {
            return false;
        }
        self.reads_left -= 1;
        match socket.read(&mut self.chunk) {
            Ok(Input::Bytes(len)) => self.engine.received(now, link, &self.chunk[..len]),
            Ok(Input::End) => self.lost(now, link, LinkError::Closed),
            Ok(Input::Blocked) => return broken.is_some(),
            Err(why) => self.lost(now, link, why),
        }
        true
    }

    /// The link could not be made, or is gone.
    fn lost(&mut self, now: Instant, link: Link, why: LinkError) {
        self.drop_socket();
        self.engine.closed(now, link, why);
    }

    /// Gives up a link that is being made, and begins to close one that is there.
    fn close(&mut self, now: Instant, link: Link) {
        let current = match &self.stage {
            Stage::Resolving { link, .. } | Stage::Connecting { link, .. } | Stage::Connected { link, .. } => *link,
            Stage::Closed | Stage::Closing { .. } => return,
        };
        if current != link {
            return;
        }
        match std::mem::replace(&mut self.stage, Stage::Closed) {
            Stage::Connected { socket, .. } => {
                self.stage = Stage::Closing { socket, until: now + LINGER, said_all: false };
            }
            Stage::Connecting { socket, .. } => socket.close(&self.registry),
            Stage::Closed | Stage::Resolving { .. } | Stage::Closing { .. } => {}
        }
    }

    /// Goes on closing; tells whether that takes more time, up to [`LINGER`].
    fn lingers(&mut self, now: Instant) -> bool {
        let Stage::Closing { socket, until, said_all } = &mut self.stage else { return false };
        while now < *until && !*said_all {
            let bytes = self.engine.transmit(now);
            if bytes.is_empty() {
                socket.shut_down_writing();
                *said_all = true;
                break;
            }
            match socket.write(bytes) {
                Ok(Some(len)) => self.engine.transmitted(now, len),
                Ok(None) => break,
                Err(_) => *said_all = true,
            }
        }
        let lingers = now < *until && socket.discard(&mut self.chunk);
        if !lingers {
            self.drop_socket();
        }
        lingers
    }

    fn drop_socket(&mut self) {
        match std::mem::replace(&mut self.stage, Stage::Closed) {
            Stage::Connecting { socket, .. } | Stage::Connected { socket, .. } | Stage::Closing { socket, .. } => {
                socket.close(&self.registry);
            }
            Stage::Closed | Stage::Resolving { .. } => {}
        }
    }

    fn log(&mut self, notice: &Notice) {
        if let Some(level) = host::log_level(notice) {
            self.journal.note(level, format_args!("{}: {notice}", self.engine.endpoint()));
        }
    }
}
