//! The socket of a link, with a network that is made up and a clock that is turned by hand.
#![allow(clippy::disallowed_types, clippy::struct_excessive_bools, reason = "a network of all that can be")]
#![allow(clippy::disallowed_methods, reason = "a thread is where something may block")]

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use thingwire_core::dial::LINGER;
use thingwire_core::handle::{Bell, Line, Net, Socket, Spawn, Wants, Work};
use thingwire_core::transport::{Credentials, CredentialsSource, WebSocketConfig};
use thingwire_core::{
    ConnectRefusal, Engine, Instant, LinkError, Notice, Options, Phase, Publish, Qos, TcpError, Topic,
};

const CONNACK: &[u8] = &[0x20, 2, 0, 0];
const PINGREQ: &[u8] = &[0xc0, 0];
const PINGRESP: &[u8] = &[0xd0, 0];
const DISCONNECT: &[u8] = &[0xe0, 0];

/// What everybody knows of the network.
#[derive(Clone, Default)]
struct World(Arc<Mutex<Facts>>);

#[derive(Default)]
struct Facts {
    dialed: Vec<SocketAddr>,
    /// Sockets that were made and not dropped.
    open: usize,
    /// From the server, not read yet.
    incoming: VecDeque<u8>,
    written: Vec<u8>,
    /// The server has closed its side.
    ended: bool,
    /// Nothing can be written any more.
    broken: Option<ErrorKind>,
    /// We have closed our side.
    shut_down: bool,
    /// What is to be done where it may block.
    work: Vec<Work>,
    /// There is nowhere to do it.
    crowded: bool,
    /// Reads and writes so far.
    calls: [usize; 2],
    /// A short read takes all there is.
    tells_of_more: bool,
}

impl World {
    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().unwrap()
    }
}

#[derive(Debug)]
struct Wire(World);

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("World")
    }
}

impl Net for World {
    type Socket = Wire;

    fn connect(&mut self, address: SocketAddr) -> io::Result<Wire> {
        let mut facts = self.facts();
        facts.dialed.push(address);
        facts.open += 1;
        Ok(Wire(self.clone()))
    }
}

impl Socket for Wire {
    fn is_connected(&mut self) -> io::Result<bool> {
        Ok(true)
    }

    fn shut_down_writing(&mut self) -> io::Result<()> {
        self.0.facts().shut_down = true;
        Ok(())
    }

    fn tells_of_more(&self) -> bool {
        self.0.facts().tells_of_more
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut facts = self.0.facts();
        facts.calls[0] += 1;
        match facts.incoming.len().min(buffer.len()) {
            0 if facts.ended => Ok(0),
            0 => Err(ErrorKind::WouldBlock.into()),
            len => {
                buffer[..len].iter_mut().zip(facts.incoming.drain(..len)).for_each(|(place, byte)| *place = byte);
                Ok(len)
            }
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut facts = self.0.facts();
        if let Some(kind) = facts.broken {
            return Err(kind.into());
        }
        facts.calls[1] += 1;
        facts.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.0.facts().open -= 1;
    }
}

impl Spawn for World {
    fn spawn(&self, _name: &'static str, work: Work) -> io::Result<()> {
        if self.facts().crowded {
            return Err(io::Error::other("no room"));
        }
        self.facts().work.push(work);
        Ok(())
    }
}

struct Rig {
    world: World,
    engine: Engine,
    line: Line<World>,
    now: Instant,
}

impl Rig {
    fn new(endpoint: &str) -> Self {
        Self::with(Options::plain(endpoint, "a").unwrap())
    }

    fn with(options: Options) -> Self {
        let world = World::default();
        let line = Line::new(&options, world.clone(), Arc::new(world.clone()), Bell::default());
        let now = Instant::EPOCH;
        let mut engine = Engine::new(options, 7, now).unwrap();
        engine.client().start(now);
        Self { world, engine, line, now }
    }

    /// With a link that the server has accepted.
    fn online() -> Self {
        let mut rig = Self::new("127.0.0.1:1883");
        rig.turn();
        rig.line.ready(|_| (false, true));
        rig.receive(CONNACK);
        assert_eq!(rig.engine.client().phase(), Phase::Ready);
        rig.world.facts().written.clear();
        rig
    }

    fn turn(&mut self) -> Vec<Notice> {
        let Self { engine, line, now, .. } = self;
        let mut chunk = [0; 64];
        line.turn(engine, *now, &mut chunk);
        let notices = std::iter::from_fn(|| line.next_notice(engine, *now, &mut chunk)).collect();
        line.journal().write();
        notices
    }

    /// The server says something, and the socket's readiness is told.
    fn receive(&mut self, bytes: &[u8]) -> Vec<Notice> {
        self.world.facts().incoming.extend(bytes);
        self.line.ready(|_| (true, false));
        self.turn()
    }

    fn pass(&mut self, time: Duration) -> Vec<Notice> {
        self.now = self.now + time;
        self.turn()
    }

