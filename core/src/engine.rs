//! The client with its transport and buffers: all of a driver but the socket and the sleep.

use core::fmt;

use bytes::{Buf, BytesMut};

use crate::transport::tls::{Flow, Tls, server_name};
use crate::transport::{Endpoint, EndpointError, Identity, PemError, Roots, TlsConfig};
use crate::{Action, Client, Config, ConfigError, Event, Instant, Link, LinkError, TcpError, TlsError};

/// Encoded bytes that may wait for the socket before the client is asked for more.
const OUTPUT_BUDGET: usize = 16 * 1024;

/// Where to connect, how to secure it, and how to behave.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// Where the service is.
    pub endpoint: Endpoint,
    /// How links are secured.
    pub security: Security,
    /// How the client behaves.
    pub config: Config,
}

/// How links are secured.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Security {
    /// TLS.
    Tls(TlsConfig),
    /// Nothing: anybody on the way can read and change everything. For tests and closed networks.
    Plain,
}

impl Options {
    /// Mutual TLS, as AWS IoT Core wants it from devices: `HOST` or `HOST:PORT` (8883 when there is none), and the
    /// device's certificate, its private key and the service's root certificate as PEM text.
    pub fn mtls_from_pem(
        endpoint: &str,
        client_id: &str,
        certificate: &[u8],
        key: &[u8],
        root: &[u8],
    ) -> Result<Self, SetupError> {
        let endpoint = endpoint.parse()?;
        let tls = TlsConfig::mutual(Identity::from_pem(certificate, key)?, Roots::from_pem(root)?);
        Ok(Self { endpoint, security: Security::Tls(tls), config: Config::new(client_id) })
    }

    /// TLS with which only the server proves itself, for brokers that ask for a user name and password or nothing: set
    /// them with [`with`](Self::with). `HOST` or `HOST:PORT` (8883 when there is none), and the root certificate of
    /// the server's as PEM text.
    pub fn tls_from_pem(endpoint: &str, client_id: &str, root: &[u8]) -> Result<Self, SetupError> {
        let endpoint = endpoint.parse()?;
        let tls = TlsConfig::server_only(Roots::from_pem(root)?);
        Ok(Self { endpoint, security: Security::Tls(tls), config: Config::new(client_id) })
    }

    /// Plain TCP, for tests and closed networks: `HOST` or `HOST:PORT` (1883 when there is none).
    pub fn plain(endpoint: &str, client_id: &str) -> Result<Self, SetupError> {
        let endpoint = Endpoint::parse(endpoint, Endpoint::MQTT_PORT)?;
        Ok(Self { endpoint, security: Security::Plain, config: Config::new(client_id) })
    }

    /// The same, with the configuration changed by `change`.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }
}

/// A [`Client`] with its transport: takes bytes from the socket and gives bytes for it.
///
/// A driver does, in this order and whenever anything happened:
///
/// 1. [`poll_action`](Self::poll_action) until `None`, doing what each says;
/// 2. write what [`transmit`](Self::transmit) gives, and say with [`transmitted`](Self::transmitted) how much of it
///    the socket took; if it took anything, begin again, and if not, ask for actions once more: encoding gives them;
/// 3. wait for the socket, a command, or [`next_deadline`](Self::next_deadline), and tell the engine.
#[derive(Debug)]
pub struct Engine {
    client: Client,
    endpoint: Endpoint,
    security: Security,
    /// The link that is up, with its transport.
    up: Option<Up>,
    /// MQTT bytes that the client has not taken yet.
    plain_in: BytesMut,
    /// MQTT bytes on their way into TLS.
    plain_out: BytesMut,
    /// What the socket has not taken yet.
    wire_out: BytesMut,
    /// A link to be closed because of its transport.
    broken: Option<Link>,
    /// Since when the socket takes no bytes although some wait.
    stalled_since: Option<Instant>,
    /// The link that the driver was asked to make and not yet to close.
    wanted: Option<Link>,
}

#[derive(Debug)]
struct Up {
    link: Link,
    tls: Option<Tls>,
    /// Whether the client knows that the link is up.
    announced: bool,
}

