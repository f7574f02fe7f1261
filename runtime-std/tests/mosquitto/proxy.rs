//! A TCP proxy between a client and its broker that knows MQTT's packets: it breaks connections on demand, and keeps a
//! record of what has passed.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::net::sockopt::{set_socket_linger, set_socket_reuseaddr};
use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket};

/// How often a pump looks for a change of the fault.
const TICK: Duration = Duration::from_millis(5);

/// What the slow reader takes for one byte: more than a short message's share of a tenth of a second.
const BYTE: Duration = Duration::from_millis(10);

const PUBACK: u8 = 0x40;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Packets pass.
    None,
    /// Connections are reset, new ones at once.
    Reset,
    /// Connections are reset, and nobody listens.
    Refuse,
    /// What is sent is lost, both ways. A connection that has lost something ends when this is over.
    Blackhole,
    /// Packets from the client are cut in the middle, and the connection is closed.
    CutInPacket,
    /// PUBACKs are lost, and nothing else. A connection that has lost some ends when this is over.
    AcksWithheld,
    /// What the server says is held up.
    AnswersWithheld,
    /// The server reads a byte now and then.
    SlowReader,
}

/// Something that has happened on a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) at: Instant,
    /// Counted from 0.
    pub(crate) connection: usize,
    pub(crate) what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// A QoS 1 PUBLISH begins to pass, with a number as its payload.
    Publish { id: u16, number: u32 },
    /// A PUBACK has passed.
    Puback { id: u16 },
    /// The connection has ended, whoever has ended it.
    End,
}

pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    record: Mutex<Vec<Entry>>,
}

#[derive(Clone, Copy)]
struct State {
    fault: Fault,
    ending: bool,
}

impl Proxy {
    pub(crate) fn start(server: String) -> Self {
        let (port, address) = reserve_port();
        let shared = Arc::new(Shared {
            state: Mutex::new(State { fault: Fault::None, ending: false }),
            changed: Condvar::new(),
            record: Mutex::default(),
        });
        let listen = {
            let shared = Arc::clone(&shared);
            let mut listener = TcpListener::bind(address).unwrap();
            move || {
                let _port = port;
                let mut numbers = 0..;
                while accept(&listener, &server, &mut numbers, &shared) {
                    drop(listener);
                    shared.wait_while(Fault::Refuse);
                    listener = TcpListener::bind(address).unwrap();
                }
            }
        };
        Self { address, shared, thread: Some(thread::spawn(listen)) }
    }

    pub(crate) fn endpoint(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn set(&self, fault: Fault) {
        self.change(|state| state.fault = fault);
    }

    /// What has passed so far, in its order on each connection.
    pub(crate) fn record(&self) -> Vec<Entry> {
        self.shared.record.lock().unwrap().clone()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.shared.state.lock().unwrap());
        self.shared.changed.notify_all();
        if self.shared.state().ends_listening() {
            // Gets the thread out of `accept`. Where nobody listens, it is not in there.
            let _ = TcpStream::connect(self.address);
        }
    }
}

impl State {
    fn ends_listening(self) -> bool {
        self.ending || self.fault == Fault::Refuse
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.change(|state| state.ending = true);
        let _ = self.thread.take().unwrap().join();
    }
}

impl Shared {
    fn state(&self) -> State {
        *self.state.lock().unwrap()
    }

    fn wait_while(&self, fault: Fault) {
        let state = self.state.lock().unwrap();
        drop(self.changed.wait_while(state, |state| state.fault == fault && !state.ending).unwrap());
    }

    fn note(&self, connection: usize, what: What) {
        self.record.lock().unwrap().push(Entry { at: Instant::now(), connection, what });
    }
}

/// A port of loopback that nobody else is given as long as the socket lives, whether somebody listens on it or not.
fn reserve_port() -> (OwnedFd, SocketAddr) {
    let port = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    // As the standard library sets it for listeners: only then may they share the port.
    set_socket_reuseaddr(&port, true).unwrap();
    bind(&port, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = SocketAddrV4::try_from(getsockname(&port).unwrap()).unwrap();
    (port, address.into())
}

/// Takes connections until nobody shall listen any more; false at the end of the proxy.
fn accept(
    listener: &TcpListener,
    server: &str,
    numbers: &mut impl Iterator<Item = usize>,
    shared: &Arc<Shared>,
) -> bool {
    loop {
        let (client, _) = listener.accept().unwrap();
        let state = shared.state();
        if state.ends_listening() {
            return !state.ending;
        }
        // A broker that is gone looks to the client as if it had hung up.
        if let Ok(server) = TcpStream::connect(server) {
            join(&client, &server, numbers.next().unwrap(), shared);
        }
    }
}

fn join(client: &TcpStream, server: &TcpStream, number: usize, shared: &Arc<Shared>) {
    let end = Arc::new(OnceLock::new());
    for (from, to, from_client) in [(client, server, true), (server, client, false)] {
        from.set_nodelay(true).unwrap();
        from.set_read_timeout(Some(TICK)).unwrap();
        let pump = Pump {
            from: from.try_clone().unwrap(),
            to: to.try_clone().unwrap(),
            from_client,
            number,
            end: Arc::clone(&end),
            unread: Vec::new(),
            has_lost: false,
            shared: Arc::clone(shared),
        };
        thread::spawn(move || pump.run());
    }
}

/// Carries packets in one direction.
struct Pump {
    from: TcpStream,
    to: TcpStream,
    from_client: bool,
    number: usize,
    /// How the connection has ended: the first direction to end decides.
    end: Arc<OnceLock<End>>,
    /// The beginning of a packet.
    unread: Vec<u8>,
    /// Whether something was not passed on.
    has_lost: bool,
    shared: Arc<Shared>,
}

/// How a connection ends.
#[derive(Debug, Clone, Copy)]
enum End {
    Close,
    Reset,
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Close
    }
}

