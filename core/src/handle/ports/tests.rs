//! Ports that fail, in virtual time.
#![allow(clippy::disallowed_types, reason = "what a test's ports share")]

use core::net::SocketAddr;
use core::task::{Context, Waker};
use std::collections::VecDeque;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Mutex;

use serde_json::json;

use super::super::net::{Net, Socket, Spawn, Work};
use super::super::thing_options::ThingOptions;
use super::super::things::prepare;
use super::super::wakers::Bell;
use super::*;
use crate::handle::{Rest, Worker};
use crate::thing::Thing;
use crate::thing::lines::{Lines, words};
use crate::{Client, Config, Options, ShadowName};

/// What the ports of a test do, one call after the other: nothing more is [`WouldBlock`](ErrorKind::WouldBlock).
#[derive(Debug, Default)]
struct Script {
    reads: VecDeque<io::Result<Vec<u8>>>,
    /// What writing fails with first.
    failures: VecDeque<ErrorKind>,
    /// How many bytes it takes yet.
    room: usize,
    written: Vec<u8>,
    open: usize,
}

type Shared = Arc<Mutex<Script>>;

#[derive(Debug, Default)]
pub(in crate::handle) struct Fakes(Shared);

#[derive(Debug)]
pub(in crate::handle) struct Fake(Shared);

#[derive(Debug)]
pub(in crate::handle) enum Never {}

impl Net for Fakes {
    type Socket = Never;

    fn connect(&mut self, _: SocketAddr) -> io::Result<Never> {
        Err(ErrorKind::Unsupported.into())
    }
}

impl PortNet for Fakes {
    type Port = Fake;

    fn adopt(&mut self, _: OpenPort) -> io::Result<Fake> {
        self.0.lock().unwrap().open += 1;
        Ok(Fake(self.0.clone()))
    }
}

impl Socket for Never {
    fn is_connected(&mut self) -> io::Result<bool> {
        match *self {}
    }

    fn shut_down_writing(&mut self) -> io::Result<()> {
        match *self {}
    }
}

impl Read for Never {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match *self {}
    }
}

impl Write for Never {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        match *self {}
    }

    fn flush(&mut self) -> io::Result<()> {
        match *self {}
    }
}

impl Read for Fake {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let next = self.0.lock().unwrap().reads.pop_front();
        let bytes = next.unwrap_or_else(|| Err(ErrorKind::WouldBlock.into()))?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

impl Write for Fake {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut script = self.0.lock().unwrap();
        if let Some(kind) = script.failures.pop_front() {
            return Err(kind.into());
        }
        let len = bytes.len().min(script.room);
        if len == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        script.room -= len;
        script.written.extend(&bytes[..len]);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.0.lock().unwrap().open -= 1;
    }
}

/// Does everything at once.
#[derive(Debug)]
pub(in crate::handle) struct AtOnce;

impl Spawn for AtOnce {
    fn spawn(&self, _: &'static str, mut work: Work) -> io::Result<()> {
        assert!(work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
        Ok(())
    }
}

struct Bench {
    ports: Ports<Fakes>,
    net: Fakes,
    things: Things,
    client: Client,
    spawn: Arc<dyn Spawn>,
    bell: Bell,
    now: Instant,
}

impl Bench {
    /// A relay behind a port that opens as `open` says.
    fn new(open: impl FnMut() -> io::Result<OpenPort> + Send + 'static) -> Self {
        let relay = Lines::new("relay")
            .property("on", words([("ON", true), ("OFF", false)]))
            .query("?", "{on}")
            .command("on", "SET {on}")
            .poll_every(Duration::from_secs(1));
        let builder = Thing::builder().component("relay", relay.build().unwrap());
        let options =
            ThingOptions::new(builder, ShadowName::classic("relay").unwrap()).port_with("relay", "a fake", open);
        let mut things = Things::default();
        things.add(prepare(options).unwrap());
        let client = Client::new(Config::new("relay"), 1, Instant::EPOCH).unwrap();
        let net = Fakes(Shared::default());
        let spawn = Arc::new(AtOnce);
        Self { ports: Ports::default(), net, things, client, spawn, bell: Bell::default(), now: Instant::EPOCH }
    }

    fn open() -> Self {
        let bench = Self::new(|| OpenPort::try_from(UnixStream::pair()?.0));
        bench.script().room = usize::MAX;
        bench
    }

    fn script(&self) -> std::sync::MutexGuard<'_, Script> {
        self.net.0.lock().unwrap()
    }

    fn turn(&mut self) {
        let Self { ports, net, things, client, spawn, bell, now } = self;
        let (tools, mut later) = (Tools { spawn, bell }, Later::default());
        ports.turn(things, net, *now, &mut [0; 1024], tools, &mut later);
        loop {
            let send = |thing, component, bytes: Vec<u8>| ports.send(thing, component, &bytes);
            things.act(*now, client, tools, &mut later, send);
            if !ports.flush(things, *now, &mut later) {
                break;
            }
        }
    }

