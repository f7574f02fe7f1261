//! What the benchmarks and the allocation tests share: a client that is online, and a server's part in bytes.

pub mod engines;
pub mod lines;
pub mod peers;
pub mod report;
pub mod requests;
mod server;
pub mod shadows;

use core::time::Duration;

use bytes::{Bytes, BytesMut};
use thingwire_core::{
    Action, Client, Config, Drain, Event, Filter, Instant, Limits, Link, LinkError, Notice, Phase, Publish, Qos,
    QueueConfig, ShadowName, ShadowRequest, ShadowWatch, Topic,
};

pub use server::{acknowledge, message, message_to, stream};

/// The topic that every benchmark publishes to; 42 bytes, as in the service's own examples.
pub const TOPIC: &str = "dt/factory/line-7/sensor-0042/temperature0";

/// Bytes of every message of [`Bench::publish_many`].
pub const PAYLOAD_LEN: usize = 64;

/// Bytes that the socket of [`Bench::drain`] takes at once.
const BUDGET: usize = 64 * 1024;

/// A client with its buffers and its virtual time.
pub struct Bench {
    client: Client,
    now: Instant,
    link: Option<Link>,
    outbound: BytesMut,
    inbound: BytesMut,
    acks: Vec<u8>,
    topic: Topic,
}

impl Bench {
    /// An online client without limits.
    ///
    /// # Panics
    ///
    /// When the client does not come online.
    pub fn online() -> Self {
        let mut bench = Self::offline();
        bench.connect();
        bench
    }

    /// A client without limits that was not started yet.
    ///
    /// # Panics
    ///
    /// When the configuration is not valid.
    pub fn offline() -> Self {
        Self::queueing(|_| {})
    }

    /// The same, with another configuration of its queue.
    ///
    /// # Panics
    ///
    /// When the configuration is not valid.
    pub fn queueing(change: impl FnOnce(&mut QueueConfig)) -> Self {
        let mut config = Config::new("bench");
        unlimited(&mut config);
        change(&mut config.queue);
        Self::with(config)
    }

    /// A client with this configuration that was not started yet.
    ///
    /// # Panics
    ///
    /// When the configuration is not valid.
    pub fn with(config: Config) -> Self {
        Self {
            client: Client::new(config, 1, Instant::EPOCH).expect("a valid configuration"),
            now: Instant::EPOCH,
            link: None,
            outbound: BytesMut::with_capacity(1 << 20),
            inbound: BytesMut::with_capacity(BUDGET),
            acks: Vec::with_capacity(BUDGET),
            topic: Topic::new(TOPIC).expect("a valid topic"),
        }
    }

    /// Brings the client online, after a wait if it backs off; the server knows no session.
    ///
    /// # Panics
    ///
    /// When the client does not come online.
    pub fn connect(&mut self) {
        self.client.start(self.now);
        if self.client.phase() == Phase::BackingOff {
            self.now = self.client.next_deadline().expect("a wait ends").0;
            self.client.handle(self.now, Event::Wake);
        }
        while let Some(action) = self.client.poll_action() {
            if let Action::Open(link) = action {
                self.link = Some(link);
            }
        }
        let link = self.link.expect("a link is wanted");
        self.client.handle(self.now, Event::LinkUp(link));
        self.transmit();
        self.receive(&[0x20, 2, 0, 0]);
        assert!(self.client.phase().is_online());
    }

