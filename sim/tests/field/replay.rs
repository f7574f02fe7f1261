//! Recorded lives, replayed and told.

use std::fs;
use std::path::PathBuf;

use bytes::BytesMut;
use thingwire_core::trace::{RecordOptions, Trace, TraceError};
use thingwire_core::{Action, Client, Config, Event, Filter, Instant, Jitter, LinkError, Publish, Qos, Topic};
use thingwire_sim::field::{FieldError, is_field_trace, records, replay_command};
use thingwire_sim::oracle::{Judge, Rulebook};
use thingwire_sim::trace::{Observer, Packet, Record, What};

/// A link that comes up, one message each way, a second link that is refused.
fn life() -> Vec<u8> {
    let mut config = Config::new("device");
    config.backoff.jitter = Jitter::None;
    let mut device = Device::started(config);
    let link = 1;
    device.receive(link, &[0x20, 2, 0, 0]);
    device.client.subscribe(device.now, vec![(Filter::new("in/#").unwrap(), Qos::AtLeastOnce)]).unwrap();
    device.client.publish(device.now, Publish::new(Topic::new("out").unwrap(), "12345678")).unwrap();
    device.drain(30_000);
    device.receive(link, &[0x90, 3, 0, 1, 1, 0x40, 2, 0, 2, 0x32, 10, 0, 4, b'i', b'n', b'/', b'1', 0, 9, b'h', b'i']);
    device.drain(1_000_000);
    device.lose();
    device.drain(1_000_000);
    device.client.handle(device.now, Event::Wake);
    device.drain(0);
    device.receive(2, &[0x20, 2, 0, 5]);
    device.drain(0);
    device.client.recording().unwrap()
}

struct Device {
    client: Client,
    now: Instant,
}

impl Device {
    /// Recorded, and with a link on which CONNECT was sent.
    fn started(config: Config) -> Self {
        let mut device = Self { client: Client::new(config, 7, Instant::EPOCH).unwrap(), now: Instant::EPOCH };
        device.client.record(&RecordOptions::new([1, 2]));
        device.client.start(device.now);
        device.drain(10);
        device
    }

    fn drain(&mut self, then_micros: u64) {
        self.drain_into(1024, then_micros);
    }

    /// Drains through a socket with this much room.
    fn drain_into(&mut self, room: usize, then_micros: u64) {
        let mut out = BytesMut::new();
        loop {
            let budget = room.saturating_sub(out.len());
            let written = self.client.poll_transmit(self.now, &mut out, budget);
            match self.client.poll_action() {
                Some(Action::Open(link)) => self.client.handle(self.now, Event::LinkUp(link)),
                None if written == 0 => break,
                Some(_) | None => {}
            }
        }
        self.now = self.now + core::time::Duration::from_micros(then_micros);
    }

    /// Only the client makes links; their numbers are known.
    fn receive(&mut self, number: u64, bytes: &[u8]) {
        let link = link(number);
        self.client.handle(self.now, Event::Received(link, &mut BytesMut::from(bytes)));
    }

    fn lose(&mut self) {
        self.client.handle(self.now, Event::LinkDown(link(1), LinkError::Closed));
    }
}

/// The link with this number, from a client that gives up as many.
fn link(number: u64) -> thingwire_core::Link {
    let mut client = Client::new(Config::new("other"), 1, Instant::EPOCH).unwrap();
    let mut now = Instant::EPOCH;
    loop {
        client.start(now);
        while let Some(action) = client.poll_action() {
            if let Action::Open(link) = action {
                if link.number() == number {
                    return link;
                }
            }
        }
        client.stop(now);
        now = now + core::time::Duration::from_secs(2);
    }
}

/// The same trace as if core 0.0.9 had written it: the last eight bytes are the hash over all before.
fn of_another_version(file: &[u8]) -> Vec<u8> {
    let mut other = file[..file.len() - 8].to_vec();
    let version = env!("CARGO_PKG_VERSION");
    let at = other.windows(version.len()).position(|window| window == version.as_bytes()).unwrap();
    other.splice(at..at + version.len(), "0.0.9".bytes());
    let mix = |hash: u64, word: u64| {
        let mixed = (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ (mixed >> 32)
    };
    let words = other.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().unwrap()));
    let mut last = other.chunks_exact(8).remainder().to_vec();
    last.resize(8, 0);
    let ends = [u64::from_le_bytes(last.try_into().unwrap()), u64::try_from(other.len()).unwrap()];
    let hash = words.chain(ends).fold(0, mix);
    other.extend_from_slice(&hash.to_le_bytes());
    other
}

