//! Stopping, in every phase, and starting again.

use std::sync::mpsc;
use std::time::Duration;

use super::peer::{Peer, accept, listen_to_the_end, publish_packet, read_packet};
use super::support::{PATIENCE, double, drive_to, fast, plain, plain_at, publish};
use crate::runtime::{Client, Driver, Notice, Options, Outcome, Phase};

/// Waits until the client is in `phase`, by the notices that lead there.
fn wait_for(client: &Client, phase: Phase) {
    let deadline = std::time::Instant::now() + PATIENCE;
    while client.phase() != phase {
        assert!(std::time::Instant::now() < deadline, "{:?} instead of {phase:?}", client.phase());
        std::thread::yield_now();
    }
}

fn stop_in(phase: Phase, options: Options) {
    let client = Client::connect(options).unwrap();
    wait_for(&client, phase);
    assert!(client.stop(PATIENCE));
    assert_eq!(client.phase(), Phase::Idle);
    // It can be started again, and gets as far as before.
    client.start();
    wait_for(&client, phase);
    assert!(client.stop(PATIENCE));
}

#[test]
fn before_the_start() {
    let double = double();
    let client = Client::new(plain(&double, "a")).unwrap();
    assert!(client.stop(Duration::ZERO));
    client.start();
    client.wait_ready(PATIENCE).unwrap();
}

#[test]
fn while_resolving() {
    let mut driver = Driver::new(plain_at("nowhere.invalid", "a")).unwrap();
    for _ in 0..3 {
        driver.start();
        assert_eq!(driver.next(Some(PATIENCE)), Some(Notice::Attempting { attempt: 1 }));
        driver.stop();
        drive_to(&mut driver, &Notice::Stopped);
    }
    // The late answer disturbs nobody.
    assert_eq!(driver.next(Some(Duration::from_millis(50))), None);
    assert_eq!(driver.client().phase(), Phase::Idle);
}

#[test]
fn while_connecting() {
    let full = FullListener::new();
    stop_in(Phase::Opening, plain_at(&full.endpoint, "a"));
}

#[test]
fn while_in_the_tls_handshake() {
    let peer = Peer::start(|stream| {
        listen_to_the_end(stream);
    });
    let double = double();
    let (cert, key, ca) = (double.cert_path(), double.key_path(), double.ca_path());
    stop_in(Phase::Opening, fast(Options::mtls_from_path(&peer.endpoint(), "a", cert, key, ca).unwrap()));
}

#[test]
fn while_waiting_for_connack() {
    let peer = Peer::start(|stream| {
        listen_to_the_end(stream);
    });
    stop_in(Phase::AwaitingConnack, plain_at(&peer.endpoint(), "a"));
}

#[test]
fn while_ready() {
    let double = double();
    stop_in(Phase::Ready, plain(&double, "a"));
    assert_eq!(double.violations(), []);
}

#[test]
fn while_backing_off() {
    let peer = Peer::start(|stream| {
        read_packet(stream);
    });
    let options = plain_at(&peer.endpoint(), "a").with(|config| {
        config.backoff.base = PATIENCE;
        config.backoff.max = PATIENCE;
        config.backoff.stable = 2 * PATIENCE;
        config.backoff.jitter = crate::runtime::Jitter::None;
    });
    stop_in(Phase::BackingOff, options);
}

#[test]
fn the_goodbye_arrives() {
    let (last, kinds) = mpsc::channel();
    let peer = Peer::start(move |stream| {
        accept(stream);
        while let Some((kind, _)) = read_packet(stream) {
            last.send(Some(kind)).unwrap();
        }
        last.send(None).unwrap();
    });
    let client = Client::connect(plain_at(&peer.endpoint(), "a")).unwrap();
    client.wait_ready(PATIENCE).unwrap();
    assert!(client.stop(PATIENCE));
    assert_eq!(kinds.recv_timeout(PATIENCE), Ok(Some(14)), "DISCONNECT");
    assert_eq!(kinds.recv_timeout(PATIENCE), Ok(None));
}

#[test]
fn what_is_queued_survives() {
    let double = double();
    let client = Client::new(plain(&double, "a")).unwrap();
    let early = client.publish(publish("a", "1")).unwrap();
    assert!(client.stop(PATIENCE));
    let late = client.publish(publish("a", "2")).unwrap();
    assert_eq!((early.try_wait(), client.queued()), (None, 2));
    client.start();
    assert_eq!(early.wait(PATIENCE), Some(Outcome::Acked));
    assert_eq!(late.wait(PATIENCE), Some(Outcome::Acked));
}

/// A listener whose queue is full: it neither accepts nor refuses.
struct FullListener {
    endpoint: String,
    _listener: std::net::TcpListener,
    _waiting: Vec<mio::net::TcpStream>,
}

impl FullListener {
    fn new() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        // Listening again changes the length of the queue.
        rustix::net::listen(&listener, 0).unwrap();
        let address = listener.local_addr().unwrap();
        let waiting = (0..8).map(|_| mio::net::TcpStream::connect(address).unwrap()).collect();
        Self { endpoint: address.to_string(), _listener: listener, _waiting: waiting }
    }
}

#[test]
fn a_server_that_still_sends_gets_to_read_the_goodbye() {
    let (verdict, verdicts) = mpsc::channel();
    let peer = Peer::start(move |stream| {
        accept(stream);
        // The goodbye is there, and is left there until everything else is sent.
        stream.peek(&mut [0]).unwrap();
        let message = publish_packet("a", &"x".repeat(4_000));
        let sent_all = (0..64).all(|_| std::io::Write::write_all(stream, &message).is_ok());
        let goodbye = read_packet(stream) == Some((14, Vec::new()));
        verdict.send((sent_all, goodbye, listen_to_the_end(stream))).unwrap();
    });
    let client = Client::connect(plain_at(&peer.endpoint(), "a")).unwrap();
    client.wait_ready(PATIENCE).unwrap();
    assert!(client.stop(PATIENCE));
    assert_eq!(verdicts.recv_timeout(PATIENCE), Ok((true, true, true)));
}

#[test]
fn a_server_that_never_closes_is_not_waited_for_long() {
    let (release, released) = mpsc::channel::<()>();
    let released = std::sync::Mutex::new(released);
    let peer = Peer::start(move |stream| {
        accept(stream);
        let _ = released.lock().map(|released| released.recv_timeout(PATIENCE));
    });
    let client = Client::connect(plain_at(&peer.endpoint(), "a")).unwrap();
    client.wait_ready(PATIENCE).unwrap();
    let began = std::time::Instant::now();
    assert!(client.stop(PATIENCE));
    assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
    drop(release);
}
