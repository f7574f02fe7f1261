//! The core in a bare loop: one thread, one blocking socket, the standard library.
//!
//! ```sh
//! cargo run -p thingwire-sim --example embed_std
//! ```

#![expect(clippy::print_stdout, reason = "it is a command")]

#[path = "embedding/app.rs"]
mod app;

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use thingwire_core::dial::{LINGER, Route, tcp_error};
use thingwire_core::host::{self, Clock};
use thingwire_core::{Action, Engine, Link, LinkError};

/// A blocking read has to end some day.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let (double, options) = app::local("embed-std")?;
    let (clock, route) = (Clock::start(), Route::new(&options));
    let mut engine = Engine::new(options, host::seed()?, clock.now())?;
    let mut app = app::App::begin(Some(double), engine.client(), clock.now())?;
    let mut socket: Option<(Link, SocketAddr, TcpStream)> = None;
    let mut chunk = [0; 4096];
    loop {
        // Everything that can be done at once.
        loop {
            let action = engine.poll_action(clock.now());
            match &action {
                Some(Action::Open(link)) => match connect(&route) {
                    Ok((address, stream)) => {
                        socket = Some((*link, address, stream));
                        engine.opened(clock.now(), *link);
                    }
                    Err(why) => engine.closed(clock.now(), *link, why),
                },
                Some(Action::Close(_)) => {
                    if let Some((.., stream)) = socket.take() {
                        // Whether the peer still heard it makes no difference to us.
                        let _ = say_goodbye(&stream, engine.transmit(clock.now()));
                    }
                }
                Some(Action::Notify(notice)) => {
                    println!("{notice}");
                    app.told(engine.client(), clock.now(), notice);
                }
                None => {}
            }
            let written = socket.as_mut().map_or(0, |(.., stream)| write(&mut engine, &clock, stream));
            if action.is_none() && written == 0 {
                break;
            }
        }

        if app.stopped {
            return Ok(());
        }
        let limit = engine.next_deadline().map_or(LONGEST_SLEEP, |deadline| deadline.since(clock.now()));
        match socket.as_mut().filter(|_| engine.wants_input()) {
            None => thread::sleep(limit),
            Some((link, address, stream)) => {
                // No time at all would mean for ever.
                stream.set_read_timeout(Some(limit.clamp(Duration::from_millis(1), LONGEST_SLEEP)))?;
                let (link, address) = (*link, *address);
                let lost = match stream.read(&mut chunk) {
                    Ok(0) => Some(LinkError::Closed),
                    Ok(len) => {
                        engine.received(clock.now(), link, &chunk[..len]);
                        None
                    }
                    Err(error) if is_nothing(&error) => None,
                    Err(error) => Some(tcp_error(address, &error)),
                };
                if let Some(why) = lost {
                    socket = None;
                    engine.closed(clock.now(), link, why);
                }
            }
        }
        engine.wake(clock.now());
    }
}

/// Tries one address after the other. A loop with other things to do would not wait here.
fn connect(route: &Route) -> Result<(SocketAddr, TcpStream), LinkError> {
    let mut last = LinkError::Closed;
    for address in route.addresses()? {
        match TcpStream::connect_timeout(&address, Duration::from_secs(3)) {
            Ok(stream) => {
                let set = stream.set_write_timeout(Some(Duration::from_secs(1))).and(stream.set_nodelay(true));
                return set.map(|()| (address, stream)).map_err(|error| tcp_error(address, &error));
            }
            Err(error) => last = tcp_error(address, &error),
        }
    }
    Err(last)
}

/// Writes what there is; how much the socket took.
fn write(engine: &mut Engine, clock: &Clock, stream: &mut TcpStream) -> usize {
    let bytes = engine.transmit(clock.now());
    if bytes.is_empty() {
        return 0;
    }
    // Why a socket takes nothing, the next read tells.
    let written = stream.write(bytes).unwrap_or(0);
    engine.transmitted(clock.now(), written);
    written
}

/// Last words; then the peer is to close as well, for a while.
fn say_goodbye(mut stream: &TcpStream, last_words: &[u8]) -> io::Result<u64> {
    stream.write_all(last_words)?;
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(LINGER))?;
    io::copy(&mut stream, &mut io::sink())
}

fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
