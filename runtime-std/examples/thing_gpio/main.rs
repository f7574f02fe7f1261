//! A pin of a processor, and its shadow: a component without lines and without a port.
//!
//! On its own it takes a file for the pin, starts a double of AWS IoT Core, and has somebody switch it, in the cloud and
//! by hand:
//!
//! ```text
//! cargo run --example thing_gpio -- --count 4
//! ```
//!
//! With `--pin /sys/class/gpio/gpio17/value` it is a real one.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a sample shows what it does")]

#[path = "../samples/mod.rs"]
mod samples;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use samples::things::{Scene, ThingFlags, show};
use samples::{Connection, Failure, PATIENCE};
use serde_json::Value;
use thingwire_core::Instant;
use thingwire_core::thing::{
    Access, Component, ComponentAction, ComponentEvent, Failure as SetFailure, Property, PropertyId, Thing, Unfit,
};
use thingwire_std::ThingOptions;

/// A pin of a processor, and its shadow.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    thing: ThingFlags,
    /// The file that is the pin, with 0 or 1 in it; without it, one is made.
    #[arg(long, value_name = "PATH")]
    pin: Option<PathBuf>,
}

/// How often it is looked whether somebody else has switched it.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A pin as a file. It is read and written at once, so there is nothing to wait for but the next look.
struct Pin {
    path: PathBuf,
    properties: [Property; 1],
    look_at: Option<Instant>,
    known: Option<bool>,
}

impl Pin {
    const LED: PropertyId = PropertyId(0);

    fn new(path: PathBuf) -> Self {
        Self { path, properties: [Property::new("led", Access::ReadWrite)], look_at: None, known: None }
    }

    fn look(&mut self, now: Instant, actions: &mut Vec<ComponentAction>) {
        self.look_at = Some(now + LOOK_EVERY);
        // What cannot be read says nothing.
        let Ok(text) = std::fs::read_to_string(&self.path) else { return };
        let led = text.trim() == "1";
        if self.known.replace(led) != Some(led) {
            actions.push(ComponentAction::Heard(Self::LED, led.into()));
        }
    }

    fn switch(&self, on: bool) -> io::Result<()> {
        std::fs::write(&self.path, if on { "1\n" } else { "0\n" })
    }
}

impl Component for Pin {
    fn properties(&self) -> &[Property] {
        &self.properties
    }

    fn handle(&mut self, now: Instant, event: ComponentEvent<'_>, actions: &mut Vec<ComponentAction>) {
        match event {
            ComponentEvent::Up | ComponentEvent::Refresh => {
                self.known = None;
                self.look(now, actions);
            }
            ComponentEvent::Wake if self.look_at.is_some_and(|at| at <= now) => self.look(now, actions),
            ComponentEvent::Set { id, value, .. } => match self.switch(value == true) {
                Ok(()) => {
                    self.look(now, actions);
                    actions.push(ComponentAction::Done(id));
                }
                Err(error) => {
                    let line = format!("{}: {error}", self.path.display());
                    actions.push(ComponentAction::Failed(id, SetFailure::Refused { line }));
                }
            },
            ComponentEvent::Down => self.look_at = None,
            ComponentEvent::Wake | ComponentEvent::Received(_) => {}
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.look_at
    }

    fn check(&self, _: PropertyId, value: &Value) -> Result<(), Unfit> {
        if value.is_boolean() { Ok(()) } else { Err(Unfit(format!("{value} is neither true nor false"))) }
    }
}

fn main() -> ExitCode {
    samples::main(run)
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (client, double) = arguments.connection.open("ThingGpio")?;
    let path = match &arguments.pin {
        Some(pin) => pin.clone(),
        None => {
            let path = samples::scratch::folder()?.join("value");
            std::fs::write(&path, "0\n")?;
            println!("No pin given: a file is taken for one");
            path
        }
    };
    let builder = Thing::builder().component("pin", Pin::new(path.clone()));
    let thing = client.run_thing(ThingOptions::new(builder, arguments.thing.shadow()?))?;

    let mut scenes = Vec::new();
    if arguments.pin.is_none() {
        scenes.push(Scene::cloud("led", true));
        scenes.push(Scene::hand("led", false, || Ok(std::fs::write(&path, "0\n")?)));
    }
    show(&thing, &arguments.thing, double.as_ref(), &scenes)?;
    thing.stop(PATIENCE);
    client.stop(PATIENCE);
    Ok(())
}
