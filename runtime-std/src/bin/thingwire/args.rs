//! The command line: the flags, their environment variables, and what the help says.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{BoolishValueParser, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use thingwire_std::thingwire_core::host;
use thingwire_std::{Filter, Qos, Roots, SetupError, Topic};

use crate::credentials::CredentialsArguments;
use crate::doctor::DoctorArguments;
use crate::reconnect::{ReconnectArguments, seconds};
use crate::shadow_args::ShadowArguments;
#[cfg(unix)]
use crate::thing_args::ThingArguments;
use crate::ways::WayArguments;

/// Publish and subscribe to AWS IoT Core, or to any MQTT 3.1.1 server, work with device shadows, and run devices.
#[derive(Debug, Parser)]
#[command(name = "thingwire", version, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Pub(PubArguments),
    Sub(SubArguments),
    Shadow(ShadowArguments),
    #[cfg(unix)]
    Thing(ThingArguments),
    Doctor(Box<DoctorArguments>),
}

const AFTER_HELP: &str = "\
Examples:
  Watch all sensors, with the three files that AWS IoT Core's console hands out:
    thingwire sub --endpoint abc-ats.iot.eu-west-1.amazonaws.com --ca root.pem --cert device.pem --key device.key \\
        --topic 'sensors/#'
  Settings for every call; a flag has precedence over its variable:
    export THINGWIRE_ENDPOINT=abc-ats.iot.eu-west-1.amazonaws.com
    export THINGWIRE_CA=root.pem THINGWIRE_CERT=device.pem THINGWIRE_KEY=device.key
    thingwire pub --topic sensors/kitchen --message '{\"celsius\": 21.5}'
  With AWS credentials instead of a certificate, through a proxy:
    export AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=...
    thingwire sub -w --endpoint abc-ats.iot.eu-west-1.amazonaws.com --ca root.pem --proxy http://proxy:3128 \\
        --topic 'sensors/#'
  With AWS credentials for which the device exchanges its certificate:
    thingwire sub -w --endpoint abc-ats.iot.eu-west-1.amazonaws.com --ca root.pem --cert device.pem --key device.key \\
        --credentials-endpoint abc.credentials.iot.eu-west-1.amazonaws.com --role-alias telemetry --topic 'sensors/#'

'thingwire pub --help', and the same of sub, shadow and thing, have more. When there is no connection,
'thingwire doctor' with the same flags says where the way ends, and what to try.

Exit codes:
  0    done
  1    another failure, for example of standard output, or messages dropped from a full queue
  2    usage: a flag, a topic, a file, a certificate or a setting is wrong, or there are no AWS credentials
  3    network: name resolution, TCP, a proxy, or no answer in time; also from the service that gives AWS credentials
  4    TLS
  5    refused by the server: the connection or a subscription
  6    the peer does not speak MQTT 3.1.1, or no WebSocket
  7    rejected by the shadow service
  8    no answer from the shadow service in time
  130  ended by Ctrl-C; 143 by SIGTERM

Every failure is one line on standard error: what, where, and what to do. A file of a thing has a line for each mistake.";

/// Publish messages, and wait until the server has acknowledged them.
#[derive(Debug, Args)]
#[command(next_line_help = true, after_help = PUB_EXAMPLES)]
pub(crate) struct PubArguments {
    /// Where to publish.
    #[arg(long, value_name = "TOPIC", env = "THINGWIRE_TOPIC")]
    pub(crate) topic: Topic,
    #[command(flatten)]
    pub(crate) qos: QosArgument,
    /// Have the server keep the message for future subscribers.
    #[arg(long, env = "THINGWIRE_RETAIN", value_parser = BoolishValueParser::new())]
    pub(crate) retain: bool,
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
}

const PUB_EXAMPLES: &str = "\
Examples:
  thingwire pub --endpoint HOST --ca root.pem --cert device.pem --key device.key --topic hello --message world
  thingwire pub --endpoint HOST --ca root.pem --cert device.pem --key device.key --topic photo --file cat.jpg
  tail -f log | thingwire pub --endpoint localhost --plain --limits none --topic log --lines
  thingwire pub --endpoint HOST --ca root.pem --cert device.pem --key device.key --topic t --message m \\
      --preset device-advisor";

