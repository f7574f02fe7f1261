//! AWS credentials, and where they come from.

#[cfg(any(test, feature = "host"))]
pub(crate) mod answers;
#[cfg(any(test, feature = "host"))]
pub(crate) mod command;
#[cfg(any(test, feature = "host"))]
pub(crate) mod profile;

use core::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::LinkError;
use crate::date::readable;

/// What a signature is made with: an access key and, where it is temporary, its session token. Never shown by `Debug`;
/// erased from memory when the last clone is dropped. Cheap to clone.
#[derive(Clone)]
pub struct Credentials(Arc<Parts>);

struct Parts {
    access_key_id: String,
    secret_access_key: Zeroizing<String>,
    session_token: Option<Zeroizing<String>>,
    expires_at: Option<u64>,
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
            expires_at: None,
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
            expires_at: self.0.expires_at,
        })))
    }

    /// The same with the time from which on they are not valid any more, in seconds since 1970. Nothing is signed with
    /// them from then on.
    #[must_use]
    pub fn with_expiry(self, unix_seconds: u64) -> Self {
        Self(Arc::new(Parts {
            access_key_id: self.0.access_key_id.clone(),
            secret_access_key: self.0.secret_access_key.clone(),
            session_token: self.0.session_token.clone(),
            expires_at: Some(unix_seconds),
        }))
    }

    /// From when on they are not valid any more, in seconds since 1970, where that is known.
    pub fn expires_at_secs(&self) -> Option<u64> {
        self.0.expires_at
    }

    /// Fails when they are not valid any more.
    pub(crate) fn check_validity(&self, unix_seconds: u64) -> Result<(), String> {
        match self.0.expires_at {
            Some(end) if end <= unix_seconds => Err(format!(
                "they have expired at {}, and by this machine's clock it is {}; renew them, or set the clock",
                readable(end),
                readable(unix_seconds),
            )),
            _ => Ok(()),
        }
    }

    /// The access key's id. By itself it is no secret, but it tells who signs.
    pub fn access_key_id(&self) -> &str {
        &self.0.access_key_id
    }

    pub(crate) fn secret_access_key(&self) -> &str {
        &self.0.secret_access_key
    }

    pub(crate) fn session_token(&self) -> Option<&str> {
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

/// Who can give credentials: what a source of one's own has to do, see [`CredentialsSource::from_provider`].
pub trait CredentialsProvider: Send + Sync {
    /// The credentials, asked for before every link, at `unix_seconds` since 1970. May take its time: drivers call it
    /// on a thread that may wait.
    fn credentials(&self, unix_seconds: u64) -> Result<Credentials, NoCredentials>;

    /// The server has refused a link that was signed with what was given last: what is remembered of it is not worth
    /// keeping. Must not block. The default does nothing.
    fn refused(&self) {}
}

/// Why a source gives no credentials: one line without any secret, that says what, where and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoCredentials {
    /// It has none, and that is nothing unusual: a chain goes on to the next source.
    Absent {
        /// Where nothing was found.
        why: String,
    },
    /// It should have some, but cannot give them: a chain ends here.
    Broken {
        /// What is wrong.
        why: String,
    },
    /// It cannot be asked now, or has trouble of its own, and trying again may help: a chain ends here as well.
    Unavailable {
        /// What has happened.
        why: String,
    },
}

impl NoCredentials {
    /// It has none.
    pub fn absent(why: impl Into<String>) -> Self {
        Self::Absent { why: why.into() }
    }

    /// It cannot be asked now.
    pub fn unavailable(why: impl Into<String>) -> Self {
        Self::Unavailable { why: why.into() }
    }

    /// The same with other words.
    #[cfg(feature = "host")]
    pub(crate) fn reworded(self, change: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::Absent { why } => Self::Absent { why: change(why) },
            Self::Broken { why } => Self::Broken { why: change(why) },
            Self::Unavailable { why } => Self::Unavailable { why: change(why) },
        }
    }

    /// It cannot give them.
    pub fn broken(why: impl Into<String>) -> Self {
        Self::Broken { why: why.into() }
    }
}

