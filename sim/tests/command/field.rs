//! Lives recorded on devices.

use core::time::Duration;
use std::fs;

use bytes::BytesMut;
use thingwire_core::trace::RecordOptions;
use thingwire_core::{Action, Client, Config, Event, Instant, LinkError, Publish, Topic};

use crate::process::sim;

/// A device that connects, publishes once, and then loses the link, or gets a second CONNACK.
fn life(second_connack: bool) -> Vec<u8> {
    let mut client = Client::new(Config::new("device"), 7, Instant::EPOCH).unwrap();
    client.record(&RecordOptions::new([1, 2]));
    let mut now = Instant::EPOCH;
    client.start(now);
    let link = drained(&mut client, now).unwrap();
    now = now + Duration::from_millis(20);
    client.handle(now, Event::Received(link, &mut BytesMut::from(&[0x20, 2, 0, 0][..])));
    drained(&mut client, now);
    client.publish(now, Publish::new(Topic::new("out").unwrap(), "12345678")).unwrap();
    drained(&mut client, now);
    now = now + Duration::from_millis(20);
    client.handle(now, Event::Received(link, &mut BytesMut::from(&[0x40, 2, 0, 1][..])));
    drained(&mut client, now);
    if second_connack {
        client.handle(now, Event::Received(link, &mut BytesMut::from(&[0x20, 2, 0, 0][..])));
    } else {
        client.handle(now, Event::LinkDown(link, LinkError::Closed));
    }
    drained(&mut client, now);
    client.recording().unwrap()
}

fn drained(client: &mut Client, now: Instant) -> Option<thingwire_core::Link> {
    let (mut out, mut opened) = (BytesMut::new(), None);
    loop {
        let written = client.poll_transmit(now, &mut out, 1024);
        match client.poll_action() {
            Some(Action::Open(link)) => {
                opened = Some(link);
                client.handle(now, Event::LinkUp(link));
            }
            None if written == 0 => return opened,
            Some(_) | None => {}
        }
    }
}

struct Saved {
    _dir: tempfile::TempDir,
    path: String,
}

fn saved(bytes: &[u8]) -> Saved {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("device.trace");
    fs::write(&path, bytes).unwrap();
    Saved { path: path.to_str().unwrap().to_owned(), _dir: dir }
}

#[test]
fn a_field_trace_is_known_by_its_content_replayed_and_judged() {
    for second_connack in [false, true] {
        let saved = saved(&life(second_connack));
        let ended = sim(&["replay", &saved.path, "--strict"]);
        assert_eq!((ended.code, ended.err.as_str()), (0, ""));
        assert!(ended.out.starts_with("replayed bit for bit: "), "{}", ended.out);
        let ended = sim(&["replay", &saved.path, "--judge"]);
        assert!(
            ended.code == 0 && ended.out.ends_with("judged: everything held that can be seen from the device\n"),
            "{}",
            ended.out
        );
    }
}

#[test]
fn a_field_trace_is_drawn_and_is_no_scenario() {
    let saved = saved(&life(false));
    let ended = sim(&["timeline", &saved.path]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{}", ended.out);
    assert!(ended.out.contains("PUBLISH message ") && ended.out.contains("CONNACK, accepted"), "{}", ended.out);
    let ended = sim(&["run", &saved.path]);
    assert!(
        ended.code == 2 && ended.err.contains("is a field trace") && ended.err.contains("`replay`"),
        "{}",
        ended.err
    );
}

#[test]
fn a_damaged_field_trace_is_refused_in_one_line() {
    let whole = life(false);
    let mut tampered = whole.clone();
    let middle = tampered.len() / 2;
    tampered[middle] ^= 1;
    for bytes in [&whole[..whole.len() / 2], &tampered] {
        let saved = saved(bytes);
        for command in ["replay", "timeline"] {
            let ended = sim(&[command, &saved.path]);
            assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{command}: {}", ended.err);
            assert!(ended.err.lines().count() == 1 && ended.err.contains("device.trace"), "{}", ended.err);
        }
    }
}
