//! How fast the simulator is, as it says itself.

use std::process::{Command, Stdio};

use crate::Result;

/// What `thingwire-sim bench` prints. It is a program of its own, since it is made with a recorder in it.
pub(crate) fn measure() -> Result<String> {
    let arguments = ["run", "--quiet", "--release", "--locked", "-p", "thingwire-sim", "--", "bench"];
    let output = Command::new(env!("CARGO")).args(arguments).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err("thingwire-sim bench has failed".into());
    }
    Ok(format!("```text\n{}```\n", String::from_utf8(output.stdout)?))
}
