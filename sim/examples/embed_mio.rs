//! The core in a loop of `mio`: sockets that never block, and room for everything else that the loop has to do.
//!
//! ```sh
//! cargo run -p thingwire-sim --example embed_mio
//! ```

#![expect(clippy::print_stdout, reason = "it is a command")]

#[path = "embedding/app.rs"]
mod app;

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use thingwire_core::dial::{LINGER, Route, tcp_error};
use thingwire_core::host::{self, Clock};
use thingwire_core::{Action, Engine, Instant, Link, LinkError};

const MQTT: Token = Token(0);

/// A link's socket. Readiness is told once (edge-triggered), so it is remembered until the socket says otherwise.
struct Line {
    link: Link,
    address: SocketAddr,
    stream: TcpStream,
    opened: bool,
    readable: bool,
    writable: bool,
    /// Our last words are said; when the peer has had its time to close as well.
    closing_until: Option<Instant>,
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let (double, options) = app::local("embed-mio")?;
    let (clock, route) = (Clock::start(), Route::new(&options));
    let mut engine = Engine::new(options, host::seed()?, clock.now())?;
    let mut app = app::App::begin(Some(double), engine.client(), clock.now())?;
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(16));
    let (mut current, mut tries): (Option<Line>, usize) = (None, 0);
    loop {
        // While a link is being left in good order, nothing else is asked for.
        current.take_if(|line| line.closing_until.is_some_and(|until| drained(line) || until <= clock.now()));
        while current.as_ref().is_none_or(|line| line.closing_until.is_none()) {
            let moved = match current.as_mut().map(|line| moved(line, &mut engine, &clock)) {
                Some(Ok(moved)) => moved,
                Some(Err(error)) => {
                    lose(&mut current, &mut engine, &clock, &error);
                    true
                }
                None => false,
            };
            match engine.poll_action(clock.now()) {
                Some(Action::Open(link)) => {
                    tries += 1;
                    match open(&poll, &route, link, tries) {
                        Ok(new) => current = Some(new),
                        Err(why) => engine.closed(clock.now(), link, why),
                    }
                }
                Some(Action::Close(_)) => {
                    if let Some(line) = &mut current {
                        // Whether the peer still hears it makes no difference to us.
                        let _ = line.stream.write(engine.transmit(clock.now()));
                        let _ = line.stream.shutdown(Shutdown::Write);
                        line.closing_until = Some(clock.now() + LINGER);
                    }
                }
                Some(Action::Notify(notice)) => {
                    println!("{notice}");
                    app.told(engine.client(), clock.now(), &notice);
                }
                None if moved => {}
                None => break,
            }
        }
        if app.stopped {
            return Ok(());
        }
        let closing_until = current.as_ref().and_then(|line| line.closing_until);
        let limit = closing_until.or(engine.next_deadline()).map(|deadline| deadline.since(clock.now()));
        poll.poll(&mut events, limit)?;
        for event in events.iter().filter(|event| event.token() == MQTT) {
            if let Some(line) = &mut current {
                line.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
                line.writable |= event.is_writable() || event.is_error();
            }
        }
        engine.wake(clock.now());
    }
}

/// Begins to connect, each time to the next of the addresses; `dial::Race` tries several at a time. Resolving a name blocks:
/// a loop that cannot afford that does it on another thread.
fn open(poll: &Poll, route: &Route, link: Link, tries: usize) -> Result<Line, LinkError> {
    let addresses = route.addresses()?;
    let address = addresses[tries % addresses.len()];
    let connecting = TcpStream::connect(address).and_then(|mut stream| {
        poll.registry().register(&mut stream, MQTT, Interest::READABLE | Interest::WRITABLE)?;
        Ok(stream)
    });
    let stream = connecting.map_err(|error| tcp_error(address, &error))?;
    Ok(Line { link, address, stream, opened: false, readable: false, writable: false, closing_until: None })
}

/// The socket is gone: it is dropped, and the engine told why.
fn lose(current: &mut Option<Line>, engine: &mut Engine, clock: &Clock, error: &io::Error) {
    let Some(Line { link, address, .. }) = current.take() else { return };
    let is_end = error.kind() == ErrorKind::UnexpectedEof;
    engine.closed(clock.now(), link, if is_end { LinkError::Closed } else { tcp_error(address, error) });
}

/// Moves bytes as far as the socket goes; whether any moved.
fn moved(line: &mut Line, engine: &mut Engine, clock: &Clock) -> io::Result<bool> {
    if !line.opened && line.writable {
        line.stream.take_error()?.map_or(Ok(()), Err)?;
        line.stream.set_nodelay(true)?;
        line.opened = true;
        engine.opened(clock.now(), line.link);
    }
    let mut moved = false;
    while line.opened && line.writable {
        let bytes = engine.transmit(clock.now());
        if bytes.is_empty() {
            break;
        }
        let written = unless_blocked(line.stream.write(bytes))?;
        engine.transmitted(clock.now(), written.unwrap_or(0));
        (line.writable, moved) = (written.is_some(), moved || written.is_some());
    }
    let mut chunk = [0; 4096];
    if line.opened && line.readable && engine.wants_input() {
        match unless_blocked(line.stream.read(&mut chunk))? {
            None => line.readable = false,
            Some(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Some(len) => {
                engine.received(clock.now(), line.link, &chunk[..len]);
                moved = true;
            }
        }
    }
    Ok(moved)
}

/// Reads to nowhere; whether the peer has closed.
fn drained(line: &mut Line) -> bool {
    let mut chunk = [0; 4096];
    loop {
        match unless_blocked(line.stream.read(&mut chunk)) {
            Ok(None) => return false,
            Ok(Some(0)) | Err(_) => return true,
            Ok(Some(_)) => {}
        }
    }
}

fn unless_blocked(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        result => result.map(Some),
    }
}
