//! A thousand devices in one thread: a gateway, or a load test.
//!
//! Each has an engine and a socket of its own; together they have one poll and one list of deadlines, and sleep until the
//! earliest of them.
//!
//! ```sh
//! cargo run --release -p thingwire-sim --example embed_thousand
//! cargo run --release -p thingwire-sim --example embed_thousand -- 5000
//! ```

#![expect(clippy::print_stdout, reason = "it is a command")]

#[path = "embedding/app.rs"]
mod app;

use std::collections::BTreeSet;
use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Registry, Token};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use thingwire_core::handle::{self, Bell, Line, Spawn, Work};
use thingwire_core::host::{self, Clock};
use thingwire_core::{Engine, Instant, Options};
use thingwire_sim::double::Double;

struct Device {
    engine: Engine,
    line: Line<Net>,
    app: app::App,
    /// When it wants to be woken, as it is in the list.
    due: Option<Instant>,
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    run(std::env::args().nth(1).map_or(Ok(1_000), |count| count.parse())?)
}

pub(crate) fn run(count: usize) -> Result<(), Box<dyn Error>> {
    // Both ends of every connection are in this process.
    let files = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files })?;
    let double = Double::options().plain_port(0).start()?;
    let endpoint = format!("127.0.0.1:{}", double.plain_port().ok_or("no plain port")?);
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(1_024));
    let registry = Arc::new(poll.registry().try_clone()?);
    let clock = Clock::start();
    let mut devices = Vec::new();
    for number in 0..count {
        let options = Options::plain(&endpoint, &format!("device-{number}"))?;
        let net = Net { registry: Arc::clone(&registry), token: Token(number) };
        let line = Line::new(&options, net, Arc::new(Nowhere), Bell::default());
        let mut engine = Engine::new(options, host::seed()?, clock.now())?;
        let app = app::App::begin(None, engine.client(), clock.now())?;
        devices.push(Device { engine, line, app, due: None });
    }
    let mut due = BTreeSet::new();
    let mut turns: BTreeSet<usize> = (0..count).collect();
    let mut left = count;
    let mut chunk = vec![0; 16 * 1024];
    loop {
        for number in core::mem::take(&mut turns) {
            let device = &mut devices[number];
            let was_stopped = device.app.stopped;
            device.turn(&clock, &mut chunk);
            left -= usize::from(device.app.stopped && !was_stopped);
            if let Some(at) = device.due.take() {
                due.remove(&(at, number));
            }
            device.due = device.line.sleep_until(&device.engine, clock.now());
            due.extend(device.due.map(|at| (at, number)));
        }
        if left == 0 {
            break;
        }
        let limit = due.first().map(|(at, _)| at.since(clock.now()));
        poll.poll(&mut events, limit)?;
        for event in &events {
            let readable = event.is_readable() || event.is_read_closed() || event.is_error();
            let writable = event.is_writable() || event.is_error();
            devices[event.token().0].line.ready(|_| (readable, writable));
            turns.insert(event.token().0);
        }
        let now = clock.now();
        turns.extend(due.iter().take_while(|(at, _)| *at <= now).map(|(_, number)| *number));
    }
    println!(
        "{count} devices heard themselves and left, after {:.1} s",
        clock.now().since(Instant::EPOCH).as_secs_f64()
    );
    Ok(())
}

impl Device {
    fn turn(&mut self, clock: &Clock, chunk: &mut [u8]) {
        self.line.turn(&mut self.engine, clock.now(), chunk);
        while let Some(notice) = self.line.next_notice(&mut self.engine, clock.now(), chunk) {
            self.app.told(self.engine.client(), clock.now(), &notice);
        }
    }
}

/// Makes the sockets of one device.
#[derive(Debug)]
struct Net {
    registry: Arc<Registry>,
    token: Token,
}

#[derive(Debug)]
struct Socket(TcpStream);

impl handle::Net for Net {
    type Socket = Socket;

    fn connect(&mut self, address: SocketAddr) -> io::Result<Socket> {
        let mut stream = TcpStream::connect(address)?;
        self.registry.register(&mut stream, self.token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Socket(stream))
    }
}

impl handle::Socket for Socket {
    fn is_connected(&mut self) -> io::Result<bool> {
        self.0.take_error()?.map_or(Ok(()), Err)?;
        Ok(self.0.peer_addr().is_ok())
    }

    fn shut_down_writing(&mut self) -> io::Result<()> {
        self.0.shutdown(Shutdown::Write)
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The host is an address, and no callback is used: nothing has to be done elsewhere.
#[derive(Debug)]
struct Nowhere;

impl Spawn for Nowhere {
    fn spawn(&self, name: &'static str, _: Work) -> io::Result<()> {
        Err(io::Error::other(format!("{name}: nothing blocks in here")))
    }
}
