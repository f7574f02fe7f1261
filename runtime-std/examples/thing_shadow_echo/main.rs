//! A thing that does whatever is wanted of it: reports every delta of its shadow as its state.
//!
//! On its own it starts a double of AWS IoT Core, and tells how to join that:
//!
//! ```text
//! cargo run --example thing_shadow_echo
//! ```
//!
//! In another terminal, `cargo run --example basic_shadow_updater --` with the flags that it has printed gives it
//! something to do. With `-e ENDPOINT -r ROOT -c CERTIFICATE -k KEY` both talk to AWS IoT Core,
//! and with `-w` instead of the certificate and its key in a WebSocket.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a sample shows what it does")]

#[path = "../samples/mod.rs"]
mod samples;

use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use clap::Parser;
use samples::{Connection, Failure, PATIENCE, Thing};
use thingwire_std::{Delta, Shadow, ShadowUpdate};

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
    samples::main(run)
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (client, double) = arguments.connection.open("ThingShadowEcho")?;
    let shadow = client.shadow(&arguments.thing.thing_name)?.timeout(TIMEOUT);
    let (done, echoes) = mpsc::channel();
    let deltas = shadow.deltas()?;
    samples::invite(&deltas, double.as_ref())?;
    let delivery = deltas.deliver_to(move |shadow, delta| {
        match echo(shadow, &delta) {
            Ok(()) => println!("Sent."),
            // What still differs comes again with the next change, or when the connection is back.
            Err(error) => eprintln!("version {}: {error}", delta.version),
        }
        // Nobody counts any more: it is over.
        let _ = done.send(());
    })?;
    for () in echoes.iter().take(usize::try_from(arguments.thing.count.unwrap_or(u64::MAX))?) {}
    delivery.end();
    client.stop(PATIENCE);
    Ok(())
}

/// Called with each delta: it may use the shadow, and wait for the answer.
fn echo(shadow: &Shadow, delta: &Delta) -> Result<(), Failure> {
    println!("Received a delta message:\n{}", delta.state);
    println!("Request to update the reported state...");
    // As it came, whatever is in it.
    let update = format!(r#"{{"state":{{"reported":{}}}}}"#, delta.state);
    shadow.update(ShadowUpdate::from_json(update)?)?.answer()?;
    Ok(())
}
