//! A thing that does whatever is wanted of it: reports every delta of its shadow as its state.
//!
//! On its own it starts a double of AWS IoT Core, and tells how to join that:
//!
//! ```text
//! cargo run --example thing_shadow_echo
//! ```
//!
//! In another terminal, `cargo run --example basic_shadow_updater --` with the flags that it has printed gives it
//! something to do. With `-e ENDPOINT -r ROOT -c CERTIFICATE -k KEY` both talk to AWS IoT Core.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a sample shows what it does")]

#[path = "../shadow_samples/mod.rs"]
mod shadow_samples;

use std::error::Error;
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use clap::Parser;
use shadow_samples::{Connection, PATIENCE};
use thingwire_std::{Delta, Shadow, ShadowUpdate};

/// How long an update may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A thing that does whatever is wanted of it: reports every delta of its shadow as its state.
#[derive(Debug, Parser)]
struct Arguments {
    /// Who to be; `-id` works too.
    #[arg(long, alias = "clientId", value_name = "ID", default_value = "ThingShadowEcho")]
    client_id: String,
    #[command(flatten)]
    connection: Connection,
}

fn main() -> ExitCode {
    match run(&shadow_samples::read()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("thing_shadow_echo: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let (client, double) = arguments.connection.open(&arguments.client_id)?;
    let shadow = client.shadow(&arguments.connection.thing_name)?.timeout(TIMEOUT);
    let (done, echoes) = mpsc::channel();
    let deltas = shadow.deltas()?;
    shadow_samples::invite(&deltas, double.as_ref())?;
    let delivery = deltas.deliver_to(move |shadow, delta| {
        match echo(shadow, &delta) {
            Ok(()) => println!("Sent."),
            // What still differs comes again with the next change, or when the connection is back.
            Err(error) => eprintln!("version {}: {error}", delta.version),
        }
        // Nobody counts any more: it is over.
        let _ = done.send(());
    })?;
    for () in echoes.iter().take(usize::try_from(arguments.connection.count.unwrap_or(u64::MAX))?) {}
    delivery.end();
    client.stop(PATIENCE);
    Ok(())
}

/// Called with each delta: it may use the shadow, and wait for the answer.
fn echo(shadow: &Shadow, delta: &Delta) -> Result<(), Box<dyn Error>> {
    println!("Received a delta message:\n{}", delta.state);
    println!("Request to update the reported state...");
    // As it came, whatever is in it.
    let update = format!(r#"{{"state":{{"reported":{}}}}}"#, delta.state);
    shadow.update(ShadowUpdate::from_json(update)?)?.answer()?;
    Ok(())
}
