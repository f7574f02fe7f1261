//! What a command runs: a scenario file or a profile.

use std::fs;
use std::io;

use super::console::Failure;
use crate::campaign::Source;
use crate::field::is_field_trace;
use crate::plan::Plan;
use crate::{profile, scenario};

/// The largest scenario file that is read, in bytes.
const FILE_MAX: u64 = 16 << 20;

/// The plan, and where it comes from.
#[derive(Debug)]
pub(super) struct Loaded {
    pub source: Source,
    pub seed: u64,
    pub plan: Plan,
    /// The scenario with its dice rolled.
    pub text: String,
    /// How many of its values were drawn.
    pub drawn: usize,
}

impl Loaded {
    /// The command that makes the run again.
    pub(super) fn reproduce(&self) -> String {
        self.source.reproduce(self.seed)
    }
}

/// The plan of a scenario or profile with a seed: this one, else the file's, else 0.
pub(super) fn load(name: &str, seed: Option<u64>) -> Result<Loaded, Failure> {
    let source = source(name)?;
    match &source {
        Source::Profile(profile) => {
            let seed = seed.unwrap_or(0);
            let plan = profile.plan(seed);
            let text = scenario::write(&plan).map_err(|error| Failure::usage(error.to_string()))?;
            Ok(Loaded { source, seed, plan, text, drawn: 0 })
        }
        Source::Scenario { file, text } => {
            let read = scenario::read(file, text, seed)?;
            Ok(Loaded { seed: read.plan.seed, plan: read.plan, text: read.text, drawn: read.drawn, source })
        }
    }
}

/// The profile or scenario of this name. A profile comes first; `./calm` is a file.
pub(super) fn source(name: &str) -> Result<Source, Failure> {
    if let Some(profile) = profile::find(name) {
        return Ok(Source::Profile(profile));
    }
    let named = |error: io::Error| io::Error::new(error.kind(), format!("cannot read {name}: {error}"));
    match fs::metadata(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !name.contains(['/', '.', '\\']) => Err(unknown(name)),
        Err(error) => Err(named(error).into()),
        Ok(found) if found.is_dir() => Err(named(io::ErrorKind::IsADirectory.into()).into()),
        Ok(found) if found.len() > FILE_MAX => {
            Err(Failure::usage(format!("{name} has {} bytes, and no scenario is that long", found.len())))
        }
        Ok(_) => {
            let bytes = fs::read(name).map_err(named)?;
            if is_field_trace(&bytes) {
                let hint = "`replay` and `timeline` take it";
                return Err(Failure::usage(format!("{name} is a field trace and no scenario (hint: {hint})")));
            }
            let text = String::from_utf8(bytes).map_err(|_| {
                Failure::usage(format!("{name} is not text (hint: a scenario is a TOML file in UTF-8)"))
            })?;
            Ok(Source::Scenario { file: name.to_owned(), text })
        }
    }
}

fn unknown(name: &str) -> Failure {
    let names = profile::ALL.iter().map(|profile| profile.name);
    let hint = match scenario::nearest(name, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "see 'thingwire-sim list profiles', or give a file".to_owned(),
    };
    Failure::usage(format!("there is neither a profile nor a file called `{name}` (hint: {hint})"))
}

/// A seed: a number that a scenario file can carry.
pub(super) fn seed(text: &str) -> Result<u64, String> {
    let number = text.parse::<i64>().ok().and_then(|number| u64::try_from(number).ok());
    number.ok_or_else(|| "a seed is a number from 0 to 2^63 - 1".to_owned())
}