impl Engine {
    /// An idle client with its transport. `seed` as in [`Client::new`].
    pub fn new(options: Options, seed: u64, now: Instant) -> Result<Self, SetupError> {
        let Options { endpoint, security, config } = options;
        if matches!(security, Security::Tls(_)) {
            server_name(&endpoint)?;
        }
        Ok(Self {
            client: Client::new(config, seed, now)?,
            endpoint,
            security,
            up: None,
            plain_in: BytesMut::new(),
            plain_out: BytesMut::new(),
            wire_out: BytesMut::new(),
            broken: None,
            stalled_since: None,
            wanted: None,
        })
    }

    /// The client, for commands and looks. What a command causes comes out of the next
    /// [`poll_action`](Self::poll_action) and [`transmit`](Self::transmit).
    pub fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    /// Where to connect.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The socket of `link` is connected. Without effect when the link is no longer wanted.
    pub fn opened(&mut self, now: Instant, link: Link) {
        if self.wanted != Some(link) {
            return;
        }
        let tls = match &self.security {
            Security::Plain => None,
            Security::Tls(config) => match config.connect(&self.endpoint) {
                Ok(tls) => Some(tls),
                Err(error) => return self.fail(now, link, error.into()),
            },
        };
        self.up = Some(Up { link, tls, announced: false });
        self.received(now, link, &[]);
    }

    /// The socket of `link` gave these bytes. All of them are taken; see [`wants_input`](Self::wants_input).
    pub fn received(&mut self, now: Instant, link: Link, bytes: &[u8]) {
        let Some(up) = self.up.as_mut().filter(|up| up.link == link) else { return };
        let received = match &mut up.tls {
            Some(tls) => tls.receive(bytes, &mut self.plain_in, &mut self.wire_out),
            None => {
                self.plain_in.extend_from_slice(bytes);
                Ok(Flow::Open)
            }
        };
        if !up.announced && up.tls.as_ref().is_none_or(Tls::is_ready) {
            up.announced = true;
            self.client.handle(now, Event::LinkUp(link));
        }
        // What came before the fault was sent by a peer that had proved itself.
        self.client.handle(now, Event::Received(link, &mut self.plain_in));
        match received {
            Ok(Flow::Open) => {}
            // Waiting for the socket to say the same would only delay the next attempt.
            Ok(Flow::Finished) => self.fail(now, link, LinkError::Closed),
            Err(error) => self.fail(now, link, error.into()),
        }
    }

    /// The socket of `link` could not be connected, or is gone.
    pub fn closed(&mut self, now: Instant, link: Link, why: LinkError) {
        let why = self.explain(link, why);
        self.wanted.take_if(|wanted| *wanted == link);
        self.broken.take_if(|broken| *broken == link);
        if self.up.as_ref().is_some_and(|up| up.link == link) {
            self.reset();
        }
        self.client.handle(now, Event::LinkDown(link, why));
    }

    /// Time has passed.
    pub fn wake(&mut self, now: Instant) {
        let stalled = self.stall_ends().is_some_and(|end| end <= now);
        if let Some(link) = self.wanted.filter(|_| stalled) {
            self.fail(now, link, LinkError::Tcp { address: None, why: TcpError::WriteStalled });
        }
        self.client.handle(now, Event::Wake);
    }

    /// The next thing for the driver to do.
    ///
    /// On [`Action::Close`] it writes what [`transmit`](Self::transmit) still gives, ends its side of the connection,
    /// and drops the socket when the peer has done the same, after [`LINGER`](crate::dial::LINGER) at the latest. Until
    /// then it asks for no further action.
    pub fn poll_action(&mut self, now: Instant) -> Option<Action> {
        if let Some(link) = self.broken.take() {
            self.wanted = None;
            return Some(Action::Close(link));
        }
        loop {
            let action = self.next_action(now);
            match &action {
                Some(Action::Open(link)) => {
                    self.reset();
                    self.wanted = Some(*link);
                }
                // The client gave up a link that was gone by then.
                Some(Action::Close(link)) if self.wanted != Some(*link) => continue,
                Some(Action::Close(link)) => {
                    self.say_goodbye(*link);
                    self.wanted = None;
                }
                Some(Action::Notify(_)) | None => {}
            }
            return action;
        }
    }

    fn next_action(&mut self, now: Instant) -> Option<Action> {
        self.client.poll_action().or_else(|| {
            self.resume_input(now);
            self.client.poll_action()
        })
    }

    /// Hands the client what it had no room for earlier.
    fn resume_input(&mut self, now: Instant) {
        if let Some(up) = self.up.as_ref().filter(|up| up.announced && !self.plain_in.is_empty()) {
            let link = up.link;
            self.client.handle(now, Event::Received(link, &mut self.plain_in));
        }
    }

