//! The one door to the operating system: the clock, entropy and files, shared by the runtimes.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "this file is the door")]

use std::path::Path;

use crate::engine::{Options, SetupError};
use crate::transport::{Identity, Roots, TlsConfig};
use crate::{Config, Instant};

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
    let mut bytes = [0; 8];
    rustls::crypto::ring::default_provider()
        .secure_random
        .fill(&mut bytes)
        .map_err(|_| SetupError::System { why: "the operating system gives no random bytes".to_owned() })?;
    Ok(u64::from_le_bytes(bytes))
}

impl Options {
    /// Mutual TLS with files, as AWS IoT Core's console hands them out.
    ///
    /// `endpoint` is `HOST` or `HOST:PORT`, 8883 when there is no port. The files are read now, once.
    pub fn mtls_from_path(
        endpoint: &str,
        client_id: &str,
        certificate: impl AsRef<Path>,
        key: impl AsRef<Path>,
        root: impl AsRef<Path>,
    ) -> Result<Self, SetupError> {
        let _ = (endpoint, client_id, certificate.as_ref(), key.as_ref(), root.as_ref());
        let _ = (Config::new(client_id), Identity::from_pem(&[], &[]), Roots::from_pem(&[]));
        let _: Option<TlsConfig> = None;
        Err(SetupError::System { why: "stub".to_owned() })
    }
}
