//! The engine on its three ways, beside rustls alone, which seals and opens the same bytes.

use std::collections::VecDeque;
use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, ConnectionCommon, RootCertStore, ServerConfig, ServerConnection};
use thingwire_core::transport::{Supplies, WebSocketConfig};
use thingwire_core::{Action, Engine, Instant, Link, Notice, Options, Publish, Qos, Topic};

use crate::{TOPIC, stream, unlimited};

const NOW: Instant = Instant::EPOCH;

const HOST: &str = "broker.test";

const CONNACK: [u8; 4] = [0x20, 2, 0, 0];

/// What the engine gives at a time, and so what rustls gets at a time.
const CHUNK_LEN: usize = 16 * 1024;

/// Something that sends and takes messages of QoS 0, without a socket.
pub trait Way {
    /// Has the server send the batch that often, before [`receive`](Self::receive) takes it.
    fn prepare(&mut self, count: usize);

    /// Publishes the batch, down to the bytes for the socket.
    fn publish(&mut self);

    /// Takes the batch once.
    ///
    /// # Panics
    ///
    /// When it was not prepared.
    fn receive(&mut self);
}

/// Batches: how many messages, of how many bytes.
pub const BATCHES: [(usize, usize); 3] = [(100, 64), (16, 1_024), (1, 65_536)];

/// What it takes by this clock to publish the batch that often, or to take it, without what has to be prepared.
pub fn timed(way: &mut dyn Way, publishes: bool, count: usize, clock: impl Fn() -> Duration) -> Duration {
    if !publishes {
        way.prepare(count);
    }
    let start = clock();
    (0..count).for_each(|_| if publishes { way.publish() } else { way.receive() });
    clock().saturating_sub(start)
}

/// An engine that is online.
pub struct Ours {
    engine: Engine,
    link: Option<Link>,
    server: Server,
    topic: Topic,
    payload: Bytes,
    batch: usize,
    stream: Vec<u8>,
    prepared: VecDeque<Vec<u8>>,
}

impl Ours {
    /// Over TCP.
    ///
    /// # Panics
    ///
    /// When it does not come online.
    pub fn plain(batch: usize, len: usize) -> Self {
        let options = Options::plain(HOST, "bench").expect("a host");
        Self::online(options, Server::default(), batch, len)
    }

    /// Over TLS.
    ///
    /// # Panics
    ///
    /// When it does not come online.
    pub fn tls(batch: usize, len: usize) -> Self {
        let pair = Pair::new();
        let options = Options::tls_from_pem(HOST, "bench", pair.certificate.as_bytes()).expect("a certificate");
        Self::online(options, Server { tls: Some(pair.server()), ..Server::default() }, batch, len)
    }

    /// In a WebSocket over TLS.
    ///
    /// # Panics
    ///
    /// When it does not come online.
    pub fn websocket(batch: usize, len: usize) -> Self {
        let pair = Pair::new();
        let root = pair.certificate.as_bytes();
        let options = Options::websocket_from_pem(HOST, "bench", WebSocketConfig::new(), root).expect("a certificate");
        Self::online(options, Server { tls: Some(pair.server()), framed: true, ..Server::default() }, batch, len)
    }

    fn online(options: Options, server: Server, batch: usize, len: usize) -> Self {
        let mut engine = Engine::new(options.with(unlimited), 1, NOW).expect("valid options");
        engine.client().start(NOW);
        let mut this = Self {
            engine,
            link: None,
            server,
            topic: Topic::new(TOPIC).expect("a valid topic"),
            payload: vec![0x2a; len].into(),
            batch,
            stream: stream(Qos::AtMostOnce, batch, len),
            prepared: VecDeque::new(),
        };
        this.exchange();
        if this.server.framed {
            let answer = this.server.upgraded();
            this.take(&answer);
            this.exchange();
        }
        let connack = this.server.says(&CONNACK);
        this.take(&connack);
        this.exchange();
        assert!(this.engine.client().phase().is_online(), "CONNACK was taken");
        this
    }

