//! What a runtime brings.

use core::fmt::Debug;
use core::net::SocketAddr;
use core::pin::Pin;
use std::io::{self, Read, Write};

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
}

/// Somewhere to do what blocks: the resolver, sources of credentials, callbacks of the application.
pub trait Spawn: Debug + Send + Sync {
    /// Drives `work` to its end where it may block without holding up the loop, or any other work. `name` is for a
    /// thread, if there is one.
    fn spawn(&self, name: &'static str, work: Work) -> io::Result<()>;
}
