//! The flags of `thingwire shadow`.

use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, Subcommand};

use crate::args::ConnectionArguments;
use crate::reconnect::seconds;

/// Read, change, remove and watch the device shadows of AWS IoT Core.
#[derive(Debug, Args)]
#[command(after_help = SHADOW_EXAMPLES)]
pub(crate) struct ShadowArguments {
    #[command(subcommand)]
    pub(crate) command: ShadowCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ShadowCommand {
    Get(RequestArguments),
    Update(UpdateArguments),
    Delete(DeleteArguments),
    Watch(WatchArguments),
}

const SHADOW_EXAMPLES: &str = "\
Examples, with the settings of the connection in the environment as 'thingwire --help' shows:
  thingwire shadow get --thing pump-7 | jq .state.reported
  thingwire shadow update --thing pump-7 --desired '{\"flow\": 3.5}'
  thingwire shadow update --thing pump-7 --version 17 '{\"state\": {\"reported\": {\"alarm\": null}}}'
  thingwire shadow update --thing pump-7 @state.json
  make-state | thingwire shadow update --thing pump-7 --name config -
  thingwire shadow watch --thing pump-7 | jq --unbuffered -c 'select(.event == \"delta\").state'

Standard output has the service's answers as they came, and nothing else.

Exit codes, besides those of 'thingwire --help':
  0    done; for watch also when Ctrl-C has ended it
  2    usage, also a document that the service would reject for certain; nothing was sent
  3    network; also a request that was never sent, as there was no connection in time
  5    refused by the server: the connection or a subscription
  7    rejected by the service: no such shadow, another version, too large...
  8    sent, and no answer in time; it may have been done all the same";

/// Which shadow.
#[derive(Debug, Args)]
pub(crate) struct NameArguments {
    /// The thing.
    #[arg(long, value_name = "NAME", env = "THINGWIRE_THING")]
    pub(crate) thing: String,
    /// The named shadow of the thing; without it, its classic one.
    #[arg(long, value_name = "SHADOW", env = "THINGWIRE_NAME")]
    pub(crate) name: Option<String>,
}

/// Read a shadow.
#[derive(Debug, Args)]
#[command(next_line_help = true)]
pub(crate) struct RequestArguments {
    #[command(flatten)]
    pub(crate) shadow: NameArguments,
    /// The longest time from the connection to the answer.
    #[arg(long, value_name = "SECONDS", env = "THINGWIRE_TIMEOUT", value_parser = seconds, default_value = "10",
          allow_hyphen_values = true)]
    pub(crate) timeout: Duration,
    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
}

/// Remove a shadow.
#[derive(Debug, Args)]
#[command(next_line_help = true)]
pub(crate) struct DeleteArguments {
    #[command(flatten)]
    pub(crate) request: RequestArguments,
}

/// Change a shadow, or make it.
#[derive(Debug, Args)]
#[command(next_line_help = true)]
pub(crate) struct UpdateArguments {
    /// The whole request, as in '{"state": {"reported": {...}}}': JSON, or @PATH for what a file holds, or - for
    /// standard input. What is set to null is removed.
    #[arg(value_name = "DOCUMENT")]
    pub(crate) document: Option<String>,
    /// Instead of DOCUMENT: what the thing should be, as a JSON object, @PATH or -.
    #[arg(long, value_name = "JSON", env = "THINGWIRE_DESIRED")]
    pub(crate) desired: Option<String>,
    /// Instead of DOCUMENT: what the thing is, as a JSON object, @PATH or -.
    #[arg(long, value_name = "JSON", env = "THINGWIRE_REPORTED")]
    pub(crate) reported: Option<String>,
    /// Only if the shadow has this version; otherwise the service rejects it.
    #[arg(long, value_name = "N", env = "THINGWIRE_VERSION")]
    pub(crate) version: Option<u64>,
    #[command(flatten)]
    pub(crate) request: RequestArguments,
}

/// Write what happens to a shadow to standard output, a line of JSON each, until Ctrl-C, which is a good end.
#[derive(Debug, Args)]
#[command(next_line_help = true, after_help = WATCH_HELP)]
pub(crate) struct WatchArguments {
    #[command(flatten)]
    pub(crate) shadow: NameArguments,
    /// Also tell every accepted update, with the shadow before and after it.
    #[arg(long, env = "THINGWIRE_DOCUMENTS", value_parser = BoolishValueParser::new())]
    pub(crate) documents: bool,
    /// Also tell at once when somebody removes the shadow.
    #[arg(long, env = "THINGWIRE_DELETIONS", value_parser = BoolishValueParser::new())]
    pub(crate) deletions: bool,
    /// End after this many lines.
    #[arg(long, value_name = "N", env = "THINGWIRE_COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
}

const WATCH_HELP: &str = "\
Lines, in the order of the shadow's versions:
  {\"event\":\"current\",\"version\":5,\"document\":{...}}   the whole shadow: first, and when something may have been missed
  {\"event\":\"delta\",\"version\":6,\"state\":{...},...}    desired differs from reported; \"state\" has what is desired
  {\"event\":\"documents\",\"version\":7,\"message\":{...}}  with --documents
  {\"event\":\"deleted\",\"version\":7}                    the shadow was removed
  {\"event\":\"absent\"}                                 there is no such shadow

A lost connection comes back by itself, and is told on standard error.";
