//! TLS.

use std::io::{Read as _, Write as _};
use std::sync::{Arc, OnceLock};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ServerConfig, ServerConnection};
use rustls::version::{TLS12, TLS13};
use thingwire_core::{Action, Engine, Instant, Link, Message, Notice, Options};
use thingwire_sim::pki::Pki;

use crate::input::{Input, pieces};

const NOW: Instant = Instant::EPOCH;

/// Laws of records that are changed on the way, after a handshake or in it: no byte makes the engine panic; what comes
/// out is a beginning of what the server has said, never anything else; the link ends once, and for good, or waits.
///
/// Keys are new in every process and every handshake, so the same input need not take the same way twice through the
/// library below; the laws hold on every way.
///
/// # Panics
///
/// When a law is broken.
pub fn tls(data: &[u8]) {
    let mut input = Input::new(data);
    let version = usize::from(input.flag());
    let mut pair = Pair::new(version);
    let early = input.flag();
    if early {
        // In the middle of the handshake: what the server says first is changed.
        pair.carry_to_server();
        pair.changed_flight(&mut input);
    } else {
        while pair.carry_to_server() | pair.carry_to_engine() {}
        pair.say(&[0x20, 2, 0, 0]);
        pair.carry_to_engine();
        assert!(pair.engine.client().phase().is_online(), "a handshake without a fault");
    }
    let mut said = Vec::new();
    for number in 0..8_u8 {
        if input.is_empty() {
            break;
        }
        let messages = 1 + input.below(3);
        for part in 0..messages {
            let payload = vec![number; input.below(60)];
            pair.say(&publish(number * 8 + u8::try_from(part).unwrap_or(0), &payload));
            said.push(payload);
        }
        pair.changed_flight(&mut input);
    }
    while pair.carry_to_server() | pair.carry_to_engine() {}
    let heard: Vec<_> = pair.heard.iter().map(|message| message.payload.to_vec()).collect();
    assert!(said.starts_with(&heard), "heard {heard:?} of {said:?}");
    assert!(pair.closes <= 1 && (pair.closes == 1) == pair.ended, "closed {} times", pair.closes);
}

/// An engine and a server that share one authority.
struct Pair {
    engine: Engine,
    link: Option<Link>,
    server: ServerConnection,
    heard: Vec<Message>,
    closes: usize,
    ended: bool,
}

impl Pair {
    fn new(version: usize) -> Self {
        let ground = ground();
        let mut engine = Engine::new(ground.options.clone(), 7, NOW).expect("valid options");
        let server = ServerConnection::new(ground.servers[version].clone()).expect("a valid server");
        engine.client().start(NOW);
        let mut pair = Self { engine, link: None, server, heard: Vec::new(), closes: 0, ended: false };
        pair.act();
        pair
    }

    fn act(&mut self) {
        while let Some(action) = self.engine.poll_action(NOW) {
            match action {
                Action::Open(link) => {
                    self.link = Some(link);
                    self.engine.opened(NOW, link);
                }
                Action::Close(link) => {
                    assert_eq!(self.link.take(), Some(link), "closed once");
                    self.closes += 1;
                }
                Action::Notify(Notice::Message(message)) => self.heard.push(message),
                Action::Notify(Notice::Failed { .. } | Notice::Offline { .. }) => self.ended = true,
                Action::Notify(_) => {}
            }
        }
    }

    /// Whether anything moved.
    fn carry_to_server(&mut self) -> bool {
        self.act();
        let bytes = self.engine.transmit(NOW).to_vec();
        self.engine.transmitted(NOW, bytes.len());
        let mut wire = bytes.as_slice();
        while !wire.is_empty() {
            // A server that has failed takes no more.
            if self.server.read_tls(&mut wire).is_err() || self.server.process_new_packets().is_err() {
                break;
            }
            // What the client says is of no interest, but must not fill the server's buffer.
            let _ = self.server.reader().read_to_end(&mut Vec::new());
        }
        self.act();
        !bytes.is_empty()
    }

    fn say(&mut self, plain: &[u8]) {
        self.server.writer().write_all(plain).expect("room in the server's buffer");
    }

    fn flight(&mut self) -> Vec<u8> {
        let mut wire = Vec::new();
        while self.server.wants_write() {
            self.server.write_tls(&mut wire).expect("memory");
        }
        wire
    }

    fn carry_to_engine(&mut self) -> bool {
        let wire = self.flight();
        self.receive(&wire);
        !wire.is_empty()
    }

    fn receive(&mut self, wire: &[u8]) {
        if let Some(link) = self.link.filter(|_| !wire.is_empty()) {
            self.engine.received(NOW, link, wire);
            self.act();
        }
    }

    /// Has the engine receive what the server says, with something done to it.
    fn changed_flight(&mut self, input: &mut Input<'_>) {
        let wire = changed(self.flight(), input);
        for piece in pieces(&wire, input.bytes(3)) {
            self.receive(piece);
        }
    }
}

/// Bytes on which something was done on the way.
fn changed(mut wire: Vec<u8>, input: &mut Input<'_>) -> Vec<u8> {
    let at = input.below(wire.len().max(1));
    match input.below(8) {
        0 | 1 => {}
        2 => {
            if let Some(byte) = wire.get_mut(at) {
                *byte ^= 1 << input.below(8);
            }
        }
        3 => drop(wire.splice(at..at, input.bytes(80).to_vec())),
        4 => wire.truncate(at),
        5 => drop(wire.drain(..at)),
        6 => wire.extend_from_within(..),
        _ => {
            // A record that nobody has encrypted.
            let body = input.bytes(80);
            let kind = 20 + u8::try_from(input.below(5)).unwrap_or(0);
            let record = [&[kind, 3, 3, 0, u8::try_from(body.len()).unwrap_or(0)], body].concat();
            wire.splice(0..0, record);
        }
    }
    wire
}

fn publish(topic: u8, payload: &[u8]) -> Vec<u8> {
    let len = u8::try_from(3 + payload.len()).unwrap_or(0);
    [&[0x30, len, 0, 1, b'0' + topic % 64], payload].concat()
}

/// What is made once in a process.
struct Ground {
    options: Options,
    /// TLS 1.3 and 1.2.
    servers: [Arc<ServerConfig>; 2],
}

fn ground() -> &'static Ground {
    static GROUND: OnceLock<Ground> = OnceLock::new();
    GROUND.get_or_init(|| {
        let pki = Pki::new().expect("certificates");
        let options = Options::tls_from_pem("localhost:8883", "fuzz", pki.ca().as_bytes()).expect("valid options");
        let server = |version| {
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[version]);
            let chain = CertificateDer::pem_slice_iter(pki.server().cert.as_bytes()).collect::<Result<_, _>>();
            let key = PrivateKeyDer::from_pem_slice(pki.server().key.as_bytes());
            let config = builder.expect("a version").with_no_client_auth();
            Arc::new(config.with_single_cert(chain.expect("a chain"), key.expect("a key")).expect("an identity"))
        };
        Ground { options, servers: [server(&TLS13), server(&TLS12)] }
    })
}
