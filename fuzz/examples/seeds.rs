//! Writes seeds for the corpora, scenarios of the simulator, a recording, and what services say:
//! `cargo run -p thingwire-fuzz --example seeds -- FOLDER`, and then the best of them: `cargo fuzz cmin` or `-merge=1`, see
//! the README.
//!
//! Targets that read a structure out of their bytes begin with noise, long enough for a life.

#![expect(clippy::print_stderr, reason = "a program talks to people")]

use std::io;
use std::path::Path;
use std::process::ExitCode;

use bytes::BytesMut;
use thingwire_core::trace::RecordOptions;
use thingwire_core::{Action, Client, Config, Event, Filter, Instant, Publish, Qos, Rng, Topic};
use thingwire_sim::catalogue::{self, Made};
use thingwire_sim::{profile, scenario};

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("which folder are the seeds for?");
        return ExitCode::from(2);
    };
    match write_all(Path::new(&folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the seeds cannot be written: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write_all(folder: &Path) -> io::Result<()> {
    for target in ["client", "codec", "life", "lines", "request", "thing", "tls"] {
        write(folder, target, (1..64).map(noise))?;
    }
    let scenarios = scenarios();
    write(folder, "scenario", scenarios.iter().map(|text| text.as_bytes().to_vec()))?;
    write(folder, "trace", (1..9).map(life))?;
    write(folder, "shadow", SHADOWS.iter().map(|text| text.as_bytes().to_vec()))?;
    write(folder, "topic", TOPICS.iter().map(|text| text.as_bytes().to_vec()))?;
    write(folder, "http", HTTP.iter().map(|(kind, text)| [&kind[..], text.as_bytes()].concat()))?;
    write(folder, "proxy", PROXY.iter().map(|(kind, bytes)| [&kind[..], bytes].concat()))?;
    write(folder, "websocket", WEBSOCKET.iter().map(|(kind, bytes)| [&kind[..], bytes].concat()))
}

fn write(folder: &Path, target: &str, seeds: impl Iterator<Item = Vec<u8>>) -> io::Result<()> {
    let folder = folder.join(target);
    std::fs::create_dir_all(&folder)?;
    seeds.enumerate().try_for_each(|(number, seed)| std::fs::write(folder.join(format!("seed-{number:03}")), seed))
}

fn noise(seed: u64) -> Vec<u8> {
    let mut rng = Rng::new(seed);
    (0..seed * 10).map(|_| rng.next_u64().to_le_bytes()[0]).collect()
}

/// A small plan of every profile, and one fault of every case.
fn scenarios() -> Vec<String> {
    let calm = profile::find("calm").map(|profile| profile.plan(1));
    let profiles = profile::ALL.iter().map(|profile| {
        let mut plan = profile.plan(3);
        plan.fault.truncate(2);
        plan
    });
    let faults = catalogue::rows().filter(|row| matches!(row.made, Made::By(_))).filter_map(|row| {
        let mut plan = calm.clone()?;
        let mut choices = thingwire_sim::choices::Seeded::new(1);
        plan.workload.clear();
        plan.op.clear();
        plan.fault = row.faults(&mut catalogue::Draw::new(&mut choices, 0, plan.duration));
        Some(plan)
    });
    let mut texts: Vec<_> = profiles.chain(faults).filter_map(|plan| scenario::write(&plan).ok()).collect();
    texts.push(
        "duration = \"1m..5m\"\nheal = \"5m\"\nseed = 3\n[[fault]]\nat = \"1s..50s\"\ndo = \"vanish\"\n".to_owned(),
    );
    texts
}

/// A recorded life with a bit of everything, longer with a higher number.
fn life(rounds: u8) -> Vec<u8> {
    let mut now = Instant::EPOCH;
    let Ok(mut client) = Client::new(Config::new("device"), 1, now) else { return Vec::new() };
    client.record(&RecordOptions::new([1, 2]));
    client.start(now);
    let (mut link, mut out) = (None, BytesMut::new());
    for round in 0..rounds {
        let topic = Topic::new("out").map(|topic| Publish::new(topic, vec![round; 4]));
        let asked = topic.is_ok_and(|publish| client.publish(now, publish).is_ok());
        if let (true, Ok(filter)) = (asked && round == 2, Filter::new("in/#")) {
            let _ = client.subscribe(now, vec![(filter, Qos::AtLeastOnce)]);
        }
        loop {
            let written = client.poll_transmit(now, &mut out, 100);
            let action = client.poll_action();
            if let Some(Action::Open(opened)) = action {
                link = Some(opened);
                client.handle(now, Event::LinkUp(opened));
            }
            if written == 0 && action.is_none() {
                break;
            }
        }
        let answers: [&[u8]; 4] = [
            &[0x20, 2, 0, 0],
            &[0x40, 2, 0, 1, 0xd0, 0],
            &[0x32, 10, 0, 4, b'i', b'n', b'/', b'1', 0, 9, b'h', b'i'],
            &[0x90, 3, 0, 2, 1],
        ];
        if let Some(link) = link {
            client.handle(now, Event::Received(link, &mut BytesMut::from(answers[usize::from(round % 4)])));
        }
        now = client.next_deadline().map_or(now, |(deadline, _)| deadline);
        client.handle(now, Event::Wake);
    }
    client.stop(now);
    client.recording().unwrap_or_default()
}

const SHADOWS: &[&str] = &[
    r#"{"state":{"desired":{"a":1},"reported":{"a":2,"b":[1,{"c":null}]},"delta":{"a":1}},"metadata":{"delta":{"a":{"timestamp":5}}},"version":7,"timestamp":9,"clientToken":"t"}"#,
    r#"{"state":{"a":{"b":true}},"metadata":{"a":{"b":{"timestamp":5}}},"version":8,"timestamp":10}"#,
    r#"{"previous":{"state":{"reported":{"a":1}},"metadata":{},"version":1},"current":{"state":{"desired":{"a":"\u00e9"}},"metadata":{},"version":2},"timestamp":3,"clientToken":"\""}"#,
    r#"{"state":null,"version":1}"#,
    r#"{"state":{"desired":null,"reported":{}},"version":18446744073709551615,"clientToken":""}"#,
    r#"{"code":404,"message":"No shadow exists with name: 't'","timestamp":1,"clientToken":"t"}"#,
    r#"{"state":{"desired":{"a":[null]}}}"#,
    r#" { "version" : 1.0e2 , "state" : { "desired" : { "x" : -0 } } } "#,
];

const TOPICS: &[&str] = &[
    "sport/tennis/+\nsport/tennis/player1",
    "sport/#\nsport",
    "#\n$SYS/x",
    "+/+\n/finance",
    "$aws/things/+/shadow/#\n$aws/things/t/shadow/get/accepted",
    "a+/b\na",
    "a/#/b\na/b/",
    "/\n/",
];

const HTTP: &[(&[u8], &str)] = &[
    (&[0, 1, 3], "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    (
        &[0, 1, 1],
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\n\r\n",
    ),
    (&[0, 0], "HTTP/1.0 403 Forbidden\r\nContent-Type: text/html\r\nLocation: https://x/?secret\r\n\r\n<html>"),
    (
        &[1, 0],
        r#"{"Version":1,"AccessKeyId":"AKIAEXAMPLE","SecretAccessKey":"secretsecret","SessionToken":"t","Expiration":"2026-01-02T03:04:05Z"}"#,
    ),
    (
        &[1, 1],
        r#"{"credentials":{"accessKeyId":"ASIAEXAMPLE","secretAccessKey":"secretsecret","sessionToken":"t","expiration":"2026-01-02T03:04:05Z"}}"#,
    ),
    (
        &[1, 2],
        r#"{"IdentityId":"i","Credentials":{"AccessKeyId":"ASIAEXAMPLE","SecretKey":"secretsecret","SessionToken":"t","Expiration":1.7e9}}"#,
    ),
    (&[2], r#"{"__type":"a#NotAuthorizedException","message":"no"}"#),
    (&[3, 0, 0], "[default]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = secretsecret\n"),
    (&[3, 1, 1], "[profile other]\ncredential_process = \"/a b\" 'c' d\\ e\ns3 =\n  x = y\n"),
];

const PROXY: &[(&[u8], &[u8])] = &[
    (&[0, 0, 0], b"\x05\x00\x05\x00\x00\x01\x7f\x00\x00\x01\x22\xb3after"),
    (&[0, 1, 1, 2], b"\x05\x02\x01\x00\x05\x00\x00\x03\x04host\x22\xb3"),
    (&[0, 0, 0], b"\x05\x00\x05\x04\x00\x01\x00\x00\x00\x00\x00\x00"),
    (&[0, 0, 0], b"\x05\xff"),
    (&[1, 0, 0], b"HTTP/1.1 200 Connection established\r\n\r\nafter"),
    (&[1, 1, 1, 1], b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n"),
    (&[1, 0, 0], b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.0 200\n\n"),
];

const WEBSOCKET: &[(&[u8], &[u8])] = &[
    (
        &[1, 9, 0],
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\
          Sec-WebSocket-Protocol: mqtt\r\n\r\n\x82\x01x",
    ),
    (&[0, 0], b"HTTP/1.1 403 Forbidden\r\nDate: Sun, 06 Nov 1994 08:44:37 GMT\r\nx-amzn-ErrorType: F:http://x/\r\n\r\n"),
    (&[1, 1, 1], b"\x02\x01a\x89\x01p\x00\x01b\x8a\x02\x00\x00\x80\x01c\x88\x05\x03\xe8bye"),
    (&[0, 1], b"\x82\x7e\x00\x80aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\
              aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\x88\x00"),
    (&[0, 2, 1, 60], b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
];
