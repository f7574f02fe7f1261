//! How a device comes back.

use core::time::Duration;

use thingwire_core::Config;

use super::rig::Rig;
use super::{Checked, Log, demand};

/// The same settings have to pass whatever the dice say.
const SEEDS: u32 = 50;
/// How close to twice the last a wait is that counts as strictly doubled.
const DOUBLED: f64 = 0.1;

pub(super) fn jitter(log: &mut Log, config: &Config) -> Checked {
    let mut runs = Vec::new();
    for seed in 0..SEEDS {
        let mut rig = Rig::new(log, config, seed.into())?;
        for _ in 0..2 {
            rig.withhold_connack_five_times()?;
            rig.hang_up();
        }
        rig.judge()?;
        runs.push(waits(&rig.gaps()[..5], config.connect_timeout));
    }
    judge(log, &runs)
}

pub(super) fn exponential(log: &mut Log, config: &Config) -> Checked {
    let mut runs = Vec::new();
    for seed in 0..SEEDS {
        let mut rig = Rig::new(log, config, seed.into())?;
        rig.withhold_connack_five_times()?;
        rig.judge()?;
        runs.push(waits(&rig.gaps(), config.connect_timeout));
    }
    let floor = config.backoff.floor.as_secs_f64();
    let drawn: Vec<f64> = means(&runs).iter().map(|mean| mean - floor).collect();
    let growth: Vec<f64> = drawn.windows(2).map(|pair| pair[1] / pair[0]).collect();
    demand(growth.iter().all(|factor| (1.5..2.5).contains(factor)), || format!("waits grow by {growth:.1?}, not by 2"))
}

pub(super) fn server_disconnect(log: &mut Log, config: &Config) -> Checked {
    hang_up_five_times(log, config, Duration::from_secs(5))
}

pub(super) fn unstable_connection(log: &mut Log, config: &Config) -> Checked {
    hang_up_five_times(log, config, Duration::ZERO)
}

fn hang_up_five_times(log: &mut Log, config: &Config, uptime: Duration) -> Checked {
    let mut runs = Vec::new();
    for seed in 0..SEEDS {
        let mut rig = Rig::new(log, config, seed.into())?;
        for _ in 0..5 {
            rig.until_online()?;
            rig.run_for(uptime)?;
            rig.hang_up();
        }
        rig.until_online()?;
        let connects = rig.connects();
        demand(connects == 6, || format!("{connects} CONNECTs instead of 6"))?;
        rig.judge()?;
        runs.push(waits(&rig.gaps(), uptime));
    }
    judge(log, &runs)
}

/// The waits between attempts, in seconds: the time between CONNECTs without that on the link.
fn waits(gaps: &[Duration], on_the_link: Duration) -> Vec<f64> {
    gaps.iter().map(|gap| gap.saturating_sub(on_the_link).as_secs_f64()).collect()
}

/// The verdict over many devices: neither constant nor linear; a warning for strictly exponential, and for devices that
/// come back together.
fn judge(log: &mut Log, runs: &[Vec<f64>]) -> Checked {
    let means = means(runs);
    demand(means.windows(2).all(|pair| pair[0] < pair[1]), || format!("waits do not grow: on average {means:.1?} s"))?;
    let growth: Vec<f64> = means.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let faster = growth.windows(2).all(|pair| pair[0] < pair[1]);
    demand(faster, || format!("waits do not grow exponentially: on average {means:.1?} s"))?;
    let doubling = |waits: &Vec<f64>| waits.windows(2).all(|pair| (pair[1] / pair[0] - 2.0).abs() < DOUBLED);
    if let Some(waits) = runs.iter().find(|waits| doubling(waits)) {
        log.warn(format!("strictly exponential: {waits:.1?} s"));
    }
    let mut first: Vec<_> = runs.iter().filter_map(|waits| waits.first()).collect();
    first.sort_unstable_by(|one, other| one.total_cmp(other));
    first.dedup();
    if first.len() < runs.len() {
        log.warn(format!("of {} devices, some come back at the same moment", runs.len()));
    }
    Ok(())
}

/// The average of each wait over all devices.
fn means(runs: &[Vec<f64>]) -> Vec<f64> {
    let waits = runs.iter().map(Vec::len).min().unwrap_or(0);
    (0..waits).map(|n| runs.iter().map(|run| run[n]).sum::<f64>() / f64::from(SEEDS)).collect()
}
