//! One TCP connection that never blocks.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};

use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use thingwire_core::dial::tcp_error;
use thingwire_core::{LinkError, TcpError};

/// Reads of what nobody wants before something else has its turn.
const DISCARDED_READS_MAX: usize = 16;

/// A connection, and what is known of its readiness.
///
/// The operating system tells about readiness only when it changes, so it is remembered here until a call finds that
/// it is over.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    token: Token,
    address: SocketAddr,
    readable: bool,
    writable: bool,
}

/// What a read gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// This many bytes.
    Bytes(usize),
    /// The peer will send no more.
    End,
    /// Nothing for now.
    Blocked,
}

impl Socket {
    /// Begins to connect.
    pub(crate) fn connect(registry: &Registry, token: Token, address: SocketAddr) -> Result<Self, LinkError> {
        let failed = |error: io::Error| tcp_error(address, &error);
        let mut stream = TcpStream::connect(address).map_err(failed)?;
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE).map_err(failed)?;
        Ok(Self { stream, token, address, readable: false, writable: false })
    }

    /// Takes note of an event, if it is about this connection.
    pub(crate) fn ready(&mut self, event: &Event) {
        if event.token() == self.token {
            // The reason of an error comes out of the next call.
            self.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
            self.writable |= event.is_writable() || event.is_write_closed() || event.is_error();
        }
    }

    /// Whether the connection has come about; not known before the first event.
    pub(crate) fn is_connected(&mut self) -> Result<bool, LinkError> {
        if !self.writable {
            return Ok(false);
        }
        if let Some(error) = self.stream.take_error().unwrap_or_else(Some) {
            return Err(tcp_error(self.address, &error));
        }
        let connected = self.stream.peer_addr().is_ok();
        if connected {
            // Small packets are not to wait for one another. Without it the connection is only slower.
            let _ = self.stream.set_nodelay(true);
        } else {
            self.writable = false;
        }
        Ok(connected)
    }

    pub(crate) fn may_read(&self) -> bool {
        self.readable
    }

    /// To be tried even though no event has told so.
    pub(crate) fn try_reading(&mut self) {
        self.readable = true;
    }

    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<Input, LinkError> {
        match retrying(|| self.stream.read(buffer)) {
            Ok(0) => Ok(Input::End),
            Ok(len) => Ok(Input::Bytes(len)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.readable = false;
                Ok(Input::Blocked)
            }
            Err(error) => Err(tcp_error(self.address, &error)),
        }
    }

    /// Writes the front of `bytes`; `None` when no byte is taken for now.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<Option<usize>, LinkError> {
        if !self.writable {
            return Ok(None);
        }
        match retrying(|| self.stream.write(bytes)) {
            Ok(len) => Ok(Some(len)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.writable = false;
                Ok(None)
            }
            Err(error) => Err(tcp_error(self.address, &error)),
        }
    }

    /// The address has not answered.
    pub(crate) fn timed_out(&self) -> LinkError {
        LinkError::Tcp { address: Some(self.address), why: TcpError::TimedOut }
    }

    /// Throws away what has come; false when the peer has closed.
    pub(crate) fn discard(&mut self, buffer: &mut [u8]) -> bool {
        for _ in 0..DISCARDED_READS_MAX {
            match self.read(buffer) {
                Ok(Input::Bytes(_)) => {}
                Ok(Input::Blocked) => return true,
                Ok(Input::End) | Err(_) => return false,
            }
        }
        true
    }

    /// Tells the peer that nothing more comes.
    pub(crate) fn shut_down_writing(&mut self) {
        if let Err(error) = self.stream.shutdown(Shutdown::Write) {
            log::debug!("{}: not shut down: {error}", self.address);
        }
    }

    /// Drops the connection.
    pub(crate) fn close(mut self, registry: &Registry) {
        if let Err(error) = registry.deregister(&mut self.stream) {
            log::debug!("{}: not deregistered: {error}", self.address);
        }
    }
}

fn retrying<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
