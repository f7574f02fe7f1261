//! Everything that decides a run, with nothing left to chance but the seed: what a scenario file becomes once its
//! ranges are drawn, what a profile makes of a seed, and what shrinking makes smaller.

mod client;
mod fault;
mod mood;
mod network;
mod shadow;
mod span;
mod text;
mod workload;

use serde::{Deserialize, Serialize};

pub use client::{ClientPlan, JitterName};
pub use fault::{
    AppFault, BrokerFault, ClockFault, ConnectFault, Direction, Fault, Garbage, How, Meddling, PacketType, PhaseName,
    PlannedFault, Trigger,
};
pub use mood::{Mood, ShadowMessage, Whim};
pub use network::Network;
pub use shadow::{ShadowFault, ShadowOrder};
pub use span::Span;
pub use workload::{Op, OpKind, Workload};

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Plan {
    /// What it is called.
    pub name: String,
    /// Decides what the plan leaves open: jitter, the segments of the stream, the moments of random work.
    #[serde(default)]
    pub seed: u64,
    /// How long work and faults go on.
    pub duration: Span,
    /// How long everything works afterwards, so that what must end can end.
    pub heal: Span,
    /// How many devices share the broker.
    #[serde(default = "one")]
    pub devices: u32,
    /// How the clients are configured.
    #[serde(default)]
    pub client: ClientPlan,
    /// How the network is while no fault changes it.
    #[serde(default)]
    pub network: Network,
    /// What the application does again and again.
    #[serde(default)]
    pub workload: Vec<Workload>,
    /// What the application does once.
    #[serde(default)]
    pub op: Vec<Op>,
    /// What goes wrong.
    #[serde(default)]
    pub fault: Vec<PlannedFault>,
}

fn one() -> u32 {
    1
}
