//! The flags: those of the sample `basicPubSub` of the AWS IoT Device SDK v1 for Python, and `--count`.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, ValueEnum};
use thingwire_std::{CredentialsSource, Options, SetupError, Topic, WebSocketConfig};

/// Publishes a message a second, and prints what arrives on the same topic.
#[derive(Debug, Parser)]
pub(crate) struct Arguments {
    /// The account's endpoint; without it, a double of AWS IoT Core is started in this process.
    #[arg(short, long, requires = "root_ca")]
    endpoint: Option<String>,
    /// The file with the root certificate, as PEM.
    #[arg(short, long = "rootCA", value_name = "PATH", requires = "endpoint")]
    root_ca: Option<PathBuf>,
    /// The file with the device's certificate, as PEM.
    #[arg(short, long, value_name = "PATH", requires = "endpoint")]
    cert: Option<PathBuf>,
    /// The file with the device's private key, as PEM.
    #[arg(short, long, value_name = "PATH", requires = "endpoint")]
    key: Option<PathBuf>,
    /// The endpoint's port; without it 8883, and 443 with --websocket.
    #[arg(short, long)]
    port: Option<u16>,
    /// Speak MQTT in a WebSocket, signed with the AWS credentials in the environment or in the shared files.
    #[arg(short, long)]
    pub(crate) websocket: bool,
    /// Who to be; `-id` works too.
    #[arg(long, alias = "clientId", value_name = "ID", default_value = "basicPubSub")]
    pub(crate) client_id: String,
    /// Where to publish, and what to subscribe to.
    #[arg(short, long, default_value = "sdk/test/Rust")]
    pub(crate) topic: Topic,
    /// What to do.
    #[arg(short, long, value_enum, default_value_t = Mode::Both)]
    pub(crate) mode: Mode,
    /// The text to publish.
    #[arg(short = 'M', long, default_value = "Hello World!")]
    pub(crate) message: String,
    /// How many messages to publish and to wait for; without it, there is no end.
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    Both,
    Publish,
    Subscribe,
}

impl Arguments {
    /// The flags of this process.
    pub(crate) fn read() -> Self {
        // The old sample's `-id` has one dash and two letters, which clap would take for `-i -d`.
        let flags = std::env::args_os().map(|flag| if flag == "-id" { "--client-id".into() } else { flag });
        let arguments = Self::parse_from(flags);
        let Self { endpoint, cert, key, websocket, .. } = &arguments;
        let refuse = |kind, why| Self::command().error(kind, why).exit();
        if *websocket && (cert.is_some() || key.is_some()) {
            refuse(ErrorKind::ArgumentConflict, "X.509 certificates and WebSockets are mutually exclusive; pick one");
        }
        if !websocket && endpoint.is_some() && (cert.is_none() || key.is_none()) {
            refuse(ErrorKind::MissingRequiredArgument, "--cert and --key are missing, or --websocket");
        }
        arguments
    }

    /// How to connect, where the flags say where to.
    pub(crate) fn options(&self) -> Option<Result<Options, SetupError>> {
        let Self { endpoint: Some(host), root_ca: Some(root), client_id, .. } = self else { return None };
        let endpoint = format!("{host}:{}", self.port.unwrap_or(if self.websocket { 443 } else { 8883 }));
        if self.websocket {
            let websocket = WebSocketConfig::signed(CredentialsSource::default_chain());
            return Some(Options::websocket_from_path(&endpoint, client_id, websocket, root));
        }
        let (Some(cert), Some(key)) = (&self.cert, &self.key) else { return None };
        Some(Options::mtls_from_path(&endpoint, client_id, cert, key, root))
    }
}
