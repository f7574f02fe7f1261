//! Opening ports, which may block, and what went wrong with them in words.
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "this file opens ports")]
#![allow(clippy::wildcard_enum_match_arm, reason = "the operating system has more kinds of error than matter here")]

use core::fmt;
use core::time::Duration;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::thing::{Port, SerialPort};

#[cfg(unix)]
mod serial;

/// How long one address of a TCP port may take to answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A port that is open. Its calls never block: they fail with [`WouldBlock`](ErrorKind::WouldBlock). A read of nothing is
/// its end: a serial port was unplugged, or the peer has closed. Dropping it closes it.
#[derive(Debug)]
pub struct OpenPort(Kind);

#[derive(Debug)]
enum Kind {
    #[cfg(unix)]
    Serial(serial::Serial),
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
    /// Whatever somebody else has opened.
    Other(File),
}

impl OpenPort {
    /// Opens a port: a serial one raw, with its settings, for this program alone; a socket with its peer. What may be
    /// left over from before is thrown away.
    ///
    /// It blocks, for a resolver or a peer that does not answer: call it on a thread that may wait.
    pub fn open(port: &Port) -> Result<Self, PortError> {
        let opened = match port {
            Port::Serial(serial) => open_serial(serial),
            Port::Tcp { host, port } => open_tcp(host, *port).map(|stream| Self(Kind::Tcp(stream))),
            Port::Unix(path) => open_unix(path),
        };
        opened.map_err(|why| PortError { port: port.to_string(), why })
    }
}

#[cfg(unix)]
fn open_serial(port: &SerialPort) -> Result<OpenPort, PortFault> {
    serial::open(port).map(|serial| OpenPort(Kind::Serial(serial)))
}

#[cfg(not(unix))]
fn open_serial(_: &SerialPort) -> Result<OpenPort, PortFault> {
    Err(PortFault::Os { why: "serial ports are opened on Unix only".to_owned() })
}

#[cfg(unix)]
fn open_unix(path: &Path) -> Result<OpenPort, PortFault> {
    let stream = UnixStream::connect(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => PortFault::NoSocket,
        _ => PortFault::of(&error),
    })?;
    OpenPort::try_from(stream).map_err(|error| PortFault::of(&error))
}

#[cfg(not(unix))]
fn open_unix(_: &Path) -> Result<OpenPort, PortFault> {
    Err(PortFault::Os { why: "Unix sockets are opened on Unix only".to_owned() })
}

fn open_tcp(host: &str, port: u16) -> Result<TcpStream, PortFault> {
    let addresses = (host, port).to_socket_addrs().map_err(|error| PortFault::Resolve { why: error.to_string() })?;
    let mut fault = PortFault::Resolve { why: "no address".to_owned() };
    for address in addresses {
        let connected = TcpStream::connect_timeout(&address, CONNECT_TIMEOUT);
        match connected.and_then(|stream| prepared(&stream).map(|()| stream)) {
            Ok(stream) => return Ok(stream),
            Err(error) => fault = PortFault::of(&error),
        }
    }
    Err(fault)
}

/// A line is not to wait for another, and a peer that has gone without a word is to be noticed within a minute, though
/// nothing may be sent to it.
fn prepared(stream: &TcpStream) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    // Without any of these the port is only slower.
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    {
        use rustix::net::sockopt;
        let _ = sockopt::set_socket_keepalive(stream, true);
        let _ = sockopt::set_tcp_keepidle(stream, Duration::from_secs(30));
        let _ = sockopt::set_tcp_keepintvl(stream, Duration::from_secs(10));
        let _ = sockopt::set_tcp_keepcnt(stream, 3);
        let _ = sockopt::set_tcp_user_timeout(stream, 60_000);
    }
    Ok(())
}

/// A connection that somebody else has made.
impl TryFrom<TcpStream> for OpenPort {
    type Error = io::Error;

    fn try_from(stream: TcpStream) -> io::Result<Self> {
        prepared(&stream)?;
        Ok(Self(Kind::Tcp(stream)))
    }
}

/// A connection that somebody else has made.
#[cfg(unix)]
impl TryFrom<UnixStream> for OpenPort {
    type Error = io::Error;

    fn try_from(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self(Kind::Unix(stream)))
    }
}

/// Anything that the operating system can wait for, such as the events of a pin; no file on a disk is. It is read and
/// written as it is.
#[cfg(unix)]
impl TryFrom<OwnedFd> for OpenPort {
    type Error = io::Error;

