//! What went wrong between us and the server: at the proxy.

use core::fmt;

/// Why a proxy did not make the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyError {
    /// The proxy wants a login, and none was given.
    LoginWanted,
    /// The proxy does not accept the login that was given.
    LoginRefused,
    /// The proxy wants a kind of authentication that is not spoken here: neither basic nor a user name and password.
    AuthenticationKind,
    /// An HTTP proxy has answered CONNECT with this status (RFC 9110 §9.3.6).
    Status {
        /// From 100 to 999; never from 200 to 299.
        status: u16,
    },
    /// A SOCKS5 proxy has answered with this code (RFC 1928 §6).
    Socks {
        /// Never 0.
        code: u8,
    },
    /// The answer is not one of an HTTP proxy.
    NotHttp,
    /// The answer is not one of a SOCKS5 proxy.
    NotSocks,
    /// The head of the answer is longer than anything that a proxy has to say.
    HeadTooLong {
        /// The most bytes that are taken.
        max: usize,
    },
    /// The proxy closed the connection before it had made one to the server.
    Closed,
}

impl ProxyError {
    /// Whether trying again soon cannot help.
    pub(super) const fn needs_a_change(self) -> bool {
        match self {
            Self::LoginWanted | Self::LoginRefused | Self::AuthenticationKind | Self::Socks { code: 2 } => true,
            Self::Status { status } => super::is_refusal(status),
            Self::Socks { .. } | Self::NotHttp | Self::NotSocks | Self::HeadTooLong { .. } | Self::Closed => false,
        }
    }
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LoginWanted => f.write_str("it wants a login; give a user name and a password"),
            Self::LoginRefused => f.write_str("it does not accept the login; check the user name and the password"),
            Self::AuthenticationKind => {
                f.write_str("it wants a kind of authentication other than basic or user name and password")
            }
            Self::Status { status } => write!(f, "it answers with status {status}{}", status_advice(*status)),
            Self::Socks { code } => write!(f, "{} (code {code})", socks_words(*code)),
            Self::NotHttp => f.write_str("it does not answer as an HTTP proxy; check the proxy's port and kind"),
            Self::NotSocks => f.write_str("it does not answer as a SOCKS5 proxy; check the proxy's port and kind"),
            Self::HeadTooLong { max } => write!(f, "its answer has a head of more than {max} bytes"),
            Self::Closed => f.write_str(
                "it closed the connection instead of making one; check that it lets this machine out to the host and port",
            ),
        }
    }
}

fn status_advice(status: u16) -> &'static str {
    match status {
        400 | 405 => ": it does not take CONNECT; is it a proxy?",
        403 => ": it forbids this host or port",
        404 | 502 | 503 => ": it cannot reach the server; check the host and the port",
        504 => ": the server does not answer it; check the host and the port",
        300..=399 => ": it wants to send us elsewhere; check its address, or log in to the network first",
        _ => "",
    }
}

/// RFC 1928 §6.
fn socks_words(code: u8) -> &'static str {
    match code {
        2 => "it forbids this host or port",
        3 => "it has no route to the server's network",
        4 => "it cannot reach the server's host; check the host's spelling",
        5 => "nobody listens at the server's port; check the host and the port",
        6 => "the server does not answer it",
        7 => "it makes no connections",
        8 => "it does not take host names",
        _ => "it has failed",
    }
}

impl core::error::Error for ProxyError {}
