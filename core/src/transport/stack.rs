//! The layers between the client and the socket, in their fixed order: proxy, TLS, WebSocket; any of them or none.

use bytes::BytesMut;

use super::proxy::{Proxy, ProxyConfig};
use super::tls::{Flow, Tls, server_name};
#[cfg(feature = "websocket")]
use super::websocket::{WebSocket, WebSocketConfig};
use super::{Authorizer, Endpoint, EndpointError, Supplies, TlsConfig};
use crate::{ConnectStage, LinkError, TlsError, TlsInfo};

/// How links are secured.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Security {
    /// TLS.
    Tls(TlsConfig),
    /// Nothing: anybody on the way can read and change everything. For tests and closed networks.
    Plain,
}

/// How to make a [`Stack`].
#[derive(Debug)]
pub(crate) struct Layers {
    pub(crate) endpoint: Endpoint,
    pub(crate) security: Security,
    #[cfg_attr(not(feature = "websocket"), expect(dead_code, reason = "over TLS, it is part of the login"))]
    pub(crate) authorizer: Option<Authorizer>,
    pub(crate) proxy: Option<ProxyConfig>,
    #[cfg(feature = "websocket")]
    pub(crate) websocket: Option<WebSocketConfig>,
}

/// The layers of one link. Bytes of the wire go in at one end, MQTT comes out at the other.
#[derive(Debug)]
pub(crate) struct Stack {
    /// Until it has made the connection.
    proxy: Option<Proxy>,
    tls: Option<Tls>,
    #[cfg(feature = "websocket")]
    websocket: Option<Framed>,
}

/// A WebSocket, with what lies between it and TLS.
#[cfg(feature = "websocket")]
#[derive(Debug)]
struct Framed {
    websocket: WebSocket,
    inbound: BytesMut,
    /// What TLS has not taken yet: the upgrade, until the handshake is over.
    outbound: BytesMut,
}

impl Layers {
    /// What can be known to be wrong before there is a link.
    pub(crate) fn check(&self) -> Result<(), EndpointError> {
        if let Security::Tls(config) = &self.security {
            server_name(&config.server(&self.endpoint))?;
        }
        Ok(())
    }

    /// The layers of one link, with the first words on `wire`. [`Stack::receive`] has to be called next, with no bytes.
    pub(crate) fn open(&self, supplies: Option<&Supplies>, wire: &mut BytesMut) -> Result<Stack, LinkError> {
        #[cfg(not(feature = "websocket"))]
        let _ = supplies;
        let tls = match &self.security {
            Security::Plain => None,
            Security::Tls(config) => Some(config.connect(&self.endpoint)?),
        };
        Ok(Stack {
            #[cfg(feature = "websocket")]
            websocket: self.open_websocket(supplies)?,
            proxy: self.proxy.as_ref().map(|config| Proxy::begin(config, &self.endpoint, wire)),
            tls,
        })
    }

    /// A link has failed: what the server does not take is not offered again from memory.
    pub(crate) fn heed(&self, why: &LinkError) {
        #[cfg(feature = "websocket")]
        if let LinkError::WebSocket(crate::WebSocketError::Refused { status: 401 | 403, .. }) = why {
            if let Some(source) = self.websocket.as_ref().and_then(WebSocketConfig::credentials) {
                source.refused();
            }
        }
        #[cfg(not(feature = "websocket"))]
        let _ = (self, why);
    }

    #[cfg(feature = "websocket")]
    fn open_websocket(&self, supplies: Option<&Supplies>) -> Result<Option<Framed>, LinkError> {
        let Some(config) = &self.websocket else { return Ok(None) };
        let Some(supplies) = supplies else {
            return Err(LinkError::Credentials { why: "the driver has supplied none".to_owned() });
        };
        let (server, default_port) = match &self.security {
            Security::Tls(tls) => (tls.server(&self.endpoint), Endpoint::HTTPS_PORT),
            Security::Plain => (self.endpoint.clone(), Endpoint::HTTP_PORT),
        };
        let request = config.request(&server, default_port, self.authorizer.as_ref(), supplies)?;
        let mut outbound = BytesMut::new();
        let websocket = WebSocket::begin(&request, supplies.entropy, &mut outbound);
        Ok(Some(Framed { websocket, inbound: BytesMut::new(), outbound }))
    }
}

impl Stack {
    /// Takes bytes from the wire: MQTT goes to `plain`, what the layers have to answer goes to `reply`. All of `wire`
    /// is taken. After an error there may be last words in `reply`, and MQTT from before it in `plain`.
    pub(crate) fn receive(
        &mut self,
        mut wire: &[u8],
        plain: &mut BytesMut,
        reply: &mut BytesMut,
    ) -> Result<Flow, LinkError> {
        if let Some(proxy) = &mut self.proxy {
            if !proxy.receive(&mut wire, reply).map_err(LinkError::Proxy)? {
                return Ok(Flow::Open);
            }
            self.proxy = None;
        }
        #[cfg(feature = "websocket")]
        if let Some(framed) = &mut self.websocket {
            return framed.receive(&mut self.tls, wire, plain, reply);
        }
        receive(&mut self.tls, wire, plain, reply)
    }

