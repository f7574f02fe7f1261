//! The simulator's command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    thingwire_sim::cli::run()
}
