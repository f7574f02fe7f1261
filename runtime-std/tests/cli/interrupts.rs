//! The first Ctrl-C is a good end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::mpsc;

use crate::reconnect::lost;
use crate::support::{PATIENCE, Running, plain_double, serve};

pub(crate) const CONNACK: [u8; 4] = [0x20, 2, 0, 0];
const DISCONNECT: [u8; 2] = [0xE0, 0];

#[test]
fn ctrl_c_says_goodbye_and_tells_what_is_not_acknowledged() {
    let (told, heard) = mpsc::channel();
    let address = serve(move |mut peer| {
        skip_packet(&mut peer);
        peer.write_all(&CONNACK).expect("the command listens");
        skip_packet(&mut peer);
        told.send(Vec::new()).expect("the test listens");
        let mut rest = Vec::new();
        peer.read_to_end(&mut rest).expect("the command closes in good order");
        told.send(rest).expect("the test listens");
    });
    let mut running = Running::start(&["pub", "--endpoint", &address, "--plain", "--topic", "t", "--lines"]);
    running.write(b"line\n");
    heard.recv_timeout(PATIENCE).expect("a publish");
    interrupt(&running);
    // Its standard input is still open.
    assert_eq!(heard.recv_timeout(PATIENCE).expect("the end"), DISCONNECT);
    running.end().assert_failed(130, "interrupted: 1 message is not acknowledged, and may or may not have arrived");
}

#[test]
fn ctrl_c_is_how_sub_usually_ends() {
    let (double, address) = plain_double();
    let running = Running::subscribed(&["sub", "--endpoint", &address, "--plain", "--topic", "t", "--verbose"]);
    interrupt(&running);
    let ended = running.end();
    assert_eq!(ended.code, Some(130));
    assert!(ended.stderr.ends_with("subscribed to t with QoS 1\nthingwire: disconnected\n"), "{}", ended.stderr);
    assert!(double.wait_for_clients(&[], PATIENCE));
}

#[test]
fn ctrl_c_ends_the_waiting_for_a_connection() {
    let (told, heard) = mpsc::channel();
    let address = serve(move |mut peer| {
        skip_packet(&mut peer);
        told.send(()).expect("the test listens");
        let mut rest = Vec::new();
        // The end comes without a goodbye: there is no connection to say it on.
        let _ = peer.read_to_end(&mut rest);
    });
    let running = Running::start(&["sub", "--endpoint", &address, "--plain", "--topic", "t"]);
    heard.recv_timeout(PATIENCE).expect("a CONNECT");
    interrupt(&running);
    assert_eq!(running.end().code, Some(130));
}

#[test]
fn ctrl_c_tells_what_was_dropped_before() {
    let (double, address) = plain_double();
    let flags = ["--offline-queue", "5", "--drop", "oldest", "--backoff", "2,2,3", "--jitter", "none"];
    let mut running = lost(&double, &address, &flags);
    // At the next attempt, all lines are in the queue or dropped, and nobody answers.
    running.hear("status: waiting to reconnect");
    double.freeze(true);
    running.write(&b"line\n".repeat(50));
    running.hear(" 5 queued, 45 dropped");
    interrupt(&running);
    let ended = running.end();
    let last: Vec<&str> = ended.stderr.lines().rev().take(2).collect();
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
    assert!(last[0].starts_with("thingwire: interrupted: "), "{}", ended.stderr);
    assert!(last[1].starts_with("thingwire: 45 messages were dropped from the full offline queue"), "{}", ended.stderr);
}

pub(crate) fn interrupt(running: &Running) {
    let status = Command::new("kill").args(["-INT", &running.id().to_string()]).status().expect("`kill` is there");
    assert!(status.success());
}

/// Reads one short packet.
pub(crate) fn skip_packet(peer: &mut TcpStream) {
    let mut header = [0; 2];
    peer.read_exact(&mut header).expect("a packet");
    let mut rest = vec![0; usize::from(header[1])];
    peer.read_exact(&mut rest).expect("the whole packet");
}
