//! A driver for one link that tells every stage of it: the client's own engine over a socket that waits.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use thingwire_std::thingwire_core::dial::{LINGER, tcp_error};
use thingwire_std::thingwire_core::host::Clock;
use thingwire_std::thingwire_core::transport::Supplies;
use thingwire_std::thingwire_core::{Action, Client, Engine};
use thingwire_std::{ConnectStage, Instant, Link, LinkError, Notice};

/// Bytes read at a time.
const CHUNK: usize = 16 * 1024;
/// A socket knows no limit of 0.
const WAIT_MIN: Duration = Duration::from_millis(1);

/// A socket that is connected, and to where.
#[derive(Debug)]
pub(super) struct Connected {
    pub(super) socket: TcpStream,
    pub(super) address: SocketAddr,
}

/// What has happened.
#[derive(Debug)]
pub(super) enum Seen {
    /// The link now waits for this.
    Stage(ConnectStage),
    Notice(Notice),
}

/// The engine with one socket. There is no second one: what comes after the link's end is not of interest.
#[derive(Debug)]
pub(super) struct Probe {
    pub(super) engine: Engine,
    clock: Clock,
    socket: Option<Connected>,
    /// For the link, once it is asked for.
    supplies: Option<Supplies>,
    link: Option<Link>,
    stage: Option<ConnectStage>,
    /// Why nothing can be written any more. What the peer had to say before may still be there, and explains more.
    broken: Option<LinkError>,
    chunk: Vec<u8>,
}

impl Probe {
    pub(super) fn new(engine: Engine, clock: Clock, socket: Connected, supplies: Supplies) -> Self {
        Self {
            engine,
            clock,
            socket: Some(socket),
            supplies: Some(supplies),
            link: None,
            stage: None,
            broken: None,
            chunk: vec![0; CHUNK],
        }
    }

    pub(super) fn now(&self) -> Instant {
        self.clock.now()
    }

    pub(super) fn client(&mut self) -> &mut Client {
        self.engine.client()
    }

    /// What happens next; `None` when nothing has until `until`.
    pub(super) fn next(&mut self, until: Instant) -> Option<Seen> {
        loop {
            let now = self.now();
            let stage = self.engine.stage().filter(|stage| self.stage != Some(*stage));
            if let Some(stage) = stage {
                self.stage = Some(stage);
                return Some(Seen::Stage(stage));
            }
            // Encoding gives actions as well.
            let action = self.engine.poll_action(now).or_else(|| {
                self.engine.transmit(now);
                self.engine.poll_action(now)
            });
            match action {
                Some(Action::Open(link)) => self.open(now, link),
                Some(Action::Close(_)) => self.close(),
                Some(Action::Notify(notice)) => return Some(Seen::Notice(notice)),
                None if self.write(now) => {}
                None if until <= now || self.socket.is_none() => return None,
                None => self.wait(now, until),
            }
        }
    }

    /// Says goodbye.
    pub(super) fn stop(&mut self) {
        let now = self.now();
        self.client().stop(now);
        let until = now + LINGER;
        while let Some(seen) = self.next(until) {
            if matches!(seen, Seen::Notice(Notice::Stopped)) {
                break;
            }
        }
    }

    fn open(&mut self, now: Instant, link: Link) {
        match (self.supplies.take(), &self.socket) {
            (Some(supplies), Some(_)) => {
                self.link = Some(link);
                self.engine.supply(link, supplies);
                self.engine.opened(now, link);
            }
            _ => self.engine.closed(now, link, LinkError::Closed),
        }
    }

    /// Writes what there is to write; tells whether the socket took any of it.
    fn write(&mut self, now: Instant) -> bool {
        let Some(Connected { socket, address }) = self.socket.as_mut().filter(|_| self.broken.is_none()) else {
            return false;
        };
        let bytes = self.engine.transmit(now);
        if bytes.is_empty() {
            return false;
        }
        match socket.set_write_timeout(Some(WAIT_MIN)).and_then(|()| socket.write(bytes)) {
            Ok(len) => {
                self.engine.transmitted(now, len);
                len > 0
            }
            Err(error) if is_pause(&error) => {
                self.engine.transmitted(now, 0);
                false
            }
            Err(error) => {
                self.broken = Some(tcp_error(*address, &error));
                false
            }
        }
    }

    /// Reads one chunk, or waits for the time when something is due.
    fn wait(&mut self, now: Instant, until: Instant) {
        let (Some(Connected { socket, address }), Some(link)) = (&mut self.socket, self.link) else { return };
        let until = self.engine.next_deadline().map_or(until, |deadline| deadline.min(until));
        let limit = if self.broken.is_some() { WAIT_MIN } else { until.since(now).max(WAIT_MIN) };
        let read = socket.set_read_timeout(Some(limit)).and_then(|()| socket.read(&mut self.chunk));
        let now = self.clock.now();
        let lost = match read {
            Ok(0) => Some(LinkError::Closed),
            Ok(len) => {
                self.engine.received(now, link, &self.chunk[..len]);
                None
            }
            Err(error) if is_pause(&error) => self.broken.take(),
            Err(error) => Some(tcp_error(*address, &error)),
        };
        if let Some(why) = lost {
            self.socket = None;
            self.engine.closed(now, link, why);
        }
        self.engine.wake(now);
    }

    /// Writes the last words, and waits for the peer's end as drivers do.
    fn close(&mut self) {
        let until = self.now() + LINGER;
        while self.now() < until && self.write(self.now()) {}
        let Some(Connected { mut socket, .. }) = self.socket.take() else { return };
        let mut left = until.since(self.now());
        // A peer that has gone has read all that it wanted.
        let told = socket.shutdown(Shutdown::Write).and_then(|()| socket.set_read_timeout(Some(left.max(WAIT_MIN))));
        while told.is_ok() && !left.is_zero() && socket.read(&mut self.chunk).is_ok_and(|len| len > 0) {
            left = until.since(self.now());
        }
    }
}

/// Whether the call has only run out of its time.
fn is_pause(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// Connects one address; gives up after `limit`.
pub(super) fn connect(address: SocketAddr, limit: Duration) -> Result<Connected, LinkError> {
    let connected = TcpStream::connect_timeout(&address, limit.max(WAIT_MIN));
    let socket = connected.map_err(|error| tcp_error(address, &error))?;
    // Without it the connection is only slower.
    let _ = socket.set_nodelay(true);
    Ok(Connected { socket, address })
}
