//! The publish path beside rumqttc's `MqttState` with its codec, in one run.
//!
//! Both publish a batch, encode it, take the acknowledgements of all of it, and empty their queue of notices.
#![allow(missing_docs, reason = "criterion's macros write undocumented functions")]

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v4::{Packet, Publish};
use rumqttc::{MqttState, Request};
use thingwire_benches::{Bench, TOPIC, acknowledge};
use thingwire_core::Qos;

const WINDOW: u16 = 100;

fn publish_path(criterion: &mut Criterion) {
    for (name, qos) in [("publish_qos0", Qos::AtMostOnce), ("publish_qos1_acked", Qos::AtLeastOnce)] {
        let mut group = criterion.benchmark_group(name);
        for (batch, len) in [(1, 64), (16, 256), (100, 256), (16, 65_536)] {
            let payload = Bytes::from(vec![0x2a; len]);
            let id = format!("{batch}x{len}B");
            group.throughput(Throughput::Elements(batch));
            group.bench_function(BenchmarkId::new("thingwire", &id), |bencher| {
                let mut peer = Thingwire { bench: Bench::online(), acks: Vec::new() };
                bencher.iter(|| peer.round(qos, batch, black_box(&payload)));
            });
            #[cfg(feature = "trace")]
            group.bench_function(BenchmarkId::new("thingwire, recorded", &id), |bencher| {
                let mut peer = Thingwire { bench: Bench::online().record(), acks: Vec::new() };
                bencher.iter(|| peer.round(qos, batch, black_box(&payload)));
            });
            group.bench_function(BenchmarkId::new("rumqttc", &id), |bencher| {
                let mut peer = Rumqttc::new();
                bencher.iter(|| peer.round(qos, batch, black_box(&payload)));
            });
        }
        group.finish();
    }
}

struct Thingwire {
    bench: Bench,
    acks: Vec<u8>,
}

impl Thingwire {
    fn round(&mut self, qos: Qos, batch: u64, payload: &Bytes) {
        for _ in 0..batch {
            self.bench.publish(qos, payload.clone());
        }
        let sent = self.bench.transmit();
        match qos {
            Qos::AtMostOnce => {
                black_box(sent);
                black_box(self.bench.ended());
            }
            Qos::AtLeastOnce => {
                acknowledge(sent, &mut self.acks);
                black_box(self.bench.receive(&self.acks));
            }
        }
    }
}

struct Rumqttc {
    state: MqttState,
    outbound: BytesMut,
    inbound: BytesMut,
    acks: Vec<u8>,
}

impl Rumqttc {
    fn new() -> Self {
        Self {
            state: MqttState::new(WINDOW, false),
            outbound: BytesMut::with_capacity(1 << 20),
            inbound: BytesMut::new(),
            acks: Vec::new(),
        }
    }

    fn round(&mut self, qos: Qos, batch: u64, payload: &Bytes) {
        self.outbound.clear();
        for _ in 0..batch {
            let qos = if qos == Qos::AtMostOnce { QoS::AtMostOnce } else { QoS::AtLeastOnce };
            let mut publish = Publish::new(TOPIC, qos, Vec::new());
            publish.payload = payload.clone();
            let packet = self.state.handle_outgoing_packet(Request::Publish(publish)).expect("accepted");
            self.write(packet);
        }
        if qos == Qos::AtLeastOnce {
            acknowledge(&self.outbound, &mut self.acks);
            self.inbound.extend_from_slice(&self.acks);
            while !self.inbound.is_empty() {
                let packet = Packet::read(&mut self.inbound, 1 << 20).expect("a whole packet");
                let answer = self.state.handle_incoming_packet(packet).expect("accepted");
                self.write(answer);
            }
        }
        black_box(&self.outbound);
        self.state.events.drain(..).for_each(|event| drop(black_box(event)));
    }

    fn write(&mut self, packet: Option<Packet>) {
        if let Some(packet) = packet {
            packet.write(&mut self.outbound, 1 << 20).expect("it fits");
        }
    }
}

criterion_group!(benches, publish_path);
criterion_main!(benches);
