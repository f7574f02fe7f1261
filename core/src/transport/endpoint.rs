//! Where the service is.

use core::fmt;
use core::str::FromStr;

/// A host and a port.
///
/// ```
/// use thingwire_core::transport::Endpoint;
///
/// let endpoint: Endpoint = "example-ats.iot.eu-west-1.amazonaws.com".parse()?;
/// assert_eq!(endpoint.port(), Endpoint::MQTT_TLS_PORT);
/// assert!("mqtts://example.com".parse::<Endpoint>().is_err());
/// # Ok::<(), thingwire_core::transport::EndpointError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    host: String,
    port: u16,
}

impl Endpoint {
    /// MQTT over TLS, as registered with IANA and used by AWS IoT Core.
    pub const MQTT_TLS_PORT: u16 = 8883;
    /// MQTT without TLS, as registered with IANA.
    pub const MQTT_PORT: u16 = 1883;

    /// HTTP over TLS. AWS IoT Core serves WebSockets and custom authorizers there.
    pub const HTTPS_PORT: u16 = 443;
    /// HTTP without TLS.
    pub const HTTP_PORT: u16 = 80;

    /// A host name or IP address, and a port that is not 0.
    pub fn new(host: impl Into<String>, port: u16) -> Result<Self, EndpointError> {
        let host = host.into();
        let plausible = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || "/@?#[]".contains(c));
        if !plausible {
            return Err(EndpointError::Host { host });
        }
        if port == 0 {
            return Err(EndpointError::Port { text: "0".to_owned() });
        }
        Ok(Self { host, port })
    }

    /// Parses `HOST`, `HOST:PORT`, `[IPV6]` or `[IPV6]:PORT`; without a port, it is `default_port`.
    pub fn parse(text: &str, default_port: u16) -> Result<Self, EndpointError> {
        if text.contains("://") {
            return Err(EndpointError::Scheme { text: text.to_owned() });
        }
        let (host, port) = split(text);
        let port = match port {
            None => default_port,
            Some(port) => port.parse().map_err(|_| EndpointError::Port { text: port.to_owned() })?,
        };
        Self::new(host, port)
    }

    /// The host name or IP address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// The host and the text behind its colon; a bare IPv6 address has no port.
fn split(text: &str) -> (&str, Option<&str>) {
    if let Some((host, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (host, rest.strip_prefix(':').or((!rest.is_empty()).then_some(rest)));
    }
    match text.split_once(':') {
        Some((host, port)) if !port.contains(':') => (host, Some(port)),
        _ => (text, None),
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    /// Without a port, it is 8883.
    fn from_str(text: &str) -> Result<Self, EndpointError> {
        Self::parse(text, Self::MQTT_TLS_PORT)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Why a text is not an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndpointError {
    /// The host is empty or has characters that no host has.
    Host {
        /// What was given as the host.
        host: String,
    },
    /// The port is not a number from 1 to 65535.
    Port {
        /// What was given as the port.
        text: String,
    },
    /// The text is a URL.
    Scheme {
        /// The text.
        text: String,
    },
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host { host } => write!(f, "{host:?} is not a host name; expected HOST or HOST:PORT"),
            Self::Port { text } => write!(f, "{text:?} is not a port; expected a number from 1 to 65535"),
            Self::Scheme { text } => write!(f, "{text:?} is a URL; expected HOST or HOST:PORT without a scheme"),
        }
    }
}

impl core::error::Error for EndpointError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports_in_every_form() {
        let parse = |text: &str| text.parse().map(|endpoint: Endpoint| (endpoint.host.clone(), endpoint.port));
        let at = |host: &str, port| Ok((host.to_owned(), port));
        assert_eq!(parse("example.com"), at("example.com", 8883));
        assert_eq!(parse("example.com:443"), at("example.com", 443));
        assert_eq!(parse("127.0.0.1:1"), at("127.0.0.1", 1));
        assert_eq!(parse("::1"), at("::1", 8883));
        assert_eq!(parse("[::1]"), at("::1", 8883));
        assert_eq!(parse("[::1]:443"), at("::1", 443));
    }

    #[test]
    fn what_is_not_an_endpoint_is_refused_by_name() {
        let parse = |text: &str| text.parse::<Endpoint>().unwrap_err().to_string();
        let refusals = ["", "a b", ":8883", "host:0", "host:65536", "host:", "host:x", "[::1]x", "mqtts://host", "a/b"];
        insta::assert_snapshot!(refusals.map(parse).join("\n"));
    }

    #[test]
    fn an_endpoint_prints_as_it_is_parsed() {
        for text in ["example.com:443", "[::1]:8883"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
    }
}
