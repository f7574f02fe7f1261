//! `--preset`: other defaults, and flags that count all the same.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{self, Receiver};

use rustls::CipherSuite;
use rustls::server::Acceptor;
use thingwire_sim::double::Double;

use crate::support::{PATIENCE, Running, command, serve, thingwire};

/// One packet, as short as they are here.
fn read_packet(peer: &mut TcpStream) -> Vec<u8> {
    let mut packet = vec![0; 2];
    peer.read_exact(&mut packet).expect("a packet");
    packet.resize(2 + usize::from(packet[1]), 0);
    peer.read_exact(&mut packet[2..]).expect("the rest of it");
    packet
}

/// A server that hangs up after the first packet, which it passes on.
fn first_packet() -> (String, Receiver<Vec<u8>>) {
    let (sender, packets) = mpsc::channel();
    let address = serve(move |mut peer| sender.send(read_packet(&mut peer)).expect("the test waits"));
    (address, packets)
}

/// The keep-alive that CONNECT tells, in seconds (§3.1.2.10).
fn keep_alive(name: &str, flags: &[&str], variables: &[(&str, &str)]) -> u16 {
    let (address, packets) = first_packet();
    let work: &[&str] = if name == "pub" { &["--message", "m"] } else { &[] };
    let mut command = command(&[&[name, "--endpoint", &address, "--plain", "--topic", "t"], work, flags].concat());
    command.envs(variables.iter().copied());
    let running = Running::spawn(command);
    let connect = packets.recv_timeout(PATIENCE).expect("CONNECT");
    assert_eq!(running.end().code, Some(5), "the server has hung up");
    u16::from_be_bytes([connect[10], connect[11]])
}

#[test]
fn device_advisor_changes_the_defaults_and_flags_override_it() {
    for name in ["pub", "sub"] {
        assert_eq!(keep_alive(name, &[], &[]), 60);
        assert_eq!(keep_alive(name, &["--preset", "device-advisor"], &[]), 30);
        assert_eq!(keep_alive(name, &["--keep-alive", "45", "--preset", "device-advisor"], &[]), 45);
        assert_eq!(keep_alive(name, &["--keep-alive", "60", "--preset", "device-advisor"], &[]), 60);
        assert_eq!(keep_alive(name, &[], &[("THINGWIRE_PRESET", "device-advisor")]), 30);
        let both = [("THINGWIRE_PRESET", "device-advisor"), ("THINGWIRE_KEEP_ALIVE", "0")];
        assert_eq!(keep_alive(name, &[], &both), 0);
    }
}

#[test]
fn an_unanswered_message_is_sent_again_where_the_user_wants_that() {
    let (sender, packets) = mpsc::channel();
    let address = serve(move |mut peer| {
        read_packet(&mut peer);
        peer.write_all(&[0x20, 2, 0, 0]).expect("the command listens");
        for _ in 0..2 {
            sender.send(read_packet(&mut peer)).expect("the test waits");
        }
        peer.write_all(&[0x40, 2, 0, 1]).expect("the command listens");
        drop(std::io::copy(&mut peer, &mut std::io::sink()));
    });
    let flags = ["pub", "--endpoint", &address, "--plain", "--topic", "t", "--message", "m"];
    let preset = ["--preset", "device-advisor", "--resend-after", "0.2"];
    thingwire(&[flags.as_slice(), &preset].concat()).assert_done();
    let [first, again] = [(); 2].map(|()| packets.recv_timeout(PATIENCE).expect("PUBLISH"));
    assert_eq!(first, b"\x32\x06\0\x01t\0\x01m");
    assert_eq!(again, b"\x3a\x06\0\x01t\0\x01m", "the same packet id, with DUP");
}

/// The cipher suites that the command offers.
fn offered(flags: &[&str]) -> Vec<CipherSuite> {
    let double = Double::start().expect("it starts");
    let (sender, hellos) = mpsc::channel();
    let address = serve(move |mut peer| {
        let mut acceptor = Acceptor::default();
        let hello = loop {
            acceptor.read_tls(&mut peer).expect("the command says hello");
            if let Some(hello) = acceptor.accept().expect("it is TLS") {
                break hello;
            }
        };
        sender.send(hello.client_hello().cipher_suites().to_vec()).expect("the test waits");
    });
    let ca = double.ca_path().to_str().expect("UTF-8");
    let basic = ["pub", "--topic", "t", "--message", "m", "--endpoint", &address, "--ca", ca];
    let _failing = Running::start(&[&basic, flags].concat());
    hellos.recv_timeout(PATIENCE).expect("a ClientHello")
}

#[test]
fn device_advisor_offers_what_the_service_lists_and_what_it_recommends_first() {
    use CipherSuite as C;
    // What is listed beyond these is without forward secrecy or authenticated encryption, which no library here has.
    let expected = [
        C::TLS13_AES_128_GCM_SHA256,
        C::TLS13_AES_256_GCM_SHA384,
        C::TLS13_CHACHA20_POLY1305_SHA256,
        C::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        C::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        C::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        C::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        C::TLS_EMPTY_RENEGOTIATION_INFO_SCSV,
    ];
    assert_eq!(offered(&["--preset", "device-advisor"]), expected);
    let usual = offered(&[]);
    assert!(usual.len() > expected.len() && expected.iter().all(|suite| usual.contains(suite)), "{usual:?}");
}

#[test]
fn an_unknown_preset_is_refused() {
    let line = "invalid value 'greengrass' for '--preset <PRESET>' [possible values: device-advisor]; see 'thingwire \
                --help'";
    for name in ["pub", "sub"] {
        let flags = [name, "--endpoint", "localhost", "--plain", "--topic", "t", "--preset", "greengrass"];
        thingwire(&flags).assert_failed(2, line);
    }
}
