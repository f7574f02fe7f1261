//! Lives that were recorded on devices: replayed, compared with what this build does, and told as a run of the simulator.

mod records;

use core::fmt;
use core::time::Duration;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};

use thingwire_core::replay::{Divergence, Replay, ReplayError};
use thingwire_core::trace::{MAGIC, Trace, TraceError};
use thingwire_core::{Instant, Totals};

pub use records::{Told, records};

/// A trace that this build has replayed, bit for bit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replayed {
    /// Steps, all of which gave what they had given on the device.
    pub steps: u64,
    /// From the first to the last of them.
    pub lasted: Duration,
    /// The version of the core that recorded it.
    pub recorded_by: String,
    /// Whether it begins with the client's first moment.
    pub whole: bool,
    /// Whether it ends before the client's life did.
    pub cut_short: bool,
    /// Whether the payloads are the real ones.
    pub with_payloads: bool,
    /// What the client had done by its end.
    pub totals: Totals,
}

/// Why a trace was not replayed to its end.
#[derive(Debug)]
#[non_exhaustive]
pub enum FieldError {
    /// The file cannot be read.
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's words.
        why: std::io::Error,
    },
    /// It is no trace, or not one that this build reads.
    Trace {
        /// The file.
        path: PathBuf,
        /// What, and where.
        why: TraceError,
    },
    /// It was recorded by another version, and that was not to be.
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// The version.
        recorded_by: String,
    },
    /// This build does not do what the device did.
    Diverged {
        /// The file.
        path: PathBuf,
        /// The version of the core that recorded it.
        recorded_by: String,
        /// Both sides of the first difference.
        divergence: Box<Divergence>,
    },
    /// This build panics where the trace leads it.
    Panicked {
        /// The file.
        path: PathBuf,
        /// In which step, from 1.
        step: u64,
        /// What the panic said.
        why: String,
    },
}

/// Whether a file with these bytes at its beginning is a field trace.
pub fn is_field_trace(beginning: &[u8]) -> bool {
    beginning.starts_with(&MAGIC)
}

/// Replays a file. `strict` refuses what another version of the core has recorded; otherwise this is how two versions are
/// compared.
pub fn replay_command(path: &Path, strict: bool) -> Result<Replayed, FieldError> {
    let file = std::fs::read(path).map_err(|why| FieldError::Read { path: path.to_owned(), why })?;
    let trace = Trace::parse(&file).map_err(|why| FieldError::Trace { path: path.to_owned(), why })?;
    if strict && !trace.is_of_this_version() {
        return Err(FieldError::OtherVersion { path: path.to_owned(), recorded_by: trace.recorded_by().to_owned() });
    }
    replay(&trace).map_err(|failure| match failure {
        Failure::Error(ReplayError::Diverged(divergence)) => {
            let recorded_by = trace.recorded_by().to_owned();
            FieldError::Diverged { path: path.to_owned(), recorded_by, divergence: Box::new(divergence) }
        }
        Failure::Error(ReplayError::Trace(why)) => FieldError::Trace { path: path.to_owned(), why },
        Failure::Error(other) => FieldError::Panicked { path: path.to_owned(), step: 0, why: other.to_string() },
        Failure::Panic(step, why) => FieldError::Panicked { path: path.to_owned(), step, why },
    })
}

enum Failure {
    Error(ReplayError),
    Panic(u64, String),
}

fn replay(trace: &Trace<'_>) -> Result<Replayed, Failure> {
    let (mut done, mut first, mut last, mut totals) = (0, None, Instant::EPOCH, Totals::default());
    // A client that panicked on the device panics here as well: that is what the replay was for.
    let replayed = panic::catch_unwind(AssertUnwindSafe(|| {
        let mut replay = Replay::new(trace)?;
        while let Some(step) = replay.next_step() {
            last = step?.at;
            first.get_or_insert(last);
            done = replay.steps_done();
        }
        totals = replay.client().status().totals;
        Ok(())
    }));
    match replayed {
        Ok(Ok(())) => Ok(Replayed {
            steps: done,
            lasted: first.map_or(Duration::ZERO, |first| last.since(first)),
            recorded_by: trace.recorded_by().to_owned(),
            whole: trace.is_whole(),
            cut_short: trace.is_cut_short(),
            with_payloads: trace.with_payloads(),
            totals,
        }),
        Ok(Err(error)) => Err(Failure::Error(error)),
        Err(panic) => {
            let why = panic.downcast_ref::<String>().cloned();
            let why = why.or_else(|| panic.downcast_ref::<&str>().map(|&why| why.to_owned()));
            Err(Failure::Panic(done + 1, why.unwrap_or_default()))
        }
    }
}

impl FieldError {
    /// What a command ends with: 2 for a file that is of no use, 12 for a panic, 13 for another behaviour.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Read { .. } | Self::Trace { .. } | Self::OtherVersion { .. } => 2,
            Self::Panicked { .. } => 12,
            Self::Diverged { .. } => 13,
        }
    }
}

/// What was replayed, in a line for each fact.
impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { steps, lasted, recorded_by, totals, .. } = self;
        write!(f, "replayed bit for bit: {steps} steps over {:.3} s", lasted.as_secs_f64())?;
        write!(f, "\n  recorded by core {recorded_by}")?;
        if recorded_by != env!("CARGO_PKG_VERSION") {
            write!(f, "; this is core {}, and it does the same", env!("CARGO_PKG_VERSION"))?;
        }
        let beginning = if self.whole { "from the client's first moment on" } else { "the end of a longer life" };
        let end = if self.cut_short { "; cut short, because the state outgrew the memory" } else { "" };
        let payloads = if self.with_payloads { "as they were" } else { "replaced" };
        write!(f, "\n  {beginning}{end}\n  payloads {payloads}")?;
        write!(
            f,
            "\n  {} of {} attempts accepted, {} operations of {} done, {} messages received",
            totals.connections,
            totals.attempts,
            totals.ended_operations() - totals.dropped(),
            totals.accepted,
            totals.received
        )
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, why } => write!(f, "cannot read {}: {why}", path.display()),
            Self::Trace { path, why } => write!(f, "{}: {why}", path.display()),
            Self::OtherVersion { path, recorded_by } => write!(
                f,
                "{}: recorded by core {recorded_by}, and this is core {}; without --strict the two are compared",
                path.display(),
                env!("CARGO_PKG_VERSION")
            ),
            Self::Diverged { path, recorded_by, divergence } => write!(
                f,
                "{}: recorded by core {recorded_by}, core {} does otherwise\n{divergence}",
                path.display(),
                env!("CARGO_PKG_VERSION")
            ),
            Self::Panicked { path, step, why } => {
                write!(f, "{}: the client panics in step {step}: {why}", path.display())
            }
        }
    }
}

impl std::error::Error for FieldError {}
