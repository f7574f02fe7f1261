//! Breaks the client in every way of `sim/mutants.toml`, and sees whether a campaign finds each of them.
//!
//! A defect counts as found by a run that fails, and that passes with the client as it is. Fails when one survives.
//!
//! ```sh
//! cargo run --release -p thingwire-sim --example mutants
//! cargo run --release -p thingwire-sim --example mutants -- "drain" "ping" --jobs 4
//! ```

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a command")]

mod table;
mod workshop;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use thingwire_sim::campaign::{Line, Signature};

use table::{Finder, Mutant};
use workshop::Workshop;

/// Break the client on purpose, and see whether the simulator finds it.
#[derive(Debug, Parser)]
struct Options {
    /// Parts of names of mutants; without any, all.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// How many runs may be needed to find one.
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    seeds: u64,
    /// How many worlds of things may be needed to find one.
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    worlds: u64,
    /// Profiles and scenarios, whose runs take turns with those of the regressions; may be given more than once.
    #[arg(long, value_name = "PROFILE", default_values = ["swarm", "all", "hostile-broker", "cellular", "flaky-wifi", "brownout"])]
    profile: Vec<String>,
    /// Threads; 0 for as many as there are cores.
    #[arg(short, long, value_name = "N", default_value_t = 0)]
    jobs: usize,
    /// Where to copy and build; without it, the folder `mutants` in the target directory.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

fn main() -> ExitCode {
    match tried(Options::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(left) => {
            eprintln!("{left} survived");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// How many of the mutants were not found.
fn tried(options: Options) -> io::Result<usize> {
    let text = include_str!("../../mutants.toml");
    let all = table::read(text).map_err(io::Error::other)?;
    let wanted = |mutant: &&Mutant| options.names.is_empty() || options.names.iter().any(|n| mutant.name.contains(n));
    let mutants: Vec<_> = all.iter().filter(wanted).collect();
    let dir = options.dir.map_or_else(beside, Ok)?;
    let sources: Vec<_> = options.profile.into_iter().chain(regressions()?).collect();
    let workshop = Workshop::new(dir, options.seeds, options.jobs)?;
    let of = |finder| mutants.iter().copied().filter(|mutant| mutant.found_by == finder).collect::<Vec<_>>();
    let (clients, shadows, things) = (of(Finder::Campaign), of(Finder::Shadows), of(Finder::Things));
    let shadow_sources = ["shadows".to_owned()];
    let mut survivors = 0;
    if !clients.is_empty() {
        survivors += of_clients(&workshop, &sources, &clients)?;
    }
    if !shadows.is_empty() {
        survivors += of_clients(&workshop, &shadow_sources, &shadows)?;
    }
    if !things.is_empty() {
        survivors += of_things(&workshop, &things, options.worlds)?;
    }
    Ok(survivors)
}

/// How many mutants of the client were not found by a campaign.
fn of_clients(workshop: &Workshop, sources: &[String], mutants: &[&Mutant]) -> io::Result<usize> {
    let begun = Instant::now();
    let clean = workshop.clean(sources)?;
    let failed = clean.iter().filter(|line| line.failure.is_some()).count();
    println!("{} runs of the client as it is: {failed} fail, {:.0} s\n", clean.len(), begun.elapsed().as_secs_f64());
    for line in clean.iter().filter(|line| line.failure.is_some()) {
        println!("  {} {}: {}", line.source, line.seed, told(line.failure.as_ref()));
    }
    println!("| mutant | found by run | profile, seed | what was seen | s |\n|---|---:|---|---|---:|");
    let mut survivors = 0;
    for mutant in mutants {
        let begun = Instant::now();
        // With one more failure than the client as it is has, one of them is new.
        let verdict = workshop.broken(mutant, sources, failed as u64 + 1).map(|lines| verdict(&clean, &lines));
        let row = match verdict {
            Ok(Verdict::Found { run, line }) => {
                format!("{run} | {} {} | {}", line.source, line.seed, told(line.failure.as_ref()))
            }
            Ok(Verdict::Survived { differ }) => {
                survivors += 1;
                format!("SURVIVED | | {differ} runs were not the same")
            }
            Err(error) => {
                survivors += 1;
                format!("ERROR | | {error}")
            }
        };
        println!("| {} | {row} | {:.0} |", mutant.name, begun.elapsed().as_secs_f64());
    }
    Ok(survivors)
}

/// How many mutants of things were not found in so many worlds.
fn of_things(workshop: &Workshop, mutants: &[&Mutant], worlds: u64) -> io::Result<usize> {
    let clean = workshop.clean_things(worlds)?;
    println!("\n{worlds} worlds of things as they are: {} fail\n", clean.len());
    println!("| mutant of things | worlds that fail, of those told | the first | s |\n|---|---:|---|---:|");
    let mut survivors = 0;
    for mutant in mutants {
        let begun = Instant::now();
        let row = match workshop.broken_things(mutant, worlds) {
            Ok(lines) => match lines.iter().find(|line| !clean.contains(line)) {
                Some(first) => format!("{} | {}", lines.len(), first.replace('|', "/")),
                None => {
                    survivors += 1;
                    "SURVIVED |".to_owned()
                }
            },
            // A thing that hangs or panics is one that was found.
            Err(error) if error.to_string().contains("ended early") => format!("all | {error}"),
            Err(error) => {
                survivors += 1;
                format!("ERROR | {error}")
            }
        };
        println!("| {} | {row} | {:.0} |", mutant.name, begun.elapsed().as_secs_f64());
    }
    Ok(survivors)
}

/// The scenarios that found something once.
fn regressions() -> io::Result<Vec<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let mut paths = std::fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path().to_string_lossy().into_owned()))
        .collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// What came of a mutant.
enum Verdict {
    /// This run failed, the first that did not without the mutant; runs are counted from 1.
    Found { run: usize, line: Line },
    /// Nothing was seen, though as many runs were different.
    Survived { differ: usize },
}

fn verdict(clean: &[Line], broken: &[Line]) -> Verdict {
    let pairs = || clean.iter().zip(broken);
    match pairs().position(|(clean, broken)| clean.failure.is_none() && broken.failure.is_some()) {
        Some(index) => Verdict::Found { run: index + 1, line: broken[index].clone() },
        None => Verdict::Survived { differ: pairs().filter(|(clean, broken)| clean.hash != broken.hash).count() },
    }
}

fn told(failure: Option<&Signature>) -> String {
    failure.map(Signature::to_string).unwrap_or_default().replace('|', "/")
}

/// The folder in the target directory that this program was built in.
fn beside() -> io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(3).map(Path::to_owned);
    target
        .map(|dir| dir.join("mutants"))
        .ok_or_else(|| io::Error::other("give --dir: this program is in no target directory"))
}
