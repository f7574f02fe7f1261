//! Messages from the server beside rumqttc's `MqttState` with its codec, beside mqtt-protocol-core, and beside the codec
//! `mqttbytes` alone, in one run.
//!
//! All take a batch, acknowledge it if its QoS is 1, and empty their queue of notices.
#![allow(missing_docs, reason = "criterion's macros write undocumented functions")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use thingwire_benches::peers::{Codec, Core, Peer, ProtocolCore, Rumqttc};
use thingwire_benches::stream;
use thingwire_core::Qos;

fn receive_path(criterion: &mut Criterion) {
    for (name, qos) in [("receive_qos0", Qos::AtMostOnce), ("receive_qos1_acked", Qos::AtLeastOnce)] {
        let mut group = criterion.benchmark_group(name);
        for (batch, len) in [(1, 64), (16, 64), (100, 64), (16, 1_024), (16, 65_536)] {
            group.throughput(Throughput::Elements(batch));
            let stream = stream(qos, usize::try_from(batch).expect("few"), len);
            let mut measure = |peer: &mut dyn Peer, name| {
                group.bench_function(BenchmarkId::new(name, format!("{batch}x{len}B")), |bencher| {
                    bencher.iter(|| peer.receive(black_box(&stream)));
                });
            };
            measure(&mut Core::default(), "thingwire");
            measure(&mut Rumqttc::default(), "rumqttc");
            measure(&mut ProtocolCore::default(), "mqtt-protocol-core");
            measure(&mut Codec::default(), "mqttbytes");
        }
        group.finish();
    }
}

criterion_group!(benches, receive_path);
criterion_main!(benches);
