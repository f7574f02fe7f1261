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
use std::net::Shutdown;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use thingwire_core::dial::{LINGER, Route, tcp_error};
use thingwire_core::host::{self, Clock};
use thingwire_core::{Action, Engine, Instant, Link, LinkError};

const MQTT: Token = Token(0);

/// A link's socket. Readiness is told once (edge-triggered), so it is remembered until the socket says otherwise.
struct Line {
    link: Link,
    stream: TcpStream,
    opened: bool,
    readable: bool,
    writable: bool,
    /// Our last words are said; when the peer has had its time to close as well.
    closing_until: Option<Instant>,
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let (_double, options) = app::local("embed-mio")?;
    let (clock, route) = (Clock::start(), Route::new(&options));
    let mut engine = Engine::new(options, host::seed()?, clock.now())?;
    let mut app = app::App::begin(engine.client(), clock.now())?;
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(16));
    let mut current: Option<Line> = None;
    loop {
        // While a link is being left in good order, nothing else is asked for.
        current.take_if(|line| line.closing_until.is_some_and(|until| drained(line) || until <= clock.now()));
        while current.as_ref().is_none_or(|line| line.closing_until.is_none()) {
            let moved = current.as_mut().is_some_and(|line| turn(line, &mut engine, &clock));
            match engine.poll_action(clock.now()) {
                Some(Action::Open(link)) => match open(&poll, &route, link) {
                    Ok(new) => current = Some(new),
                    Err(why) => engine.closed(clock.now(), link, why),
                },
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

/// Begins to connect. Resolving a name blocks: a loop that cannot afford that does it on another thread.
fn open(poll: &Poll, route: &Route, link: Link) -> Result<Line, LinkError> {
    let address = route.addresses()?[0];
    let connecting = TcpStream::connect(address).and_then(|mut stream| {
        poll.registry().register(&mut stream, MQTT, Interest::READABLE | Interest::WRITABLE)?;
        Ok(stream)
    });
    let stream = connecting.map_err(|error| tcp_error(address, &error))?;
    Ok(Line { link, stream, opened: false, readable: false, writable: false, closing_until: None })
}

/// Moves bytes as far as the socket goes; whether any moved.
fn turn(line: &mut Line, engine: &mut Engine, clock: &Clock) -> bool {
    match moved(line, engine, clock) {
        Ok(moved) => moved,
        Err(error) => {
            let why = match line.stream.peer_addr() {
                Ok(address) if error.kind() != ErrorKind::UnexpectedEof => tcp_error(address, &error),
                _ => LinkError::Closed,
            };
            (line.readable, line.writable) = (false, false);
            engine.closed(clock.now(), line.link, why);
            true
        }
    }
}

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
