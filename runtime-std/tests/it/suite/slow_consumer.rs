//! A subscription that nobody reads.

use std::io::Write;
use std::net::TcpStream;
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use super::peer::{PINGRESP, Peer, accept, publish_packet, read_packet};
use super::support::{PATIENCE, filter, plain_at, publish_qos0};
use crate::runtime::{Client, Outcome, Phase, Qos};

/// With their payloads, enough to fill the subscription and every buffer on the way.
const MESSAGES: usize = 6_000;

fn payload(number: usize) -> String {
    format!("{number:04000}")
}

/// Answers SUBSCRIBE and then writes all the messages, with answers to pings between them; passes on what kinds of
/// packets it packets.
fn flood(stream: &mut TcpStream, heard: &Sender<u8>, finished: &Sender<()>) {
    accept(stream);
    let (_, subscribe) = read_packet(stream).expect("SUBSCRIBE");
    stream.write_all(&[0x90, 3, subscribe[0], subscribe[1], 0]).unwrap();
    let mut reader = stream.try_clone().unwrap();
    let (ping, pings) = mpsc::channel();
    let heard = heard.clone();
    let listening = std::thread::spawn(move || {
        while let Some((kind, _)) = read_packet(&mut reader) {
            if kind == 12 {
                ping.send(()).unwrap();
            }
            // The test may be over.
            let _ = heard.send(kind);
        }
    });
    for number in 0..MESSAGES {
        stream.write_all(&publish_packet("t", &payload(number))).unwrap();
        for () in pings.try_iter() {
            stream.write_all(PINGRESP).unwrap();
        }
    }
    finished.send(()).unwrap();
    for () in pings {
        stream.write_all(PINGRESP).unwrap();
    }
    listening.join().unwrap();
}

#[test]
fn reading_stops_and_nothing_is_lost() {
    let (heard, packets) = mpsc::channel();
    let (finished, finish) = mpsc::channel();
    let peer = Peer::start(move |stream| flood(stream, &heard, &finished));

    let options = plain_at(&peer.endpoint(), "slow").with(|config| config.keep_alive = Duration::from_secs(2));
    let client = Client::new(options).unwrap();
    let messages = client.subscribe(filter("t"), Qos::AtMostOnce).unwrap();
    client.start();
    assert!(messages.granted(PATIENCE).is_some());

    // Pings go out, again and again: the client does not take the silence for death, and gives no reason to be
    // taken for dead. Publishes go out too.
    for _ in 0..2 {
        assert_eq!(packets.recv_timeout(PATIENCE), Ok(12), "PINGREQ");
    }
    let sent = client.publish(publish_qos0("up", "1")).unwrap();
    assert_eq!(sent.wait(PATIENCE), Some(Outcome::Sent));
    while packets.recv_timeout(PATIENCE).expect("PUBLISH") != 3 {}
    assert!(finish.try_recv().is_err(), "the peer could write everything: reading did not stop");
    assert_eq!(client.phase(), Phase::Ready);

    for number in 0..MESSAGES {
        let message = messages.recv(PATIENCE).expect("a message");
        assert!(message.payload == payload(number), "message {number} is another one");
    }
    finish.recv_timeout(PATIENCE).unwrap();
    assert!(client.stop(PATIENCE));
}

#[test]
fn dropping_the_full_subscription_frees_the_others() {
    const FLOOD: usize = 5_000;
    let double = super::support::double();
    let client = Client::new(super::support::plain(&double, "reader")).unwrap();
    let ignored = client.subscribe(filter("flood"), Qos::AtMostOnce).unwrap();
    let watched = client.subscribe(filter("end"), Qos::AtLeastOnce).unwrap();
    client.start();
    client.wait_ready(PATIENCE).unwrap();
    assert!(watched.granted(PATIENCE).is_some());
    let writer = Client::connect(super::support::plain(&double, "writer")).unwrap();
    for number in 0..FLOOD {
        writer.publish(publish_qos0("flood", number.to_string())).unwrap();
    }
    writer.publish(super::support::publish("end", "")).unwrap();
    // The first message is there, so the flood has begun.
    assert!(ignored.recv(PATIENCE).is_some());
    drop(ignored);
    assert!(watched.recv(PATIENCE).is_some());
}