    /// Passes all of `plain` on to `wire`. Only once [`is_ready`](Self::is_ready).
    pub(crate) fn transmit(&mut self, plain: &mut BytesMut, wire: &mut BytesMut) -> Result<(), LinkError> {
        #[cfg(feature = "websocket")]
        if let Some(framed) = &mut self.websocket {
            framed.websocket.transmit(plain, &mut framed.outbound);
            return transmit(&mut self.tls, &mut framed.outbound, wire);
        }
        transmit(&mut self.tls, plain, wire)
    }

    /// Writes the goodbyes.
    pub(crate) fn close(&mut self, wire: &mut BytesMut) {
        #[cfg(feature = "websocket")]
        if let Some(framed) = &mut self.websocket {
            framed.websocket.close(&mut framed.outbound);
            // Of a connection that has failed there is no need to say so again.
            let _ = transmit(&mut self.tls, &mut framed.outbound, wire);
        }
        if let Some(tls) = &mut self.tls {
            tls.close(wire);
        }
    }

    /// Whether bytes of the wire are MQTT as they are.
    pub(crate) fn is_bare(&self) -> bool {
        #[cfg(feature = "websocket")]
        if self.websocket.is_some() {
            return false;
        }
        self.tls.is_none()
    }

    /// The peer is who it should be, and MQTT may begin.
    pub(crate) fn is_ready(&self) -> bool {
        self.waits_for() == ConnectStage::Connack
    }

    /// What has to come next.
    pub(crate) fn waits_for(&self) -> ConnectStage {
        if self.proxy.is_some() {
            return ConnectStage::Proxy;
        }
        if !self.tls.as_ref().is_none_or(Tls::is_ready) {
            return ConnectStage::Tls;
        }
        #[cfg(feature = "websocket")]
        if self.websocket.as_ref().is_some_and(|framed| !framed.websocket.is_ready()) {
            return ConnectStage::WebSocket;
        }
        ConnectStage::Connack
    }

    /// What TLS has agreed on.
    pub(crate) fn tls_info(&self) -> Option<TlsInfo> {
        self.tls.as_ref().and_then(Tls::info)
    }

    /// The server's clock, as its answer to the upgrade tells it.
    #[cfg(feature = "websocket")]
    pub(crate) fn server_time(&self) -> Option<u64> {
        self.websocket.as_ref().and_then(|framed| framed.websocket.server_time())
    }

    /// Why the peer has closed a connection that was not ready.
    pub(crate) fn closed_early(&self) -> LinkError {
        match self.waits_for() {
            ConnectStage::Proxy => LinkError::Proxy(crate::ProxyError::Closed),
            ConnectStage::Tls => LinkError::Tls(TlsError::Closed),
            ConnectStage::WebSocket => LinkError::WebSocket(crate::WebSocketError::ClosedBeforeUpgrade),
            ConnectStage::Transport | ConnectStage::Connack => LinkError::Closed,
        }
    }
}

#[cfg(feature = "websocket")]
impl Framed {
    fn receive(
        &mut self,
        tls: &mut Option<Tls>,
        wire: &[u8],
        plain: &mut BytesMut,
        reply: &mut BytesMut,
    ) -> Result<Flow, LinkError> {
        let secured = receive(tls, wire, &mut self.inbound, reply);
        // What came before TLS failed or finished was sent by a server that had proved itself.
        let framed = self.websocket.receive(&self.inbound, plain, &mut self.outbound);
        self.inbound.clear();
        let answered = transmit(tls, &mut self.outbound, reply);
        framed.map_err(LinkError::WebSocket)?;
        let flow = secured?;
        answered.map(|()| flow)
    }
}

fn receive(tls: &mut Option<Tls>, wire: &[u8], plain: &mut BytesMut, reply: &mut BytesMut) -> Result<Flow, LinkError> {
    match tls {
        Some(tls) => tls.receive(wire, plain, reply).map_err(LinkError::Tls),
        None => {
            plain.extend_from_slice(wire);
            Ok(Flow::Open)
        }
    }
}

/// What comes before the end of the handshake stays where it is.
fn transmit(tls: &mut Option<Tls>, plain: &mut BytesMut, wire: &mut BytesMut) -> Result<(), LinkError> {
    match tls {
        Some(tls) if tls.is_ready() => tls.transmit(plain, wire).map_err(LinkError::Tls),
        Some(_) => Ok(()),
        None => {
            wire.extend_from_slice(plain);
            plain.clear();
            Ok(())
        }
    }
}
