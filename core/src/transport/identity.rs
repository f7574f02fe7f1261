//! Who we are and whom we trust, from PEM.

use core::fmt;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::pem::{PemObject as _, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::pem::{PemError, PemFault, PemPart, sections};

/// What a device shows to prove who it is: its certificate chain and its private key. Cheap to clone.
#[derive(Clone)]
pub struct Identity(pub(super) Arc<CertifiedKey>);

impl Identity {
    /// A certificate chain, the device's own first, and its private key: PKCS#8, PKCS#1 or SEC1; RSA of 2048 to 4096
    /// bits, EC on P-256 or P-384, or Ed25519; not encrypted.
    ///
    /// Fails when either cannot be used, or when they do not belong together.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, PemError> {
        let chain = certificates(certificate, PemPart::Certificate)?;
        let key = private_key(key)?;
        let key = ring::sign::any_supported_type(&key).map_err(|_| PemPart::Key.fault(PemFault::UnsupportedKey))?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            Ok(()) => Ok(Self(Arc::new(certified))),
            Err(rustls::Error::InconsistentKeys(_)) => Err(PemPart::Key.fault(PemFault::OtherKey)),
            Err(_) => Err(PemPart::Certificate.fault(PemFault::BadCertificate)),
        }
    }
}

/// Shows nothing of the key.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("certificates", &self.0.cert.len()).finish_non_exhaustive()
    }
}

/// The certificates that a server's certificate must lead to. Cheap to clone.
#[derive(Clone)]
pub struct Roots(pub(super) Arc<RootCertStore>);

impl Roots {
    /// One root certificate or several. Fails when there is none, or when any of them cannot be used.
    pub fn from_pem(certificates: &[u8]) -> Result<Self, PemError> {
        let mut store = RootCertStore::empty();
        for certificate in self::certificates(certificates, PemPart::Root)? {
            store.add(certificate).map_err(|_| PemPart::Root.fault(PemFault::BadCertificate))?;
        }
        Ok(Self(Arc::new(store)))
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roots").field("certificates", &self.0.len()).finish_non_exhaustive()
    }
}

fn certificates(text: &[u8], part: PemPart) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let sections = sections(text, part)?;
    let holds_key = sections.iter().any(|(kind, _)| is_private_key(*kind));
    let certificates: Vec<_> = sections
        .into_iter()
        .filter(|(kind, _)| *kind == SectionKind::Certificate)
        .map(|(_, der)| CertificateDer::from(der))
        .collect();
    match certificates.is_empty() {
        false => Ok(certificates),
        true if holds_key => Err(part.fault(PemFault::KeyForCertificate)),
        true => Err(part.fault(PemFault::NoCertificate)),
    }
}

fn private_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, PemError> {
    let part = PemPart::Key;
    let sections = sections(text, part)?;
    let holds = |wanted| sections.iter().any(|(kind, _)| *kind == wanted);
    let fault = if holds(SectionKind::Certificate) {
        PemFault::CertificateForKey
    } else if holds(SectionKind::PublicKey) {
        PemFault::PublicKey
    } else {
        PemFault::NoKey
    };
    let key = sections.into_iter().find_map(|(kind, der)| PrivateKeyDer::from_pem(kind, der));
    key.ok_or(part.fault(fault))
}

fn is_private_key(kind: SectionKind) -> bool {
    matches!(kind, SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey)
}
