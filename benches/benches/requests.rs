//! Requests to a device shadow, from the call to the outcome, beside plain QoS 1 publishes of the same length.
#![allow(missing_docs, reason = "criterion's macros write undocumented functions")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use thingwire_benches::requests::Requests;
use thingwire_benches::{Bench, acknowledge};
use thingwire_core::Qos;

const COUNT: usize = 10_000;

/// As many as the service takes at a time.
const BATCH: usize = 10;

/// As long as the update with its token.
const PAYLOAD_LEN: usize = 141;

fn requests(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("requests");
    group.throughput(Throughput::Elements(COUNT as u64));
    group.sample_size(20);
    group.bench_function("shadow_update", |bencher| {
        let routine = |mut requests: Requests| {
            for start in (0..COUNT).step_by(BATCH) {
                requests.ask(start..start + BATCH);
                assert_eq!(requests.answer(start..start + BATCH), BATCH);
            }
            requests
        };
        bencher.iter_batched(|| Requests::new(1, COUNT, BATCH), routine, BatchSize::PerIteration);
    });
    group.bench_function("publish_qos1", |bencher| {
        let payload = bytes::Bytes::from(vec![0x2a; PAYLOAD_LEN]);
        let (mut bench, mut acks) = (Bench::online(), Vec::new());
        bencher.iter(|| {
            for _ in 0..COUNT / BATCH {
                for _ in 0..BATCH {
                    bench.publish(Qos::AtLeastOnce, payload.clone());
                }
                acknowledge(bench.transmit(), &mut acks);
                black_box(bench.receive(&acks));
            }
        });
    });
    group.finish();
}

criterion_group!(benches, requests);
criterion_main!(benches);
