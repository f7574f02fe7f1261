//! What devices sign with, whom they trust, and what they offer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::server::Acceptor;
use rustls::{CipherSuite, crypto};
use thingwire_core::transport::sign::{
    Error, SignatureAlgorithm, SignatureScheme, Signer, SigningKey, SubjectPublicKeyInfoDer,
};
use thingwire_core::transport::{Identity, PemError, PemFault, PemPart, Roots, TlsConfig};
use thingwire_core::{Engine, Security};

use crate::pair::{NOW, Pair, World, secured};
use crate::pki::{Authority, HOST, Version, server_config};

const KEY: &str = include_str!("keys/test-p256.pkcs8.pem");
const ENCRYPTED: &str = include_str!("keys/test-p256.encrypted.pem");
const SCRYPT: &str = include_str!("keys/test-p256.scrypt.pem");

/// A module that keeps its key to itself, and counts what it signs.
#[derive(Debug)]
struct Module {
    key: Arc<dyn SigningKey>,
    tells_public_key: bool,
    signed: Arc<AtomicUsize>,
    broken: bool,
}

impl Module {
    fn new(key: &str) -> Self {
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let key = crypto::ring::sign::any_supported_type(&key).unwrap();
        Self { key, tells_public_key: true, signed: Arc::default(), broken: false }
    }
}

impl SigningKey for Module {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let inner = self.key.choose_scheme(offered)?;
        Some(Box::new(Session { inner, signed: self.signed.clone(), broken: self.broken }))
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        self.key.public_key().filter(|_| self.tells_public_key)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.key.algorithm()
    }
}

#[derive(Debug)]
struct Session {
    inner: Box<dyn Signer>,
    signed: Arc<AtomicUsize>,
    broken: bool,
}

impl Signer for Session {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.signed.fetch_add(1, Ordering::Relaxed);
        if self.broken {
            Err(Error::General("the module does not answer".to_owned()))
        } else {
            self.inner.sign(message)
        }
    }

    fn scheme(&self) -> SignatureScheme {
        self.inner.scheme()
    }
}

/// The world's device, with this identity, meets its server.
fn meet(world: &World, identity: Identity, version: Version) -> Pair {
    let roots = Roots::from_pem(world.authority.pem().as_bytes()).unwrap();
    let options = secured(world.options(), Security::Tls(TlsConfig::mutual(identity, roots)));
    let mut pair = Pair::new(options, Arc::new(server_config(&world.server, Some(&world.authority), version)));
    pair.run();
    pair
}

#[test]
fn a_signer_of_ones_own_proves_who_the_device_is_once_for_each_handshake() {
    let world = World::new();
    let device = world.authority.device_of_key(KEY);
    for (version, tells_public_key) in Version::BOTH.into_iter().flat_map(|version| [(version, true), (version, false)])
    {
        let module = Module { tells_public_key, ..Module::new(KEY) };
        let signed = module.signed.clone();
        let identity = Identity::with_signer(device.certificate.as_bytes(), Arc::new(module)).unwrap();
        meet(&world, identity, version).accept();
        assert_eq!(signed.load(Ordering::Relaxed), 1, "{version:?} {tells_public_key}");
    }
}

#[test]
fn a_signer_for_another_certificate_is_refused_at_once_if_it_tells() {
    let certificate = Authority::new("test root").device().certificate;
    let error = Identity::with_signer(certificate.as_bytes(), Arc::new(Module::new(KEY))).unwrap_err();
    assert_eq!(error.fault, PemFault::OtherKey);
    let silent = Module { tells_public_key: false, ..Module::new(KEY) };
    assert!(Identity::with_signer(certificate.as_bytes(), Arc::new(silent)).is_ok());
}

#[test]
fn a_signer_that_fails_ends_the_attempt_with_its_words() {
    let world = World::new();
    let device = world.authority.device_of_key(KEY);
    for version in Version::BOTH {
        let broken = Module { broken: true, ..Module::new(KEY) };
        let identity = Identity::with_signer(device.certificate.as_bytes(), Arc::new(broken)).unwrap();
        let why = meet(&world, identity, version).why().unwrap().to_string();
        assert!(why.contains("the module does not answer"), "{why}");
    }
}

#[test]
fn the_bundled_roots_are_those_that_mozilla_lists() {
    let text = include_str!("../../src/transport/amazon-roots.pem");
    let bundled: Vec<_> =
        rustls::pki_types::CertificateDer::pem_slice_iter(text.as_bytes()).map(Result::unwrap).collect();
    let names = ["Amazon Root CA 1", "Amazon Root CA 2", "Amazon Root CA 3", "Amazon Root CA 4"]
        .into_iter()
        .chain(["Starfield Services Root Certificate Authority - G2"]);
    let listed = webpki_root_certs::TLS_SERVER_ROOT_CERTS;
    let found: Vec<_> = names
        .map(|name| {
            listed.iter().find(|der| der.windows(name.len()).any(|part| part == name.as_bytes())).unwrap().clone()
        })
        .collect();
    assert_eq!(bundled, found);
    assert_eq!(format!("{:?}", Roots::amazon()), "Roots { certificates: 5, .. }");
}

