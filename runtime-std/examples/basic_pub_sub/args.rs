//! The flags: those of the sample `basicPubSub` of the AWS IoT Device SDK v1 for Python, and `--count`.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use thingwire_std::{Options, SetupError, Topic};

/// Publishes a message a second, and prints what arrives on the same topic.
#[derive(Debug, Parser)]
pub(crate) struct Arguments {
    /// The account's endpoint; without it, a double of AWS IoT Core is started in this process.
    #[arg(short, long, requires_all = ["root_ca", "cert", "key"])]
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
    /// The endpoint's port.
    #[arg(short, long, default_value_t = 8883)]
    port: u16,
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
        Self::parse_from(std::env::args_os().map(|flag| if flag == "-id" { "--client-id".into() } else { flag }))
    }

    /// How to connect, where the flags say where to.
    pub(crate) fn options(&self) -> Option<Result<Options, SetupError>> {
        let Self { endpoint: Some(host), root_ca: Some(root), cert: Some(cert), key: Some(key), .. } = self else {
            return None;
        };
        let endpoint = format!("{host}:{}", self.port);
        Some(Options::mtls_from_path(&endpoint, &self.client_id, cert, key, root))
    }
}
