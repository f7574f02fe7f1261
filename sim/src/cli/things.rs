//! `thingwire-sim things`: things with their devices and shadows, in many worlds; and components with theirs.

use core::ops::Range;

use rayon::iter::Either;
use rayon::prelude::*;

use super::console::Failure;
use super::source::seed;
use super::{Console, OK, SAFETY};
use crate::thing::joined::{Tally, run, story};
use crate::thing::soak::{Totals, life};

/// How many failures are told one by one.
const TOLD_MAX: usize = 50;

/// Run things with four devices each in worlds in which everything goes wrong, and line components at cables that do
/// everything wrong, and judge what comes of it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  thingwire-sim things --seeds 100000
  thingwire-sim things --seed 4711 --story")]
pub(super) struct Things {
    /// The first seed.
    #[arg(long, value_name = "N", env = "THINGWIRE_SIM_SEED", value_parser = seed, default_value = "0")]
    seed: u64,
    /// How many seeds.
    #[arg(long, value_name = "N", env = "THINGWIRE_SIM_SEEDS", default_value_t = 1_000)]
    seeds: u64,
    /// Tells everything that happens in the world of the first seed, and runs no other.
    #[arg(long)]
    story: bool,
}

pub(super) fn things(options: &Things, console: &mut Console<'_>) -> Result<u8, Failure> {
    if options.story {
        let (lines, result) = story(options.seed);
        console.print(&format!("{}\n{result:?}\n", lines.join("\n")))?;
        return Ok(if result.is_ok() { OK } else { SAFETY });
    }
    let seeds = options.seed..options.seed.saturating_add(options.seeds);
    let (worlds, world_failures) = sort(seeds.clone(), run);
    let (lives, life_failures) = sort(seeds, life);
    for (seed, why) in world_failures.iter().take(TOLD_MAX) {
        console.print(&format!("seed {seed}: {why}\n  reproduce: thingwire-sim things --seed {seed} --story\n"))?;
    }
    for (seed, why) in life_failures.iter().take(TOLD_MAX) {
        console.print(&format!("{why}\n  reproduce: thingwire-sim things --seed {seed} --seeds 1\n"))?;
    }
    let (mut tally, mut totals) = (Tally::default(), Totals::default());
    for world in &worlds {
        tally.add(world);
    }
    for life in &lives {
        totals.add(life);
    }
    let count = options.seeds;
    console.print(&format!("{count} worlds of things, {} failed: {tally}\n", world_failures.len()))?;
    console.print(&format!("{count} lives of line components, {} failed: {totals}\n", life_failures.len()))?;
    Ok(if world_failures.is_empty() && life_failures.is_empty() { OK } else { SAFETY })
}

/// What came of the seeds, those that failed apart.
fn sort<T: Send>(seeds: Range<u64>, run: impl Fn(u64) -> Result<T, String> + Sync) -> (Vec<T>, Vec<(u64, String)>) {
    seeds.into_par_iter().partition_map(|seed| match run(seed) {
        Ok(result) => Either::Left(result),
        Err(why) => Either::Right((seed, why)),
    })
}
