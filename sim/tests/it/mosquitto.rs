//! The harness around a real Mosquitto. These tests need one to be installed.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use thingwire_sim::mosquitto::{Mosquitto, MosquittoOptions, MosquittoTls};

use crate::packets::{Connect, DISCONNECT, PINGREQ, connack, puback, publish1, suback, subscribe};

const PATIENCE: Duration = Duration::from_secs(20);

/// A client on the plain port, and the CONNACK it got.
fn connect(mosquitto: &Mosquitto, connect: &Connect<'_>) -> (TcpStream, Vec<u8>) {
    let mut stream = TcpStream::connect(("127.0.0.1", mosquitto.plain_port().unwrap())).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&connect.bytes()).unwrap();
    let mut answer = vec![0; 4];
    stream.read_exact(&mut answer).unwrap();
    (stream, answer)
}

fn assert_reads(stream: &mut TcpStream, expected: &[u8]) {
    let mut got = vec![0; expected.len()];
    stream.read_exact(&mut got).unwrap();
    assert_eq!(got, expected);
}

#[test]
fn it_serves_without_tls_and_ends_with_its_handle() {
    let mosquitto = Mosquitto::start(MosquittoOptions::default()).unwrap();
    let port = mosquitto.plain_port().unwrap();
    assert_eq!(mosquitto.tls_port(), None);
    let (_client, answer) = connect(&mosquitto, &Connect::clean("a"));
    assert_eq!(answer, connack(false, 0));
    assert!(mosquitto.log().iter().any(|line| line.contains("running")));
    drop(mosquitto);
    assert_eq!(TcpStream::connect(("127.0.0.1", port)).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn it_serves_tls_with_and_without_client_certificates() {
    for (tls, with_certificate, accepted) in [
        (MosquittoTls::Mutual, true, true),
        (MosquittoTls::Mutual, false, false),
        (MosquittoTls::ServerOnly, false, true),
    ] {
        let options = MosquittoOptions { plain: false, tls: Some(tls), ..MosquittoOptions::default() };
        let mosquitto = Mosquitto::start(options).unwrap();
        assert_eq!(mosquitto.plain_port(), None);
        let files = mosquitto.files();
        let mut publish = Command::new("mosquitto_pub");
        publish.args([
            "-h",
            "localhost",
            "-p",
            &mosquitto.tls_port().unwrap().to_string(),
            "-q",
            "1",
            "-t",
            "t",
            "-m",
            "x",
        ]);
        publish.arg("--cafile").arg(&files.ca);
        if with_certificate {
            publish.arg("--cert").arg(&files.device.cert).arg("--key").arg(&files.device.key);
        }
        let output = publish.output().unwrap();
        assert_eq!(output.status.success(), accepted, "{tls:?} {output:?} {:?}", mosquitto.log());
    }
}

#[test]
fn users_need_their_passwords() {
    let users = vec![("user".to_owned(), "right".to_owned())];
    let mosquitto = Mosquitto::start(MosquittoOptions { users, ..MosquittoOptions::default() }).unwrap();
    for (password, code) in [(&b"right"[..], 0), (b"wrong", 5)] {
        let login = Connect { username: Some("user"), password: Some(password), ..Connect::clean("a") };
        assert_eq!(connect(&mosquitto, &login).1, connack(false, code));
    }
    assert_eq!(connect(&mosquitto, &Connect::clean("a")).1, connack(false, 5));
}

#[test]
fn a_killed_one_comes_back_on_the_same_port_without_its_sessions() {
    let mut mosquitto = Mosquitto::start(MosquittoOptions::default()).unwrap();
    let port = mosquitto.plain_port();
    let (mut client, _) = connect(&mosquitto, &Connect::persistent("a"));
    mosquitto.kill().unwrap();
    assert!(!matches!(client.read(&mut [0; 9]), Ok(1..)));
    mosquitto.restart().unwrap();
    assert_eq!(mosquitto.plain_port(), port);
    assert_eq!(connect(&mosquitto, &Connect::persistent("a")).1, connack(false, 0));
}

#[cfg(unix)]
#[test]
fn with_persistence_sessions_survive_a_restart() {
    let options = MosquittoOptions { persistence: true, ..MosquittoOptions::default() };
    let mut mosquitto = Mosquitto::start(options).unwrap();
    let (mut client, _) = connect(&mosquitto, &Connect::persistent("a"));
    client.write_all(&subscribe(1, &[("t", 1)])).unwrap();
    assert_reads(&mut client, &suback(1, &[1]));
    client.write_all(DISCONNECT).unwrap();
    assert_eq!(client.read(&mut [0; 9]).unwrap(), 0);
    mosquitto.stop().unwrap();
    mosquitto.restart().unwrap();
    assert_eq!(connect(&mosquitto, &Connect::persistent("a")).1, connack(true, 0));
}

#[cfg(unix)]
#[test]
fn a_paused_one_answers_only_after_it_is_resumed() {
    let mosquitto = Mosquitto::start(MosquittoOptions::default()).unwrap();
    let (mut client, _) = connect(&mosquitto, &Connect::clean("a"));
    mosquitto.pause().unwrap();
    client.write_all(PINGREQ).unwrap();
    client.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert_eq!(client.read(&mut [0; 9]).unwrap_err().kind(), ErrorKind::WouldBlock);
    mosquitto.resume().unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_reads(&mut client, &[0xd0, 0]);
}

#[test]
fn the_window_is_configurable() {
    let options = MosquittoOptions { max_inflight: Some(2), ..MosquittoOptions::default() };
    let mosquitto = Mosquitto::start(options).unwrap();
    let (mut client, _) = connect(&mosquitto, &Connect::clean("a"));
    client.write_all(&subscribe(1, &[("t", 1)])).unwrap();
    assert_reads(&mut client, &suback(1, &[1]));
    let (mut publisher, _) = connect(&mosquitto, &Connect::clean("p"));
    for id in 1..=3 {
        publisher.write_all(&publish1(id, "t", b"x")).unwrap();
        assert_reads(&mut publisher, &puback(id));
    }
    assert_reads(&mut client, &[publish1(1, "t", b"x"), publish1(2, "t", b"x")].concat());
    client.write_all(PINGREQ).unwrap();
    assert_reads(&mut client, &[0xd0, 0]);
    client.write_all(&puback(1)).unwrap();
    assert_reads(&mut client, &publish1(3, "t", b"x"));
}

#[test]
fn a_configuration_it_does_not_take_is_an_error_with_its_own_words() {
    let options = MosquittoOptions { extra: vec!["no_such_option 1".to_owned()], ..MosquittoOptions::default() };
    let error = Mosquitto::start(options).unwrap_err();
    assert!(error.to_string().contains("no_such_option"), "{error}");
}
