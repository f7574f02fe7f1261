//! How a peer comes in: with MQTT, or in a WebSocket. Its application protocol tells, as on the service's port 443; where none
//! was named, its first byte.

use std::sync::Arc;

use ring::digest;

use super::visitors::{Visitors, http_date};

/// The longest upgrade or CONNECT that is waited for.
const HEAD_LEN_MAX: usize = 32 * 1024;
/// The longest frame that is taken.
const FRAME_LEN_MAX: usize = 512 * 1024;
/// Subprotocols in the order of preference; the second is what the Python SDK asks for.
const SUBPROTOCOLS: [&str; 2] = ["mqtt", "mqttv3.1"];

/// CONNACK: not authorized.
const NOT_AUTHORIZED: [u8; 4] = [0x20, 2, 0, 5];

const CONTINUATION: u8 = 0;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// What stands between one peer's bytes and MQTT.
#[derive(Debug)]
pub(super) enum Door {
    /// The bytes are MQTT.
    Mqtt,
    /// Nothing is decided: the first bytes, and the rules.
    Closed(Vec<u8>, Arc<Visitors>),
    /// A WebSocket, with what has come of the next frame, and whether a message is unfinished.
    WebSocket(Vec<u8>, bool),
    /// Whatever comes is ignored.
    Shut,
}

/// What a peer has shown in TLS; without TLS there is nothing to show, and everything is as if it were.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown {
    /// Whether there is a certificate that says who it is.
    pub(super) certificate: bool,
    /// Which protocol was agreed on, where one was named.
    pub(super) protocol: Option<Protocol>,
}

/// What is spoken above TLS, as application protocols name it on the service's port 443.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Mqtt,
    Http,
}

impl Shown {
    /// Without TLS.
    pub(super) const PLAIN: Self = Self { certificate: true, protocol: None };

    /// By a certificate and an application protocol: with `mqtt`, the service does not look at certificates.
    pub(super) fn new(has_certificate: bool, alpn: Option<&[u8]>) -> Self {
        match alpn {
            Some(b"x-amzn-mqtt-ca") => Self { certificate: has_certificate, protocol: Some(Protocol::Mqtt) },
            Some(b"mqtt") => Self { certificate: false, protocol: Some(Protocol::Mqtt) },
            Some(_) => Self { certificate: has_certificate, protocol: Some(Protocol::Http) },
            None => Self { certificate: has_certificate, protocol: None },
        }
    }
}

/// What came of bytes.
#[derive(Debug, Default)]
pub(super) struct Entry {
    pub(super) mqtt: Vec<u8>,
    pub(super) reply: Vec<u8>,
    /// Why this peer is shown out, behind the reply.
    pub(super) out: Option<&'static str>,
}

impl Door {
    /// With `visitors`, peers may come without a certificate or in a WebSocket.
    pub(super) fn new(visitors: Option<Arc<Visitors>>) -> Self {
        visitors.map_or(Self::Mqtt, |visitors| Self::Closed(Vec::new(), visitors))
    }

    /// Takes bytes of a peer.
    pub(super) fn receive(&mut self, bytes: Vec<u8>, shown: Shown) -> Entry {
        let mut entry = Entry::default();
        match self {
            Self::Mqtt => entry.mqtt = bytes,
            Self::Shut => {}
            Self::Closed(first, visitors) => {
                first.extend(bytes);
                let visitors = Arc::clone(visitors);
                let first = core::mem::take(first);
                self.decide(first, &visitors, shown, &mut entry);
            }
            Self::WebSocket(pending, in_message) => {
                pending.extend(bytes);
                entry.out = frames(pending, in_message, &mut entry);
            }
        }
        if entry.out.is_some() {
            *self = Self::Shut;
        }
        entry
    }

    /// Bytes of MQTT as they are sent to the peer.
    pub(super) fn wrap(&self, mqtt: &[u8]) -> Vec<u8> {
        match self {
            Self::WebSocket(..) => frame(BINARY, mqtt),
            Self::Mqtt | Self::Closed(..) | Self::Shut => mqtt.to_vec(),
        }
    }

    /// The last words to the peer.
    pub(super) fn goodbye(&mut self) -> Vec<u8> {
        match core::mem::replace(self, Self::Shut) {
            Self::WebSocket(..) => frame(CLOSE, &1000_u16.to_be_bytes()),
            Self::Mqtt | Self::Closed(..) | Self::Shut => Vec::new(),
        }
    }

