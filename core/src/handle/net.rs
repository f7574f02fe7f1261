//! What a runtime brings.

use core::fmt::Debug;
use core::net::SocketAddr;
use core::pin::Pin;
use std::io::{self, Read, Write};

use crate::ports::OpenPort;

/// Something to be done, which may block.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Makes TCP connections.
pub trait Net: Debug {
    /// One connection.
    type Socket: Socket;

    /// Begins to connect. The runtime calls [`Line::ready`](super::Line::ready) when the socket can be written to, or
    /// has failed.
    fn connect(&mut self, address: SocketAddr) -> io::Result<Self::Socket>;
}

/// A TCP connection whose calls never block: they fail with [`WouldBlock`](io::ErrorKind::WouldBlock). Dropping it drops
/// the connection.
pub trait Socket: Debug + Read + Write {
    /// Whether the connection has come about, or why it has not. Asked once the socket is said to be ready for
    /// writing; `false` is for a runtime that was told so too early.
    fn is_connected(&mut self) -> io::Result<bool>;

    /// Tells the peer that nothing more comes.
    fn shut_down_writing(&mut self) -> io::Result<()>;

    /// Whether a read that gives less than it has room for has given all there was, and whatever comes after it, the end
    /// included, makes the socket ready anew. Where that is not certain, reads go on until one would block.
    fn tells_of_more(&self) -> bool {
        false
    }
}

/// Waits for the ports of things as well.
pub trait PortNet: Net {
    /// An open port whose calls never block. Dropping it closes it.
    type Port: Debug + Read + Write;

    /// Takes an open port. The runtime tells in [`Worker::ports`](super::Worker::ports) what it is ready for.
    fn adopt(&mut self, port: OpenPort) -> io::Result<Self::Port>;
}

/// Somewhere to do what blocks: the resolver, sources of credentials, callbacks of the application.
pub trait Spawn: Debug + Send + Sync {
    /// Drives `work` to its end where it may block without holding up the loop, or any other work. `name` is for a
    /// thread, if there is one.
    fn spawn(&self, name: &'static str, work: Work) -> io::Result<()>;
}
