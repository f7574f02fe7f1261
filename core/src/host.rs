//! The one door to the operating system: the clock, entropy and files, shared by the runtimes.
//!
//! What a loop of your own needs of it, where it runs on one:
//!
//! ```
//! use thingwire_core::host::{self, Clock};
//! use thingwire_core::{Client, Config};
//!
//! let clock = Clock::start();
//! let mut client = Client::new(Config::new("lamp"), host::seed()?, clock.now())?;
//! client.start(clock.now());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "this file is the door")]

use std::io;
use std::path::Path;

use zeroize::Zeroizing;

#[cfg(feature = "trace")]
use crate::trace::RecordOptions;
#[cfg(feature = "websocket")]
use crate::transport::WebSocketConfig;
use crate::transport::{Authorizer, Endpoint, Identity, PemError, PemFault, PemPart, Roots, Supplies, TlsConfig};
use crate::{CertificateInfo, Instant, Notice, Options, Security, SetupError, ShadowEvent, date};

/// The monotonic clock, counted from when it was made.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    epoch: std::time::Instant,
}

impl Clock {
    /// A clock that begins now.
    pub fn start() -> Self {
        Self { epoch: std::time::Instant::now() }
    }

    /// The time since the beginning.
    pub fn now(&self) -> Instant {
        Instant::from_micros(u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX))
    }
}

/// A seed that no other device has, from the operating system's entropy.
pub fn seed() -> Result<u64, SetupError> {
    random().map(u64::from_le_bytes)
}

/// What one link takes from the outside, now: the operating system's entropy and its clock. Credentials are not among
/// it.
pub fn supplies() -> Result<Supplies, SetupError> {
    Ok(Supplies::new(random()?, unix_seconds()))
}

