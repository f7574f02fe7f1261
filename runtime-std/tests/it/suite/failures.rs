//! Links that cannot be made: each has its own error, and the client goes on.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use super::peer::{Peer, listen_to_the_end, read_packet};
use super::support::{PATIENCE, drive, plain_at};
use crate::runtime::{
    Client, ConnectRefusal, ConnectStage, Driver, LinkError, Notice, Options, ProtocolError, TcpError,
};

/// Why the first attempt fails, once with the driver and once with the client.
fn first_error(options: &Options) -> LinkError {
    let mut driver = Driver::new(options.clone()).unwrap();
    driver.start();
    let error = drive(&mut driver, |notice| match notice {
        Notice::Failed { why, .. } => Some(why.clone().expect("a reason")),
        _ => None,
    });
    // The client tries again by itself.
    drive(&mut driver, |notice| matches!(notice, Notice::Attempting { attempt: 2 }).then_some(()));

    let client = Client::connect(options.clone()).unwrap();
    let not_ready = client.wait_ready_or_error(PATIENCE).expect_err("nobody to connect to");
    assert_eq!(not_ready.last_error.as_ref(), Some(&error));
    assert!(not_ready.to_string().contains(&error.to_string()), "{not_ready}");
    error
}

#[test]
fn refused_connection() {
    let address = {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.local_addr().unwrap()
    };
    let error = first_error(&plain_at(&address.to_string(), "a"));
    assert_eq!(error, LinkError::Tcp { address: Some(address), why: TcpError::Refused });
}

#[test]
fn host_that_does_not_resolve() {
    let error = first_error(&plain_at("nowhere.invalid:1883", "a"));
    assert!(matches!(&error, LinkError::Resolve { host, .. } if host == "nowhere.invalid"), "{error:?}");
}

#[test]
fn peer_that_closes_before_connack() {
    let peer = Peer::start(|stream| {
        read_packet(stream);
    });
    assert_eq!(first_error(&plain_at(&peer.endpoint(), "a")), LinkError::ClosedBeforeConnack);
}

#[test]
fn peer_that_says_nothing() {
    let peer = Peer::start(|stream| {
        listen_to_the_end(stream);
    });
    let options = plain_at(&peer.endpoint(), "a").with(|config| config.connect_timeout = Duration::from_millis(100));
    let waiting_for = ConnectStage::Connack;
    assert_eq!(first_error(&options), LinkError::ConnectTimeout { waiting_for });
}

#[test]
fn peer_that_never_answers_the_tls_handshake() {
    let peer = Peer::start(|stream| {
        listen_to_the_end(stream);
    });
    let double = super::support::double();
    let (cert, key, ca) = (double.cert_path(), double.key_path(), double.ca_path());
    let options = super::support::fast(Options::mtls_from_path(&peer.endpoint(), "a", cert, key, ca).unwrap())
        .with(|config| config.connect_timeout = Duration::from_millis(100));
    let waiting_for = ConnectStage::Tls;
    assert_eq!(first_error(&options), LinkError::ConnectTimeout { waiting_for });
}

#[test]
fn peer_that_speaks_http() {
    let peer = Peer::start(|stream| {
        read_packet(stream);
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").unwrap();
        listen_to_the_end(stream);
    });
    let error = first_error(&plain_at(&peer.endpoint(), "a"));
    assert_eq!(error, LinkError::Protocol(ProtocolError::Http));
}

#[test]
fn server_that_refuses() {
    let peer = Peer::start(|stream| {
        read_packet(stream);
        // Answers and closes at once, as the service does: the answer must not be lost.
        stream.write_all(&[0x20, 2, 0, 3]).unwrap();
    });
    let error = first_error(&plain_at(&peer.endpoint(), "a"));
    assert_eq!(error, LinkError::Refused(ConnectRefusal::ServerUnavailable));
}

#[test]
fn the_next_address_is_tried() {
    // `localhost` has an IPv6 address too on most machines; nobody listens there.
    let double = super::support::double();
    let endpoint = format!("localhost:{}", double.plain_port().unwrap());
    let client = Client::connect(plain_at(&endpoint, "a")).unwrap();
    client.wait_ready_or_error(PATIENCE).unwrap();
}