fn saved(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("device.trace");
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

#[test]
fn a_recorded_life_is_told_in_the_words_that_oracles_judge() {
    let file = life();
    assert!(is_field_trace(&file[..8]) && !is_field_trace(b"{\"seed\": 1}"));
    let told = records(&Trace::parse(&file).unwrap());
    assert_eq!(told.error, None);
    let lines: Vec<_> =
        told.trace.records.iter().map(|record| format!("{:>8} {:?}", record.at.as_micros(), record.what)).collect();
    insta::assert_snapshot!(lines.join("\n"));
    assert_eq!(told.trace.names.values().collect::<Vec<_>>().len(), 3, "out, in/# and in/1");
}

#[test]
fn what_a_full_socket_keeps_from_being_sent_is_not_held_against_the_client() {
    let config = Config::new("device");
    let mut device = Device::started(config.clone());
    device.receive(1, &[0x20, 2, 0, 0]);
    device.drain(1_000_000);
    // A minute later a PINGREQ is due, and there is no room for it for three seconds.
    device.now = device.now + config.keep_alive;
    for _ in 0..3 {
        device.client.handle(device.now, Event::Wake);
        device.drain_into(0, 1_000_000);
    }
    device.drain(1_000);
    device.receive(1, &[0xd0, 0]);
    device.drain(1_000);
    device.client.stop(device.now);
    device.drain(0);
    let file = device.client.recording().unwrap();
    let told = records(&Trace::parse(&file).unwrap());
    assert_eq!(told.error, None);
    let all = told.trace.records;
    let blocked: Vec<_> = all.iter().filter(|record| matches!(record.what, What::Blocked(_))).collect();
    assert!(matches!(
        blocked[..],
        [Record { what: What::Blocked(true), .. }, Record { what: What::Blocked(false), .. }]
    ));
    let pinged = all.iter().find(|record| matches!(record.what, What::Sent(_, Packet::Pingreq))).unwrap();
    assert_eq!(pinged.at.since(blocked[0].at), core::time::Duration::from_secs(3));
    assert_eq!(judge(&config, &all), [""; 0]);
    let unexcused: Vec<_> = all.into_iter().filter(|record| !matches!(record.what, What::Blocked(_))).collect();
    assert_eq!(judge(&config, &unexcused), ["S18"]);
}

/// The oracles that do not hold.
fn judge(config: &Config, records: &[Record]) -> Vec<&'static str> {
    let mut judge = Judge::new(vec![Rulebook::new(config.clone())]);
    for record in records {
        judge.observe(record);
    }
    let mut found: Vec<_> = judge.findings().iter().map(|finding| finding.oracle).collect();
    found.dedup();
    found
}

#[test]
fn a_replay_says_what_it_has_found() {
    let (_folder, path) = saved(&life());
    let text = replay_command(&path, true).unwrap().to_string();
    insta::assert_snapshot!(text.replace(env!("CARGO_PKG_VERSION"), "(version)"));
}

#[test]
fn another_versions_trace_is_compared_unless_that_is_not_to_be() {
    let (_folder, path) = saved(&of_another_version(&life()));
    let replayed = replay_command(&path, false).unwrap();
    assert!(replayed.recorded_by == "0.0.9" && replayed.to_string().contains("does the same"));
    let error = replay_command(&path, true).unwrap_err();
    assert!(matches!(&error, FieldError::OtherVersion { recorded_by, .. } if recorded_by == "0.0.9"));
    assert!(error.exit_code() == 2 && error.to_string().contains("recorded by core 0.0.9"), "{error}");
}

#[test]
fn what_cannot_be_replayed_is_named_with_its_file() {
    let (folder, path) = saved(b"once upon a time");
    let error = replay_command(&path, false).unwrap_err();
    assert!(matches!(&error, FieldError::Trace { why: TraceError::NotATrace, .. }), "{error}");
    assert!(error.exit_code() == 2 && error.to_string().contains("device.trace"), "{error}");
    let error = replay_command(&folder.path().join("none"), false).unwrap_err();
    assert!(matches!(&error, FieldError::Read { .. }) && error.exit_code() == 2, "{error}");
}
