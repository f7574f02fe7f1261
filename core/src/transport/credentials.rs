//! AWS credentials, and where they come from.

use core::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::LinkError;

/// What a signature is made with: an access key and, where it is temporary, its session token. Never shown by `Debug`;
/// erased from memory when the last clone is dropped. Cheap to clone.
#[derive(Clone)]
pub struct Credentials(Arc<Parts>);

struct Parts {
    access_key_id: String,
    secret_access_key: Zeroizing<String>,
    session_token: Option<Zeroizing<String>>,
}

impl Credentials {
    /// A long-lived access key. Fails when either part is empty or holds spaces or control characters: then it was
    /// copied with something else.
    pub fn new(
        access_key_id: impl Into<String>,
        secret_access_key: impl Into<String>,
    ) -> Result<Self, CredentialsError> {
        let parts = Parts {
            access_key_id: access_key_id.into(),
            secret_access_key: Zeroizing::new(secret_access_key.into()),
            session_token: None,
        };
        check(&parts.access_key_id, CredentialsPart::AccessKeyId)?;
        check(&parts.secret_access_key, CredentialsPart::SecretAccessKey)?;
        Ok(Self(Arc::new(parts)))
    }

    /// The same with the session token of a temporary key.
    pub fn with_session_token(self, session_token: impl Into<String>) -> Result<Self, CredentialsError> {
        let session_token = Zeroizing::new(session_token.into());
        check(&session_token, CredentialsPart::SessionToken)?;
        Ok(Self(Arc::new(Parts {
            access_key_id: self.0.access_key_id.clone(),
            secret_access_key: self.0.secret_access_key.clone(),
            session_token: Some(session_token),
        })))
    }

    pub(super) fn access_key_id(&self) -> &str {
        &self.0.access_key_id
    }

    pub(super) fn secret_access_key(&self) -> &str {
        &self.0.secret_access_key
    }

    pub(super) fn session_token(&self) -> Option<&str> {
        self.0.session_token.as_ref().map(|token| token.as_str())
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// Why a text is no credential. Holds nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CredentialsError {
    /// Which of the texts is meant.
    pub part: CredentialsPart,
}

/// The parts of [`Credentials`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialsPart {
    /// The access key's id.
    AccessKeyId,
    /// The access key's secret.
    SecretAccessKey,
    /// The session token.
    SessionToken,
}

fn check(text: &str, part: CredentialsPart) -> Result<(), CredentialsError> {
    let is_plausible = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_plausible { Ok(()) } else { Err(CredentialsError { part }) }
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = match self.part {
            CredentialsPart::AccessKeyId => "access key id",
            CredentialsPart::SecretAccessKey => "secret access key",
            CredentialsPart::SessionToken => "session token",
        };
        write!(f, "the {part} is empty, or holds spaces or other characters that none has")
    }
}

impl core::error::Error for CredentialsError {}

/// Where credentials come from. It is asked before every link, so that temporary ones are fresh. Cheap to clone.
#[derive(Clone)]
pub struct CredentialsSource(Source);

#[derive(Clone)]
enum Source {
    Fixed(Credentials),
    Asked(Arc<Ask>),
}

type Ask = dyn Fn() -> Result<Credentials, String> + Send + Sync;

impl CredentialsSource {
    /// Credentials that `ask` gives. Drivers call it on a thread that may wait. What it fails with becomes part of
    /// [`LinkError::Credentials`]: one line, and no secret.
    pub fn from_fn(ask: impl Fn() -> Result<Credentials, String> + Send + Sync + 'static) -> Self {
        Self(Source::Asked(Arc::new(ask)))
    }

    /// The credentials, where nobody has to be asked.
    pub fn at_once(&self) -> Option<Credentials> {
        match &self.0 {
            Source::Fixed(credentials) => Some(credentials.clone()),
            Source::Asked(_) => None,
        }
    }

    /// The credentials. May take its time.
    pub fn get(&self) -> Result<Credentials, LinkError> {
        match &self.0 {
            Source::Fixed(credentials) => Ok(credentials.clone()),
            Source::Asked(ask) => ask().map_err(|why| LinkError::Credentials { why }),
        }
    }
}

impl From<Credentials> for CredentialsSource {
    fn from(credentials: Credentials) -> Self {
        Self(Source::Fixed(credentials))
    }
}

impl fmt::Debug for CredentialsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialsSource").finish_non_exhaustive()
    }
}
