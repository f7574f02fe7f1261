//! A client's loop, turned by hand.
#![allow(clippy::disallowed_methods, reason = "a thread is where a panic ends")]

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

use thingwire_core::handle::{Client, Net, PortNet, Rest, Socket, Spawn, Work, Worker};
use thingwire_core::ports::OpenPort;
use thingwire_core::{Filter, LinkError, Options, Phase, Publish, Qos, TcpError, Topic};

/// A network in which nobody can be reached, or worse.
#[derive(Debug, Clone, Copy)]
enum Void {
    Refuses,
    Panics,
}

#[derive(Debug)]
enum Never {}

impl Net for Void {
    type Socket = Never;

    fn connect(&mut self, _: SocketAddr) -> io::Result<Never> {
        match self {
            Self::Refuses => Err(io::ErrorKind::ConnectionRefused.into()),
            Self::Panics => panic!("this panic is part of the test"),
        }
    }
}

impl PortNet for Void {
    type Port = Never;

    fn adopt(&mut self, _: OpenPort) -> io::Result<Never> {
        Err(io::ErrorKind::Unsupported.into())
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

impl Spawn for Void {
    fn spawn(&self, _name: &'static str, _work: Work) -> io::Result<()> {
        Err(io::Error::other("nowhere"))
    }
}

fn start(void: Void) -> (Client, Worker<Void>) {
    let options = Options::plain("127.0.0.1:1883", "a").unwrap();
    let worker = Worker::new(options, void, Arc::new(void)).unwrap();
    let client = worker.client(|| ());
    client.start();
    (client, worker)
}

fn publish() -> Publish {
    Publish::new(Topic::new("t").unwrap(), "x")
}

fn poll<T>(future: impl Future<Output = T>) -> Poll<T> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_loop_sleeps_until_its_next_attempt_and_ends_with_the_last_handle() {
    let (client, mut worker) = start(Void::Refuses);
    let Rest::Sleep { until: Some(until), .. } = worker.turn(&mut [0; 64]) else { panic!("it waits to try again") };
    assert!(until > worker.now());
    let not_ready = client.not_ready().unwrap();
    assert_eq!(not_ready.phase, Phase::BackingOff);
    assert!(matches!(not_ready.last_error, Some(LinkError::Tcp { why: TcpError::Refused, .. })));
    assert!(poll(client.wait_ready()).is_pending());
    assert!(matches!(poll(client.wait_ready_or_error()), Poll::Ready(Err(_))));
    let clone = client.clone();
    drop(client);
    assert!(matches!(worker.turn(&mut [0; 64]), Rest::Sleep { .. }));
    drop(clone);
    assert_eq!(worker.turn(&mut [0; 64]), Rest::End);
}

#[test]
fn a_loop_that_panics_ends_its_client() {
    let (client, mut worker) = start(Void::Panics);
    let messages = client.subscribe(Filter::new("t").unwrap(), Qos::AtLeastOnce).unwrap();
    let notices = client.notices();
    let pending = client.publish(publish()).unwrap();
    assert!(poll(pending.wait()).is_pending());
    let loop_ended = thread::spawn(move || worker.turn(&mut [0; 64])).join();
    assert!(loop_ended.is_err());
    assert_eq!(poll(pending), Poll::Ready(None));
    assert_eq!(poll(messages.recv()), Poll::Ready(None));
    assert!(messages.is_gone() && notices.is_gone());
    assert!(matches!(poll(client.wait_ready()), Poll::Ready(Err(_))));
    assert!(poll(client.stop()).is_ready());
    assert!(client.publish(publish()).unwrap().is_gone(), "nobody is left waiting for ever");
}

#[test]
fn callbacks_that_have_nowhere_to_run_are_refused_or_lost_but_stall_nothing() {
    let (client, mut worker) = start(Void::Refuses);
    let messages = client.subscribe(Filter::new("t").unwrap(), Qos::AtLeastOnce).unwrap();
    let why = messages.deliver_to(|_| ()).unwrap_err().to_string();
    assert!(why.contains("no thread for the callback: nowhere"), "{why}");
    let pending = client.publish(publish()).unwrap();
    let ticket = pending.ticket();
    pending.on_done(|_| panic!("it has nowhere to run"));
    assert!(client.discard(ticket));
    assert!(matches!(worker.turn(&mut [0; 64]), Rest::Sleep { .. }));
}

#[test]
fn the_last_error_lasts_until_the_client_is_started_anew() {
    let (client, mut worker) = start(Void::Refuses);
    worker.turn(&mut [0; 64]);
    let last_error = || client.not_ready().unwrap().last_error;
    client.start();
    assert!(last_error().is_some(), "it was running");
    drop(client.stop());
    worker.turn(&mut [0; 64]);
    assert!(last_error().is_some(), "why it was not ready when it was stopped");
    client.start();
    assert_eq!(last_error(), None);
}

#[test]
fn a_clients_time_goes_on() {
    let (client, _worker) = start(Void::Refuses);
    let begin = client.now();
    assert!((0..10_000_000).any(|_| client.now() > begin));
    assert!(client.status().since <= client.now());
}
