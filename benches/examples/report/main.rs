//! Measures thingwire beside its peers, and writes what it has found.
//!
//! ```text
//! cargo run --release -p thingwire-benches --example report             # everything, into docs/performance.md
//! cargo run --release -p thingwire-benches --example report -- runtimes # one table, on the terminal
//! ```
//!
//! It needs Mosquitto (`apt-get install mosquitto`).
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it shows what it does")]
#![allow(clippy::cast_precision_loss, reason = "what is measured is less exact")]

mod clients;
mod document;
mod fleet;
mod footprint;
mod process;
mod runtimes;
mod simulator;

// The simulator's own, without the simulator: with it, everything would be measured with a recorder compiled in.
#[path = "../../../sim/src/mosquitto.rs"]
#[allow(dead_code, unreachable_pub, unused_imports, reason = "the simulator needs all of it")]
mod mosquitto;
#[path = "../../../sim/src/pki.rs"]
#[allow(dead_code, unreachable_pub, reason = "the simulator needs all of it")]
mod pki;

use std::process::ExitCode;

use thingwire_benches::report::{engines, memory, scale};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("report: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<()> {
    match arguments {
        [] => document::write()?,
        ["engines"] => println!("{}", engines::show(&engines::measure())),
        ["fleet"] => println!("{}", fleet::measure()?),
        ["footprint"] => println!("{}", footprint::show(&footprint::measure()?)),
        ["memory"] => println!("{}", memory::show(&memory::measure())),
        ["runtimes"] => println!("{}", runtimes::measure()?),
        ["scale"] => println!("{}", scale::show(&scale::measure())),
        ["simulator"] => println!("{}", simulator::measure()?),
        // What it starts itself.
        ["client", rest @ ..] => clients::run(rest)?,
        ["fleet-client", rest @ ..] => fleet::run(rest)?,
        _ => {
            return Err(
                "give it nothing, or one of: engines, fleet, footprint, memory, runtimes, scale, simulator".into()
            );
        }
    }
    Ok(())
}

/// Has Mosquitto log no packets, which would take most of its time.
fn quiet() -> Vec<String> {
    ["log_type none", "log_type information", "log_type error", "set_tcp_nodelay true"].map(str::to_owned).into()
}
