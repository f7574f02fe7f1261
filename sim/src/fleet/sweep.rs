//! How much a recovery depends on what the server accepts: the same storm before slower and faster servers.

use core::time::Duration;

use rayon::prelude::*;

use super::{Capacity, Policy, Storm, lean};

/// The rates that are tried, in per cent of the storm's own.
const RATES: [u32; 6] = [25, 50, 100, 200, 400, 800];

/// What decides is how many devices there are to each CONNECT that is accepted. So a large fleet is tried as a smaller
/// one, before a server that is smaller by as much.
const DEVICES_MAX: u32 = 20_000;

/// Which of [`MILESTONES`](super::MILESTONES) is looked at: 99 %. The last per cent is mostly luck.
const MILESTONE: usize = 2;

/// One storm before servers of several rates.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// How many devices it was tried with.
    pub devices: u32,
    /// What the servers accept a second, for the whole fleet.
    pub rates: Vec<u32>,
    /// How long it takes with each rate when no attempt is wasted.
    pub at_best: Vec<Duration>,
    /// For each policy, and with each rate: when 99 % of the fleet were back; `None` when that was never.
    pub rows: Vec<(Policy, Vec<Option<Duration>>)>,
}

/// Tries the storm before slower and faster servers.
///
/// # Errors
///
/// As [`study`](super::study).
pub fn sweep(storm: &Storm, policies: &[Policy]) -> Result<Sweep, String> {
    super::check(storm, policies, super::Fidelity::Lean)?;
    let scale = storm.devices.div_ceil(DEVICES_MAX);
    let storms: Vec<_> = RATES.iter().map(|&percent| smaller(storm, scale, percent)).collect();
    let pairs: Vec<_> = policies.iter().flat_map(|policy| storms.iter().map(move |storm| (policy, storm))).collect();
    let reached: Vec<_> =
        pairs.into_par_iter().map(|(policy, storm)| lean::run(storm, policy, &|_| {}).reached[MILESTONE]).collect();
    let rows = policies.iter().copied().zip(reached.chunks(RATES.len()).map(<[_]>::to_vec)).collect();
    let rates = storms.iter().map(|storm| storm.capacity.rate.saturating_mul(scale)).collect();
    let at_best = storms.iter().map(Storm::at_best).collect();
    Ok(Sweep { devices: storms.first().map_or(0, |storm| storm.devices), rates, at_best, rows })
}

/// The storm with one device in `scale`, and a server with that part of so many per cent of its rate.
fn smaller(storm: &Storm, scale: u32, percent: u32) -> Storm {
    let part = |number: u32| u32::try_from(u64::from(number) * u64::from(percent) / 100 / u64::from(scale));
    let part = |number| part(number).unwrap_or(u32::MAX).max(1);
    let capacity = &storm.capacity;
    let handshakes = capacity.handshakes.clone().map(|mut handshakes| {
        // As many workers, each of which takes as much longer: handshakes are not what is compared.
        handshakes.each = handshakes.each.saturating_mul(scale).min(Duration::from_secs(60));
        handshakes.backlog = (handshakes.backlog / scale).max(1);
        handshakes
    });
    let (rate, burst) = (part(capacity.rate), part(capacity.burst));
    let capacity = Capacity { rate, burst, handshakes, ..capacity.clone() };
    Storm { devices: storm.devices.div_ceil(scale), capacity, ..storm.clone() }
}
