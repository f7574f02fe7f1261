//! Links, and why they end.

mod certificate;
mod proxy;
mod tls;
mod websocket;

use core::fmt;
use core::net::SocketAddr;

use crate::FrameError;

pub use certificate::CertificateInfo;
pub use proxy::ProxyError;
pub use tls::{TlsError, TlsInfo};
pub use websocket::{UpgradeHeader, WebSocketError, WebSocketFault};

/// One transport connection. A later link has a greater number; numbers are never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link(pub(crate) u64);

impl Link {
    /// The link's number, from 1.
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "link {}", self.0)
    }
}

/// Why a link could not be made, or ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkError {
    /// DNS: the host name has no address.
    Resolve {
        /// The name asked for.
        host: String,
        /// The resolver's words.
        why: String,
    },
    /// TCP: the connection could not be made, or broke.
    Tcp {
        /// The address tried last, where there was one.
        address: Option<SocketAddr>,
        /// What went wrong.
        why: TcpError,
    },
    /// The proxy on the way did not make the connection.
    Proxy(ProxyError),
    /// TLS: the handshake or a record failed.
    Tls(TlsError),
    /// Credentials: there are none to sign the request with.
    Credentials {
        /// What their source says; never a secret.
        why: String,
    },
    /// Credentials: the service that gives them cannot be reached, or has trouble of its own.
    CredentialsService {
        /// What their source says; never a secret.
        why: String,
    },
    /// WebSocket: the upgrade was refused, or the server broke the protocol or closed.
    WebSocket(WebSocketError),
    /// MQTT: the server broke the protocol. The session is intact.
    Protocol(ProtocolError),
    /// The server answered CONNECT with a refusal.
    Refused(ConnectRefusal),
    /// The server closed the connection instead of answering CONNECT.
    ClosedBeforeConnack,
    /// The server closed the connection.
    Closed,
    /// No PINGRESP in time: the connection is dead without saying so.
    KeepAlive,
    /// The connect timeout ran out.
    ConnectTimeout {
        /// What was being waited for.
        waiting_for: ConnectStage,
    },
    /// The answer to restoring the subscriptions did not come within the operation timeout.
    RestoreTimeout,
}

/// Where in the stack a link ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Layer {
    /// Name resolution.
    Dns,
    /// The socket.
    Tcp,
    /// The proxy on the way.
    Proxy,
    /// Encryption and identity.
    Tls,
    /// The credentials that sign the request.
    Credentials,
    /// The WebSocket below the protocol.
    WebSocket,
    /// The protocol.
    Mqtt,
    /// Liveness.
    KeepAlive,
    /// The server's own decision.
    Server,
}

impl LinkError {
    /// Where in the stack the link ended.
    pub const fn layer(&self) -> Layer {
        match self {
            Self::Resolve { .. } => Layer::Dns,
            Self::Tcp { .. } | Self::ConnectTimeout { waiting_for: ConnectStage::Transport } => Layer::Tcp,
            Self::Proxy(_) | Self::ConnectTimeout { waiting_for: ConnectStage::Proxy } => Layer::Proxy,
            Self::Tls(_) | Self::ConnectTimeout { waiting_for: ConnectStage::Tls } => Layer::Tls,
            Self::Credentials { .. } | Self::CredentialsService { .. } => Layer::Credentials,
            Self::WebSocket(WebSocketError::Closed { .. }) => Layer::Server,
            Self::WebSocket(_) | Self::ConnectTimeout { waiting_for: ConnectStage::WebSocket } => Layer::WebSocket,
            Self::Protocol(_) | Self::RestoreTimeout => Layer::Mqtt,
            Self::ConnectTimeout { waiting_for: ConnectStage::Connack }
            | Self::Refused(_)
            | Self::ClosedBeforeConnack
            | Self::Closed => Layer::Server,
            Self::KeepAlive => Layer::KeepAlive,
        }
    }
}

impl LinkError {
    /// Whether the peer ended the connection, in good order or by resetting it: which of the two is chance when it
    /// closes before it has read everything.
    pub(crate) const fn is_by_peer(&self) -> bool {
        matches!(self, Self::Closed | Self::Tcp { why: TcpError::Reset, .. })
    }

