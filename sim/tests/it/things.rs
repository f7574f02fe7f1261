//! Things in worlds in which everything goes wrong.

use rayon::prelude::*;
use thingwire_sim::thing::joined::{Tally, run, story};

#[test]
fn things_and_their_shadows_are_in_step_in_the_end_whatever_happened() {
    let all: Vec<_> = (0..200).into_par_iter().map(|seed| (seed, run(seed))).collect();
    let failed: Vec<_> = all.iter().filter(|(_, result)| result.is_err()).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    let mut sum = Tally::default();
    for (_, result) in &all {
        sum.add(result.as_ref().unwrap());
    }
    assert!(sum.wishes > 4_000 && sum.turns > 2_000 && sum.attempts > 2_000, "something happens: {sum}");
    assert!(sum.connects > 1_000 && sum.updates > 2_000, "something happens: {sum}");
}

#[test]
fn a_seed_means_one_world() {
    let ((one, result), (other, _)) = (story(7), story(7));
    assert_eq!(one, other);
    assert_eq!(result, run(7), "told or not");
}