    /// Carries bytes until nobody has any.
    fn exchange(&mut self) {
        loop {
            self.act();
            let bytes = self.engine.transmit(NOW).to_vec();
            self.engine.transmitted(NOW, bytes.len());
            let answer = self.server.takes(&bytes);
            if bytes.is_empty() && answer.is_empty() {
                return;
            }
            self.take(&answer);
        }
    }

    /// Does what the engine wants; returns how many messages have arrived.
    fn act(&mut self) -> usize {
        let mut arrived = 0;
        while let Some(action) = self.engine.poll_action(NOW) {
            match action {
                Action::Open(link) => {
                    self.link = Some(link);
                    self.engine.supply(link, Supplies::new([7; 32], 1_700_000_000));
                    self.engine.opened(NOW, link);
                }
                Action::Close(_) => panic!("the link ended: {action:?}"),
                Action::Notify(Notice::Message(message)) => {
                    black_box(message);
                    arrived += 1;
                }
                Action::Notify(_) => {}
            }
        }
        arrived
    }

    fn take(&mut self, bytes: &[u8]) {
        self.engine.received(NOW, self.link.expect("a link"), bytes);
    }
}

impl Way for Ours {
    fn prepare(&mut self, count: usize) {
        self.prepared.extend((0..count).map(|_| self.server.says(&self.stream)));
    }

    fn publish(&mut self) {
        for _ in 0..self.batch {
            let publish = Publish::new(self.topic.clone(), self.payload.clone()).qos(Qos::AtMostOnce);
            self.engine.client().publish(NOW, publish).expect("room in the queue");
        }
        let mut sent = 0;
        loop {
            self.act();
            let len = black_box(self.engine.transmit(NOW)).len();
            self.engine.transmitted(NOW, len);
            if len == 0 {
                break;
            }
            sent += len;
        }
        assert!(sent >= self.stream.len(), "all of it");
    }

    fn receive(&mut self) {
        let bytes = self.prepared.pop_front().expect("prepared");
        self.take(&bytes);
        assert_eq!(self.act(), self.batch);
    }
}

/// rustls alone.
pub struct Rustls {
    client: ClientConnection,
    server: ServerConnection,
    stream: Vec<u8>,
    wire: Vec<u8>,
    plain: Vec<u8>,
    prepared: VecDeque<Vec<u8>>,
}

impl Rustls {
    /// A connection over which the handshake is done.
    ///
    /// # Panics
    ///
    /// When that fails.
    pub fn new(batch: usize, len: usize) -> Self {
        let pair = Pair::new();
        let stream = stream(Qos::AtMostOnce, batch, len);
        let (mut client, mut server) = (pair.client(), pair.server());
        while client.is_handshaking() || server.is_handshaking() {
            carry(&mut client, &mut server);
            carry(&mut server, &mut client);
        }
        carry(&mut server, &mut client);
        Self { client, server, plain: vec![0; stream.len()], stream, wire: Vec::new(), prepared: VecDeque::new() }
    }
}

impl Way for Rustls {
    fn prepare(&mut self, count: usize) {
        self.prepared.extend((0..count).map(|_| sealed(&mut self.server, &self.stream)));
    }

    fn publish(&mut self) {
        for chunk in self.stream.chunks(CHUNK_LEN) {
            self.client.writer().write_all(chunk).expect("in memory");
            self.wire.clear();
            give(&mut self.client, &mut self.wire);
            black_box(&self.wire);
        }
    }

    fn receive(&mut self) {
        let bytes = self.prepared.pop_front().expect("prepared");
        let (mut wire, mut len) = (bytes.as_slice(), 0);
        while !wire.is_empty() {
            self.client.read_tls(&mut wire).expect("in memory");
            let state = self.client.process_new_packets().expect("what the server has sealed");
            let end = len + state.plaintext_bytes_to_read();
            self.client.reader().read_exact(&mut self.plain[len..end]).expect("so much is there");
            len = end;
        }
        assert_eq!(black_box(&self.plain).len(), len);
    }
}

