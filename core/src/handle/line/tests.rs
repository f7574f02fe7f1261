//! How a link finds its address, in virtual time.
#![allow(clippy::disallowed_types, reason = "what a test's sockets share")]

use core::net::SocketAddr;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Arc, Mutex};

use super::super::net::Work;
use super::super::{Net, Socket};
use super::*;
use crate::transport::Supplies;
use crate::{Action, LinkError, TcpError};

/// What an address does when it is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Host {
    Hangs,
    Refuses,
    Answers,
}

type Hosts = Arc<Mutex<BTreeMap<SocketAddr, Host>>>;

#[derive(Debug)]
struct FakeNet {
    hosts: Hosts,
    /// Addresses with an open socket, in the order of connecting.
    open: Arc<Mutex<Vec<SocketAddr>>>,
}

#[derive(Debug)]
struct FakeSocket {
    address: SocketAddr,
    hosts: Hosts,
    open: Arc<Mutex<Vec<SocketAddr>>>,
}

impl Net for FakeNet {
    type Socket = FakeSocket;

    fn connect(&mut self, address: SocketAddr) -> io::Result<FakeSocket> {
        self.open.lock().unwrap().push(address);
        Ok(FakeSocket { address, hosts: self.hosts.clone(), open: self.open.clone() })
    }
}

impl Socket for FakeSocket {
    fn is_connected(&mut self) -> io::Result<bool> {
        match self.hosts.lock().unwrap()[&self.address] {
            Host::Hangs => Ok(false),
            Host::Refuses => Err(ErrorKind::ConnectionRefused.into()),
            Host::Answers => Ok(true),
        }
    }

    fn shut_down_writing(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for FakeSocket {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(ErrorKind::WouldBlock.into())
    }
}

impl Write for FakeSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for FakeSocket {
    fn drop(&mut self) {
        self.open.lock().unwrap().retain(|address| *address != self.address);
    }
}

/// Keeps what it should do, and does none of it.
#[derive(Debug, Default)]
pub(in crate::handle) struct Idle(pub(in crate::handle) Mutex<Vec<Kept>>);

pub(in crate::handle) struct Kept(pub(in crate::handle) Work);

impl core::fmt::Debug for Kept {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Kept")
    }
}

impl Spawn for Idle {
    fn spawn(&self, _: &'static str, work: Work) -> io::Result<()> {
        self.0.lock().unwrap().push(Kept(work));
        Ok(())
    }
}

struct Bench {
    line: Line<FakeNet>,
    engine: Engine,
    hosts: Hosts,
    open: Arc<Mutex<Vec<SocketAddr>>>,
    idle: Arc<Idle>,
}

