//! What an engine is set up from.

use core::fmt;

use crate::transport::ProxyConfig;
use crate::transport::stack::Layers;
use crate::transport::{Authorizer, Endpoint, EndpointError, Identity, PemError, Roots, TlsConfig};
#[cfg(feature = "websocket")]
use crate::transport::{CredentialsError, WebSocketConfig};
use crate::{Config, ConfigError};

pub use crate::transport::stack::Security;

/// Where to connect, how to get there, how to secure it, and how to behave.
///
/// ```no_run
/// use core::time::Duration;
/// use thingwire_core::Options;
/// use thingwire_core::transport::ProxyConfig;
///
/// # let (certificate, key, root) = (b"", b"", b"");
/// let options = Options::mtls_from_pem("example-ats.iot.eu-west-1.amazonaws.com", "kitchen", certificate, key, root)?
///     .with_proxy(ProxyConfig::parse("socks5://10.0.0.1")?)
///     .with(|config| config.keep_alive = Duration::from_secs(300));
/// # let _ = options;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// Where the service is.
    pub endpoint: Endpoint,
    /// How links are secured.
    pub security: Security,
    /// The custom authorizer that decides who may connect. Default: none.
    pub authorizer: Option<Authorizer>,
    /// The WebSocket to speak MQTT in. Default: none.
    #[cfg(feature = "websocket")]
    pub websocket: Option<WebSocketConfig>,
    /// The proxy on the way. Default: none.
    pub proxy: Option<ProxyConfig>,
    /// How the client behaves.
    pub config: Config,
}

impl Options {
    /// Mutual TLS, as AWS IoT Core wants it from devices: `HOST` or `HOST:PORT` (8883 when there is none), and the
    /// device's certificate, its private key and the service's root certificate as PEM text.
    pub fn mtls_from_pem(
        endpoint: &str,
        client_id: &str,
        certificate: &[u8],
        key: &[u8],
        root: &[u8],
    ) -> Result<Self, SetupError> {
        let endpoint = endpoint.parse()?;
        let tls = TlsConfig::mutual(Identity::from_pem(certificate, key)?, Roots::from_pem(root)?);
        Ok(Self::new(endpoint, Security::Tls(tls), client_id))
    }

    /// TLS with which only the server proves itself, for brokers that ask for a user name and password or nothing: set
    /// them with [`with`](Self::with). `HOST` or `HOST:PORT` (8883 when there is none), and the root certificate of
    /// the server's as PEM text.
    pub fn tls_from_pem(endpoint: &str, client_id: &str, root: &[u8]) -> Result<Self, SetupError> {
        let tls = TlsConfig::server_only(Roots::from_pem(root)?);
        Ok(Self::new(endpoint.parse()?, Security::Tls(tls), client_id))
    }

    /// A custom authorizer over TLS: `HOST` or `HOST:PORT` (443 when there is none), and the root certificate of the
    /// server's as PEM text. A user name and a password for the authorizer are set with [`with`](Self::with).
    pub fn authorizer_from_pem(
        endpoint: &str,
        client_id: &str,
        authorizer: Authorizer,
        root: &[u8],
    ) -> Result<Self, SetupError> {
        let endpoint = Endpoint::parse(endpoint, Endpoint::HTTPS_PORT)?;
        let tls = TlsConfig::server_only(Roots::from_pem(root)?);
        Ok(Self::new(endpoint, Security::Tls(tls), client_id).with_authorizer(authorizer))
    }

    /// MQTT in a WebSocket over TLS: `HOST` or `HOST:PORT` (443 when there is none), and the root certificate of the
    /// server's as PEM text. [`WebSocketConfig::signed`] is what AWS IoT Core wants.
    #[cfg(feature = "websocket")]
    pub fn websocket_from_pem(
        endpoint: &str,
        client_id: &str,
        websocket: WebSocketConfig,
        root: &[u8],
    ) -> Result<Self, SetupError> {
        let endpoint = Endpoint::parse(endpoint, Endpoint::HTTPS_PORT)?;
        let tls = TlsConfig::server_only(Roots::from_pem(root)?);
        Ok(Self::new(endpoint, Security::Tls(tls), client_id).with_websocket(websocket))
    }

    /// TLS with everything else about it said in `tls`, for roots and identities from elsewhere than files.
    pub fn tls(endpoint: Endpoint, client_id: &str, tls: TlsConfig) -> Self {
        Self::new(endpoint, Security::Tls(tls), client_id)
    }

    /// Plain TCP, for tests and closed networks: `HOST` or `HOST:PORT` (1883 when there is none).
    pub fn plain(endpoint: &str, client_id: &str) -> Result<Self, SetupError> {
        let endpoint = Endpoint::parse(endpoint, Endpoint::MQTT_PORT)?;
        Ok(Self::new(endpoint, Security::Plain, client_id))
    }

