//! A fleet of whole clients does what a lean one does.

use proptest::prelude::*;
use thingwire_sim::fleet::{Fidelity, Kind, OverRate, Storm, study};

use crate::storms::{any_policy, any_storm};
use crate::{run, secs, storm};

#[test]
fn ten_thousand_whole_clients_come_back_as_the_lean_ones_do() {
    // 5 % apart would be allowed; the same code with the same seeds at the same times leaves no room for any.
    for (devices, kind) in [(10_000, Kind::Full), (2_000, Kind::Equal), (2_000, Kind::Decorrelated)] {
        let storm = storm(devices);
        assert!(run(&storm, &[kind], Fidelity::Full) == run(&storm, &[kind], Fidelity::Lean), "{kind}");
    }
}

#[test]
fn they_agree_where_nothing_is_drawn_and_where_nobody_answers() {
    let mut storm = Storm { until: secs(1_000), ..storm(400) };
    storm.capacity.over_rate = OverRate::Ignore;
    let kinds = [Kind::V1, Kind::Fixed];
    assert_eq!(run(&storm, &kinds, Fidelity::Full), run(&storm, &kinds, Fidelity::Lean));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    #[test]
    fn they_agree_in_any_storm(storm in any_storm(), policy in any_policy()) {
        let of = |fidelity| study(&storm, &[policy], fidelity, &|_| {}).unwrap().remove(0);
        prop_assert_eq!(of(Fidelity::Full), of(Fidelity::Lean));
    }
}

#[test]
fn a_lean_device_takes_32_bytes_and_a_whole_one_4_kib() {
    // Two sizes of one fleet: what they have in common cancels out. On this thread alone, because others are not measured.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build().unwrap();
    let bytes = |devices, fidelity| {
        let storm = Storm { until: secs(60), ..storm(devices) };
        let study = || drop(run(&storm, &[Kind::Full], fidelity));
        allocation_counter::measure(|| pool.install(study)).bytes_max
    };
    let each = |fidelity| (bytes(2_000, fidelity) - bytes(1_000, fidelity)) / 1_000;
    let (lean, full) = (each(Fidelity::Lean), each(Fidelity::Full));
    assert_eq!(lean, 32);
    assert!((500..=4_096).contains(&full), "{full} bytes");
}
