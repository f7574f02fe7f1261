//! What a queued message costs, however many there are. Bytes and allocations are counted, so they are asserted.

use core::time::Duration;

use allocation_counter::{AllocationInfo, measure};
use thingwire_benches::{Bench, PAYLOAD_LEN};
use thingwire_core::{Publish, Qos, WhenFull};

/// What a queued message may cost beside its payload, in bytes.
const OVERHEAD_MAX: u64 = 100;

/// What a message may cost in all. Its topic is shared by all of them.
const MESSAGE_MAX: u64 = PAYLOAD_LEN as u64 + OVERHEAD_MAX;

fn qos_1(publish: Publish) -> Publish {
    publish
}

fn qos_0(publish: Publish) -> Publish {
    publish.qos(Qos::AtMostOnce)
}

/// Every one expires, each at its own time.
fn expiring(publish: Publish) -> Publish {
    publish.expires_in(Duration::from_secs(60))
}

/// Allocations and their bytes for a thousand of the `count` messages that `step` is about.
fn per_thousand(count: usize, step: impl FnOnce()) -> [u64; 2] {
    let AllocationInfo { count_total, bytes_total, .. } = measure(step);
    [count_total, bytes_total].map(|total| total * 1_000 / count as u64)
}

/// A hundred times as deep a queue costs nothing; five parts in a hundred, and five allocations for a hundred messages, are
/// for what grows with its logarithm.
fn assert_no_more(deep: [u64; 2], shallow: [u64; 2]) {
    for (deep, shallow) in deep.into_iter().zip(shallow) {
        assert!(deep * 100 <= shallow * 105 + 5_000, "{shallow} in a shallow queue, {deep} in a deep one");
    }
}

#[test]
fn a_queued_message_takes_at_most_a_hundred_bytes_beside_its_payload() {
    for (change, what) in [(qos_1 as fn(Publish) -> Publish, "plain"), (expiring, "expiring")] {
        for count in [1_000, 10_007, 100_000, 1_000_000] {
            let mut bench = Bench::offline();
            let AllocationInfo { bytes_current, bytes_max, .. } = measure(|| bench.publish_many(count, change));
            // Neither afterwards nor at the worst moment while the queue grows.
            assert!(
                u64::try_from(bytes_current).unwrap() <= MESSAGE_MAX * count as u64,
                "{bytes_current} for {count} {what}"
            );
            assert!(bytes_max <= MESSAGE_MAX * count as u64, "{bytes_max} for {count} {what}");
        }
    }
}

#[test]
fn what_was_drained_takes_no_memory() {
    let mut bench = Bench::offline();
    bench.connect();
    bench.publish_many(1_000, qos_1);
    assert_eq!(bench.drain(), 1_000);
    let kept = measure(|| {
        bench.publish_many(100_000, qos_1);
        assert_eq!(bench.drain(), 100_000);
    });
    assert!(kept.bytes_current.abs() < 1_000, "{kept:?}");
}

#[test]
fn a_message_costs_the_same_in_a_deep_queue_as_in_a_shallow_one() {
    for change in [qos_1, qos_0, expiring] {
        let [shallow, deep] = [1_000, 100_000].map(|count| {
            let mut bench = Bench::offline();
            let accepted = per_thousand(count, || bench.publish_many(count, change));
            bench.connect();
            let drained = per_thousand(count, || assert_eq!(bench.drain(), count));
            [accepted, drained]
        });
        assert_no_more(deep[0], shallow[0]);
        assert_no_more(deep[1], shallow[1]);
    }
}

#[test]
fn a_reconnect_costs_the_same_with_a_deep_queue_as_with_a_shallow_one() {
    let [shallow, deep] = [1_000, 100_000].map(|count| {
        let mut bench = Bench::offline();
        bench.publish_many(count, qos_1);
        bench.connect();
        let reconnect = measure(|| {
            bench.transmit();
            assert!(bench.queued() < count, "a window is in flight");
            bench.lose_link();
            bench.connect();
            assert_eq!(bench.queued(), count, "and is back");
        });
        assert_eq!(bench.drain(), count);
        reconnect
    });
    assert_eq!(shallow, deep);
}

#[test]
fn an_eviction_costs_the_same_in_a_deep_queue_as_in_a_shallow_one() {
    let [shallow, deep] = [1_000, 100_000].map(|count| {
        let mut bench = Bench::queueing(|queue| {
            queue.count_max = Some(count);
            queue.when_full = WhenFull::DropOldest;
        });
        bench.publish_many(count, qos_1);
        per_thousand(count, || {
            for _ in 0..count {
                bench.publish_many(1, qos_1);
                assert_eq!(bench.ended(), 1);
            }
        })
    });
    assert_no_more(deep, shallow);
}
