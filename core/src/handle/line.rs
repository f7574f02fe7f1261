//! The socket of the current link: all of a driver but the sleep.

use core::mem;
use core::time::Duration;
use std::sync::Arc;

use log::Level;

use super::connection::{Connection, Input};
use super::journal::Journal;
use super::lookup::Lookup;
use super::net::{Net, Spawn};
use super::wakers::Bell;
use crate::dial::{Attempts, LINGER, Prepared, Route};
use crate::{Action, Engine, Instant, Link, LinkError, Notice, Options, host};

/// Reads in one turn: a peer that never stops sending leaves time for everything else.
const READS_PER_TURN: u32 = 16;

/// Makes the links that an engine asks for, one after the other, and moves their bytes. It never waits.
///
/// Its owner calls [`turn`](Self::turn) after each sleep, then [`next_notice`](Self::next_notice) until there is none,
/// then sleeps up to [`sleep_until`](Self::sleep_until), a knock of the [`Bell`], or until the [`socket`](Self::socket)
/// is [ready](Self::ready) for what it [wants](Self::wants).
#[derive(Debug)]
pub struct Line<N: Net> {
    net: N,
    lookup: Lookup,
    stage: Stage<N::Socket>,
    connect_timeout: Duration,
    reads_left: u32,
    journal: Journal,
}

/// What a socket is to be waited for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wants {
    /// Until there is something to read, or the connection has failed.
    pub readable: bool,
    /// Until it takes bytes, or the connection has failed.
    pub writable: bool,
}

/// How far the link has come.
#[derive(Debug)]
enum Stage<S> {
    /// There is none.
    Closed,
    Resolving {
        link: Link,
        deadline: Instant,
    },
    Connecting {
        link: Link,
        connection: Connection<S>,
        /// When the next address has its turn.
        give_up_at: Instant,
        others: Attempts,
    },
    Connected {
        link: Link,
        connection: Connection<S>,
        /// Why nothing can be written any more. What the peer had to say before may still be there to be read, and
        /// explains more.
        broken: Option<LinkError>,
    },
    /// Our last words are on their way; until the peer has closed too, what it still sends is thrown away.
    Closing {
        connection: Connection<S>,
        /// When the peer has had its time.
        until: Instant,
        said_all: bool,
    },
}

/// What the owner uses.
impl<N: Net> Line<N> {
    /// No link yet. `bell` is rung when there is something to look at that no socket tells of.
    pub fn new(options: &Options, net: N, spawn: Arc<dyn Spawn>, bell: Bell) -> Self {
        Self {
            net,
            lookup: Lookup::new(Route::new(options), spawn, bell),
            stage: Stage::Closed,
            connect_timeout: options.config.connect_timeout,
            reads_left: READS_PER_TURN,
            journal: Journal::default(),
        }
    }

    /// The socket of the current link, if there is one.
    pub fn socket(&mut self) -> Option<&mut N::Socket> {
        self.connection().map(|connection| &mut connection.socket)
    }

    /// The socket may be read from, or written to, or has failed, which the next call will tell. What was said before
    /// still holds.
    pub fn ready(&mut self, readable: bool, writable: bool) {
        if let Some(connection) = self.connection() {
            connection.readable |= readable;
            connection.writable |= writable;
        }
    }

    /// What the socket is to be waited for now.
    pub fn wants(&self, engine: &Engine) -> Wants {
        match &self.stage {
            Stage::Closed | Stage::Resolving { .. } => Wants::default(),
            Stage::Connecting { connection, .. } => Wants { readable: false, writable: !connection.writable },
            Stage::Connected { connection, broken, .. } => Wants {
                readable: !connection.readable && engine.wants_input(),
                writable: !connection.writable && broken.is_none(),
            },
            Stage::Closing { connection, said_all, .. } => {
                Wants { readable: !connection.readable, writable: !connection.writable && !said_all }
            }
        }
    }

    /// Takes in what happened during a sleep. `chunk` is for the bytes of one read, and forgotten afterwards.
    pub fn turn(&mut self, engine: &mut Engine, now: Instant, chunk: &mut [u8]) {
        self.reads_left = READS_PER_TURN;
        // What has come comes before what is due, also after the machine was asleep, and when the socket's readiness is
        // told later than the time: no answer counts as missing that is there.
        if engine.next_deadline().is_some_and(|deadline| deadline <= now) {
            self.ready(true, false);
        }
        while self.reads_left > 0 && self.read(engine, now, chunk) {}
        engine.wake(now);
        self.resolved(engine, now);
        self.connected(engine, now);
        // Not behind the notices that wait: their owner may take its time with each.
        self.write(engine, now);
    }

