//! A certificate authority for tests: what a device, a server and their enemies show each other.

use std::fs;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use pem::{EncodeConfig, LineEnding, Pem};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256, SanType, date_time_ymd,
};
use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::pkcs8::EncodePrivateKey;

/// How long an RSA key is, in bits: what AWS IoT Core hands out.
const RSA_BITS: usize = 2048;

/// The kind of an [`Identity`]'s key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyKind {
    /// Elliptic curve, NIST P-256.
    #[default]
    EcP256,
    /// RSA of 2048 bits; making one takes up to a few seconds.
    Rsa2048,
}

/// What an [`Identity`] is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// A device: client authentication, with this common name.
    Device(String),
    /// A server with these host names and addresses.
    Server(Vec<String>),
}

/// What to certify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What it is for.
    pub role: Role,
    /// The kind of its key.
    pub key: KeyKind,
    /// Whether its time has passed already.
    pub expired: bool,
    /// Whether its time is still to come.
    pub early: bool,
}

impl Request {
    /// A device with an elliptic-curve key and a valid certificate.
    pub fn device(name: &str) -> Self {
        Self { role: Role::Device(name.to_owned()), key: KeyKind::EcP256, expired: false, early: false }
    }

    /// A server with an elliptic-curve key and a certificate for `names`: host names or addresses.
    pub fn server(names: &[&str]) -> Self {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Self { role: Role::Server(names), key: KeyKind::EcP256, expired: false, early: false }
    }

    /// The same with a key of this kind.
    #[must_use]
    pub fn with_key(mut self, key: KeyKind) -> Self {
        self.key = key;
        self
    }

    /// The same, but not valid yet.
    #[must_use]
    pub fn early(mut self) -> Self {
        self.early = true;
        self
    }

    /// The same, but expired.
    #[must_use]
    pub fn expired(mut self) -> Self {
        self.expired = true;
        self
    }
}

/// A certificate and its private key, as PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate.
    pub cert: String,
    /// The key as PKCS#8 (`PRIVATE KEY`).
    pub key: String,
    /// The key in the form of its kind: SEC1 (`EC PRIVATE KEY`) or PKCS#1 (`RSA PRIVATE KEY`).
    pub traditional_key: String,
}

/// Shows no key.
impl core::fmt::Debug for Identity {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Identity").field("cert", &self.cert).finish_non_exhaustive()
    }
}

/// The files of an [`Identity`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityFiles {
    /// `NAME.pem`: [`Identity::cert`].
    pub cert: PathBuf,
    /// `NAME.key`: [`Identity::key`].
    pub key: PathBuf,
    /// `NAME.traditional.key`: [`Identity::traditional_key`].
    pub traditional_key: PathBuf,
}

impl Identity {
    /// Writes the files into `dir`, which must exist; the keys are readable by their owner only.
    pub fn write_to(&self, dir: &Path, name: &str) -> io::Result<IdentityFiles> {
        let files = IdentityFiles {
            cert: dir.join(format!("{name}.pem")),
            key: dir.join(format!("{name}.key")),
            traditional_key: dir.join(format!("{name}.traditional.key")),
        };
        write_file(&files.cert, &self.cert, false)?;
        write_file(&files.key, &self.key, true)?;
        write_file(&files.traditional_key, &self.traditional_key, true)?;
        Ok(files)
    }
}

/// The files of a [`Pki`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PkiFiles {
    /// `ca.pem`: [`Pki::ca`].
    pub ca: PathBuf,
    /// `server.*`: [`Pki::server`].
    pub server: IdentityFiles,
    /// `device.*`: [`Pki::device`].
    pub device: IdentityFiles,
}

/// A certificate authority with one server and one device.
pub struct Pki {
    issuer: CertifiedIssuer<'static, KeyPair>,
    ca: String,
    server: Identity,
    device: Identity,
}

impl core::fmt::Debug for Pki {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Pki").finish_non_exhaustive()
    }
}

impl Pki {
    /// The names in the server's certificate unless others are asked for.
    pub const SERVER_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

    /// A new authority, a server for [`Pki::SERVER_NAMES`] and a device named `device`.
    pub fn new() -> io::Result<Self> {
        Self::for_server(&Self::SERVER_NAMES)
    }

