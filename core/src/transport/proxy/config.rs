//! Which proxy, and what to tell it.

use core::fmt;

use super::super::encoding::percent_decode;
use crate::config::rule;
use crate::transport::Endpoint;
use crate::{ConfigError, Password};

const EXPECTED: &str = "http://[USER:PASSWORD@]HOST[:PORT] or socks5://[USER:PASSWORD@]HOST[:PORT]";

/// A proxy on the way to the server. The server's name is resolved by the proxy. `Debug` shows no login.
///
/// ```
/// use thingwire_core::transport::ProxyConfig;
///
/// let proxy = ProxyConfig::parse("http://proxy.example.com:3128")?.with_login("device", "secret");
/// assert!(!format!("{proxy:?}").contains("secret"));
/// # Ok::<(), thingwire_core::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyConfig {
    kind: ProxyKind,
    endpoint: Endpoint,
    login: Option<Login>,
}

/// What a proxy speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyKind {
    /// HTTP with CONNECT (RFC 9110 §9.3.6), with or without basic authentication (RFC 7617).
    Http,
    /// SOCKS 5 (RFC 1928), with or without a user name and password (RFC 1929).
    Socks5,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) user_name: String,
    pub(super) password: Password,
}

impl ProxyConfig {
    /// The port of `http://` without one.
    pub const HTTP_PORT: u16 = 80;
    /// The port of `socks5://` without one (RFC 1928 §3).
    pub const SOCKS5_PORT: u16 = 1080;

    /// A proxy that wants no login.
    pub const fn new(kind: ProxyKind, endpoint: Endpoint) -> Self {
        Self { kind, endpoint, login: None }
    }

    /// The same with a login. It travels in the clear, whatever is secured above.
    #[must_use]
    pub fn with_login(mut self, user_name: impl Into<String>, password: impl Into<Password>) -> Self {
        self.login = Some(Login { user_name: user_name.into(), password: password.into() });
        self
    }

    /// Parses `http://[USER:PASSWORD@]HOST[:PORT]`, and the same with `socks5` or `socks5h`; without a scheme it is
    /// `http`. The login may be percent-encoded. An error shows no login.
    pub fn parse(url: &str) -> Result<Self, ConfigError> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let (user_info, place) = rest.rsplit_once('@').map_or((None, rest), |(info, place)| (Some(info), place));
        let wrong = || ConfigError { field: "proxy", value: format!("{scheme}://{place}"), rule: EXPECTED };
        // What is not a scheme may be part of a login.
        let kind = match scheme.to_ascii_lowercase().as_str() {
            "http" => ProxyKind::Http,
            "socks5" | "socks5h" => ProxyKind::Socks5,
            _ => return Err(ConfigError { field: "proxy", value: "(not shown)".to_owned(), rule: EXPECTED }),
        };
        let default_port = if kind == ProxyKind::Http { Self::HTTP_PORT } else { Self::SOCKS5_PORT };
        let place = place.strip_suffix('/').unwrap_or(place);
        let endpoint = Endpoint::parse(place, default_port).map_err(|_| wrong())?;
        let proxy = Self::new(kind, endpoint);
        let Some(user_info) = user_info else { return Ok(proxy) };
        let (user_name, password) = user_info.split_once(':').unwrap_or((user_info, ""));
        let decoded = percent_decode(user_name).zip(percent_decode(password));
        let (user_name, password) = decoded.ok_or_else(wrong)?;
        Ok(proxy.with_login(user_name, password))
    }

    /// What it speaks.
    pub const fn kind(&self) -> ProxyKind {
        self.kind
    }

    /// Where it is.
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(super) const fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }

    pub(crate) fn validate(&self, server: &Endpoint) -> Result<(), ConfigError> {
        let fits = u8::try_from(server.host().len()).is_ok();
        rule("endpoint", server.host(), "at most 255 bytes through a proxy", fits)?;
        let Some(Login { user_name, password }) = &self.login else { return Ok(()) };
        let (user_name, password) = (user_name.as_str(), password.expose());
        let (valid, what) = match self.kind {
            ProxyKind::Http => {
                let valid = ![user_name, password].iter().any(|text| text.contains(char::is_control));
                (valid && !user_name.contains(':'), "no control character, and no colon in the user name (RFC 7617 §2)")
            }
            ProxyKind::Socks5 => {
                let lens = [user_name, password].map(str::len);
                (lens.iter().all(|len| (1..=255).contains(len)), "1 to 255 bytes each (RFC 1929 §2)")
            }
        };
        rule("proxy.login", format_args!("(not shown)"), what, valid)
    }
}

impl fmt::Debug for ProxyConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, endpoint, login } = self;
        f.debug_struct("ProxyConfig")
            .field("kind", kind)
            .field("endpoint", endpoint)
            .field("login", &login.is_some())
            .finish()
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(not shown)")
    }
}
