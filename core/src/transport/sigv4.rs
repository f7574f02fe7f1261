//! AWS Signature Version 4 of a WebSocket's upgrade, as the query of its URL.
//!
//! Sources: "Create a signed AWS API request" (AWS IAM user guide) and "Device communication protocols" (AWS IoT Core
//! developer guide), which adds that the session token is not signed but appended.

use core::fmt::Write as _;

use ring::{digest, hmac};
use zeroize::Zeroizing;

use super::credentials::Credentials;
use super::date::timestamp;
use super::encoding::percent_encode;

/// The name of the service in signatures.
pub const SERVICE: &str = "iotdevicegateway";

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What is signed. The same values give the same query.
#[derive(Debug, Clone, Copy)]
pub struct Presign<'a> {
    /// Who signs.
    pub credentials: &'a Credentials,
    /// The service, see [`SERVICE`].
    pub service: &'a str,
    /// Its region, for example `eu-central-1`.
    pub region: &'a str,
    /// The `Host` header as it is sent, with the port if the header has one.
    pub host: &'a str,
    /// The path. Only `/` and characters that no URL has to encode.
    pub path: &'a str,
    /// The time, in seconds since 1970 (UTC).
    pub unix_seconds: u64,
    /// For how many seconds from then the query is valid.
    pub valid_seconds: u32,
}

impl Presign<'_> {
    /// The query of a GET, without its question mark.
    pub fn query(&self) -> Zeroizing<String> {
        let Self { credentials, service, region, host, path, unix_seconds, valid_seconds } = *self;
        let time = timestamp(unix_seconds);
        let date = &time[..8];
        let scope = format!("{date}/{region}/{service}/aws4_request");
        let credential = percent_encode(&format!("{}/{scope}", credentials.access_key_id()));
        let unsigned = format!(
            "X-Amz-Algorithm={ALGORITHM}&X-Amz-Credential={credential}&X-Amz-Date={time}\
             &X-Amz-Expires={valid_seconds}&X-Amz-SignedHeaders=host"
        );
        let request = format!("GET\n{path}\n{unsigned}\nhost:{host}\n\nhost\n{}", sha256(""));
        let to_sign = format!("{ALGORITHM}\n{time}\n{scope}\n{}", sha256(&request));
        let secret = Zeroizing::new(format!("AWS4{}", credentials.secret_access_key()));
        let key = [date, region, service, "aws4_request"]
            .iter()
            .fold(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), |key, part| {
                hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref())
            });
        let signature = hex(hmac::sign(&key, to_sign.as_bytes()).as_ref());
        let mut query = Zeroizing::new(format!("{unsigned}&X-Amz-Signature={signature}"));
        if let Some(token) = credentials.session_token() {
            query.push_str("&X-Amz-Security-Token=");
            query.push_str(&Zeroizing::new(percent_encode(token)));
        }
        query
    }
}

/// The region that an endpoint of AWS IoT Core names; `None` for a custom domain.
///
/// It is the label behind `iot` or `iot-fips`, in every partition: `x-ats.iot.eu-central-1.amazonaws.com`,
/// `x.ats.iot.cn-north-1.amazonaws.com.cn`, `data.iot-fips.us-gov-west-1.amazonaws.com`,
/// `vpce-x.data.iot.us-east-1.vpce.amazonaws.com`.
pub fn region_of(host: &str) -> Option<String> {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let labels: Vec<&str> = host.split('.').collect();
    let at = labels.iter().position(|label| matches!(*label, "iot" | "iot-fips"))?;
    let region = labels.get(at + 1).filter(|label| is_region(label))?;
    let domain = labels.get(at + 2..)?.join(".");
    let domain = domain.strip_prefix("vpce.").unwrap_or(&domain);
    let is_aws = matches!(domain, "amazonaws.com" | "amazonaws.com.cn" | "amazonaws.eu" | "api.aws");
    is_aws.then(|| (*region).to_owned())
}

/// Whether it looks like `eu-central-1`, `us-gov-west-1` or `eusc-de-east-1`.
pub(crate) fn is_region(label: &str) -> bool {
    let parts: Vec<&str> = label.split('-').collect();
    let Some((number, words)) = parts.split_last() else { return false };
    let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    words.len() >= 2 && words.iter().all(is_word) && is_number
}

fn sha256(text: &str) -> String {
    hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to memory cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests;
