//! How devices wait between attempts.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use thingwire_core::{BackoffConfig, Jitter};

/// A way to wait, with its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Which way.
    pub kind: Kind,
    /// What it is in the core's words.
    pub backoff: BackoffConfig,
}

/// The ways to wait that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// As the device SDK v1 documents it: twice as long every time, without jitter.
    V1,
    /// Always `base`.
    Fixed,
    /// Half of the wait is certain, half is drawn.
    Equal,
    /// Ours: all of it is drawn, above a floor.
    Full,
    /// Drawn between `base` and three times the last wait.
    Decorrelated,
}

impl Kind {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 5] = [Self::V1, Self::Fixed, Self::Equal, Self::Full, Self::Decorrelated];

    /// Its name in commands, tables and pictures.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::Fixed => "fixed",
            Self::Equal => "equal",
            Self::Full => "full",
            Self::Decorrelated => "decorrelated",
        }
    }
}

impl Policy {
    /// This way to wait, from `base` up to `max`; the floor of [`Kind::Full`] is the core's default.
    pub fn new(kind: Kind, base: Duration, max: Duration) -> Self {
        let mut backoff = BackoffConfig::default();
        backoff.base = base;
        backoff.max = if kind == Kind::Fixed { base } else { max };
        backoff.stable = backoff.stable.max(base.saturating_mul(2));
        backoff.jitter = match kind {
            Kind::V1 | Kind::Fixed => Jitter::None,
            Kind::Equal => Jitter::Equal,
            Kind::Full => Jitter::Full,
            Kind::Decorrelated => Jitter::Decorrelated,
        };
        Self { kind, backoff }
    }
}

/// From 1 s up to 32 s, as the core has it.
impl From<Kind> for Policy {
    fn from(kind: Kind) -> Self {
        let BackoffConfig { base, max, .. } = BackoffConfig::default();
        Self::new(kind, base, max)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| format!("no policy is called {text:?}; there are {}", Self::ALL.map(Self::name).join(", ")))
    }
}
