//! A relay on a serial port, and its shadow.
//!
//! On its own it plays the relay behind a terminal, starts a double of AWS IoT Core, and has somebody switch it, in the
//! cloud and by hand:
//!
//! ```text
//! cargo run --example thing_relay -- --count 4
//! ```
//!
//! With `--device /dev/serial/by-id/…` the relay is a real one, and with `-e ENDPOINT -r ROOT -c CERTIFICATE -k KEY` so is
//! AWS IoT Core. `thingwire thing run` does the same with a file.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a sample shows what it does")]

#[path = "../samples/mod.rs"]
mod samples;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use samples::things::{Scene, ThingFlags, device, show};
use samples::{Connection, Failure, PATIENCE};
use thingwire_core::thing::lines::{Lines, words};
use thingwire_core::thing::{Port, Thing};
use thingwire_std::ThingOptions;

/// A relay on a serial port, and its shadow.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    thing: ThingFlags,
    /// Where the relay is: the path of a serial port, HOST:PORT or unix:PATH; without it, one is played.
    #[arg(long, value_name = "PORT")]
    device: Option<Port>,
}

fn main() -> ExitCode {
    samples::main(run)
}

/// A relay that says RELAYON and RELAYOFF, and does what it is told in the same words.
fn relay() -> Lines {
    Lines::new("relay")
        .property("relayState", words([("ON", true), ("OFF", false)]))
        .query("RELAY?", "RELAY{relayState}")
        .command("relayState", "RELAY{relayState}")
        .poll_every(Duration::from_secs(5))
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (client, double) = arguments.connection.open("ThingRelay")?;
    let (port, played) = device(arguments.device.as_ref(), &relay())?;
    let builder = Thing::builder().component("relay", relay().build()?);
    let thing = client.run_thing(ThingOptions::new(builder, arguments.thing.shadow()?).port("relay", port))?;

    let mut scenes = Vec::new();
    if let Some(relay) = &played {
        scenes.push(Scene::cloud("relayState", false));
        scenes.push(Scene::hand("relayState", true, || Ok(relay.turn("relayState", "ON")?)));
    }
    show(&thing, &arguments.thing, double.as_ref(), &scenes)?;
    thing.stop(PATIENCE);
    client.stop(PATIENCE);
    Ok(())
}
