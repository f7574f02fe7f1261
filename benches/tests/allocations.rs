//! How often the core allocates. Counts are exact, so they are asserted.

use allocation_counter::measure;
use bytes::Bytes;
use thingwire_benches::{Bench, acknowledge, message, message_to};
use thingwire_core::Qos;

/// Allocations of a thousand calls, after the tables have grown to size.
fn of_a_thousand(mut call: impl FnMut()) -> u64 {
    (0..1_000).for_each(|_| call());
    measure(|| (0..1_000).for_each(|_| call())).count_total
}

#[test]
fn a_qos_1_publish_and_its_acknowledgement_allocate_nothing_but_the_payload() {
    let mut bench = Bench::online();
    let mut acks = Vec::new();
    let count = of_a_thousand(|| {
        // The application's own bytes.
        bench.publish(Qos::AtLeastOnce, vec![0x2a; 256]);
        acknowledge(bench.transmit(), &mut acks);
        assert_eq!(bench.receive(&acks), 1);
    });
    assert_eq!(count, 1_000);
}

#[test]
fn a_qos_1_publish_of_shared_bytes_does_not_allocate() {
    let mut bench = Bench::online();
    let mut acks = Vec::new();
    let count = of_a_thousand(|| {
        bench.publish(Qos::AtLeastOnce, Bytes::from_static(&[0x2a; 256]));
        acknowledge(bench.transmit(), &mut acks);
        assert_eq!(bench.receive(&acks), 1);
    });
    assert_eq!(count, 0);
}

#[test]
fn a_full_window_of_a_hundred_costs_three_allocations() {
    let mut bench = Bench::online();
    let mut acks = Vec::new();
    let count = of_a_thousand(|| {
        for _ in 0..100 {
            bench.publish(Qos::AtLeastOnce, Bytes::from_static(&[0x2a; 256]));
        }
        acknowledge(bench.transmit(), &mut acks);
        assert_eq!(bench.receive(&acks), 100);
    });
    assert_eq!(count, 3_000);
}

#[test]
fn a_qos_0_publish_does_not_allocate() {
    let mut bench = Bench::online();
    let count = of_a_thousand(|| {
        bench.publish(Qos::AtMostOnce, Bytes::from_static(&[0x2a; 256]));
        bench.transmit();
        assert_eq!(bench.ended(), 1);
    });
    assert_eq!(count, 0);
}

#[test]
fn a_received_message_allocates_its_topic_and_nothing_if_that_is_the_last_ones() {
    let mut bench = Bench::online();
    let packets = [message(&[0x2a; 256], None), message_to("dt/other", &[0x2a; 256], None)];
    let mut turns = packets.iter().cycle();
    let count = of_a_thousand(|| assert_eq!(bench.receive(turns.next().expect("they go round")), 1));
    assert_eq!(count, 1_000);
    let count = of_a_thousand(|| assert_eq!(bench.receive(&packets[0]), 1));
    assert_eq!(count, 0);
}

/// A thousand messages of 256 bytes, each with its acknowledgement.
#[cfg(feature = "trace")]
#[test]
fn a_recorder_allocates_nothing_once_its_memory_is_there_and_its_steps_are_small() {
    let mut bench = Bench::online().record();
    let mut acks = Vec::new();
    let mut publish = |bench: &mut Bench| {
        bench.publish(Qos::AtLeastOnce, Bytes::from_static(&[0x2a; 256]));
        acknowledge(bench.transmit(), &mut acks);
        assert_eq!(bench.receive(&acks), 1);
    };
    let mut sizes = (0..2).map(|_| {
        (0..1_000).for_each(|_| publish(&mut bench));
        bench.recording().map_or(0, |file| file.len())
    });
    let (first, second) = (sizes.next().unwrap_or(0), sizes.next().unwrap_or(0));
    let each = (second - first) / 1_000;
    assert!((300..380).contains(&each), "{each} bytes for each message, of which 298 are topic and payload");
    drop(sizes);
    // Both generations have grown to their size by then.
    (0..8_000).for_each(|_| publish(&mut bench));
    let count = of_a_thousand(|| publish(&mut bench));
    assert_eq!(count, 0);
}
