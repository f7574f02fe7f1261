//! What a seed means.

use core::time::Duration;

use thingwire_core::Rng;
use thingwire_core::thing::{Authority, Boot, Confirm, OnRefusal, Policy};

use super::device::Kind;

/// Later than anything that happens.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

/// Everything about one world that does not happen in it.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) seed: u64,
    /// The devices, and how their properties behave.
    pub(super) devices: Vec<(Kind, Policy)>,
    /// Whether a rule has the relay follow the projector.
    pub(super) follows: bool,
    /// How long everything goes wrong.
    pub(super) chaos: Duration,
    /// How long between two things that happen, on average.
    pub(super) pace: Duration,
    /// In 1,000: lines, answers, requests and deltas that are lost, and messages that come twice.
    pub(super) lines_lost: u64,
    pub(super) answers_lost: u64,
    pub(super) requests_lost: u64,
    pub(super) deltas_lost: u64,
    pub(super) twice: u64,
    /// How often the shadow is read in any case: deltas get lost without a word. Where none does, perhaps not at all:
    /// that too hides mistakes.
    pub(super) read_every: Duration,
    /// In 1,000: requests that the service has no time for, or a fault of its own.
    pub(super) rejected: u64,
    /// Whether the connection is cut and made once more when everything is well again: that hides mistakes.
    pub(super) last_reconnect: bool,
}

impl Plan {
    /// Whether what nobody tells of is seen all the same.
    pub(super) fn is_read(&self) -> bool {
        self.read_every < NEVER
    }

    /// The world of a seed.
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let mut below = |n: u64| rng.next_u64() % n;
        let odd = below(4) == 0;
        let devices = Kind::ALL.into_iter().map(|kind| (kind, policy(kind, odd, &mut below))).collect();
        let mut rate = |most: u64| if below(3) == 0 { 0 } else { below(most) };
        let (lines_lost, answers_lost, requests_lost) = (rate(300), rate(400), rate(300));
        let (deltas_lost, twice, rejected) = (rate(200), rate(400), rate(200));
        Self {
            seed,
            devices,
            chaos: Duration::from_secs(20 + below(180)),
            pace: Duration::from_millis(100 + below(5_000)),
            lines_lost,
            answers_lost,
            requests_lost,
            deltas_lost,
            twice,
            rejected,
            last_reconnect: below(2) == 0,
            follows: below(2) == 0,
            read_every: if deltas_lost == 0 && below(2) == 0 { NEVER } else { Duration::from_secs(60) },
        }
    }
}

/// `odd` policies do things at a start of the program that nobody has asked for.
fn policy(kind: Kind, odd: bool, below: &mut impl FnMut(u64) -> u64) -> Policy {
    let policy = Policy::new()
        .authority([Authority::Device, Authority::Device, Authority::Cloud, Authority::LocalClears][pick(below(4))])
        .on_refusal([OnRefusal::Snap, OnRefusal::Snap, OnRefusal::Null][pick(below(3))]);
    let confirm = [Confirm::ReadBack, Confirm::ReadBack, Confirm::DeviceAck, Confirm::Optimistic][pick(below(4))];
    let boots = [Boot::Read, Boot::Restore, Boot::Desired, Boot::Value(super::device::Device::new(kind).value)];
    let boot = boots[pick(below(4))].clone();
    // Who believes a device that lies is lied to.
    let policy = if kind == Kind::Mute { policy } else { policy.confirm(confirm) };
    if odd { policy.boot(boot) } else { policy }
}

fn pick(index: u64) -> usize {
    usize::try_from(index).unwrap_or(0)
}
