//! TLS as a byte transformer.

use core::fmt;
use core::net::IpAddr;
use std::io::{BufRead as _, Write as _};
use std::sync::Arc;

use ::ring::digest;
use bytes::{Buf as _, BufMut as _, BytesMut};
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{self, cipher_suite};
use rustls::pki_types::{ServerName, UnixTime};
use rustls::sign::SingleCertAndKey;
use rustls::time_provider::TimeProvider;
use rustls::{AlertDescription, ClientConfig, ClientConnection, ProtocolVersion, SupportedCipherSuite};

use super::endpoint::{Endpoint, EndpointError};
use super::identity::Identity;
use super::roots::Roots;
use super::verifier::{Verifier, hexadecimal, told};
use super::x509::Certificate;
use crate::{CertificateInfo, TlsError, TlsInfo};

/// The port at which AWS IoT Core serves several protocols and needs to be told which one is meant.
const SHARED_PORT: u16 = Endpoint::HTTPS_PORT;
/// MQTT with a client certificate, on the shared port (AWS IoT Core developer guide, "Protocols, port mappings, and
/// authentication").
const ALPN_CERTIFICATE: &[u8] = b"x-amzn-mqtt-ca";
/// MQTT with other credentials, on the shared port.
const ALPN_PASSWORD: &[u8] = b"mqtt";
/// What a WebSocket begins with, on every port.
#[cfg(feature = "websocket")]
const ALPN_WEBSOCKET: &[u8] = b"http/1.1";
/// Sessions to remember for resumption, of four servers at most: the library counts eight for each.
const SESSIONS: usize = 32;

/// For TLS 1.3, then for TLS 1.2.
const AWS_CIPHER_SUITES: [SupportedCipherSuite; 7] = [
    cipher_suite::TLS13_AES_128_GCM_SHA256,
    cipher_suite::TLS13_AES_256_GCM_SHA384,
    cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
];

/// How to secure links: TLS 1.2 or 1.3, the server's certificate and host name always verified. Cheap to clone; clones
/// share the sessions that make reconnecting cheaper.
///
/// ```no_run
/// use thingwire_core::Options;
/// use thingwire_core::transport::{Identity, Roots, TlsConfig};
///
/// let identity = Identity::from_pem(&std::fs::read("cert.pem")?, &std::fs::read("key.pem")?)?;
/// let tls = TlsConfig::mutual(identity, Roots::amazon()).with_aws_cipher_suites();
/// let options = Options::tls("abc-ats.iot.eu-west-1.amazonaws.com:443".parse()?, "lamp", tls);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct TlsConfig {
    dedicated: Arc<ClientConfig>,
    /// For [`SHARED_PORT`]: the same with ALPN.
    shared: Arc<ClientConfig>,
    /// Whether [`with_alpn`](Self::with_alpn) has the say.
    #[cfg(feature = "websocket")]
    has_own_alpn: bool,
    /// What the server calls itself, if not as the endpoint does.
    server_name: Option<String>,
    verifier: Arc<Verifier>,
    /// What the device shows.
    device: Option<Arc<CertificateInfo>>,
    /// The id of that in AWS IoT Core.
    device_id: Option<Arc<str>>,
}

impl TlsConfig {
    /// Mutual TLS: the server proves itself by the roots, the device by its identity.
    pub fn mutual(identity: Identity, roots: Roots) -> Self {
        let Identity { key, info } = identity;
        let device_id = key.cert.first().map(|own| certificate_id(own).into());
        let verifier = Arc::new(Verifier::new(roots.0, Arc::new(ring::default_provider())));
        let config = builder(&verifier).with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
        Self { device: Some(info), device_id, ..Self::new(config, ALPN_CERTIFICATE, verifier) }
    }

    /// Only the server proves itself; the device does so above TLS, for example with a password.
    pub fn server_only(roots: Roots) -> Self {
        let verifier = Arc::new(Verifier::new(roots.0, Arc::new(ring::default_provider())));
        Self::new(builder(&verifier).with_no_client_auth(), ALPN_PASSWORD, verifier)
    }

    /// The same, and the key of the server's own certificate has to be one of these: SHA-256 of its DER
    /// `SubjectPublicKeyInfo` (RFC 7469 §2.4). The certificate has to lead to a root, and to be for the host, all the
    /// same. With none, any key will do, which is the default.
    ///
    /// For servers of one's own: AWS IoT Core changes its keys without notice.
    #[must_use]
    pub fn with_pins(self, pins: impl IntoIterator<Item = [u8; 32]>) -> Self {
        let verifier = Arc::new(self.verifier.with_pins(pins.into_iter().collect()));
        // What was trusted without the pins may not be resumed.
        let pinned = |config| {
            let mut config = forgetful(config);
            config.dangerous().set_certificate_verifier(verifier.clone());
            Arc::new(config)
        };
        Self { dedicated: pinned(self.dedicated), shared: pinned(self.shared), verifier, ..self }
    }

