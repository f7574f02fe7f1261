//! One table of ratios: the core beside its peers, with much to do beside with little, and what is aimed at. Processor time,
//! in two minutes; the other benchmarks have criterion's statistics.
#![allow(clippy::print_stdout, reason = "it shows what it has found")]

use thingwire_benches::report::{aims, memory, scale};

fn main() {
    let (memory, scale) = (memory::measure(), scale::measure());
    println!("\n{}\n{}", memory::show(&memory), scale::show(&scale));
    println!("{}", aims::show(&[aims::of_memory(&memory), aims::of_scale(&scale)].concat()));
}
