//! Connections that come about.

use std::sync::Arc;

use ring::digest;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{HandshakeKind, ProtocolVersion};
use thingwire_core::{ConnectStage, Options, Security};

use crate::pair::{Pair, World, mutual};
use crate::pki::{Authority, HOST, Version, self_signed_server, server_config};

#[test]
fn connect_and_connack_pass_in_chunks_of_any_size_with_either_version() {
    let world = World::new();
    for version in Version::BOTH {
        for chunk in [1, 7, 100, 20_000] {
            let mut pair = world.pair(version);
            pair.chunk = chunk;
            pair.run();
            pair.accept();
            let expected = match version {
                Version::Tls12 => ProtocolVersion::TLSv1_2,
                Version::Tls13 => ProtocolVersion::TLSv1_3,
            };
            assert_eq!(pair.server.protocol_version(), Some(expected));
            assert_eq!(pair.server.peer_certificates().map(<[_]>::len), Some(1));
        }
    }
}

#[test]
fn what_was_agreed_on_is_told_from_the_end_of_the_handshake_to_the_end_of_the_link() {
    let world = World::new();
    for (version, text) in [(Version::Tls12, "1.2"), (Version::Tls13, "1.3")] {
        let mut config = server_config(&world.server, Some(&world.authority), version);
        config.alpn_protocols = vec![b"x-amzn-mqtt-ca".to_vec()];
        let mut pair = Pair::new(world.options_for(&format!("{HOST}:443")), Arc::new(config));
        assert_eq!((pair.engine.stage(), pair.engine.tls()), (None, None));
        pair.run();
        assert_eq!(pair.engine.stage(), Some(ConnectStage::Connack));
        let told = pair.engine.tls().unwrap();
        assert_eq!((told.version.as_str(), told.alpn.as_deref()), (text, Some("x-amzn-mqtt-ca")));
        let suite = pair.server.negotiated_cipher_suite().unwrap().suite();
        assert_eq!(Some(told.cipher_suite.as_str()), suite.as_str());
        assert!(told.chain.len() == 1 && told.chain[0].names.iter().any(|name| name == HOST), "{:?}", told.chain);
        pair.accept();
        pair.end();
        assert_eq!((pair.engine.stage(), pair.engine.tls()), (None, None));
    }
}

#[test]
fn what_is_set_up_can_be_looked_at() {
    let world = World::new();
    let Security::Tls(tls) = world.options().security else { panic!("TLS") };
    let device = tls.device().unwrap();
    assert_eq!(device.subject, "device");
    let der = CertificateDer::from_pem_slice(world.device.certificate.as_bytes()).unwrap();
    let id = tls.device_id().unwrap();
    let bytes: Vec<_> = (0..64).step_by(2).map(|at| u8::from_str_radix(&id[at..at + 2], 16).unwrap()).collect();
    assert_eq!(bytes, digest::digest(&digest::SHA256, &der).as_ref());
    assert_eq!(tls.roots(), ["test root"]);
    assert_eq!([443, 8883].map(|port| tls.alpn(port)), [vec!["x-amzn-mqtt-ca".to_owned()], Vec::new()]);
    let tls = tls.with_alpn(["mqtt", "x"]);
    assert_eq!([443, 8883].map(|port| tls.alpn(port)), [["mqtt", "x"], ["mqtt", "x"]]);
}

#[test]
fn the_host_name_is_sent_and_an_address_is_not() {
    let world = World::new();
    for (endpoint, sent) in [(HOST, Some(HOST)), ("127.0.0.1", None)] {
        let pair = Pair::online(world.options_for(endpoint), world.server_config(Version::Tls13));
        assert_eq!(pair.server.server_name(), sent);
    }
}

#[test]
fn the_protocol_is_named_at_the_shared_port_only() {
    let world = World::new();
    let mut config = server_config(&world.server, Some(&world.authority), Version::Tls13);
    config.alpn_protocols = vec![b"x-amzn-mqtt-ca".to_vec()];
    let config = Arc::new(config);
    for (port, named) in [(443, Some(&b"x-amzn-mqtt-ca"[..])), (8883, None), (8443, None)] {
        let pair = Pair::online(world.options_for(&format!("{HOST}:{port}")), config.clone());
        assert_eq!(pair.server.alpn_protocol(), named, "{port}");
    }
}

