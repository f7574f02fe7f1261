//! Dropping the last handle.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::peer::{Peer, accept, listen_to_the_end, read_packet};
use super::support::{PATIENCE, double, filter, plain, plain_at, publish};
use crate::runtime::{Client, Qos};

#[test]
fn says_goodbye_and_ends_everything() {
    let (kind, kinds) = mpsc::channel();
    let peer = Peer::start(move |stream| {
        accept(stream);
        while let Some((packet, _)) = read_packet(stream) {
            kind.send(Some(packet)).unwrap();
        }
        kind.send(None).unwrap();
    });
    let client = Client::connect(plain_at(&peer.endpoint(), "a")).unwrap();
    client.wait_ready(PATIENCE).unwrap();
    let clone = client.clone();
    drop(client);
    assert!(kinds.try_recv().is_err(), "a handle is left");

    let mut messages = clone.subscribe(filter("a"), Qos::AtLeastOnce).unwrap();
    assert_eq!(kinds.recv_timeout(PATIENCE), Ok(Some(8)), "SUBSCRIBE");
    let notices = clone.notices();
    let pending = clone.publish(publish("a", "never acknowledged")).unwrap();
    assert_eq!(kinds.recv_timeout(PATIENCE), Ok(Some(3)), "PUBLISH");
    let waiting = std::thread::spawn(move || messages.next());
    drop(clone);
    assert_eq!(kinds.recv_timeout(PATIENCE), Ok(Some(14)), "DISCONNECT");
    assert_eq!(kinds.recv_timeout(PATIENCE), Ok(None));
    assert_eq!(waiting.join().unwrap(), None);
    assert_eq!(pending.wait(Duration::MAX), None);
    assert!(pending.is_gone());
    assert!(notices.is_gone());
    assert!(notices.count() > 0, "what had come can still be taken");
}

#[test]
fn does_not_wait_for_a_silent_peer() {
    let peer = Peer::start(|stream| {
        listen_to_the_end(stream);
    });
    let client = Client::connect(plain_at(&peer.endpoint(), "a")).unwrap();
    let pending = client.publish(publish("a", "1")).unwrap();
    let before = Instant::now();
    drop(client);
    assert!(before.elapsed() < Duration::from_secs(5));
    assert_eq!(pending.wait(Duration::MAX), None);
}

#[test]
fn a_callback_may_own_the_last_handle() {
    let double = double();
    let client = Client::connect(plain(&double, "a")).unwrap();
    let (done, dones) = mpsc::channel();
    let pending = client.publish(publish("a", "1")).unwrap();
    let owned = client.clone();
    drop(client);
    pending.on_done(move |outcome| {
        drop(owned);
        done.send(outcome).unwrap();
    });
    assert_eq!(dones.recv_timeout(PATIENCE), Ok(Some(crate::runtime::Outcome::Acked)));
    assert!(double.wait_for_clients(&[], PATIENCE));
}
