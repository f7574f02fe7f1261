//! Messages to the server beside rumqttc's `MqttState` with its codec, beside mqtt-protocol-core, and beside the codec
//! `mqttbytes` alone, in one run.
//!
//! All publish a batch, encode it, take the acknowledgements of all of it, and empty their queue of notices.
#![allow(missing_docs, reason = "criterion's macros write undocumented functions")]

use std::hint::black_box;

use bytes::Bytes;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use thingwire_benches::peers::{Codec, Core, Peer, ProtocolCore, Rumqttc};
use thingwire_core::Qos;

fn publish_path(criterion: &mut Criterion) {
    for (name, qos) in [("publish_qos0", Qos::AtMostOnce), ("publish_qos1_acked", Qos::AtLeastOnce)] {
        let mut group = criterion.benchmark_group(name);
        for (batch, len) in [(1, 64), (16, 64), (100, 64), (16, 1_024), (16, 65_536)] {
            group.throughput(Throughput::Elements(batch));
            let mut measure = |peer: &mut dyn Peer, name: &str| measure(&mut group, peer, name, qos, batch, len);
            measure(&mut Core::default(), "thingwire");
            #[cfg(feature = "trace")]
            measure(&mut Core::new(thingwire_benches::Bench::offline().record()), "thingwire, recorded");
            measure(&mut Rumqttc::default(), "rumqttc");
            measure(&mut ProtocolCore::default(), "mqtt-protocol-core");
            measure(&mut Codec::default(), "mqttbytes");
        }
        group.finish();
    }
}

fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    peer: &mut dyn Peer,
    name: &str,
    qos: Qos,
    batch: u64,
    len: usize,
) {
    let payload = Bytes::from(vec![0x2a; len]);
    let count = usize::try_from(batch).expect("few");
    group.bench_function(BenchmarkId::new(name, format!("{batch}x{len}B")), |bencher| {
        bencher.iter(|| peer.publish(qos, count, black_box(&payload)));
    });
}

criterion_group!(benches, publish_path);
criterion_main!(benches);
