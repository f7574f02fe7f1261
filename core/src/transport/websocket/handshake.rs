//! The upgrade from HTTP (RFC 6455 §4.1).

use bytes::BytesMut;
use ring::digest;
use zeroize::Zeroizing;

use super::super::date;
use super::super::encoding::base64;
use super::super::http::{Collector, HEAD_LEN_MAX, Head, HeadError};
use crate::{UpgradeHeader, WebSocketError};

/// Appended to the key before it is hashed (RFC 6455 §1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// The name of MQTT among subprotocols [MQTT-6.0.0-3].
const SUBPROTOCOL: &str = "mqtt";
/// How far clocks may be apart for a signature to be good.
const SKEW_SECONDS_MAX: u64 = 300;
/// The most of a server's own words that goes into an error.
const WORDS_LEN_MAX: usize = 200;

/// What to ask for.
pub(crate) struct Request {
    /// The `Host` header.
    pub(crate) host: String,
    /// Path and query. The query may be a signature.
    pub(crate) target: Zeroizing<String>,
    /// More headers; their names and values are checked.
    pub(crate) headers: Vec<(String, Zeroizing<String>)>,
    /// What time it was, in seconds since 1970, if the query is a signature.
    pub(crate) signed_at: Option<u64>,
}

/// An upgrade that is not answered yet.
#[derive(Debug)]
pub(super) struct Handshake {
    /// What proves that our key was read.
    accept: String,
    signed_at: Option<u64>,
    /// What the answer says of the server's clock.
    server_time: Option<u64>,
    head: Collector,
}

impl Handshake {
    /// Writes the request. `nonce` becomes its key.
    pub(super) fn begin(request: &Request, nonce: [u8; 16], wire: &mut BytesMut) -> Self {
        let key = base64(&nonce);
        let mut line = |parts: &[&str]| {
            for part in parts {
                wire.extend_from_slice(part.as_bytes());
            }
            wire.extend_from_slice(b"\r\n");
        };
        line(&["GET ", &request.target, " HTTP/1.1"]);
        line(&["Host: ", &request.host]);
        line(&["Upgrade: websocket"]);
        line(&["Connection: Upgrade"]);
        line(&["Sec-WebSocket-Key: ", &key]);
        line(&["Sec-WebSocket-Version: 13"]);
        line(&["Sec-WebSocket-Protocol: ", SUBPROTOCOL]);
        for (name, value) in &request.headers {
            line(&[name, ": ", value]);
        }
        line(&[]);
        Self { accept: accept(&key), signed_at: request.signed_at, server_time: None, head: Collector::default() }
    }

    /// Takes bytes from the front of `wire`, up to the end of the answer; tells whether the server has agreed.
    pub(super) fn receive(&mut self, wire: &mut &[u8]) -> Result<bool, WebSocketError> {
        match self.head.take(wire) {
            Ok(None) => Ok(false),
            // Interim answers say nothing (RFC 9110 §15.2).
            Ok(Some(head)) if head.status == 100 || (102..=199).contains(&head.status) => Ok(false),
            Ok(Some(head)) if head.status == 101 => {
                self.server_time = date(&head);
                self.check(&head).map(|()| true)
            }
            Ok(Some(head)) => Err(self.refused(&head)),
            Err(HeadError::Malformed) => Err(WebSocketError::NotHttp),
            Err(HeadError::TooLong) => Err(WebSocketError::HeadTooLong { max: HEAD_LEN_MAX }),
        }
    }

    /// The server's clock, in seconds since 1970 (UTC), once it has agreed and where it told.
    pub(super) const fn server_time(&self) -> Option<u64> {
        self.server_time
    }

    fn check(&self, head: &Head) -> Result<(), WebSocketError> {
        let is_websocket = head.only("upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket"));
        let checks = [
            (UpgradeHeader::Upgrade, is_websocket),
            (UpgradeHeader::Connection, head.has_word("connection", "upgrade")),
            (UpgradeHeader::Accept, head.only("sec-websocket-accept") == Some(self.accept.as_str())),
            (UpgradeHeader::Protocol, head.only("sec-websocket-protocol") == Some(SUBPROTOCOL)),
            (UpgradeHeader::Extensions, head.values("sec-websocket-extensions").all(str::is_empty)),
        ];
        let wrong = checks.into_iter().find(|(_, right)| !right);
        wrong.map_or(Ok(()), |(header, _)| Err(WebSocketError::Header { header }))
    }

    fn refused(&self, head: &Head) -> WebSocketError {
        let status = head.status;
        if (300..=399).contains(&status) {
            let location = head.only("location").map(|url| words(url.split(['?', '#']).next().unwrap_or_default()));
            return WebSocketError::Redirect { status, location };
        }
        match self.skew(head) {
            Some(ahead_seconds) if status == 403 => WebSocketError::ClockSkew { ahead_seconds },
            _ => WebSocketError::Refused { status, kind: kind(head) },
        }
    }

    /// By how much the server's clock is ahead of ours, if that is too much for a signature.
    fn skew(&self, head: &Head) -> Option<i32> {
        let (ours, theirs) = (self.signed_at?, date(head)?);
        let apart = i32::try_from(ours.abs_diff(theirs)).unwrap_or(i32::MAX);
        (ours.abs_diff(theirs) > SKEW_SECONDS_MAX).then_some(if theirs < ours { -apart } else { apart })
    }
}

/// RFC 9110 §6.6.1
fn date(head: &Head) -> Option<u64> {
    date::parse_http(head.only("date")?)
}

/// RFC 6455 §4.2.2
fn accept(key: &str) -> String {
    let text = format!("{key}{GUID}");
    base64(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()).as_ref())
}

/// The service's own word for a refusal; behind a colon may be an address that nobody needs.
fn kind(head: &Head) -> Option<String> {
    let kind = words(head.only("x-amzn-errortype")?.split(':').next()?);
    (!kind.is_empty()).then_some(kind)
}

/// What somebody else wrote, as part of a line for people.
fn words(text: &str) -> String {
    text.chars().filter(char::is_ascii_graphic).take(WORDS_LEN_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standards_own_key_has_its_answer() {
        // RFC 6455 §1.3
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
