//! SOCKS 5 (RFC 1928), with a user name and password (RFC 1929) if there are any.

use core::net::IpAddr;

use bytes::{BufMut as _, BytesMut};

use super::config::Login;
use crate::ProxyError;
use crate::transport::Endpoint;

const VERSION: u8 = 5;
/// The version of the login within (RFC 1929 §2).
const LOGIN_VERSION: u8 = 1;

const NO_LOGIN: u8 = 0;
const LOGIN: u8 = 2;
const NONE_ACCEPTABLE: u8 = 0xff;

const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

#[derive(Debug)]
pub(crate) struct Socks {
    stage: Stage,
    /// What has come of the answer that is awaited.
    answer: Vec<u8>,
    login: Option<Login>,
    server: Endpoint,
}

/// Which answer is awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Method,
    Login,
    Connect,
}

impl Socks {
    /// Writes the greeting: which methods of authentication we know.
    pub(super) fn begin(login: Option<&Login>, server: &Endpoint, wire: &mut BytesMut) -> Self {
        match login {
            None => wire.put_slice(&[VERSION, 1, NO_LOGIN]),
            Some(_) => wire.put_slice(&[VERSION, 2, NO_LOGIN, LOGIN]),
        }
        Self { stage: Stage::Method, answer: Vec::new(), login: login.cloned(), server: server.clone() }
    }

    pub(super) fn receive(&mut self, wire: &mut &[u8], reply: &mut BytesMut) -> Result<bool, ProxyError> {
        while let Some((&byte, rest)) = wire.split_first() {
            *wire = rest;
            self.answer.push(byte);
            let is_there = match self.stage {
                Stage::Method => self.method(reply)?,
                Stage::Login => self.logged_in(reply)?,
                Stage::Connect => self.connected()?,
            };
            if is_there {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// RFC 1928 §3
    fn method(&mut self, reply: &mut BytesMut) -> Result<bool, ProxyError> {
        check_first(&self.answer, VERSION)?;
        let [_, method] = self.answer[..] else { return Ok(false) };
        match (method, &self.login) {
            (NO_LOGIN, _) => self.ask_to_connect(reply),
            (LOGIN, Some(Login { user_name, password })) => {
                reply.put_u8(LOGIN_VERSION);
                put_sized(user_name, reply);
                put_sized(password.expose(), reply);
                self.go(Stage::Login);
            }
            (NONE_ACCEPTABLE, None) => return Err(ProxyError::LoginWanted),
            (NONE_ACCEPTABLE, Some(_)) => return Err(ProxyError::AuthenticationKind),
            _ => return Err(ProxyError::NotSocks),
        }
        Ok(false)
    }

    /// RFC 1929 §2
    fn logged_in(&mut self, reply: &mut BytesMut) -> Result<bool, ProxyError> {
        check_first(&self.answer, LOGIN_VERSION)?;
        let [_, status] = self.answer[..] else { return Ok(false) };
        if status != 0 {
            return Err(ProxyError::LoginRefused);
        }
        self.ask_to_connect(reply);
        Ok(false)
    }

    /// RFC 1928 §4: a name is sent as it is, for the proxy to resolve.
    fn ask_to_connect(&mut self, reply: &mut BytesMut) {
        reply.put_slice(&[VERSION, CONNECT, 0]);
        match self.server.host().parse() {
            Ok(IpAddr::V4(address)) => {
                reply.put_u8(IPV4);
                reply.put_slice(&address.octets());
            }
            Ok(IpAddr::V6(address)) => {
                reply.put_u8(IPV6);
                reply.put_slice(&address.octets());
            }
            Err(_) => {
                reply.put_u8(NAME);
                put_sized(self.server.host(), reply);
            }
        }
        reply.put_u16(self.server.port());
        self.go(Stage::Connect);
    }

    /// RFC 1928 §6
    fn connected(&self) -> Result<bool, ProxyError> {
        check_first(&self.answer, VERSION)?;
        match self.answer[..] {
            [_, code, ..] if code != 0 => Err(ProxyError::Socks { code }),
            [_, _, reserved, ..] if reserved != 0 => Err(ProxyError::NotSocks),
            // The address that the proxy uses, of no use to us, and its port.
            [_, _, _, IPV4, ..] => Ok(self.answer.len() == 4 + 4 + 2),
            [_, _, _, IPV6, ..] => Ok(self.answer.len() == 4 + 16 + 2),
            [_, _, _, NAME, len, ..] => Ok(self.answer.len() == 5 + usize::from(len) + 2),
            [_, _, _, NAME] => Ok(false),
            [_, _, _, _, ..] => Err(ProxyError::NotSocks),
            _ => Ok(false),
        }
    }

    fn go(&mut self, stage: Stage) {
        self.stage = stage;
        self.answer.clear();
    }
}

fn check_first(answer: &[u8], version: u8) -> Result<(), ProxyError> {
    if answer.first() == Some(&version) { Ok(()) } else { Err(ProxyError::NotSocks) }
}

/// A text behind its length. That it fits was checked when the client was set up.
fn put_sized(text: &str, reply: &mut BytesMut) {
    let len = u8::try_from(text.len()).unwrap_or(u8::MAX);
    reply.put_u8(len);
    reply.put_slice(&text.as_bytes()[..usize::from(len)]);
}