    /// The same, offering exactly those cipher suites of this crate that AWS IoT Core lists, with the recommended ones
    /// first: those with AES-128-GCM (AWS IoT Core developer guide, "Transport security"). It is what Device Advisor's
    /// TLS tests want to see. The default offers more, and AES-256-GCM first.
    #[must_use]
    pub fn with_aws_cipher_suites(self) -> Self {
        let provider = CryptoProvider { cipher_suites: AWS_CIPHER_SUITES.to_vec(), ..ring::default_provider() };
        let offering = |config: Arc<ClientConfig>| {
            let builder = builder_with(provider.clone(), &self.verifier);
            let mut offering = builder.with_client_cert_resolver(config.client_auth_cert_resolver.clone());
            offering.alpn_protocols.clone_from(&config.alpn_protocols);
            offering.time_provider = config.time_provider.clone();
            offering.resumption = Resumption::in_memory_sessions(SESSIONS);
            Arc::new(offering)
        };
        Self { dedicated: offering(self.dedicated), shared: offering(self.shared), ..self }
    }

    /// The same, with the time at which certificates have to be valid told by `unix_seconds`: seconds since 1970, or
    /// `None` for unknown, with which every handshake fails. The default is the operating system's clock.
    ///
    /// For devices that know the time before their operating system does.
    #[must_use]
    pub fn with_clock(self, unix_seconds: impl Fn() -> Option<u64> + Send + Sync + 'static) -> Self {
        let clock = Arc::new(Clock(unix_seconds));
        let with_clock = |config: Arc<ClientConfig>| {
            let mut config = Arc::unwrap_or_clone(config);
            config.time_provider = clock.clone();
            Arc::new(config)
        };
        Self { dedicated: with_clock(self.dedicated), shared: with_clock(self.shared), ..self }
    }

    /// The same with these application protocols (RFC 7301), the first one preferred, on every port; with none, none
    /// are named. The default is none, but on port 443 `x-amzn-mqtt-ca` with an identity and `mqtt` without, and
    /// `http/1.1` for WebSockets. Names are 1 to 255 bytes; others are left out.
    #[must_use]
    pub fn with_alpn<'a>(self, protocols: impl IntoIterator<Item = &'a str>) -> Self {
        let protocols = protocols.into_iter().filter(|name| (1..=255).contains(&name.len()));
        let protocols: Vec<_> = protocols.map(|name| name.as_bytes().to_vec()).collect();
        Self {
            #[cfg(feature = "websocket")]
            has_own_alpn: true,
            ..self.naming(&protocols)
        }
    }

    /// The same with what the server calls itself, where the endpoint is only the way there, as with a VPC endpoint or
    /// a tunnel: it is what the server is asked for (SNI, `Host`), and what its certificate has to be for.
    pub fn with_server_name(mut self, name: &str) -> Result<Self, EndpointError> {
        server_name(&Endpoint::new(name, SHARED_PORT)?)?;
        self.server_name = Some(name.to_owned());
        Ok(self)
    }

    /// The same for a WebSocket.
    #[cfg(feature = "websocket")]
    pub(crate) fn for_websocket(self) -> Self {
        if self.has_own_alpn { self } else { self.naming(&[ALPN_WEBSOCKET.to_vec()]) }
    }

    /// Sessions are not shared between protocols.
    fn naming(self, protocols: &[Vec<u8>]) -> Self {
        let naming = |config| {
            let mut config = forgetful(config);
            config.alpn_protocols = protocols.to_vec();
            Arc::new(config)
        };
        Self { dedicated: naming(self.dedicated), shared: naming(self.shared), ..self }
    }

    fn new(mut dedicated: ClientConfig, alpn: &[u8], verifier: Arc<Verifier>) -> Self {
        dedicated.resumption = Resumption::in_memory_sessions(SESSIONS);
        let mut shared = dedicated.clone();
        shared.resumption = Resumption::in_memory_sessions(SESSIONS);
        shared.alpn_protocols = vec![alpn.to_vec()];
        Self {
            dedicated: Arc::new(dedicated),
            shared: Arc::new(shared),
            #[cfg(feature = "websocket")]
            has_own_alpn: false,
            server_name: None,
            verifier,
            device: None,
            device_id: None,
        }
    }

    /// What the device's certificate says of itself, if it shows one.
    pub fn device(&self) -> Option<&CertificateInfo> {
        self.device.as_deref()
    }

    /// The id of the device's certificate in AWS IoT Core, which is the SHA-256 of its DER as hexadecimal digits.
    pub fn device_id(&self) -> Option<&str> {
        self.device_id.as_deref()
    }

    /// The subjects of the trusted roots, a hundred at most.
    pub fn roots(&self) -> Vec<String> {
        self.verifier.roots()
    }

    /// The application protocols that are named to the server at this port, the first one preferred.
    pub fn alpn(&self, port: u16) -> Vec<String> {
        let names = &self.config(port).alpn_protocols;
        names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect()
    }

    fn config(&self, port: u16) -> &Arc<ClientConfig> {
        if port == SHARED_PORT { &self.shared } else { &self.dedicated }
    }

    /// The server behind an endpoint, as it calls itself.
    pub(crate) fn server(&self, endpoint: &Endpoint) -> Endpoint {
        match &self.server_name {
            // It was checked when it was set.
            Some(name) => Endpoint::new(name, endpoint.port()).unwrap_or_else(|_| endpoint.clone()),
            None => endpoint.clone(),
        }
    }

    /// One connection to `endpoint`.
    pub(crate) fn connect(&self, endpoint: &Endpoint) -> Result<Tls, TlsError> {
        let config = self.config(endpoint.port());
        let name = server_name(&self.server(endpoint)).map_err(|error| TlsError::Other { why: error.to_string() })?;
        let connection =
            ClientConnection::new(config.clone(), name).map_err(|error| TlsError::Other { why: error.to_string() })?;
        Ok(Tls { connection, device: self.device.clone(), failed: None })
    }
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfig").finish_non_exhaustive()
    }
}

