//! Where moments are on an axis with folds.

use core::time::Duration;

use proptest::prelude::*;
use thingwire_core::Instant;
use thingwire_sim::picture::axis::Axis;

use crate::sample::at;

const WIDTH: u64 = 10_660;
const FOLD: u64 = 440;

fn axis(millis: &[u64]) -> Axis {
    Axis::new(millis.iter().map(|millis| at(*millis)), Duration::from_secs(5), WIDTH, FOLD)
}

#[test]
fn an_idle_stretch_has_a_fixed_width_whatever_its_length() {
    for length in [6_000, 60_000, 86_400_000] {
        let axis = axis(&[0, 1_000, 2_000, 2_000 + length, 4_000 + length]);
        let [before, fold, after] = axis.stretches() else { panic!("{axis:?}") };
        assert_eq!([before.folded, fold.folded, after.folded], [false, true, false]);
        assert_eq!(fold.right - fold.left, FOLD);
        assert_eq!(fold.to.since(fold.from), Duration::from_millis(length));
        assert_eq!((before.right - before.left, after.right - after.left), ((WIDTH - FOLD) / 2, (WIDTH - FOLD) / 2));
        assert_eq!(axis.place(at(1_000)), (WIDTH - FOLD) / 4, "a scale without folds");
    }
}

#[test]
fn many_folds_share_half_of_the_width() {
    let pings: Vec<_> = (0..1_000).flat_map(|nth| [nth * 60_000, nth * 60_000 + 40]).collect();
    let axis = axis(&pings);
    let folded: u64 = axis.stretches().iter().filter(|s| s.folded).map(|s| s.right - s.left).sum();
    assert!((WIDTH * 4 / 10..=WIDTH / 2).contains(&folded), "{folded}");
}

#[test]
fn moments_without_any_time_between_them_have_a_place() {
    assert_eq!(axis(&[]).place(at(5)), WIDTH);
    assert_eq!(axis(&[7_000]).place(at(7_000)), 0);
    let apart = axis(&[0, 60_000, 120_000]);
    assert_eq!([0, 60_000, 120_000].map(|millis| apart.place(at(millis))), [0, WIDTH / 2, WIDTH]);
}

#[test]
fn short_runs_fold_after_five_seconds_and_long_ones_later() {
    assert_eq!(Axis::usual_threshold(Duration::from_secs(60)), Duration::from_secs(5));
    assert_eq!(Axis::usual_threshold(Duration::from_secs(86_400)), Duration::from_secs(1_440));
}

fn moments() -> impl Strategy<Value = Vec<u64>> {
    let scales = prop_oneof![0..1_000_u64, 0..100_000_000_u64, 0..10_000_000_000_u64, any::<u64>()];
    prop::collection::vec(scales, 0..60)
}

proptest! {
    #[test]
    fn later_is_never_further_left_and_nothing_is_outside(
        moments in moments(),
        asked in prop::collection::vec(any::<u64>(), 0..20),
        threshold in 0..20_000_000_u64,
        width in 0..20_000_u64,
        fold in 0..1_000_u64,
    ) {
        let every = moments.iter().copied().map(Instant::from_micros);
        let axis = Axis::new(every.clone(), Duration::from_micros(threshold), width, fold);
        let mut all: Vec<_> = every.chain(asked.into_iter().map(Instant::from_micros)).collect();
        all.sort();
        let places: Vec<_> = all.iter().map(|at| axis.place(*at)).collect();
        prop_assert!(places.is_sorted(), "{places:?}");
        prop_assert!(places.iter().all(|place| *place <= width));
        let (first, last) = (axis.stretches().first().unwrap(), axis.stretches().last().unwrap());
        prop_assert_eq!((first.left, last.right), (0, width));
        for pair in axis.stretches().windows(2) {
            prop_assert_eq!((pair[0].to, pair[0].right), (pair[1].from, pair[1].left));
        }
        for stretch in axis.stretches().iter().filter(|stretch| stretch.folded) {
            prop_assert!(stretch.to.since(stretch.from) > Duration::from_micros(threshold));
        }
    }
}
