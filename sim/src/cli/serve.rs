//! `thingwire-sim serve`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;

use serde_json::json;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::Console;
use super::source::{load, seed};
use super::visitors::VisitorArguments;
use crate::double::{Double, DoubleOptions};

/// Run a local AWS IoT Core until SIGTERM or SIGINT.
///
/// Listens on 127.0.0.1 for MQTT 3.1.1 over TLS 1.2 and 1.3 and demands a client certificate. When it is ready it prints one line of
/// JSON on standard output: the ports, and the absolute paths of the certificate to trust ("ca") and of a device's certificate
/// ("cert") and key ("key"). A client that breaks a rule of MQTT or of AWS IoT Core is cut off, with one line on standard error that
/// says which rule it was. Device shadows, classic and named, are served on their topics.
#[derive(Debug, clap::Args)]
#[command(after_help = SERVE_EXAMPLES)]
pub(super) struct Serve {
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
    /// Keep shadows, persistent sessions and retained messages in this directory, and go on with what an earlier run has left there,
    /// however it ended. Without it, everything is forgotten at the end.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Have the faults of a scenario file or profile happen to every client, on the clock on the wall. What is not done by a server
    /// is said on standard error.
    #[arg(long, value_name = "SCENARIO|PROFILE")]
    faults: Option<String>,
    /// The seed of the faults. Without it, the scenario's own seed, or 0.
    #[arg(long, value_name = "N", env = "THINGWIRE_SIM_SEED", value_parser = seed)]
    seed: Option<u64>,
    #[command(flatten)]
    visitors: VisitorArguments,
}

const SERVE_EXAMPLES: &str = "\
Example:
  $ thingwire-sim serve --port 8883 --dir ./certs &
  {\"ca\":\"/home/me/certs/ca.pem\",\"cert\":\"/home/me/certs/device.pem\",\"key\":\"/home/me/certs/device.key\",\
\"plain_port\":null,\"port\":8883}
  $ mosquitto_pub -h localhost -p 8883 --cafile certs/ca.pem --cert certs/device.pem --key certs/device.key -t hello -m world
  $ thingwire-sim serve --plain-port 1883 --state ./state
  $ thingwire-sim serve --plain-port 1883 --faults hostile-broker --seed 7";

/// Serves until a signal comes.
pub(super) fn serve(options: Serve, console: &mut Console<'_>) -> io::Result<()> {
    // Before anything is written, so that no signal leaves files behind.
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let (sender, violations) = mpsc::channel();
    let mut setup = DoubleOptions::default().port(options.port).violations_to(sender);
    if let Some(port) = options.plain_port {
        setup = setup.plain_port(port);
    }
    if let Some(visitors) = options.visitors.visitors() {
        setup = setup.visitors(visitors);
    }
    if let Some(dir) = options.dir {
        setup = setup.dir(dir);
    }
    if let Some(state) = options.state {
        setup = setup.state(state);
    }
    if let Some(source) = &options.faults {
        let loaded = load(source, options.seed).map_err(|failure| io::Error::other(failure.line))?;
        setup = setup.faults(loaded.plan);
        let left_out = setup.left_out();
        if !left_out.is_empty() {
            say(&format!("not done by a server: {}", left_out.join(", ")));
        }
    }
    let double = setup.start()?;
    let handle = signals.handle();
    let reporter = thread::spawn(move || {
        for violation in violations {
            say(&violation.to_string());
        }
        // The double has ended, because it was told to or by itself.
        handle.close();
    });
    announce(&double, console)?;
    signals.forever().next();
    let failure = double.failure();
    double.stop();
    if reporter.join().is_err() {
        return Err(io::Error::other("the reporter of violations has panicked"));
    }
    failure.map_or(Ok(()), Err)
}

fn announce(double: &Double, console: &mut Console<'_>) -> io::Result<()> {
    let line = json!({
        "port": double.port(),
        "plain_port": double.plain_port(),
        "ca": double.ca_path(),
        "cert": double.cert_path(),
        "key": double.key_path(),
    });
    let written = writeln!(console.out, "{line}").and_then(|()| console.out.flush());
    written.map_err(|error| io::Error::new(error.kind(), format!("cannot write to standard output: {error}")))
}

/// One line on standard error.
fn say(line: &str) {
    // Where standard error is closed, there is nobody to tell.
    let _ = writeln!(io::stderr(), "{line}");
}