fn encrypted(key: &str, passphrase: &str) -> Result<Identity, PemError> {
    let device = Authority::new("test root").device_of_key(KEY);
    Identity::from_encrypted_pem(device.certificate.as_bytes(), key.as_bytes(), passphrase.as_bytes())
}

fn fault(key: &str, passphrase: &str) -> PemFault {
    let error = encrypted(key, passphrase).unwrap_err();
    assert_eq!(error.part, PemPart::Key);
    error.fault
}

#[test]
fn an_encrypted_key_serves_with_its_passphrase_alone() {
    assert!(encrypted(KEY, "not looked at").is_ok());
    for wrong in ["", "wrong", "Thingwire"] {
        assert_eq!(fault(ENCRYPTED, wrong), PemFault::WrongPassphrase);
    }
    let legacy = include_str!("keys/test-p256.legacy-encrypted.pem");
    assert_eq!(fault(legacy, "thingwire"), PemFault::UnsupportedEncryption);
    let cut = ENCRYPTED.replace("-----END", "");
    assert_eq!(fault(&cut, "thingwire"), PemFault::Unfinished);
    let plain = KEY.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    assert_eq!(fault(&plain, "thingwire"), PemFault::UnsupportedEncryption);
    // The cost of scrypt has to be a power of two: 16,384, and not one more (RFC 7914 §6).
    let odd = SCRYPT.replacen("QAAC\n", "QAEC\n", 1);
    assert_eq!(fault(&odd, "thingwire"), PemFault::UnsupportedEncryption);
}

#[test]
fn a_device_with_an_encrypted_key_connects() {
    let world = World::new();
    let device = world.authority.device_of_key(KEY);
    for key in [ENCRYPTED, SCRYPT] {
        let identity =
            Identity::from_encrypted_pem(device.certificate.as_bytes(), key.as_bytes(), b"thingwire").unwrap();
        meet(&world, identity, Version::Tls13).accept();
    }
}

/// What a client of this configuration offers in its first message.
fn offered(port: u16, tls: TlsConfig) -> Vec<CipherSuite> {
    let options = World::new().options_of_stranger(&format!("{HOST}:{port}"));
    let mut engine = Engine::new(secured(options, Security::Tls(tls)), 7, NOW).unwrap();
    engine.client().start(NOW);
    let link = std::iter::from_fn(|| engine.poll_action(NOW)).find_map(|action| match action {
        thingwire_core::Action::Open(link) => Some(link),
        _ => None,
    });
    engine.opened(NOW, link.unwrap());
    let mut acceptor = Acceptor::default();
    acceptor.read_tls(&mut engine.transmit(NOW)).unwrap();
    let accepted = acceptor.accept().unwrap_or_else(|_| panic!("a ClientHello")).expect("a whole one");
    accepted.client_hello().cipher_suites().to_vec()
}

#[test]
fn device_advisor_is_offered_what_aws_lists_and_the_recommended_first() {
    use CipherSuite as C;
    let expected = [
        C::TLS13_AES_128_GCM_SHA256,
        C::TLS13_AES_256_GCM_SHA384,
        C::TLS13_CHACHA20_POLY1305_SHA256,
        C::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        C::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        C::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        C::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        // Not a suite: it says that renegotiation is safe (RFC 5746 §3.3).
        C::TLS_EMPTY_RENEGOTIATION_INFO_SCSV,
    ];
    for port in [8883, 443] {
        assert_eq!(offered(port, TlsConfig::server_only(Roots::amazon()).with_aws_cipher_suites()), expected);
        assert!(offered(port, TlsConfig::server_only(Roots::amazon())).len() > expected.len());
    }
}

#[test]
fn a_device_with_the_suites_of_aws_connects_with_either_version() {
    let world = World::new();
    for version in Version::BOTH {
        let mut options = world.options();
        let Security::Tls(tls) = &mut options.security else { panic!("TLS") };
        *tls = tls.clone().with_aws_cipher_suites();
        let pair = Pair::online(options, world.server_config(version));
        let suite = pair.server.negotiated_cipher_suite().unwrap().suite();
        let recommended = [CipherSuite::TLS13_AES_128_GCM_SHA256, CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256];
        assert!(recommended.contains(&suite), "{suite:?}");
    }
}
