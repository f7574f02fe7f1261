//! Connections that fail, each by its own name.

use std::sync::Arc;

use rcgen::{CertificateParams, DnType, SanType};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use thingwire_core::transport::{Endpoint, Roots, TlsConfig};
use thingwire_core::{Action, Engine, Link, LinkError, Options, Security, SetupError, TlsError};

use crate::pair::{NOW, Pair, World, mutual, secured};
use crate::pki::{Authority, HOST, Leaf, Version, expired, not_yet_valid, server_config, spki_sha256, stolen};

/// Those that devices use: the one for MQTT, and the one that it shares with HTTPS.
const PORTS: [u16; 2] = [8883, 443];

/// What the server said of the device's certificate, and whose that is.
fn refusal_of_device(pair: &Pair) -> (String, Option<String>) {
    match pair.tls_error() {
        TlsError::DeviceRefused { alert, certificate } => (alert, certificate.map(|certificate| certificate.subject)),
        error => panic!("{error:?}"),
    }
}

/// The words without the time of the test.
fn words(error: &TlsError) -> String {
    without_now(&error.to_string())
}

pub(crate) fn without_now(words: &str) -> String {
    match words.split_once("clock says ") {
        Some((front, rest)) => format!("{front}clock says NOW{}", &rest[rest.find(';').unwrap_or(rest.len())..]),
        None => words.to_owned(),
    }
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
    let mut errors = Vec::new();
    for name in ["another root", "test root", "Amazon Root CA 1", "VeriSign Class 3"] {
        let server = Authority::new(name).server_with(named);
        let (error, told) = with_server(&world, &server);
        assert!(matches!(error, TlsError::UnknownIssuer { .. }), "{error:?}");
        assert!(matches!(told, rustls::Error::AlertReceived(_)), "{told:?}");
        errors.push(error.to_string());
    }
    insta::assert_snapshot!(errors.join("\n"), @r#"
    the server's certificate "broker" leads to "another root", and the given root is "test root"; check the root certificate and the endpoint
    the server's certificate "broker" is signed by another "test root" than the given root of that name; check the root certificate
    the server's certificate "broker" leads to "Amazon Root CA 1", and the given root is "test root"; AWS IoT Core's endpoints with -ats in their names need Amazon Root CA 1 or 3
    the server's certificate "broker" leads to "VeriSign Class 3", and the given root is "test root"; AWS IoT Core's endpoints of old are signed so: take the endpoint with -ats in its name
    "#);
}

/// With a common name, as people expect it.
fn named(params: &mut CertificateParams) {
    params.distinguished_name.push(DnType::CommonName, "broker");
}

#[test]
fn a_chain_that_ends_elsewhere_is_told_by_its_end() {
    let world = World::new();
    let other = Authority::new("another root");
    let between = other.intermediate("between", |_| {});
    let (error, _) = with_server(&world, &between.server_with(named).under(&between));
    let TlsError::UnknownIssuer { certificate, issuer, roots } = error else { panic!("{error:?}") };
    assert_eq!((certificate.issuer.as_str(), issuer.as_str()), ("between", "another root"));
    assert_eq!(roots, ["test root"]);
}

#[test]
fn a_certificate_between_server_and_root_that_has_expired_is_the_one_that_is_named() {
    let world = World::new();
    for (change, expected) in [(expired as fn(&mut CertificateParams), true), (not_yet_valid, false)] {
        let between = world.authority.intermediate("between", change);
        let (error, _) = with_server(&world, &between.server().under(&between));
        match error {
            TlsError::Expired { certificate, .. } if expected => assert_eq!(certificate.subject, "between"),
            TlsError::NotYetValid { certificate, .. } if !expected => assert_eq!(certificate.subject, "between"),
            error => panic!("{error:?}"),
        }
    }
    let between = world.authority.intermediate("between", |_| {});
    let server = between.server().under(&between);
    Pair::online(world.options(), Arc::new(server_config(&server, Some(&world.authority), Version::Tls13)));
}

#[test]
fn a_server_without_the_key_of_its_certificate_is_not_trusted() {
    let world = World::new();
    for version in Version::BOTH {
        let mut server = server_config(&world.server, None, version);
        server.cert_resolver = Arc::new(Impostor(stolen(&world.server, &world.authority.server())));
        let error = attempt(world.options(), server).tls_error().to_string();
        assert!(error.ends_with("(the server does not prove that it has the certificate's key)"), "{error}");
    }
}

/// Somebody else's certificate with a key of one's own.
#[derive(Debug)]
struct Impostor(Arc<CertifiedKey>);

impl ResolvesServerCert for Impostor {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

#[test]
fn a_key_that_is_pinned_is_trusted_and_no_other() {
    let world = World::new();
    let pin = spki_sha256(&world.server.key);
    for port in PORTS {
        let attempt = |pins: &[[u8; 32]]| {
            let tls = TlsConfig::server_only(Roots::from_pem(world.authority.pem().as_bytes()).unwrap());
            let options = world.options_for(&format!("{HOST}:{port}"));
            let options = secured(options, Security::Tls(tls.with_pins(pins.iter().copied())));
            attempt(options, server_config(&world.server, None, Version::Tls13)).why()
        };
        assert_eq!(attempt(&[]), None);
        assert_eq!(attempt(&[pin]), None);
        assert_eq!(attempt(&[[0; 32], pin]), None);
        let Some(LinkError::Tls(TlsError::OtherPin { pin: told, certificate })) = attempt(&[[0; 32]]) else { panic!() };
        let digits: Vec<_> = pin.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(told, digits.concat());
        assert_eq!(certificate.names, [HOST, "127.0.0.1"]);
    }
}

#[test]
fn a_pin_holds_whatever_else_is_set_up() {
    let world = World::new();
    let pinned =
        TlsConfig::server_only(Roots::from_pem(world.authority.pem().as_bytes()).unwrap()).with_pins([[0; 32]]);
    for tls in [
        pinned.clone().with_aws_cipher_suites(),
        pinned.clone().with_clock(|| Some(1_800_000_000)),
        pinned.clone().with_alpn(["mqtt"]),
        pinned.with_server_name(HOST).unwrap(),
    ] {
        let options = secured(world.options(), Security::Tls(tls));
        let mut server = server_config(&world.server, None, Version::Tls13);
        server.alpn_protocols = vec![b"mqtt".to_vec()];
        let error = attempt(options, server).tls_error();
        assert!(matches!(error, TlsError::OtherPin { .. }), "{error:?}");
    }
}

#[test]
fn a_pinned_key_does_not_make_up_for_a_wrong_root_or_name() {
    let world = World::new();
    let stranger = Authority::new("another root").server();
    let wrong_name = world.authority.server_with(|params| params.subject_alt_names.clear());
    for server in [stranger, wrong_name] {
        let tls = TlsConfig::server_only(Roots::from_pem(world.authority.pem().as_bytes()).unwrap());
        let tls = tls.with_pins([spki_sha256(&server.key)]);
        let pair = attempt(secured(world.options(), Security::Tls(tls)), server_config(&server, None, Version::Tls13));
        let error = pair.tls_error();
        assert!(matches!(error, TlsError::UnknownIssuer { .. } | TlsError::WrongName { .. }), "{error:?}");
    }
}

#[test]
fn a_session_from_before_the_pins_is_not_resumed() {
    let world = World::new();
    let config = Arc::new(server_config(&world.server, None, Version::Tls13));
    let tls = TlsConfig::server_only(Roots::from_pem(world.authority.pem().as_bytes()).unwrap());
    Pair::online(secured(world.options(), Security::Tls(tls.clone())), config.clone());
    let pinned = secured(world.options(), Security::Tls(tls.with_pins([[0; 32]])));
    let mut pair = Pair::new(pinned, config);
    pair.run();
    assert!(matches!(pair.tls_error(), TlsError::OtherPin { .. }));
}

#[test]
fn a_server_with_another_name_is_not_trusted() {
    let world = World::new();
    let mut errors = Vec::new();
    for endpoint in ["other.test", "10.0.0.1", "::1"] {
        let config = server_config(&world.server, Some(&world.authority), Version::Tls13);
        errors.push(attempt(world.options_for(endpoint), config).tls_error().to_string());
    }
    let many = world.authority.server_with(|params| {
        params.subject_alt_names = (0..9).map(|n| SanType::DnsName(format!("n{n}.test").try_into().unwrap())).collect();
    });
    let none = world.authority.server_with(|params| {
        named(params);
        params.subject_alt_names.clear();
    });
    errors.extend([many, none].map(|server| with_server(&world, &server).0.to_string()));
    insta::assert_snapshot!(errors.join("\n"), @r#"
    the server's certificate is for "broker.test", "127.0.0.1", not for "other.test"; check the endpoint's spelling and the server name (SNI)
    the server's certificate is for "broker.test", "127.0.0.1", not for "10.0.0.1"; check the endpoint's spelling and the server name (SNI)
    the server's certificate is for "broker.test", "127.0.0.1", not for "::1"; check the endpoint's spelling and the server name (SNI)
    the server's certificate is for "n0.test", "n1.test", "n2.test", "n3.test" and 5 more, not for "broker.test"; check the endpoint's spelling and the server name (SNI)
    the server's certificate "broker" names no host, and "broker.test" is wanted; it needs a subject alternative name
    "#);
}

#[test]
fn a_server_outside_its_time_is_not_trusted() {
    let world = World::new();
    let (error, _) = with_server(&world, &world.authority.server_with(expired));
    assert!(matches!(error, TlsError::Expired { .. }), "{error:?}");
    insta::assert_snapshot!(words(&error), @r#"the server's certificate "rcgen self signed cert" expired on 2020-01-02 00:00:00 UTC, and this machine's clock says NOW; if the clock is right, the server needs a new one"#);
    let (error, _) = with_server(&world, &world.authority.server_with(not_yet_valid));
    assert!(matches!(error, TlsError::NotYetValid { .. }), "{error:?}");
    insta::assert_snapshot!(words(&error), @r#"the server's certificate "rcgen self signed cert" is valid from 2999-01-01 00:00:00 UTC on, and this machine's clock says NOW; set the clock"#);
}

#[test]
fn the_time_can_come_from_elsewhere() {
    let world = World::new();
    let with_clock = |port: u16, unix_seconds: Option<u64>, server: &Leaf| {
        let roots = Roots::from_pem(world.authority.pem().as_bytes()).unwrap();
        let tls = TlsConfig::server_only(roots).with_clock(move || unix_seconds);
        let options = secured(world.options_for(&format!("{HOST}:{port}")), Security::Tls(tls));
        attempt(options, server_config(server, None, Version::Tls13)).why()
    };
    let expired = world.authority.server_with(expired);
    for port in PORTS {
        assert_eq!(with_clock(port, Some(1_577_880_000), &expired), None, "noon of 1 January 2020");
    }
    let never_set = with_clock(8883, Some(0), &expired).unwrap();
    assert!(matches!(never_set, LinkError::Tls(TlsError::NotYetValid { now: 0, .. })), "{never_set:?}");
    insta::assert_snapshot!(never_set, @r#"TLS: the server's certificate "rcgen self signed cert" is valid from 2020-01-01 00:00:00 UTC on, and this machine's clock says 1970-01-01 00:00:00 UTC; set the clock"#);
    insta::assert_snapshot!(with_clock(8883, None, &world.server).unwrap(), @"TLS: failed to get current time");
}

#[test]
fn a_certificate_for_devices_does_not_make_a_server() {
    let world = World::new();
    let (error, _) = with_server(&world, &world.authority.device());
    assert!(matches!(error, TlsError::BadCertificate { .. } | TlsError::WrongName { .. }), "{error:?}");
}

#[test]
fn a_server_that_wants_a_device_certificate_says_so() {
    let world = World::new();
    for version in Version::BOTH {
        let pair =
            attempt(world.options_of_stranger(HOST), server_config(&world.server, Some(&world.authority), version));
        assert_eq!(refusal_of_device(&pair), ("CertificateRequired".to_owned(), None), "{version:?}");
        let words = "the server refused the connection (CertificateRequired); the server wants a device certificate";
        assert_eq!(pair.tls_error().to_string(), words);
    }
}

#[test]
fn a_device_that_the_server_does_not_know_is_told_so_during_or_after_the_handshake() {
    let world = World::new();
    let stranger = Authority::new("another root").device();
    for version in Version::BOTH {
        let options = mutual(HOST, &stranger, &world.authority);
        let pair = attempt(options, server_config(&world.server, Some(&world.authority), version));
        assert_eq!(refusal_of_device(&pair), ("UnknownCA".to_owned(), Some("device".to_owned())), "{version:?}");
        assert_eq!(pair.closes, 1);
        assert_eq!(pair.at_server, [0; 0], "no byte of MQTT reaches such a server's application");
    }
}

#[test]
fn a_device_certificate_that_has_expired_is_named() {
    let world = World::new();
    let mut device = world.authority.server_with(|params| {
        expired(params);
        named(params);
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    });
    device.key.push('\n');
    let options = mutual(HOST, &device, &world.authority);
    let pair = attempt(options, server_config(&world.server, Some(&world.authority), Version::Tls13));
    insta::assert_snapshot!(pair.tls_error(), @r#"the server refused the device certificate "broker", which is valid from 2020-01-01 00:00:00 UTC to 2020-01-02 00:00:00 UTC (CertificateExpired); it needs a new one, or the server's clock is wrong"#);
}

#[test]
fn a_port_with_another_protocol_is_named() {
    let world = World::new();
    let mut server = server_config(&world.server, Some(&world.authority), Version::Tls13);
    server.alpn_protocols = vec![b"h2".to_vec()];
    let pair = attempt(world.options_for(&format!("{HOST}:443")), server);
    assert_eq!(pair.tls_error(), TlsError::Alert { name: "NoApplicationProtocol".to_owned() });
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

/// An engine, and the link that it wants.
fn connecting() -> (Engine, Link) {
    let mut engine = Engine::new(World::new().options(), 7, NOW).unwrap();
    engine.client().start(NOW);
    let opened = std::iter::from_fn(|| engine.poll_action(NOW)).find_map(|action| match action {
        Action::Open(link) => Some(link),
        Action::Close(_) | Action::Notify(_) => None,
    });
    (engine, opened.expect("it wants to connect"))
}

#[test]
fn a_socket_that_connects_after_the_attempt_was_given_up_is_ignored() {
    let (mut engine, late) = connecting();
    engine.client().stop(NOW);
    while engine.poll_action(NOW).is_some() {}
    engine.opened(NOW, late);
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

#[test]
fn a_socket_that_has_failed_cannot_connect_any_more() {
    let (mut engine, link) = connecting();
    engine.closed(NOW, link, LinkError::Closed);
    engine.opened(NOW, link);
    assert_eq!((engine.stage(), engine.transmit(NOW)), (None, &b""[..]));
}

#[test]
fn a_handshake_has_the_time_that_it_was_given() {
    let (mut engine, link) = connecting();
    engine.opened(NOW, link);
    let ends = engine.next_deadline().unwrap();
    engine.wake(NOW + ends.since(NOW) / 2);
    assert!(engine.stage().is_some());
    engine.wake(ends);
    assert_eq!(engine.poll_action(ends), Some(Action::Close(link)));
}
