//! A preamplifier and a projector on two serial ports, one shadow, and rules between them: the case study of pyIOT.
//!
//! The projector goes on with the input TV. When somebody switches the preamplifier off by hand, it goes on again with
//! the input AUX, and the projector off.
//!
//! On its own it plays both devices behind terminals, starts a double of AWS IoT Core, and has somebody use all of them:
//!
//! ```text
//! cargo run --example thing_preamp_projector -- --count 3
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a sample shows what it does")]

#[path = "../samples/mod.rs"]
mod samples;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use samples::things::{Scene, ThingFlags, device, show};
use samples::{Connection, Failure, PATIENCE};
use serde_json::json;
use thingwire_core::thing::lines::{Codec, Lines, codec, flag, template, words};
use thingwire_core::thing::{Changes, Port, RuleError, Thing, Wishes};
use thingwire_std::ThingOptions;

/// A preamplifier and a projector on two serial ports, one shadow, and rules between them.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    thing: ThingFlags,
    /// Where the preamplifier is: the path of a serial port, HOST:PORT or unix:PATH; without it, one is played.
    #[arg(long, value_name = "PORT")]
    preamp: Option<Port>,
    /// Where the projector is.
    #[arg(long, value_name = "PORT")]
    projector: Option<Port>,
}

fn main() -> ExitCode {
    samples::main(run)
}

/// Per cent for people, in steps of 2.5 dB for the device.
fn volume() -> Codec {
    codec(
        |text| {
            let decibels: f64 = text.parse().ok()?;
            (-95.5..=4.5).contains(&decibels).then_some(decibels + 95.5)
        },
        |value| {
            let percent = value.as_f64().filter(|percent| (0.0..=100.0).contains(percent))?;
            Some(format!("{:.1}", (percent / 2.5).round() * 2.5 - 95.5))
        },
    )
}

/// An Anthem AVM 20: it says what changes, and one line has most of it.
fn preamp() -> Lines {
    Lines::new("preamp")
        .property("power", words([("1", "ON"), ("0", "OFF")]))
        .property("input", words([("0", "CD"), ("3", "TV"), ("7", "AUX")]))
        .property("volume", volume())
        .property("muted", flag())
        .query("P1P?", "P1P{power}")
        .query("P1?", "P1S{input}V{volume}M{muted}D{_}E{_}")
        .when("power", "ON")
        .hears("P1S{input}")
        .hears("P1VM{volume}")
        .hears("P1M{muted}")
        .command("power", "P1P{power}")
        .command("input", "P1S{input}")
        .command("volume", "P1VM{volume}")
        .command("muted", "P1M{muted}")
        .refused_by("Invalid Command")
        .refresh_on("power")
        .terminator("\n")
        .poll_every(Duration::from_secs(2))
}

/// An Epson that speaks ESC/VP21: a colon ends its lines, and it listens to nobody while it warms up and cools down.
fn projector() -> Lines {
    Lines::new("projector")
        .property("projector", words([("00", "OFF"), ("01", "ON"), ("02", "WARMING"), ("03", "COOLING")]))
        .query("PWR?", "PWR={projector}\r")
        .command("projector", template("PWR {projector}").with("projector", words([("ON", "ON"), ("OFF", "OFF")])))
        .shown_within(Duration::from_secs(60))
        .refused_by("ERR\r")
        .hold_commands_while("projector", ["WARMING", "COOLING"])
        .terminators(":", "\r")
        .poll_every(Duration::from_secs(2))
}

#[expect(clippy::unnecessary_wraps, reason = "a rule may fail")]
fn theatre(changes: &Changes<'_>, wishes: &mut Wishes) -> Result<(), RuleError> {
    let was_on = changes.of("power").is_some_and(|change| change.old.is_some());
    if was_on && changes.became("power", "OFF") {
        wishes.set("power", "ON");
        wishes.set("input", "AUX");
        wishes.set("projector", "OFF");
    } else if changes.became("input", "TV") {
        wishes.set("projector", "ON");
    }
    Ok(())
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (client, double) = arguments.connection.open("ThingTheatre")?;
    let (port_of_preamp, played) = device(arguments.preamp.as_ref(), &preamp())?;
    let (port_of_projector, _projector) = device(arguments.projector.as_ref(), &projector())?;
    let builder = Thing::builder()
        .component("preamp", preamp().build()?)
        .component("projector", projector().build()?)
        .rule("theatre", theatre);
    let options = ThingOptions::new(builder, arguments.thing.shadow()?)
        .port("preamp", port_of_preamp)
        .port("projector", port_of_projector);
    if let Some(preamp) = &played {
        // The curve of its volume is a function, of which nobody knows where it begins.
        preamp.turn("volume", "-35.5")?;
    }
    let thing = client.run_thing(options)?;

    let mut scenes = Vec::new();
    if let Some(preamp) = &played {
        let on = |input| [("power", json!("ON")), ("input", json!(input))];
        scenes.push(
            Scene::hand("input", "TV", || Ok(preamp.turn("input", "TV")?))
                .ends(on("TV").into_iter().chain([("projector", json!("ON"))])),
        );
        scenes.push(Scene::cloud("volume", 40.0));
        scenes.push(
            Scene::hand("power", "OFF", || Ok(preamp.turn("power", "OFF")?))
                .ends(on("AUX").into_iter().chain([("projector", json!("OFF"))])),
        );
    }
    show(&thing, &arguments.thing, double.as_ref(), &scenes)?;
    thing.stop(PATIENCE);
    client.stop(PATIENCE);
    Ok(())
}
