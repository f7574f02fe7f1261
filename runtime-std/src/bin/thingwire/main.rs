//! The `thingwire` command: publish, subscribe, device shadows and devices for people and shell scripts.

mod args;
mod connection;
mod credentials;
mod doctor;
mod failure;
mod interrupt;
mod output;
#[cfg(unix)]
mod played;
mod progress;
mod publish;
mod reconnect;
mod recording;
mod shadow;
mod shadow_args;
mod shadow_watch;
#[cfg(unix)]
mod simulate;
mod subscribe;
#[cfg(unix)]
mod thing;
#[cfg(unix)]
mod thing_args;
mod ways;

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use args::{Arguments, Command};
use failure::Failure;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return explain(&error),
    };
    let result = match arguments.command {
        Command::Pub(arguments) => publish::run(arguments),
        Command::Sub(arguments) => subscribe::run(&arguments),
        Command::Shadow(arguments) => shadow::run(arguments),
        #[cfg(unix)]
        Command::Thing(arguments) => thing::run(arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
    };
    result.map_or_else(|failure| fail(&failure), |()| ExitCode::SUCCESS)
}

/// The help, where it was asked for; otherwise what is wrong with the command line.
fn explain(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && error.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return fail(&Failure::from_clap(error));
    }
    // Where nobody can be told, nothing is left to do.
    let _ = error.print();
    u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

fn fail(failure: &Failure) -> ExitCode {
    if !failure.is_silent() {
        say(failure);
    }
    failure.exit_code()
}

/// One line on standard error.
fn say(line: impl fmt::Display) {
    progress::erase();
    // What others have said may have several lines, or orders for a terminal.
    let line = line.to_string().replace(char::is_control, " ");
    // A line for the user that cannot be written is no reason to stop the work.
    let _ = writeln!(io::stderr(), "thingwire: {line}");
}
