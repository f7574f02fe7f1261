//! The command line of `thingwire-sim`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use serde_json::json;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::double::{Double, DoubleOptions};
use crate::fleet::{self, FleetArgs};

/// The exit code of a command that could not do its work.
const FAILURE: u8 = 1;

#[derive(Debug, Parser)]
#[command(name = "thingwire-sim", version, about = "Stands in for AWS IoT Core when devices are tested.", after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  thingwire-sim serve
  thingwire-sim serve --port 8883 --plain-port 1883 --dir ./certs
  thingwire-sim fleet --devices 100000 --rate 500 -o storm";

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Serve),
    Fleet(FleetArgs),
}

/// Run a local AWS IoT Core until SIGTERM or SIGINT.
///
/// Listens on 127.0.0.1 for MQTT 3.1.1 over TLS 1.2 and 1.3 and demands a client certificate. When it is ready it prints one line of
/// JSON on standard output: the ports, and the absolute paths of the certificate to trust ("ca") and of a device's certificate
/// ("cert") and key ("key"). A client that breaks a rule of MQTT or of AWS IoT Core is cut off, with one line on standard error that
/// says which rule it was.
#[derive(Debug, clap::Args)]
#[command(after_help = SERVE_EXAMPLES)]
struct Serve {
    /// The TLS port; 0 takes a free one.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
    /// Also listen without TLS and without authentication on this port; 0 takes a free one.
    #[arg(long, value_name = "PORT")]
    plain_port: Option<u16>,
    /// Where to write certificates and keys. Files of an earlier run are overwritten. Without it, a temporary directory is used and
    /// removed at the end.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

const SERVE_EXAMPLES: &str = "\
Example:
  $ thingwire-sim serve --port 8883 --dir ./certs &
  {\"ca\":\"/home/me/certs/ca.pem\",\"cert\":\"/home/me/certs/device.pem\",\"key\":\"/home/me/certs/device.key\",\
\"plain_port\":null,\"port\":8883}
  $ mosquitto_pub -h localhost -p 8883 --cafile certs/ca.pem --cert certs/device.pem --key certs/device.key -t hello -m world";

/// Runs the command that the process was started with, and says how the process should exit: 0, 1 when it failed, 2 when it was called
/// wrongly.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return explain(&error),
    };
    let done = match arguments.command {
        Command::Serve(options) => serve(options).map_err(|error| format!("{error}{}", hint(&error))),
        Command::Fleet(args) => fleet::command(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error}"));
            ExitCode::from(FAILURE)
        }
    }
}

/// Help and version as clap has them; a usage error in one line.
fn explain(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && error.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let text = error.to_string();
        let cause: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
        say(&format!("{} (hint: see 'thingwire-sim --help')", cause.join(" ")));
    } else {
        // Nothing is left to do when even this cannot be said.
        let _ = error.print();
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(FAILURE))
}

fn serve(options: Serve) -> io::Result<()> {
    // Before anything is written, so that no signal leaves files behind.
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let (sender, violations) = mpsc::channel();
    let mut setup = DoubleOptions::default().port(options.port).violations_to(sender);
    if let Some(port) = options.plain_port {
        setup = setup.plain_port(port);
    }
    if let Some(dir) = options.dir {
        setup = setup.dir(dir);
    }
    let double = setup.start()?;
    let reporter = thread::spawn(move || {
        for violation in violations {
            say(&violation.to_string());
        }
    });
    announce(&double)?;
    signals.forever().next();
    double.stop();
    if reporter.join().is_err() {
        return Err(io::Error::other("the reporter of violations has panicked"));
    }
    Ok(())
}

fn announce(double: &Double) -> io::Result<()> {
    let line = json!({
        "port": double.port(),
        "plain_port": double.plain_port(),
        "ca": double.ca_path(),
        "cert": double.cert_path(),
        "key": double.key_path(),
    });
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{line}").and_then(|()| out.flush());
    written.map_err(|error| io::Error::new(error.kind(), format!("cannot write to standard output: {error}")))
}

/// What to do about an error, where something can be done.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => " (hint: choose another port, or 0 for a free one)",
        io::ErrorKind::PermissionDenied => {
            " (hint: choose a port of 1024 or above and a directory that you may write to)"
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => " (hint: --dir wants a directory)",
        _ => "",
    }
}

/// One line on standard error.
fn say(line: &str) {
    // Where standard error is closed, there is nobody to tell.
    let _ = writeln!(io::stderr(), "{line}");
}
