//! The simulated driver: one client and the model broker on a virtual clock, with a network between them that can
//! break.
//!
//! It drives the client by the same contract as the drivers with real sockets; hours of a device's life take
//! milliseconds.
//!
//! ```
//! use core::time::Duration;
//! use thingwire_core::{Config, Notice, Publish, Topic};
//! use thingwire_sim::world::{Network, World};
//!
//! let mut world = World::new(Config::new("device"), 7, Network::default());
//! world.start();
//! world.publish(Publish::new(Topic::new("t")?, "hello"))?;
//! world.run_for(Duration::from_secs(1));
//! world.cut();
//! world.run_for(Duration::from_secs(60));
//! assert!(world.take_notices().iter().any(|notice| matches!(notice, Notice::Offline { .. })));
//! assert!(world.client().phase().is_online());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use core::time::Duration;
use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use thingwire_core::{
    Action, Client, Config, Event, Filter, Instant, Link, LinkError, Notice, Publish, Qos, Refused, TcpError, Ticket,
};

use crate::broker::{Broker, ConnectionId, Message, Output, Rules};

/// Steps at one instant before the run is called a livelock.
const STEPS_AT_ONE_INSTANT_MAX: u32 = 100_000;

/// How the network treats bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// How long a byte travels, either way.
    pub latency: Duration,
    /// The most bytes that arrive at once.
    pub segment_len_max: usize,
    /// Whether links can be made.
    pub reachable: bool,
    /// Whether bytes are held up, both ways, without anybody being told. They arrive afterwards, unless the connection
    /// is gone by then.
    pub silent: bool,
}

impl Default for Network {
    fn default() -> Self {
        Self { latency: Duration::from_millis(20), segment_len_max: 1_460, reachable: true, silent: false }
    }
}

/// A client, a broker, and the network between them.
#[derive(Debug)]
pub struct World {
    client: Client,
    broker: Broker,
    network: Network,
    now: Instant,
    wire: Option<Wire>,
    notices: Vec<Notice>,
    arrived: Vec<Message>,
    inbound: BytesMut,
}

/// The connection between the client and the broker, with what is under way.
#[derive(Debug)]
struct Wire {
    link: Link,
    /// `None` until the first byte could have arrived.
    connection: Option<ConnectionId>,
    connected_at: Instant,
    to_broker: VecDeque<(Instant, Bytes)>,
    to_client: VecDeque<(Instant, Packet)>,
}

/// What reaches the client.
#[derive(Debug)]
enum Packet {
    Bytes(Bytes),
    End,
}

impl World {
    /// An idle client, a broker with AWS's rules, and a network.
    ///
    /// # Panics
    ///
    /// When the configuration is invalid.
    pub fn new(config: Config, seed: u64, network: Network) -> Self {
        let now = Instant::EPOCH;
        let client = Client::new(config, seed, now).unwrap_or_else(|error| panic!("{error}"));
        Self {
            client,
            broker: Broker::new(Rules::aws()),
            network,
            now,
            wire: None,
            notices: Vec::new(),
            arrived: Vec::new(),
            inbound: BytesMut::new(),
        }
    }

    /// Virtual time.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The client, to look at.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The broker, to look at and to change.
    pub fn broker(&mut self) -> &mut Broker {
        &mut self.broker
    }

    /// How the network behaves from now on.
    pub fn network(&mut self) -> &mut Network {
        &mut self.network
    }

    /// Starts the client.
    pub fn start(&mut self) {
        self.client.start(self.now);
    }

    /// Stops the client.
    pub fn stop(&mut self) {
        self.client.stop(self.now);
    }

    /// Publishes; see [`Client::publish`].
    pub fn publish(&mut self, publish: Publish) -> Result<Ticket, Refused<Publish>> {
        self.client.publish(self.now, publish)
    }

    /// Subscribes to one filter; see [`Client::subscribe`].
    pub fn subscribe(&mut self, filter: Filter, qos: Qos) -> Result<Ticket, Refused<Vec<(Filter, Qos)>>> {
        self.client.subscribe(self.now, vec![(filter, qos)])
    }

    /// Breaks the connection: what is under way is lost, and both sides are told.
    pub fn cut(&mut self) {
        if let Some(wire) = self.wire.take() {
            if let Some(connection) = wire.connection {
                self.broker.lost(self.now, connection);
            }
            self.inbound.clear();
            let reset = LinkError::Tcp { address: None, why: TcpError::Reset };
            self.client.handle(self.now, Event::LinkDown(wire.link, reset));
        }
    }

    /// What the application was told since the last call.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        core::mem::take(&mut self.notices)
    }

    /// What the broker took from the client since the last call, repetitions included.
    pub fn take_arrived(&mut self) -> Vec<Message> {
        core::mem::take(&mut self.arrived)
    }

    /// Lets `span` of virtual time pass.
    ///
    /// # Panics
    ///
    /// When the client breaks the contract of its deadlines, or never comes to rest.
    pub fn run_for(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            self.wake();
            self.settle();
            // What is due now and did not move is held by the network or the client.
            match self.next_event().filter(|&at| at <= end) {
                Some(at) => self.now = at,
                None => break,
            }
        }
        self.now = end;
    }
}

/// The driver.
impl World {
    /// Moves what can move at this instant.
    fn settle(&mut self) {
        for _ in 0..STEPS_AT_ONE_INSTANT_MAX {
            let moved = self.drain_client() | self.drain_broker() | self.deliver();
            if !moved {
                return;
            }
        }
        panic!("no rest at {:?} in {:?}", self.now, self.client.phase());
    }

