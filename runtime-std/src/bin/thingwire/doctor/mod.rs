//! `thingwire doctor`: the way to the server, one step after the other, and what the first failure means.

mod advice;
mod args;
mod describe;
mod endpoint;
mod probe;
mod report;
mod round_trip;
mod situation;
mod walk;

use crate::failure::Failure;
use report::{Report, Status};
use walk::Walk;

pub(crate) use args::DoctorArguments;

/// Walks as far as it goes. What stopped it is the failure.
pub(crate) fn run(arguments: &DoctorArguments) -> Result<(), Failure> {
    let mut report = Report::new(arguments.json);
    let Err(trouble) = Walk::begin(arguments, &mut report).and_then(Walk::finish) else { return Ok(()) };
    if !trouble.failure.is_silent() {
        let line = report.line(trouble.step, Status::Failed, trouble.failure.to_string());
        report.write(line.advice(&trouble.advice))?;
    }
    Err(trouble.failure)
}
