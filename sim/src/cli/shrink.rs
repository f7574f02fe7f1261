//! `thingwire-sim shrink`.

use std::path::{Path, PathBuf};

use super::console::Failure;
use super::source::{load, seed};
use super::{Console, OK};
use crate::campaign::{Runner, Signature, Whole, attempt};
use crate::plan::Span;
use crate::scenario;
use crate::shrink::{Budget, Size, shrink as search};

/// Make a failing run smaller: the fewest faults, operations and settings that still fail in the same way.
///
/// Prints each step that helped on standard error, and the smallest scenario and a test that keeps it on standard output.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  thingwire-sim shrink swarm --seed 4711 -o small.toml
  thingwire-sim explain small.toml")]
pub(super) struct Shrink {
    /// A scenario file or the name of a profile.
    #[arg(value_name = "SCENARIO|PROFILE")]
    source: String,
    /// The seed of the run that failed. Without it, the scenario's own seed, or 0.
    #[arg(long, value_name = "N", env = "THINGWIRE_SIM_SEED", value_parser = seed)]
    seed: Option<u64>,
    /// Where to write the scenario, instead of to standard output.
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The most runs to try.
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    runs: u32,
    /// The longest to try.
    #[arg(long, value_name = "SPAN", default_value = "10s")]
    time: Span,
}

pub(super) fn shrink(options: &Shrink, runner: Runner<'_>, console: &mut Console<'_>) -> Result<u8, Failure> {
    let loaded = load(&options.source, options.seed)?;
    let Some(signature) = attempt(&loaded.plan, false, runner).signature() else {
        console.print(&format!("nothing to shrink: {}, seed {} passes\n", loaded.source.name(), loaded.seed))?;
        return Ok(OK);
    };
    let budget = Budget { runs: options.runs, time: options.time.0 };
    let mut way = vec![Size::of(&loaded.plan).faults];
    let shrunk = search(&loaded.plan, &signature, runner, budget, &mut |step| {
        let Size { faults, workloads, ops } = step.left;
        console.say(&format!(
            "run {}: {}: {faults} faults, {workloads} workloads, {ops} operations left",
            step.runs, step.pass
        ));
        if way.last() != Some(&faults) {
            way.push(faults);
        }
    });
    let way: Vec<_> = way.iter().map(ToString::to_string).collect();
    let short = if shrunk.cut_short { "; more --runs or --time may make it smaller" } else { "" };
    console.say(&format!("{} faults in {} runs{short}", way.join(" → "), shrunk.runs));
    let mut plan = shrunk.plan;
    plan.name = signature.to_string();
    let text = scenario::write(&plan).map_err(|error| Failure::usage(error.to_string()))?;
    let file = match &options.out {
        Some(path) => {
            Whole::write(path, text.as_bytes())?;
            path.display().to_string()
        }
        None => {
            console.print(&format!("{text}\n"))?;
            "small.toml".to_owned()
        }
    };
    console.print(&test(&signature, &file))?;
    console.print(&format!("reproduce: thingwire-sim run {file}\n"))?;
    Ok(OK)
}

/// A test that keeps the scenario, in a file beside it.
fn test(signature: &Signature, file: &str) -> String {
    let file = Path::new(file).file_name().map_or_else(|| file.to_owned(), |name| name.to_string_lossy().into_owned());
    let words: String = signature
        .to_string()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
        .collect();
    let name = words.split('_').filter(|word| !word.is_empty()).take(10).collect::<Vec<_>>().join("_");
    format!(
        "#[test]
fn {name}() {{
    thingwire_sim::check!(include_str!({file:?}), seeds = 1);
}}
"
    )
}
