//! What goes wrong in TLS.

use core::fmt;

use super::certificate::{CertificateInfo, quoted, time};

/// What went wrong in TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsError {
    /// The server's certificate does not lead to a trusted root.
    UnknownIssuer {
        /// The server's certificate.
        certificate: Box<CertificateInfo>,
        /// Who has signed the last certificate that the server showed.
        issuer: String,
        /// The subjects of the trusted roots, a hundred at most.
        roots: Vec<String>,
    },
    /// The server's certificate is for other names.
    WrongName {
        /// The server's certificate.
        certificate: Box<CertificateInfo>,
        /// The host name or address that it should be for.
        wanted: String,
    },
    /// The server's certificate, or one between it and its root, has expired.
    Expired {
        /// The certificate that has.
        certificate: Box<CertificateInfo>,
        /// The time by this machine's clock, in seconds since 1970 (UTC).
        now: u64,
    },
    /// The server's certificate, or one between it and its root, is not valid yet: often this machine's clock is wrong.
    NotYetValid {
        /// The certificate that is not.
        certificate: Box<CertificateInfo>,
        /// The time by this machine's clock, in seconds since 1970 (UTC).
        now: u64,
    },
    /// The server's certificate is valid, but its key is none of those pinned.
    OtherPin {
        /// The server's certificate.
        certificate: Box<CertificateInfo>,
        /// The pin that its key would have: SHA-256 of its public key's DER, as hexadecimal digits.
        pin: String,
    },
    /// The server's certificate is unusable for another reason.
    BadCertificate {
        /// The server's certificate, where it can be read at all.
        certificate: Option<Box<CertificateInfo>>,
        /// The verifier's words.
        why: String,
    },
    /// The server does not accept the device's certificate, or wants one and got none.
    DeviceRefused {
        /// The device's certificate, if it has one.
        certificate: Option<Box<CertificateInfo>>,
        /// The name of the alert that says so, for example `CertificateRevoked` (RFC 8446 §6.2).
        alert: String,
    },
    /// The server ended the handshake or the connection with another alert.
    Alert {
        /// The alert's name, for example `NoApplicationProtocol`.
        name: String,
    },
    /// The server closed the connection during the handshake.
    Closed,
    /// The peer does not speak TLS.
    NotTls,
    /// Anything else.
    Other {
        /// The library's words.
        why: String,
    },
}

/// What a TLS handshake has agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsInfo {
    /// `1.2` or `1.3`.
    pub version: String,
    /// The cipher suite's registered name, for example `TLS13_AES_128_GCM_SHA256`.
    pub cipher_suite: String,
    /// The application protocol that the server has chosen (RFC 7301).
    pub alpn: Option<String>,
    /// The certificates that the server has shown, its own first.
    pub chain: Vec<CertificateInfo>,
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownIssuer { certificate, issuer, roots } => unknown_issuer(f, certificate, issuer, roots),
            Self::WrongName { certificate, wanted } if certificate.names.is_empty() => write!(
                f,
                "the server's certificate {certificate} names no host, and {wanted:?} is wanted; it needs a subject \
                 alternative name"
            ),
            Self::WrongName { certificate, wanted } => write!(
                f,
                "the server's certificate is for {}, not for {wanted:?}; check the endpoint's spelling and the server \
                 name (SNI)",
                quoted(&certificate.names)
            ),
            Self::Expired { certificate, now } => write!(
                f,
                "the server's certificate {certificate} expired on {}, and this machine's clock says {}; if the clock is \
                 right, the server needs a new one",
                time(certificate.not_after_secs),
                time(*now)
            ),
            Self::NotYetValid { certificate, now } => write!(
                f,
                "the server's certificate {certificate} is valid from {} on, and this machine's clock says {}; set the \
                 clock",
                time(certificate.not_before_secs),
                time(*now)
            ),
            Self::OtherPin { certificate, pin } => write!(
                f,
                "the key of the server's certificate {certificate} is not pinned; if the server has a new key, pin {pin}"
            ),
            Self::BadCertificate { certificate: Some(certificate), why } => {
                write!(f, "the server's certificate {certificate} is unusable ({why})")
            }
            Self::BadCertificate { certificate: None, why } => {
                write!(f, "the server's certificate is unusable ({why})")
            }
            Self::DeviceRefused { certificate: Some(certificate), alert } => write!(
                f,
                "the server refused the device certificate {certificate}, which is valid from {} to {} ({alert}){}",
                time(certificate.not_before_secs),
                time(certificate.not_after_secs),
                device_advice(alert)
            ),
            Self::DeviceRefused { certificate: None, alert } => {
                write!(f, "the server refused the connection ({alert}); the server wants a device certificate")
            }
            Self::Alert { name } => write!(f, "the server refused the connection ({name}){}", advice(name)),
            Self::Closed => f.write_str(
                "the server closed the connection during the handshake; check the port, and that the device \
                 certificate is registered and active",
            ),
            Self::NotTls => f.write_str("the peer does not speak TLS; check the port"),
            Self::Other { why } => f.write_str(why),
        }
    }
}

fn unknown_issuer(
    f: &mut fmt::Formatter<'_>,
    certificate: &CertificateInfo,
    issuer: &str,
    roots: &[String],
) -> fmt::Result {
    if roots.iter().any(|root| root == issuer) {
        return write!(
            f,
            "the server's certificate {certificate} is signed by another {issuer:?} than the given root of that name; \
             check the root certificate"
        );
    }
    let roots = quoted(roots);
    write!(f, "the server's certificate {certificate} leads to {issuer:?}, and the given root is {roots}")?;
    f.write_str(if ["VeriSign", "Symantec"].iter().any(|name| issuer.contains(name)) {
        "; AWS IoT Core's endpoints of old are signed so: take the endpoint with -ats in its name"
    } else if ["Amazon", "Starfield"].iter().any(|name| issuer.contains(name)) {
        "; AWS IoT Core's endpoints with -ats in their names need Amazon Root CA 1 or 3"
    } else {
        "; check the root certificate and the endpoint"
    })
}

/// What to do when the server does not accept the device's certificate (RFC 8446 §6.2).
fn device_advice(alert: &str) -> &'static str {
    match alert {
        "CertificateExpired" => "; it needs a new one, or the server's clock is wrong",
        "CertificateRevoked" => "; it is revoked: register another one",
        "UnknownCA" => "; the server does not know who signed it; register the certificate or its authority",
        "CertificateRequired" | "NoCertificate" => "; the server accepts no signature that its key can make",
        _ => "; check that it is the right one, registered and active",
    }
}

/// What to do about an alert (RFC 8446 §6.2).
fn advice(alert: &str) -> &'static str {
    match alert {
        "UnrecognisedName" => "; the server does not know this host name; check the endpoint",
        "NoApplicationProtocol" => "; the port is for another protocol; try port 8883",
        "ProtocolVersion" | "InsufficientSecurity" => "; the server has neither TLS 1.2 nor 1.3 with a usable cipher",
        "HandshakeFailure"
        | "BadCertificate"
        | "UnsupportedCertificate"
        | "CertificateUnknown"
        | "AccessDenied"
        | "DecryptError" => "; check that the device certificate is the right one, registered and active",
        _ => "",
    }
}

impl core::error::Error for TlsError {}
