//! What a double keeps while it is not running.

#![cfg(unix)]

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use thingwire_sim::double::Double;
use thingwire_sim::shadow::ShadowName;

use crate::packets::{Connect, DISCONNECT, puback, publish0, publish1, retained, suback, subscribe};
use crate::serve::{Serve, run};

fn double(dir: &Path) -> Double {
    Double::options().plain_port(0).state(dir).start().unwrap()
}

/// A client that is online; whether its session was there.
fn online(mut stream: TcpStream, connect: &Connect<'_>) -> (TcpStream, bool) {
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(&connect.bytes()).unwrap();
    let answer = packet(&mut stream).unwrap();
    assert_eq!(answer[3], 0);
    (stream, answer[2] == 1)
}

fn plain(double: &Double) -> TcpStream {
    TcpStream::connect(("127.0.0.1", double.plain_port().unwrap())).unwrap()
}

/// The next packet, shorter than two MiB.
fn packet(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut packet = vec![0; 2];
    stream.read_exact(&mut packet)?;
    let mut length = usize::from(packet[1] & 0x7f);
    let mut place = 7;
    while packet.last().unwrap() & 0x80 != 0 {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        length |= usize::from(byte[0] & 0x7f) << place;
        place += 7;
        packet.push(byte[0]);
    }
    let header = packet.len();
    packet.resize(header + length, 0);
    stream.read_exact(&mut packet[header..])?;
    Ok(packet)
}

