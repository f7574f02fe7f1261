//! Certificates for tests.

use std::sync::Arc;

use ::ring::digest;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};
use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;

/// The host name of every test server.
pub const HOST: &str = "broker.test";

pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as PEM.
pub struct Leaf {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        Self(CertifiedIssuer::self_signed(authority_params(name), KeyPair::generate().unwrap()).unwrap())
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    pub fn device(&self) -> Leaf {
        self.issue(&KeyPair::generate().unwrap(), &device_params())
    }

    /// A device that has its key already.
    pub fn device_of_key(&self, key: &str) -> Leaf {
        let key = KeyPair::from_pem(key).unwrap();
        self.issue(&key, &device_params())
    }

    pub fn server(&self) -> Leaf {
        self.server_with(|_| {})
    }

    pub fn server_with(&self, change: impl FnOnce(&mut CertificateParams)) -> Leaf {
        let mut params = CertificateParams::new([HOST.to_owned()]).unwrap();
        params.subject_alt_names.push(SanType::IpAddress([127, 0, 0, 1].into()));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        change(&mut params);
        self.issue(&KeyPair::generate().unwrap(), &params)
    }

    /// An authority under this one.
    pub fn intermediate(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = authority_params(name);
        change(&mut params);
        Self(CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), &self.0).unwrap())
    }

    fn issue(&self, key: &KeyPair, params: &CertificateParams) -> Leaf {
        let certificate = params.signed_by(key, &self.0).unwrap().pem();
        Leaf { certificate, key: key.serialize_pem() }
    }
}

impl Leaf {
    /// The same with the certificate of the authority that signed it behind it.
    pub fn under(mut self, authority: &Authority) -> Self {
        self.certificate.push_str(&authority.pem());
        self
    }
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

/// SHA-256 of a key's public half, as pins have it.
pub fn spki_sha256(key: &str) -> [u8; 32] {
    let key = KeyPair::from_pem(key).unwrap();
    let spki = rcgen::PublicKeyData::subject_public_key_info(&key);
    digest::digest(&digest::SHA256, &spki).as_ref().try_into().unwrap()
}

/// The certificate of the one with the key of the other.
pub fn stolen(certificate: &Leaf, key: &Leaf) -> Arc<CertifiedKey> {
    let key = PrivateKeyDer::from_pem_slice(key.key.as_bytes()).unwrap();
    let key = ring::sign::any_supported_type(&key).unwrap();
    Arc::new(CertifiedKey::new(vec![self::certificate(&certificate.certificate)], key))
}

/// A server's certificate that is its own root, as the first page of many tutorials makes it.
pub fn self_signed_server(authority: bool) -> Leaf {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([HOST.to_owned()]).unwrap();
    params.is_ca = if authority { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::NoCa };
    Leaf { certificate: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
}

pub fn expired(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2020, 1, 2);
}

pub fn not_yet_valid(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2999, 1, 1);
    params.not_after = date_time_ymd(2999, 1, 2);
}

fn device_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "device");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

/// A server that wants device certificates from `clients`, or none.
pub fn server_config(leaf: &Leaf, clients: Option<&Authority>, version: Version) -> ServerConfig {
    let provider = Arc::new(ring::default_provider());
    let versions: &[&rustls::SupportedProtocolVersion] = match version {
        Version::Tls12 => &[&rustls::version::TLS12],
        Version::Tls13 => &[&rustls::version::TLS13],
    };
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(versions).unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(certificate(&authority.pem())).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap();
    let chain = CertificateDer::pem_slice_iter(leaf.certificate.as_bytes()).map(Result::unwrap).collect();
    builder.with_single_cert(chain, key).unwrap()
}

fn certificate(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    Tls12,
    Tls13,
}

impl Version {
    pub const BOTH: [Self; 2] = [Self::Tls12, Self::Tls13];
}
