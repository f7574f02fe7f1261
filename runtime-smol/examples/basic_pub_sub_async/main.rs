//! Publishes a message a second, and prints what arrives on the same topic: `basic_pub_sub` of `thingwire-std`, async.
//!
//! On its own, against a double of AWS IoT Core that it starts itself:
//!
//! ```text
//! cargo run --example basic_pub_sub_async -- --count 5
//! ```
//!
//! Against AWS IoT Core, with the files that its console hands out:
//!
//! ```text
//! cargo run --example basic_pub_sub_async -- -e abc-ats.iot.eu-west-1.amazonaws.com -r root.pem -c device.pem -k device.key
//! ```
//!
//! With `-w` instead of the certificate and its key it speaks MQTT in a WebSocket, which it signs with the AWS
//! credentials in the environment or in `~/.aws/credentials`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a sample shows what it does")]

#[path = "../samples/mod.rs"]
mod samples;

use std::process::ExitCode;

use async_executor::LocalExecutor;
use clap::Parser;
use futures_lite::future::block_on;
use samples::{Connection, Failure, PubSub};

/// Publishes a message a second, and prints what arrives on the same topic.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    work: PubSub,
}

fn main() -> ExitCode {
    let executor = LocalExecutor::new();
    samples::main(|arguments: &Arguments| block_on(executor.run(run(arguments, &executor))))
}

async fn run(arguments: &Arguments, executor: &LocalExecutor<'_>) -> Result<(), Failure> {
    // The double serves until the end.
    let (client, _double) = arguments.connection.open("basicPubSub", executor).await?;
    arguments.work.run(&client).await
}
