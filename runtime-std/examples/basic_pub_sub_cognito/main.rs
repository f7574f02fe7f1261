//! Publishes a message a second, and prints what arrives on the same topic, as an unauthenticated identity of an identity
//! pool of Amazon Cognito: in a WebSocket that is signed with the credentials that the pool hands out.
//!
//! On its own, against a double of AWS IoT Core and of Amazon Cognito that it starts itself:
//!
//! ```text
//! cargo run --example basic_pub_sub_cognito -- --count 5
//! ```
//!
//! Against AWS:
//!
//! ```text
//! cargo run --example basic_pub_sub_cognito -- -e abc-ats.iot.eu-west-1.amazonaws.com -r root.pem -C eu-west-1:01234567-...
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a sample shows what it does")]

#[path = "../samples/mod.rs"]
mod samples;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use samples::{ACCESS_KEY, Failure, PubSub, REGION};
use thingwire_sim::double::{Double, Visitors};
use thingwire_std::thingwire_core::host;
use thingwire_std::{CognitoPool, CredentialsSource, Options, WebSocketConfig};

/// The pool of the double.
const POOL: &str = "eu-west-1:00000000-0000-4000-8000-000000000000";
const TOKEN: &str = "known-to-the-double-alone-as-well";

/// Publishes a message a second, and prints what arrives on the same topic, as an identity of an Amazon Cognito pool.
#[derive(Debug, Parser)]
struct Arguments {
    /// The account's endpoint; without it, a double of AWS IoT Core and Amazon Cognito is started in this process.
    #[arg(short, long, requires_all = ["root_ca", "pool"])]
    endpoint: Option<String>,
    /// The file with the root certificate of both services, as PEM.
    #[arg(short, long = "rootCA", value_name = "PATH", requires = "endpoint")]
    root_ca: Option<PathBuf>,
    /// The identity pool, which has to allow unauthenticated identities.
    #[arg(short = 'C', long = "CognitoIdentityPoolID", value_name = "REGION:ID", requires = "endpoint")]
    pool: Option<String>,
    /// Who to be; `-id` works too.
    #[arg(long, alias = "clientId", value_name = "ID", default_value = "basicPubSub_CognitoSTS")]
    client_id: String,
    #[command(flatten)]
    work: PubSub,
}

fn main() -> ExitCode {
    samples::main(|arguments: &Arguments| {
        // The double serves until the end.
        let (options, _double) = arguments.options()?;
        arguments.work.run(&samples::connect(options)?)
    })
}

impl Arguments {
    fn options(&self) -> Result<(Options, Option<Double>), Failure> {
        let Self { endpoint, root_ca, pool, client_id, .. } = self;
        if let (Some(endpoint), Some(root), Some(pool)) = (endpoint, root_ca, pool) {
            let pool = CognitoPool::new(pool, host::roots(root)?)?;
            let websocket = WebSocketConfig::signed(CredentialsSource::cognito(pool));
            return Ok((Options::websocket_from_path(endpoint, client_id, websocket, root)?, None));
        }
        let double = samples::start(Visitors::new().cognito_pool(POOL, ACCESS_KEY.0, ACCESS_KEY.1, TOKEN))?;
        let (endpoint, root) = (double.endpoint(), double.ca_path());
        let pool = CognitoPool::new(POOL, host::roots(root)?)?.with_endpoint(&endpoint)?;
        let websocket = WebSocketConfig::signed(CredentialsSource::cognito(pool)).with_region(REGION);
        Ok((Options::websocket_from_path(&endpoint, client_id, websocket, root)?, Some(double)))
    }
}
