//! Doors to what is nobody else's, for the fuzz targets. No part of the API: it changes without notice.
//!
//! Each is as thin as a door: what is behind it is what ships.

use bytes::BytesMut;
use zeroize::Zeroizing;

use crate::transport::credentials::{answers, command, profile};
use crate::transport::http::response::Exchange;
use crate::transport::proxy::Proxy as Negotiation;
use crate::transport::websocket::{Request, WebSocket as Layer};
use crate::transport::{Credentials, Endpoint, ProxyConfig};
use crate::{ProxyError, WebSocketError};

/// The WebSocket layer.
#[derive(Debug)]
pub struct WebSocket(Layer);

impl WebSocket {
    /// Writes the request for an upgrade of `/mqtt` at `example.com`.
    pub fn begin(entropy: [u8; 32], wire: &mut BytesMut) -> Self {
        let (host, target) = ("example.com".to_owned(), Zeroizing::new("/mqtt".to_owned()));
        let request = Request { host, target, headers: Vec::new(), signed_at: None };
        Self(Layer::begin(&request, entropy, wire))
    }

    /// Takes all of `wire`.
    pub fn receive(&mut self, wire: &[u8], plain: &mut BytesMut, reply: &mut BytesMut) -> Result<(), WebSocketError> {
        self.0.receive(wire, plain, reply).map(drop)
    }

    /// Frames all of `plain`.
    pub fn transmit(&mut self, plain: &mut BytesMut, wire: &mut BytesMut) {
        self.0.transmit(plain, wire);
    }

    /// Whether the server has agreed, and neither side has closed.
    pub fn is_ready(&self) -> bool {
        self.0.is_ready()
    }

    /// Writes the goodbye.
    pub fn close(&mut self, wire: &mut BytesMut) {
        self.0.close(wire);
    }
}

/// The negotiation with a proxy.
#[derive(Debug)]
pub struct Proxy(Negotiation);

impl Proxy {
    /// Writes what a proxy is told first.
    pub fn begin(config: &ProxyConfig, server: &Endpoint, wire: &mut BytesMut) -> Self {
        Self(Negotiation::begin(config, server, wire))
    }

    /// Takes bytes from the front of `wire`; tells whether the connection is there.
    pub fn receive(&mut self, wire: &mut &[u8], reply: &mut BytesMut) -> Result<bool, ProxyError> {
        self.0.receive(wire, reply)
    }
}

/// A whole response of a server that is asked for credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Where a redirect leads.
    pub location: Option<String>,
    /// Whether it is a page for people.
    pub is_html: bool,
    /// What it says.
    pub body: Vec<u8>,
}

/// Reads a response that comes in these pieces, behind which the connection ends; the error as a person reads it.
pub fn http_response<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Response, String> {
    let mut exchange = Exchange::new();
    let mut complete = false;
    for piece in pieces {
        complete = exchange.receive(piece).map_err(|fault| fault.to_string())?;
        if complete {
            break;
        }
    }
    if !complete {
        exchange.finish().map_err(|fault| fault.to_string())?;
    }
    let response = exchange.into_response().map_err(|fault| fault.to_string())?;
    let body = response.body.to_vec();
    Ok(Response { status: response.status, location: response.location, is_html: response.is_html, body })
}

/// Who answers when credentials are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the sources")]
pub enum Answerer {
    Process,
    Iot,
    Cognito,
}

/// Reads an answer with credentials.
pub fn credentials_answer(from: Answerer, text: &[u8]) -> Result<Credentials, String> {
    match from {
        Answerer::Process => answers::of_process(text),
        Answerer::Iot => answers::of_iot(text),
        Answerer::Cognito => answers::of_cognito(text),
    }
}

/// The secret in credentials.
pub fn secret_of(credentials: &Credentials) -> &str {
    credentials.secret_access_key()
}

/// What an answer that is not 200 says, and the id in an answer of Cognito's.
pub fn other_answers(text: &[u8]) -> (Option<String>, Result<String, String>) {
    (answers::said(text), answers::of_get_id(text))
}

/// Reads a shared credentials file (`config`: a shared config file): whether a profile of this name is there, and the
/// program that it names.
pub fn shared_file(file: &[u8], config: bool, name: &str) -> Result<bool, String> {
    let kind = if config { profile::FileKind::Config } else { profile::FileKind::Credentials };
    let found = profile::find(file, kind, name).map_err(|fault| format!("{fault:?}"))?;
    let Some(found) = found else { return Ok(false) };
    if let Ok(profile::Offer::Process(text)) = found.offer() {
        // Refused or split: what matters is that it ends.
        drop(command::words(&text));
    }
    Ok(true)
}

/// The hash that a check in a trace must have, behind one with the hash `before`.
pub fn trace_hash(before: u64, bytes: &[u8]) -> u64 {
    crate::trace::chain(before, bytes)
}
