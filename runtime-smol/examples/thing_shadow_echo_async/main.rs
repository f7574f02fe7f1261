//! A thing that does whatever is wanted of it: reports every delta of its shadow as its state. It is
//! `thing_shadow_echo` of `thingwire-std`, async.
//!
//! On its own it starts a double of AWS IoT Core, and tells how to join that:
//!
//! ```text
//! cargo run --example thing_shadow_echo_async
//! ```
//!
//! In another terminal, `cargo run --example basic_shadow_updater --` with the flags that it has printed gives it
//! something to do. With `-e ENDPOINT -r ROOT -c CERTIFICATE -k KEY` both talk to AWS IoT Core,
//! and with `-w` instead of the certificate and its key in a WebSocket.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a sample shows what it does")]

#[path = "../samples/mod.rs"]
mod samples;

use std::process::ExitCode;
use std::time::Duration;

use async_executor::LocalExecutor;
use clap::Parser;
use futures_lite::StreamExt;
use futures_lite::future::block_on;
use samples::{Connection, Failure, Thing, in_time};
use thingwire_smol::{Delta, Shadow, ShadowUpdate};

/// How long an update may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A thing that does whatever is wanted of it: reports every delta of its shadow as its state.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    thing: Thing,
}

fn main() -> ExitCode {
    let executor = LocalExecutor::new();
    samples::main(|arguments: &Arguments| block_on(executor.run(run(arguments, &executor))))
}

async fn run(arguments: &Arguments, executor: &LocalExecutor<'_>) -> Result<(), Failure> {
    let (client, double) = arguments.connection.open("ThingShadowEcho", executor).await?;
    let shadow = client.shadow(&arguments.thing.thing_name)?.timeout(TIMEOUT);
    let deltas = shadow.deltas()?;
    samples::invite(&deltas, double.as_ref()).await?;
    let mut deltas = deltas.take(usize::try_from(arguments.thing.count.unwrap_or(u64::MAX))?);
    while let Some(delta) = deltas.next().await {
        match echo(&shadow, &delta).await {
            Ok(()) => println!("Sent."),
            // What still differs comes again with the next change, or when the connection is back.
            Err(error) => eprintln!("version {}: {error}", delta.version),
        }
    }
    in_time(client.stop()).await;
    Ok(())
}

/// Called with each delta: it uses the shadow, and waits for the answer.
async fn echo(shadow: &Shadow, delta: &Delta) -> Result<(), Failure> {
    println!("Received a delta message:\n{}", delta.state);
    println!("Request to update the reported state...");
    // As it came, whatever is in it.
    let update = format!(r#"{{"state":{{"reported":{}}}}}"#, delta.state);
    shadow.update(ShadowUpdate::from_json(update)?)?.await?;
    Ok(())
}