    /// Turns whenever there is something to do, for this long.
    fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            self.turn();
            self.turn();
            let deadlines = [self.ports.next_deadline(), self.things.next_deadline()];
            let Some(next) = deadlines.into_iter().flatten().filter(|at| *at <= end).min() else { break };
            assert!(next >= self.now, "it stands still");
            self.now = next.max(self.now + Duration::from_millis(1));
        }
        self.now = end;
    }

    /// What was told of ports.
    fn told(&mut self) -> Vec<String> {
        let hosted = self.things.find(1).unwrap();
        let news = core::iter::from_fn(|| hosted.news.take().and_then(|taken| taken.item));
        let of_ports = |news: &ThingNews| matches!(news, ThingNews::PortOpen { .. } | ThingNews::PortFailed { .. });
        news.filter(of_ports).map(|news| news.to_string()).collect()
    }

    fn actual(&mut self) -> Option<serde_json::Value> {
        self.things.thing(1).unwrap().property("on").unwrap().actual.cloned()
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn what_cannot_be_opened_is_tried_after_ever_longer_waits_and_told_once() {
    let attempts = Arc::new(Mutex::new(0));
    let counted = attempts.clone();
    let mut bench = Bench::new(move || {
        *counted.lock().unwrap() += 1;
        let kind = if *counted.lock().unwrap() < 9 { ErrorKind::NotFound } else { ErrorKind::PermissionDenied };
        Err(kind.into())
    });
    let mut after = |span| {
        bench.pass(span);
        *attempts.lock().unwrap()
    };
    // At 0, 0.25, 0.75, 1.75, 3.75, 7.75, and then every 8 s.
    let counts =
        [after(SECOND / 5), after(SECOND / 10), after(SECOND), after(SECOND), after(8 * SECOND), after(8 * SECOND)];
    assert_eq!(counts, [1, 2, 3, 4, 6, 7]);
    let told = bench.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("relay: a fake: there is no such port; plug it in"), "{told:?}");
    bench.pass(24 * SECOND);
    assert!(bench.told()[0].contains("permission denied"), "another reason is told");
}

#[test]
fn an_opener_that_panics_is_one_that_fails() {
    let mut bench = Bench::new(|| panic!("this panic is part of the test"));
    bench.pass(SECOND);
    assert_eq!(bench.told(), ["relay: a fake: opening it has panicked; tried again in 250ms"]);
}

#[test]
fn a_port_is_read_and_written_in_pieces() {
    let mut bench = Bench::open();
    bench.script().room = 1;
    bench.pass(SECOND / 100);
    assert_eq!(bench.script().written, b"?");
    bench.script().room = 1;
    let all = |_: &mut Fake, wants: Wants| (wants.readable, wants.writable);
    bench.ports.ready(all);
    bench.script().reads.extend([Ok(b"O".to_vec()), Err(ErrorKind::Interrupted.into()), Ok(b"FF\n".to_vec())]);
    bench.turn();
    assert_eq!(bench.script().written, b"?\n");
    assert_eq!(bench.actual(), Some(json!(false)));
    assert_eq!(bench.ports.next_deadline(), None, "nothing waits");
}

#[test]
fn a_port_that_takes_nothing_is_opened_again() {
    let mut bench = Bench::open();
    bench.script().room = 0;
    bench.pass(9 * SECOND);
    assert_eq!(bench.told(), ["relay: a fake is open"]);
    assert_eq!(bench.script().open, 1);
    bench.pass(2 * SECOND);
    let told = bench.told();
    assert!(told[0].starts_with("relay: a fake: it takes no bytes"), "{told:?}");
    assert_eq!((&told[1..], bench.script().open), (&["relay: a fake is open".to_owned()][..], 1));
}

#[test]
fn what_is_unplugged_is_opened_again_and_waits_from_the_beginning_after_a_while() {
    let mut bench = Bench::open();
    for _ in 0..3 {
        bench.pass(11 * SECOND);
        bench.told();
        let gone = rustix::io::Errno::IO;
        bench.script().reads.push_back(Err(gone.into()));
        bench.ports.ready(|_, _| (true, true));
        bench.turn();
        let gone = "relay: a fake: it is gone: unplugged, or closed by the other end; tried again in 250ms";
        assert_eq!(bench.told(), [gone]);
        assert_eq!(bench.script().open, 0);
    }
}

#[test]
fn a_device_that_never_stops_speaking_leaves_time_for_everything_else() {
    let mut bench = Bench::open();
    bench.pass(SECOND / 100);
    let noise = || (0..100).map(|_| Ok(b"x\n".to_vec()));
    bench.script().reads.extend(noise());
    bench.ports.ready(|_, _| (true, true));
    bench.turn();
    assert_eq!(bench.script().reads.len(), 100 - 16);
    assert!(bench.ports.has_more());
}