    fn decide(&mut self, first: Vec<u8>, visitors: &Arc<Visitors>, shown: Shown, entry: &mut Entry) {
        let for_http = shown.protocol != Some(Protocol::Mqtt);
        let for_mqtt = shown.protocol != Some(Protocol::Http);
        match first.first() {
            Some(b'G' | b'P') if for_http => match head_len(&first) {
                Some(len) => return self.answer(&first, len, visitors, shown, entry),
                None if first.len() > HEAD_LEN_MAX => entry.out = Some("the head of the request is too long"),
                None => {}
            },
            Some(_) if for_mqtt && (shown.certificate || visitors.free_mqtt) => {
                *self = Self::Mqtt;
                entry.mqtt = first;
                return;
            }
            Some(0x10) if for_mqtt => match user_name(&first) {
                Some(name) if visitors.admit_login(&name) => {
                    *self = Self::Mqtt;
                    entry.mqtt = first;
                    return;
                }
                None if first.len() <= HEAD_LEN_MAX => {}
                _ => {
                    entry.reply = NOT_AUTHORIZED.to_vec();
                    entry.out = Some("neither a certificate nor a custom authorizer");
                }
            },
            Some(_) => entry.out = Some("neither MQTT nor an upgrade, or not what ALPN has named"),
            None => {}
        }
        *self = Self::Closed(first, Arc::clone(visitors));
    }

    /// A request of HTTP whose head is there.
    fn answer(&mut self, first: &[u8], len: usize, visitors: &Arc<Visitors>, shown: Shown, entry: &mut Entry) {
        let (head, rest) = first.split_at(len);
        let head = String::from_utf8_lossy(head);
        if let Some(pool) = visitors.pool.as_ref().filter(|_| head.starts_with("POST / ")) {
            let headers = headers(&head);
            let header = |name| header(&headers, name);
            if rest.len() < header("content-length").parse().unwrap_or(0) {
                *self = Self::Closed(first.to_vec(), Arc::clone(visitors));
                return;
            }
            let now = visitors.unix_seconds();
            let (status, body) = pool.answer(header("x-amz-target"), rest, now);
            let (date, len) = (http_date(now), body.len());
            let head = format!("HTTP/1.1 {status}\r\nDate: {date}\r\nContent-Type: application/x-amz-json-1.1\r\n");
            entry.reply = format!("{head}Content-Length: {len}\r\nConnection: close\r\n\r\n{body}").into_bytes();
            entry.out = Some("Amazon Cognito has answered");
            return;
        }
        match upgrade(&head, visitors) {
            Ok(answer) => {
                entry.reply = answer.into_bytes();
                *self = Self::WebSocket(Vec::new(), false);
                let behind = self.receive(rest.to_vec(), shown);
                entry.reply.extend(behind.reply);
                entry.mqtt = behind.mqtt;
                entry.out = behind.out;
            }
            Err((status, why)) => {
                entry.reply = refusal(status, visitors).into_bytes();
                entry.out = Some(why);
            }
        }
    }
}

/// The headers of a head with its request line.
fn headers(head: &str) -> Vec<(String, String)> {
    let headers = head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
    headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
}

/// The value of a header; empty where there is none.
fn header<'h>(headers: &'h [(String, String)], name: &str) -> &'h str {
    headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
}

fn head_len(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

/// The answer to an upgrade, or the status that it is refused with and why.
fn upgrade(head: &str, visitors: &Visitors) -> Result<String, (&'static str, &'static str)> {
    const BAD: &str = "400 Bad Request";
    let target = head.split("\r\n").next().and_then(|line| line.strip_prefix("GET ")?.strip_suffix(" HTTP/1.1"));
    let target = target.ok_or((BAD, "not a GET of HTTP/1.1"))?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = headers(head);
    let get = |name: &str| header(&headers, name);
    let has = |name: &str, word: &str| get(name).split(',').any(|value| value.trim().eq_ignore_ascii_case(word));
    if path != "/mqtt" {
        return Err(("404 Not Found", "another path than /mqtt"));
    }
    let is_upgrade =
        has("upgrade", "websocket") && has("connection", "upgrade") && get("sec-websocket-version") == "13";
    let key = get("sec-websocket-key");
    if !is_upgrade || key.is_empty() {
        return Err((BAD, "not an upgrade to WebSocket"));
    }
    let protocol = SUBPROTOCOLS.into_iter().find(|protocol| has("sec-websocket-protocol", protocol));
    let protocol = protocol.ok_or((BAD, "no subprotocol of MQTT"))?;
    visitors.admit_upgrade(path, query, get("host"), &headers).map_err(|why| ("403 Forbidden", why))?;
    let accept = digest::digest(
        &digest::SHA1_FOR_LEGACY_USE_ONLY,
        format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11").as_bytes(),
    );
    Ok(format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-accept: {}\r\nsec-websocket-protocol: {protocol}\r\ndate: {}\r\n\r\n",
        base64(accept.as_ref()),
        http_date(visitors.unix_seconds())
    ))
}