    /// Does what can be done without waiting, up to the next notice.
    pub fn next_notice(&mut self, engine: &mut Engine, now: Instant, chunk: &mut [u8]) -> Option<Notice> {
        let mut done = false;
        loop {
            if self.lingers(engine, now, chunk) {
                return None;
            }
            match engine.poll_action(now) {
                Some(Action::Open(link)) => self.open(engine, now, link),
                Some(Action::Close(link)) => self.close(now, link),
                Some(Action::Notify(notice)) => {
                    if let Some(level) = host::log_level(&notice) {
                        self.journal.note(level, format_args!("{}: {notice}", engine.endpoint()));
                    }
                    return Some(notice);
                }
                None if done => return None,
                None => {
                    // Both count, as reading may have been what gives something to write.
                    let written = self.write(engine, now);
                    let read = self.read(engine, now, chunk);
                    done = !written && !read;
                    continue;
                }
            }
            done = false;
        }
    }

    /// When to call [`turn`](Self::turn) although nothing happens; `None` is never, and `now` at once.
    pub fn sleep_until(&self, engine: &Engine, now: Instant) -> Option<Instant> {
        let deadline = engine.next_deadline();
        match &self.stage {
            Stage::Closed | Stage::Resolving { .. } => deadline,
            Stage::Connecting { give_up_at, .. } => deadline.into_iter().chain([*give_up_at]).min(),
            Stage::Connected { connection, .. } if connection.readable && engine.wants_input() => Some(now),
            Stage::Connected { .. } => deadline,
            // The engine waits as well: whatever it wants to do next comes after the end of this connection.
            Stage::Closing { connection, until, .. } => Some(if connection.readable { now } else { *until }),
        }
    }

    /// Ends the link as it is, and what the engine wants with it.
    pub(crate) fn cut(&mut self, engine: &mut Engine, now: Instant) {
        engine.client().stop(now);
        match mem::replace(&mut self.stage, Stage::Closed) {
            Stage::Resolving { link, .. } | Stage::Connecting { link, .. } | Stage::Connected { link, .. } => {
                engine.closed(now, link, LinkError::Closed);
            }
            Stage::Closed | Stage::Closing { .. } => {}
        }
    }

    /// What is to be logged since the last time, once no lock is held.
    pub fn journal(&mut self) -> Journal {
        self.journal.take()
    }

    pub(crate) fn note(&mut self, level: Level, what: core::fmt::Arguments<'_>) {
        self.journal.note(level, what);
    }

    fn connection(&mut self) -> Option<&mut Connection<N::Socket>> {
        match &mut self.stage {
            Stage::Connecting { connection, .. }
            | Stage::Connected { connection, .. }
            | Stage::Closing { connection, .. } => Some(connection),
            Stage::Closed | Stage::Resolving { .. } => None,
        }
    }
}

/// Making a link.
impl<N: Net> Line<N> {
    fn open(&mut self, engine: &mut Engine, now: Instant, link: Link) {
        let deadline = now + self.connect_timeout;
        match self.lookup.ask() {
            Ok(Some(prepared)) => self.prepared(engine, now, link, prepared, deadline),
            Ok(None) => self.stage = Stage::Resolving { link, deadline },
            Err(why) => engine.closed(now, link, why),
        }
    }

    fn resolved(&mut self, engine: &mut Engine, now: Instant) {
        // An answer that nobody waits for any more is forgotten here.
        let Some(answer) = self.lookup.poll() else { return };
        let Stage::Resolving { link, deadline } = self.stage else { return };
        match answer {
            Ok(prepared) => self.prepared(engine, now, link, prepared, deadline),
            Err(why) => self.lost(engine, now, link, why),
        }
    }

    fn prepared(&mut self, engine: &mut Engine, now: Instant, link: Link, prepared: Prepared, deadline: Instant) {
        engine.supply(link, prepared.supplies);
        self.connect(engine, now, link, Attempts::new(prepared.addresses, deadline), LinkError::Closed);
    }

