//! No error and no Debug shows any of a private key, however the key is spoilt.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use thingwire_core::transport::Identity;
use thingwire_core::{Engine, Options};

use crate::pair::{NOW, World};
use crate::pki::{Authority, HOST};

const KEYS: [&str; 6] = [
    include_str!("keys/test-rsa2048.pkcs8.pem"),
    include_str!("keys/test-rsa2048.pkcs1.pem"),
    include_str!("keys/test-p256.pkcs8.pem"),
    include_str!("keys/test-p256.sec1.pem"),
    include_str!("keys/test-p256.encrypted.pem"),
    include_str!("keys/test-secp256k1.sec1.pem"),
];

/// The base64 between the lines.
fn body(pem: &str) -> String {
    pem.lines().filter(|line| !line.starts_with('-') && !line.contains(':')).collect()
}

/// Every way a paste, an editor or a transfer may spoil a key.
fn spoilt(pem: &str) -> Vec<Vec<u8>> {
    let one_line = pem.replace('\n', "");
    let mut texts = vec![
        pem.to_owned(),
        one_line.clone(),
        pem.replace('\n', " "),
        pem.replace('\n', "\\n"),
        format!("{one_line}\nmore\n"),
        pem.replace("-----END", "-----END OF"),
        pem.replace("-----END", "-----BEGIN"),
        pem.replace("-----BEGIN", "-----END"),
        pem.replace("PRIVATE KEY", "SECRET KEY"),
        pem.replace("PRIVATE KEY", "CERTIFICATE"),
        pem.replace("-----\n", "\n"),
        pem.replace("-----\n", "----\n"),
        pem.replace("-----\n", "-----"),
        pem.replace('M', "*"),
        pem.replace('-', ""),
        body(pem),
        format!("{pem}{one_line}"),
        format!("{one_line}{pem}"),
    ];
    texts.extend((0..pem.len()).step_by(17).map(|len| pem[..len].to_owned()));
    texts.extend((0..one_line.len()).step_by(31).map(|len| one_line[..len].to_owned()));
    let mut texts: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
    texts.push(pem.encode_utf16().flat_map(u16::to_le_bytes).collect());
    texts
}

fn assert_silent(words: &str, secret: &str) {
    for at in 0..secret.len() - 8 {
        let run = &secret[at..at + 8];
        assert!(!words.contains(run), "8 characters of the key in {words:?}");
    }
}

#[test]
fn no_error_shows_any_of_a_private_key() {
    let authority = Authority::new("test root");
    let (device, root) = (authority.device(), authority.pem());
    let (certificate, own_key, root) = (device.certificate.as_bytes(), device.key.as_bytes(), root.as_bytes());
    for pem in KEYS {
        let secret = body(pem);
        let mut all = BTreeSet::new();
        for text in spoilt(pem) {
            // In its place, and in each place where it does not belong.
            for (certificate, key, root) in
                [(certificate, text.as_slice(), root), (&text, &text, root), (certificate, own_key, &text)]
            {
                let error = Options::mtls_from_pem(HOST, "device", certificate, key, root).unwrap_err();
                all.insert(format!("{error} {error:?} {error:#?}"));
            }
        }
        assert!(all.len() > 5, "the texts are spoilt in different ways: {all:?}");
        for words in all {
            assert_silent(&words, &secret);
        }
    }
}

#[test]
fn nothing_that_holds_a_key_shows_it() {
    let authority = Authority::new("test root");
    let pem = KEYS[0];
    let device = authority.device_of_key(pem);
    let identity = Identity::from_pem(device.certificate.as_bytes(), pem.as_bytes()).unwrap();
    let options = Options::mtls_from_pem(
        HOST,
        "device",
        device.certificate.as_bytes(),
        pem.as_bytes(),
        authority.pem().as_bytes(),
    )
    .unwrap();
    let mut words = format!("{identity:?} {identity:#?} {options:?} {options:#?}");
    write!(words, "{:?}", Engine::new(options, 7, NOW).unwrap()).unwrap();
    assert_silent(&words, &body(pem));
    assert!(!words.contains("pkcs8") && !words.contains("PrivateKey"), "{words}");
}

#[test]
fn an_engine_with_a_connection_shows_no_secret_of_it() {
    let world = World::new();
    let mut pair = world.pair(crate::pki::Version::Tls13);
    pair.run();
    let words = format!("{:?}", pair.engine);
    assert!(!words.contains("secret") && !words.contains("key:"), "{words}");
}
