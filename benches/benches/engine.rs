//! The engine in plain, over TLS and in a WebSocket over TLS, beside rustls alone with the same bytes, in one run.
#![allow(missing_docs, reason = "criterion's macros write undocumented functions")]

use std::time::Instant;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use thingwire_benches::engines::{BATCHES, Ours, Rustls, Way, timed};

fn engine(criterion: &mut Criterion) {
    for publishes in [true, false] {
        let mut group = criterion.benchmark_group(if publishes { "engine_publish" } else { "engine_receive" });
        for (batch, len) in BATCHES {
            group.throughput(Throughput::Elements(batch as u64));
            let mut measure = |way: &mut dyn Way, name: &str| {
                group.bench_function(BenchmarkId::new(name, format!("{batch}x{len}B")), |bencher| {
                    let clock = Instant::now();
                    bencher.iter_custom(|count| {
                        let count = usize::try_from(count).expect("so many fit");
                        timed(way, publishes, count, || clock.elapsed())
                    });
                });
            };
            measure(&mut Ours::plain(batch, len), "plain");
            measure(&mut Ours::tls(batch, len), "tls");
            measure(&mut Ours::websocket(batch, len), "websocket");
            measure(&mut Rustls::new(batch, len), "rustls");
        }
        group.finish();
    }
}

criterion_group!(benches, engine);
criterion_main!(benches);
