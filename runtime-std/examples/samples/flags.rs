//! The flags of the samples, which are those of the AWS IoT Device SDK v1 for Python, whichever the runtime.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, Parser, ValueEnum};
use thingwire_core::sources::SharedFiles;
use thingwire_core::transport::{Authorizer, Credentials, CredentialsSource, ProxyConfig, WebSocketConfig};
use thingwire_core::{Options, SetupError, Topic};
use thingwire_sim::double::{Double, Visitors};

use super::scratch;

/// How long the server may take for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// The access key that the double knows.
pub(crate) const ACCESS_KEY: (&str, &str) = ("AKIDEXAMPLE", "known-to-the-double-alone");
/// A double is in no region, and takes a signature for any.
pub(crate) const REGION: &str = "eu-west-1";

/// What ends a sample.
pub(crate) type Failure = Box<dyn Error>;

/// A sample: its flags are read, and what it fails with is told in a line.
pub(crate) fn main<T: Parser>(run: impl FnOnce(&T) -> Result<(), Failure>) -> ExitCode {
    // The old samples' `-id` has one dash and two letters, which clap would take for `-i -d`.
    let flags = std::env::args_os().map(|flag| if flag == "-id" { "--client-id".into() } else { flag });
    let arguments = T::parse_from(flags);
    let ended = run(&arguments);
    scratch::remove();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", env!("CARGO_CRATE_NAME"));
            ExitCode::FAILURE
        }
    }
}

/// Where to connect, and as whom.
#[derive(Debug, Args)]
pub(crate) struct Connection {
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
    /// The endpoint's port; without it 8883, and 443 with --websocket or a custom authorizer.
    #[arg(short, long, requires = "endpoint")]
    port: Option<u16>,
    /// Speak MQTT in a WebSocket, signed with the AWS credentials in the environment or in the shared files.
    #[arg(short, long)]
    websocket: bool,
    /// The profile of the shared files to sign with.
    #[arg(long, value_name = "NAME", requires = "endpoint")]
    profile: Option<String>,
    /// The AWS region to sign for; without it, the one that the endpoint names.
    #[arg(long, requires = "websocket")]
    region: Option<String>,
    /// Go through this proxy: `http://[USER:PASSWORD@]HOST[:PORT]`, or the same with socks5.
    #[arg(long, value_name = "URL")]
    proxy: Option<String>,
    /// Ask the custom authorizer of this name.
    #[arg(long, value_name = "NAME", requires = "endpoint")]
    authorizer_name: Option<String>,
    /// The name of the key under which the custom authorizer looks for its token.
    #[arg(long, value_name = "KEY", requires_all = ["authorizer_name", "authorizer_token"])]
    authorizer_token_key: Option<String>,
    /// The token; better in the environment, where other users of this machine cannot see it.
    #[arg(long, value_name = "TOKEN", env = "AUTHORIZER_TOKEN", hide_env_values = true)]
    authorizer_token: Option<String>,
    /// The token's signature in base64; better in the environment as well.
    #[arg(long, value_name = "SIGNATURE", env = "AUTHORIZER_SIGNATURE", hide_env_values = true)]
    authorizer_signature: Option<String>,
    /// Who to be; without it the sample's own name. `-id` works too.
    #[arg(long, alias = "clientId", value_name = "ID")]
    client_id: Option<String>,
}

/// The thing of the samples of device shadows.
#[derive(Debug, Args)]
pub(crate) struct Thing {
    /// The thing whose shadow it is.
    #[arg(short = 'n', long, alias = "thingName", value_name = "NAME", default_value = "Bot")]
    pub(crate) thing_name: String,
    /// After how many it ends; without it, there is no end.
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,
}

/// Publishing a message a second, and printing what arrives on the same topic.
#[derive(Debug, Args)]
pub(crate) struct PubSub {
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

impl Connection {
    /// How to connect, and the double to connect to if there is one, which serves until it is dropped.
    ///
    /// Where flags exclude or need each other, the process ends as it does for other mistakes in them.
    pub(crate) fn way(&self, default_id: &str) -> Result<(Options, Option<Double>), Failure> {
        self.check().unwrap_or_else(|(kind, why)| clap::Error::raw(kind, format!("{why}\n")).exit());
        let id = self.client_id.as_deref().unwrap_or(default_id);
        let (options, double) = match self.options(id) {
            Some(options) => (options?, None),
            None => {
                let double = start(Visitors::new().access_key(ACCESS_KEY.0, ACCESS_KEY.1))?;
                (self.options_for(&double, id)?, Some(double))
            }
        };
        Ok((self.with_proxy(options)?, double))
    }

