//! Custom authorizers: a function of the account decides who may connect.

use crate::config::rule;
use crate::{ConfigError, Password};

use super::encoding::percent_encode;

const NAME_KEY: &str = "x-amz-customauthorizer-name";
const SIGNATURE_KEY: &str = "x-amz-customauthorizer-signature";
/// The longest name of an authorizer or of a token's key.
const NAME_LEN_MAX: usize = 128;

/// Which custom authorizer of AWS IoT Core decides, and what it is told besides the user name and the password of
/// [`Config`](crate::Config) (AWS IoT Core developer guide, "Connecting to AWS IoT Core by using custom
/// authentication").
///
/// Over TLS it is a query behind the user name, over WebSocket headers of the upgrade, or its query with
/// [`in_query`](Self::in_query). All values are given as they are; what has to be encoded is encoded here. `Debug`
/// shows neither token nor signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorizer {
    name: Option<String>,
    token: Option<(String, Password)>,
    signature: Option<Password>,
    in_query: bool,
}

impl Authorizer {
    /// The authorizer of this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..Self::of_endpoint() }
    }

    /// The default authorizer of the account, or of the endpoint's domain configuration.
    pub const fn of_endpoint() -> Self {
        Self { name: None, token: None, signature: None, in_query: false }
    }

    /// A token, under the name of the key that the authorizer looks for it.
    #[must_use]
    pub fn with_token(mut self, key_name: impl Into<String>, value: impl Into<Password>) -> Self {
        self.token = Some((key_name.into(), value.into()));
        self
    }

    /// The token's signature by the authorizer's key, in base64, for authorizers that check it.
    #[must_use]
    pub fn with_signature(mut self, signature: impl Into<Password>) -> Self {
        self.signature = Some(signature.into());
        self
    }

    /// Over WebSocket, tells it in the URL instead of headers. Servers and proxies on the way may log URLs.
    #[must_use]
    pub const fn in_query(mut self) -> Self {
        self.in_query = true;
        self
    }

    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let is_word = |text: &str, more: &[u8]| {
            let all = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte));
            all && (1..=NAME_LEN_MAX).contains(&text.len())
        };
        let name = self.name.as_deref();
        let valid = name.is_none_or(|name| is_word(name, b"_=,@-"));
        rule("authorizer.name", name.unwrap_or_default(), "letters, digits and _=,@- only, at most 128", valid)?;
        if let Some((key, value)) = &self.token {
            rule("authorizer.token_key", key, "letters, digits, _ and - only, at most 128", is_word(key, b"_-"))?;
            secret("authorizer.token", value, "not empty, without control characters", |text| {
                text.chars().all(|c| !c.is_control())
            })?;
        }
        let Some(signature) = &self.signature else { return Ok(()) };
        secret("authorizer.signature", signature, "in base64, not encoded for a URL: that is done here", |text| {
            text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
        })?;
        rule(
            "authorizer.token",
            format_args!("not given"),
            "given, when there is a signature of it",
            self.token.is_some(),
        )
    }

    /// All of it as a query; empty when there is nothing to tell.
    pub(crate) fn query(&self) -> String {
        let pairs: Vec<_> = self.pairs().map(|(key, value)| format!("{key}={}", percent_encode(value))).collect();
        pairs.join("&")
    }

    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let name = self.name.as_deref().map(|name| (NAME_KEY, name));
        let signature = self.signature.as_ref().map(|signature| (SIGNATURE_KEY, signature.expose()));
        let token = self.token.as_ref().map(|(key, value)| (key.as_str(), value.expose()));
        name.into_iter().chain(signature).chain(token)
    }

    #[cfg(feature = "websocket")]
    pub(crate) const fn is_in_query(&self) -> bool {
        self.in_query
    }
}

fn secret(
    field: &'static str,
    value: &Password,
    what: &'static str,
    holds: impl Fn(&str) -> bool,
) -> Result<(), ConfigError> {
    let text = value.expose();
    rule(field, format_args!("(not shown)"), what, !text.is_empty() && holds(text))
}