    /// Whether the server has closed the connection in good order, as it does for what it does not allow.
    pub(crate) const fn is_orderly_close(&self) -> bool {
        matches!(self, Self::Closed | Self::WebSocket(WebSocketError::Closed { .. }))
    }

    /// Whether trying again soon cannot help: only somebody's change of a setting or policy can.
    pub(crate) const fn needs_a_change(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.needs_a_change(),
            Self::Proxy(error) => error.needs_a_change(),
            Self::WebSocket(error) => error.needs_a_change(),
            Self::Resolve { .. }
            | Self::Tcp { .. }
            | Self::Tls(_)
            | Self::Credentials { .. }
            | Self::CredentialsService { .. }
            | Self::Protocol(_)
            | Self::ClosedBeforeConnack
            | Self::Closed
            | Self::KeepAlive
            | Self::ConnectTimeout { .. }
            | Self::RestoreTimeout => false,
        }
    }
}

/// Whether an HTTP status is somebody's decision, which stands when the request is repeated soon.
const fn is_refusal(status: u16) -> bool {
    // 408 and 429 ask for another attempt.
    matches!(status, 200..=499) && !matches!(status, 408 | 429)
}

/// What a connect attempt was waiting for, in the order of a link's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ConnectStage {
    /// The name's address, the TCP connection, and whatever else is not told apart.
    Transport,
    /// The proxy's answer.
    Proxy,
    /// The end of the TLS handshake.
    Tls,
    /// The answer to the WebSocket's upgrade.
    WebSocket,
    /// The answer to CONNECT.
    Connack,
}

/// What went wrong below TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TcpError {
    /// Nobody listens on the port.
    Refused,
    /// The peer reset the connection.
    Reset,
    /// There is no route to the host, or no network.
    Unreachable,
    /// No answer in time.
    TimedOut,
    /// The peer does not take bytes: a write made no progress for the write timeout.
    WriteStalled,
    /// Any other failure.
    Os {
        /// The operating system's number, where it has one.
        code: Option<i32>,
    },
}

/// How the server broke MQTT 3.1.1.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The bytes are not a frame that a server may send.
    Frame(FrameError),
    /// The peer answers like a web server.
    Http,
    /// A packet came before CONNECT was sent.
    BeforeConnect,
    /// Another packet came before CONNACK.
    NotConnack,
    /// CONNACK came a second time.
    SecondConnack,
    /// A session is claimed to exist although a clean one was asked for.
    SessionOfCleanConnect,
    /// A SUBACK has more or fewer answers than the SUBSCRIBE had filters.
    SubackCount {
        /// Filters asked for.
        expected: usize,
        /// Answers given.
        got: usize,
    },
}

/// Why the server refused the connection (MQTT 3.1.1 §3.2.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectRefusal {
    /// 1: the server does not speak MQTT 3.1.1.
    ProtocolVersion,
    /// 2: the client id is not allowed.
    ClientId,
    /// 3: the service is unavailable.
    ServerUnavailable,
    /// 4: the user name or password is wrong.
    UserNameOrPassword,
    /// 5: not authorised.
    NotAuthorized,
}

impl ConnectRefusal {
    /// The return code on the wire.
    pub const fn code(self) -> u8 {
        match self {
            Self::ProtocolVersion => 1,
            Self::ClientId => 2,
            Self::ServerUnavailable => 3,
            Self::UserNameOrPassword => 4,
            Self::NotAuthorized => 5,
        }
    }

    /// Whether trying again soon cannot help: only somebody's change of a setting or policy can.
    pub(crate) const fn needs_a_change(self) -> bool {
        !matches!(self, Self::ServerUnavailable)
    }
}

impl From<FrameError> for LinkError {
    fn from(error: FrameError) -> Self {
        Self::Protocol(ProtocolError::Frame(error))
    }
}

