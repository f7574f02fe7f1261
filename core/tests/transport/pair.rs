//! An engine and a TLS server, joined by two byte streams that carry as little at a time as the test says.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use thingwire_core::{Action, Engine, Instant, Jitter, Link, LinkError, Notice, Options, Security, TlsError};

use rustls::server::{ServerConfig, ServerConnection};

use crate::pki::{Authority, HOST, Leaf, Version, server_config};

pub const CONNACK: [u8; 4] = [0x20, 2, 0, 0];
pub const NOW: Instant = Instant::EPOCH;

/// One authority, its server and its device.
pub struct World {
    pub authority: Authority,
    pub server: Leaf,
    pub device: Leaf,
}

impl World {
    pub fn new() -> Self {
        let authority = Authority::new("test root");
        Self { server: authority.server(), device: authority.device(), authority }
    }

    pub fn options(&self) -> Options {
        self.options_for(&format!("{HOST}:8883"))
    }

    pub fn options_for(&self, endpoint: &str) -> Options {
        mutual(endpoint, &self.device, &self.authority)
    }

    /// A client without a certificate.
    pub fn options_of_stranger(&self, endpoint: &str) -> Options {
        Options::tls_from_pem(endpoint, "device", self.authority.pem().as_bytes()).unwrap()
    }

    /// The server, which wants device certificates from the same authority.
    pub fn server_config(&self, version: Version) -> Arc<ServerConfig> {
        Arc::new(server_config(&self.server, Some(&self.authority), version))
    }

    pub fn pair(&self, version: Version) -> Pair {
        Pair::new(self.options(), self.server_config(version))
    }
}

pub fn mutual(endpoint: &str, device: &Leaf, root: &Authority) -> Options {
    let (certificate, key, root) = (device.certificate.as_bytes(), device.key.as_bytes(), root.pem());
    Options::mtls_from_pem(endpoint, "device", certificate, key, root.as_bytes()).unwrap()
}

/// The same options with this security.
pub fn secured(mut options: Options, security: Security) -> Options {
    options.security = security;
    options
}

pub struct Pair {
    pub engine: Engine,
    pub now: Instant,
    pub link: Option<Link>,
    server_config: Arc<ServerConfig>,
    pub server: ServerConnection,
    /// What the server has found wrong.
    pub server_error: Option<rustls::Error>,
    /// Plaintext that has reached the server.
    pub at_server: Vec<u8>,
    /// Bytes on the way to the engine.
    pub to_engine: Vec<u8>,
    /// How many bytes travel at a time, both ways.
    pub chunk: usize,
    /// Changes what travels to the engine.
    pub tamper: Option<Tamper>,
    pub notices: Vec<Notice>,
    pub closes: usize,
}

pub type Tamper = Box<dyn FnMut(&mut [u8])>;

impl Pair {
    /// An engine that wants its first link.
    pub fn new(options: Options, server_config: Arc<ServerConfig>) -> Self {
        let options = options.with(|config| config.backoff.jitter = Jitter::None);
        let mut engine = Engine::new(options, 7, NOW).unwrap();
        engine.client().start(NOW);
        Self {
            engine,
            now: NOW,
            link: None,
            server: ServerConnection::new(server_config.clone()).unwrap(),
            server_config,
            server_error: None,
            at_server: Vec::new(),
            to_engine: Vec::new(),
            chunk: 20_000,
            tamper: None,
            notices: Vec::new(),
            closes: 0,
        }
    }

    /// Connected, CONNECT sent and accepted.
    pub fn online(options: Options, server_config: Arc<ServerConfig>) -> Self {
        let mut pair = Self::new(options, server_config);
        pair.run();
        pair.accept();
        pair
    }

    /// The server answers CONNECT.
    pub fn accept(&mut self) {
        assert_eq!(self.at_server.first(), Some(&0x10), "CONNECT first; {:?}", self.notices);
        self.at_server.clear();
        self.say(&CONNACK);
        assert!(self.notices.contains(&Notice::Online { resumed: false }), "{:?}", self.notices);
    }

    /// The server sends plaintext.
    pub fn say(&mut self, mut plain: &[u8]) {
        while !plain.is_empty() {
            let taken = self.server.writer().write(plain).unwrap();
            plain = &plain[taken..];
            self.run();
        }
    }

    /// Moves bytes until both sides have no more to say.
    pub fn run(&mut self) {
        loop {
            let acted = self.act();
            let sent = self.carry_to_server();
            let received = self.carry_to_engine();
            if !acted && !sent && !received {
                return;
            }
        }
    }

    fn act(&mut self) -> bool {
        let mut acted = false;
        while let Some(action) = self.engine.poll_action(self.now) {
            acted = true;
            match action {
                Action::Open(link) => {
                    self.link = Some(link);
                    self.to_engine.clear();
                    self.at_server.clear();
                    self.server = ServerConnection::new(self.server_config.clone()).unwrap();
                    self.engine.opened(self.now, link);
                }
                Action::Close(link) => {
                    assert_eq!(self.link.take(), Some(link), "closed once");
                    self.closes += 1;
                    while self.carry_to_server() {}
                    self.to_engine.clear();
                }
                Action::Notify(notice) => self.notices.push(notice),
            }
        }
        acted
    }

    fn carry_to_server(&mut self) -> bool {
        let bytes = self.engine.transmit(self.now);
        let mut bytes = bytes[..bytes.len().min(self.chunk)].to_vec();
        self.engine.transmitted(self.now, bytes.len());
        let any = !bytes.is_empty();
        let mut wire = bytes.as_mut_slice() as &[u8];
        while !wire.is_empty() && self.server_error.is_none() {
            if self.server.read_tls(&mut wire).unwrap() == 0 {
                break;
            }
            self.server_error = self.server.process_new_packets().err();
            // WouldBlock after the last byte.
            let _ = self.server.reader().read_to_end(&mut self.at_server);
        }
        any
    }

    fn carry_to_engine(&mut self) -> bool {
        while self.server.wants_write() {
            self.server.write_tls(&mut self.to_engine).unwrap();
        }
        let Some(link) = self.link else {
            self.to_engine.clear();
            return false;
        };
        let len = self.to_engine.len().min(self.chunk);
        let mut bytes: Vec<u8> = self.to_engine.drain(..len).collect();
        if let Some(tamper) = &mut self.tamper {
            tamper(&mut bytes);
        }
        if len > 0 {
            self.engine.received(self.now, link, &bytes);
        }
        len > 0
    }

    /// Raw bytes from the wire.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.engine.received(self.now, self.link.unwrap(), bytes);
        self.run();
    }

    /// The socket ends.
    pub fn end(&mut self) {
        self.engine.closed(self.now, self.link.take().unwrap(), LinkError::Closed);
        self.run();
    }

    /// Waits for the next attempt, and makes it.
    pub fn reconnect(&mut self) {
        self.notices.clear();
        self.now = self.engine.next_deadline().unwrap();
        self.engine.wake(self.now);
        self.run();
    }

    /// Why the last link or attempt ended.
    pub fn why(&self) -> Option<LinkError> {
        self.notices.iter().rev().find_map(|notice| match notice {
            Notice::Failed { why, .. } | Notice::Offline { why, .. } => why.clone(),
            _ => None,
        })
    }

    pub fn tls_error(&self) -> TlsError {
        match self.why() {
            Some(LinkError::Tls(error)) => error,
            other => panic!("{other:?}"),
        }
    }
}
