//! Sockets of `async-io`.

use std::fmt;
use std::future::Future;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::pin::Pin;
use std::task::{Context, Poll};

use async_io::Async;
use thingwire_core::handle::{self, Line, Wants, Worker};
use thingwire_core::ports::OpenPort;

/// Makes sockets whose readiness the reactor of `async-io` hears of.
#[derive(Debug)]
pub(crate) struct Net;

type Connecting = Pin<Box<dyn Future<Output = io::Result<Async<TcpStream>>> + Send>>;

/// A connection, or how far it has come.
pub(crate) enum Socket {
    Connecting(Connecting),
    /// Why it has not come about, to be told once.
    Failed(Option<io::Error>),
    Connected(Async<TcpStream>),
}

/// A port of a thing.
#[derive(Debug)]
pub(crate) struct Port(Async<OpenPort>);

/// Has the task woken when a socket of `line` is ready for what it wants; true when one is already.
pub(crate) fn poll_ready(line: &mut Line<Net>, wants: Wants, context: &mut Context<'_>) -> bool {
    let mut is_any = false;
    line.ready(|socket| {
        let readable = wants.readable && socket.poll_readable(context).is_ready();
        let writable = wants.writable && socket.poll_writable(context).is_ready();
        is_any |= readable || writable;
        (readable, writable)
    });
    is_any
}

/// The same for the ports of things.
pub(crate) fn poll_ports(worker: &mut Worker<Net>, context: &mut Context<'_>) -> bool {
    let mut is_any = false;
    worker.ports(|port, wants| {
        let readable = wants.readable && port.0.poll_readable(context).is_ready();
        let writable = wants.writable && port.0.poll_writable(context).is_ready();
        is_any |= readable || writable;
        (readable, writable)
    });
    is_any
}

impl Socket {
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Connected(stream) => stream.poll_readable(context).map(drop),
            Self::Connecting(_) => Poll::Pending,
            Self::Failed(_) => Poll::Ready(()),
        }
    }

    fn poll_writable(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Connected(stream) => stream.poll_writable(context).map(drop),
            Self::Connecting(connecting) => connecting.as_mut().poll(context).map(|connected| {
                *self = connected.map_or_else(|error| Self::Failed(Some(error)), Self::Connected);
            }),
            Self::Failed(_) => Poll::Ready(()),
        }
    }

    fn stream(&self) -> io::Result<&TcpStream> {
        match self {
            Self::Connected(stream) => Ok(stream.get_ref()),
            Self::Connecting(_) => Err(ErrorKind::WouldBlock.into()),
            Self::Failed(_) => Err(ErrorKind::NotConnected.into()),
        }
    }
}

impl handle::Net for Net {
    type Socket = Socket;

    fn connect(&mut self, address: SocketAddr) -> io::Result<Socket> {
        Ok(Socket::Connecting(Box::pin(Async::<TcpStream>::connect(address))))
    }
}

#[cfg(unix)]
impl handle::PortNet for Net {
    type Port = Port;

    fn adopt(&mut self, port: OpenPort) -> io::Result<Port> {
        Async::new_nonblocking(port).map(Port)
    }
}

impl Read for Port {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.get_ref().read(buffer)
    }
}

impl Write for Port {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.get_ref().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl handle::Socket for Socket {
    fn is_connected(&mut self) -> io::Result<bool> {
        match self {
            Self::Connecting(_) => Ok(false),
            Self::Failed(why) => Err(why.take().unwrap_or_else(|| ErrorKind::NotConnected.into())),
            Self::Connected(stream) => {
                // Small packets are not to wait for one another. Without it the connection is only slower.
                let _ = stream.get_ref().set_nodelay(true);
                Ok(true)
            }
        }
    }

    fn shut_down_writing(&mut self) -> io::Result<()> {
        self.stream()?.shutdown(Shutdown::Write)
    }

    /// The reactor looks at how the socket is, not at how that changes.
    fn tells_of_more(&self) -> bool {
        true
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream()?.read(buffer)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream()?.flush()
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting(_) => f.write_str("Connecting"),
            Self::Failed(why) => f.debug_tuple("Failed").field(why).finish(),
            Self::Connected(stream) => f.debug_tuple("Connected").field(stream.get_ref()).finish(),
        }
    }
}