impl From<ProtocolError> for LinkError {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

impl From<TlsError> for LinkError {
    fn from(error: TlsError) -> Self {
        Self::Tls(error)
    }
}

/// One line: what happened and, where it is known, what to do.
impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve { host, why } => {
                write!(f, "host {host:?} does not resolve ({why}); check the endpoint's spelling and the DNS")
            }
            Self::Tcp { address: Some(address), why } => write!(f, "{address}: {why}"),
            Self::Tcp { address: None, why } => why.fmt(f),
            Self::Proxy(error) => write!(f, "proxy: {error}"),
            Self::Tls(error) => write!(f, "TLS: {error}"),
            Self::Credentials { why } | Self::CredentialsService { why } => write!(f, "no AWS credentials: {why}"),
            Self::WebSocket(error) => write!(f, "WebSocket: {error}"),
            Self::Protocol(error) => write!(f, "not MQTT 3.1.1: {error}"),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::ClosedBeforeConnack => f.write_str(
                "the server closed the connection instead of answering CONNECT; check the port, that the certificate is \
                 active, and that its policy allows iot:Connect for this client id",
            ),
            Self::Closed => f.write_str(
                "the server closed the connection; if it happens again at once, check that no other client uses this \
                 client id and that the policy allows the topics",
            ),
            Self::KeepAlive => f.write_str("no PINGRESP in time: the connection is dead"),
            Self::ConnectTimeout { waiting_for: ConnectStage::Transport } => {
                f.write_str("no connection within the connect timeout; check the host, the port and the firewall")
            }
            Self::ConnectTimeout { waiting_for: ConnectStage::Proxy } => {
                f.write_str("the proxy does not answer within the connect timeout; check its address, port and kind")
            }
            Self::ConnectTimeout { waiting_for: ConnectStage::Tls } => {
                f.write_str("connected, but no TLS handshake within the connect timeout; is it a TLS port?")
            }
            Self::ConnectTimeout { waiting_for: ConnectStage::WebSocket } => {
                f.write_str("connected, but no answer to the WebSocket upgrade within the connect timeout; check the port")
            }
            Self::ConnectTimeout { waiting_for: ConnectStage::Connack } => {
                f.write_str("connected, but no answer to CONNECT within the connect timeout; is it an MQTT port?")
            }
            Self::RestoreTimeout => f.write_str("the server did not answer the renewed subscriptions in time"),
        }
    }
}

impl fmt::Display for TcpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("connection refused: nobody listens there; check the host and the port"),
            Self::Reset => f.write_str("connection reset by the peer"),
            Self::Unreachable => f.write_str("host unreachable; check the network"),
            Self::TimedOut => f.write_str("no answer; check the host, the port and the firewall"),
            Self::WriteStalled => f.write_str("the peer takes no more bytes"),
            Self::Os { code: Some(code) } => write!(f, "network failure (OS error {code})"),
            Self::Os { code: None } => f.write_str("network failure"),
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(error) => error.fmt(f),
            Self::Http => f.write_str("a web server answers on this port; check the port"),
            Self::BeforeConnect => f.write_str("the server sent a packet before it was spoken to"),
            Self::NotConnack => f.write_str("the server's first packet is not CONNACK"),
            Self::SecondConnack => f.write_str("a second CONNACK"),
            Self::SessionOfCleanConnect => f.write_str("session present although a clean session was asked for"),
            Self::SubackCount { expected, got } => {
                write!(f, "SUBACK with {got} answers to {expected} filters")
            }
        }
    }
}

impl fmt::Display for ConnectRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Self::ProtocolVersion => "the server does not accept MQTT 3.1.1",
            Self::ClientId => "the server does not accept the client id",
            Self::ServerUnavailable => "the server is unavailable",
            Self::UserNameOrPassword => "bad user name or password",
            Self::NotAuthorized => "not authorised; check the policy, the credentials and the client id",
        };
        write!(f, "refused by the server (CONNACK {}): {words}", self.code())
    }
}

impl core::error::Error for LinkError {}
impl core::error::Error for ProtocolError {}
impl core::error::Error for TcpError {}
impl core::error::Error for ConnectRefusal {}
