//! HTTP CONNECT (RFC 9110 §9.3.6).

use bytes::BytesMut;
use zeroize::Zeroizing;

use super::config::Login;
use crate::ProxyError;
use crate::transport::Endpoint;
use crate::transport::encoding::base64;
use crate::transport::http::{Collector, HEAD_LEN_MAX, Head, HeadError};

#[derive(Debug)]
pub(crate) struct Connect {
    head: Collector,
    logs_in: bool,
}

impl Connect {
    /// Writes the request. A login is told at once: to be asked for it first would cost a round trip, and proxies
    /// close behind a 407.
    pub(super) fn begin(login: Option<&Login>, server: &Endpoint, wire: &mut BytesMut) -> Self {
        // Host and port, as an endpoint prints them.
        let target = server;
        wire.extend_from_slice(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").as_bytes());
        if let Some(Login { user_name, password }) = login {
            let login = Zeroizing::new(format!("{user_name}:{}", password.expose()));
            let credentials = Zeroizing::new(base64(login.as_bytes()));
            wire.extend_from_slice(b"Proxy-Authorization: Basic ");
            wire.extend_from_slice(credentials.as_bytes());
            wire.extend_from_slice(b"\r\n");
        }
        wire.extend_from_slice(b"\r\n");
        Self { head: Collector::default(), logs_in: login.is_some() }
    }

    pub(super) fn receive(&mut self, wire: &mut &[u8]) -> Result<bool, ProxyError> {
        loop {
            match self.head.take(wire) {
                Ok(None) => return Ok(false),
                Ok(Some(head)) => match head.status {
                    200..=299 => return Ok(true),
                    // Nothing was asked to be upgraded; other interim answers say nothing (RFC 9110 §15.2).
                    100 | 102..=199 => {}
                    // 401 is a server's word, but some proxies use it for a wrong login.
                    401 | 407 => return Err(self.login_error(&head)),
                    status => return Err(ProxyError::Status { status }),
                },
                Err(HeadError::Malformed) => return Err(ProxyError::NotHttp),
                Err(HeadError::TooLong) => return Err(ProxyError::HeadTooLong { max: HEAD_LEN_MAX }),
            }
        }
    }

    fn login_error(&self, head: &Head) -> ProxyError {
        let names = ["proxy-authenticate", "www-authenticate"];
        let says_nothing = names.iter().all(|name| head.values(name).next().is_none());
        let takes_basic = says_nothing || names.iter().any(|name| head.has_word(name, "basic"));
        match (takes_basic, self.logs_in) {
            (false, _) => ProxyError::AuthenticationKind,
            (true, true) => ProxyError::LoginRefused,
            (true, false) => ProxyError::LoginWanted,
        }
    }
}