    fn check(&self) -> Result<(), (ErrorKind, &'static str)> {
        let Self { cert, key, websocket, .. } = self;
        let authorizer = self.authorizer_name.is_some();
        if (*websocket || authorizer) && (cert.is_some() || key.is_some()) {
            let why = "X.509 certificates are mutually exclusive with WebSockets and custom authorizers; pick one";
            return Err((ErrorKind::ArgumentConflict, why));
        }
        if self.endpoint.is_some() && !websocket && !authorizer && (cert.is_none() || key.is_none()) {
            let why = "missing credentials for authentication: give --cert and --key, or --websocket";
            return Err((ErrorKind::MissingRequiredArgument, why));
        }
        if self.profile.is_some() && (authorizer || !websocket) {
            let why = "--profile is for signing: give --websocket, and no custom authorizer";
            return Err((ErrorKind::ArgumentConflict, why));
        }
        Ok(())
    }

    fn with_proxy(&self, options: Options) -> Result<Options, SetupError> {
        Ok(match &self.proxy {
            Some(url) => options.with_proxy(ProxyConfig::parse(url)?),
            None => options,
        })
    }

    /// How to connect, where the flags say where to.
    fn options(&self, id: &str) -> Option<Result<Options, SetupError>> {
        let Self { endpoint: Some(host), root_ca: Some(root), cert, key, websocket, .. } = self else { return None };
        let is_shared = *websocket || self.authorizer_name.is_some();
        let endpoint = format!("{host}:{}", self.port.unwrap_or(if is_shared { 443 } else { 8883 }));
        Some(match (self.authorizer(), websocket, cert, key) {
            (Some(authorizer), false, ..) => Options::authorizer_from_path(&endpoint, id, authorizer, root),
            (Some(authorizer), true, ..) => {
                let options = Options::websocket_from_path(&endpoint, id, WebSocketConfig::new(), root);
                options.map(|options| options.with_authorizer(authorizer))
            }
            (None, false, Some(cert), Some(key)) => Options::mtls_from_path(&endpoint, id, cert, key, root),
            (None, ..) => Options::websocket_from_path(&endpoint, id, self.signed(), root),
        })
    }

    fn signed(&self) -> WebSocketConfig {
        let source = match &self.profile {
            Some(name) => CredentialsSource::shared_files(SharedFiles::new().with_profile(name)),
            None => CredentialsSource::default_chain(),
        };
        let config = WebSocketConfig::signed(source);
        match &self.region {
            Some(region) => config.with_region(region),
            None => config,
        }
    }

    fn authorizer(&self) -> Option<Authorizer> {
        let mut authorizer = Authorizer::new(self.authorizer_name.as_ref()?);
        if let (Some(key), Some(token)) = (&self.authorizer_token_key, &self.authorizer_token) {
            authorizer = authorizer.with_token(key, token.as_str());
        }
        if let Some(signature) = &self.authorizer_signature {
            authorizer = authorizer.with_signature(signature.as_str());
        }
        Some(authorizer)
    }

    /// The whole of mutual TLS, with the certificates that the double has made for itself, or of a signed WebSocket.
    fn options_for(&self, double: &Double, id: &str) -> Result<Options, Failure> {
        let (endpoint, root) = (double.endpoint(), double.ca_path());
        if self.websocket {
            let websocket = WebSocketConfig::signed(Credentials::new(ACCESS_KEY.0, ACCESS_KEY.1)?).with_region(REGION);
            return Ok(Options::websocket_from_path(&endpoint, id, websocket, root)?);
        }
        Ok(Options::mtls_from_path(&endpoint, id, double.cert_path(), double.key_path(), root)?)
    }
}

/// A double of AWS IoT Core in this process.
pub(crate) fn start(visitors: Visitors) -> Result<Double, Failure> {
    let double = Double::options().visitors(visitors).dir(scratch::folder()?.join("double")).start()?;
    println!("No endpoint given: started a double of AWS IoT Core at {}", double.endpoint());
    Ok(double)
}

/// Tells how another sample reaches the double, if there is one.
pub(crate) fn invite_to(double: Option<&Double>) {
    if let Some(double) = double {
        let (root, cert, key) = (double.ca_path(), double.cert_path(), double.key_path());
        let flags = format!("-r {} -c {} -k {}", root.display(), cert.display(), key.display());
        println!("Others join with -e localhost -p {} {flags}", double.port());
    }
}