impl Pump {
    fn run(mut self) {
        let end = loop {
            if let Err(end) = self.turn() {
                break end;
            }
        };
        if self.end.set(end).is_ok() {
            self.shared.note(self.number, What::End);
        }
        for stream in [&self.from, &self.to] {
            // What fails here was closed by the peer.
            let _ = match end {
                // The reset goes out when the last handle is dropped.
                End::Reset => set_socket_linger(stream, Some(Duration::ZERO)).map_err(Into::into),
                End::Close => stream.shutdown(Shutdown::Both),
            };
        }
    }

    fn turn(&mut self) -> Result<(), End> {
        let State { fault, ending } = self.shared.state();
        let loses = matches!(fault, Fault::Blackhole | Fault::AcksWithheld);
        if let Some(end) = self.end.get() {
            return Err(*end);
        }
        if matches!(fault, Fault::Reset | Fault::Refuse) {
            return Err(End::Reset);
        }
        if ending || (self.has_lost && !loses) {
            return Err(End::Close);
        }
        if fault == Fault::AnswersWithheld && !self.from_client {
            thread::sleep(TICK);
            return Ok(());
        }
        self.read()?;
        while let Some(packet) = take_packet(&mut self.unread) {
            self.pass(fault, &packet)?;
        }
        Ok(())
    }

    fn read(&mut self) -> Result<(), End> {
        let mut chunk = [0; 4096];
        match self.from.read(&mut chunk) {
            Ok(0) => Err(End::Close),
            Ok(len) => {
                self.unread.extend_from_slice(&chunk[..len]);
                Ok(())
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn pass(&mut self, fault: Fault, packet: &[u8]) -> Result<(), End> {
        match fault {
            Fault::Blackhole => self.has_lost = true,
            Fault::AcksWithheld if packet[0] == PUBACK => self.has_lost = true,
            Fault::CutInPacket if self.from_client => {
                self.to.write_all(&packet[..packet.len() / 2])?;
                return Err(End::Close);
            }
            // What is seen of one side has begun to pass, what is seen of the other is through: nothing is recorded
            // as acknowledged that was not, and no answer is recorded before its question.
            _ if self.from_client => {
                self.note(packet);
                self.write(fault, packet)?;
            }
            _ => {
                self.write(fault, packet)?;
                self.note(packet);
            }
        }
        Ok(())
    }

    fn write(&mut self, fault: Fault, packet: &[u8]) -> io::Result<()> {
        if fault != Fault::SlowReader || !self.from_client {
            return self.to.write_all(packet);
        }
        for byte in packet {
            self.to.write_all(&[*byte])?;
            if self.shared.state().fault == Fault::SlowReader {
                thread::sleep(BYTE);
            }
        }
        Ok(())
    }

    fn note(&self, packet: &[u8]) {
        let what = match packet {
            &[PUBACK, 2, high, low] => Some(What::Puback { id: u16::from_be_bytes([high, low]) }),
            [first, ..] if first & 0xf6 == 0x32 => published(packet),
            _ => None,
        };
        if let Some(what) = what {
            self.shared.note(self.number, what);
        }
    }
}

/// A short QoS 1 PUBLISH, if it has a number as its payload.
fn published(packet: &[u8]) -> Option<What> {
    let at = 4 + usize::from(u16::from_be_bytes([packet[2], packet[3]]));
    let (id, payload) = packet.get(at..)?.split_first_chunk()?;
    let number = std::str::from_utf8(payload).ok()?.parse().ok()?;
    Some(What::Publish { id: u16::from_be_bytes(*id), number })
}

/// A whole packet off the front of `bytes`.
fn take_packet(bytes: &mut Vec<u8>) -> Option<Vec<u8>> {
    let (mut len, mut header_len) = (0, 1);
    loop {
        let byte = *bytes.get(header_len)?;
        len |= usize::from(byte & 0x7f) << (7 * (header_len - 1));
        header_len += 1;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let end = header_len + len;
    (end <= bytes.len()).then(|| bytes.drain(..end).collect())
}