#[test]
fn without_a_certificate_the_shared_port_is_asked_for_mqtt() {
    let world = World::new();
    let mut config = server_config(&world.server, None, Version::Tls13);
    config.alpn_protocols = vec![b"mqtt".to_vec()];
    let pair = Pair::online(world.options_of_stranger(&format!("{HOST}:443")), Arc::new(config));
    assert_eq!(pair.server.alpn_protocol(), Some(&b"mqtt"[..]));
    assert_eq!(pair.server.peer_certificates(), None);
}

#[test]
fn a_second_connection_resumes_the_first() {
    let world = World::new();
    for version in Version::BOTH {
        let mut pair = Pair::online(world.options(), world.server_config(version));
        assert_eq!(pair.server.handshake_kind(), Some(HandshakeKind::Full));
        pair.end();
        pair.reconnect();
        pair.accept();
        assert_eq!(pair.server.handshake_kind(), Some(HandshakeKind::Resumed), "{version:?}");
        assert_eq!(pair.server.peer_certificates().map(<[_]>::len), Some(1));
    }
}

#[test]
fn engines_of_the_same_options_share_sessions() {
    let world = World::new();
    let (options, config) = (world.options(), world.server_config(Version::Tls13));
    Pair::online(options.clone(), config.clone());
    let pair = Pair::online(options, config);
    assert_eq!(pair.server.handshake_kind(), Some(HandshakeKind::Resumed));
}

#[test]
fn a_self_signed_server_can_be_its_own_root_unless_it_is_marked_as_an_authority() {
    let attempt = |authority: bool| {
        let server = self_signed_server(authority);
        let options = Options::tls_from_pem(HOST, "device", server.certificate.as_bytes()).unwrap();
        let mut pair = Pair::new(options, Arc::new(server_config(&server, None, Version::Tls13)));
        pair.run();
        pair
    };
    attempt(false).accept();
    insta::assert_snapshot!(attempt(true).why().unwrap(), @r#"TLS: the server's certificate "rcgen self signed cert" is unusable (it is marked as an authority's; let the root sign one that is not)"#);
}

#[test]
fn one_root_of_several_suffices() {
    let world = World::new();
    let roots = Authority::new("another root").pem() + &world.authority.pem();
    let options = Options::tls_from_pem(HOST, "device", roots.as_bytes()).unwrap();
    let config = server_config(&world.server, None, Version::Tls13);
    Pair::online(options, Arc::new(config));
}

#[test]
fn every_supported_kind_of_key_authenticates() {
    let world = World::new();
    let keys: [(&str, &str); 7] = [
        (include_str!("keys/test-rsa2048.pkcs8.pem"), include_str!("keys/test-rsa2048.pkcs8.pem")),
        (include_str!("keys/test-rsa2048.pkcs8.pem"), include_str!("keys/test-rsa2048.pkcs1.pem")),
        (include_str!("keys/test-p256.pkcs8.pem"), include_str!("keys/test-p256.pkcs8.pem")),
        (include_str!("keys/test-p256.pkcs8.pem"), include_str!("keys/test-p256.sec1.pem")),
        (include_str!("keys/test-p384.pkcs8.pem"), include_str!("keys/test-p384.pkcs8.pem")),
        (include_str!("keys/test-p384.pkcs8.pem"), include_str!("keys/test-p384.sec1.pem")),
        (include_str!("keys/test-ed25519.pkcs8.pem"), include_str!("keys/test-ed25519.pkcs8.pem")),
    ];
    for (pkcs8, given) in keys {
        for version in Version::BOTH {
            let mut device = world.authority.device_of_key(pkcs8);
            device.key = given.to_owned();
            let options = mutual(HOST, &device, &world.authority);
            Pair::online(options, world.server_config(version));
        }
    }
}