fn builder(verifier: &Arc<Verifier>) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    // The provider is named, so that no other part of the program can change it by installing a default.
    builder_with(ring::default_provider(), verifier)
}

fn builder_with(
    provider: CryptoProvider,
    verifier: &Arc<Verifier>,
) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .expect("ring has cipher suites for TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(verifier.clone())
}

/// The same configuration with no session to resume.
fn forgetful(config: Arc<ClientConfig>) -> ClientConfig {
    let mut config = Arc::unwrap_or_clone(config);
    config.resumption = Resumption::in_memory_sessions(SESSIONS);
    config
}

fn certificate_id(der: &[u8]) -> String {
    hexadecimal(digest::digest(&digest::SHA256, der).as_ref())
}

/// The name that the server's certificate must be for.
pub(crate) fn server_name(endpoint: &Endpoint) -> Result<ServerName<'static>, EndpointError> {
    let host = endpoint.host();
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(ServerName::from(address));
    }
    ServerName::try_from(host.to_owned()).map_err(|_| EndpointError::Host { host: host.to_owned() })
}

struct Clock<F>(F);

impl<F: Fn() -> Option<u64> + Send + Sync> TimeProvider for Clock<F> {
    fn current_time(&self) -> Option<UnixTime> {
        (self.0)().map(|seconds| UnixTime::since_unix_epoch(core::time::Duration::from_secs(seconds)))
    }
}

impl<F> fmt::Debug for Clock<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// One TLS connection, client side.
#[derive(Debug)]
pub(crate) struct Tls {
    connection: ClientConnection,
    /// What the device shows.
    device: Option<Arc<CertificateInfo>>,
    /// The first error; there is no way back from it.
    failed: Option<TlsError>,
}

/// What the peer has said about the future of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// More may come.
    Open,
    /// The peer has said goodbye: nothing more comes, and what still does is ignored.
    Finished,
}

impl Tls {
    /// Takes bytes from the wire: plaintext goes to `plain`, what the protocol has to answer goes to `reply`. All of
    /// `wire` is taken; without any, the handshake begins. After an error there may be an alert in `reply`, and
    /// plaintext from before it in `plain`; the same error comes from then on.
    pub(crate) fn receive(
        &mut self,
        mut wire: &[u8],
        plain: &mut BytesMut,
        reply: &mut BytesMut,
    ) -> Result<Flow, TlsError> {
        self.check()?;
        let mut flow = Flow::Open;
        // One call takes 4 KiB at most, and none while 16 KiB of plaintext are unread.
        while !wire.is_empty() && flow == Flow::Open && self.failed.is_none() {
            match self.process(&mut wire) {
                Ok(now) => flow = now,
                Err(error) => self.failed = Some(error),
            }
            self.drain(plain);
        }
        self.flush(reply);
        self.check().map(|()| flow)
    }