    /// Loses the link, which was nobody's fault.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn lose_link(&mut self) {
        let link = self.link.expect("a link");
        self.client.handle(self.now, Event::LinkDown(link, LinkError::KeepAlive));
    }

    /// Operations that wait to be sent.
    pub fn queued(&self) -> usize {
        self.client.queued()
    }

    /// Records from now on, as by default.
    #[cfg(feature = "trace")]
    #[must_use]
    pub fn record(mut self) -> Self {
        self.client.record(&thingwire_core::trace::RecordOptions::new([1, 2]));
        self
    }

    /// The recording so far.
    #[cfg(feature = "trace")]
    pub fn recording(&mut self) -> Option<Vec<u8>> {
        self.client.recording()
    }

    /// Publishes once; nothing is encoded yet.
    ///
    /// # Panics
    ///
    /// When the client refuses.
    pub fn publish(&mut self, qos: Qos, payload: impl Into<Bytes>) {
        let publish = Publish::new(self.topic.clone(), payload).qos(qos);
        self.client.publish(self.now, publish).expect("room in the queue");
    }

    /// Publishes messages of 64 bytes, one in every microsecond, that have nothing in common but their topic.
    ///
    /// # Panics
    ///
    /// When the client refuses.
    pub fn publish_many(&mut self, count: usize, change: impl Fn(Publish) -> Publish) {
        for _ in 0..count {
            let publish = change(Publish::new(self.topic.clone(), vec![0x2a; PAYLOAD_LEN]));
            self.now = self.now + Duration::from_micros(1);
            self.client.publish(self.now, publish).expect("room in the queue");
        }
    }

    /// Subscribes to this many topics, which are granted at once.
    ///
    /// # Panics
    ///
    /// When the client refuses.
    pub fn subscribe_many(&mut self, count: usize) {
        for number in 0..count {
            let filter = Filter::new(format!("{TOPIC}/{number}")).expect("a valid filter");
            self.client.subscribe(self.now, vec![(filter, Qos::AtLeastOnce)]).expect("room in the queue");
        }
        assert_eq!(self.drain(), count);
    }

    /// Waits until a ping is due, and has it answered.
    ///
    /// # Panics
    ///
    /// When something else is due before.
    pub fn ping(&mut self) {
        self.now = self.client.next_deadline().expect("a keep-alive").0;
        self.client.handle(self.now, Event::Wake);
        assert_eq!(self.transmit(), [0xc0, 0]);
        assert_eq!(self.receive(&[0xd0, 0]), 0);
    }

    /// Watches the deltas of a device shadow, without reading it first.
    ///
    /// # Panics
    ///
    /// When the client refuses.
    pub fn watch(&mut self, shadow: ShadowName) {
        self.client.watch_shadow(self.now, ShadowWatch::deltas(shadow).get_first(false)).expect("room for watches");
    }

    /// Asks something of a device shadow.
    ///
    /// # Panics
    ///
    /// When the client refuses.
    pub fn shadow(&mut self, request: ShadowRequest) {
        self.client.ask_shadow(self.now, request).expect("room for requests");
    }

    /// Encodes what is to be sent; returns it, and forgets what was returned before.
    pub fn transmit(&mut self) -> &[u8] {
        self.outbound.clear();
        self.client.poll_transmit(self.now, &mut self.outbound, usize::MAX);
        &self.outbound
    }

    /// Sends all that is queued to a server that acknowledges it at once; returns how many operations ended.
    ///
    /// # Panics
    ///
    /// When the link ends.
    pub fn drain(&mut self) -> usize {
        let mut ended = 0;
        loop {
            self.outbound.clear();
            if self.client.poll_transmit(self.now, &mut self.outbound, BUDGET) == 0 {
                return ended;
            }
            let mut acks = std::mem::take(&mut self.acks);
            acknowledge(&self.outbound, &mut acks);
            ended += self.receive(&acks);
            self.acks = acks;
        }
    }

    /// Takes bytes from the server; returns how many operations ended and how many messages and news of shadows arrived.
    ///
    /// # Panics
    ///
    /// When the link ends.
    pub fn receive(&mut self, bytes: &[u8]) -> usize {
        let link = self.link.expect("a link");
        self.inbound.extend_from_slice(bytes);
        let mut ended = self.ended();
        while !self.inbound.is_empty() {
            self.client.handle(self.now, Event::Received(link, &mut self.inbound));
            ended += self.ended();
        }
        ended
    }

    /// How many operations have ended and how many messages and news of shadows have arrived since it was last asked.
    ///
    /// # Panics
    ///
    /// When the link has ended.
    pub fn ended(&mut self) -> usize {
        let mut ended = 0;
        while let Some(action) = self.client.poll_action() {
            match action {
                Action::Notify(Notice::Done { .. } | Notice::Message(_) | Notice::Shadow(_)) => ended += 1,
                Action::Notify(_) => {}
                Action::Open(_) | Action::Close(_) => panic!("the link ended: {action:?}"),
            }
        }
        ended
    }
}

/// Takes away what holds messages back.
fn unlimited(config: &mut Config) {
    config.limits = Limits::none();
    config.drain = Drain::Unlimited;
    config.queue.count_max = None;
    config.queue.bytes_max = usize::MAX;
}
