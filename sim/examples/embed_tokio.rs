//! The core in a task of tokio: no thread of its own, any number of them beside others.
//!
//! ```sh
//! cargo run -p thingwire-sim --example embed_tokio
//! ```

#![expect(clippy::print_stdout, reason = "it is a command")]

#[path = "embedding/app.rs"]
mod app;

use std::error::Error;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use thingwire_core::dial::{LINGER, Route, tcp_error};
use thingwire_core::host::{self, Clock};
use thingwire_core::{Action, Engine, Link, LinkError, Options};
use thingwire_sim::double::Double;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// What is due later than that is looked at once more before.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let (double, options) = app::local("embed-tokio")?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(device(double, options))
}

async fn device(double: Double, options: Options) -> Result<(), Box<dyn Error>> {
    let (clock, route) = (Clock::start(), Route::new(&options));
    let mut engine = Engine::new(options, host::seed()?, clock.now())?;
    let mut app = app::App::begin(Some(double), engine.client(), clock.now())?;
    let mut socket: Option<(Link, SocketAddr, TcpStream)> = None;
    loop {
        loop {
            let action = engine.poll_action(clock.now());
            match &action {
                Some(Action::Open(link)) => match connect(&route).await {
                    Ok((address, stream)) => {
                        socket = Some((*link, address, stream));
                        engine.opened(clock.now(), *link);
                    }
                    Err(why) => engine.closed(clock.now(), *link, why),
                },
                Some(Action::Close(_)) => {
                    if let Some((.., stream)) = socket.take() {
                        // Whether the peer still hears it makes no difference to us.
                        let _ = timeout(LINGER, say_goodbye(stream, engine.transmit(clock.now()))).await;
                    }
                }
                Some(Action::Notify(notice)) => {
                    println!("{notice}");
                    app.told(engine.client(), clock.now(), notice);
                }
                None => {}
            }
            let written = socket.as_ref().is_some_and(|(.., stream)| write(&mut engine, &clock, stream));
            if action.is_none() && !written {
                break;
            }
        }
        if app.stopped {
            return Ok(());
        }
        let limit = engine.next_deadline().map_or(LONGEST_SLEEP, |deadline| deadline.since(clock.now()));
        match &socket {
            None => sleep(limit).await,
            Some((link, address, stream)) => {
                let (link, address) = (*link, *address);
                // An application's commands would be one more branch of a `select!` here. `wants_input` is always true:
                // this loop leaves no notice in the client's hands.
                let _ = timeout(limit, stream.ready(wanted(&mut engine, &clock))).await;
                let mut chunk = [0; 4096];
                let lost = match stream.try_read(&mut chunk) {
                    Ok(0) => Some(LinkError::Closed),
                    Ok(len) => {
                        engine.received(clock.now(), link, &chunk[..len]);
                        None
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => None,
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

/// Tries one address after the other.
async fn connect(route: &Route) -> Result<(SocketAddr, TcpStream), LinkError> {
    let route = route.clone();
    // The resolver blocks.
    let addresses = tokio::task::spawn_blocking(move || route.addresses()).await.map_err(|_| LinkError::Closed)??;
    let mut last = LinkError::Closed;
    for address in addresses {
        match timeout(Duration::from_secs(3), TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                let set = stream.set_nodelay(true);
                return set.map(|()| (address, stream)).map_err(|error| tcp_error(address, &error));
            }
            Ok(Err(error)) => last = tcp_error(address, &error),
            Err(_) => last = tcp_error(address, &ErrorKind::TimedOut.into()),
        }
    }
    Err(last)
}

/// Writes what there is; whether the socket took any of it.
fn write(engine: &mut Engine, clock: &Clock, stream: &TcpStream) -> bool {
    let bytes = engine.transmit(clock.now());
    if bytes.is_empty() {
        return false;
    }
    // Why a socket takes nothing, the next read tells.
    let written = stream.try_write(bytes).unwrap_or(0);
    engine.transmitted(clock.now(), written);
    written > 0
}

/// What to wait for: a socket that nothing is to be written to is always ready for that.
fn wanted(engine: &mut Engine, clock: &Clock) -> Interest {
    let idle = engine.transmit(clock.now()).is_empty();
    if idle { Interest::READABLE } else { Interest::READABLE | Interest::WRITABLE }
}

/// Last words; then the peer is to close as well.
async fn say_goodbye(mut stream: TcpStream, last_words: &[u8]) -> io::Result<()> {
    stream.write_all(last_words).await?;
    stream.shutdown().await?;
    while stream.read(&mut [0; 4096]).await? > 0 {}
    Ok(())
}
