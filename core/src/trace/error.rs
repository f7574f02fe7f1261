//! Why bytes are no trace, or not one for this build.

use core::fmt;

use crate::ConfigError;

/// Why bytes cannot be read as a trace: what, and where. Places are bytes from the beginning of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TraceError {
    /// It does not begin as a trace does.
    NotATrace,
    /// It was written in another format.
    Format {
        /// The version of its format.
        found: u16,
        /// The one that this build reads.
        known: u16,
    },
    /// It ends before what its bytes announce.
    Truncated {
        /// Where it ends.
        at: usize,
        /// Where what is not whole begins.
        from: usize,
    },
    /// There is something that cannot stand there.
    Malformed {
        /// Where it begins.
        at: usize,
        /// What should be there.
        what: &'static str,
    },
    /// The bytes and their hash disagree: one of them was changed.
    Damaged {
        /// The first byte of those.
        from: usize,
        /// The first byte behind them.
        to: usize,
    },
    /// Something follows its end.
    Trailing {
        /// Where.
        at: usize,
    },
    /// The configuration in it cannot be.
    Config(ConfigError),
    /// It begins with a client's state, because its beginning was overwritten, and that of another version.
    State {
        /// The version of the state's layout.
        found: u32,
        /// The one that this build knows.
        known: u32,
        /// The version of the core that wrote it.
        recorded_by: String,
    },
}

impl From<ConfigError> for TraceError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

/// One line: what, where, and what to do.
impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotATrace => f.write_str("not a trace: it does not begin with TWTRACE"),
            Self::Format { found, known } => {
                write!(f, "a trace of format {found}; this build reads format {known}: use the version that wrote it")
            }
            Self::Truncated { at, from } => {
                write!(f, "truncated or damaged: it ends at byte {at}, in the middle of what begins at byte {from}")
            }
            Self::Malformed { at, what } => write!(f, "damaged at byte {at}: no valid {what}"),
            Self::Damaged { from, to } => {
                write!(f, "damaged between byte {from} and byte {to}: the hash over them is wrong")
            }
            Self::Trailing { at } => write!(f, "damaged: something follows the end at byte {at}"),
            Self::Config(error) => write!(f, "the configuration in it cannot be: {error}"),
            Self::State { found, known, recorded_by } => write!(
                f,
                "its beginning was overwritten, and it goes on with a state of layout {found}, written by version \
                 {recorded_by}; this build knows layout {known}: use that version"
            ),
        }
    }
}

impl core::error::Error for TraceError {}
