//! What a request without an answer costs. Bytes are counted, so they are asserted.

use allocation_counter::{AllocationInfo, measure};
use thingwire_benches::requests::Requests;

/// Bytes of state for a request without an answer.
const REQUEST_MAX: u64 = 512;

#[test]
fn a_request_without_an_answer_takes_at_most_half_a_kibibyte() {
    for count in [1_000, 10_000] {
        let mut requests = Requests::new(1, count, usize::MAX);
        let AllocationInfo { bytes_current, .. } = measure(|| {
            for start in (0..count).step_by(100) {
                requests.ask(start..start + 100);
                // Acknowledged, not answered.
                requests.answer(0..0);
            }
        });
        let each = u64::try_from(bytes_current).unwrap() / count as u64;
        assert!((100..=REQUEST_MAX).contains(&each), "{each} for {count}");

        let freed = measure(|| {
            for start in (0..count).step_by(100) {
                assert_eq!(requests.answer(start..start + 100), 100);
            }
        });
        assert!(-freed.bytes_current > bytes_current * 4 / 5, "{freed:?} of {bytes_current}");
    }
}
