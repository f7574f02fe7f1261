//! How to ask for a WebSocket.

use zeroize::Zeroizing;

use super::Request;
use crate::config::rule;
use crate::transport::credentials::CredentialsSource;
use crate::transport::sigv4::{self, Presign, region_of};
use crate::transport::{Authorizer, Endpoint, Supplies};
use crate::{ConfigError, LinkError};

/// Where AWS IoT Core and most brokers serve MQTT.
const PATH: &str = "/mqtt";
/// For how long a signed upgrade is good: as long as clocks may be apart.
const VALID_SECONDS: u32 = 300;
/// Headers that the upgrade has anyway, in lower case.
const OWN_HEADERS: [&str; 4] = ["host", "upgrade", "connection", "content-length"];

/// How to ask for a WebSocket, and who asks. Cheap enough to clone. `Debug` shows no secret.
///
/// ```
/// use thingwire_core::transport::{Credentials, WebSocketConfig};
///
/// let credentials = Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI")?;
/// let signed = WebSocketConfig::signed(credentials).with_region("eu-west-1");
/// let unsigned = WebSocketConfig::new().with_path("/mqtt").with_header("x-device", "lamp");
/// assert!(signed.credentials().is_some() && unsigned.credentials().is_none());
/// # Ok::<(), thingwire_core::transport::CredentialsError>(())
/// ```
#[derive(Debug, Clone)]
pub struct WebSocketConfig {
    path: String,
    headers: Vec<(String, Hidden)>,
    signer: Option<Signer>,
}

#[derive(Debug, Clone)]
struct Signer {
    source: CredentialsSource,
    region: Option<String>,
}

#[derive(Clone)]
struct Hidden(Zeroizing<String>);

impl core::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("(not shown)")
    }
}

impl Default for WebSocketConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl WebSocketConfig {
    /// An unsigned upgrade at `/mqtt`, for brokers that ask for a user name and password or nothing, and for custom
    /// authorizers.
    pub fn new() -> Self {
        Self { path: PATH.to_owned(), headers: Vec::new(), signer: None }
    }

    /// An upgrade signed with AWS credentials (Signature Version 4). Every link gets a new signature, with what the
    /// source gives then. The region is the one that the endpoint names, see
    /// [`with_region`](Self::with_region).
    pub fn signed(credentials: impl Into<CredentialsSource>) -> Self {
        let source = credentials.into();
        Self { signer: Some(Signer { source, region: None }), ..Self::new() }
    }

    /// The region to sign for. Needed with a custom domain, which names none.
    #[must_use]
    pub fn with_region(mut self, region: impl Into<String>) -> Self {
        if let Some(signer) = &mut self.signer {
            signer.region = Some(region.into());
        }
        self
    }

    /// Another path than `/mqtt`, for other brokers. Signed upgrades keep theirs.
    #[must_use]
    pub fn with_path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// One more header of the upgrade. Its value is treated as a secret.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), Hidden(Zeroizing::new(value.into()))));
        self
    }

    /// Where the credentials come from, if the upgrade is signed.
    pub fn credentials(&self) -> Option<&CredentialsSource> {
        self.signer.as_ref().map(|signer| &signer.source)
    }

    pub(crate) fn validate(&self, host: &str) -> Result<(), ConfigError> {
        let path = &self.path;
        let valid = path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#".contains(&byte));
        rule("websocket.path", path, "begins with /, and has no query and no blank", valid)?;
        for (name, Hidden(value)) in &self.headers {
            let lower = name.to_ascii_lowercase();
            let is_own = OWN_HEADERS.contains(&lower.as_str()) || lower.starts_with("sec-websocket-");
            let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            let valid = !name.is_empty() && name.bytes().all(is_token) && !is_own;
            rule("websocket.header", name, "the name of a header that the upgrade does not have anyway", valid)?;
            let valid = !value.contains(char::is_control);
            rule("websocket.header", format_args!("{name:?}: (not shown)"), "without control characters", valid)?;
        }
        let Some(signer) = &self.signer else { return Ok(()) };
        rule("websocket.path", path, "/mqtt when the upgrade is signed", path == PATH)?;
        match &signer.region {
            Some(region) => {
                rule("websocket.region", region, "a region of AWS, as eu-central-1", sigv4::is_region(region))
            }
            None => {
                let holds = region_of(host).is_some();
                rule("websocket.region", format_args!("not given"), "given, when the endpoint does not name it", holds)
            }
        }
    }

    /// The request for one link to the server that calls itself `server`.
    pub(crate) fn request(
        &self,
        server: &Endpoint,
        default_port: u16,
        authorizer: Option<&Authorizer>,
        supplies: &Supplies,
    ) -> Result<Request, LinkError> {
        let host = if server.port() == default_port { bracketed(server.host()) } else { server.to_string() };
        let mut target = Zeroizing::new(self.path.clone());
        let mut headers: Vec<_> = self.headers.iter().map(|(name, value)| (name.clone(), value.0.clone())).collect();
        let mut signed_at = None;
        if let Some(signer) = &self.signer {
            let Some(credentials) = &supplies.credentials else {
                return Err(LinkError::Credentials { why: "the driver has supplied none".to_owned() });
            };
            let checked = credentials.check_validity(supplies.unix_seconds);
            checked.map_err(|why| LinkError::Credentials { why })?;
            let region = signer.region.clone().or_else(|| region_of(server.host())).unwrap_or_default();
            let presign = Presign {
                credentials,
                service: sigv4::SERVICE,
                region: &region,
                host: &host,
                path: &self.path,
                unix_seconds: supplies.unix_seconds,
                valid_seconds: VALID_SECONDS,
            };
            target.push('?');
            target.push_str(&presign.query());
            signed_at = Some(supplies.unix_seconds);
        }
        match authorizer {
            Some(authorizer) if authorizer.is_in_query() => {
                let joint = if signed_at.is_some() { '&' } else { '?' };
                target.push(joint);
                target.push_str(&Zeroizing::new(authorizer.query()));
            }
            Some(authorizer) => headers
                .extend(authorizer.pairs().map(|(name, value)| (name.to_owned(), Zeroizing::new(value.to_owned())))),
            None => {}
        }
        Ok(Request { host, target, headers, signed_at })
    }
}

/// As a URL writes a host.
fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}