/// What to publish.
///
/// What excludes or needs each other is checked in the code behind, here and for the connection: to clap, a switch
/// whose variable says `false` is there.
#[derive(Debug, Args)]
#[command(next_help_heading = "Message, exactly one of these")]
pub(crate) struct SourceArguments {
    /// Publish this text.
    #[arg(long, value_name = "TEXT", env = "THINGWIRE_MESSAGE", allow_hyphen_values = true)]
    pub(crate) message: Option<String>,
    /// Publish what this file holds.
    #[arg(long, value_name = "PATH", env = "THINGWIRE_FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Publish each line of standard input as one message, in order, each as soon as it is read.
    #[arg(long, env = "THINGWIRE_LINES", value_parser = BoolishValueParser::new())]
    pub(crate) lines: bool,
}

/// Subscribe, and write what arrives to standard output.
#[derive(Debug, Args)]
#[command(next_line_help = true, after_help = SUB_EXAMPLES)]
pub(crate) struct SubArguments {
    /// What to subscribe to: a topic, or a filter with `+` and `#`. May be given several times.
    #[arg(long = "topic", value_name = "FILTER", env = "THINGWIRE_TOPIC", required = true)]
    pub(crate) topics: Vec<Filter>,
    #[command(flatten)]
    pub(crate) qos: QosArgument,
    /// End after this many messages.
    #[arg(long, value_name = "N", env = "THINGWIRE_COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    #[arg(long, value_name = "FORMAT", env = "THINGWIRE_FORMAT", value_enum, default_value_t = Format::Text,
          help = FORMAT_HELP)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
}

const FORMAT_HELP: &str = "\
text: the payload and a newline.
json: one object per line with \"topic\", \"qos\", \"retain\", \"duplicate\", and the payload as
\"payload\" when it is UTF-8, otherwise in hexadecimal digits as \"payload_hex\"";

const SUB_EXAMPLES: &str = "\
Examples:
  thingwire sub --endpoint HOST --ca root.pem --cert device.pem --key device.key --topic 'sensors/+/temperature'
  thingwire sub --endpoint HOST --ca root.pem --cert device.pem --key device.key --topic '#' --format json | jq .topic
  thingwire sub --endpoint localhost --plain --topic hello --count 1";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct QosArgument {
    /// 0: sent once, never acknowledged. 1: sent until acknowledged.
    #[arg(long, value_name = "QOS", env = "THINGWIRE_QOS", default_value = "1", value_parser = qos_parser())]
    pub(crate) qos: Qos,
}

fn qos_parser() -> impl TypedValueParser<Value = Qos> {
    let parser = PossibleValuesParser::new(["0", "1"]);
    parser.map(|text| if text == "0" { Qos::AtMostOnce } else { Qos::AtLeastOnce })
}

