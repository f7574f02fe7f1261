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
use crate::dial::{LINGER, Prepared, Race, Route, resolve_timeout, tcp_error};
use crate::{Action, Engine, Instant, Link, LinkError, Notice, Options, TcpError, host};

/// Reads in one turn: a peer that never stops sending leaves time for everything else.
const READS_PER_TURN: u32 = 16;

/// How long an owner that is quick is told one thing after the other before the socket has its turn: what follows from
/// them is written together.
const TELLING: Duration = Duration::from_millis(1);

/// Makes the links that an engine asks for, one after the other, and moves their bytes. It never waits.
///
/// Its owner calls [`turn`](Self::turn) after each sleep, then [`next_notice`](Self::next_notice) until there is none,
/// then sleeps up to [`sleep_until`](Self::sleep_until), a knock of the [`Bell`], or until one of its sockets is
/// [ready](Self::ready) for what they [want](Self::wants). There are several while addresses race, otherwise one or none.
#[derive(Debug)]
pub struct Line<N: Net> {
    net: N,
    lookup: Lookup,
    stage: Stage<N::Socket>,
    connect_timeout: Duration,
    reads_left: u32,
    /// When the socket last had its turn.
    turned_at: Instant,
    journal: Journal,
}

/// What sockets are to be waited for.
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
        /// When the name has to have its addresses.
        resolved_by: Instant,
        deadline: Instant,
    },
    Connecting {
        link: Link,
        /// Those that are under way.
        connections: Vec<Connection<S>>,
        race: Race,
        /// Why the last one did not come about.
        why: LinkError,
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
            turned_at: Instant::EPOCH,
            journal: Journal::default(),
        }
    }

    /// What its sockets may do: `ready` tells of each whether it may be read from, and whether it may be written to, or has
    /// failed, which the next call will tell. What was said before still holds.
    pub fn ready(&mut self, mut ready: impl FnMut(&mut N::Socket) -> (bool, bool)) {
        let mut ask = |connection: &mut Connection<N::Socket>| {
            let (readable, writable) = ready(&mut connection.socket);
            connection.readable |= readable;
            connection.writable |= writable;
        };
        match &mut self.stage {
            Stage::Connecting { connections, .. } => connections.iter_mut().for_each(ask),
            Stage::Connected { connection, .. } | Stage::Closing { connection, .. } => ask(connection),
            Stage::Closed | Stage::Resolving { .. } => {}
        }
    }

    /// What its sockets are to be waited for now.
    pub fn wants(&self, engine: &Engine) -> Wants {
        match &self.stage {
            Stage::Closed | Stage::Resolving { .. } => Wants::default(),
            Stage::Connecting { .. } => Wants { readable: false, writable: true },
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
        if engine.only_tells() && now.since(self.turned_at) < TELLING {
            return;
        }
        self.turned_at = now;
        self.reads_left = READS_PER_TURN;
        // What has come comes before what is due, also after the process was stopped, and when the socket's readiness is
        // told later than the time: no answer counts as missing that is there.
        if engine.next_deadline().is_some_and(|deadline| deadline <= now) {
            self.ready(|_| (true, false));
            while self.reads_left > 0 && self.read(engine, now, chunk) {}
        }
        engine.wake(now);
        self.resolved(engine, now);
        self.race(engine, now);
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
            Stage::Closed => deadline,
            Stage::Resolving { resolved_by, .. } if self.lookup.is_resolving() => {
                deadline.into_iter().chain([*resolved_by]).min()
            }
            Stage::Resolving { .. } => deadline,
            Stage::Connecting { race, .. } => deadline.into_iter().chain(race.next_deadline()).min(),
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

    pub(crate) fn net(&mut self) -> &mut N {
        &mut self.net
    }

    /// What is to be logged since the last time, once no lock is held.
    pub fn journal(&mut self) -> Journal {
        self.journal.take()
    }

    pub(crate) fn note(&mut self, level: Level, what: core::fmt::Arguments<'_>) {
        self.journal.note(level, what);
    }
}

/// Making a link.
impl<N: Net> Line<N> {
    fn open(&mut self, engine: &mut Engine, now: Instant, link: Link) {
        let deadline = now + self.connect_timeout;
        match self.lookup.ask() {
            Ok(Some(prepared)) => self.prepared(engine, now, link, prepared, deadline),
            Ok(None) => {
                let resolved_by = now + resolve_timeout(self.connect_timeout);
                self.stage = Stage::Resolving { link, resolved_by, deadline };
            }
            Err(why) => engine.closed(now, link, why),
        }
    }

    fn resolved(&mut self, engine: &mut Engine, now: Instant) {
        // An answer that nobody waits for any more is forgotten here.
        let answer = self.lookup.poll();
        let Stage::Resolving { link, resolved_by, deadline } = self.stage else { return };
        match answer {
            Some(Ok(prepared)) => self.prepared(engine, now, link, prepared, deadline),
            Some(Err(why)) => self.lost(engine, now, link, why),
            // The lookup goes on, and serves the next link.
            None if resolved_by <= now && self.lookup.is_resolving() => {
                let why = self.lookup.unanswered(self.connect_timeout);
                self.lost(engine, now, link, why);
            }
            None => {}
        }
    }

    fn prepared(&mut self, engine: &mut Engine, now: Instant, link: Link, prepared: Prepared, deadline: Instant) {
        engine.supply(link, prepared.supplies);
        let race = Race::new(prepared.addresses, deadline);
        self.stage = Stage::Connecting { link, connections: Vec::new(), race, why: LinkError::Closed };
        self.race(engine, now);
    }

    /// The first connection that comes about is the link's; when none does, the link has failed because of the last.
    fn race(&mut self, engine: &mut Engine, now: Instant) {
        let Stage::Connecting { link, connections, race, why } = &mut self.stage else { return };
        let (link, mut winner) = (*link, None);
        connections.retain_mut(|connection| match connection.is_connected() {
            Ok(false) => true,
            Ok(true) => {
                winner.get_or_insert(connection.address());
                true
            }
            Err(error) => {
                self.journal.note(Level::Debug, format_args!("{link}: {error}"));
                race.failed(connection.address());
                *why = error;
                false
            }
        });
        if let Some(at) = connections.iter().position(|connection| Some(connection.address()) == winner) {
            let connection = connections.swap_remove(at);
            self.stage = Stage::Connected { link, connection, broken: None };
            return engine.opened(now, link);
        }
        while let Some(address) = race.expired(now) {
            connections.retain(|connection| connection.address() != address);
            *why = LinkError::Tcp { address: Some(address), why: TcpError::TimedOut };
            self.journal.note(Level::Debug, format_args!("{link}: {why}"));
        }
        while let Some(address) = race.next(now) {
            match self.net.connect(address) {
                Ok(socket) => {
                    self.journal.note(Level::Debug, format_args!("{link}: connecting to {address}"));
                    connections.push(Connection::new(socket, address));
                }
                Err(error) => {
                    race.failed(address);
                    *why = tcp_error(address, &error);
                    self.journal.note(Level::Debug, format_args!("{link}: {why}"));
                }
            }
        }
        if race.is_over(now) {
            let why = mem::replace(why, LinkError::Closed);
            self.lost(engine, now, link, why);
        }
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

#[cfg(test)]
pub(super) mod tests;
