//! Who we are, from PEM.

use core::fmt;
use std::sync::Arc;

#[cfg(feature = "encrypted-keys")]
use pkcs8::{EncryptedPrivateKeyInfo, SecretDocument};
use rustls::crypto::ring;
#[cfg(feature = "encrypted-keys")]
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::{PemObject as _, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{Error, InconsistentKeys};

#[cfg(feature = "encrypted-keys")]
use super::pem::encrypted_key;
use super::pem::{PemError, PemFault, PemPart, sections};
use super::x509::Certificate;
use crate::CertificateInfo;

/// What a device shows to prove who it is: its certificate chain and its private key. Cheap to clone.
///
/// ```no_run
/// use thingwire_core::transport::Identity;
///
/// let (certificate, key) = (std::fs::read("device.pem.crt")?, std::fs::read("private.pem.key")?);
/// let identity = Identity::from_pem(&certificate, &key)?;
/// println!("{}", identity.certificate());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Identity {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) info: Arc<CertificateInfo>,
}

impl Identity {
    /// A certificate chain, the device's own first, and its private key: PKCS#8, PKCS#1 or SEC1; RSA of 2048 to 4096
    /// bits, EC on P-256 or P-384, or Ed25519; not encrypted.
    ///
    /// Fails when either cannot be used, or when they do not belong together. Whether the certificate is valid today is
    /// not asked: a device may be set up before its clock is. [`certificate`](Self::certificate) has the dates, and
    /// the server judges them.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, PemError> {
        let chain = certificates(certificate, PemPart::Certificate)?;
        Self::new(chain, signing_key(&private_key(key)?)?)
    }

    /// [`from_pem`](Self::from_pem) with a key that a passphrase protects: PKCS#8 (`BEGIN ENCRYPTED PRIVATE KEY`) with
    /// PBES2 (RFC 8018), AES, and PBKDF2 over SHA-2 or scrypt, as OpenSSL writes it. With a key that is not encrypted
    /// the passphrase is not needed, and not looked at.
    ///
    /// Making the key from the passphrase takes the time that the file says, often tens of milliseconds. The decrypted
    /// key is overwritten before its memory is given back; what signs with it keeps its own copy.
    #[cfg(feature = "encrypted-keys")]
    pub fn from_encrypted_pem(certificate: &[u8], key: &[u8], passphrase: &[u8]) -> Result<Self, PemError> {
        let Some(encrypted) = encrypted_key(key) else { return Self::from_pem(certificate, key) };
        let chain = certificates(certificate, PemPart::Certificate)?;
        let plain = decrypt(&encrypted?, passphrase)?;
        Self::new(chain, signing_key(&PrivatePkcs8KeyDer::from(plain.as_bytes()).into())?)
    }

    /// A certificate chain, the device's own first, and something that signs with its private key: a security module
    /// or whatever else keeps the key to itself. It is asked to sign on the thread that drives the engine, once for
    /// each handshake, which waits for it.
    ///
    /// Fails when the chain cannot be used, or when the signer tells its public key and that is another certificate's.
    pub fn with_signer(certificate: &[u8], signer: Arc<dyn SigningKey>) -> Result<Self, PemError> {
        Self::new(certificates(certificate, PemPart::Certificate)?, signer)
    }

    fn new(chain: Vec<CertificateDer<'static>>, key: Arc<dyn SigningKey>) -> Result<Self, PemError> {
        let bad = PemPart::Certificate.fault(PemFault::BadCertificate);
        let info = chain.first().and_then(|own| Certificate::read(own)).map(|own| own.info).ok_or(bad)?;
        let key = CertifiedKey::new(chain, key);
        match key.keys_match() {
            // Not every signer tells its public key.
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => {
                Ok(Self { key: Arc::new(key), info: Arc::new(info) })
            }
            Err(Error::InconsistentKeys(_)) => Err(PemPart::Key.fault(PemFault::OtherKey)),
            Err(_) => Err(bad),
        }
    }

    /// Whom the first certificate of a PEM text is for.
    #[cfg(feature = "host")]
    pub(crate) fn subject(chain: &[u8]) -> String {
        let chain = certificates(chain, PemPart::Certificate).unwrap_or_default();
        chain.first().and_then(|own| Certificate::read(own)).map(|own| own.info.subject).unwrap_or_default()
    }

    /// What the device's certificate says of itself.
    pub fn certificate(&self) -> &CertificateInfo {
        &self.info
    }
}

/// Shows nothing of the key.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("certificate", &self.info.subject)
            .field("certificates", &self.key.cert.len())
            .finish_non_exhaustive()
    }
}

/// The certificates of a PEM text in their order; at least one.
pub(super) fn certificates(text: &[u8], part: PemPart) -> Result<Vec<CertificateDer<'static>>, PemError> {
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

#[cfg(feature = "encrypted-keys")]
#[expect(clippy::wildcard_enum_match_arm, reason = "the library adds errors in minor versions")]
fn decrypt(encrypted: &[u8], passphrase: &[u8]) -> Result<SecretDocument, PemError> {
    use pkcs8::pkcs5::Error::{AlgorithmParametersInvalid, UnsupportedAlgorithm};
    let part = PemPart::Key;
    let parsed =
        EncryptedPrivateKeyInfo::try_from(encrypted).map_err(|_| part.fault(PemFault::UnsupportedEncryption))?;
    if parsed.encryption_algorithm.pbes2().is_none() {
        return Err(part.fault(PemFault::UnsupportedEncryption));
    }
    parsed.decrypt(passphrase).map_err(|error| match error {
        pkcs8::Error::EncryptedPrivateKey(AlgorithmParametersInvalid { .. } | UnsupportedAlgorithm { .. }) => {
            part.fault(PemFault::UnsupportedEncryption)
        }
        // What a wrong key makes of it is no key, or not even padded as one.
        _ => part.fault(PemFault::WrongPassphrase),
    })
}

fn signing_key(key: &PrivateKeyDer<'_>) -> Result<Arc<dyn SigningKey>, PemError> {
    ring::sign::any_supported_type(key).map_err(|_| PemPart::Key.fault(PemFault::UnsupportedKey))
}

fn is_private_key(kind: SectionKind) -> bool {
    matches!(kind, SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey)
}