    fn written(&self) -> Vec<u8> {
        std::mem::take(&mut self.world.facts().written)
    }

    /// Does the oldest work that may block.
    fn work(&self) {
        let mut work = self.world.facts().work.remove(0);
        assert!(work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    }
}

fn failure(notices: &[Notice]) -> Option<&LinkError> {
    notices.iter().find_map(|notice| match notice {
        Notice::Failed { why, .. } | Notice::Offline { why, .. } => why.as_ref(),
        _ => None,
    })
}

#[test]
fn an_answer_that_is_there_is_read_before_anything_is_overdue() {
    for answered in [true, false] {
        let mut rig = Rig::online();
        rig.pass(Duration::from_secs(60));
        assert_eq!(rig.written(), PINGREQ);
        // The machine sleeps; when it wakes up nobody has told yet that there is something to read.
        if answered {
            rig.world.facts().incoming.extend(PINGRESP);
        }
        let notices = [rig.pass(Duration::from_secs(3_600)), rig.pass(LINGER)].concat();
        assert_eq!(failure(&notices), (!answered).then_some(&LinkError::KeepAlive));
    }
}

#[test]
fn what_the_peer_said_before_the_break_explains_it() {
    let mut rig = Rig::new("127.0.0.1:1883");
    rig.turn();
    rig.world.facts().incoming.extend([0x20, 2, 0, 5]);
    rig.world.facts().broken = Some(ErrorKind::BrokenPipe);
    rig.line.ready(|_| (false, true));
    let notices = [rig.turn(), rig.pass(LINGER)].concat();
    assert_eq!(failure(&notices), Some(&LinkError::Refused(ConnectRefusal::NotAuthorized)));
    assert_eq!(rig.world.facts().open, 0);
}

#[test]
fn a_reset_that_a_write_meets_is_no_end_and_an_end_stays_one() {
    for (met, is_reset) in [(ErrorKind::ConnectionReset, true), (ErrorKind::BrokenPipe, false)] {
        let mut rig = Rig::online();
        rig.world.facts().broken = Some(met);
        rig.world.facts().ended = true;
        let publish = Publish::new(Topic::new("b").unwrap(), "").qos(Qos::AtMostOnce);
        rig.engine.client().publish(rig.now, publish).unwrap();
        let notices = [rig.pass(Duration::from_millis(1)), rig.pass(LINGER)].concat();
        let why = failure(&notices);
        let told_reset = matches!(why, Some(LinkError::Tcp { why: TcpError::Reset, .. }));
        assert_eq!((told_reset, why == Some(&LinkError::Closed)), (is_reset, !is_reset), "{why:?}");
    }
}

#[test]
fn a_goodbye_waits_for_the_peer_but_not_for_long() {
    for peer_closes in [true, false] {
        let mut rig = Rig::online();
        rig.engine.client().stop(rig.now);
        assert_eq!(rig.turn(), []);
        assert_eq!((rig.written(), rig.world.facts().shut_down), (DISCONNECT.to_vec(), true));
        assert_eq!(rig.line.wants(&rig.engine), told(true, false));
        assert_eq!(rig.line.sleep_until(&rig.engine, rig.now), Some(rig.now + LINGER));
        let notices = if peer_closes {
            rig.world.facts().ended = true;
            rig.receive(b"unread")
        } else {
            rig.pass(LINGER)
        };
        assert_eq!(notices, [Notice::Offline { why: None, retry_in: None }, Notice::Stopped]);
        assert_eq!(rig.world.facts().open, 0);
    }
}

fn told(readable: bool, writable: bool) -> Wants {
    let mut wants = Wants::default();
    (wants.readable, wants.writable) = (readable, writable);
    wants
}

#[test]
fn a_lookup_that_outlives_its_link_serves_the_next_one() {
    let mut rig = Rig::new("localhost:1883");
    for _ in 0..3 {
        rig.turn();
        rig.engine.client().stop(rig.now);
        rig.turn();
        rig.pass(Duration::from_secs(2));
        rig.engine.client().start(rig.now);
    }
    rig.turn();
    assert_eq!(rig.world.facts().work.len(), 1, "one at a time, however often it is asked");
    rig.work();
    rig.turn();
    assert!(!rig.world.facts().dialed.is_empty());
}

#[test]
fn a_lookup_that_cannot_be_made_or_is_never_finished_is_a_failure() {
    let mut rig = Rig::new("localhost:1883");
    rig.world.facts().crowded = true;
    let said = failure(&rig.turn()).expect("a reason").to_string();
    assert!(said.contains("no thread for the resolver: no room"), "{said}");

    let mut rig = Rig::new("localhost:1883");
    rig.turn();
    // A pool that is shut down drops what it has not begun.
    rig.world.facts().work.clear();
    let said = failure(&rig.turn()).expect("a reason").to_string();
    assert!(said.contains("the resolver failed"), "{said}");
}

#[test]
fn credentials_that_take_long_are_not_the_resolvers_fault() {
    let (asked, question) = mpsc::channel();
    let (answer, answered) = mpsc::channel();
    let (asked, answered) = (Mutex::new(asked), Mutex::new(answered));
    let source = CredentialsSource::from_fn(move || {
        asked.lock().unwrap().send(()).unwrap();
        answered.lock().unwrap().recv().unwrap()
    });
    let options = Options::plain("localhost:443", "a").unwrap();
    let mut rig = Rig::with(options.with_websocket(WebSocketConfig::signed(source).with_region("eu-west-1")));
    rig.turn();
    let mut work = rig.world.facts().work.remove(0);
    let resolver = thread::spawn(move || work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    question.recv().unwrap();
    let ends = rig.now + Duration::from_secs(10);
    assert_eq!(rig.line.sleep_until(&rig.engine, rig.now), Some(ends), "the whole time of an attempt");
    assert_eq!(rig.pass(Duration::from_secs(9)), []);
    answer.send(Credentials::new("AKID", "secret").map_err(|why| why.to_string())).unwrap();
    assert!(resolver.join().unwrap());
    rig.turn();
    assert!(!rig.world.facts().dialed.is_empty());
}

#[test]
fn a_server_that_never_stops_speaking_leaves_time_for_everything_else() {
    let mut rig = Rig::online();
    rig.world.facts().calls = [0; 2];
    rig.receive(&PINGRESP.repeat(32 * 100));
    assert_eq!(rig.world.facts().calls[0], 16);
    assert_eq!(rig.world.facts().incoming.len(), 64 * 84);
    assert_eq!(rig.line.sleep_until(&rig.engine, rig.now), Some(rig.now), "it comes back for the rest");
}

/// A QoS 1 message with this id.
fn message(id: u8) -> [u8; 7] {
    [0x32, 5, 0, 1, b'a', 0, id]
}

#[test]
fn a_read_that_takes_all_there_is_is_not_followed_by_one_that_would_block() {
    for (tells_of_more, reads) in [(true, 1), (false, 2)] {
        let mut rig = Rig::online();
        rig.world.facts().tells_of_more = tells_of_more;
        rig.world.facts().calls = [0; 2];
        assert_eq!(rig.receive(&message(1)).len(), 1);
        assert_eq!(rig.world.facts().calls[0], reads);
        assert!(rig.line.wants(&rig.engine).readable, "it waits for more");
        // The rig reads 64 bytes at a time: a full read may have left something.
        rig.world.facts().calls = [0; 2];
        let many = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].map(message).concat();
        assert_eq!(rig.receive(&many).len(), 12);
        assert_eq!(rig.world.facts().calls[0], reads + 1);
    }
}

#[test]
fn messages_that_a_quick_owner_takes_are_acknowledged_together_and_those_of_a_slow_one_at_once() {
    for (pause, writes) in [(Duration::ZERO, 1), (Duration::from_millis(1), 3)] {
        let mut rig = Rig::online();
        rig.world.facts().incoming.extend([1, 2, 3].map(message).concat());
        rig.world.facts().calls = [0; 2];
        rig.line.ready(|_| (true, false));
        let mut chunk = [0; 64];
        for _ in 0..3 {
            let Rig { engine, line, now, .. } = &mut rig;
            line.turn(engine, *now, &mut chunk);
            assert!(matches!(line.next_notice(engine, *now, &mut chunk), Some(Notice::Message(_))));
            rig.now = rig.now + pause;
        }
        assert_eq!(rig.turn(), []);
        assert_eq!(rig.written(), [0x40, 2, 0, 1, 0x40, 2, 0, 2, 0x40, 2, 0, 3]);
        assert_eq!(rig.world.facts().calls[1], writes);
    }
}

#[test]
fn what_is_commanded_between_two_notices_is_written_before_the_second() {
    let mut rig = Rig::online();
    rig.world.facts().incoming.extend([1, 2].map(message).concat());
    rig.line.ready(|_| (true, false));
    let mut chunk = [0; 64];
    let mut next = |rig: &mut Rig| {
        let Rig { engine, line, now, .. } = rig;
        line.turn(engine, *now, &mut chunk);
        line.next_notice(engine, *now, &mut chunk)
    };
    assert!(matches!(next(&mut rig), Some(Notice::Message(_))));
    let publish = Publish::new(Topic::new("b").unwrap(), "").qos(Qos::AtMostOnce);
    rig.engine.client().publish(rig.now, publish).unwrap();
    assert!(matches!(next(&mut rig), Some(Notice::Message(_))));
    assert_eq!(rig.written(), [0x40, 2, 0, 1, 0x30, 3, 0, 1, b'b']);
}

#[test]
fn what_is_due_while_there_is_nothing_to_tell_is_done_at_once() {
    let mut rig = Rig::online();
    rig.pass(Duration::from_secs(60) - Duration::from_micros(1));
    assert!(rig.written().is_empty());
    rig.pass(Duration::from_micros(1));
    assert_eq!(rig.written(), PINGREQ);
}
