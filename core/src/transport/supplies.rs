//! What a link takes from the outside besides bytes.

use core::fmt;

#[cfg(feature = "websocket")]
use super::credentials::Credentials;

/// What one link over WebSocket takes from the outside: the time and the credentials that it is signed with, and
/// entropy for its key and masks. The same supplies and the same bytes in give the same bytes out, below TLS.
#[derive(Clone)]
#[non_exhaustive]
pub struct Supplies {
    /// Unpredictable, and new for every link.
    pub entropy: [u8; 32],
    /// The time, in seconds since 1970 (UTC).
    pub unix_seconds: u64,
    /// The credentials to sign with; needed with [`WebSocketConfig::signed`](super::WebSocketConfig::signed) only.
    #[cfg(feature = "websocket")]
    pub credentials: Option<Credentials>,
}

impl Supplies {
    /// Without credentials.
    pub const fn new(entropy: [u8; 32], unix_seconds: u64) -> Self {
        Self {
            entropy,
            unix_seconds,
            #[cfg(feature = "websocket")]
            credentials: None,
        }
    }

    /// The same with credentials.
    #[cfg(feature = "websocket")]
    #[must_use]
    pub fn with_credentials(mut self, credentials: impl Into<Option<Credentials>>) -> Self {
        self.credentials = credentials.into();
        self
    }
}

/// Shows no entropy: who knows it, knows the masks.
impl fmt::Debug for Supplies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supplies").field("unix_seconds", &self.unix_seconds).finish_non_exhaustive()
    }
}