/// The server's part.
#[derive(Default)]
struct Server {
    tls: Option<ServerConnection>,
    /// MQTT is in the frames of a WebSocket.
    framed: bool,
    plain: Vec<u8>,
}

impl Server {
    /// Takes bytes from the client, and returns what TLS has to say to them.
    fn takes(&mut self, mut wire: &[u8]) -> Vec<u8> {
        let Some(tls) = &mut self.tls else {
            self.plain.extend_from_slice(wire);
            return Vec::new();
        };
        while !wire.is_empty() {
            tls.read_tls(&mut wire).expect("in memory");
            let state = tls.process_new_packets().expect("what the client has sealed");
            let len = self.plain.len();
            self.plain.resize(len + state.plaintext_bytes_to_read(), 0);
            tls.reader().read_exact(&mut self.plain[len..]).expect("so much is there");
        }
        let mut answer = Vec::new();
        give(tls, &mut answer);
        answer
    }

    /// The answer to the client's upgrade.
    fn upgraded(&mut self) -> Vec<u8> {
        let request = String::from_utf8(std::mem::take(&mut self.plain)).expect("a request");
        let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).expect("a key");
        let accept = tungstenite::handshake::derive_accept_key(key.as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
        );
        self.wire(answer.as_bytes())
    }

    /// Bytes with MQTT.
    fn says(&mut self, mqtt: &[u8]) -> Vec<u8> {
        if !self.framed {
            return self.wire(mqtt);
        }
        let mut frame = vec![0x82, 127];
        frame.extend_from_slice(&(mqtt.len() as u64).to_be_bytes());
        if let Ok(len @ 0..126) = u8::try_from(mqtt.len()) {
            frame = vec![0x82, len];
        } else if let Ok(len) = u16::try_from(mqtt.len()) {
            frame = vec![0x82, 126];
            frame.extend_from_slice(&len.to_be_bytes());
        }
        frame.extend_from_slice(mqtt);
        self.wire(&frame)
    }

    fn wire(&mut self, plain: &[u8]) -> Vec<u8> {
        match &mut self.tls {
            Some(tls) => sealed(tls, plain),
            None => plain.to_vec(),
        }
    }
}

fn sealed(tls: &mut ServerConnection, plain: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    tls.writer().write_all(plain).expect("in memory");
    give(tls, &mut wire);
    wire
}

/// Appends what TLS has for the other end.
fn give<T>(tls: &mut ConnectionCommon<T>, wire: &mut Vec<u8>) {
    while tls.wants_write() {
        tls.write_tls(wire).expect("in memory");
    }
}

fn carry<F, T>(from: &mut ConnectionCommon<F>, to: &mut ConnectionCommon<T>) {
    let mut wire = Vec::new();
    give(from, &mut wire);
    let mut wire = wire.as_slice();
    while !wire.is_empty() {
        to.read_tls(&mut wire).expect("in memory");
        to.process_new_packets().expect("a handshake");
    }
}

/// A server's certificate, which is its own root, and its key.
struct Pair {
    certificate: String,
    key: String,
}

impl Pair {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed([HOST.to_owned()]).expect("a certificate");
        Self { certificate: made.cert.pem(), key: made.signing_key.serialize_pem() }
    }

    fn server(&self) -> ServerConnection {
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("known versions")
            .with_no_client_auth()
            .with_single_cert(vec![self.der()], key)
            .expect("a certificate");
        let mut server = ServerConnection::new(Arc::new(config)).expect("a valid configuration");
        server.set_buffer_limit(None);
        server
    }

    fn client(&self) -> ClientConnection {
        let mut roots = RootCertStore::empty();
        roots.add(self.der()).expect("a certificate");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("known versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let host = ServerName::try_from(HOST).expect("a host");
        ClientConnection::new(Arc::new(config), host).expect("a valid configuration")
    }

    fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).expect("a certificate")
    }
}
