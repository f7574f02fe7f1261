//! A thermostat in the network, and its shadow: the room is only read, and reported when it has changed enough; who turns
//! the knob takes back what the cloud has wished.
//!
//! On its own it plays the thermostat behind a TCP port, starts a double of AWS IoT Core, and has somebody use both:
//!
//! ```text
//! cargo run --example thing_thermostat -- --count 4
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a sample shows what it does")]

#[path = "../samples/mod.rs"]
mod samples;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use samples::things::{Scene, ThingFlags, show, tcp_device};
use samples::{Connection, Failure, PATIENCE};
use thingwire_core::thing::lines::{Lines, decimal, scaled};
use thingwire_core::thing::{Authority, Policy, Port, Thing};
use thingwire_std::ThingOptions;

/// A thermostat in the network, and its shadow.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    thing: ThingFlags,
    /// Where the thermostat is: HOST:PORT, unix:PATH, or the path of a serial port; without it, one is played.
    #[arg(long, value_name = "PORT")]
    device: Option<Port>,
}

fn main() -> ExitCode {
    samples::main(run)
}

/// It says the room in tenths of a degree, and the target with a point.
fn thermostat() -> Lines {
    Lines::new("thermostat")
        .property("room", scaled(-400..=850, 10))
        .property("target", decimal(5.0..=30.0, 1))
        .query("ROOM", "ROOM {room}")
        .query("TARGET", "TARGET {target}")
        .command("target", "TARGET {target}")
        .poll_every(Duration::from_secs(2))
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (client, double) = arguments.connection.open("ThingThermostat")?;
    let (port, played) = tcp_device(arguments.device.as_ref(), &thermostat())?;
    if let Some(thermostat) = &played {
        thermostat.turn("room", "195")?;
        thermostat.turn("target", "20.0")?;
    }
    let builder = Thing::builder()
        .component("thermostat", thermostat().build()?)
        .policy("room", Policy::new().deadband(0.5).report_at_least_every(Duration::from_secs(3_600)))
        .policy("target", Policy::new().authority(Authority::LocalClears));
    let thing = client.run_thing(ThingOptions::new(builder, arguments.thing.shadow()?).port("thermostat", port))?;

    let mut scenes = Vec::new();
    if let Some(thermostat) = &played {
        scenes.push(Scene::cloud("target", 21.5));
        scenes.push(Scene::hand("target", 19.0, || Ok(thermostat.turn("target", "19.0")?)));
        scenes.push(Scene::hand("room", 20.5, || Ok(thermostat.turn("room", "205")?)));
        scenes.push(Scene::hand("room", 18.0, || Ok(thermostat.turn("room", "180")?)));
    }
    show(&thing, &arguments.thing, double.as_ref(), &scenes)?;
    thing.stop(PATIENCE);
    client.stop(PATIENCE);
    Ok(())
}
