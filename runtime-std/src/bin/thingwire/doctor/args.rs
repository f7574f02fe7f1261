//! The flags of `thingwire doctor`.

use std::time::Duration;

use clap::Args;
use clap::builder::BoolishValueParser;

use crate::args::ConnectionArguments;
use crate::reconnect::seconds;

/// Walk the way to the server step by step, and say what the first failure means for AWS IoT Core and what to try.
#[derive(Debug, Args)]
#[command(next_line_help = true, after_help = HELP)]
pub(crate) struct DoctorArguments {
    /// Write one object of JSON a line for each step, for scripts.
    #[arg(long, env = "THINGWIRE_JSON", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,
    /// Where to publish a message and wait for it; none: nowhere. [default: thingwire/doctor/ID, with the client id]
    #[arg(long, value_name = "TOPIC", env = "THINGWIRE_TOPIC")]
    pub(crate) topic: Option<String>,
    /// Also read the shadow of this thing.
    #[arg(long, value_name = "NAME", env = "THINGWIRE_THING")]
    pub(crate) thing: Option<String>,
    /// The named shadow of the thing; without it, its classic one.
    #[arg(long, value_name = "SHADOW", env = "THINGWIRE_NAME", requires = "thing")]
    pub(crate) name: Option<String>,
    /// How long to watch whether the connection stays: another client with the same id would push it off the line.
    /// [default: 2 with --client-id, otherwise 0]
    #[arg(long, value_name = "SECONDS", env = "THINGWIRE_STAY", value_parser = seconds_or_none,
          allow_hyphen_values = true)]
    pub(crate) stay: Option<Duration>,
    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
}

fn seconds_or_none(text: &str) -> Result<Duration, String> {
    if text == "0" { Ok(Duration::ZERO) } else { seconds(text).map_err(|rule| format!("{rule}, or 0")) }
}

const HELP: &str = "\
Steps, in this order, as far as they are on the way; --json has these names as \"step\":
  setup        the flags and files: certificate, key, root certificates
  dns          the addresses of the server, or of the proxy in front of it
  credentials  what signs the upgrade of a WebSocket
  tcp          a connection to each of the addresses
  proxy        the proxy's answer
  tls          protocol version and cipher suite
  chain        the server's certificates
  alpn         the application protocol
  websocket    the upgrade
  clock        this machine's clock beside the server's
  device       whether the server takes the device's certificate
  connect      CONNECT and CONNACK
  subscribe    the subscription to --topic
  publish      a message to --topic
  receive      that message, back from the server
  stay         whether the connection lasts, see --stay
  shadow       the shadow of --thing

\"status\" is ok, warning or failed, \"seconds\" how long the step took. The first failed step is the last line; it has
\"class\", a stable name of what is wrong, \"means\" and \"try\". It is also one line on standard error, and the exit code
is that of the other commands.

A client id that is in use pushes the other client off the line, and ends its stored session unless --no-clean-session
is given.

Examples:
  thingwire doctor --endpoint HOST --ca amazon --cert device.pem --key device.key --client-id pump-7 --thing pump-7
  thingwire doctor --endpoint HOST --ca amazon -w --json | jq -r 'select(.status == \"failed\").class'";