    /// Begins with the next address. When there is none, the link has failed because of `why`.
    fn connect(&mut self, engine: &mut Engine, now: Instant, link: Link, mut others: Attempts, mut why: LinkError) {
        while let Some((address, give_up_at)) = others.next(now) {
            match self.net.connect(address) {
                Ok(socket) => {
                    self.journal.note(Level::Debug, format_args!("{link}: connecting to {address}"));
                    let connection = Connection::new(socket, address);
                    self.stage = Stage::Connecting { link, connection, give_up_at, others };
                    return;
                }
                Err(error) => {
                    why = crate::dial::tcp_error(address, &error);
                    self.journal.note(Level::Debug, format_args!("{link}: {why}"));
                }
            }
        }
        self.lost(engine, now, link, why);
    }

    fn connected(&mut self, engine: &mut Engine, now: Instant) {
        let (link, mut connection, give_up_at, others) = match mem::replace(&mut self.stage, Stage::Closed) {
            Stage::Connecting { link, connection, give_up_at, others } => (link, connection, give_up_at, others),
            other @ (Stage::Closed | Stage::Resolving { .. } | Stage::Connected { .. } | Stage::Closing { .. }) => {
                self.stage = other;
                return;
            }
        };
        let why = match connection.is_connected() {
            Ok(true) => {
                self.stage = Stage::Connected { link, connection, broken: None };
                engine.opened(now, link);
                return;
            }
            Ok(false) if now < give_up_at => {
                self.stage = Stage::Connecting { link, connection, give_up_at, others };
                return;
            }
            Ok(false) => connection.timed_out(),
            Err(why) => why,
        };
        self.journal.note(Level::Debug, format_args!("{link}: {why}"));
        drop(connection);
        self.connect(engine, now, link, others, why);
    }
}

/// Using a link, and ending it.
impl<N: Net> Line<N> {
    /// Writes what there is to write; tells whether the socket took any of it.
    fn write(&mut self, engine: &mut Engine, now: Instant) -> bool {
        let Stage::Connected { connection, broken: broken @ None, .. } = &mut self.stage else { return false };
        let bytes = engine.transmit(now);
        if bytes.is_empty() {
            return false;
        }
        match connection.write(bytes) {
            Ok(taken) => {
                let len = taken.unwrap_or(0);
                engine.transmitted(now, len);
                len > 0
            }
            Err(why) => {
                *broken = Some(why);
                // To be tried even though nobody has told so.
                connection.readable = true;
                false
            }
        }
    }

    /// Reads one chunk; tells whether anything came of it.
    fn read(&mut self, engine: &mut Engine, now: Instant, chunk: &mut [u8]) -> bool {
        let Stage::Connected { link, connection, broken } = &mut self.stage else { return false };
        let link = *link;
        if !connection.readable || !engine.wants_input() {
            let Some(why) = broken.take() else { return false };
            self.lost(engine, now, link, why);
            return true;
        }
        if self.reads_left == 0 {
            return false;
        }
        self.reads_left -= 1;
        match connection.read(chunk) {
            Ok(Input::Bytes(len)) => engine.received(now, link, &chunk[..len]),
            Ok(Input::End) => self.lost(engine, now, link, LinkError::Closed),
            Ok(Input::Blocked) => return broken.is_some(),
            Err(why) => self.lost(engine, now, link, why),
        }
        true
    }

    /// The link could not be made, or is gone.
    fn lost(&mut self, engine: &mut Engine, now: Instant, link: Link, why: LinkError) {
        self.stage = Stage::Closed;
        engine.closed(now, link, why);
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
        if let Stage::Connected { connection, .. } = mem::replace(&mut self.stage, Stage::Closed) {
            self.stage = Stage::Closing { connection, until: now + LINGER, said_all: false };
        }
    }

    /// Goes on closing; tells whether that takes more time, up to [`LINGER`].
    fn lingers(&mut self, engine: &mut Engine, now: Instant, chunk: &mut [u8]) -> bool {
        let Stage::Closing { connection, until, said_all } = &mut self.stage else { return false };
        while now < *until && !*said_all {
            let bytes = engine.transmit(now);
            if bytes.is_empty() {
                *said_all = true;
                if let Err(why) = connection.shut_down_writing() {
                    self.journal.note(Level::Debug, format_args!("not shut down: {why}"));
                }
                break;
            }
            match connection.write(bytes) {
                Ok(Some(len)) => engine.transmitted(now, len),
                Ok(None) => break,
                Err(_) => *said_all = true,
            }
        }
        let lingers = now < *until && connection.discard(chunk);
        if !lingers {
            self.stage = Stage::Closed;
        }
        lingers
    }
}
