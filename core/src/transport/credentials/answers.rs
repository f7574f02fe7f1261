//! What programs and services answer when they are asked for credentials.
//!
//! Nothing of an answer gets into an error but what the answer itself says has gone wrong: a library's words about JSON
//! may quote it.

use zeroize::Zeroizing;

use super::Credentials;
use crate::date::parse_rfc3339;
use crate::json;

/// Names of the members, in this order: key id, secret, session token, expiry.
type Names = [&'static str; 4];

const PROCESS: Names = ["AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"];
const IOT: Names = ["accessKeyId", "secretAccessKey", "sessionToken", "expiration"];
const COGNITO: Names = ["AccessKeyId", "SecretKey", "SessionToken", "Expiration"];

/// The longest text of a server's that errors repeat.
const SAID_LEN_MAX: usize = 200;

/// What a `credential_process` writes, version 1 (AWS SDKs and Tools reference guide, "Process credential provider").
pub(crate) fn of_process(text: &[u8]) -> Result<Credentials, String> {
    match object(text, ["Version"])? {
        [Some("1")] => credentials(text, PROCESS),
        _ => Err("its \"Version\" is not 1".to_owned()),
    }
}

/// What the AWS IoT credentials provider answers (AWS IoT Core developer guide, "Authorizing direct calls to AWS services
/// using AWS IoT Core credential provider").
pub(crate) fn of_iot(text: &[u8]) -> Result<Credentials, String> {
    match object(text, ["credentials"])? {
        [Some(inner)] => credentials(inner.as_bytes(), IOT),
        [None] => Err(missing("credentials")),
    }
}

/// What Amazon Cognito answers to `GetId`: the identity's id.
pub(crate) fn of_get_id(text: &[u8]) -> Result<String, String> {
    let [id] = object(text, ["IdentityId"])?;
    match id.and_then(json::string) {
        Some(id) if !id.is_empty() => Ok(id.into_owned()),
        _ => Err(missing("IdentityId")),
    }
}

/// What Amazon Cognito answers to `GetCredentialsForIdentity`.
pub(crate) fn of_cognito(text: &[u8]) -> Result<Credentials, String> {
    match object(text, ["Credentials"])? {
        [Some(inner)] => credentials(inner.as_bytes(), COGNITO),
        [None] => Err(missing("Credentials")),
    }
}

/// What an answer that is not 200 says: its kind, for example `NotAuthorizedException`, and its message.
pub(crate) fn said(text: &[u8]) -> Option<String> {
    let [kind, message, upper] = object(text, ["__type", "message", "Message"]).ok()?;
    let shown =
        |text: Option<&str>| text.and_then(json::string).map(|text| one_line(&text)).filter(|text| !text.is_empty());
    let kind = shown(kind).map(|kind| kind.rsplit('#').next().unwrap_or_default().to_owned());
    match (kind, shown(message).or_else(|| shown(upper))) {
        (Some(kind), Some(message)) => Some(format!("{kind}: {message}")),
        (kind, message) => kind.or(message),
    }
}

/// Another's words as part of a line of ours.
pub(crate) fn one_line(text: &str) -> String {
    let text = text.trim().trim_end_matches('.');
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SAID_LEN_MAX).collect()
}

fn credentials(text: &[u8], names: Names) -> Result<Credentials, String> {
    let [id, secret, token, expiry] = object(text, names)?;
    let member = |value: Option<&str>, name| {
        let text = value.filter(|value| !json::is_null(value)).map(|value| {
            let text = json::string(value).ok_or_else(|| missing(name))?;
            Ok::<_, String>(Zeroizing::new(text.into_owned()))
        });
        text.transpose()
    };
    let id = member(id, names[0])?.ok_or_else(|| missing(names[0]))?;
    let secret = member(secret, names[1])?.ok_or_else(|| missing(names[1]))?;
    let mut credentials = Credentials::new(id.as_str(), secret.as_str()).map_err(|error| error.to_string())?;
    if let Some(token) = member(token, names[2])?.filter(|token| !token.is_empty()) {
        credentials = credentials.with_session_token(token.as_str()).map_err(|error| error.to_string())?;
    }
    match expiry.filter(|value| !json::is_null(value)) {
        Some(value) => time(value).map(|time| credentials.with_expiry(time)).ok_or_else(|| missing(names[3])),
        None => Ok(credentials),
    }
}

/// RFC 3339, or seconds since 1970 with or without a fraction.
fn time(value: &str) -> Option<u64> {
    if let Some(text) = json::string(value) {
        return parse_rfc3339(&text);
    }
    let seconds: f64 = value.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in the range")]
    (0.0..1e12).contains(&seconds).then_some(seconds as u64)
}

fn object<'a, const N: usize>(text: &'a [u8], names: [&str; N]) -> Result<[Option<&'a str>; N], String> {
    json::pick(text, names).map_err(|_| "it is not the JSON object that it should be".to_owned())
}

fn missing(name: &str) -> String {
    format!("its {name:?} is missing or malformed")
}

#[cfg(test)]
mod tests;
