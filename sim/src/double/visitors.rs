//! Who may come without a certificate: by a signed URL, by a custom authorizer, or freely.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::{digest, hmac};

use super::cognito::Pool;

/// How far a signature's time may be from ours.
const SKEW: u64 = 300;
/// The longest that a signature may be valid.
const EXPIRES_MAX: u64 = 604_800;
/// The names of the service in signatures: its own, and the one that the Python SDK has always used.
const SERVICES: [&str; 2] = ["iotdevicegateway", "iotdata"];

const AUTHORIZER_NAME: &str = "x-amz-customauthorizer-name";
const AUTHORIZER_SIGNATURE: &str = "x-amz-customauthorizer-signature";

/// Who may connect to a double without a client certificate: over WebSocket or by a custom authorizer.
#[derive(Clone, Default)]
#[must_use]
pub struct Visitors {
    keys: Vec<AccessKey>,
    authorizers: Vec<Authorizer>,
    pub(super) pool: Option<Pool>,
    unsigned: bool,
    /// Whether MQTT as it is needs neither a certificate nor an authorizer.
    pub(super) free_mqtt: bool,
    /// How far ahead of the system's clock the double's is, in seconds.
    clock_ahead: i64,
}

#[derive(Clone)]
struct AccessKey {
    id: String,
    secret: String,
    token: Option<String>,
}

#[derive(Clone)]
struct Authorizer {
    name: String,
    token_key: String,
    token: String,
    signature: Option<String>,
}

impl Visitors {
    /// Nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whoever signs the upgrade of a WebSocket with this access key.
    pub fn access_key(mut self, id: &str, secret: &str) -> Self {
        self.keys.push(AccessKey { id: id.to_owned(), secret: secret.to_owned(), token: None });
        self
    }

    /// Whoever signs with this temporary access key, and tells its session token.
    pub fn temporary_key(mut self, id: &str, secret: &str, token: &str) -> Self {
        self.keys.push(AccessKey { id: id.to_owned(), secret: secret.to_owned(), token: Some(token.to_owned()) });
        self
    }

    /// Whoever is an identity of this pool of Amazon Cognito, in whose place the double also answers, on the same port: it hands
    /// out this temporary access key, and lets in who signs with it.
    pub fn cognito_pool(mut self, pool: &str, id: &str, secret: &str, token: &str) -> Self {
        let [pool, key_id, hidden, told] = [pool, id, secret, token].map(str::to_owned);
        self.pool = Some(Pool { id: pool, key_id, secret: hidden, token: told });
        self.temporary_key(id, secret, token)
    }

    /// Whoever tells this custom authorizer its token, and the token's signature if there is one: in the user name of
    /// CONNECT, in headers of a WebSocket's upgrade, or in its URL.
    pub fn authorizer(mut self, name: &str, token_key: &str, token: &str, signature: Option<&str>) -> Self {
        self.authorizers.push(Authorizer {
            name: name.to_owned(),
            token_key: token_key.to_owned(),
            token: token.to_owned(),
            signature: signature.map(str::to_owned),
        });
        self
    }

    /// Whoever speaks WebSocket, as other brokers have it.
    pub fn unsigned(mut self) -> Self {
        self.unsigned = true;
        self
    }

    /// The double's clock is this many seconds ahead of the system's, or behind it.
    pub fn clock_ahead(mut self, seconds: i64) -> Self {
        self.clock_ahead = seconds;
        self
    }

    pub(super) fn with_free_mqtt(self, free_mqtt: bool) -> Self {
        Self { free_mqtt, ..self }
    }

