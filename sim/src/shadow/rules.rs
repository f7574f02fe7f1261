//! How the service behaves where it may be asked to behave otherwise.

use core::time::Duration;

use thingwire_core::Qos;

/// The behaviour of one shadow service. Every rule that is uncertain, or that a test may want otherwise, is a field; what the service
/// does wrong is a [`Mood`](super::Mood).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShadowRules {
    /// The most bytes of JSON that `desired` and `reported` may have together after an update (S-6); 413 beyond. Metadata does not
    /// count.
    pub size_max: usize,
    /// How deep a section may be nested (S-4); 400 beyond. AWS has named 5, 6 and 8.
    pub depth_max: usize,
    /// How many requests of one caller to one thing may be without an answer, if there is a limit; 429 beyond.
    pub in_flight_max: Option<usize>,
    /// How many requests a second one shadow takes, if there is a limit; 429 beyond.
    pub requests_per_second: Option<u32>,
    /// How long after a delete the version is remembered: an update meanwhile goes on counting, a later one begins at 1. Zero begins
    /// at 1 at once.
    pub memory: Duration,
    /// How long an answer takes. The request itself has its effect when it comes.
    pub latency: Duration,
    /// In which order the messages about one update are published.
    pub order: Order,
    /// With which quality of service they are published.
    pub qos: Qos,
    /// Whether `state.delta` in an update is left out, as AWS's service for the edge does, instead of being an error as in the cloud
    /// (S-2).
    pub delta_ignored: bool,
}

impl ShadowRules {
    /// The service as its documentation has it.
    pub fn aws() -> Self {
        Self {
            size_max: 8 * 1024,
            depth_max: 6,
            in_flight_max: Some(10),
            requests_per_second: Some(20),
            memory: Duration::from_secs(48 * 3600),
            latency: Duration::ZERO,
            order: Order::DeltaFirst,
            qos: Qos::AtLeastOnce,
            delta_ignored: false,
        }
    }
}

impl Default for ShadowRules {
    /// [`ShadowRules::aws`].
    fn default() -> Self {
        Self::aws()
    }
}

/// In which order the messages about one update are published: AWS promises none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Delta, documents, accepted: what AWS's service for the edge does.
    DeltaFirst,
    /// Accepted, documents, delta.
    AcceptedFirst,
    /// Each update has the next of all six orders.
    Changing,
}

impl Order {
    /// The places of delta, documents and accepted, for the update of this number.
    pub(super) fn places(self, update: u64) -> [usize; 3] {
        const ALL: [[usize; 3]; 6] = [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1], [2, 0, 1], [1, 0, 2]];
        match self {
            Self::DeltaFirst => ALL[0],
            Self::AcceptedFirst => ALL[1],
            Self::Changing => ALL[usize::try_from(update % 6).unwrap_or(0)],
        }
    }
}