fn at(millis: u64) -> Instant {
    Instant::EPOCH + Duration::from_millis(millis)
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

impl Bench {
    fn new() -> Self {
        let options = Options::plain("broker.test", "id").unwrap();
        let (hosts, open, idle) = (Hosts::default(), Arc::default(), Arc::new(Idle::default()));
        let net = FakeNet { hosts: Arc::clone(&hosts), open: Arc::clone(&open) };
        let line = Line::new(&options, net, idle.clone(), Bell::default());
        let mut engine = Engine::new(options, 7, at(0)).unwrap();
        engine.client().start(at(0));
        Self { line, engine, hosts, open, idle }
    }

    /// The link that the engine asks for, with these addresses in place of a lookup.
    fn connect(&mut self, hosts: &[(&str, Host)]) {
        let link = loop {
            match self.engine.poll_action(at(0)) {
                Some(Action::Open(link)) => break link,
                Some(_) => {}
                None => panic!("no link is wanted"),
            }
        };
        let addresses: Vec<_> = hosts.iter().map(|(text, _)| address(text)).collect();
        *self.hosts.lock().unwrap() = addresses.iter().copied().zip(hosts.iter().map(|(_, host)| *host)).collect();
        let prepared = Prepared { addresses, supplies: Supplies::new([0; 32], 0) };
        self.line.prepared(&mut self.engine, at(0), link, prepared, at(10_000));
    }

    /// What is told at this time, with every socket that is waited for looked at.
    fn turn(&mut self, now: Instant) -> Vec<Notice> {
        self.line.ready(|_| (false, true));
        let mut chunk = [0; 64];
        self.line.turn(&mut self.engine, now, &mut chunk);
        core::iter::from_fn(|| self.line.next_notice(&mut self.engine, now, &mut chunk)).collect()
    }

    fn open(&self) -> Vec<SocketAddr> {
        self.open.lock().unwrap().clone()
    }

    fn sleeps_until(&self, now: Instant) -> Option<Instant> {
        self.line.sleep_until(&self.engine, now)
    }
}

const SIX: &str = "[2001:db8::1]:1883";
const FOUR: &str = "192.0.2.1:1883";

#[test]
fn an_address_that_leads_nowhere_costs_a_quarter_of_a_second() {
    let mut bench = Bench::new();
    bench.connect(&[(SIX, Host::Hangs), (FOUR, Host::Answers)]);
    assert_eq!((bench.open(), bench.sleeps_until(at(0))), (vec![address(SIX)], Some(at(250))));
    bench.turn(at(250));
    assert_eq!(bench.open(), [SIX, FOUR].map(address));
    bench.turn(at(251));
    assert_eq!(bench.open(), [address(FOUR)], "the winner is kept, the other is dropped");
    assert!(bench.engine.stage().is_some(), "the link is up");
}

#[test]
fn an_address_that_refuses_costs_nothing() {
    let mut bench = Bench::new();
    bench.connect(&[(SIX, Host::Refuses), (FOUR, Host::Answers)]);
    bench.turn(at(1));
    assert_eq!(bench.open(), [address(FOUR)]);
    bench.turn(at(2));
    assert!(bench.engine.stage().is_some(), "the link is up");
}

#[test]
fn the_first_address_may_still_win_after_its_head_start() {
    let mut bench = Bench::new();
    bench.connect(&[(SIX, Host::Hangs), (FOUR, Host::Hangs)]);
    bench.turn(at(250));
    bench.hosts.lock().unwrap().insert(address(SIX), Host::Answers);
    bench.turn(at(900));
    assert_eq!(bench.open(), [address(SIX)]);
}

#[test]
fn when_none_is_left_the_last_failure_is_told() {
    let mut bench = Bench::new();
    bench.connect(&[(SIX, Host::Hangs), (FOUR, Host::Refuses)]);
    bench.turn(at(250));
    bench.turn(at(251));
    assert_eq!((bench.open(), bench.sleeps_until(at(251))), (vec![address(SIX)], Some(at(5_000))));
    let told = bench.turn(at(5_000));
    let timed_out = LinkError::Tcp { address: Some(address(SIX)), why: TcpError::TimedOut };
    assert!(matches!(&told[..], [Notice::Failed { why: Some(why), .. }] if *why == timed_out), "{told:?}");
    assert_eq!(bench.open(), []);
}

#[test]
fn a_resolver_that_hangs_is_told_by_its_name_and_asked_once() {
    let mut bench = Bench::new();
    assert!(matches!(bench.turn(at(0))[..], [Notice::Attempting { attempt: 1 }]));
    assert_eq!(bench.sleeps_until(at(0)), Some(at(7_500)));
    assert_eq!(bench.turn(at(7_499)), []);
    let told = bench.turn(at(7_500));
    let why = LinkError::Resolve { host: "broker.test".to_owned(), why: "no answer within 7.5 s".to_owned() };
    assert!(matches!(&told[..], [Notice::Failed { why: Some(told), .. }] if *told == why), "{told:?}");
    let again = bench.sleeps_until(at(7_500)).unwrap();
    assert!(matches!(bench.turn(again)[..], [Notice::Attempting { attempt: 2 }]));
    assert_eq!(bench.idle.0.lock().unwrap().len(), 1, "the lookup that hangs serves the second attempt as well");
}
