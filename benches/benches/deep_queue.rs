//! A queue of a thousand, a hundred thousand and a million messages: what one of them costs in bytes, and in time to
//! be accepted and drained; and what a reconnect costs that all of them survive.
#![allow(missing_docs, reason = "criterion's macros write undocumented functions")]

use std::hint::black_box;

use allocation_counter::measure;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use thingwire_benches::{Bench, PAYLOAD_LEN};
use thingwire_core::Qos;

const COUNTS: [usize; 3] = [1_000, 100_000, 1_000_000];

#[allow(clippy::print_stdout, reason = "criterion has no place for bytes")]
fn bytes(_: &mut Criterion) {
    println!("| messages of {PAYLOAD_LEN} B | bytes each | at the most, while accepting |\n|---:|---:|---:|");
    for count in COUNTS {
        let mut bench = Bench::offline();
        let counted = measure(|| bench.publish_many(count, |publish| publish));
        let each = [counted.bytes_current.unsigned_abs(), counted.bytes_max].map(|bytes| bytes.div_ceil(count as u64));
        println!("| {count} | {} | {} |", each[0], each[1]);
    }
}

fn deep_queue(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("deep_queue");
    group.sample_size(10);
    for count in COUNTS {
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::new("accept", count), |bencher| {
            let routine = |mut bench: Bench| {
                bench.publish_many(count, |publish| publish);
                bench
            };
            bencher.iter_batched(Bench::offline, routine, BatchSize::PerIteration);
        });
        for (name, qos) in [("drain_qos0", Qos::AtMostOnce), ("drain_qos1_acked", Qos::AtLeastOnce)] {
            group.bench_function(BenchmarkId::new(name, count), |bencher| {
                let setup = || {
                    let mut bench = Bench::offline();
                    bench.publish_many(count, |publish| publish.qos(qos));
                    bench.connect();
                    bench
                };
                let routine = |mut bench: Bench| {
                    assert_eq!(bench.drain(), count);
                    bench
                };
                bencher.iter_batched(setup, routine, BatchSize::PerIteration);
            });
        }
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::new("reconnect", count), |bencher| {
            let mut bench = Bench::offline();
            bench.publish_many(count, |publish| publish);
            bench.connect();
            bencher.iter(|| {
                black_box(bench.transmit());
                bench.lose_link();
                bench.connect();
            });
        });
    }
    group.finish();
}

criterion_group!(benches, bytes, deep_queue);
criterion_main!(benches);
