//! What the samples of device shadows have in common: the flags of those of the AWS IoT Device SDK v1 for Python, and
//! how to connect.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser};
use thingwire_sim::double::Double;
use thingwire_std::{Client, Deltas, Options};

/// How long the server may take for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
pub(crate) struct Connection {
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
    /// The thing whose shadow it is.
    #[arg(short = 'n', long, alias = "thingName", value_name = "NAME", default_value = "Bot")]
    pub(crate) thing_name: String,
    /// After how many it ends; without it, there is no end.
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,
}

/// The flags of this process.
pub(crate) fn read<T: Parser>() -> T {
    // The old samples' `-id` has one dash and two letters, which clap would take for `-i -d`.
    T::parse_from(std::env::args_os().map(|flag| if flag == "-id" { "--client-id".into() } else { flag }))
}

impl Connection {
    /// A client that is ready, and the double that it talks to if there is one, which serves until it is dropped.
    pub(crate) fn open(&self, client_id: &str) -> Result<(Client, Option<Double>), Box<dyn Error>> {
        let Self { endpoint: Some(host), root_ca: Some(root), cert: Some(cert), key: Some(key), .. } = self else {
            let double = Double::start()?;
            println!("No endpoint given: started a double of AWS IoT Core at {}", double.endpoint());
            let (root, cert, key) = (double.ca_path(), double.cert_path(), double.key_path());
            let client = connect(Options::mtls_from_path(&double.endpoint(), client_id, cert, key, root)?)?;
            return Ok((client, Some(double)));
        };
        let endpoint = format!("{host}:{}", self.port);
        Ok((connect(Options::mtls_from_path(&endpoint, client_id, cert, key, root)?)?, None))
    }
}

/// Waits until the deltas are subscribed to, and tells how another sample reaches the double, if there is one.
#[allow(dead_code, reason = "the updater waits for nobody")]
pub(crate) fn invite(deltas: &Deltas, double: Option<&Double>) -> Result<(), Box<dyn Error>> {
    if deltas.granted(PATIENCE).is_none() {
        return Err("the server does not grant the subscription to the deltas; check the policy".into());
    }
    if let Some(double) = double {
        let (root, cert, key) = (double.ca_path(), double.cert_path(), double.key_path());
        let flags = format!("-r {} -c {} -k {}", root.display(), cert.display(), key.display());
        println!("Others join with -e localhost -p {} {flags}", double.port());
    }
    Ok(())
}

fn connect(options: Options) -> Result<Client, Box<dyn Error>> {
    let client = Client::connect(options)?;
    // From here on a lost connection comes back by itself. A first one that fails is more likely a wrong flag.
    client.wait_ready_or_error(PATIENCE)?;
    Ok(client)
}
