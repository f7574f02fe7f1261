//! The flags of `thingwire thing`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use thingwire_std::thingwire_core::thing::Port;

use crate::args::ConnectionArguments;

/// Run devices that speak lines, as a file describes them, and keep a device shadow in step with them.
#[derive(Debug, Args)]
#[command(after_help = THING_EXAMPLES)]
pub(crate) struct ThingArguments {
    #[command(subcommand)]
    pub(crate) command: ThingCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ThingCommand {
    Check(CheckArguments),
    Run(Box<RunArguments>),
    Simulate(SimulateArguments),
}

const THING_EXAMPLES: &str = "\
Examples, with the settings of the connection in the environment as 'thingwire --help' shows:
  thingwire thing check relay.toml
  thingwire thing run relay.toml --memory /var/lib/relay.memory
  Without hardware, in two terminals:
    thingwire thing simulate relay.toml --link /tmp/relay
    thingwire thing run relay.toml --port relay=/tmp/relay

A file for a relay that says RELAYON and RELAYOFF, with the name that it has in AWS IoT:
  thing = \"relay-one\"
  name = \"relay\"
  port = { serial = \"/dev/serial/by-id/usb-relay\", baud = 9600 }
  poll_every_ms = 5000
  [properties.relayState]
  words = { ON = true, OFF = false }
  [[queries]]
  ask = \"RELAY?\"
  answers = [\"RELAY{relayState}\"]
  [[commands]]
  property = \"relayState\"
  say = \"RELAY{relayState}\"

Exit codes, besides those of 'thingwire --help':
  0    done; for run and simulate also when Ctrl-C or SIGTERM has ended it
  2    usage, also a file with mistakes: each is told in a line, with its place";

/// Tell what is wrong with a file, or what it describes.
#[derive(Debug, Args)]
#[command(next_line_help = true)]
pub(crate) struct CheckArguments {
    /// The file.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// Connect the devices of a file with their shadow, until Ctrl-C. A connection or a port that fails is made again, also
/// at the start.
#[derive(Debug, Args)]
#[command(next_line_help = true)]
pub(crate) struct RunArguments {
    /// The file.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The thing's name in AWS IoT; without it, the one in the file. It is the client id as well, unless that is given.
    #[arg(long, value_name = "NAME", env = "THINGWIRE_THING")]
    pub(crate) thing: Option<String>,
    /// The named shadow of the thing; without it, the one in the file, or the classic one.
    #[arg(long, value_name = "SHADOW", env = "THINGWIRE_NAME")]
    pub(crate) name: Option<String>,
    /// Where the device of a component is, instead of what the file says: the path of a serial port, HOST:PORT, or
    /// unix:PATH. May be given several times. A serial port has the settings of the file.
    #[arg(long = "port", value_name = "COMPONENT=PORT", env = "THINGWIRE_PORT", value_parser = component_port)]
    pub(crate) ports: Vec<(String, Port)>,
    /// Keep here what was done, so that it is not done again after a restart.
    #[arg(long, value_name = "PATH", env = "THINGWIRE_MEMORY")]
    pub(crate) memory: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
}

/// Play the device of a file, until Ctrl-C. A line PROPERTY=VALUE on standard input turns it by hand.
#[derive(Debug, Args)]
#[command(next_line_help = true)]
pub(crate) struct SimulateArguments {
    /// The file.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Which component; needed where there are several.
    #[arg(long, value_name = "NAME", env = "THINGWIRE_COMPONENT")]
    pub(crate) component: Option<String>,
    /// A second name for its serial port, that is there while it is played.
    #[arg(long, value_name = "PATH", env = "THINGWIRE_LINK")]
    pub(crate) link: Option<PathBuf>,
    /// Play it behind a TCP port or a Unix socket, instead of a serial port.
    #[arg(long, value_name = "ADDRESS:PORT|unix:PATH", env = "THINGWIRE_LISTEN", conflicts_with = "link")]
    pub(crate) listen: Option<Port>,
}

fn component_port(text: &str) -> Result<(String, Port), String> {
    let (component, port) = text.split_once('=').ok_or("expected COMPONENT=PORT")?;
    port.parse().map(|port| (component.to_owned(), port)).map_err(|error| format!("{error}"))
}
