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

/// A peer that writes packets into a buffer, and takes bytes: what its messages and acknowledgements pass through.
trait Wire {
    fn buffers(&mut self) -> &mut Buffers;

    /// Writes one PUBLISH.
    fn send(&mut self, qos: Qos, payload: &Bytes);

    /// Takes whole packets, and writes what answers them.
    fn take(&mut self, stream: &[u8]);
}

struct Buffers {
    outbound: BytesMut,
    acks: Vec<u8>,
}

impl Default for Buffers {
    fn default() -> Self {
        Self { outbound: BytesMut::with_capacity(PACKET_LEN_MAX), acks: Vec::new() }
    }
}

impl<W: Wire> Peer for W {
    fn publish(&mut self, qos: Qos, batch: usize, payload: &Bytes) {
        self.buffers().outbound.clear();
        for _ in 0..batch {
            self.send(qos, payload);
        }
        let mut acks = std::mem::take(&mut self.buffers().acks);
        acknowledge(&self.buffers().outbound, &mut acks);
        self.take(&acks);
        self.buffers().acks = acks;
        black_box(&self.buffers().outbound);
    }

    fn receive(&mut self, stream: &[u8]) {
        self.buffers().outbound.clear();
        self.take(stream);
        black_box(&self.buffers().outbound);
    }
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
                assert_eq!(self.bench.ended(), batch);
            }
            Qos::AtLeastOnce => {
                acknowledge(sent, &mut self.acks);
                assert_eq!(self.bench.receive(&self.acks), batch);
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
    buffers: Buffers,
    inbound: BytesMut,
}

impl Default for Rumqttc {
    fn default() -> Self {
        let (buffers, inbound) = (Buffers::default(), BytesMut::with_capacity(64 * 1024));
        Self { state: MqttState::new(WINDOW, false), buffers, inbound }
    }
}

impl Rumqttc {
    fn write(&mut self, packet: Option<Packet>) {
        if let Some(packet) = packet {
            packet.write(&mut self.buffers.outbound, PACKET_LEN_MAX).expect("it fits");
        }
    }
}

impl Wire for Rumqttc {
    fn buffers(&mut self) -> &mut Buffers {
        &mut self.buffers
    }

    fn send(&mut self, qos: Qos, payload: &Bytes) {
        let qos = if qos == Qos::AtMostOnce { QoS::AtMostOnce } else { QoS::AtLeastOnce };
        let mut publish = Publish::new(TOPIC, qos, Vec::new());
        publish.payload = payload.clone();
        let packet = self.state.handle_outgoing_packet(Request::Publish(publish)).expect("accepted");
        self.write(packet);
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

/// mqtt-protocol-core's connection, which has its codec in it.
pub struct ProtocolCore {
    connection: mqtt::Connection<mqtt::role::Client>,
    buffers: Buffers,
    /// What was published last, in the form that this peer shares.
    payload: (Bytes, mqtt::Arc<[u8]>),
}

impl Default for ProtocolCore {
    fn default() -> Self {
        let mut connection = mqtt::Connection::new(mqtt::Version::V3_1_1);
        connection.set_auto_pub_response(true);
        let payload = (Bytes::new(), mqtt::Arc::from(&[][..]));
        let mut peer = Self { connection, buffers: Buffers::default(), payload };
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
                        self.buffers.outbound.extend_from_slice(&part);
                    }
                }
                Event::NotifyError(why) => panic!("{why:?}"),
                event => drop(black_box(event)),
            }
        }
    }
}

impl Wire for ProtocolCore {
    fn buffers(&mut self) -> &mut Buffers {
        &mut self.buffers
    }

    fn send(&mut self, qos: Qos, payload: &Bytes) {
        if self.payload.0.as_ptr() != payload.as_ptr() {
            self.payload = (payload.clone(), mqtt::Arc::from(&payload[..]));
        }
        let publish = v3_1_1::Publish::builder().topic_name(TOPIC).expect("it is valid");
        let publish = publish.payload(self.payload.1.clone());
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

    fn take(&mut self, stream: &[u8]) {
        let mut stream = Cursor::new(stream);
        while stream.position() < stream.get_ref().len() as u64 {
            let events = self.connection.recv(&mut stream);
            self.obey(events);
        }
    }
}

/// A codec alone: packets from and to bytes, and nobody who remembers anything.
pub struct Codec {
    buffers: Buffers,
    inbound: BytesMut,
    last_id: u16,
}

impl Default for Codec {
    fn default() -> Self {
        Self { buffers: Buffers::default(), inbound: BytesMut::with_capacity(64 * 1024), last_id: 0 }
    }
}

impl Wire for Codec {
    fn buffers(&mut self) -> &mut Buffers {
        &mut self.buffers
    }

    fn send(&mut self, qos: Qos, payload: &Bytes) {
        let mut publish = codec::Publish::from_bytes(TOPIC, mqttbytes::QoS::AtMostOnce, payload.clone());
        if qos == Qos::AtLeastOnce {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            (publish.qos, publish.pkid) = (mqttbytes::QoS::AtLeastOnce, self.last_id);
        }
        publish.write(&mut self.buffers.outbound).expect("it fits");
    }

    fn take(&mut self, stream: &[u8]) {
        self.inbound.extend_from_slice(stream);
        while !self.inbound.is_empty() {
            let packet = codec::read(&mut self.inbound, PACKET_LEN_MAX).expect("a whole packet");
            if let codec::Packet::Publish(publish) = &packet {
                if publish.pkid != 0 {
                    codec::PubAck::new(publish.pkid).write(&mut self.buffers.outbound).expect("it fits");
                }
            }
            black_box(packet);
        }
    }
}
