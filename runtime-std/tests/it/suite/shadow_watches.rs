//! Watched shadows: every watcher is told everything, once and in order.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use serde_json::{Value, json};
use thingwire_sim::double::Double;
use thingwire_sim::shadow;

use super::peer::{PINGRESP, Peer, accept, publish_packet, read_packet};
use super::shadows::{desired, pump, reported};
use super::support::{PATIENCE, double, plain, plain_at};
use crate::runtime::{Client, Outcome, Phase, ShadowEvent, ShadowUpdate};

/// What somebody in the cloud wants.
fn want(double: &Double, flow: u64) -> u64 {
    let name = shadow::ShadowName::classic("pump").unwrap();
    double.update_shadow(&name, &json!({ "state": { "desired": { "flow": flow } } }).to_string()).unwrap()
}

fn word(event: &ShadowEvent) -> String {
    match event {
        ShadowEvent::Delta(delta) => format!("delta {}", delta.version),
        ShadowEvent::Documents(documents) => format!("documents {}", documents.current.version),
        ShadowEvent::Current(document) => format!("current {}", document.version.unwrap()),
        ShadowEvent::Deleted { version } => format!("deleted {version:?}"),
        event => format!("{event:?}"),
    }
}

#[test]
fn a_watch_tells_what_is_there_and_then_what_happens() {
    let double = double();
    let (_client, shadow) = pump(&double);
    want(&double, 1);
    let events = shadow.watch(|watch| watch.documents(true).deletions(true)).unwrap();
    let next = || word(&events.recv(PATIENCE).expect("an event"));
    assert_eq!([next(), next()], ["current 1", "delta 1"]);
    want(&double, 2);
    let mut told = [next(), next()];
    told.sort();
    assert_eq!(told, ["delta 2", "documents 2"], "the service promises no order between them");
    shadow.update(reported(&json!({ "flow": 2 }))).unwrap().answer().unwrap();
    assert_eq!(next(), "documents 3", "nothing differs any more");
    shadow.delete().unwrap().answer().unwrap();
    assert_eq!(next(), "deleted Some(3)");
    assert_eq!((events.try_recv(), events.is_over()), (None, false));
    assert_eq!(double.violations(), []);
}

#[test]
fn each_watcher_is_told_everything_also_one_that_comes_late() {
    let double = double();
    let (_client, shadow) = pump(&double);
    let mut early = shadow.deltas().unwrap();
    assert_eq!(early.granted(PATIENCE), Some(Outcome::Subscribed(vec![Some(crate::runtime::Qos::AtLeastOnce)])));
    want(&double, 1);
    assert_eq!(early.next().expect("a delta").version, 1);
    let late = shadow.watch(|watch| watch).unwrap();
    assert_eq!(word(&late.recv(PATIENCE).unwrap()), "current 1");
    assert_eq!(word(&late.recv(PATIENCE).unwrap()), "delta 1");
    want(&double, 2);
    assert_eq!(early.recv(PATIENCE).expect("nothing twice").version, 2);
    assert_eq!(word(&late.recv(PATIENCE).unwrap()), "delta 2");
    drop(early);
    want(&double, 3);
    assert_eq!(word(&late.recv(PATIENCE).unwrap()), "delta 3", "the other's end is nothing to this one");
}

#[test]
fn the_last_watch_ends_the_subscription() {
    let (sender, packets) = mpsc::channel();
    let peer = Peer::start(move |stream| {
        accept(stream);
        while let Some((kind, body)) = read_packet(stream) {
            let answer = match kind {
                8 => vec![0x90, 3, body[0], body[1], 1],
                10 => vec![0xb0, 2, body[0], body[1]],
                _ => Vec::new(),
            };
            stream.write_all(&answer).unwrap();
            // The test may be over.
            let _ = sender.send((kind, body));
        }
    });
    let options = plain_at(&peer.endpoint(), "a").with(|config| config.requests.keep_subscriptions = false);
    let client = Client::connect(options).unwrap();
    let shadow = client.shadow("pump").unwrap();
    let watch = || shadow.watch(|watch| watch.get_first(false)).unwrap();
    let (one, other) = (watch(), watch());
    assert!(one.granted(PATIENCE).is_some() && other.granted(PATIENCE).is_some());
    drop(one);
    drop(other);
    let mut seen = Vec::new();
    while seen.last() != Some(&10) {
        let (kind, body) = packets.recv_timeout(PATIENCE).expect("UNSUBSCRIBE");
        assert!(String::from_utf8_lossy(&body).contains("$aws/things/pump/shadow/update/delta"));
        seen.push(kind);
    }
    assert_eq!(seen, [8, 10]);
}

