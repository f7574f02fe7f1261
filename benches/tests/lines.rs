//! What a line costs in memory. Allocations are counted, so they are asserted.

use allocation_counter::measure;
use thingwire_benches::lines::{Device, LINE};

#[test]
fn a_reading_that_has_not_changed_allocates_nothing() {
    let mut device = Device::new(3);
    let whole = measure(|| (0..1_000).for_each(|_| assert_eq!(device.receive(LINE), 4)));
    assert_eq!(whole.count_total, 0);
    let (head, tail) = LINE.split_at(7);
    device.receive(head);
    device.receive(tail);
    let pieces = measure(|| {
        for _ in 0..1_000 {
            device.receive(head);
            assert_eq!(device.receive(tail), 4);
        }
    });
    assert_eq!(pieces.count_total, 0, "the half line has its place");
}

#[test]
fn a_line_without_end_takes_a_bounded_place() {
    let mut device = Device::new(0);
    let megabyte = vec![b'x'; 1 << 20];
    let kept = measure(|| {
        device.receive(&megabyte);
    });
    assert!(kept.bytes_max < 4_096, "{kept:?}");
    let pieces = measure(|| {
        device.receive(b"\n");
        for piece in megabyte.chunks(100) {
            device.receive(piece);
        }
    });
    assert!(pieces.bytes_max < 4_096, "{pieces:?}");
}
