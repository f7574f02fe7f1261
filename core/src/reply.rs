//! What the service answers, as far as every service answers alike.

use core::fmt::{self, Write as _};
use std::borrow::Cow;

use bytes::Bytes;

use crate::json;
use crate::unshown::debug_without;

/// Characters of a code or a message that are shown.
const SHOWN_MAX: usize = 200;

/// An answer that says yes.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// The answer as it came: JSON text. A [`Document`](crate::Document) reads a shadow's.
    pub payload: Bytes,
}

impl Reply {
    /// An answer, for tests of what handles outcomes.
    pub fn new(payload: impl Into<Bytes>) -> Self {
        Self { payload: payload.into() }
    }
}

debug_without!(Reply { ; payload });

/// An answer that says no.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejection {
    /// The code as the service wrote it: an HTTP status as `409`, or a name as `VersionMismatch`. Empty when there was
    /// none.
    pub code: String,
    /// What the service says about it. Empty when it says nothing.
    pub message: String,
    /// The answer as it came: JSON text.
    pub payload: Bytes,
}

debug_without!(Rejection { code, message; payload });

impl Rejection {
    /// The code as a number, where it is one: 400 malformed, 401 and 403 not allowed, 404 not there, 409 another
    /// version, 413 too large, 415 not UTF-8, 429 too many requests, 500 the service's own fault.
    pub fn status(&self) -> Option<u16> {
        self.code.parse().ok()
    }

    /// Reads an answer that says no. Whatever it looks like, it is one.
    pub fn read(payload: Bytes) -> Self {
        let [code, message] = json::pick(&payload, ["code", "message"]).unwrap_or_default();
        let text = |value: &str| json::string(value).map_or_else(|| value.to_owned(), Cow::into_owned);
        let (code, message) = (code.map(text).unwrap_or_default(), message.map(text).unwrap_or_default());
        Self { code, message, payload }
    }
}

/// Why a request ended without ever having been published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unsent {
    /// There was no connection that was ready for it.
    Offline,
    /// The server did not answer the subscription to the topics of the answers.
    NotSubscribed,
    /// The server refused the subscription to the topics of the answers.
    SubscriptionRefused,
    /// All that the service takes at a time were before it: requests or subscriptions.
    Crowded,
}

/// The token by which an answer says which request it belongs to.
pub(crate) fn token(payload: &[u8]) -> Option<Cow<'_, str>> {
    let [token] = json::pick(payload, ["clientToken"]).ok()?;
    json::string(token?)
}

/// One line, whatever the service says; a long message is cut.
impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.code.is_empty() && self.message.is_empty() {
            return f.write_str("rejected without a reason");
        }
        f.write_str("rejected:")?;
        for text in [&self.code, &self.message].into_iter().filter(|text| !text.is_empty()) {
            f.write_str(" ")?;
            let shown = text.chars().take(SHOWN_MAX);
            shown.map(|c| if c.is_control() { ' ' } else { c }).try_for_each(|c| f.write_char(c))?;
        }
        Ok(())
    }
}

impl fmt::Display for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Offline => "not sent: no connection in time",
            Self::NotSubscribed => "not sent: the server did not answer the subscription to the replies in time",
            Self::SubscriptionRefused => {
                "not sent: the server refused the subscription to the replies; check the policy"
            }
            Self::Crowded => "not sent: its turn did not come in time",
        })
    }
}

impl core::error::Error for Rejection {}
impl core::error::Error for Unsent {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejections_are_read_whatever_they_look_like() {
        let read = |text: &'static str| {
            let Rejection { code, message, .. } = Rejection::read(Bytes::from_static(text.as_bytes()));
            (code, message)
        };
        let both = |code: &str, message: &str| (code.to_owned(), message.to_owned());
        assert_eq!(read(r#"{"code":409,"message":"Version conflict"}"#), both("409", "Version conflict"));
        assert_eq!(read(r#"{"code":"VersionMismatch"}"#), both("VersionMismatch", ""));
        assert_eq!(read(r#"{"code":{"a":1},"message":7}"#), both(r#"{"a":1}"#, "7"));
        for bad in ["", "[]", "{\"code\":409", "{\"code\":1,\"code\":2}"] {
            assert_eq!(read(bad), both("", ""), "{bad}");
        }
    }

    /// A message of the server's could begin a line of its own in a log.
    #[test]
    fn a_rejection_is_one_line() {
        let shown = |text: &str| Rejection::read(text.to_owned().into()).to_string();
        assert_eq!(shown(r#"{"code":"4\n03","message":"no\r\nok\u0000"}"#), "rejected: 4 03 no  ok ");
        assert_eq!(shown(&format!(r#"{{"message":"{}"}}"#, "é".repeat(9_999))).chars().count(), 10 + SHOWN_MAX);
        assert_eq!(shown("{}"), "rejected without a reason");
    }

    #[test]
    fn only_a_string_at_the_top_is_a_token() {
        assert_eq!(token(br#"{"clientToken":"a\u0062"}"#).as_deref(), Some("ab"));
        for bad in [
            r#"{"clientToken":1}"#,
            r#"{"state":{"clientToken":"a"}}"#,
            r#"["a"]"#,
            r#"{"clientToken":"a","clientToken":"a"}"#,
            r#"{"clientToken":"a""#,
        ] {
            assert_eq!(token(bad.as_bytes()), None, "{bad}");
        }
    }
}
