//! The check of the server's certificate, with words for what is wrong.

use core::fmt::Write as _;
use std::sync::Arc;

use ring::digest;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme};

use super::x509::{self, Certificate};
use crate::TlsError;

/// Roots whose names are told.
const ROOTS_TOLD: usize = 100;

/// What the library checks, and pins on top of it. What the library finds wrong is told with the certificate that it
/// found: as a [`TlsError`] inside of the library's error, see [`told`].
#[derive(Debug, Clone)]
pub(super) struct Verifier {
    webpki: Arc<WebPkiServerVerifier>,
    roots: Arc<RootCertStore>,
    /// SHA-256 of public keys, one of which has to be the server's; with none, any may be.
    pins: Vec<[u8; 32]>,
}

/// What this verifier has said, or what the library has where this one was not asked.
#[expect(clippy::wildcard_enum_match_arm, reason = "the library adds errors in minor versions")]
pub(super) fn told(error: &CertificateError) -> TlsError {
    match error {
        CertificateError::Other(OtherError(why)) => why
            .downcast_ref()
            .cloned()
            .unwrap_or_else(|| TlsError::BadCertificate { certificate: None, why: why.to_string() }),
        CertificateError::BadSignature => TlsError::BadCertificate {
            certificate: None,
            why: "the server does not prove that it has the certificate's key".to_owned(),
        },
        other => TlsError::BadCertificate { certificate: None, why: other.to_string() },
    }
}

/// What the server shows, and what is wanted of it.
#[derive(Clone, Copy)]
struct Shown<'a> {
    leaf: &'a CertificateDer<'a>,
    intermediates: &'a [CertificateDer<'a>],
    wanted: &'a ServerName<'a>,
    now: UnixTime,
}

impl Verifier {
    pub(super) fn new(roots: Arc<RootCertStore>, provider: Arc<CryptoProvider>) -> Self {
        let webpki = WebPkiServerVerifier::builder_with_provider(roots.clone(), provider)
            .build()
            .expect("there is a root, and no revocation list that could be bad");
        Self { webpki, roots, pins: Vec::new() }
    }

    pub(super) fn with_pins(&self, pins: Vec<[u8; 32]>) -> Self {
        Self { pins, ..self.clone() }
    }

    /// The subjects of the roots.
    pub(super) fn roots(&self) -> Vec<String> {
        self.roots.roots.iter().take(ROOTS_TOLD).map(|root| x509::name(&root.subject)).collect()
    }

    /// The library's error in words that name the certificate; `None` where there are no better ones.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the library adds errors in minor versions")]
    fn explain(&self, error: &CertificateError, shown: Shown<'_>) -> Option<TlsError> {
        use CertificateError as E;
        let leaf = Certificate::read(shown.leaf)?;
        let now = shown.now.as_secs();
        Some(match error {
            E::UnknownIssuer | E::BadSignature => TlsError::UnknownIssuer {
                issuer: x509::name(last_issuer(&leaf, shown.intermediates)),
                certificate: Box::new(leaf.info),
                roots: self.roots(),
            },
            E::NotValidForName | E::NotValidForNameContext { .. } => {
                TlsError::WrongName { certificate: Box::new(leaf.info), wanted: shown.wanted.to_str().into_owned() }
            }
            E::Expired | E::ExpiredContext { .. } => {
                let certificate = first(leaf, shown.intermediates, |it| it.info.is_expired_at(now));
                TlsError::Expired { certificate: Box::new(certificate.info), now }
            }
            E::NotValidYet | E::NotValidYetContext { .. } => {
                let certificate = first(leaf, shown.intermediates, |it| it.info.is_too_early_at(now));
                TlsError::NotYetValid { certificate: Box::new(certificate.info), now }
            }
            E::Other(OtherError(why)) => {
                let why = verifier_words(&why.to_string()).to_owned();
                TlsError::BadCertificate { certificate: Some(Box::new(leaf.info)), why }
            }
            other => TlsError::BadCertificate { certificate: Some(Box::new(leaf.info)), why: other.to_string() },
        })
    }

    /// Whether the key of a certificate that was found valid is the one that is wanted.
    fn check_pins(&self, leaf: &CertificateDer<'_>) -> Result<(), Error> {
        if self.pins.is_empty() {
            return Ok(());
        }
        let Some(leaf) = Certificate::read(leaf) else { return Err(CertificateError::BadEncoding.into()) };
        let found = digest::digest(&digest::SHA256, leaf.public_key);
        if self.pins.iter().any(|pin| pin == found.as_ref()) {
            return Ok(());
        }
        Err(wrap(TlsError::OtherPin { certificate: Box::new(leaf.info), pin: hexadecimal(found.as_ref()) }))
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        wanted: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified =
            self.webpki.verify_server_cert(leaf, intermediates, wanted, ocsp_response, now).map_err(|error| {
                let Error::InvalidCertificate(why) = &error else { return error };
                self.explain(why, Shown { leaf, intermediates, wanted, now }).map_or(error, wrap)
            })?;
        self.check_pins(leaf)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}

fn wrap(error: TlsError) -> Error {
    CertificateError::Other(OtherError(Arc::new(error))).into()
}

/// The first of the server's certificates of which this is true; its own if it is of none.
fn first<'a>(
    leaf: Certificate<'a>,
    intermediates: &'a [CertificateDer<'a>],
    is_it: impl Fn(&Certificate<'_>) -> bool,
) -> Certificate<'a> {
    if is_it(&leaf) {
        return leaf;
    }
    intermediates.iter().filter_map(|der| Certificate::read(der)).find(|certificate| is_it(certificate)).unwrap_or(leaf)
}

/// The issuer that remains when one certificate after the other is looked up among those that the server shows.
fn last_issuer<'a>(leaf: &Certificate<'a>, intermediates: &'a [CertificateDer<'a>]) -> &'a [u8] {
    let known: Vec<_> = intermediates.iter().filter_map(|der| Certificate::read(der)).collect();
    let mut issuer = leaf.issuer;
    // A ring of certificates ends as well.
    for _ in 0..known.len() {
        let Some(next) = known.iter().find(|certificate| certificate.subject == issuer) else { break };
        issuer = next.issuer;
    }
    issuer
}

/// The verifier's words, in better ones for what beginners meet: a certificate from `openssl req -x509` in both roles.
fn verifier_words(why: &str) -> &str {
    match why {
        "CaUsedAsEndEntity" => "it is marked as an authority's; let the root sign one that is not",
        other => other,
    }
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to memory cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