/// Where to connect, and as whom.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArguments {
    /// The server. Without a port, it is 8883, and 1883 with --plain; with --websocket or a custom authorizer 443, and
    /// 80 with --plain.
    #[arg(long, value_name = "HOST[:PORT]", env = "THINGWIRE_ENDPOINT")]
    pub(crate) endpoint: String,
    /// What the server's certificate must lead to: amazon, the roots of AWS's own services, which this command brings
    /// along; system, those that this machine trusts; or the path of a file with one root or several, as PEM.
    #[arg(long, value_name = "amazon|system|PATH", env = "THINGWIRE_CA")]
    pub(crate) ca: Option<Trust>,
    /// The device's certificate, as PEM. Without it, only the server proves who it is.
    #[arg(long, value_name = "PATH", env = "THINGWIRE_CERT")]
    pub(crate) cert: Option<PathBuf>,
    /// The private key of the device's certificate, as PEM.
    #[arg(long, value_name = "PATH", env = "THINGWIRE_KEY")]
    pub(crate) key: Option<PathBuf>,
    /// The file that holds the passphrase of --key, for a key that is encrypted; the line break at its end is not
    /// part of it. Without it, the one in the variable `THINGWIRE_KEY_PASSPHRASE` is taken.
    #[arg(long, value_name = "PATH", env = "THINGWIRE_KEY_PASSPHRASE_FILE", requires = "key")]
    pub(crate) key_passphrase_file: Option<PathBuf>,
    /// Connect without TLS: anybody on the way can read and change everything.
    #[arg(long, env = "THINGWIRE_PLAIN", value_parser = BoolishValueParser::new())]
    pub(crate) plain: bool,
    /// Who to be; without it, a new one for every call. Two clients with one id push each other off the line.
    #[arg(long, value_name = "ID", env = "THINGWIRE_CLIENT_ID")]
    pub(crate) client_id: Option<String>,
    /// The user name for servers that want one.
    #[arg(long, value_name = "NAME", env = "THINGWIRE_USER_NAME", hide_env_values = true)]
    pub(crate) user_name: Option<String>,
    /// The password. Better given by its variable: other users of this machine can see a command's flags.
    #[arg(long, value_name = "PASSWORD", env = "THINGWIRE_PASSWORD", hide_env_values = true, requires = "user_name")]
    pub(crate) password: Option<String>,
    /// Begin with other defaults than the usual ones; every flag that is given still counts. device-advisor: what AWS
    /// IoT Core Device Advisor tests, that is --keep-alive 30 --connect-timeout 5 --operation-timeout 60
    /// --resend-after 10, and the cipher suites that the service lists. Its tests of persistent sessions need --no-clean-session as well.
    #[arg(long, value_name = "PRESET", env = "THINGWIRE_PRESET", value_enum)]
    pub(crate) preset: Option<PresetArgument>,
    /// The longest silence before the server is asked for a sign of life; 0 never asks. [default: 60]
    #[arg(long, value_name = "SECONDS", env = "THINGWIRE_KEEP_ALIVE", value_parser = keep_alive,
          allow_hyphen_values = true)]
    pub(crate) keep_alive: Option<Duration>,
    /// The longest time to connect, from name resolution to the server's answer. [default: 10]
    #[arg(long, value_name = "SECONDS", env = "THINGWIRE_CONNECT_TIMEOUT", value_parser = seconds,
          allow_hyphen_values = true)]
    pub(crate) connect_timeout: Option<Duration>,
    /// Have the server keep subscriptions and undelivered messages for the next call with the same client id.
    #[arg(long, env = "THINGWIRE_NO_CLEAN_SESSION", value_parser = BoolishValueParser::new())]
    pub(crate) no_clean_session: bool,
    /// What to check before sending: aws, the limits of AWS IoT Core; none, only MQTT's own.
    #[arg(long, value_name = "LIMITS", env = "THINGWIRE_LIMITS", value_enum, default_value_t = LimitsArgument::Aws)]
    pub(crate) limits: LimitsArgument,
    /// Tell on standard error what happens to the connection; pub also how many messages are done, and how many wait.
    #[arg(short, long, env = "THINGWIRE_VERBOSE", value_parser = BoolishValueParser::new())]
    pub(crate) verbose: bool,
    /// Write what happened to this file at the end, for 'thingwire-sim replay'. Payloads and the login are not in it;
    /// topics and addresses are. At most 16 MiB are kept, the last half of it at least.
    #[arg(long, value_name = "PATH", env = "THINGWIRE_RECORD")]
    pub(crate) record: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) ways: WayArguments,
    #[command(flatten)]
    pub(crate) credentials: CredentialsArguments,
    #[command(flatten)]
    pub(crate) reconnect: ReconnectArguments,
}

/// Which root certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trust {
    Amazon,
    System,
    File(PathBuf),
}

impl From<OsString> for Trust {
    /// A file of one of these names can be given as `./amazon`.
    fn from(text: OsString) -> Self {
        match text.to_str() {
            Some("amazon") => Self::Amazon,
            Some("system") => Self::System,
            _ => Self::File(text.into()),
        }
    }
}

impl Trust {
    pub(crate) fn roots(&self) -> Result<Roots, SetupError> {
        match self {
            Self::Amazon => Ok(Roots::amazon()),
            Self::System => host::system_roots(),
            Self::File(path) => host::roots(path),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PresetArgument {
    DeviceAdvisor,
}

/// What two bytes of CONNECT can say.
fn keep_alive(text: &str) -> Result<Duration, String> {
    let rule = |_| format!("expected whole seconds from 0 to {}", u16::MAX);
    text.parse::<u16>().map(|seconds| Duration::from_secs(seconds.into())).map_err(rule)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LimitsArgument {
    Aws,
    None,
}