    /// Encrypts all of `plain` onto `wire`. Only once [`is_ready`](Self::is_ready).
    pub(crate) fn transmit(&mut self, plain: &mut BytesMut, wire: &mut BytesMut) -> Result<(), TlsError> {
        self.check()?;
        while !plain.is_empty() {
            // One call takes 64 KiB at most, less what is not flushed.
            let taken = self.connection.writer().write(plain).unwrap_or(0);
            plain.advance(taken);
            self.flush(wire);
            if taken == 0 {
                self.failed = Some(TlsError::Other { why: "the TLS layer takes no more data".to_owned() });
                return self.check();
            }
        }
        Ok(())
    }

    /// The handshake is over, and the peer is who it should be.
    pub(crate) fn is_ready(&self) -> bool {
        !self.connection.is_handshaking()
    }

    /// What was agreed on; `None` before the end of the handshake.
    pub(crate) fn info(&self) -> Option<TlsInfo> {
        if !self.is_ready() {
            return None;
        }
        let connection = &self.connection;
        let shown = connection.peer_certificates().unwrap_or_default();
        // No other versions are offered.
        let version = if connection.protocol_version()? == ProtocolVersion::TLSv1_3 { "1.3" } else { "1.2" };
        let cipher_suite = connection.negotiated_cipher_suite()?.suite();
        Some(TlsInfo {
            version: version.to_owned(),
            cipher_suite: cipher_suite.as_str().map_or_else(|| format!("{cipher_suite:?}"), str::to_owned),
            alpn: connection.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
            chain: shown.iter().filter_map(|der| Certificate::read(der)).map(|read| read.info).collect(),
        })
    }

    /// Writes the goodbye.
    pub(crate) fn close(&mut self, wire: &mut BytesMut) {
        if self.failed.is_none() {
            self.connection.send_close_notify();
            self.flush(wire);
        }
    }

    fn check(&self) -> Result<(), TlsError> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    fn process(&mut self, wire: &mut &[u8]) -> Result<Flow, TlsError> {
        let taken = self.connection.read_tls(wire).map_err(|error| TlsError::Other { why: error.to_string() })?;
        let state = self.connection.process_new_packets().map_err(|error| self.name(&error))?;
        Ok(if taken == 0 || state.peer_has_closed() { Flow::Finished } else { Flow::Open })
    }

    fn drain(&mut self, plain: &mut BytesMut) {
        let mut reader = self.connection.reader();
        // An error only says that there is nothing more to read for now.
        while let Ok(chunk) = reader.fill_buf() {
            let len = chunk.len();
            if len == 0 {
                break;
            }
            plain.extend_from_slice(chunk);
            reader.consume(len);
        }
    }

    fn flush(&mut self, wire: &mut BytesMut) {
        let mut wire = wire.writer();
        // Writing to memory cannot fail.
        while self.connection.wants_write() && self.connection.write_tls(&mut wire).is_ok() {}
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the library adds errors in minor versions")]
    fn name(&self, error: &rustls::Error) -> TlsError {
        // The version is known from the server's first message on.
        let unheard = self.connection.protocol_version().is_none();
        match error {
            rustls::Error::InvalidMessage(_) if unheard => TlsError::NotTls,
            rustls::Error::AlertReceived(alert) => self.name_alert(*alert),
            rustls::Error::InvalidCertificate(why) => told(why),
            other => TlsError::Other { why: other.to_string() },
        }
    }

    fn name_alert(&self, alert: AlertDescription) -> TlsError {
        use AlertDescription as A;
        let name = format!("{alert:?}");
        // With these a server speaks of the certificate that it was shown, or of the proof that goes with it.
        let is_about_device = matches!(
            alert,
            A::BadCertificate
                | A::UnsupportedCertificate
                | A::CertificateRevoked
                | A::CertificateExpired
                | A::CertificateUnknown
                | A::UnknownCA
                | A::AccessDenied
                | A::DecryptError
        );
        let wants_one = matches!(alert, A::CertificateRequired | A::NoCertificate);
        if wants_one || is_about_device && self.device.is_some() {
            let certificate = self.device.as_deref().cloned().map(Box::new);
            return TlsError::DeviceRefused { certificate, alert: name };
        }
        TlsError::Alert { name }
    }
}