    fn try_from(fd: OwnedFd) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&fd, true)?;
        Ok(Self(Kind::Other(fd.into())))
    }
}

#[cfg(unix)]
impl AsFd for OpenPort {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.0 {
            Kind::Serial(serial) => serial.file().as_fd(),
            Kind::Tcp(stream) => stream.as_fd(),
            Kind::Unix(stream) => stream.as_fd(),
            Kind::Other(file) => file.as_fd(),
        }
    }
}

impl Read for &OpenPort {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.0 {
            #[cfg(unix)]
            Kind::Serial(serial) => serial.file().read(buffer),
            Kind::Tcp(stream) => (&*stream).read(buffer),
            #[cfg(unix)]
            Kind::Unix(stream) => (&*stream).read(buffer),
            Kind::Other(file) => (&*file).read(buffer),
        }
    }
}

impl Write for &OpenPort {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &self.0 {
            #[cfg(unix)]
            Kind::Serial(serial) => serial.file().write(bytes),
            Kind::Tcp(stream) => (&*stream).write(bytes),
            #[cfg(unix)]
            Kind::Unix(stream) => (&*stream).write(bytes),
            Kind::Other(file) => (&*file).write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A port that cannot be opened, or is not there any more. Shown as one line: which, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PortError {
    /// The port, as a person would name it.
    pub port: String,
    /// What is wrong with it.
    pub why: PortFault,
}

/// What is wrong with a port.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PortFault {
    /// There is no serial port of this path.
    Missing,
    /// There is no socket of this path.
    NoSocket,
    /// It belongs to others.
    Denied,
    /// Another program has it.
    InUse,
    /// It is no serial port.
    NotSerial,
    /// It does not do what it is to do.
    Setting {
        /// What it does not take.
        what: String,
    },
    /// The name of a host has no address.
    Resolve {
        /// In the resolver's words.
        why: String,
    },
    /// Nobody listens.
    Refused,
    /// There is no way to it.
    Unreachable,
    /// No answer in time.
    TimedOut,
    /// It was unplugged, or the peer has closed.
    Closed,
    /// It takes no bytes.
    Stuck,
    /// Something else, in the operating system's words.
    Os {
        /// Those words.
        why: String,
    },
}

impl PortFault {
    /// What a failed call means.
    pub fn of(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::Missing,
            ErrorKind::PermissionDenied => Self::Denied,
            ErrorKind::ResourceBusy => Self::InUse,
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => Self::Unreachable,
            ErrorKind::TimedOut => Self::TimedOut,
            ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::NotConnected
            | ErrorKind::UnexpectedEof => Self::Closed,
            _ if is_unplugged(error) => Self::Closed,
            _ => Self::Os { why: error.to_string() },
        }
    }
}

/// What a terminal says that has lost its other end.
#[cfg(unix)]
fn is_unplugged(error: &io::Error) -> bool {
    let code = rustix::io::Errno::from_io_error(error);
    matches!(code, Some(rustix::io::Errno::IO | rustix::io::Errno::NXIO | rustix::io::Errno::NODEV))
}

#[cfg(not(unix))]
fn is_unplugged(_: &io::Error) -> bool {
    false
}

impl fmt::Display for PortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { port, why } = self;
        write!(f, "{port}: ")?;
        match why {
            PortFault::Missing => {
                f.write_str("there is no such port; plug it in, and look in /dev/serial/by-id for its name")
            }
            PortFault::NoSocket => f.write_str("there is no such socket; start what listens on it"),
            PortFault::Denied => {
                f.write_str("permission denied; `ls -l` tells which group may open it, often dialout: ")?;
                f.write_str("add this user to it with `usermod -aG dialout USER`, and log in again")
            }
            PortFault::InUse => write!(f, "another program has it open; `fuser {port}` tells which"),
            PortFault::NotSerial => f.write_str("it is no serial port; check the path"),
            PortFault::Setting { what } => write!(f, "it does not take {what}; check what the device's manual says"),
            PortFault::Resolve { why } => write!(f, "no address: {why}; check the name"),
            PortFault::Refused => f.write_str("nobody listens there; check the address, and whether the device is on"),
            PortFault::Unreachable => f.write_str("there is no way to it; check the network"),
            PortFault::TimedOut => f.write_str("no answer; check the address, and whether the device is on"),
            PortFault::Closed => f.write_str("it is gone: unplugged, or closed by the other end"),
            PortFault::Stuck => f.write_str("it takes no bytes; check the cable, and the flow control"),
            PortFault::Os { why } => f.write_str(why),
        }
    }
}

impl core::error::Error for PortError {}