/// The operating system's clock, in seconds since 1970 (UTC); 0 before.
pub fn unix_seconds() -> u64 {
    // Before 1970 no certificate is valid, and no signature.
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// A time for people, as `2017-06-28 20:48:45 UTC`.
pub fn readable_time(unix_seconds: u64) -> String {
    date::readable(unix_seconds)
}

fn random<const N: usize>() -> Result<[u8; N], SetupError> {
    let mut bytes = [0; N];
    rustls::crypto::ring::default_provider()
        .secure_random
        .fill(&mut bytes)
        .map_err(|_| SetupError::System { why: "the operating system gives no random bytes".to_owned() })?;
    Ok(bytes)
}

/// What a recorder records by default, under a key from the operating system's entropy.
#[cfg(feature = "trace")]
pub fn record_options() -> Result<RecordOptions, SetupError> {
    Ok(RecordOptions::new([seed()?, seed()?]))
}

/// Writes a file that is whole or not there: under another name first. An earlier one is replaced.
pub fn save(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    let written = std::fs::File::create(&part).and_then(|mut file| {
        io::Write::write_all(&mut file, bytes)?;
        file.sync_all()
    });
    written.and_then(|()| std::fs::rename(&part, path)).inspect_err(|_| {
        // It was not whole; that it may stay there is not worth another error.
        let _ = std::fs::remove_file(&part);
    })?;
    // The new name outlives the power as well. Where folders cannot be written out, it is all that can be done.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Ok(folder) = std::fs::File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// The memory of a thing that [`save`] has written; nothing when there is no file.
pub(crate) fn remembered(path: &Path) -> Result<Vec<u8>, String> {
    match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read.map_err(|error| in_words(path, &error)),
    }
}

/// How loud a notice is in the log; `None` when it does not belong there. Its text is its `Display`, which shows no
/// payload and no secret.
pub(crate) fn log_level(notice: &Notice) -> Option<log::Level> {
    match notice {
        Notice::Message(_) | Notice::Done { .. } => None,
        Notice::Attempting { .. } | Notice::Ready => Some(log::Level::Debug),
        Notice::Failed { .. } | Notice::Online { .. } | Notice::Offline { .. } | Notice::Stopped => {
            Some(log::Level::Info)
        }
        Notice::SubscriptionLost { .. } => Some(log::Level::Warn),
        Notice::Shadow(notice) => match notice.event {
            ShadowEvent::Unreadable(_)
            | ShadowEvent::NotSubscribed
            | ShadowEvent::GivenUp { .. }
            | ShadowEvent::Malformed(_) => Some(log::Level::Warn),
            ShadowEvent::Delta(_)
            | ShadowEvent::Documents(_)
            | ShadowEvent::Current(_)
            | ShadowEvent::Absent
            | ShadowEvent::Deleted { .. } => None,
        },
    }
}

/// [`Identity::from_pem`] with files, which are read now, once. Fails when one of them cannot be used, or when they do
/// not belong together, and says which.
///
/// A certificate that is not valid now, by the operating system's clock, is a warning in the log and no failure: it is
/// the server's clock that counts.
pub fn identity(certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Identity, SetupError> {
    load(certificate.as_ref(), key.as_ref(), Identity::from_pem)
}

/// [`Identity::from_encrypted_pem`] with files, see [`identity`].
#[cfg(feature = "encrypted-keys")]
pub fn encrypted_identity(
    certificate: impl AsRef<Path>,
    key: impl AsRef<Path>,
    passphrase: &[u8],
) -> Result<Identity, SetupError> {
    let make = |chain: &[u8], key: &[u8]| Identity::from_encrypted_pem(chain, key, passphrase);
    load(certificate.as_ref(), key.as_ref(), make)
}

fn load(
    certificate: &Path,
    key: &Path,
    make: impl FnOnce(&[u8], &[u8]) -> Result<Identity, PemError>,
) -> Result<Identity, SetupError> {
    let (chain, secret) = (read(certificate)?, Zeroizing::new(read(key)?));
    let identity = make(&chain, &secret).map_err(|why| match why {
        PemError { fault: PemFault::OtherKey, .. } => SetupError::KeyOfOther {
            certificate: certificate.display().to_string(),
            subject: Identity::subject(&chain),
            key: key.display().to_string(),
        },
        PemError { part: PemPart::Key, .. } => in_file(key, why),
        _ => in_file(certificate, why),
    })?;
    if let Some(warning) = expiry_warning(identity.certificate()) {
        log::warn!("{}: {warning}", certificate.display());
    }
    Ok(identity)
}

/// What is to be said of a device's certificate that is not valid now, by the operating system's clock.
pub fn expiry_warning(certificate: &CertificateInfo) -> Option<String> {
    let now = unix_seconds();
    (certificate.is_expired_at(now) || certificate.is_too_early_at(now)).then(|| {
        format!(
            "the device certificate {certificate} is valid from {} to {} only, and this machine's clock says {}",
            date::readable(certificate.not_before_secs),
            date::readable(certificate.not_after_secs),
            date::readable(now)
        )
    })
}

impl Options {
    /// Mutual TLS with files, as AWS IoT Core's console hands them out: the device's certificate, its private key and
    /// the service's root certificate as PEM, see [`identity`] and [`Roots::from_pem`].
    ///
    /// `endpoint` is `HOST` or `HOST:PORT`, 8883 when there is no port. The files are read now, once. Fails when one
    /// of the four cannot be used, and says which.
    pub fn mtls_from_path(
        endpoint: &str,
        client_id: &str,
        certificate: impl AsRef<Path>,
        key: impl AsRef<Path>,
        root: impl AsRef<Path>,
    ) -> Result<Self, SetupError> {
        let (certificate, key, root) = (certificate.as_ref(), key.as_ref(), root.as_ref());
        let endpoint = endpoint.parse()?;
        let identity = identity(certificate, key)?;
        let security = Security::Tls(TlsConfig::mutual(identity, roots(root)?));
        Ok(Self::new(endpoint, security, client_id))
    }

    /// [`tls_from_pem`](Self::tls_from_pem) with a file, which is read now, once.
    pub fn tls_from_path(endpoint: &str, client_id: &str, root: impl AsRef<Path>) -> Result<Self, SetupError> {
        let endpoint = endpoint.parse()?;
        Ok(Self::new(endpoint, server_only(root.as_ref())?, client_id))
    }

    /// [`authorizer_from_pem`](Self::authorizer_from_pem) with a file, which is read now, once.
    pub fn authorizer_from_path(
        endpoint: &str,
        client_id: &str,
        authorizer: Authorizer,
        root: impl AsRef<Path>,
    ) -> Result<Self, SetupError> {
        let endpoint = Endpoint::parse(endpoint, Endpoint::HTTPS_PORT)?;
        Ok(Self::new(endpoint, server_only(root.as_ref())?, client_id).with_authorizer(authorizer))
    }

    /// [`websocket_from_pem`](Self::websocket_from_pem) with a file, which is read now, once.
    #[cfg(feature = "websocket")]
    pub fn websocket_from_path(
        endpoint: &str,
        client_id: &str,
        websocket: WebSocketConfig,
        root: impl AsRef<Path>,
    ) -> Result<Self, SetupError> {
        let endpoint = Endpoint::parse(endpoint, Endpoint::HTTPS_PORT)?;
        Ok(Self::new(endpoint, server_only(root.as_ref())?, client_id).with_websocket(websocket))
    }
}

fn server_only(root: &Path) -> Result<Security, SetupError> {
    Ok(Security::Tls(TlsConfig::server_only(roots(root)?)))
}

/// [`Roots::from_pem`] with a file, which is read now, once. Fails when it cannot be used, and says which it is.
pub fn roots(path: impl AsRef<Path>) -> Result<Roots, SetupError> {
    let path = path.as_ref();
    Roots::from_pem(&read(path)?).map_err(|why| in_file(path, why))
}

/// The root certificates that this machine's operating system trusts, read now: those of `SSL_CERT_FILE` and
/// `SSL_CERT_DIR` where they are set, otherwise its own. What cannot be read or used among them is left out, with a line
/// in the log.
///
/// Fails when nothing is left. They are many, and any of them can vouch for any host name: a device that only ever talks
/// to AWS IoT Core needs no more than [`Roots::amazon`].
#[cfg(feature = "system-roots")]
pub fn system_roots() -> Result<Roots, SetupError> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        log::warn!("root certificates of the system: {error}");
    }
    let failed = || {
        let reasons: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
        let reasons = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join("; ")) };
        let why = format!("this system has no usable root certificates{reasons}; install its package ca-certificates");
        SetupError::System { why }
    };
    Roots::from_usable(found.certs).ok_or_else(failed)
}

