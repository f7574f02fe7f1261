//! `thingwire-sim check-determinism`: the same plan, twice.

use std::thread;

use super::console::Failure;
use super::source::{seed, source};
use super::{Console, NONDETERMINISM, OK};
use crate::campaign::{Runner, attempt};

/// Run every seed twice, on two threads, and compare everything that happened.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  thingwire-sim check-determinism swarm --seeds 100")]
pub(super) struct CheckDeterminism {
    /// A scenario file or the name of a profile.
    #[arg(value_name = "SCENARIO|PROFILE")]
    source: String,
    /// The first seed.
    #[arg(long, value_name = "N", env = "THINGWIRE_SIM_SEED", value_parser = seed, default_value = "0")]
    seed: u64,
    /// How many seeds.
    #[arg(long, value_name = "N", env = "THINGWIRE_SIM_SEEDS", default_value_t = 20)]
    seeds: u64,
}

pub(super) fn check(options: &CheckDeterminism, runner: Runner<'_>, console: &mut Console<'_>) -> Result<u8, Failure> {
    let source = source(&options.source)?;
    for seed in (options.seed..).take(usize::try_from(options.seeds).unwrap_or(usize::MAX)) {
        let plan = source.plan(seed)?;
        let (one, other) = thread::scope(|scope| {
            let one = scope.spawn(|| attempt(&plan, false, runner));
            let other = attempt(&plan, false, runner);
            (one.join(), other)
        });
        let Ok(one) = one else { return Err(Failure { code: super::PANIC, line: "a thread has panicked".to_owned() }) };
        if one != other {
            let text = format!(
                "DIFFERENT: {}, seed {seed}: hashes {:016x} and {:016x}\nreproduce: thingwire-sim check-determinism \
                 {} --seed {seed} --seeds 1\n",
                source.name(),
                one.run.hash,
                other.run.hash,
                source.name(),
            );
            console.print(&text)?;
            return Ok(NONDETERMINISM);
        }
    }
    console.print(&format!("the same twice: {}, {} seeds\n", source.name(), options.seeds))?;
    Ok(OK)
}
