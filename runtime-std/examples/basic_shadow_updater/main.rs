//! Removes the shadow of a thing, and then has it want another value of `property` every second.
//!
//! On its own, against a double of AWS IoT Core that it starts itself:
//!
//! ```text
//! cargo run --example basic_shadow_updater -- --count 5
//! ```
//!
//! With `-e ENDPOINT -r ROOT -c CERTIFICATE -k KEY` it talks to AWS IoT Core, or to the double that
//! `basic_shadow_delta_listener` has started and tells how to join.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a sample shows what it does")]

#[path = "../samples/mod.rs"]
mod samples;

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use samples::{Connection, Failure, PATIENCE, Thing};
use serde_json::{Value, json};
use thingwire_std::{Document, Refused, Shadow, ShadowError, ShadowPending, ShadowRequest, ShadowUpdate};

/// The time between two updates.
const PACE: Duration = Duration::from_secs(1);
/// How long each request may take.
const TIMEOUT: Duration = Duration::from_secs(5);
const LINE: &str = "~~~~~~~~~~~~~~~~~~~~~~~";

/// Removes the shadow of a thing, and then has it want another value of `property` every second.
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
    let (client, _double) = arguments.connection.open("basicShadowUpdater")?;
    let shadow = client.shadow(&arguments.thing.thing_name)?.timeout(TIMEOUT);
    finish("Delete", shadow.delete(), |_| {});
    for value in 0..arguments.thing.count.unwrap_or(u64::MAX) {
        if value > 0 {
            thread::sleep(PACE);
        }
        finish("Update", update(&shadow, value)?, |document| {
            let property = document.desired.as_ref().and_then(|desired| desired.get::<Value>("property"));
            println!("property: {}", property.and_then(Result::ok).unwrap_or_default());
        });
    }
    client.stop(PATIENCE);
    Ok(())
}

fn update(shadow: &Shadow, value: u64) -> Result<Result<ShadowPending, Refused<ShadowRequest>>, Failure> {
    Ok(shadow.update(ShadowUpdate::desired(&json!({ "property": value }))?))
}

/// Waits for the end of a request, and says what it was.
fn finish(what: &str, request: Result<ShadowPending, Refused<ShadowRequest>>, show: impl FnOnce(&Document)) {
    let pending = match request {
        Ok(pending) => pending,
        // While the connection is lost: the next one is only a second away.
        Err(refused) => return eprintln!("{what} request is not sent: {refused}"),
    };
    let token = pending.token();
    match pending.answer() {
        Ok(document) => {
            println!("{LINE}\n{what} request with token: {token} accepted!");
            show(&document);
            println!("{LINE}\n\n");
        }
        Err(ShadowError::Rejected(_)) => println!("{what} request {token} rejected!"),
        Err(ShadowError::TimedOut) => println!("{what} request {token} time out!"),
        Err(error) => eprintln!("{what} request {token}: {error}"),
    }
}