impl fmt::Display for NoCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Absent { why } | Self::Broken { why } | Self::Unavailable { why }) = self;
        f.write_str(why)
    }
}

impl core::error::Error for NoCredentials {}

/// Where credentials come from. It is asked before every link, so that temporary ones are fresh. Cheap to clone; clones
/// share what they remember.
///
/// ```
/// use thingwire_core::transport::{Credentials, CredentialsSource};
///
/// let vault = CredentialsSource::from_fn(|| Err("the vault is locked".to_owned()));
/// let fixed = CredentialsSource::from(Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI")?);
/// assert!(vault.get(1_700_000_000).is_err());
/// assert_eq!(fixed.get(1_700_000_000).unwrap().access_key_id(), "AKIDEXAMPLE");
/// # Ok::<(), thingwire_core::transport::CredentialsError>(())
/// ```
#[derive(Clone)]
pub struct CredentialsSource(Source);

#[derive(Clone)]
enum Source {
    Fixed(Credentials),
    Asked(Arc<dyn CredentialsProvider>),
}

impl CredentialsSource {
    /// Credentials that `ask` gives. Drivers call it on a thread that may wait. What it fails with becomes part of
    /// [`LinkError::Credentials`]: one line, and no secret. Nothing is remembered between links.
    pub fn from_fn(ask: impl Fn() -> Result<Credentials, String> + Send + Sync + 'static) -> Self {
        Self::from_provider(Asked(ask))
    }

    /// Credentials that `provider` gives. Nothing is remembered between links.
    pub fn from_provider(provider: impl CredentialsProvider + 'static) -> Self {
        Self(Source::Asked(Arc::new(provider)))
    }

    /// The first of several sources that has credentials. One that has none is passed over; one that should have some
    /// but is broken is the end, because to go on as somebody else helps nobody.
    pub fn chain(sources: impl IntoIterator<Item = Self>) -> Self {
        Self::from_provider(Chain(sources.into_iter().collect()))
    }

    /// The credentials, where nobody has to be asked.
    pub fn at_once(&self) -> Option<Credentials> {
        match &self.0 {
            Source::Fixed(credentials) => Some(credentials.clone()),
            Source::Asked(_) => None,
        }
    }

    /// The credentials at `unix_seconds` since 1970. May take its time.
    pub fn get(&self, unix_seconds: u64) -> Result<Credentials, LinkError> {
        self.find(unix_seconds).map_err(|error| match error {
            NoCredentials::Absent { why } | NoCredentials::Broken { why } => LinkError::Credentials { why },
            NoCredentials::Unavailable { why } => LinkError::CredentialsService { why },
        })
    }

    /// The same, telling none from broken.
    pub fn find(&self, unix_seconds: u64) -> Result<Credentials, NoCredentials> {
        match &self.0 {
            Source::Fixed(credentials) => Ok(credentials.clone()),
            Source::Asked(provider) => provider.credentials(unix_seconds),
        }
    }

    /// The server has refused what was given last.
    pub fn refused(&self) {
        match &self.0 {
            Source::Fixed(_) => {}
            Source::Asked(provider) => provider.refused(),
        }
    }
}

struct Asked<F>(F);

impl<F: Fn() -> Result<Credentials, String> + Send + Sync> CredentialsProvider for Asked<F> {
    fn credentials(&self, _: u64) -> Result<Credentials, NoCredentials> {
        (self.0)().map_err(NoCredentials::broken)
    }
}

struct Chain(Vec<CredentialsSource>);

impl CredentialsProvider for Chain {
    fn credentials(&self, unix_seconds: u64) -> Result<Credentials, NoCredentials> {
        let mut absent = Vec::new();
        for source in &self.0 {
            match source.find(unix_seconds) {
                Err(NoCredentials::Absent { why }) => absent.push(why),
                found => return found,
            }
        }
        Err(NoCredentials::Absent { why: format!("none found ({}); set one of them up", absent.join("; ")) })
    }

    fn refused(&self) {
        self.0.iter().for_each(CredentialsSource::refused);
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
