//! Amazon Cognito identity pools (Amazon Cognito API reference, `GetId` and `GetCredentialsForIdentity`).

use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

use super::https::Https;
use super::iot::unexpected;
use crate::json;
use crate::transport::credentials::answers;
use crate::transport::http::response::Response;
use crate::transport::{
    Credentials, CredentialsProvider, Endpoint, EndpointError, NoCredentials, ProxyConfig, Roots, TlsConfig, sigv4,
};
use crate::{ConfigError, config};

/// How long one question may take: the first time there are two.
const TIMEOUT: Duration = Duration::from_secs(4);
/// What the service says of an identity that it does not know.
const GONE: &str = "ResourceNotFoundException";

/// An identity pool that lets in whoever comes, without a login. Cheap to clone; clones are the same identity.
#[derive(Clone)]
pub struct CognitoPool {
    https: Https,
    pool: String,
    /// Who we are, once the pool has said it: asked anew, it would say somebody else.
    identity: Arc<Mutex<Option<String>>>,
}

impl CognitoPool {
    /// `pool` is the pool's id, as in `eu-west-1:01234567-89ab-cdef-0123-456789abcdef`. It names the region, and that
    /// the endpoint. The pool has to allow unauthenticated identities.
    pub fn new(pool: impl Into<String>, roots: Roots) -> Result<Self, ConfigError> {
        let pool = pool.into();
        let region = pool.split_once(':').filter(|(region, id)| sigv4::is_region(region) && is_id(id));
        let region = region.map(|(region, _)| region.to_owned());
        config::rule("cognito_pool", &pool, "REGION:ID, as the console of Amazon Cognito shows it", region.is_some())?;
        let region = region.unwrap_or_default();
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let host = format!("cognito-identity.{region}.{domain}");
        let server = Endpoint::new(host, Endpoint::HTTPS_PORT);
        let server = server.map_err(|error| ConfigError {
            field: "cognito_pool",
            value: error.to_string(),
            rule: "the id of an identity pool",
        })?;
        let mut https = Https::new(server, TlsConfig::server_only(roots));
        https.timeout = TIMEOUT;
        Ok(Self { https, pool, identity: Arc::default() })
    }

    /// At another endpoint than the region's: `HOST` or `HOST:PORT`, 443 when there is no port.
    pub fn with_endpoint(mut self, endpoint: &str) -> Result<Self, EndpointError> {
        self.https.server = Https::server(endpoint)?;
        Ok(self)
    }

    /// Where it asks.
    pub fn endpoint(&self) -> &Endpoint {
        &self.https.server
    }

    /// Through this proxy.
    #[must_use]
    pub fn with_proxy(mut self, proxy: ProxyConfig) -> Self {
        self.https.proxy = Some(proxy);
        self
    }

    /// How long one question may take altogether; there are two the first time. Default: 4 s, so that both take less
    /// than a client's connect timeout.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.https.timeout = timeout;
        self
    }

    fn ask(&self, action: &str, name: &str, value: &str) -> Result<Response, NoCredentials> {
        let (host, body) = (self.https.host(), format!("{{{}:{}}}", json::quoted(name), json::quoted(value)));
        let request = format!(
            "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-amz-json-1.1\r\n\
             X-Amz-Target: AWSCognitoIdentityService.{action}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len(),
        );
        self.https.ask(&request)
    }

    fn identity(&self) -> Result<String, NoCredentials> {
        let response = self.ask("GetId", "IdentityPoolId", &self.pool)?;
        check(&response)?;
        let read = answers::of_get_id(&response.body);
        read.map_err(|why| NoCredentials::broken(format!("the answer to GetId is not as expected: {why}")))
    }

    fn find(&self) -> Result<Credentials, NoCredentials> {
        // What is held is whole at any time, so that a panic leaves nothing broken.
        let mut held = self.identity.lock().unwrap_or_else(PoisonError::into_inner);
        let identity = match held.take() {
            Some(identity) => identity,
            None => self.identity()?,
        };
        let response = self.ask("GetCredentialsForIdentity", "IdentityId", &identity);
        // Only an identity that is gone is forgotten: the next try asks for another.
        let is_gone = response.as_ref().is_ok_and(|response| {
            response.status == 400 && answers::said(&response.body).is_some_and(|said| said.starts_with(GONE))
        });
        if !is_gone {
            *held = Some(identity);
        }
        let response = response?;
        check(&response)?;
        let read = answers::of_cognito(&response.body);
        read.map_err(|why| {
            NoCredentials::broken(format!("the answer to GetCredentialsForIdentity is not as expected: {why}"))
        })
    }
}

/// Does not show who we are: whoever knows that can be us.
impl core::fmt::Debug for CognitoPool {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("CognitoPool").field("pool", &self.pool).finish_non_exhaustive()
    }
}

impl CredentialsProvider for CognitoPool {
    fn credentials(&self, _: u64) -> Result<Credentials, NoCredentials> {
        self.find().map_err(|error| error.reworded(|why| format!("Amazon Cognito at {}: {why}", self.https.server)))
    }
}

fn check(response: &Response) -> Result<(), NoCredentials> {
    unexpected(response, |status| match status {
        400..=499 => "check the pool's id, and that it allows unauthenticated identities and has a role for them",
        _ => "it is tried again later",
    })
}

fn is_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
