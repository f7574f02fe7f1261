//! The storm of a fleet, seen from outside.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod command;
mod fidelity;
mod pictures;
mod storms;

use std::time::Duration;

use thingwire_sim::fleet::{Capacity, Fidelity, Kind, Policy, Recovery, Storm, study};

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A storm that takes 200 s at best.
fn storm(devices: u32) -> Storm {
    Storm::new(devices, Capacity::new(devices / 200))
}

fn run(storm: &Storm, kinds: &[Kind], fidelity: Fidelity) -> Vec<Recovery> {
    let policies: Vec<_> = kinds.iter().map(|&kind| Policy::from(kind)).collect();
    study(storm, &policies, fidelity, &|_| {}).unwrap()
}

fn lean(storm: &Storm, kind: Kind) -> Recovery {
    run(storm, &[kind], Fidelity::Lean).remove(0)
}
