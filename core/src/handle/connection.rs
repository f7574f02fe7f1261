//! One TCP connection, and what is known of its readiness.
#![allow(clippy::wildcard_enum_match_arm, reason = "the operating system has more kinds of error than matter here")]

use core::net::SocketAddr;
use std::io::{self, ErrorKind};

use super::net::Socket;
use crate::LinkError;
use crate::dial::tcp_error;

/// Reads of what nobody wants before something else has its turn.
const DISCARDED_READS_MAX: usize = 16;

/// A connection. Some systems tell about readiness only when it changes, so it is remembered here until a call finds
/// that it is over.
#[derive(Debug)]
pub(crate) struct Connection<S> {
    pub(crate) socket: S,
    address: SocketAddr,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// A write has met the peer's reset. The system tells of it once: a read then finds an end.
    reset: bool,
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

impl<S: Socket> Connection<S> {
    pub(crate) fn new(socket: S, address: SocketAddr) -> Self {
        Self { socket, address, readable: false, writable: false, reset: false }
    }

    /// Whether the connection has come about; not known before it is ready for writing.
    pub(crate) fn is_connected(&mut self) -> Result<bool, LinkError> {
        if !self.writable {
            return Ok(false);
        }
        self.writable = self.socket.is_connected().map_err(|error| tcp_error(self.address, &error))?;
        Ok(self.writable)
    }

    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<Input, LinkError> {
        match retrying(|| self.socket.read(buffer)) {
            Ok(0) if self.reset => Err(tcp_error(self.address, &ErrorKind::ConnectionReset.into())),
            Ok(0) => Ok(Input::End),
            Ok(len) => {
                // Saves the call that would only say so.
                self.readable = len == buffer.len() || !self.socket.tells_of_more();
                Ok(Input::Bytes(len))
            }
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
        match retrying(|| self.socket.write(bytes)) {
            Ok(len) => Ok(Some(len)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.writable = false;
                Ok(None)
            }
            Err(error) => {
                self.reset = error.kind() == ErrorKind::ConnectionReset;
                Err(tcp_error(self.address, &error))
            }
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
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
    pub(crate) fn shut_down_writing(&mut self) -> Result<(), LinkError> {
        self.socket.shut_down_writing().map_err(|error| tcp_error(self.address, &error))
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
