//! Proxies: somebody else makes the connection to the server, and from then on passes bytes on.

mod config;
mod connect;
mod socks;

use bytes::BytesMut;

use self::connect::Connect;
use self::socks::Socks;
use super::Endpoint;
use crate::ProxyError;

pub use config::{ProxyConfig, ProxyKind};

/// One connection through a proxy, until it is there.
#[derive(Debug)]
pub(crate) enum Proxy {
    Http(Connect),
    Socks5(Socks),
}

impl Proxy {
    /// Writes what a proxy is told first.
    pub(crate) fn begin(config: &ProxyConfig, server: &Endpoint, wire: &mut BytesMut) -> Self {
        match config.kind() {
            ProxyKind::Http => Self::Http(Connect::begin(config.login(), server, wire)),
            ProxyKind::Socks5 => Self::Socks5(Socks::begin(config.login(), server, wire)),
        }
    }

    /// Takes bytes from the front of `wire` and writes what the proxy has to be told next; tells whether the
    /// connection is there. What is left of `wire` then comes from the server.
    pub(crate) fn receive(&mut self, wire: &mut &[u8], reply: &mut BytesMut) -> Result<bool, ProxyError> {
        match self {
            Self::Http(connect) => connect.receive(wire),
            Self::Socks5(socks) => socks.receive(wire, reply),
        }
    }
}

#[cfg(test)]
mod tests;