#[test]
fn a_watch_that_the_server_closes_the_connection_for_is_over() {
    let peer = Peer::start(|stream| {
        accept(stream);
        // SUBSCRIBE, and the end.
        read_packet(stream);
    });
    let client = Client::connect(plain_at(&peer.endpoint(), "a")).unwrap();
    let shadow = client.shadow("pump").unwrap();
    let events = shadow.watch(|watch| watch).unwrap();
    assert_eq!(events.granted(PATIENCE), Some(Outcome::ConnectionClosed { times: 3 }));
    assert_eq!(events.recv(PATIENCE), Some(ShadowEvent::GivenUp { times: 3 }));
    assert_eq!((events.is_over(), events.count()), (true, 0));
    assert!(shadow.deltas().is_ok_and(|deltas| !deltas.is_over()), "it may be watched again");
}

#[test]
fn what_is_wanted_while_the_device_is_away_is_told_when_it_is_back() {
    let double = double();
    let (client, shadow) = pump(&double);
    let deltas = shadow.deltas().unwrap();
    want(&double, 1);
    assert_eq!(deltas.recv(PATIENCE).expect("a delta").version, 1);
    assert!(client.stop(PATIENCE));
    want(&double, 2);
    want(&double, 3);
    assert_eq!(deltas.recv(Duration::ZERO), None);
    client.start();
    let delta = deltas.recv(PATIENCE).expect("the newest");
    assert_eq!((delta.version, delta.state.get::<u64>("flow")), (3, Some(Ok(3))));
    for flow in 4..=8 {
        double.drop_connections();
        want(&double, flow);
    }
    let mut versions = Vec::new();
    while versions.last() != Some(&8) {
        versions.push(deltas.recv(PATIENCE).unwrap_or_else(|| panic!("8 is missing: {versions:?}")).version);
    }
    assert!(versions.is_sorted_by(|one, next| one < next), "{versions:?}");
    assert_eq!(double.violations(), []);
}

#[test]
fn a_callback_of_a_delta_may_use_the_shadow_take_its_time_and_panic() {
    let double = double();
    let (_client, shadow) = pump(&double);
    let (sender, done) = mpsc::channel();
    let follow = move |shadow: &crate::runtime::Shadow, delta: crate::runtime::Delta| {
        let flow: Value = delta.state.get("flow").expect("it is there").unwrap();
        assert_ne!(flow, json!(13), "this panic is part of the test");
        let update = ShadowUpdate::reported(&json!({ "flow": flow })).unwrap();
        let version = shadow.update(update).unwrap().answer().unwrap().version;
        sender.send((delta.version, version)).unwrap();
    };
    let delivery = shadow.deltas().unwrap().deliver_to(follow).unwrap();
    want(&double, 1);
    assert_eq!(done.recv_timeout(PATIENCE), Ok((1, Some(2))));
    want(&double, 13);
    want(&double, 4);
    assert_eq!(done.recv_timeout(PATIENCE), Ok((4, Some(5))), "the next delta is delivered all the same");

    delivery.end();
    assert_eq!(done.recv_timeout(PATIENCE), Err(mpsc::RecvTimeoutError::Disconnected), "the callback is dropped");
    let get = shadow.get().unwrap().answer().unwrap();
    assert_eq!((get.version, get.delta), (Some(5), None));
}

#[test]
fn a_callback_alone_keeps_no_client() {
    let double = double();
    let (client, shadow) = pump(&double);
    let (sender, called) = mpsc::channel();
    let watch = shadow.watch(|watch| watch).unwrap();
    watch.deliver_to(move |_, event| sender.send(event).unwrap()).unwrap();
    assert_eq!(called.recv_timeout(PATIENCE), Ok(ShadowEvent::Absent));
    drop((client, shadow));
    assert!(double.wait_for_clients(&[], PATIENCE));
    assert_eq!(called.recv_timeout(PATIENCE), Err(mpsc::RecvTimeoutError::Disconnected));
}

#[test]
fn a_callback_may_be_the_last_to_hold_the_client() {
    let double = double();
    let (client, shadow) = pump(&double);
    let (sender, called) = mpsc::channel();
    let (go, going) = mpsc::channel();
    let hold = move |shadow: &crate::runtime::Shadow, _| {
        sender.send(()).unwrap();
        going.recv_timeout(PATIENCE).unwrap();
        assert!(shadow.client().phase() == Phase::Ready);
    };
    shadow.watch(|watch| watch).unwrap().deliver_to(hold).unwrap();
    called.recv_timeout(PATIENCE).unwrap();
    drop((client, shadow));
    go.send(()).unwrap();
    assert_eq!(called.recv_timeout(PATIENCE), Err(mpsc::RecvTimeoutError::Disconnected));
    assert!(double.wait_for_clients(&[], PATIENCE));
}

