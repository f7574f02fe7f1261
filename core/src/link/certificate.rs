//! What is said about a certificate.

use core::fmt;

use crate::date;

/// How many of a certificate's names are shown.
const SHOWN: usize = 4;

/// What an X.509 certificate says of itself: enough to tell which one is meant, and why it does not serve.
///
/// What is longer than people write is cut off: texts after 128 characters, names after a hundred.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CertificateInfo {
    /// Whom it is for: the subject's common name and organisation, as far as they are there.
    pub subject: String,
    /// Who has signed it: the issuer's common name and organisation, as far as they are there.
    pub issuer: String,
    /// The host names and addresses that it is for (its subject alternative names).
    pub names: Vec<String>,
    /// From when on it is valid, in seconds since 1970 (UTC).
    pub not_before_secs: u64,
    /// Until when it is valid, in seconds since 1970 (UTC).
    pub not_after_secs: u64,
}

impl CertificateInfo {
    /// A certificate of this subject that was never valid and has neither issuer nor names, to be completed.
    pub fn new(subject: &str) -> Self {
        Self { subject: subject.to_owned(), ..Self::default() }
    }

    /// Whether it has expired at this time, in seconds since 1970 (UTC).
    pub const fn is_expired_at(&self, unix_seconds: u64) -> bool {
        self.not_after_secs < unix_seconds
    }

    /// Whether it becomes valid only after this time, in seconds since 1970 (UTC).
    pub const fn is_too_early_at(&self, unix_seconds: u64) -> bool {
        unix_seconds < self.not_before_secs
    }
}

/// Its subject in quotes, where it has none its names.
impl fmt::Display for CertificateInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { subject, names, .. } if subject.is_empty() && !names.is_empty() => quoted(names).fmt(f),
            Self { subject, .. } => write!(f, "{subject:?}"),
        }
    }
}

/// Some names, each in quotes, so that none of them can break a line.
pub(super) fn quoted(names: &[String]) -> String {
    let shown: Vec<_> = names.iter().take(SHOWN).map(|name| format!("{name:?}")).collect();
    let shown = shown.join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// A time for people.
pub(super) fn time(unix_seconds: u64) -> String {
    date::readable(unix_seconds)
}