    /// The time in seconds since 1970, as the double has it.
    pub(super) fn unix_seconds(&self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).as_ref().map_or(0, Duration::as_secs);
        now.saturating_add_signed(self.clock_ahead)
    }

    /// Whether an upgrade is let in, by its query, its `Host` and its other headers. An error says why not.
    pub(super) fn admit_upgrade(
        &self,
        path: &str,
        query: &str,
        host: &str,
        headers: &[(String, String)],
    ) -> Result<(), &'static str> {
        if query.contains("X-Amz-Algorithm=") {
            return self.check_signature(path, query, host, headers);
        }
        let lower = |(name, value): &(String, String)| (name.to_ascii_lowercase(), value.clone());
        let told: Vec<_> = headers.iter().map(lower).chain(pairs(query)).collect();
        if self.authorizes(&told) || self.unsigned { Ok(()) } else { Err("neither signed nor authorized") }
    }

    /// Whether the query behind a user name satisfies a custom authorizer.
    pub(super) fn admit_login(&self, user_name: &str) -> bool {
        let query = user_name.split_once('?').map_or("", |(_, query)| query);
        self.authorizes(&pairs(query).collect::<Vec<_>>())
    }

    fn authorizes(&self, told: &[(String, String)]) -> bool {
        let is_told = |name: &str, wanted: &str| {
            told.iter().any(|(key, value)| key.eq_ignore_ascii_case(name) && value == wanted)
        };
        self.authorizers.iter().any(|authorizer| {
            is_told(AUTHORIZER_NAME, &authorizer.name)
                && is_told(&authorizer.token_key, &authorizer.token)
                && authorizer.signature.as_deref().is_none_or(|signature| is_told(AUTHORIZER_SIGNATURE, signature))
        })
    }

    /// Signature Version 4 in a query. The session token is not signed, wherever it stands.
    fn check_signature(
        &self,
        path: &str,
        query: &str,
        host: &str,
        headers: &[(String, String)],
    ) -> Result<(), &'static str> {
        let told: Vec<_> = pairs(query).collect();
        let get = |name: &str| told.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let signature = get("X-Amz-Signature").ok_or("no signature")?;
        if get("X-Amz-Algorithm") != Some("AWS4-HMAC-SHA256") {
            return Err("not a query as Signature Version 4 has it");
        }
        let scope: Vec<&str> = get("X-Amz-Credential").unwrap_or_default().split('/').collect();
        let [id, date, region, service, "aws4_request"] = scope[..] else { return Err("bad scope") };
        let time = get("X-Amz-Date").unwrap_or_default();
        if !SERVICES.contains(&service) || region.is_empty() || !time.starts_with(date) {
            return Err("the scope is not this service's");
        }
        let seconds = unix_seconds(time).ok_or("bad date")?;
        let expires = get("X-Amz-Expires").map_or(Ok(SKEW), str::parse).unwrap_or(0);
        let now = self.unix_seconds();
        if !(1..=EXPIRES_MAX).contains(&expires) || now + SKEW < seconds || seconds + expires.max(SKEW) < now {
            return Err("not valid at this time");
        }
        let key = self.keys.iter().find(|key| key.id == id).ok_or("unknown access key")?;
        if key.token.as_deref().unwrap_or_default() != get("X-Amz-Security-Token").unwrap_or_default() {
            return Err("wrong session token");
        }
        let names = get("X-Amz-SignedHeaders").unwrap_or_default();
        let lines =
            signed_headers(names, host, headers).ok_or("a signed header is missing, or the host is not signed")?;
        let request = format!("GET\n{path}\n{}\n{lines}\n{names}\n{}", signed_query(query), hash(b""));
        let to_sign =
            format!("AWS4-HMAC-SHA256\n{time}\n{date}/{region}/{service}/aws4_request\n{}", hash(request.as_bytes()));
        let sign = |key: &[u8], text: &str| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes());
        let day = sign(format!("AWS4{}", key.secret).as_bytes(), date);
        let place = sign(sign(day.as_ref(), region).as_ref(), service);
        let expected = sign(sign(place.as_ref(), "aws4_request").as_ref(), &to_sign);
        if hex(expected.as_ref()) == signature { Ok(()) } else { Err("the signature does not match") }
    }
}

/// The part of a query that is signed, in the order of names.
fn signed_query(query: &str) -> String {
    let is_signed = |pair: &&str| !pair.starts_with("X-Amz-Signature=") && !pair.starts_with("X-Amz-Security-Token=");
    let mut pairs: Vec<_> = query.split('&').filter(is_signed).collect();
    pairs.sort_unstable();
    pairs.join("&")
}

/// A line for each signed header; `None` when one of them was not sent, or the host is not among them.
fn signed_headers(names: &str, host: &str, headers: &[(String, String)]) -> Option<String> {
    let mut lines = Vec::new();
    for name in names.split(';') {
        let sent =
            || headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str());
        let value = if name == "host" { host } else { sent()? };
        let words: Vec<_> = value.split(' ').filter(|word| !word.is_empty()).collect();
        lines.push(format!("{name}:{}\n", words.join(" ")));
    }
    names.split(';').any(|name| name == "host").then(|| lines.concat())
}

/// Shows no secret.
impl fmt::Debug for Visitors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visitors")
            .field("keys", &self.keys.len())
            .field("authorizers", &self.authorizers.len())
            .field("unsigned", &self.unsigned)
            .finish_non_exhaustive()
    }
}

fn pairs(query: &str) -> impl Iterator<Item = (String, String)> + '_ {
    query.split('&').filter_map(|pair| pair.split_once('=')).map(|(key, value)| (key.to_owned(), decode(value)))
}

