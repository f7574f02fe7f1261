//! Connections that fail, each by its own name.

use std::sync::Arc;

use thingwire_core::transport::{Endpoint, Roots, TlsConfig};
use thingwire_core::{Action, Engine, LinkError, Options, Security, SetupError, TlsError};

use crate::pair::{NOW, Pair, World, mutual, secured};
use crate::pki::{Authority, HOST, Leaf, Version, expired, not_yet_valid, server_config};

fn alert(name: &str) -> TlsError {
    TlsError::Alert { name: name.to_owned() }
}

/// Tries to connect.
fn attempt(options: Options, server: rustls::ServerConfig) -> Pair {
    let mut pair = Pair::new(options, Arc::new(server));
    pair.run();
    pair
}

/// The client's error with a server of this certificate, and what the server was told.
fn with_server(world: &World, server: &Leaf) -> (TlsError, rustls::Error) {
    let pair = attempt(world.options(), server_config(server, Some(&world.authority), Version::Tls13));
    assert_eq!(pair.closes, 1);
    (pair.tls_error(), pair.server_error.clone().expect("the alert reaches the server"))
}

#[test]
fn a_server_of_another_authority_is_not_trusted() {
    let world = World::new();
    for name in ["another root", "test root"] {
        let (error, told) = with_server(&world, &Authority::new(name).server());
        assert_eq!(error, TlsError::UnknownIssuer, "{name}");
        assert!(matches!(told, rustls::Error::AlertReceived(_)), "{told:?}");
    }
}

#[test]
fn a_server_with_another_name_is_not_trusted() {
    let world = World::new();
    for endpoint in ["other.test", "10.0.0.1", "::1"] {
        let config = server_config(&world.server, Some(&world.authority), Version::Tls13);
        assert_eq!(attempt(world.options_for(endpoint), config).tls_error(), TlsError::WrongName, "{endpoint}");
    }
}

#[test]
fn a_server_outside_its_time_is_not_trusted() {
    let world = World::new();
    assert_eq!(with_server(&world, &world.authority.server_with(expired)).0, TlsError::Expired);
    assert_eq!(with_server(&world, &world.authority.server_with(not_yet_valid)).0, TlsError::NotYetValid);
}

#[test]
fn the_time_can_come_from_elsewhere() {
    let world = World::new();
    let with_clock = |unix_seconds: Option<u64>, server: &Leaf| {
        let roots = Roots::from_pem(world.authority.pem().as_bytes()).unwrap();
        let tls = TlsConfig::server_only(roots).with_clock(move || unix_seconds);
        attempt(secured(world.options(), Security::Tls(tls)), server_config(server, None, Version::Tls13)).why()
    };
    let expired = world.authority.server_with(expired);
    assert_eq!(with_clock(Some(1_577_880_000), &expired), None, "noon of 1 January 2020");
    assert_eq!(with_clock(Some(0), &expired), Some(TlsError::NotYetValid.into()), "a clock that was never set");
    insta::assert_snapshot!(with_clock(None, &world.server).unwrap(), @"TLS: failed to get current time");
}

#[test]
fn a_certificate_for_devices_does_not_make_a_server() {
    let world = World::new();
    let (error, _) = with_server(&world, &world.authority.device());
    assert!(matches!(error, TlsError::BadCertificate { .. } | TlsError::WrongName), "{error:?}");
}

#[test]
fn a_server_that_wants_a_device_certificate_says_so() {
    let world = World::new();
    for version in Version::BOTH {
        let pair =
            attempt(world.options_of_stranger(HOST), server_config(&world.server, Some(&world.authority), version));
        assert_eq!(pair.tls_error(), alert("CertificateRequired"), "{version:?}");
    }
    insta::assert_snapshot!(alert("CertificateRequired"), @"the server refused the connection (CertificateRequired); the server wants a device certificate");
}

