//! What the benchmarks and the allocation tests share: a client that is online, and a server's part in bytes.

use bytes::{Bytes, BytesMut};
use thingwire_core::{Action, Client, Config, Event, Instant, Limits, Link, Notice, Outcome, Publish, Qos, Topic};

/// The topic that every benchmark publishes to; 42 bytes, as in the service's own examples.
pub const TOPIC: &str = "dt/factory/line-7/sensor-0042/temperature0";

/// A client that is online, with its buffers.
pub struct Bench {
    client: Client,
    link: Link,
    outbound: BytesMut,
    inbound: BytesMut,
    topic: Topic,
}

impl Bench {
    /// An online client without limits.
    ///
    /// # Panics
    ///
    /// When the client does not come online.
    pub fn online() -> Self {
        let mut config = Config::new("bench");
        config.limits = Limits::none();
        config.queue.count_max = None;
        let mut client = Client::new(config, 1, Instant::EPOCH).expect("a valid configuration");
        client.start(Instant::EPOCH);
        let link = std::iter::from_fn(|| client.poll_action())
            .find_map(|action| match action {
                Action::Open(link) => Some(link),
                Action::Close(_) | Action::Notify(_) => None,
            })
            .expect("a link is wanted");
        client.handle(Instant::EPOCH, Event::LinkUp(link));
        let topic = Topic::new(TOPIC).expect("a valid topic");
        let mut bench =
            Self { client, link, outbound: BytesMut::with_capacity(1 << 20), inbound: BytesMut::new(), topic };
        bench.transmit();
        bench.receive(&[0x20, 2, 0, 0]);
        bench.transmit();
        assert!(bench.client.phase().is_online());
        bench
    }

    /// Publishes once; nothing is encoded yet.
    ///
    /// # Panics
    ///
    /// When the client refuses.
    pub fn publish(&mut self, qos: Qos, payload: &Bytes) {
        let publish = Publish::new(self.topic.clone(), payload.clone()).qos(qos);
        self.client.publish(Instant::EPOCH, publish).expect("room in the queue");
    }

    /// Encodes what is to be sent; returns it, and forgets what was returned before.
    pub fn transmit(&mut self) -> &[u8] {
        self.outbound.clear();
        self.client.poll_transmit(Instant::EPOCH, &mut self.outbound, usize::MAX);
        &self.outbound
    }

    /// Takes bytes from the server; returns how many operations ended and how many messages arrived.
    ///
    /// # Panics
    ///
    /// When the link ends.
    pub fn receive(&mut self, bytes: &[u8]) -> usize {
        self.inbound.extend_from_slice(bytes);
        let mut ended = 0;
        while !self.inbound.is_empty() {
            self.client.handle(Instant::EPOCH, Event::Received(self.link, &mut self.inbound));
            while let Some(action) = self.client.poll_action() {
                match action {
                    Action::Notify(
                        Notice::Done { outcome: Outcome::Acked | Outcome::Sent, .. } | Notice::Message(_),
                    ) => ended += 1,
                    Action::Notify(_) => {}
                    Action::Open(_) | Action::Close(_) => panic!("the link ended: {action:?}"),
                }
            }
        }
        ended
    }

    /// Operations that ended without the server: QoS 0.
    pub fn ended(&mut self) -> usize {
        std::iter::from_fn(|| self.client.poll_action()).count()
    }
}

/// A PUBACK for every QoS 1 PUBLISH in `stream`, which has the topic [`TOPIC`]; written over `acks`.
///
/// # Panics
///
/// When `stream` is anything else.
pub fn acknowledge(stream: &[u8], acks: &mut Vec<u8>) {
    acks.clear();
    let mut rest = stream;
    while !rest.is_empty() {
        assert_eq!(rest[0] & 0xf6, 0x32, "a QoS 1 PUBLISH");
        let (mut len, mut header) = (0, 1);
        loop {
            let byte = rest[header];
            len |= usize::from(byte & 0x7f) << (7 * (header - 1));
            header += 1;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let id = header + 2 + TOPIC.len();
        acks.extend_from_slice(&[0x40, 2, rest[id], rest[id + 1]]);
        rest = &rest[header + len..];
    }
}

/// A PUBLISH from the server to [`TOPIC`]; the packet id makes it QoS 1.
///
/// # Panics
///
/// When the payload is longer than a packet can be.
pub fn message(payload: &[u8], id: Option<u16>) -> Vec<u8> {
    let id: Vec<u8> = id.iter().flat_map(|id| id.to_be_bytes()).collect();
    let mut len = 2 + TOPIC.len() + id.len() + payload.len();
    let mut packet = vec![if id.is_empty() { 0x30 } else { 0x32 }];
    loop {
        let digit = u8::try_from(len & 0x7f).expect("seven bits");
        len >>= 7;
        packet.push(if len > 0 { digit | 0x80 } else { digit });
        if len == 0 {
            break;
        }
    }
    packet.extend_from_slice(&[0, u8::try_from(TOPIC.len()).expect("a short topic")]);
    packet.extend_from_slice(TOPIC.as_bytes());
    packet.extend(id);
    packet.extend_from_slice(payload);
    packet
}