/// The text behind `%XX`; what is not such a code stays.
fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        let code = more.get(..2).filter(|_| *first == b'%').and_then(|digits| core::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &more[2..];
            }
            None => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// From `20170628T204845Z`.
fn unix_seconds(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let number = |text: &str, from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(date, 0, 4)?, number(date, 4, 6)?, number(date, 6, 8)?);
    let (hour, minute, second) = (number(time, 0, 2)?, number(time, 2, 4)?, number(time, 4, 6)?);
    let is_valid = (1970..9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    let days = |year| (1970..year).map(year_len).sum::<u64>();
    let months: u64 = (1..month).map(|month| month_len(year, month)).sum();
    is_valid.then(|| (days(year) + months + day - 1) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// A `Date` header.
pub(super) fn http_date(unix_seconds: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (mut day, second) = (unix_seconds / 86_400, unix_seconds % 86_400);
    let weekday = DAYS[usize::try_from(day % 7).unwrap_or(0)];
    let (mut year, mut month) = (1970, 1_u8);
    while day >= year_len(year) {
        day -= year_len(year);
        year += 1;
    }
    while day >= month_len(year, month.into()) {
        day -= month_len(year, month.into());
        month += 1;
    }
    let name = MONTHS[usize::from(month) - 1];
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{weekday}, {:02} {name} {year:04} {hour:02}:{minute:02}:{second:02} GMT", day + 1)
}

fn year_len(year: u64) -> u64 {
    365 + u64::from(is_leap(year))
}

fn month_len(year: u64, month: u64) -> u64 {
    match month {
        2 => 28 + u64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn is_leap(year: u64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn hash(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('?');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0x0f)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The Python SDK's own vector.
    const SIGNED: &str = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=TRUSTMETHISIDISFAKE0%2F20170628%2Fus-east-1\
                          %2Fiotdata%2Faws4_request&X-Amz-Date=20170628T204845Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
                          &X-Amz-Signature=b79a4d7e31ccbf96b22d93cce1b500b9ee611ec966159547e140ae32e4dcebed";

    fn visitors(token: &str) -> Visitors {
        let (id, secret) = ("TRUSTMETHISIDISFAKE0", "trustMeThisSecretKeyIsSoFakeAaBbCc00Dd11");
        let visitors = if token.is_empty() {
            Visitors::new().access_key(id, secret)
        } else {
            Visitors::new().temporary_key(id, secret, token)
        };
        let then = 1_498_682_925;
        let ahead = then - i64::try_from(visitors.unix_seconds()).unwrap_or_default();
        visitors.clock_ahead(ahead)
    }

    fn admit(visitors: &Visitors, query: &str) -> Result<(), &'static str> {
        visitors.admit_upgrade("/mqtt", query, "data.iot.us-east-1.amazonaws.com", &[])
    }

    #[test]
    fn only_what_is_signed_right_is_let_in() {
        assert_eq!(admit(&visitors(""), SIGNED), Ok(()));
        assert_eq!(admit(&visitors("t/x"), &format!("{SIGNED}&X-Amz-Security-Token=t%2Fx")), Ok(()));
        assert_eq!(admit(&visitors(""), &SIGNED.replace("b79a", "b79b")), Err("the signature does not match"));
        assert_eq!(
            admit(&visitors(""), &SIGNED.replace("us-east-1", "us-east-2")),
            Err("the signature does not match")
        );
        assert_eq!(admit(&visitors(""), &SIGNED.replace("iotdata", "s3")), Err("the scope is not this service's"));
        assert_eq!(admit(&visitors(""), &SIGNED.replace("FAKE0", "FAKE1")), Err("unknown access key"));
        assert_eq!(admit(&visitors("t"), SIGNED), Err("wrong session token"));
        let late = visitors("");
        let late = Visitors { clock_ahead: late.clock_ahead + 90_000, ..late };
        assert_eq!(admit(&late, SIGNED), Err("not valid at this time"));
        assert_eq!(admit(&visitors(""), ""), Err("neither signed nor authorized"));
        assert_eq!(
            admit(&visitors(""), &SIGNED.replace("SignedHeaders=host", "SignedHeaders=x")),
            Err("a signed header is missing, or the host is not signed")
        );
        let elsewhere = visitors("").admit_upgrade("/mqtt", SIGNED, "localhost", &[]);
        assert_eq!(elsewhere, Err("the signature does not match"));
    }

    #[test]
    fn dates() {
        assert_eq!(http_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(http_date(951_782_400), "Tue, 29 Feb 2000 00:00:00 GMT");
        assert_eq!(unix_seconds("20170628T204845Z"), Some(1_498_682_925));
        assert_eq!(unix_seconds("20170628T204845"), None);
    }
}
