//! The core in a loop of calloop, as desktop programs have it: sources, callbacks, one thread.
//!
//! The bytes are moved by `handle::Line`, which is all of a driver but the sleep; what is here is how the loop sleeps.
//!
//! ```sh
//! cargo run -p thingwire-sim --example embed_calloop
//! ```

#![expect(clippy::print_stdout, reason = "it is a command")]

#[path = "embedding/app.rs"]
mod app;

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::thread;

use calloop::generic::Generic;
use calloop::{EventLoop, Interest, LoopHandle, LoopSignal, Mode, PostAction, Readiness, RegistrationToken};
use thingwire_core::Engine;
use thingwire_core::handle::{Bell, Line, Net, Socket, Spawn, Work};
use thingwire_core::host::{self, Clock};

/// What the loop shares with its sources: of which sockets it was told, by their numbers. While addresses race there are
/// several.
type Shared = BTreeMap<usize, Readiness>;

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let (double, options) = app::local("embed-calloop")?;
    let mut event_loop: EventLoop<'_, Shared> = EventLoop::try_new()?;
    let (clock, bell) = (Clock::start(), Bell::default());
    bell.set(&Waker::from(Arc::new(Signal(event_loop.get_signal()))));
    let mut line = Line::new(&options, Sources { loop_handle: event_loop.handle(), count: 0 }, Arc::new(Threads), bell);
    let mut engine = Engine::new(options, host::seed()?, clock.now())?;
    let mut app = app::App::begin(Some(double), engine.client(), clock.now())?;
    let mut chunk = [0; 4096];
    loop {
        line.turn(&mut engine, clock.now(), &mut chunk);
        while let Some(notice) = line.next_notice(&mut engine, clock.now(), &mut chunk) {
            println!("{notice}");
            app.told(engine.client(), clock.now(), &notice);
        }
        if app.stopped {
            return Ok(());
        }
        // Windows, timers and all the other sources of the program run in here.
        let limit = line.sleep_until(&engine, clock.now()).map(|until| until.since(clock.now()));
        let mut ready = Shared::new();
        event_loop.dispatch(limit, &mut ready)?;
        line.ready(|socket| {
            let ready = ready.get(&socket.number).copied().unwrap_or(Readiness::EMPTY);
            (ready.readable || ready.error, ready.writable || ready.error)
        });
    }
}

/// Makes sockets that are sources of the loop.
#[derive(Debug)]
struct Sources<'l> {
    loop_handle: LoopHandle<'l, Shared>,
    count: usize,
}

#[derive(Debug)]
struct Source<'l> {
    number: usize,
    stream: mio::net::TcpStream,
    loop_handle: LoopHandle<'l, Shared>,
    token: RegistrationToken,
}

impl<'l> Net for Sources<'l> {
    type Socket = Source<'l>;

    fn connect(&mut self, address: SocketAddr) -> io::Result<Source<'l>> {
        // Only for connecting without waiting, which the standard library cannot.
        let stream = mio::net::TcpStream::connect(address)?;
        let watched = std::os::fd::AsFd::as_fd(&stream).try_clone_to_owned()?;
        let source = Generic::new(watched, Interest::BOTH, Mode::Edge);
        self.count += 1;
        let number = self.count;
        let heard = move |ready: Readiness, _: &mut _, shared: &mut Shared| {
            let known = shared.entry(number).or_insert(Readiness::EMPTY);
            known.readable |= ready.readable;
            known.writable |= ready.writable;
            known.error |= ready.error;
            Ok(PostAction::Continue)
        };
        let inserted = self.loop_handle.insert_source(source, heard);
        let token = inserted.map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Source { number, stream, loop_handle: self.loop_handle.clone(), token })
    }
}

impl Socket for Source<'_> {
    fn is_connected(&mut self) -> io::Result<bool> {
        self.stream.take_error()?.map_or(Ok(()), Err)?;
        Ok(self.stream.peer_addr().is_ok())
    }

    fn shut_down_writing(&mut self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for Source<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Drop for Source<'_> {
    fn drop(&mut self) {
        self.loop_handle.remove(self.token);
    }
}

/// Wakes the loop from other threads, for what no socket tells of.
struct Signal(LoopSignal);

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.0.wakeup();
    }
}

/// The resolver blocks, so it has a thread of its own.
#[derive(Debug)]
struct Threads;

impl Spawn for Threads {
    fn spawn(&self, name: &'static str, mut work: Work) -> io::Result<()> {
        // All that is ever waited for here is the operating system, so that one poll is enough.
        let run = move || _ = work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        thread::Builder::new().name(name.to_owned()).spawn(run).map(drop)
    }
}
