//! Many lives, in which everything goes wrong at first.

use thingwire_sim::thing::soak::{Totals, life};

/// More where there is time for it: optimised.
const SEEDS: u64 = if cfg!(debug_assertions) { 100 } else { 2_000 };

#[test]
fn every_component_comes_to_know_its_device_and_says_nothing_that_nobody_wished() {
    let mut totals = Totals::default();
    let mut failures = Vec::new();
    for seed in 0..SEEDS {
        match life(seed) {
            Ok(life) => totals.add(&life),
            Err(why) => failures.push(why),
        }
    }
    assert!(failures.is_empty(), "{} of {SEEDS}:\n{}", failures.len(), failures.join("\n"));
    // Lives in which nothing happens prove nothing.
    assert!(totals.wishes > SEEDS * 10 && totals.done > SEEDS * 5, "{totals:?}");
    assert!(totals.commands > totals.done && totals.notes > SEEDS * 2, "{totals:?}");
}

#[test]
fn a_life_is_the_same_again() {
    for seed in 0..20 {
        assert_eq!(life(seed), life(seed));
    }
}