#[test]
fn bytes_without_end_for_a_port_that_is_slow_are_its_end() {
    let mut bench = Bench::open();
    bench.pass(SECOND / 100);
    bench.told();
    bench.script().room = 0;
    bench.ports.send(1, ComponentId(0), &vec![b'x'; OUT_MAX]);
    bench.turn();
    assert_eq!(bench.told(), [""; 0], "as much may wait");
    bench.ports.send(1, ComponentId(0), b"x");
    bench.turn();
    assert!(bench.told()[0].contains("it takes no bytes"));
}

#[test]
fn a_port_is_waited_for_only_where_it_has_something_to_wait_for() {
    let mut bench = Bench::open();
    bench.pass(SECOND / 100);
    bench.turn();
    let wants = |bench: &mut Bench, ready| {
        let mut told = Vec::new();
        bench.ports.ready(|_, wants| {
            told.push((wants.readable, wants.writable));
            ready
        });
        told
    };
    assert_eq!(wants(&mut bench, (true, false)), [(true, false)], "everything is written");
    assert_eq!(wants(&mut bench, (false, false)), [(false, false)], "and nothing read yet");
    bench.script().room = 0;
    bench.ports.send(1, ComponentId(0), b"x");
    bench.turn();
    assert_eq!(wants(&mut bench, (false, true)), [(true, true)]);
    assert_eq!(wants(&mut bench, (false, false)), [(true, false)]);
}

#[test]
fn bytes_are_for_one_port_of_one_thing() {
    let mut bench = Bench::open();
    bench.pass(SECOND / 100);
    bench.script().written.clear();
    bench.ports.send(2, ComponentId(0), b"another thing's");
    bench.ports.send(1, ComponentId(1), b"another port's");
    bench.ports.send(1, ComponentId(0), b"its own");
    bench.turn();
    assert_eq!(bench.script().written, b"its own");
}

#[test]
fn what_has_come_is_read_before_it_is_missed() {
    let mut bench = Bench::open();
    bench.pass(SECOND / 100);
    bench.turn();
    bench.script().reads.push_back(Ok(b"ON\n".to_vec()));
    let due = bench.things.next_deadline().unwrap();
    bench.now = Instant::from_micros(due.as_micros() - 1);
    bench.turn();
    assert_eq!(bench.actual(), None, "nobody has said that there is something");
    bench.now = due;
    bench.turn();
    assert_eq!(bench.actual(), Some(json!(true)));
}

#[test]
fn a_write_that_was_interrupted_goes_on_and_one_that_fails_is_the_end() {
    let mut bench = Bench::open();
    bench.pass(SECOND / 100);
    bench.told();
    bench.script().written.clear();
    bench.script().failures.push_back(ErrorKind::Interrupted);
    bench.ports.send(1, ComponentId(0), b"x");
    bench.turn();
    assert_eq!(bench.script().written, b"x");
    assert_eq!(bench.told(), [""; 0]);
    bench.script().failures.push_back(ErrorKind::BrokenPipe);
    bench.ports.send(1, ComponentId(0), b"x");
    bench.turn();
    assert!(bench.told()[0].contains("it is gone"));
}

#[test]
fn a_loop_does_not_sleep_while_a_port_has_more_than_was_read() {
    let script = Shared::default();
    let options = Options::plain("127.0.0.1:1", "relay").unwrap();
    let mut worker = Worker::new(options, Fakes(script.clone()), Arc::new(AtOnce)).unwrap();
    let client = worker.client(|| ());
    let relay = Lines::new("relay").property("on", words([("ON", true), ("OFF", false)])).query("?", "{on}");
    let builder = Thing::builder().component("relay", relay.build().unwrap());
    let options = ThingOptions::new(builder, ShadowName::classic("relay").unwrap());
    let thing = client.run_thing(options.port_with("relay", "a fake", || OpenPort::try_from(UnixStream::pair()?.0)));
    let mut turn = || worker.turn(&mut [0; 1024]);
    script.lock().unwrap().room = usize::MAX;
    // It opens, tries to read, and finds nothing.
    for _ in 0..4 {
        turn();
    }
    script.lock().unwrap().reads.extend((0..20).map(|_| Ok(b"ON\n".to_vec())));
    assert!(matches!(turn(), Rest::Sleep { .. }), "nobody has said that there is something");
    worker.ports(|_, wants| (wants.readable, false));
    assert_eq!(worker.turn(&mut [0; 1024]), Rest::Yield);
    assert!(matches!(worker.turn(&mut [0; 1024]), Rest::Sleep { .. }));
    assert_eq!(thing.unwrap().property("on").unwrap().actual, Some(true.into()));
}
