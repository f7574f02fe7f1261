//! Why a request is not carried out.

use core::fmt;

/// Why a request is not carried out, in the words of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// A status as in HTTP: 400, 401, 403, 404, 409, 413, 415, 429, 500, or whatever a mood wants.
    pub code: u16,
    /// One line.
    pub message: String,
}

impl Rejection {
    /// The usual words for a code.
    pub(super) fn of(code: u16) -> Self {
        let message = match code {
            400 => "Bad request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Thing not found",
            409 => "Version conflict",
            413 => "The payload exceeds the maximum size allowed",
            415 => "Unsupported documented encoding; supported encoding is UTF-8",
            422 => "Unprocessable entity",
            429 => "Too many requests",
            503 => "Service unavailable",
            _ => "Internal service failure",
        };
        Self { code, message: message.to_owned() }
    }

    /// Whoever was asked is not there any more.
    pub(crate) fn gone() -> Self {
        Self::of(503)
    }

    /// The request itself is wrong.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self { code: 400, message: message.into() }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl core::error::Error for Rejection {}