#[test]
fn a_device_that_the_server_does_not_know_is_told_so_during_or_after_the_handshake() {
    let world = World::new();
    let stranger = Authority::new("another root").device();
    for version in Version::BOTH {
        let options = mutual(HOST, &stranger, &world.authority);
        let pair = attempt(options, server_config(&world.server, Some(&world.authority), version));
        assert_eq!(pair.tls_error(), alert("UnknownCA"), "{version:?}");
        assert_eq!(pair.closes, 1);
        assert_eq!(pair.at_server, [0; 0], "no byte of MQTT reaches such a server's application");
    }
}

#[test]
fn a_device_certificate_that_has_expired_is_named() {
    let world = World::new();
    let mut device = world.authority.server_with(|params| {
        expired(params);
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    });
    device.key.push('\n');
    let options = mutual(HOST, &device, &world.authority);
    let pair = attempt(options, server_config(&world.server, Some(&world.authority), Version::Tls13));
    assert_eq!(pair.tls_error(), alert("CertificateExpired"));
}

#[test]
fn a_port_with_another_protocol_is_named() {
    let world = World::new();
    let mut server = server_config(&world.server, Some(&world.authority), Version::Tls13);
    server.alpn_protocols = vec![b"h2".to_vec()];
    let pair = attempt(world.options_for(&format!("{HOST}:443")), server);
    assert_eq!(pair.tls_error(), alert("NoApplicationProtocol"));
}

#[test]
fn a_peer_that_does_not_speak_tls_is_named() {
    let world = World::new();
    for answer in [
        &b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x20\x02\x00\x00\x00",
        b"\x00\x00\x00\x00\x00\x00\x00\x00",
    ] {
        let mut pair = world.pair(Version::Tls13);
        pair.chunk = 0;
        pair.run();
        for byte in answer {
            if pair.link.is_some() {
                pair.receive(&[*byte]);
            }
        }
        assert_eq!(pair.tls_error(), TlsError::NotTls, "{}", answer.escape_ascii());
        assert_eq!(pair.closes, 1);
    }
}

#[test]
fn a_socket_that_ends_during_the_handshake_is_told_from_one_that_ends_later() {
    let world = World::new();
    let mut pair = world.pair(Version::Tls13);
    pair.chunk = 0;
    pair.run();
    pair.receive(b"\x16\x03\x03");
    pair.end();
    assert_eq!(pair.tls_error(), TlsError::Closed);

    let mut pair = world.pair(Version::Tls13);
    pair.run();
    pair.end();
    assert_eq!(pair.why(), Some(LinkError::ClosedBeforeConnack));

    let mut pair = Pair::online(world.options(), world.server_config(Version::Tls13));
    pair.end();
    assert_eq!(pair.why(), Some(LinkError::Closed));
}

#[test]
fn garbage_after_the_handshake_ends_the_link_with_an_alert() {
    let world = World::new();
    for version in Version::BOTH {
        for garbage in [&[0xff; 64][..], b"\x17\x03\x03\x00\x20aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
            let mut pair = Pair::online(world.options(), world.server_config(version));
            pair.receive(garbage);
            let error = pair.tls_error();
            assert!(matches!(error, TlsError::Other { .. }), "{error:?}");
            assert!(matches!(pair.server_error, Some(rustls::Error::AlertReceived(_))), "{:?}", pair.server_error);
            assert_eq!(pair.closes, 1);
        }
    }
}

#[test]
fn what_came_before_garbage_is_kept() {
    let world = World::new();
    let mut pair = Pair::online(world.options(), world.server_config(Version::Tls13));
    let mut wire = Vec::new();
    std::io::Write::write_all(&mut pair.server.writer(), &[0x30, 4, 0, 1, b't', b'x']).unwrap();
    pair.server.write_tls(&mut wire).unwrap();
    wire.extend_from_slice(&[0xff; 64]);
    pair.receive(&wire);
    let arrived = pair.notices.iter().any(|notice| matches!(notice, thingwire_core::Notice::Message(_)));
    assert!(arrived, "{:?}", pair.notices);
    assert!(matches!(pair.tls_error(), TlsError::Other { .. }));
}