    /// The bytes that the socket has to take next. More come once they are taken.
    pub fn transmit(&mut self, now: Instant) -> &[u8] {
        if let Some(up) = self.up.as_mut().filter(|up| up.announced) {
            let budget = OUTPUT_BUDGET.saturating_sub(self.wire_out.len());
            match &mut up.tls {
                None => {
                    self.client.poll_transmit(now, &mut self.wire_out, budget);
                }
                Some(tls) => {
                    self.client.poll_transmit(now, &mut self.plain_out, budget);
                    if let Err(error) = tls.transmit(&mut self.plain_out, &mut self.wire_out) {
                        let link = up.link;
                        self.fail(now, link, error.into());
                    }
                }
            }
        }
        &self.wire_out
    }

    /// The socket took the first `len` bytes; 0 when it takes nothing for now, which it may do for
    /// [`Config::write_timeout`] at a stretch.
    pub fn transmitted(&mut self, now: Instant, len: usize) {
        self.wire_out.advance(len);
        if len > 0 || self.wire_out.is_empty() {
            self.stalled_since = None;
        } else {
            self.stalled_since.get_or_insert(now);
        }
    }

    /// When to call [`wake`](Self::wake).
    pub fn next_deadline(&self) -> Option<Instant> {
        let client = self.client.next_deadline().map(|(deadline, _)| deadline);
        client.into_iter().chain(self.stall_ends()).min()
    }

    fn stall_ends(&self) -> Option<Instant> {
        // Once the link is given up, nobody waits for its socket any more.
        let since = self.stalled_since.filter(|_| self.wanted.is_some());
        since.map(|since| since + self.client.config().write_timeout)
    }

    /// Whether to read from the socket. While it is false, leave the bytes there.
    pub fn wants_input(&self) -> bool {
        self.client.wants_input()
    }

    /// The transport has failed or finished while its socket is still there.
    fn fail(&mut self, now: Instant, link: Link, why: LinkError) {
        let why = self.explain(link, why);
        self.up = None;
        self.plain_in.clear();
        self.plain_out.clear();
        self.stalled_since = None;
        self.broken = Some(link);
        self.client.handle(now, Event::LinkDown(link, why));
    }

    /// The end of a connection that was not secure yet has reasons of its own.
    fn explain(&self, link: Link, why: LinkError) -> LinkError {
        let securing = self.up.as_ref().is_some_and(|up| up.link == link && !up.announced);
        if securing && why.is_by_peer() { TlsError::Closed.into() } else { why }
    }

    fn say_goodbye(&mut self, link: Link) {
        if let Some(Up { tls: Some(mut tls), .. }) = self.up.take_if(|up| up.link == link) {
            tls.close(&mut self.wire_out);
        }
        self.plain_in.clear();
    }

    fn reset(&mut self) {
        self.up = None;
        self.plain_in.clear();
        self.plain_out.clear();
        self.wire_out.clear();
        self.stalled_since = None;
    }
}

/// Why a client could not be set up.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetupError {
    /// The endpoint.
    Endpoint(EndpointError),
    /// A certificate or key.
    Pem(PemError),
    /// A setting.
    Config(ConfigError),
    /// A file that cannot be read.
    File {
        /// Its path.
        path: String,
        /// The operating system's words.
        why: String,
    },
    /// What a file holds.
    FileContent {
        /// Its path.
        path: String,
        /// What is wrong with it.
        why: PemError,
    },
    /// A resource that the operating system does not give.
    System {
        /// What was wanted, and the operating system's words.
        why: String,
    },
}

impl From<EndpointError> for SetupError {
    fn from(error: EndpointError) -> Self {
        Self::Endpoint(error)
    }
}

impl From<PemError> for SetupError {
    fn from(error: PemError) -> Self {
        Self::Pem(error)
    }
}

impl From<ConfigError> for SetupError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint(error) => error.fmt(f),
            Self::Pem(error) => error.fmt(f),
            Self::Config(error) => error.fmt(f),
            Self::File { path, why } => write!(f, "cannot read {path}: {why}"),
            Self::FileContent { path, why } => write!(f, "{path}: {why}"),
            Self::System { why } => f.write_str(why),
        }
    }
}

impl core::error::Error for SetupError {}