fn read(path: &Path) -> Result<Vec<u8>, SetupError> {
    std::fs::read(path)
        .map_err(|error| SetupError::File { path: path.display().to_string(), why: in_words(path, &error) })
}

fn in_file(path: &Path, why: PemError) -> SetupError {
    SetupError::FileContent { path: path.display().to_string(), why }
}

/// The failure as a person would say it; the operating system's words where there are no better ones.
fn in_words(path: &Path, error: &io::Error) -> String {
    if path.is_dir() {
        "it is a directory".to_owned()
    } else if error.kind() == io::ErrorKind::NotFound {
        "no such file".to_owned()
    } else if error.kind() == io::ErrorKind::PermissionDenied {
        "permission denied".to_owned()
    } else {
        error.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Malformed, ShadowNotice, Ticket};

    #[test]
    fn failures_of_files_are_told_as_a_person_would() {
        let [folder, file] = ["/", "/nowhere"].map(Path::new);
        assert_eq!(in_words(folder, &io::ErrorKind::PermissionDenied.into()), "it is a directory");
        assert_eq!(in_words(file, &io::ErrorKind::NotFound.into()), "no such file");
        assert_eq!(in_words(file, &io::ErrorKind::PermissionDenied.into()), "permission denied");
        assert_eq!(in_words(file, &io::Error::other("on fire")), "on fire");
    }

    #[test]
    fn what_is_not_remembered_is_nothing_and_what_cannot_be_read_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("memory");
        assert_eq!(remembered(&path), Ok(Vec::new()));
        save(&path, b"something").unwrap();
        assert_eq!(remembered(&path), Ok(b"something".to_vec()));
        assert_eq!(remembered(folder.path()), Err("it is a directory".to_owned()));
    }

    #[test]
    fn the_log_has_what_happens_and_nothing_that_the_application_is_told_anyway() {
        use log::Level::{Debug, Info, Warn};
        let shadow = |event| Notice::Shadow(ShadowNotice::of(Ticket(core::num::NonZeroU64::MIN), event));
        let cases = [
            (Notice::Ready, Some(Debug)),
            (Notice::Stopped, Some(Info)),
            (Notice::Online { resumed: true }, Some(Info)),
            (shadow(ShadowEvent::GivenUp { times: 3 }), Some(Warn)),
            (shadow(ShadowEvent::NotSubscribed), Some(Warn)),
            (shadow(ShadowEvent::Malformed(Malformed { payload: "x".into() })), Some(Warn)),
            (shadow(ShadowEvent::Absent), None),
            (shadow(ShadowEvent::Deleted { version: None }), None),
        ];
        for (notice, level) in cases {
            assert_eq!(log_level(&notice), level, "{notice:?}");
        }
    }
}
