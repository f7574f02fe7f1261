//! Prints what is wanted of a thing and is not so yet: the deltas of its shadow.
//!
//! On its own it starts a double of AWS IoT Core, and tells how to join that:
//!
//! ```text
//! cargo run --example basic_shadow_delta_listener
//! ```
//!
//! In another terminal, `cargo run --example basic_shadow_updater --` with the flags that it has printed gives it
//! something to print. With `-e ENDPOINT -r ROOT -c CERTIFICATE -k KEY` both talk to AWS IoT Core,
//! and with `-w` instead of the certificate and its key in a WebSocket.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a sample shows what it does")]

#[path = "../samples/mod.rs"]
mod samples;

use std::process::ExitCode;

use clap::Parser;
use samples::{Connection, Failure, PATIENCE, Thing};
use serde_json::Value;

/// Prints what is wanted of a thing and is not so yet: the deltas of its shadow.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    thing: Thing,
}

fn main() -> ExitCode {
    samples::main(run)
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (client, double) = arguments.connection.open("basicShadowDeltaListener")?;
    let shadow = client.shadow(&arguments.thing.thing_name)?;
    let deltas = shadow.deltas()?;
    samples::invite(&deltas, double.as_ref())?;
    // This waits for the next one, over lost connections too.
    for (_, delta) in (0..arguments.thing.count.unwrap_or(u64::MAX)).zip(deltas) {
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