/// Says goodbye and waits until the server has heard it.
fn leave(mut stream: TcpStream) {
    stream.write_all(DISCONNECT).unwrap();
    // What was on its way to it comes before.
    stream.read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn shadows_sessions_and_retained_messages_are_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("new/state");
    let first = double(&state);
    let (mut device, _) = online(plain(&first), &Connect::persistent("d"));
    device.write_all(&subscribe(1, &[("t", 1)])).unwrap();
    assert_eq!(packet(&mut device).unwrap(), suback(1, &[1]));
    leave(device);
    let (mut other, _) = online(plain(&first), &Connect::clean("o"));
    other.write_all(&publish1(1, "t", b"stored")).unwrap();
    other.write_all(&retained("r", b"retained")).unwrap();
    other.write_all(&publish1(2, "$aws/things/x/shadow/update", br#"{"state":{"desired":{"a":1}}}"#)).unwrap();
    assert_eq!(packet(&mut other).unwrap(), puback(1));
    assert_eq!(packet(&mut other).unwrap(), puback(2));
    drop(first);

    let second = double(&state);
    let (mut device, present) = online(plain(&second), &Connect::persistent("d"));
    assert!(present);
    assert_eq!(packet(&mut device).unwrap(), publish1(1, "t", b"stored"));
    device.write_all(&subscribe(2, &[("r", 0)])).unwrap();
    assert_eq!(packet(&mut device).unwrap(), suback(2, &[0]));
    assert_eq!(packet(&mut device).unwrap(), crate::packets::with_first_byte(0x31, publish0("r", b"retained")));
    let shadow = second.shadow(&ShadowName::classic("x").unwrap()).unwrap();
    assert_eq!((&shadow["version"], &shadow["state"]["desired"]["a"]), (&1.into(), &1.into()));
    assert!(shadow["timestamp"].as_u64().unwrap() > 1_700_000_000, "the time on the wall");
}

#[test]
fn without_a_directory_everything_is_forgotten() {
    let double = Double::options().plain_port(0).start().unwrap();
    let name = ShadowName::classic("x").unwrap();
    assert_eq!(double.update_shadow(&name, r#"{"state":{"reported":{"a":1}}}"#), Ok(1));
    drop(double);
    assert_eq!(Double::start().unwrap().shadow(&name), None);
}

#[test]
fn a_state_that_cannot_be_read_is_told_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("state.json");
    let empty = r#"{"sessions":[],"retained":[],"shadows":[]}"#;
    let there = r#"{"thing":"a b","version":1,"timestamp":1}"#;
    let impossible = empty.replace(r#""shadows":[]"#, &format!(r#""shadows":[{there}]"#));
    for (text, why) in [
        (String::new(), "EOF while parsing"),
        ("{".to_owned(), "EOF while parsing"),
        (format!(r#"{{"format":2,"state":{empty}}}"#), "its format is 2, not 1"),
        (format!(r#"{{"format":1,"state":{}}}"#, &empty[..20]), "column"),
        (r#"{"format":1,"state":{"sessions":[]}}"#.to_owned(), "missing field `retained`"),
        (format!(r#"{{"format":1,"state":{impossible}}}"#), "no shadow can be called \"a b\""),
    ] {
        std::fs::write(&file, &text).unwrap();
        let error = Double::options().state(dir.path()).start().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        let line = error.to_string();
        assert!(line.contains(file.to_str().unwrap()) && line.contains(why), "{line}");
        assert!(line.lines().count() == 1 && line.contains("hint: "), "{line}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text, "it is left as it was");
    }
    let output = run(&["serve", "--state", dir.path().to_str().unwrap()]);
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), err.lines().count()), (Some(1), 1), "{err}");
    let output = run(&["serve", "--state", file.to_str().unwrap()]);
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.lines().count() == 1 && err.contains(file.to_str().unwrap()) && err.contains("directory"), "{err}");
}

#[test]
fn what_was_written_by_halves_is_not_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let name = ShadowName::classic("x").unwrap();
    let first = double(dir.path());
    assert_eq!(first.update_shadow(&name, r#"{"state":{"reported":{"a":1}}}"#), Ok(1));
    drop(first);
    std::fs::write(dir.path().join("state.json.new"), r#"{"format":1,"sta"#).unwrap();
    let second = double(dir.path());
    assert_eq!(
        second.update_shadow(&name, r#"{"state":{"reported":{"a":2}}}"#),
        Ok(2),
        "the old state, and a new one over the half"
    );
    assert!(second.failure().is_none());
}

#[test]
fn one_double_at_a_time_has_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let first = double(dir.path());
    let error = Double::options().state(dir.path()).start().unwrap_err();
    assert_eq!(error.to_string(), format!("the state in {} is in use by another process", dir.path().display()));
    let output = run(&["serve", "--state", dir.path().to_str().unwrap()]);
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.lines().count() == 1 && err.contains("in use") && err.contains("another directory"), "{err}");
    drop(first);
    double(dir.path());
}

#[test]
fn a_disk_that_is_full_at_the_start_or_later_is_told_to_the_program_around_it() {
    let dir = tempfile::tempdir().unwrap();
    let name = ShadowName::classic("x").unwrap();
    let running = double(dir.path());
    symlink("/dev/full", dir.path().join("state.json.new")).unwrap();
    let refused = running.update_shadow(&name, r#"{"state":{"reported":{"a":1}}}"#).unwrap_err();
    assert_eq!(refused.code, 503, "not done, so not said to be");
    assert_eq!(running.failure().unwrap().kind(), ErrorKind::StorageFull);
    assert_eq!(running.shadow(&name), None, "it has ended");
    drop(running);
    let error = Double::options().state(dir.path()).start().unwrap_err();
    assert!(error.to_string().starts_with("cannot write the state to"), "{error}");
}

#[test]
fn a_full_disk_ends_it_before_anybody_hears_of_what_is_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = ["--plain-port", "0", "--state", dir.path().to_str().unwrap()];
    let serve = Serve::start(&arguments);
    let (mut client, _) = online(serve.plain(), &Connect::clean("c"));
    client.write_all(&publish1(1, "$aws/things/x/shadow/update", br#"{"state":{"reported":{"a":1}}}"#)).unwrap();
    assert_eq!(packet(&mut client).unwrap(), puback(1));
    symlink("/dev/full", dir.path().join("state.json.new")).unwrap();
    client.write_all(&publish1(2, "$aws/things/x/shadow/update", br#"{"state":{"reported":{"a":2}}}"#)).unwrap();
    assert!(packet(&mut client).is_err(), "no acknowledgement");
    let (code, err) = serve.wait();
    let file = dir.path().join("state.json");
    assert_eq!((code, err.lines().count()), (Some(1), 1), "{err}");
    assert!(
        err.contains(file.to_str().unwrap()) && err.contains("No space left") && err.contains("make room"),
        "{err}"
    );

    std::fs::remove_file(dir.path().join("state.json.new")).unwrap();
    let serve = Serve::start(&arguments);
    assert_eq!(shadow_of(&serve), Some((1, 1)), "the old state is whole");
}

/// Version and number in the shadow of `x`.
fn shadow_of(serve: &Serve) -> Option<(u64, u64)> {
    let (mut client, _) = online(serve.plain(), &Connect::clean("looker"));
    client.write_all(&subscribe(1, &[("$aws/things/x/shadow/get/+", 0)])).unwrap();
    assert_eq!(packet(&mut client).unwrap(), suback(1, &[0]));
    client.write_all(&publish0("$aws/things/x/shadow/get", b"")).unwrap();
    let answer = packet(&mut client).unwrap();
    let body = answer.iter().position(|byte| *byte == b'{').unwrap();
    let shadow: serde_json::Value = serde_json::from_slice(&answer[body..]).unwrap();
    Some((shadow["version"].as_u64()?, shadow["state"]["reported"]["a"].as_u64()?))
}

/// Publishes numbers to `t` and into the shadow of `x`, from this one on, until the server is gone. The last number that it has
/// acknowledged, and the last that it was sent.
fn write_until_it_dies(mut client: TcpStream, first: u64) -> (u64, u64) {
    let mut number = first;
    loop {
        let id = u16::try_from(number % 30_000).unwrap() * 2 + 1;
        let shadow = format!(r#"{{"state":{{"reported":{{"a":{number}}}}}}}"#);
        let both = [
            publish1(id, "t", number.to_string().as_bytes()),
            publish1(id + 1, "$aws/things/x/shadow/update", shadow.as_bytes()),
        ];
        let answered = client.write_all(&both.concat()).is_ok()
            && packet(&mut client).is_ok_and(|answer| answer == puback(id))
            && packet(&mut client).is_ok_and(|answer| answer == puback(id + 1));
        if !answered {
            return (number - 1, number);
        }
        number += 1;
    }
}

/// The numbers that wait for the persistent session `s`, at least up to this one.
fn stored(serve: &Serve, until: u64) -> Vec<u64> {
    let (mut client, present) = online(serve.plain(), &Connect::persistent("s"));
    assert!(present);
    let mut numbers = Vec::new();
    while numbers.last().is_none_or(|last| *last < until) {
        let publish = packet(&mut client).unwrap();
        let (id, text) = (&publish[5..7], &publish[7..]);
        numbers.push(std::str::from_utf8(text).unwrap().parse().unwrap());
        client.write_all(&puback(u16::from_be_bytes([id[0], id[1]]))).unwrap();
    }
    leave(client);
    // What was not acknowledged in time comes again, and what was sent again as well.
    numbers.dedup();
    numbers
}

#[test]
fn killed_at_any_moment_it_has_everything_that_it_has_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = ["--plain-port", "0", "--state", dir.path().to_str().unwrap()];
    let serve = Serve::start(&arguments);
    let (mut client, _) = online(serve.plain(), &Connect::persistent("s"));
    client.write_all(&subscribe(1, &[("t", 1)])).unwrap();
    assert_eq!(packet(&mut client).unwrap(), suback(1, &[1]));
    leave(client);
    serve.end(Signal::TERM);

    let mut next = 1;
    for round in 0..12_u64 {
        let serve = Serve::start(&arguments);
        let process = Pid::from_raw(i32::try_from(serve.process()).unwrap()).unwrap();
        let (writer, _) = online(serve.plain(), &Connect::clean("writer"));
        let (acknowledged, sent) = thread::scope(|scope| {
            scope.spawn(move || {
                // Where in a write this falls is chance; twelve rounds fall in many places.
                thread::sleep(Duration::from_micros(3_000 + round * 4_567));
                kill_process(process, Signal::KILL).unwrap();
            });
            write_until_it_dies(writer, next)
        });
        drop(serve);

        let serve = Serve::start(&arguments);
        if acknowledged > 0 || shadow_of(&serve).is_some() {
            let (version, number) = shadow_of(&serve).unwrap();
            assert_eq!(version, number, "every update is there once");
            assert!((acknowledged..=sent).contains(&number), "{acknowledged}..={sent}: {number}");
        }
        let shadow = shadow_of(&serve).map_or(0, |(_, number)| number);
        if acknowledged >= next {
            let numbers = stored(&serve, acknowledged);
            assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]) && numbers[0] <= next, "{numbers:?}");
        }
        next = shadow + 1;
        let (code, _, err) = serve.end(Signal::TERM);
        assert_eq!((code, err.as_str()), (Some(0), ""));
    }
    assert!(next > 12, "it was written to in between: {next}");
}
