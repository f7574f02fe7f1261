//! WebSocket (RFC 6455), client side, as a byte transformer.
//!
//! What comes goes on as it comes: nothing of a data frame is kept, so neither frames nor messages need a limit. MQTT
//! does not care where they begin and end [MQTT-6.0.0-2].

mod config;
mod entropy;
mod frame;
mod handshake;

use bytes::BytesMut;

use self::entropy::Entropy;
use self::frame::{Control, Decoder, Opcode};
use self::handshake::Handshake;
use super::tls::Flow;
use crate::{WebSocketError, WebSocketFault};

pub use config::WebSocketConfig;
pub(crate) use handshake::Request;

/// One WebSocket, client side.
#[derive(Debug)]
pub(crate) struct WebSocket {
    stage: Stage,
    entropy: Entropy,
    decoder: Decoder,
    /// The server's clock when it agreed, in seconds since 1970.
    server_time: Option<u64>,
    /// The payload of the last ping, if it is not answered yet. Earlier ones need no answer (RFC 6455 §5.5.3), so a
    /// peer that pings and does not read costs no memory.
    ping: Option<Vec<u8>>,
    /// The first error; there is no way back from it.
    failed: Option<WebSocketError>,
}

#[derive(Debug)]
enum Stage {
    /// The upgrade is not answered yet.
    Upgrading(Box<Handshake>),
    Open,
    /// Our Close frame is written: nothing may follow it (RFC 6455 §5.5.1).
    Closed,
}

impl WebSocket {
    /// Writes the request for an upgrade. `entropy` has to be unpredictable, and new for every WebSocket.
    pub(crate) fn begin(request: &Request, entropy: [u8; 32], wire: &mut BytesMut) -> Self {
        let mut entropy = Entropy::new(&entropy);
        let handshake = Handshake::begin(request, entropy.draw(), wire);
        let stage = Stage::Upgrading(Box::new(handshake));
        Self { stage, entropy, decoder: Decoder::default(), server_time: None, ping: None, failed: None }
    }

    /// Takes bytes from the wire: what data frames hold goes to `plain`, what the protocol has to answer at once goes
    /// to `reply`. All of `wire` is taken. After an error there may be a Close frame in `reply`, and data from before
    /// it in `plain`; the same error comes from then on.
    pub(crate) fn receive(
        &mut self,
        mut wire: &[u8],
        plain: &mut BytesMut,
        reply: &mut BytesMut,
    ) -> Result<Flow, WebSocketError> {
        while !wire.is_empty() && self.failed.is_none() {
            if let Err(error) = self.step(&mut wire, plain, reply) {
                self.failed = Some(error);
            }
        }
        self.failed.clone().map_or(Ok(Flow::Open), Err)
    }

    /// Frames all of `plain` onto `wire`, behind the answer to a ping. Only once [`is_ready`](Self::is_ready).
    pub(crate) fn transmit(&mut self, plain: &mut BytesMut, wire: &mut BytesMut) {
        if !self.is_ready() {
            return;
        }
        if let Some(payload) = self.ping.take() {
            frame::encode(Opcode::Pong, &payload, self.entropy.draw(), wire);
        }
        if !plain.is_empty() {
            frame::encode(Opcode::Binary, plain, self.entropy.draw(), wire);
            plain.clear();
        }
    }

    /// The server has agreed, and neither side has closed.
    pub(crate) fn is_ready(&self) -> bool {
        matches!(self.stage, Stage::Open)
    }

    /// The server's clock when it agreed to the upgrade, in seconds since 1970 (UTC), where it told.
    pub(crate) const fn server_time(&self) -> Option<u64> {
        self.server_time
    }

    /// Writes the goodbye.
    pub(crate) fn close(&mut self, wire: &mut BytesMut) {
        self.close_with(Some(frame::CODE_NORMAL), wire);
    }

    fn step(&mut self, wire: &mut &[u8], plain: &mut BytesMut, reply: &mut BytesMut) -> Result<(), WebSocketError> {
        if let Stage::Upgrading(handshake) = &mut self.stage {
            if handshake.receive(wire)? {
                self.server_time = handshake.server_time();
                self.stage = Stage::Open;
            }
            return Ok(());
        }
        match self.decoder.receive(wire, plain) {
            Ok(None | Some(Control::Pong)) => Ok(()),
            Ok(Some(Control::Ping(payload))) => {
                self.ping = Some(payload);
                Ok(())
            }
            Ok(Some(Control::Close { code, reason })) => {
                self.close_with(code, reply);
                Err(WebSocketError::Closed { code, reason })
            }
            Err(fault) => {
                self.close_with(Some(code_for(fault)), reply);
                Err(fault.into())
            }
        }
    }

    fn close_with(&mut self, code: Option<u16>, wire: &mut BytesMut) {
        if self.is_ready() {
            let payload = code.map(u16::to_be_bytes);
            let payload = payload.as_ref().map_or(&[][..], |bytes| bytes);
            frame::encode(Opcode::Close, payload, self.entropy.draw(), wire);
            self.stage = Stage::Closed;
        }
    }
}

/// RFC 6455 §7.4.1.
fn code_for(fault: WebSocketFault) -> u16 {
    if fault == WebSocketFault::Text { frame::CODE_UNSUPPORTED } else { frame::CODE_PROTOCOL }
}

#[cfg(test)]
mod tests;