    fn wake(&mut self) {
        self.broker.wake(self.now);
        self.client.handle(self.now, Event::Wake);
        if let Some((deadline, kind)) = self.client.next_deadline() {
            assert!(deadline > self.now, "{kind:?} is due after a wake at {:?}", self.now);
        }
    }

    fn next_event(&self) -> Option<Instant> {
        let wire = self.wire.as_ref();
        let connecting = wire.filter(|wire| wire.connection.is_none()).map(|wire| wire.connected_at);
        let to_broker = wire.and_then(|wire| wire.to_broker.front()).map(|&(at, _)| at);
        let to_client = wire.and_then(|wire| wire.to_client.front()).map(|&(at, _)| at);
        let client = self.client.next_deadline().map(|(at, _)| at);
        let all = [connecting, to_broker, to_client, client, self.broker.next_deadline()];
        all.into_iter().flatten().filter(|&at| at > self.now).min()
    }

    /// The driver's loop, by the contract.
    fn drain_client(&mut self) -> bool {
        let mut out = BytesMut::new();
        let mut moved = false;
        loop {
            let written = self.client.poll_transmit(self.now, &mut out, 16 * 1024);
            let action = self.client.poll_action();
            if written == 0 && action.is_none() {
                break;
            }
            moved = true;
            match action {
                Some(Action::Open(link)) => self.open(link),
                Some(Action::Close(link)) => self.close(link, out.split().freeze()),
                Some(Action::Notify(notice)) => self.notices.push(notice),
                None => {}
            }
        }
        self.send(out.freeze());
        moved
    }

    fn open(&mut self, link: Link) {
        assert!(self.wire.is_none(), "two links at one time");
        if !self.network.reachable {
            let refused = LinkError::Tcp { address: None, why: TcpError::Refused };
            return self.client.handle(self.now, Event::LinkDown(link, refused));
        }
        self.wire = Some(Wire {
            link,
            connection: None,
            connected_at: self.now + self.network.latency * 2,
            to_broker: VecDeque::new(),
            to_client: VecDeque::new(),
        });
    }

    /// The last words arrive, then the connection is gone; what is on its way to the client is not read any more.
    fn close(&mut self, link: Link, last_words: Bytes) {
        if let Some(wire) = self.wire.take_if(|wire| wire.link == link) {
            self.inbound.clear();
            // Through a silent network not even the end of the connection is heard.
            if let Some(connection) = wire.connection.filter(|_| !self.network.silent) {
                for bytes in wire.to_broker.into_iter().map(|(_, bytes)| bytes).chain([last_words]) {
                    self.broker.receive(self.now, connection, &bytes);
                }
                self.broker.lost(self.now, connection);
            }
        }
    }

    fn send(&mut self, mut bytes: Bytes) {
        let Some(wire) = &mut self.wire else { return };
        let at = self.now + self.network.latency;
        while !bytes.is_empty() {
            let segment = bytes.split_to(bytes.len().min(self.network.segment_len_max));
            wire.to_broker.push_back((at, segment));
        }
    }

    fn drain_broker(&mut self) -> bool {
        let mut moved = false;
        while let Some(output) = self.broker.poll() {
            moved = true;
            let at = self.now + self.network.latency;
            let mut send = |connection, packet| {
                if let Some(wire) = self.wire.as_mut().filter(|wire| wire.connection == Some(connection)) {
                    wire.to_client.push_back((at, packet));
                }
            };
            match output {
                Output::Send(connection, mut bytes) => {
                    while !bytes.is_empty() {
                        let segment = bytes.split_to(bytes.len().min(self.network.segment_len_max));
                        send(connection, Packet::Bytes(segment));
                    }
                }
                Output::Close(connection, _) => send(connection, Packet::End),
                Output::Published { message, .. } => self.arrived.push(message),
                Output::Violation(_) => {}
            }
        }
        moved
    }

    /// Hands over what has arrived by now.
    fn deliver(&mut self) -> bool {
        let Some(wire) = self.wire.as_mut().filter(|_| !self.network.silent) else { return false };
        let (now, link) = (self.now, wire.link);
        if wire.connection.is_none() && wire.connected_at <= now {
            wire.connection = Some(self.broker.open(now));
            self.client.handle(now, Event::LinkUp(link));
            return true;
        }
        if let Some(bytes) = pop_due(&mut wire.to_broker, now) {
            if let Some(connection) = wire.connection {
                self.broker.receive(now, connection, &bytes);
            }
            return true;
        }
        if !self.client.wants_input() {
            return false;
        }
        let held = self.inbound.len();
        self.client.handle(now, Event::Received(link, &mut self.inbound));
        if self.inbound.len() < held {
            return true;
        }
        match pop_due(&mut wire.to_client, now) {
            None => return false,
            Some(Packet::Bytes(bytes)) => {
                self.inbound.extend_from_slice(&bytes);
                self.client.handle(now, Event::Received(link, &mut self.inbound));
            }
            Some(Packet::End) => {
                self.wire = None;
                self.inbound.clear();
                self.client.handle(now, Event::LinkDown(link, LinkError::Closed));
            }
        }
        true
    }
}

fn pop_due<T>(queue: &mut VecDeque<(Instant, T)>, now: Instant) -> Option<T> {
    queue.front().filter(|&&(at, _)| at <= now)?;
    queue.pop_front().map(|(_, item)| item)
}
