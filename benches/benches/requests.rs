//! Requests to a device shadow, from the call to the outcome, beside plain QoS 1 publishes of the same length.
#![allow(missing_docs, reason = "criterion's macros write undocumented functions")]

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use thingwire_benches::peers::{Core, Peer as _};
use thingwire_benches::requests::Requests;
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
                requests.exchange(start..start + BATCH);
            }
            requests
        };
        bencher.iter_batched(|| Requests::new(1, COUNT, BATCH), routine, BatchSize::PerIteration);
    });
    group.bench_function("publish_qos1", |bencher| {
        let (payload, mut core) = (Bytes::from(vec![0x2a; PAYLOAD_LEN]), Core::default());
        bencher.iter(|| (0..COUNT / BATCH).for_each(|_| core.publish(Qos::AtLeastOnce, BATCH, &payload)));
    });
    group.finish();
}

criterion_group!(benches, requests);
criterion_main!(benches);
