//! One peer's socket, with or without TLS.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use mio::net::TcpStream;
use rustls::{ServerConfig, ServerConnection};

use super::door::{Door, Shown};

/// How many bytes may wait for a peer that does not read.
pub(super) const MAX_UNSENT: usize = 8 * 1024 * 1024;

/// How much is read from one peer before others have their turn.
const READ_TURN: usize = 256 * 1024;

/// How a reading turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadEnd {
    /// Nothing more has come yet.
    Drained,
    /// The turn is over, but more may be there.
    More,
    /// The peer has finished sending.
    Eof,
    /// The peer is to be shown out, behind what is queued.
    Out,
}

/// A non-blocking socket and what waits to be sent.
#[derive(Debug)]
pub(super) struct Transport {
    stream: TcpStream,
    layer: Layer,
    door: Door,
    /// Whether our side is finished once everything is sent.
    finishing: bool,
    finished: bool,
}

#[derive(Debug)]
enum Layer {
    Plain(BytesMut),
    Tls(Box<ServerConnection>),
}

impl Transport {
    pub(super) fn plain(stream: TcpStream, door: Door) -> Self {
        Self { stream, layer: Layer::Plain(BytesMut::new()), door, finishing: false, finished: false }
    }

    pub(super) fn tls(stream: TcpStream, config: Arc<ServerConfig>, door: Door) -> io::Result<Self> {
        let mut tls = ServerConnection::new(config).map_err(io::Error::other)?;
        tls.set_buffer_limit(Some(MAX_UNSENT));
        Ok(Self { stream, layer: Layer::Tls(Box::new(tls)), door, finishing: false, finished: false })
    }

    pub(super) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Whether this is TLS, the handshake is over, and the client has named no server.
    pub(super) fn lacks_sni(&self) -> bool {
        match &self.layer {
            Layer::Plain(_) => false,
            Layer::Tls(tls) => !tls.is_handshaking() && tls.server_name().is_none(),
        }
    }

    /// Reads what has come, at most one turn, as MQTT into `into`.
    pub(super) fn read(&mut self, into: &mut Vec<u8>) -> io::Result<ReadEnd> {
        let mut bytes = Vec::new();
        let end = self.read_bytes(&mut bytes);
        let shown = match &self.layer {
            Layer::Plain(_) => Shown::PLAIN,
            Layer::Tls(tls) => Shown::new(tls.peer_certificates().is_some(), tls.alpn_protocol()),
        };
        let entry = self.door.receive(bytes, shown);
        *into = entry.mqtt;
        self.queue_bytes(&entry.reply)?;
        if let Some(why) = entry.out {
            log::info!("shown out: {why}");
            return Ok(ReadEnd::Out);
        }
        end
    }

    fn read_bytes(&mut self, into: &mut Vec<u8>) -> io::Result<ReadEnd> {
        let mut total = 0;
        while total < READ_TURN {
            let step = match &mut self.layer {
                Layer::Plain(_) => read_plain(&mut self.stream, into),
                Layer::Tls(tls) => read_tls(tls, &mut self.stream, into),
            };
            match step {
                Ok(0) => return Ok(ReadEnd::Eof),
                Ok(read) => total += read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(ReadEnd::Drained),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(ReadEnd::More)
    }

    /// Queues MQTT; an error when too much waits already.
    pub(super) fn queue(&mut self, mqtt: &[u8]) -> io::Result<()> {
        let bytes = self.door.wrap(mqtt);
        self.queue_bytes(&bytes)
    }

    fn queue_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        let taken = match &mut self.layer {
            Layer::Plain(unsent) if unsent.len() + bytes.len() <= MAX_UNSENT => {
                unsent.extend_from_slice(bytes);
                bytes.len()
            }
            Layer::Plain(_) => 0,
            Layer::Tls(tls) => tls.writer().write(bytes)?,
        };
        if taken < bytes.len() {
            return Err(io::Error::other("the peer does not read what it is sent"));
        }
        Ok(())
    }

    /// Sends as much as the socket takes.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        loop {
            let step = match &mut self.layer {
                Layer::Plain(unsent) if unsent.is_empty() => break,
                Layer::Plain(unsent) => self.stream.write(unsent).map(|sent| unsent.advance(sent)),
                Layer::Tls(tls) if !tls.wants_write() => break,
                Layer::Tls(tls) => tls.write_tls(&mut self.stream).map(drop),
            };
            match step {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if self.finishing && !self.finished {
            self.finished = true;
            self.stream.shutdown(Shutdown::Write)?;
        }
        Ok(())
    }

    /// Ends our side in good order once everything queued is sent.
    pub(super) fn finish(&mut self) {
        let goodbye = self.door.goodbye();
        if let Err(error) = self.queue_bytes(&goodbye) {
            log::debug!("no goodbye: {error}");
        }
        if let Layer::Tls(tls) = &mut self.layer {
            tls.send_close_notify();
        }
        self.finishing = true;
    }

    /// Makes the coming drop a reset instead of a close in good order.
    pub(super) fn reset_on_drop(&self) {
        if let Err(error) = rustix::net::sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO)) {
            log::debug!("no reset: {error}");
        }
    }
}

fn read_plain(stream: &mut TcpStream, into: &mut Vec<u8>) -> io::Result<usize> {
    let mut chunk = [0; 16 * 1024];
    let read = stream.read(&mut chunk)?;
    into.extend_from_slice(chunk.get(..read).unwrap_or_default());
    Ok(read)
}

fn read_tls(tls: &mut ServerConnection, stream: &mut TcpStream, into: &mut Vec<u8>) -> io::Result<usize> {
    let read = tls.read_tls(stream)?;
    let state = tls.process_new_packets().map_err(io::Error::other)?;
    let waiting = state.plaintext_bytes_to_read();
    if waiting > 0 {
        let start = into.len();
        into.resize(start + waiting, 0);
        tls.reader().read_exact(into.get_mut(start..).unwrap_or_default())?;
    }
    Ok(if state.peer_has_closed() { 0 } else { read })
}