#[test]
fn an_echo_and_a_controller_agree_over_a_bad_line() {
    const LAST: u64 = 40;
    let double = double();
    let (_client, shadow) = pump(&double);
    let echo = |shadow: &crate::runtime::Shadow, delta: crate::runtime::Delta| {
        let state: Value = delta.state.parse().unwrap();
        // Whatever becomes of it: what still differs comes again.
        drop(shadow.update(ShadowUpdate::reported(&state).unwrap()));
    };
    shadow.deltas().unwrap().deliver_to(echo).unwrap();
    let controller = Client::connect(plain(&double, "controller")).unwrap();
    controller.wait_ready(PATIENCE).unwrap();
    let remote = controller.shadow("pump").unwrap().timeout(PATIENCE).when_offline(crate::runtime::WhenOffline::Wait);
    let changes = remote.watch(|watch| watch.documents(true)).unwrap();
    for flow in 1..=LAST {
        if flow % 8 == 0 {
            double.drop_connections();
        }
        remote.update(desired(&json!({ "flow": flow }))).unwrap().answer().unwrap();
    }
    let reported = |event: ShadowEvent| match event {
        ShadowEvent::Documents(documents) => documents.current.reported?.get::<u64>("flow")?.ok(),
        ShadowEvent::Current(document) => document.reported?.get::<u64>("flow")?.ok(),
        _ => None,
    };
    while reported(changes.recv(PATIENCE).expect("the device follows")) != Some(LAST) {}
    assert_eq!(double.violations(), []);
}

#[test]
fn a_text_in_pieces_arrives_whole() {
    // Case 56 ★: v1 loses a tenth of them.
    let text: String = (0..100_u8).map(|n| char::from(b'!' + n % 90)).collect();
    let double = double();
    let (_client, shadow) = pump(&double);
    let deltas = shadow.deltas().unwrap();
    assert!(deltas.granted(PATIENCE).is_some());
    let controller = Client::connect(plain(&double, "controller")).unwrap();
    controller.wait_ready(PATIENCE).unwrap();
    let remote = controller.shadow("pump").unwrap().timeout(PATIENCE);
    let mut rest = &text[..];
    let mut pieces = 0;
    while !rest.is_empty() {
        let (piece, left) = rest.split_at(rest.len().min(1 + pieces % 10));
        remote.update(desired(&json!({ "piece": piece }))).unwrap().answer().unwrap();
        (rest, pieces) = (left, pieces + 1);
    }
    let piece = |delta: crate::runtime::Delta| delta.state.get::<String>("piece").unwrap().unwrap();
    let arrived: String = deltas.take(pieces).map(piece).collect();
    assert_eq!(arrived, text);
}

/// With what stands in them, enough to fill the watch and every buffer on the way.
const DELTAS: usize = 6_000;

/// Grants the subscription and then writes all the deltas, with answers to pings between them.
fn flood(stream: &mut TcpStream, heard: &Sender<u8>, written: &AtomicUsize) {
    accept(stream);
    let (_, subscribe) = read_packet(stream).expect("SUBSCRIBE");
    stream.write_all(&[0x90, 3, subscribe[0], subscribe[1], 1]).unwrap();
    let mut reader = stream.try_clone().unwrap();
    let (ping, pings) = mpsc::channel();
    let heard = heard.clone();
    std::thread::spawn(move || {
        while let Some((kind, _)) = read_packet(&mut reader) {
            if kind == 12 {
                ping.send(()).unwrap();
            }
            // The test may be over.
            let _ = heard.send(kind);
        }
    });
    let text = "x".repeat(4_000);
    for version in 1..=DELTAS {
        let delta = format!(r#"{{"version":{version},"state":{{"text":"{text}"}}}}"#);
        stream.write_all(&publish_packet("$aws/things/pump/shadow/update/delta", &delta)).unwrap();
        written.store(version, Ordering::SeqCst);
        for () in pings.try_iter() {
            stream.write_all(PINGRESP).unwrap();
        }
    }
    for () in pings {
        stream.write_all(PINGRESP).unwrap();
    }
}

#[test]
fn a_watch_that_nobody_reads_stops_the_reading_and_loses_nothing() {
    let (heard, packets) = mpsc::channel();
    let written = Arc::new(AtomicUsize::new(0));
    let progress = Arc::clone(&written);
    let peer = Peer::start(move |stream| flood(stream, &heard, &progress));
    let options = plain_at(&peer.endpoint(), "slow").with(|config| config.keep_alive = Duration::from_secs(1));
    let client = Client::connect(options).unwrap();
    let events = client.shadow("pump").unwrap().watch(|watch| watch.get_first(false)).unwrap();
    // While it waits for room it lives, and says so with pings; between two of them the peer gets nowhere.
    let mut before = 0;
    loop {
        while packets.recv_timeout(PATIENCE).expect("PINGREQ") != 12 {}
        let now = written.load(Ordering::SeqCst);
        assert!(now < DELTAS, "the peer could write everything: reading did not stop");
        if now == before && now > 0 {
            break;
        }
        before = now;
    }
    assert_eq!(client.phase(), Phase::Ready);
    for version in 1..=DELTAS {
        let event = events.recv(PATIENCE).expect("a delta");
        assert!(word(&event) == format!("delta {version}"), "{} is not delta {version}", word(&event));
    }
}