#[test]
fn the_goodbye_of_the_server_is_a_clean_end_and_what_follows_it_is_ignored() {
    let world = World::new();
    for version in Version::BOTH {
        let mut pair = Pair::online(world.options(), world.server_config(version));
        pair.server.send_close_notify();
        let mut wire = Vec::new();
        pair.server.write_tls(&mut wire).unwrap();
        wire.extend_from_slice(&[0xff; 9_000]);
        pair.receive(&wire);
        assert_eq!(pair.why(), Some(LinkError::Closed));
        assert_eq!(pair.closes, 1);
    }
}

#[test]
fn the_goodbye_of_the_server_before_connack_is_told_apart() {
    let world = World::new();
    let mut pair = world.pair(Version::Tls13);
    pair.run();
    pair.server.send_close_notify();
    pair.run();
    assert_eq!(pair.why(), Some(LinkError::ClosedBeforeConnack));
    assert_eq!(pair.closes, 1);
}

#[test]
fn a_refusal_followed_by_the_goodbye_is_reported_as_the_refusal_and_closed_once() {
    let world = World::new();
    let mut pair = world.pair(Version::Tls13);
    pair.run();
    std::io::Write::write_all(&mut pair.server.writer(), &[0x20, 2, 0, 5]).unwrap();
    pair.server.send_close_notify();
    pair.run();
    assert!(matches!(pair.why(), Some(LinkError::Refused(_))), "{:?}", pair.why());
    assert_eq!(pair.closes, 1);
}

#[test]
fn after_a_failure_the_next_attempt_starts_afresh() {
    let world = World::new();
    let mut pair = Pair::online(world.options(), world.server_config(Version::Tls13));
    pair.receive(&[0xff; 64]);
    pair.server_error = None;
    pair.reconnect();
    pair.accept();
}

#[test]
fn a_host_that_no_certificate_can_name_is_refused_at_once() {
    let world = World::new();
    for host in ["a..b", "-", "fe80::1%eth0"] {
        let mut options = world.options();
        options.endpoint = Endpoint::new(host, 8883).unwrap();
        let error = Engine::new(options, 7, NOW).unwrap_err();
        assert!(matches!(error, SetupError::Endpoint(_)), "{error:?}");
    }
}

#[test]
fn a_socket_that_connects_after_the_attempt_was_given_up_is_ignored() {
    let world = World::new();
    let mut engine = Engine::new(world.options(), 7, NOW).unwrap();
    engine.client().start(NOW);
    let late = std::iter::from_fn(|| engine.poll_action(NOW)).find_map(|action| match action {
        Action::Open(link) => Some(link),
        Action::Close(_) | Action::Notify(_) => None,
    });
    engine.client().stop(NOW);
    while engine.poll_action(NOW).is_some() {}
    engine.opened(NOW, late.unwrap());
    assert_eq!(engine.transmit(NOW), b"");
    assert_eq!(engine.poll_action(NOW), None);
}

#[test]
fn a_link_whose_socket_is_gone_is_not_closed_again() {
    let world = World::new();
    let mut pair = Pair::online(world.options(), world.server_config(Version::Tls13));
    let link = pair.link.take().unwrap();
    pair.engine.client().stop(NOW);
    pair.engine.closed(NOW, link, LinkError::Closed);
    pair.run();
    assert_eq!(pair.closes, 0);
}

#[test]
fn a_link_that_broke_and_whose_socket_is_gone_is_not_closed() {
    let world = World::new();
    let mut pair = Pair::online(world.options(), world.server_config(Version::Tls13));
    let link = pair.link.take().unwrap();
    pair.engine.received(NOW, link, &[0xff; 64]);
    pair.engine.closed(NOW, link, LinkError::Closed);
    pair.run();
    assert_eq!(pair.closes, 0);
    assert!(matches!(pair.tls_error(), TlsError::Other { .. }));
}
