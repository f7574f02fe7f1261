//! Sockets of `mio`, and sleeping until one of them is ready.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
#[cfg(unix)]
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

use mio::net::TcpStream;
#[cfg(unix)]
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};
use thingwire_core::SetupError;
use thingwire_core::handle::{self, Bell};
use thingwire_core::ports::OpenPort;

/// Bytes read at a time.
pub(crate) const CHUNK: usize = 16 * 1024;
/// The pause after a failed poll, which would otherwise be repeated without end.
const POLL_PAUSE: Duration = Duration::from_millis(100);

const WAKER: Token = Token(0);

/// Makes sockets whose readiness a [`Sleeper`] hears of.
#[derive(Debug)]
pub(crate) struct Net {
    registry: Arc<Registry>,
    /// A late event of an old socket meets none.
    last_token: usize,
}

#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    token: Token,
    registry: Arc<Registry>,
    /// The last bytes of the peer's, or an error, were announced: nothing more is.
    ending: bool,
}

/// A port of a thing.
#[derive(Debug)]
pub(crate) struct Port {
    open: OpenPort,
    token: Token,
    #[cfg_attr(not(unix), expect(dead_code, reason = "there are none"))]
    registry: Arc<Registry>,
}

/// Sleeps until there is an event.
#[derive(Debug)]
pub(crate) struct Sleeper {
    poll: Poll,
    events: Events,
    waker: Waker,
}

/// Ends the sleep of whoever sleeps with its poll.
struct Awake(mio::Waker);

/// Sockets, and what to sleep with.
pub(crate) fn set_up() -> Result<(Net, Sleeper), SetupError> {
    let system = |error: io::Error| SetupError::System { why: format!("cannot wait for sockets: {error}") };
    let poll = Poll::new().map_err(system)?;
    let waker = mio::Waker::new(poll.registry(), WAKER).map_err(system)?;
    let registry = Arc::new(poll.registry().try_clone().map_err(system)?);
    let sleeper = Sleeper { poll, events: Events::with_capacity(8), waker: Arc::new(Awake(waker)).into() };
    Ok((Net { registry, last_token: WAKER.0 }, sleeper))
}

impl Sleeper {
    /// Who rings `bell` ends the sleep.
    pub(crate) fn hear(&self, bell: &Bell) {
        bell.set(&self.waker);
    }

    /// What ends the sleep.
    pub(crate) fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Sleeps until there is an event, or for `limit`, and tells of each event what it makes possible.
    pub(crate) fn sleep(&mut self, limit: Option<Duration>, mut ready: impl FnMut(Ready)) {
        match self.poll.poll(&mut self.events, limit) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => return,
            Err(error) => {
                log::error!("waiting for sockets failed: {error}");
                std::thread::sleep(limit.map_or(POLL_PAUSE, |limit| limit.min(POLL_PAUSE)));
                return;
            }
        }
        for event in &self.events {
            // The reason of an error comes out of the next call.
            let ending = event.is_read_closed() || event.is_error();
            ready(Ready {
                token: event.token(),
                readable: event.is_readable() || ending,
                writable: event.is_writable() || event.is_write_closed() || event.is_error(),
                ending,
            });
        }
    }
}

/// What an event makes possible.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ready {
    token: Token,
    readable: bool,
    writable: bool,
    ending: bool,
}

impl Ready {
    /// What it does for a socket.
    pub(crate) fn socket(self, socket: &mut Socket) -> (bool, bool) {
        socket.ending |= self.ending && socket.token == self.token;
        self.of(socket.token)
    }

    /// What it does for a port.
    pub(crate) fn port(self, port: &Port) -> (bool, bool) {
        self.of(port.token)
    }

    fn of(self, token: Token) -> (bool, bool) {
        let is_meant = token == self.token;
        (is_meant && self.readable, is_meant && self.writable)
    }
}

impl Wake for Awake {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Err(error) = self.0.wake() {
            log::error!("cannot wake the driver: {error}");
        }
    }
}

impl handle::Net for Net {
    type Socket = Socket;

    fn connect(&mut self, address: SocketAddr) -> io::Result<Socket> {
        self.last_token += 1;
        let token = Token(self.last_token);
        let mut stream = TcpStream::connect(address)?;
        self.registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Socket { stream, token, registry: Arc::clone(&self.registry), ending: false })
    }
}

impl handle::PortNet for Net {
    type Port = Port;

    #[cfg(unix)]
    fn adopt(&mut self, port: OpenPort) -> io::Result<Port> {
        self.last_token += 1;
        let token = Token(self.last_token);
        let fd = port.as_fd().as_raw_fd();
        self.registry.register(&mut SourceFd(&fd), token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Port { open: port, token, registry: Arc::clone(&self.registry) })
    }

    #[cfg(not(unix))]
    fn adopt(&mut self, _: OpenPort) -> io::Result<Port> {
        Err(ErrorKind::Unsupported.into())
    }
}

impl Read for Port {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.open).read(buffer)
    }
}

impl Write for Port {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&self.open).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(unix)]
impl Drop for Port {
    fn drop(&mut self) {
        // As for sockets. A port that others have inherited would go on waking us.
        let _ = self.registry.deregister(&mut SourceFd(&self.open.as_fd().as_raw_fd()));
    }
}

impl handle::Socket for Socket {
    fn is_connected(&mut self) -> io::Result<bool> {
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        let connected = self.stream.peer_addr().is_ok();
        if connected {
            // Small packets are not to wait for one another. Without it the connection is only slower.
            let _ = self.stream.set_nodelay(true);
        }
        Ok(connected)
    }

    fn shut_down_writing(&mut self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    /// With epoll and kqueue (epoll(7), question 9), until the end is announced: it is announced once.
    fn tells_of_more(&self) -> bool {
        let selector = cfg!(any(
            target_os = "android",
            target_os = "freebsd",
            target_os = "ios",
            target_os = "linux",
            target_os = "macos",
            target_os = "netbsd",
            target_os = "openbsd",
        ));
        selector && !self.ending
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Closing it does the same, unless somebody has cloned it, which nobody has.
        let _ = self.registry.deregister(&mut self.stream);
    }
}
