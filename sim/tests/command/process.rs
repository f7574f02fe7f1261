//! The binary, and the command line without its process.

use std::ffi::OsString;
use std::process::{Command, Output, Stdio};

use thingwire_sim::campaign::Runner;
use thingwire_sim::cli::{Console, execute};

/// What a command said and how it ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Runs the binary.
pub(crate) fn sim(arguments: &[&str]) -> Ended {
    ended(&binary().args(arguments).output().unwrap())
}

/// The binary, with nothing of the caller's environment that it listens to.
pub(crate) fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thingwire-sim"));
    clean(&mut command);
    command
}

/// Takes away what the binary would listen to.
pub(crate) fn clean(command: &mut Command) {
    command.stdin(Stdio::null());
    for name in ["THINGWIRE_SIM_SEED", "THINGWIRE_SIM_SEEDS", "THINGWIRE_SIM_JOBS"] {
        command.env_remove(name);
    }
}

pub(crate) fn ended(output: &Output) -> Ended {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Ended { code: output.status.code().unwrap(), out: text(&output.stdout), err: text(&output.stderr) }
}

/// Runs a command with runs that end as `runner` has them.
pub(crate) fn with(runner: Runner<'_>, arguments: &[&str]) -> Ended {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut console = Console { out: &mut out, err: &mut err, interactive: false };
    let arguments = ["thingwire-sim"].iter().chain(arguments).map(OsString::from);
    let code = i32::from(execute(arguments, runner, &mut console));
    Ended { code, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}
