//! A hand-written server that does whatever a test wants, also what no server should do.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use super::support::PATIENCE;

pub(crate) const CONNACK: &[u8] = &[0x20, 2, 0, 0];
pub(crate) const PINGRESP: &[u8] = &[0xd0, 0];

/// Plays a script on every connection, each on a thread of its own.
pub(crate) struct Peer {
    address: SocketAddr,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Peer {
    pub(crate) fn start(script: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let ending = Arc::new(AtomicBool::new(false));
        let script = Arc::new(script);
        let stop = Arc::clone(&ending);
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let mut stream = stream.unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                stream.set_nodelay(true).unwrap();
                let script = Arc::clone(&script);
                thread::spawn(move || script(&mut stream));
            }
        });
        Self { address, ending, thread: Some(thread) }
    }

    pub(crate) fn endpoint(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::SeqCst);
        // Gets the thread out of `accept`.
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().unwrap().join();
    }
}

/// The type and body of the next packet; `None` at the end of the connection.
pub(crate) fn read_packet(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let first = read_byte(stream)?;
    let (mut len, mut shift) = (0, 0);
    loop {
        let byte = read_byte(stream)?;
        len |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; len];
    stream.read_exact(&mut body).ok()?;
    Some((first >> 4, body))
}

fn read_byte(stream: &mut TcpStream) -> Option<u8> {
    let mut byte = [0];
    stream.read_exact(&mut byte).ok()?;
    Some(byte[0])
}

/// Reads CONNECT and accepts it.
pub(crate) fn accept(stream: &mut TcpStream) {
    assert_eq!(read_packet(stream).map(|(kind, _)| kind), Some(1), "CONNECT");
    stream.write_all(CONNACK).unwrap();
}

/// Says nothing until the client has gone; tells whether it went in good order.
pub(crate) fn listen_to_the_end(stream: &mut TcpStream) -> bool {
    loop {
        match stream.read(&mut [0; 4096]) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return false,
        }
    }
}

/// A QoS 0 PUBLISH of 128 to 16,383 bytes, which is what takes two bytes of length.
pub(crate) fn publish_packet(topic: &str, payload: &str) -> Vec<u8> {
    let len = 2 + topic.len() + payload.len();
    assert!((128..16_384).contains(&len));
    let mut packet = vec![0x30, u8::try_from(len & 0x7f).unwrap() | 0x80, u8::try_from(len >> 7).unwrap()];
    packet.extend(u16::try_from(topic.len()).unwrap().to_be_bytes());
    packet.extend(topic.bytes());
    packet.extend(payload.bytes());
    packet
}
