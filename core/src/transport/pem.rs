//! PEM text, and what is wrong with it.

use core::fmt;

use rustls::pki_types::pem::{Error, PemObject as _, SectionKind};

/// Why a certificate or key cannot be used.
///
/// Never holds any of the text: it may be a private key, and errors end up in logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PemError {
    /// Which of the texts is meant.
    pub part: PemPart,
    /// What is wrong with it.
    pub fault: PemFault,
}

/// What a PEM text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PemPart {
    /// The device's certificate, with those that lead to its root if there are any.
    Certificate,
    /// The device's private key.
    Key,
    /// The certificates that a server's certificate must lead to.
    Root,
}

/// What is wrong with a PEM text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PemFault {
    /// There is nothing.
    Empty,
    /// There is no `BEGIN CERTIFICATE`.
    NoCertificate,
    /// There is no `BEGIN PRIVATE KEY` nor `BEGIN RSA PRIVATE KEY` nor `BEGIN EC PRIVATE KEY`.
    NoKey,
    /// A private key where a certificate belongs.
    KeyForCertificate,
    /// A certificate where a private key belongs.
    CertificateForKey,
    /// A public key where a private key belongs.
    PublicKey,
    /// The key is protected by a passphrase.
    Encrypted,
    /// The key is protected by another passphrase than the one given, or damaged.
    WrongPassphrase,
    /// The key is protected in another way than PKCS#8 with PBES2, AES, and PBKDF2 over SHA-2 or scrypt.
    UnsupportedEncryption,
    /// The line breaks are gone.
    OneLine,
    /// The text is UTF-16, as some editors and shells write it.
    Utf16,
    /// The bytes are DER, the binary form.
    Der,
    /// A `BEGIN` line without its `END` line.
    Unfinished,
    /// What is between `BEGIN` and `END` is not base64.
    NotBase64,
    /// The text is well-formed, but what it holds is not an X.509 version 3 certificate.
    BadCertificate,
    /// The text is well-formed, but what it holds is damaged or not a supported kind of key.
    UnsupportedKey,
    /// The key belongs to another certificate.
    OtherKey,
}

impl PemPart {
    pub(super) const fn fault(self, fault: PemFault) -> PemError {
        PemError { part: self, fault }
    }

    /// The fault of a text in which nothing of use was found.
    const fn nothing(self) -> PemFault {
        match self {
            Self::Certificate | Self::Root => PemFault::NoCertificate,
            Self::Key => PemFault::NoKey,
        }
    }
}

/// The sections of a PEM text in their order, those of unknown kinds left out. At least one.
pub(super) fn sections(text: &[u8], part: PemPart) -> Result<Vec<(SectionKind, Vec<u8>)>, PemError> {
    let text = tidy(text);
    if let Some(fault) = spoilt(&text) {
        return Err(part.fault(fault));
    }
    let mut sections = Vec::new();
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(&text) {
        sections.push(section.map_err(|error| part.fault(fault_of(&error)))?);
    }
    if sections.is_empty() {
        return Err(part.fault(part.nothing()));
    }
    Ok(sections)
}

/// The encrypted key in a PEM text (RFC 7468 §11), still encrypted; `None` when there is none.
#[cfg(feature = "encrypted-keys")]
pub(super) fn encrypted_key(text: &[u8]) -> Option<Result<Vec<u8>, PemError>> {
    let text = String::from_utf8(tidy(text)).ok()?;
    if text.contains("4,ENCRYPTED") {
        return Some(Err(PemPart::Key.fault(PemFault::UnsupportedEncryption)));
    }
    if !text.contains("BEGIN ENCRYPTED PRIVATE KEY") {
        return None;
    }
    // The library knows the label of a plain key only.
    let text = text.replace(" ENCRYPTED PRIVATE KEY-----", " PRIVATE KEY-----");
    let found = sections(text.as_bytes(), PemPart::Key);
    let key = |sections: Vec<(SectionKind, Vec<u8>)>| {
        let mut keys = sections.into_iter().filter(|(kind, _)| *kind == SectionKind::PrivateKey);
        keys.next().map(|(_, der)| der).ok_or(PemPart::Key.fault(PemFault::NoKey))
    };
    Some(found.and_then(key))
}

