//! `thingwire-sim things`: things with their devices and shadows, in many worlds.

use rayon::prelude::*;

use super::console::Failure;
use super::source::seed;
use super::{Console, OK, SAFETY};
use crate::thing::joined::{Tally, run, story};

/// How many failures are told one by one.
const TOLD_MAX: usize = 50;

/// Run things with four devices each in worlds in which everything goes wrong, and judge what comes of it.
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
    let all: Vec<_> = seeds.into_par_iter().map(|seed| (seed, run(seed))).collect();
    let failed: Vec<_> = all.iter().filter_map(|(seed, result)| Some((seed, result.as_ref().err()?))).collect();
    for (seed, why) in failed.iter().take(TOLD_MAX) {
        console.print(&format!("seed {seed}: {why}\n  reproduce: thingwire-sim things --seed {seed} --story\n"))?;
    }
    let mut sum = Tally::default();
    all.iter().filter_map(|(_, result)| result.as_ref().ok()).for_each(|tally| sum.add(tally));
    console.print(&format!("{} worlds, {} failed: {sum}\n", all.len(), failed.len()))?;
    Ok(if failed.is_empty() { OK } else { SAFETY })
}