    /// A new authority, a server for `names` and a device named `device`; all keys are on P-256.
    pub fn for_server(names: &[&str]) -> io::Result<Self> {
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name("thingwire test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, key).map_err(io::Error::other)?;
        let server = issue(&issuer, &Request::server(names))?;
        let device = issue(&issuer, &Request::device("device"))?;
        Ok(Self { ca: issuer.pem(), issuer, server, device })
    }

    /// The authority's certificate as PEM.
    pub fn ca(&self) -> &str {
        &self.ca
    }

    /// The server.
    pub fn server(&self) -> &Identity {
        &self.server
    }

    /// The device.
    pub fn device(&self) -> &Identity {
        &self.device
    }

    /// One more identity. Fails with [`io::ErrorKind::Other`] when a server name is neither a host name nor an address.
    pub fn issue(&self, request: &Request) -> io::Result<Identity> {
        issue(&self.issuer, request)
    }

    /// Writes authority, server and device into `dir`, which must exist; the keys are readable by their owner only. Files of the
    /// same names are overwritten.
    pub fn write_to(&self, dir: &Path) -> io::Result<PkiFiles> {
        let ca = dir.join("ca.pem");
        write_file(&ca, &self.ca, false)?;
        let server = self.server.write_to(dir, "server")?;
        let device = self.device.write_to(dir, "device")?;
        Ok(PkiFiles { ca, server, device })
    }
}

fn issue(issuer: &CertifiedIssuer<'static, KeyPair>, request: &Request) -> io::Result<Identity> {
    let PrivateKey { pair, traditional } = PrivateKey::generate(request.key)?;
    let mut params = CertificateParams::default();
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    match &request.role {
        Role::Device(name) => {
            params.distinguished_name = common_name(name);
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        }
        Role::Server(names) => {
            params.distinguished_name = common_name(names.first().map_or("server", String::as_str));
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            for name in names {
                params.subject_alt_names.push(alternative_name(name)?);
            }
        }
    }
    if request.expired {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 2);
    } else if request.early {
        params.not_before = date_time_ymd(4000, 1, 1);
    }
    let cert = params.signed_by(&pair, issuer).map_err(io::Error::other)?;
    Ok(Identity { cert: cert.pem(), key: pair.serialize_pem(), traditional_key: traditional })
}

fn common_name(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

fn alternative_name(name: &str) -> io::Result<SanType> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    name.try_into().map(SanType::DnsName).map_err(io::Error::other)
}

/// A key pair and the PEM of its private key in the form of its kind.
struct PrivateKey {
    pair: KeyPair,
    traditional: String,
}

impl PrivateKey {
    fn generate(kind: KeyKind) -> io::Result<Self> {
        match kind {
            KeyKind::EcP256 => {
                let pair = KeyPair::generate().map_err(io::Error::other)?;
                let sec1 = sec1_from_pkcs8(pair.serialized_der())
                    .ok_or_else(|| io::Error::other("unexpected form of EC key"))?;
                Ok(Self { pair, traditional: to_pem("EC PRIVATE KEY", sec1) })
            }
            KeyKind::Rsa2048 => {
                // ring signs with RSA keys but makes none.
                let key = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, RSA_BITS).map_err(io::Error::other)?;
                let pkcs8 = key.to_pkcs8_der().map_err(io::Error::other)?;
                let pkcs1 = key.to_pkcs1_der().map_err(io::Error::other)?;
                let pkcs8 = to_pem("PRIVATE KEY", pkcs8.as_bytes().to_vec());
                let pair = KeyPair::from_pkcs8_pem_and_sign_algo(&pkcs8, &PKCS_RSA_SHA256).map_err(io::Error::other)?;
                Ok(Self { pair, traditional: to_pem("RSA PRIVATE KEY", pkcs1.as_bytes().to_vec()) })
            }
        }
    }
}

/// The RFC 5915 form, with the curve's name as OpenSSL wants it, of a P-256 key that ring has made: ring's PKCS#8 is a fixed template.
fn sec1_from_pkcs8(pkcs8: &[u8]) -> Option<Vec<u8>> {
    const SECRET: core::ops::Range<usize> = 36..68;
    const PUBLIC: core::ops::Range<usize> = 73..138;
    const CURVE: &[u8] = b"\xa0\x0a\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
    if pkcs8.len() != PUBLIC.end {
        return None;
    }
    let mut sec1 = b"\x30\x77\x02\x01\x01\x04\x20".to_vec();
    sec1.extend_from_slice(pkcs8.get(SECRET)?);
    sec1.extend_from_slice(CURVE);
    sec1.extend_from_slice(b"\xa1\x44\x03\x42\x00");
    sec1.extend_from_slice(pkcs8.get(PUBLIC)?);
    Some(sec1)
}

fn to_pem(tag: &str, contents: Vec<u8>) -> String {
    let config = EncodeConfig::new().set_line_ending(LineEnding::LF);
    pem::encode_config(&Pem::new(tag, contents), config)
}

/// Writes a file; a secret one is never readable by others, not even for a moment.
fn write_file(path: &Path, text: &str, secret: bool) -> io::Result<()> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display()));
    if secret {
        // An older file might be open to others, and its mode would stay.
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(named(error)),
            _ => {}
        }
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    if secret {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path).and_then(|mut file| file.write_all(text.as_bytes())).map_err(named)
}
