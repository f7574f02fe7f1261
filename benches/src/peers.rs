//! The core and its peers, doing the same: each gets messages to publish, takes what a server sends, and has its notices
//! emptied.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use mqtt_protocol_core::mqtt;
use mqtt_protocol_core::mqtt::common::Cursor;
use mqtt_protocol_core::mqtt::connection::Event;
use mqtt_protocol_core::mqtt::packet::{GenericPacketTrait, v3_1_1};
use mqttbytes::v4 as codec;
use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v4::{Packet, Publish};
use rumqttc::{MqttState, Request};
use thingwire_core::Qos;

use crate::{Bench, TOPIC, acknowledge};

/// Un-acknowledged publishes that a peer may have.
const WINDOW: u16 = 1_000;

/// Longer than any packet here.
const PACKET_LEN_MAX: usize = 1 << 20;

/// A client without a socket.
pub trait Peer {
    /// Publishes `batch` messages together. Those of QoS 1 are all acknowledged.
    fn publish(&mut self, qos: Qos, batch: usize, payload: &Bytes);

    /// Takes whole PUBLISH packets from the server, and acknowledges those of QoS 1.
    fn receive(&mut self, stream: &[u8]);
}

/// The core.
pub struct Core {
    /// The client, online.
    pub bench: Bench,
    acks: Vec<u8>,
}

impl Core {
    /// A client that may do what it has to do in these benchmarks.
    ///
    /// # Panics
    ///
    /// When it does not come online.
    pub fn new(mut bench: Bench) -> Self {
        bench.connect();
        Self { bench, acks: Vec::new() }
    }
}

impl Default for Core {
    fn default() -> Self {
        Self::new(Bench::offline())
    }
}

impl Peer for Core {
    fn publish(&mut self, qos: Qos, batch: usize, payload: &Bytes) {
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

    fn receive(&mut self, stream: &[u8]) {
        black_box(self.bench.receive(stream));
        black_box(self.bench.transmit());
    }
}

/// rumqttc's state machine with its codec: what its event loop is made of.
pub struct Rumqttc {
    state: MqttState,
    outbound: BytesMut,
    inbound: BytesMut,
    acks: Vec<u8>,
}

impl Default for Rumqttc {
    fn default() -> Self {
        Self {
            state: MqttState::new(WINDOW, false),
            outbound: BytesMut::with_capacity(PACKET_LEN_MAX),
            inbound: BytesMut::with_capacity(64 * 1024),
            acks: Vec::new(),
        }
    }
}

impl Rumqttc {
    fn write(&mut self, packet: Option<Packet>) {
        if let Some(packet) = packet {
            packet.write(&mut self.outbound, PACKET_LEN_MAX).expect("it fits");
        }
    }

    fn take(&mut self, stream: &[u8]) {
        self.inbound.extend_from_slice(stream);
        while !self.inbound.is_empty() {
            let packet = Packet::read(&mut self.inbound, PACKET_LEN_MAX).expect("a whole packet");
            let answer = self.state.handle_incoming_packet(packet).expect("accepted");
            self.write(answer);
        }
        self.state.events.drain(..).for_each(|event| drop(black_box(event)));
    }
}

impl Peer for Rumqttc {
    fn publish(&mut self, qos: Qos, batch: usize, payload: &Bytes) {
        self.outbound.clear();
        for _ in 0..batch {
            let qos = if qos == Qos::AtMostOnce { QoS::AtMostOnce } else { QoS::AtLeastOnce };
            let mut publish = Publish::new(TOPIC, qos, Vec::new());
            publish.payload = payload.clone();
            let packet = self.state.handle_outgoing_packet(Request::Publish(publish)).expect("accepted");
            self.write(packet);
        }
        let mut acks = std::mem::take(&mut self.acks);
        acknowledge(&self.outbound, &mut acks);
        self.take(&acks);
        self.acks = acks;
        black_box(&self.outbound);
    }

