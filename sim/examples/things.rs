//! Things, their devices and their shadow in many worlds, in each of which everything goes wrong.
//!
//! ```sh
//! cargo run --release -p thingwire-sim --example things -- --seeds 100000
//! cargo run --release -p thingwire-sim --example things -- --seed 4711 --seeds 1
//! ```

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a command")]

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use rayon::prelude::*;
use thingwire_sim::thing::joined;

/// Run things in worlds in which everything goes wrong.
#[derive(Debug, Parser)]
struct Options {
    /// How many worlds.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    seeds: u64,
    /// The first.
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    seed: u64,
    /// Tells everything that happens in the first.
    #[arg(long)]
    story: bool,
}

fn main() -> ExitCode {
    let Options { seeds, seed, story } = Options::parse();
    if story {
        let (lines, result) = joined::story(seed);
        println!("{}\n{result:?}", lines.join("\n"));
        return ExitCode::from(u8::from(result.is_err()));
    }
    let begun = Instant::now();
    let all: Vec<_> = (seed..seed.saturating_add(seeds)).into_par_iter().map(|seed| (seed, joined::run(seed))).collect();
    let failed: Vec<_> = all.iter().filter_map(|(seed, result)| Some((seed, result.as_ref().err()?))).collect();
    for (seed, why) in failed.iter().take(50) {
        eprintln!("seed {seed}: {why}");
    }
    let sum = |count: fn(&joined::Tally) -> usize| -> usize {
        all.iter().filter_map(|(_, result)| result.as_ref().ok()).map(count).sum()
    };
    println!(
        "{seeds} worlds, {} failed, {:.1} s: {} wishes, {} turns by hand, {} attempts, {} gets, {} updates, {} connections",
        failed.len(),
        begun.elapsed().as_secs_f64(),
        sum(|tally| tally.wishes),
        sum(|tally| tally.turns),
        sum(|tally| tally.attempts),
        sum(|tally| tally.gets),
        sum(|tally| tally.updates),
        sum(|tally| tally.connects),
    );
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
