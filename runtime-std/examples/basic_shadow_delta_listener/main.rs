//! Prints what is wanted of a thing and is not so yet: the deltas of its shadow.
//!
//! On its own it starts a double of AWS IoT Core, and tells how to join that:
//!
//! ```text
//! cargo run --example basic_shadow_delta_listener
//! ```
//!
//! In another terminal, `cargo run --example basic_shadow_updater --` with the flags that it has printed gives it
//! something to print. With `-e ENDPOINT -r ROOT -c CERTIFICATE -k KEY` both talk to AWS IoT Core.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a sample shows what it does")]

#[path = "../shadow_samples/mod.rs"]
mod shadow_samples;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use serde_json::Value;
use shadow_samples::{Connection, PATIENCE};

/// Prints what is wanted of a thing and is not so yet: the deltas of its shadow.
#[derive(Debug, Parser)]
struct Arguments {
    /// Who to be; `-id` works too.
    #[arg(long, alias = "clientId", value_name = "ID", default_value = "basicShadowDeltaListener")]
    client_id: String,
    #[command(flatten)]
    connection: Connection,
}

fn main() -> ExitCode {
    match run(&shadow_samples::read()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("basic_shadow_delta_listener: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let (client, double) = arguments.connection.open(&arguments.client_id)?;
    let shadow = client.shadow(&arguments.connection.thing_name)?;
    let deltas = shadow.deltas()?;
    shadow_samples::invite(&deltas, double.as_ref())?;
    // This waits for the next one, over lost connections too.
    for (_, delta) in (0..arguments.connection.count.unwrap_or(u64::MAX)).zip(deltas) {
        let property = delta.state.get::<Value>("property").transpose()?.unwrap_or_default();
        println!("delta/{}", shadow.name().thing());
        println!("++++++++DELTA++++++++++");
        println!("property: {property}");
        println!("version: {}", delta.version);
        println!("+++++++++++++++++++++++\n\n");
    }
    client.stop(PATIENCE);
    Ok(())
}
