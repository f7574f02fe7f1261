//! What happens when a whole fleet loses its connection: how long it takes until everybody is back, and at what price.
//!
//! A [`Storm`] is the loss and a server of some [`Capacity`]; a [`Policy`] is how the devices wait between attempts;
//! what came of both is a [`Recovery`]. The waits are drawn by the core's own [`Backoff`](thingwire_core::Backoff), at
//! two fidelities:
//!
//! * [`Fidelity::Lean`] keeps of each device only its backoff, its randomness and when it tries next: 32 bytes, a
//!   million devices in seconds.
//! * [`Fidelity::Full`] runs a whole [`Client`](thingwire_core::Client) for each device, with its CONNECT and its own
//!   timers. It is there to show that the lean one leaves nothing out.
//!
//! Time goes in whole milliseconds from the loss on, and devices that do something in the same millisecond do it in the
//! order of their numbers: the same storm gives the same recovery, always.

mod capacity;
mod command;
mod full;
mod lean;
mod map;
mod page;
mod picture;
mod policy;
mod recovery;
mod report;
mod sweep;
mod wheel;

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use rayon::prelude::*;
use thingwire_core::Rng;

use crate::plan::Span;

pub use capacity::{Capacity, Handshakes, OverRate};
pub use command::{FleetArgs, command};
pub use page::page;
pub use picture::picture;
pub use policy::{Kind, Policy};
pub use recovery::{Life, MILESTONES, Recovery, Second};
pub use report::{csv, json, table};
pub use sweep::{Sweep, sweep};

/// What befalls a fleet.
#[derive(Debug, Clone, PartialEq)]
pub struct Storm {
    /// How many devices there are.
    pub devices: u32,
    /// How they lose the connection.
    pub loss: Loss,
    /// What the server can take.
    pub capacity: Capacity,
    /// After how long a device gives an attempt up.
    pub connect_timeout: Duration,
    /// When to stop looking, from the loss on: attempts that begin later do not happen.
    pub until: Duration,
    /// Decides who loses the connection when, and what every device draws.
    pub seed: u64,
}

/// How a fleet loses the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Everybody learns it at once, as when the server restarts and its resets arrive.
    AtOnce,
    /// Everybody finds out for itself within this time, as when keep-alive discovers it.
    Spread(Duration),
    /// A region without power: everybody starts anew within this time and tries at once.
    PowerCut(Duration),
}

/// How much of each device is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fidelity {
    /// Its backoff.
    Lean,
    /// All of its client.
    Full,
}

/// Devices of a full storm: beyond, memory is counted in gigabytes and the lean one says the same.
const FULL_DEVICES_MAX: u32 = 100_000;

/// The longest time looked at. Milliseconds, and the waits that begin in it, must fit 32 bits.
const UNTIL_MAX: Duration = Duration::from_secs(7 * 86_400);

/// Runs the storm once for each policy, in parallel. `progress` is told how many more devices are back.
pub fn study(
    storm: &Storm,
    policies: &[Policy],
    fidelity: Fidelity,
    progress: &(dyn Fn(u32) + Sync),
) -> Result<Vec<Recovery>, String> {
    check(storm, policies, fidelity)?;
    match fidelity {
        Fidelity::Lean => Ok(policies.par_iter().map(|policy| lean::run(storm, policy, progress)).collect()),
        Fidelity::Full => policies.par_iter().map(|policy| full::run(storm, policy, progress)).collect(),
    }
}

/// What [`study`] refuses.
fn check(storm: &Storm, policies: &[Policy], fidelity: Fidelity) -> Result<(), String> {
    storm.validate()?;
    if policies.is_empty() {
        return Err("there is no policy to try".to_owned());
    }
    for policy in policies {
        policy.backoff.validate().map_err(|error| error.to_string())?;
    }
    if fidelity == Fidelity::Full && storm.devices > FULL_DEVICES_MAX {
        return Err(format!("{} devices are too many to run in full; at most {FULL_DEVICES_MAX}", storm.devices));
    }
    Ok(())
}

impl Storm {
    /// So many devices that lose the connection at once, given up after 4 hours.
    pub fn new(devices: u32, capacity: Capacity) -> Self {
        Self {
            devices,
            loss: Loss::AtOnce,
            capacity,
            connect_timeout: Duration::from_secs(10),
            until: Duration::from_secs(4 * 3_600),
            seed: 0,
        }
    }

    /// How long it takes when no attempt is wasted: what the server accepts after its first burst.
    pub fn at_best(&self) -> Duration {
        let after_burst = self.devices.saturating_sub(self.capacity.burst);
        Duration::from_secs(after_burst.into()) / self.capacity.rate.max(1)
    }

    fn validate(&self) -> Result<(), String> {
        let day = Duration::from_secs(86_400);
        let holds = |holds: bool, rule: &str| if holds { Ok(()) } else { Err(rule.to_owned()) };
        holds(self.devices > 0, "a fleet has at least one device")?;
        holds(self.devices < wheel::DEVICES_MAX, "a fleet has fewer than 4,294,967,295 devices")?;
        holds(self.until > Duration::ZERO && self.until <= UNTIL_MAX, "a study ends after 0 s and within 7 days")?;
        holds(self.loss.window() <= day, "a fleet is lost within a day")?;
        holds(
            self.connect_timeout >= Duration::from_millis(1) && self.connect_timeout <= day,
            "the connect timeout is 1 ms to 1 day",
        )?;
        self.capacity.validate()
    }

    /// The seed of a device's jitter.
    fn device_seed(&self, device: u32) -> u64 {
        self.hash(u64::from(device))
    }

    /// When a device loses the connection or gets its power back, in milliseconds.
    fn lost_at(&self, device: u32) -> u32 {
        // Beyond the numbers of the devices' own seeds.
        let mut rng = Rng::new(self.hash(u64::from(device) | 1 << 32));
        millis(rng.between(Duration::ZERO, self.loss.window()))
    }

    fn hash(&self, index: u64) -> u64 {
        Rng::new(Rng::new(self.seed).next_u64() ^ index).next_u64()
    }
}

impl Loss {
    const fn window(self) -> Duration {
        match self {
            Self::AtOnce => Duration::ZERO,
            Self::Spread(window) | Self::PowerCut(window) => window,
        }
    }

    /// Whether devices had a connection, so that the first thing they do is wait.
    const fn begins_with_a_wait(self) -> bool {
        !matches!(self, Self::PowerCut(_))
    }
}

/// As it is read: `sync`, `spread:90s`, `power-cut:5s`.
impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::AtOnce => f.write_str("sync"),
            Self::Spread(window) => write!(f, "spread:{}", Span(window)),
            Self::PowerCut(window) => write!(f, "power-cut:{}", Span(window)),
        }
    }
}

impl FromStr for Loss {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let span = |text: &str| text.parse().map(|Span(window)| window);
        match text.split_once(':') {
            None if text == "sync" => Ok(Self::AtOnce),
            Some(("spread", window)) => span(window).map(Self::Spread),
            Some(("power-cut", window)) => span(window).map(Self::PowerCut),
            _ => Err(format!("no loss is called {text:?}; there are sync, spread:TIME and power-cut:TIME")),
        }
    }
}

/// The milliseconds that cover a span.
fn millis(span: Duration) -> u32 {
    u32::try_from(span.as_micros().div_ceil(1_000)).unwrap_or(u32::MAX)
}