fn refusal(status: &str, visitors: &Visitors) -> String {
    let kind = if status.starts_with("403") { "x-amzn-ErrorType: ForbiddenException\r\n" } else { "" };
    let date = http_date(visitors.unix_seconds());
    format!("HTTP/1.1 {status}\r\nDate: {date}\r\n{kind}content-length: 0\r\nconnection: close\r\n\r\n")
}

fn base64(bytes: &[u8]) -> String {
    // The one encoder that is here anyway.
    let pem = pem::encode(&pem::Pem::new("X", bytes));
    pem.lines().filter(|line| !line.starts_with('-')).collect()
}

fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    let len = payload.len();
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(short @ 0..=125), _) => frame.push(short),
        (_, Ok(len)) => {
            frame.push(126);
            frame.extend(len.to_be_bytes());
        }
        _ => {
            frame.push(127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame
}

/// Takes whole frames from the front of what has come; what a client may not send is why it is shown out.
fn frames(pending: &mut Vec<u8>, in_message: &mut bool, entry: &mut Entry) -> Option<&'static str> {
    loop {
        match next_frame(pending) {
            Ok(None) => return None,
            Ok(Some((first, payload))) => {
                if let Some(why) = take(first, payload, in_message, entry) {
                    return Some(why);
                }
            }
            Err(why) => {
                entry.reply.extend(frame(CLOSE, &1002_u16.to_be_bytes()));
                return Some(why);
            }
        }
    }
}

fn take(first: u8, payload: Vec<u8>, in_message: &mut bool, entry: &mut Entry) -> Option<&'static str> {
    let is_last = first & 0x80 != 0;
    match (first & 0x0f, *in_message) {
        (BINARY, false) | (CONTINUATION, true) => {
            *in_message = !is_last;
            entry.mqtt.extend(payload);
            None
        }
        (PING, _) => {
            entry.reply.extend(frame(PONG, &payload));
            None
        }
        (PONG, _) => None,
        (CLOSE, _) => {
            entry.reply.extend(frame(CLOSE, &payload));
            Some("the client has closed")
        }
        _ => {
            entry.reply.extend(frame(CLOSE, &1002_u16.to_be_bytes()));
            Some("a frame that MQTT does not have, or out of turn")
        }
    }
}

/// The first byte and the payload of the next frame.
fn next_frame(pending: &mut Vec<u8>) -> Result<Option<(u8, Vec<u8>)>, &'static str> {
    let [first, second, rest @ ..] = pending.as_slice() else { return Ok(None) };
    let (first, is_control) = (*first, first & 0x08 != 0);
    if first & 0x70 != 0 {
        return Err("reserved bits are set");
    }
    if second & 0x80 == 0 {
        return Err("a frame of a client is not masked");
    }
    let (header_len, least) = match second & 0x7f {
        126 => (2, 126),
        127 => (8, 0x1_0000),
        _ => (0, 0),
    };
    let Some(extended) = rest.get(..header_len) else { return Ok(None) };
    let extended = extended.iter().fold(0, |len, byte| len << 8 | u64::from(*byte));
    let len = if header_len == 0 { u64::from(second & 0x7f) } else { extended };
    if is_control && (len > 125 || first & 0x80 == 0) {
        return Err("a control frame is too long or a fragment");
    }
    if len < least {
        return Err("a length is longer than needed");
    }
    let len = usize::try_from(len).ok().filter(|len| *len <= FRAME_LEN_MAX).ok_or("a frame is too long")?;
    let Some((mask, payload)) = rest.get(header_len..).and_then(|rest| rest.split_at_checked(4)) else {
        return Ok(None);
    };
    let Some(payload) = payload.get(..len) else { return Ok(None) };
    let payload = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    pending.drain(..2 + header_len + 4 + len);
    Ok(Some((first, payload)))
}

/// The user name of a whole CONNECT; an empty one when it has none. `None` while it is not whole, or when it is broken.
fn user_name(packet: &[u8]) -> Option<String> {
    let header_len = 2 + packet.get(1..5)?.iter().take_while(|byte| **byte & 0x80 != 0).count();
    let len = packet[1..header_len].iter().rev().fold(0, |len, byte| len << 7 | usize::from(byte & 0x7f));
    // Behind the protocol's name, its level and the flags are one byte each, the keep-alive two.
    let body = packet.get(header_len..header_len + len)?;
    let flags = *body.get(7)?;
    let mut body = body.get(10..)?;
    let mut text = || {
        let (len, rest) = body.split_first_chunk()?;
        let (text, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
        body = rest;
        Some(String::from_utf8_lossy(text).into_owned())
    };
    text()?;
    if flags & 0x04 != 0 {
        text()?;
        text()?;
    }
    if flags & 0x80 != 0 { text() } else { Some(String::new()) }
}
