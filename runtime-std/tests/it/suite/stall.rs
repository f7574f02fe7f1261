//! A peer that never reads.

use std::time::{Duration, Instant};

use super::peer::{Peer, accept};
use super::support::{PATIENCE, drive, plain_at, publish, publish_qos0};
use crate::runtime::{Client, Driver, LinkError, Notice, Refusal, TcpError};

/// More than a socket's buffers take on loopback.
const TOO_MUCH: usize = 32 * 1024 * 1024;
const PAYLOAD: usize = 100_000;
/// What the queue holds by default.
const QUEUE: usize = 4 * 1024 * 1024;

/// Accepts the connection, then reads nothing until the client has given up.
fn deaf_peer() -> (Peer, std::sync::mpsc::SyncSender<()>) {
    let (release, released) = std::sync::mpsc::sync_channel(1);
    let released = std::sync::Mutex::new(released);
    let peer = Peer::start(move |stream| {
        accept(stream);
        let _ = released.lock().map(|released| released.recv_timeout(PATIENCE));
    });
    (peer, release)
}

#[test]
fn stalled_writes_end_the_link() {
    let (peer, _release) = deaf_peer();
    let options = plain_at(&peer.endpoint(), "a").with(|config| {
        config.queue.bytes_max = 2 * TOO_MUCH;
        config.write_timeout = Duration::from_millis(200);
    });
    let mut driver = Driver::new(options).unwrap();
    let payload = "x".repeat(PAYLOAD);
    for _ in 0..TOO_MUCH / PAYLOAD {
        driver.publish(publish_qos0("a", payload.clone())).unwrap();
    }
    driver.start();
    let mut sent = 0;
    let why = drive(&mut driver, |notice| {
        sent += usize::from(matches!(notice, Notice::Done { .. }));
        if let Notice::Offline { why, .. } = notice { Some(why.clone()) } else { None }
    });
    assert_eq!(why, Some(LinkError::Tcp { address: None, why: TcpError::WriteStalled }));
    // What the socket does not take is not encoded: it is still in the queue.
    assert_eq!(driver.client().queued(), TOO_MUCH / PAYLOAD - sent);
    assert!(driver.client().queued() > 0);
}

#[test]
fn timers_go_on_while_writes_stall() {
    let (peer, _release) = deaf_peer();
    let options = plain_at(&peer.endpoint(), "a").with(|config| {
        config.queue.bytes_max = 2 * TOO_MUCH;
        config.keep_alive = Duration::from_secs(1);
    });
    let client = Client::connect(options).unwrap();
    let notices = client.notices();
    client.wait_ready(PATIENCE).unwrap();
    let payload = "x".repeat(PAYLOAD);
    for _ in 0..TOO_MUCH / PAYLOAD {
        client.publish(publish_qos0("a", payload.clone())).unwrap();
    }
    let expiring = client.publish(publish("a", "").expires_in(Duration::from_millis(50))).unwrap();
    assert_eq!(expiring.wait(PATIENCE), Some(crate::runtime::Outcome::Expired));
    // The write timeout is far away; the missing PINGRESP is what ends the link.
    let offline = std::iter::from_fn(|| notices.recv(PATIENCE)).find_map(|notice| match notice {
        Notice::Offline { why, .. } => Some(why),
        _ => None,
    });
    assert_eq!(offline, Some(Some(LinkError::KeepAlive)));
}

#[test]
fn dropping_a_stalled_client_takes_a_second_at_most() {
    let (peer, _release) = deaf_peer();
    let options = plain_at(&peer.endpoint(), "a").with(|config| config.queue.bytes_max = 2 * TOO_MUCH);
    let client = Client::connect(options).unwrap();
    client.wait_ready(PATIENCE).unwrap();
    let payload = "x".repeat(PAYLOAD);
    let pending: Vec<_> =
        (0..TOO_MUCH / PAYLOAD).map(|_| client.publish(publish_qos0("a", payload.clone())).unwrap()).collect();
    assert!(pending[0].wait(PATIENCE).is_some());
    let before = Instant::now();
    drop(client);
    assert!(before.elapsed() < Duration::from_secs(5), "{:?}", before.elapsed());
    let last = pending.last().unwrap();
    assert_eq!(last.wait(PATIENCE), None);
    assert!(last.is_gone());
}

#[test]
fn a_peer_that_never_reads_costs_no_more_than_the_queue_may_hold() {
    let (peer, _release) = deaf_peer();
    let client = Client::connect(plain_at(&peer.endpoint(), "a")).unwrap();
    client.wait_ready(PATIENCE).unwrap();
    let payload = "x".repeat(PAYLOAD);
    // Where there is still room in the sockets, a full queue is not full for long.
    let (mut accepted, mut refused_in_a_row) = (0, 0);
    while refused_in_a_row < 100 {
        match client.publish(publish_qos0("a", payload.clone())) {
            Ok(_) => (accepted, refused_in_a_row) = (accepted + 1, 0),
            Err(refused) => {
                assert_eq!(refused.why, Refusal::QueueFullOfBytes { bytes_max: QUEUE });
                refused_in_a_row += 1;
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
    assert!(client.queued() * PAYLOAD <= QUEUE);
    assert!(accepted * PAYLOAD < TOO_MUCH, "{accepted} were accepted");
}
