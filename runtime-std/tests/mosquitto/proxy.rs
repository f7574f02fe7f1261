//! A TCP proxy that breaks connections on demand.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;

/// How often a pump looks for a change of the fault.
const TICK: Duration = Duration::from_millis(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Bytes pass.
    None,
    /// Connections are reset, new ones at once.
    Reset,
    /// Bytes are held up, both ways.
    Blackhole,
    /// What the server says is held up.
    AnswersWithheld,
    /// The next bytes from the client are cut in the middle, and the connection closed; then bytes pass.
    CutInPacket,
    /// The server reads a few bytes at a time.
    SlowReader,
}

pub(crate) struct Proxy {
    address: SocketAddr,
    fault: Arc<Mutex<Fault>>,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    pub(crate) fn start(server: String) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (fault, ending) = (Arc::new(Mutex::new(Fault::None)), Arc::new(AtomicBool::new(false)));
        let (shared, stop) = (Arc::clone(&fault), Arc::clone(&ending));
        let thread = thread::spawn(move || {
            for client in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                connect(&client.unwrap(), &server, &shared, &stop);
            }
        });
        Self { address, fault, ending, thread: Some(thread) }
    }

    pub(crate) fn endpoint(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn set(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::SeqCst);
        // Gets the thread out of `accept`.
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().unwrap().join();
    }
}

fn connect(client: &TcpStream, server: &str, fault: &Arc<Mutex<Fault>>, ending: &Arc<AtomicBool>) {
    let Ok(server) = TcpStream::connect(server) else { return };
    for (from, to, from_client) in [(client, &server, true), (&server, client, false)] {
        from.set_nodelay(true).unwrap();
        let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        let pump = Pump { from, to, from_client, fault: Arc::clone(fault), ending: Arc::clone(ending) };
        thread::spawn(move || pump.run());
    }
}

/// Carries bytes in one direction.
struct Pump {
    from: TcpStream,
    to: TcpStream,
    from_client: bool,
    fault: Arc<Mutex<Fault>>,
    ending: Arc<AtomicBool>,
}

impl Pump {
    fn run(mut self) {
        self.from.set_read_timeout(Some(TICK)).unwrap();
        let mut buffer = [0; 4096];
        while !self.ending.load(Ordering::SeqCst) {
            let fault = *self.fault.lock().unwrap();
            let held = match fault {
                Fault::Reset => return self.reset(),
                Fault::Blackhole => true,
                Fault::AnswersWithheld => !self.from_client,
                Fault::None | Fault::CutInPacket | Fault::SlowReader => false,
            };
            if held {
                thread::sleep(TICK);
                continue;
            }
            let room = if fault == Fault::SlowReader && self.from_client { 8 } else { buffer.len() };
            match self.from.read(&mut buffer[..room]) {
                Ok(0) => break,
                Ok(len) if fault == Fault::CutInPacket && self.from_client => {
                    *self.fault.lock().unwrap() = Fault::None;
                    let _ = self.to.write_all(&buffer[..len / 2]);
                    break;
                }
                Ok(len) if self.to.write_all(&buffer[..len]).is_ok() => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Ok(_) | Err(_) => break,
            }
            if fault == Fault::SlowReader && self.from_client {
                thread::sleep(TICK);
            }
        }
        let _ = self.from.shutdown(Shutdown::Both);
        let _ = self.to.shutdown(Shutdown::Both);
    }

    fn reset(&self) {
        for stream in [&self.from, &self.to] {
            let _ = set_socket_linger(stream, Some(Duration::ZERO));
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}
