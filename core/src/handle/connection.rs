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

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io::{Read, Write};

    use super::*;
    use crate::TcpError;

    /// What its calls give, one after the other.
    #[derive(Debug)]
    struct Script(VecDeque<Result<usize, ErrorKind>>);

    impl Script {
        fn next(&mut self) -> io::Result<usize> {
            Ok(self.0.pop_front().expect("no call more")?)
        }
    }

    impl Read for Script {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            self.next()
        }
    }

    impl Write for Script {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            self.next()
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Socket for Script {
        fn is_connected(&mut self) -> io::Result<bool> {
            Ok(true)
        }

        fn shut_down_writing(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn connection(calls: impl IntoIterator<Item = Result<usize, ErrorKind>>) -> Connection<Script> {
        let mut connection = Connection::new(Script(calls.into_iter().collect()), "127.0.0.1:1".parse().unwrap());
        (connection.readable, connection.writable) = (true, true);
        connection
    }

    #[test]
    fn a_call_that_was_interrupted_is_made_again() {
        let interrupted = Err(ErrorKind::Interrupted);
        let mut connection = connection([interrupted, interrupted, Ok(3), interrupted, Ok(2)]);
        assert!(matches!(connection.read(&mut [0; 8]), Ok(Input::Bytes(3))));
        assert!(connection.readable, "there may be more, unless the socket says otherwise");
        assert_eq!(connection.write(b"12"), Ok(Some(2)));
    }

    #[test]
    fn what_blocks_is_waited_for_and_what_fails_is_told() {
        let blocks = Err(ErrorKind::WouldBlock);
        let mut waiting = connection([blocks, blocks]);
        assert!(matches!(waiting.read(&mut [0; 8]), Ok(Input::Blocked)));
        assert_eq!((waiting.readable, waiting.writable), (false, true));
        assert_eq!((waiting.write(b"12"), waiting.writable), (Ok(None), false));
        assert_eq!(waiting.write(b"12"), Ok(None), "it is not even called");
        let refused = Some(TcpError::Refused);
        let why = |error| if let LinkError::Tcp { why, .. } = error { Some(why) } else { None };
        let mut failed = connection([Err(ErrorKind::ConnectionRefused), Err(ErrorKind::ConnectionRefused)]);
        assert_eq!(why(failed.read(&mut [0; 8]).unwrap_err()), refused);
        assert_eq!(why(failed.write(b"1").unwrap_err()), refused);
    }

    #[test]
    fn a_reset_that_was_met_in_writing_is_told_as_the_end_as_well() {
        let reset =
            |connection: &mut Connection<Script>| matches!(connection.read(&mut [0; 8]), Err(LinkError::Tcp { .. }));
        let mut broken = connection([Err(ErrorKind::ConnectionReset), Ok(0)]);
        broken.write(b"1").unwrap_err();
        assert!(reset(&mut broken));
        let mut ended = connection([Err(ErrorKind::BrokenPipe), Ok(0)]);
        ended.write(b"1").unwrap_err();
        assert!(matches!(ended.read(&mut [0; 8]), Ok(Input::End)));
    }

    #[test]
    fn what_nobody_wants_is_read_for_a_while() {
        let endless = || core::iter::repeat_n(Ok(8), DISCARDED_READS_MAX);
        assert!(connection(endless()).discard(&mut [0; 8]), "and something else has its turn");
        assert!(connection([Ok(8), Err(ErrorKind::WouldBlock)]).discard(&mut [0; 8]));
        assert!(!connection([Ok(8), Ok(0)]).discard(&mut [0; 8]));
        assert!(!connection([Err(ErrorKind::ConnectionReset)]).discard(&mut [0; 8]));
    }
}
