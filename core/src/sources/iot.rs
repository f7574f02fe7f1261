//! The AWS IoT credentials provider (AWS IoT Core developer guide, "Authorizing direct calls to AWS services using AWS
//! IoT Core credential provider").

use core::time::Duration;

use super::https::Https;
use crate::transport::credentials::answers;
use crate::transport::http::response::Response;
use crate::transport::{
    Credentials, CredentialsProvider, Endpoint, EndpointError, Identity, NoCredentials, ProxyConfig, Roots, TlsConfig,
};

/// A role that a device's certificate may take: where to ask, and for which role alias. Cheap to clone.
#[derive(Debug, Clone)]
pub struct IotRole {
    https: Https,
    alias: String,
    thing: Option<String>,
}

impl IotRole {
    /// `endpoint` is the account's `iot:CredentialProvider` endpoint, as in
    /// `abc.credentials.iot.eu-west-1.amazonaws.com`, with port 443 if it has none; not the one for MQTT. `alias` is the
    /// role alias; AWS IoT allows letters, digits and `=,@_-`, up to 128.
    pub fn new(
        endpoint: &str,
        alias: impl Into<String>,
        identity: Identity,
        roots: Roots,
    ) -> Result<Self, EndpointError> {
        let https = Https::new(Https::server(endpoint)?, TlsConfig::mutual(identity, roots));
        Ok(Self { https, alias: alias.into(), thing: None })
    }

    /// The thing that the certificate is attached to, for policies that name it.
    #[must_use]
    pub fn with_thing(mut self, name: impl Into<String>) -> Self {
        self.thing = Some(name.into());
        self
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

    /// How long one question may take altogether. Default: 8 s, which is less than a client's connect timeout.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.https.timeout = timeout;
        self
    }

    fn request(&self) -> Result<String, String> {
        let valid = |text: &str, more: &[u8]| {
            let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || more.contains(&byte);
            (1..=128).contains(&text.len()) && text.bytes().all(is_valid)
        };
        if !valid(&self.alias, b"=,@_-") {
            return Err(format!("{:?} is no role alias; expected up to 128 letters, digits and =,@_-", self.alias));
        }
        let thing = match &self.thing {
            Some(thing) if !valid(thing, b":_-") => {
                return Err(format!("{thing:?} is no thing's name; expected up to 128 letters, digits and :_-"));
            }
            Some(thing) => format!("x-amzn-iot-thingname: {thing}\r\n"),
            None => String::new(),
        };
        Ok(format!(
            "GET /role-aliases/{}/credentials HTTP/1.1\r\nHost: {}\r\n{thing}Accept: application/json\r\n\
             Connection: close\r\n\r\n",
            self.alias,
            self.https.host(),
        ))
    }
}

impl CredentialsProvider for IotRole {
    fn credentials(&self, _: u64) -> Result<Credentials, NoCredentials> {
        let request = self.request().map_err(NoCredentials::broken);
        let answer = request.and_then(|request| self.https.ask(&request)).and_then(|response| read(&response));
        let name = |why| format!("AWS IoT credentials provider at {}: {why}", self.https.server);
        answer.map_err(|error| error.reworded(name))
    }
}

fn read(response: &Response) -> Result<Credentials, NoCredentials> {
    unexpected(response, |status| match status {
        400 => "check the role alias and the thing's name",
        401 | 403 => {
            "check that the device certificate is active, that its policy allows iot:AssumeRoleWithCertificate for this \
             role alias, and that the role trusts credentials.iot.amazonaws.com"
        }
        404 => "check the role alias, and that this is the endpoint of type iot:CredentialProvider",
        429 | 500..=599 => "it is tried again later",
        _ => "check the endpoint",
    })?;
    answers::of_iot(&response.body)
        .map_err(|why| NoCredentials::broken(format!("the answer is not as expected: {why}")))
}

/// Fails when an answer is not what was asked for.
pub(super) fn unexpected(response: &Response, advice: impl Fn(u16) -> &'static str) -> Result<(), NoCredentials> {
    let Response { status, location, is_html, body } = response;
    let why = match (status, location) {
        (200, _) if !is_html => return Ok(()),
        (300..=399, Some(location)) => {
            let location = answers::one_line(location);
            format!(
                "a redirect ({status}) to {location}, which is not followed; check the endpoint, or log in to the network \
                 first"
            )
        }
        (300..=399, None) => format!("a redirect ({status}), which is not followed; check the endpoint"),
        _ if *is_html => format!(
            "a web page (status {status}) instead of credentials; check the endpoint, or log in to the network first"
        ),
        _ => {
            let said = answers::said(body).map(|said| format!(" ({said})")).unwrap_or_default();
            format!("refused with status {status}{said}; {}", advice(*status))
        }
    };
    Err(if matches!(status, 429 | 500..=599) { NoCredentials::unavailable(why) } else { NoCredentials::broken(why) })
}