/// The fault without the library's words: they hold the text itself, a whole private key with it.
fn fault_of(error: &Error) -> PemFault {
    if matches!(error, Error::Base64Decode(_)) { PemFault::NotBase64 } else { PemFault::Unfinished }
}

/// The text without what editors and copying add to it: a byte order mark, indentation, spaces at the ends of lines.
fn tidy(text: &[u8]) -> Vec<u8> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let lines: Vec<&[u8]> = lines(text).collect();
    lines.join(&b'\n')
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b'\n' || byte == b'\r').map(<[u8]>::trim_ascii)
}

/// Known ways to spoil PEM text, which the library would not tell apart.
fn spoilt(text: &[u8]) -> Option<PemFault> {
    let has = |what: &[u8]| text.windows(what.len()).any(|window| window == what);
    match text {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Some(PemFault::Utf16),
        [0x30, ..] if !text.is_ascii() => return Some(PemFault::Der),
        _ => {}
    }
    if text.iter().all(|&byte| byte == b'\n') {
        return Some(PemFault::Empty);
    }
    if has(b"BEGIN ENCRYPTED PRIVATE KEY") || has(b"4,ENCRYPTED") {
        return Some(PemFault::Encrypted);
    }
    lines(text).any(goes_on_behind_its_dashes).then_some(PemFault::OneLine)
}

/// Whether more follows on the line of a `-----BEGIN …-----`.
fn goes_on_behind_its_dashes(line: &[u8]) -> bool {
    let Some(label) = line.strip_prefix(b"-----BEGIN ") else { return false };
    label.windows(5).position(|window| window == b"-----").is_some_and(|at| at + 5 < label.len())
}

impl fmt::Display for PemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.part, self.fault)
    }
}

impl fmt::Display for PemPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "device certificate",
            Self::Key => "private key",
            Self::Root => "root certificate",
        })
    }
}

impl fmt::Display for PemFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "empty; expected PEM text",
            Self::NoCertificate => "no certificate found; expected a line -----BEGIN CERTIFICATE-----",
            Self::NoKey => {
                "no private key found; expected a line -----BEGIN PRIVATE KEY-----, -----BEGIN RSA PRIVATE KEY----- \
                 or -----BEGIN EC PRIVATE KEY-----"
            }
            Self::KeyForCertificate => {
                "this is a private key where a certificate belongs; are certificate and key swapped?"
            }
            Self::CertificateForKey => {
                "this is a certificate where the private key belongs; are certificate and key swapped?"
            }
            Self::PublicKey => "this is a public key where the private key belongs",
            Self::Encrypted => {
                "the key is encrypted; give its passphrase, or remove it with: openssl pkey -in ENCRYPTED.key -out PLAIN.key"
            }
            Self::WrongPassphrase => "the passphrase is wrong, or the key is damaged",
            Self::UnsupportedEncryption => {
                "the key is encrypted in a way that is not supported; convert it with: openssl pkcs8 -topk8 -v2 \
                 aes-256-cbc -in OLD.key -out NEW.key"
            }
            Self::OneLine => {
                "the line breaks are lost; the BEGIN line, the END line and what is between need lines of their own"
            }
            Self::Utf16 => "the text is UTF-16; save it as UTF-8",
            Self::Der => {
                "the bytes are DER, not PEM; convert them with: openssl x509 (or openssl pkey) -inform DER -in IN -out OUT.pem"
            }
            Self::Unfinished => "the END line is missing or does not match the BEGIN line; is the text cut short?",
            Self::NotBase64 => "damaged: what is between the BEGIN and END lines is not base64",
            Self::BadCertificate => "not a certificate of X.509 version 3, or damaged",
            Self::UnsupportedKey => {
                "damaged, or an unsupported kind of key; supported are RSA of 2048 to 4096 bits, EC on P-256 or P-384, \
                 and Ed25519"
            }
            Self::OtherKey => "the key does not belong to the device certificate",
        })
    }
}

impl core::error::Error for PemError {}