    pub(crate) fn new(endpoint: Endpoint, security: Security, client_id: &str) -> Self {
        Self {
            endpoint,
            security,
            authorizer: None,
            #[cfg(feature = "websocket")]
            websocket: None,
            proxy: None,
            config: Config::new(client_id),
        }
    }

    /// The same, with the configuration changed by `change`.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// The same, with a custom authorizer.
    #[must_use]
    pub fn with_authorizer(mut self, authorizer: Authorizer) -> Self {
        self.authorizer = Some(authorizer);
        self
    }

    /// The same, in a WebSocket. The port stays as it is.
    #[cfg(feature = "websocket")]
    #[must_use]
    pub fn with_websocket(mut self, websocket: WebSocketConfig) -> Self {
        self.websocket = Some(websocket);
        self
    }

    /// The same, through a proxy.
    #[must_use]
    pub fn with_proxy(mut self, proxy: ProxyConfig) -> Self {
        self.proxy = Some(proxy);
        self
    }

    /// Where the socket has to be connected to: the proxy, or the service itself.
    pub fn first_hop(&self) -> &Endpoint {
        if let Some(proxy) = &self.proxy {
            return proxy.endpoint();
        }
        &self.endpoint
    }

    /// The layers of links, and the configuration of the client, checked as far as the client does not do it.
    pub(crate) fn take_apart(mut self) -> Result<(Layers, Config), SetupError> {
        #[cfg(feature = "websocket")]
        let in_upgrade = self.websocket.is_some();
        #[cfg(not(feature = "websocket"))]
        let in_upgrade = false;
        if let Some(authorizer) = &self.authorizer {
            authorizer.validate()?;
            let query = authorizer.query();
            if !in_upgrade && !query.is_empty() {
                self.config.login_query = Some(query.into());
            }
        }
        if let Some(proxy) = &self.proxy {
            proxy.validate(&self.endpoint)?;
        }
        #[cfg(feature = "websocket")]
        if let Some(websocket) = &self.websocket {
            let server = match &self.security {
                Security::Tls(tls) => tls.server(&self.endpoint),
                Security::Plain => self.endpoint.clone(),
            };
            websocket.validate(server.host())?;
            if let Security::Tls(tls) = self.security {
                self.security = Security::Tls(tls.for_websocket());
            }
        }
        let layers = Layers {
            endpoint: self.endpoint,
            security: self.security,
            authorizer: self.authorizer,
            proxy: self.proxy,
            #[cfg(feature = "websocket")]
            websocket: self.websocket,
        };
        layers.check()?;
        Ok((layers, self.config))
    }
}

/// Why a client could not be set up.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetupError {
    /// The endpoint.
    Endpoint(EndpointError),
    /// A certificate or key.
    Pem(PemError),
    /// An access key or its session token.
    #[cfg(feature = "websocket")]
    Credentials(CredentialsError),
    /// A setting.
    Config(ConfigError),
    /// A file that cannot be read.
    File {
        /// Its path.
        path: String,
        /// The operating system's words.
        why: String,
    },
    /// What a file holds.
    FileContent {
        /// Its path.
        path: String,
        /// What is wrong with it.
        why: PemError,
    },
    /// A private key that belongs to another certificate.
    KeyOfOther {
        /// The certificate's path.
        certificate: String,
        /// Whom the certificate is for.
        subject: String,
        /// The key's path.
        key: String,
    },
    /// A resource that the operating system does not give.
    System {
        /// What was wanted, and the operating system's words.
        why: String,
    },
}

impl From<EndpointError> for SetupError {
    fn from(error: EndpointError) -> Self {
        Self::Endpoint(error)
    }
}

impl From<PemError> for SetupError {
    fn from(error: PemError) -> Self {
        Self::Pem(error)
    }
}

#[cfg(feature = "websocket")]
impl From<CredentialsError> for SetupError {
    fn from(error: CredentialsError) -> Self {
        Self::Credentials(error)
    }
}

impl From<ConfigError> for SetupError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint(error) => error.fmt(f),
            Self::Pem(error) => error.fmt(f),
            #[cfg(feature = "websocket")]
            Self::Credentials(error) => error.fmt(f),
            Self::Config(error) => error.fmt(f),
            Self::File { path, why } => write!(f, "cannot read {path}: {why}"),
            Self::FileContent { path, why } => write!(f, "{path}: {why}"),
            Self::KeyOfOther { certificate, subject, key } => {
                write!(f, "{key}: the private key does not belong to {certificate}, the certificate of {subject:?}")
            }
            Self::System { why } => f.write_str(why),
        }
    }
}

impl core::error::Error for SetupError {}