    fn receive(&mut self, stream: &[u8]) {
        self.outbound.clear();
        self.take(stream);
        black_box(&self.outbound);
    }
}

/// mqtt-protocol-core's connection, which has its codec in it.
pub struct ProtocolCore {
    connection: mqtt::Connection<mqtt::role::Client>,
    outbound: Vec<u8>,
    acks: Vec<u8>,
    /// What was published last, in the form that this peer shares.
    payload: (Bytes, mqtt::Arc<[u8]>),
}

impl Default for ProtocolCore {
    fn default() -> Self {
        let mut connection = mqtt::Connection::new(mqtt::Version::V3_1_1);
        connection.set_auto_pub_response(true);
        let (outbound, payload) = (Vec::with_capacity(PACKET_LEN_MAX), (Bytes::new(), mqtt::Arc::from(&[][..])));
        let mut peer = Self { connection, outbound, acks: Vec::new(), payload };
        let connect = v3_1_1::Connect::builder().client_id("bench").expect("it is valid").clean_session(true).build();
        let events = peer.connection.checked_send(connect.expect("it is whole"));
        peer.obey(events);
        peer.take(&[0x20, 2, 0, 0]);
        peer
    }
}

impl ProtocolCore {
    fn obey(&mut self, events: Vec<Event>) {
        for event in events {
            match event {
                Event::RequestSendPacket { packet, .. } => {
                    for part in packet.to_buffers() {
                        self.outbound.extend_from_slice(&part);
                    }
                }
                Event::NotifyError(why) => panic!("{why:?}"),
                event => drop(black_box(event)),
            }
        }
    }

    fn take(&mut self, stream: &[u8]) {
        let mut stream = Cursor::new(stream);
        while stream.position() < stream.get_ref().len() as u64 {
            let events = self.connection.recv(&mut stream);
            self.obey(events);
        }
    }
}

impl Peer for ProtocolCore {
    fn publish(&mut self, qos: Qos, batch: usize, payload: &Bytes) {
        self.outbound.clear();
        if self.payload.0.as_ptr() != payload.as_ptr() {
            self.payload = (payload.clone(), mqtt::Arc::from(&payload[..]));
        }
        for _ in 0..batch {
            let publish =
                v3_1_1::Publish::builder().topic_name(TOPIC).expect("it is valid").payload(self.payload.1.clone());
            let publish = match qos {
                Qos::AtMostOnce => publish.qos(mqtt::packet::Qos::AtMostOnce),
                Qos::AtLeastOnce => {
                    let id = self.connection.acquire_packet_id().expect("one is free");
                    publish.qos(mqtt::packet::Qos::AtLeastOnce).packet_id(id)
                }
            };
            let events = self.connection.checked_send(publish.build().expect("it is whole"));
            self.obey(events);
        }
        let mut acks = std::mem::take(&mut self.acks);
        acknowledge(&self.outbound, &mut acks);
        self.take(&acks);
        self.acks = acks;
        black_box(&self.outbound);
    }

    fn receive(&mut self, stream: &[u8]) {
        self.outbound.clear();
        self.take(stream);
        black_box(&self.outbound);
    }
}

/// A codec alone: packets from and to bytes, and nobody who remembers anything.
pub struct Codec {
    outbound: BytesMut,
    inbound: BytesMut,
    acks: Vec<u8>,
    last_id: u16,
}

impl Default for Codec {
    fn default() -> Self {
        Self {
            outbound: BytesMut::with_capacity(PACKET_LEN_MAX),
            inbound: BytesMut::with_capacity(64 * 1024),
            acks: Vec::new(),
            last_id: 0,
        }
    }
}

impl Codec {
    fn take(&mut self, stream: &[u8]) {
        self.inbound.extend_from_slice(stream);
        while !self.inbound.is_empty() {
            let packet = codec::read(&mut self.inbound, PACKET_LEN_MAX).expect("a whole packet");
            if let codec::Packet::Publish(publish) = &packet {
                if publish.pkid != 0 {
                    codec::PubAck::new(publish.pkid).write(&mut self.outbound).expect("it fits");
                }
            }
            black_box(packet);
        }
    }
}

impl Peer for Codec {
    fn publish(&mut self, qos: Qos, batch: usize, payload: &Bytes) {
        self.outbound.clear();
        for _ in 0..batch {
            let mut publish = codec::Publish::from_bytes(TOPIC, mqttbytes::QoS::AtMostOnce, payload.clone());
            if qos == Qos::AtLeastOnce {
                self.last_id = self.last_id.checked_add(1).unwrap_or(1);
                (publish.qos, publish.pkid) = (mqttbytes::QoS::AtLeastOnce, self.last_id);
            }
            publish.write(&mut self.outbound).expect("it fits");
        }
        let mut acks = std::mem::take(&mut self.acks);
        acknowledge(&self.outbound, &mut acks);
        self.take(&acks);
        self.acks = acks;
        black_box(&self.outbound);
    }

    fn receive(&mut self, stream: &[u8]) {
        self.outbound.clear();
        self.take(stream);
        black_box(&self.outbound);
    }
}
