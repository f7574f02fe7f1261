//! A strict MQTT 3.1.1 server with the rules of AWS IoT Core, as a pure state machine.
//!
//! Bytes and time go in, [`Output`]s come out; there is no socket, no clock, no thread and no randomness in here, so the same
//! inputs always give the same outputs. The wire format is read and written by code of its own, independent of the client's.
//!
//! A client that breaks a rule is not tolerated: its connection is closed and a [`Violation`] says which rule it was.
//!
//! ```
//! use thingwire_core::Instant;
//! use thingwire_sim::broker::{Broker, Output, Rules};
//!
//! let mut broker = Broker::new(Rules::aws());
//! let connection = broker.open(Instant::EPOCH);
//! broker.receive(Instant::EPOCH, connection, b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a");
//! assert_eq!(broker.poll(), Some(Output::Send(connection, b"\x20\x02\x00\x00"[..].into())));
//! assert_eq!(broker.poll(), None);
//! ```

mod admission;
mod connect;
mod connection;
mod decode;
mod encode;
mod end;
mod index;
mod name;
mod outbox;
mod presence;
mod publish;
mod rules;
mod saved;
mod session;
mod sessions;
mod shadows;
mod subscribe;
mod table;
mod timers;
pub mod topics;
mod violation;
mod wire;

use core::time::Duration;
use std::collections::BTreeMap;

use bytes::Bytes;
use thingwire_core::Instant;

pub use connection::{CloseReason, ConnectionId};
pub use name::TopicName;
pub use rules::{KeepAlive, OverSubscriptions, Qos2, Refuse, Rules, TopicLimits};
pub use saved::Saved;
pub use violation::{SHOWN_BYTES, Violation, ViolationKind};
pub use wire::{Message, Qos};

use admission::Admission;
use connection::{Connection, Connections, Phase};
use index::{Index, Subscriber};
use outbox::{Outbox, Queued};
use presence::Presence;
use sessions::Sessions;
use timers::{Owner, Timers};
use wire::{Broken, Frame, Packet};

use crate::shadow::{Service, ShadowRules};

/// How many violations a broker remembers; later ones are only put out and counted.
const REMEMBERED_VIOLATIONS: usize = 1000;

/// What the owner of the broker has to do, or may want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send these bytes.
    Send(ConnectionId, Bytes),
    /// Close the connection once everything sent before is out; the broker has forgotten it.
    Close(ConnectionId, CloseReason),
    /// A client broke a rule; its [`Output::Close`] follows, unless it had said DISCONNECT and so came before.
    Violation(Violation),
    /// A client's publish was taken.
    Published {
        /// Where it came from.
        connection: ConnectionId,
        /// The message.
        message: Message,
        /// Whether the client says it is a repetition.
        dup: bool,
    },
}

/// The model broker.
#[derive(Debug)]
pub struct Broker {
    rules: Rules,
    /// The latest time that it was told.
    now: Instant,
    connections: Connections,
    sessions: Sessions,
    index: Index,
    /// Room for what the index finds.
    found: Vec<Subscriber>,
    timers: Timers,
    /// One message per topic [MQTT-3.3.1-5].
    retained: BTreeMap<TopicName, Message>,
    admission: Admission,
    presence: Presence,
    shadows: Service,
    /// What the clock on the wall says at the beginning, since 1970.
    unix_epoch: Duration,
    /// How often what is to be saved has changed, apart from shadows.
    revision: u64,
    outbox: Outbox,
    violations: Vec<Violation>,
    violation_count: u64,
    discarded_count: u64,
}

impl Broker {
    /// A broker without clients that follows `rules`.
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            now: Instant::EPOCH,
            connections: Connections::new(),
            sessions: Sessions::new(),
            index: Index::new(),
            found: Vec::new(),
            timers: Timers::default(),
            retained: BTreeMap::new(),
            admission: Admission::default(),
            presence: Presence::default(),
            shadows: Service::new(ShadowRules::aws()),
            unix_epoch: Duration::ZERO,
            revision: 0,
            outbox: Outbox::new(),
            violations: Vec::new(),
            violation_count: 0,
            discarded_count: 0,
        }
    }

    /// The rules it follows.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The rules it follows from now on.
    pub fn rules_mut(&mut self) -> &mut Rules {
        &mut self.rules
    }

    /// A transport connection has come.
    pub fn open(&mut self, now: Instant) -> ConnectionId {
        self.now = self.now.max(now);
        let connection = self.connections.open();
        self.set_alarm(connection, now + self.rules.connect_timeout);
        connection
    }

    /// Bytes have come, in chunks of any size. Those of a connection that is already over are ignored.
    pub fn receive(&mut self, now: Instant, connection: ConnectionId, bytes: &[u8]) {
        self.receive_bytes(now, connection, Bytes::copy_from_slice(bytes));
    }

    /// As [`Broker::receive`], but without a copy: messages share these bytes as long as they are kept.
    pub fn receive_bytes(&mut self, now: Instant, connection: ConnectionId, bytes: Bytes) {
        self.wake(now);
        let Some(state) = self.connections.get_mut(connection) else {
            return;
        };
        if matches!(state.phase, Phase::Closed) {
            return;
        }
        state.frames.push(bytes);
        self.read(connection);
    }

    /// Does what is due at `now`.
    pub fn wake(&mut self, now: Instant) {
        self.now = self.now.max(now);
        while let Some(owner) = self.timers.take_due(self.now) {
            match owner {
                Owner::Connection(connection) => self.wake_connection(connection),
                Owner::Session(row) => self.wake_session(row),
            }
        }
        self.publish_shadows();
    }

    /// When to call [`Broker::wake`] at the latest; it may turn out that there was nothing to do.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.timers.next().into_iter().chain(self.shadows.next_deadline()).min()
    }

    /// The next output. What has been polled counts as sent.
    pub fn poll(&mut self) -> Option<Output> {
        loop {
            let Queued { output, frees } = self.outbox.pop()?;
            match &output {
                Output::Send(connection, _) => {
                    let Some(state) = self.connections.get_mut(*connection) else {
                        continue;
                    };
                    state.connack_out = true;
                    if let Some(id) = frees {
                        state.free_id(id);
                    }
                }
                Output::Close(connection, _) => {
                    if self.connections.remove(*connection).is_none() {
                        continue;
                    }
                }
                Output::Violation(_) | Output::Published { .. } => {}
            }
            return Some(output);
        }
    }

    /// The violations so far, oldest first; after the first 1000 they are only counted.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// How many violations there were.
    pub fn violation_count(&self) -> u64 {
        self.violation_count
    }

    /// How many publishes were dropped in silence because of [`Rules::publishes_per_second`], in and out.
    pub fn discarded_count(&self) -> u64 {
        self.discarded_count
    }

    /// How many transport connections there are, with those whose [`Output::Close`] was not polled yet.
    pub fn connection_count(&self) -> usize {
        self.connections.len()
    }

    /// How many sessions there are, online or not.
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there is a session of `client_id`, online or not.
    pub fn has_session(&self, client_id: &str) -> bool {
        self.sessions.find(client_id).is_some()
    }

    /// The client ids that are online, in order.
    pub fn clients(&self) -> impl Iterator<Item = &str> {
        self.sessions.iter().filter(|session| session.connection.is_some()).map(|session| &*session.client_id)
    }

    /// The filters that the session of `client_id` is subscribed to, in order.
    pub fn subscriptions(&self, client_id: &str) -> impl Iterator<Item = &str> {
        let session = self.sessions.find(client_id).and_then(|row| self.sessions.get(row));
        session.into_iter().flat_map(|session| session.subscriptions.keys().map(|filter| &**filter))
    }

    /// Takes whole packets from the connection's buffer until none is left or the connection is over.
    fn read(&mut self, connection: ConnectionId) {
        loop {
            let Some(state) = self.connections.get_mut(connection) else {
                return;
            };
            let waits = matches!(state.phase, Phase::Connecting(_)) && self.rules.send_before_connack;
            let held = state.held_until.is_some_and(|until| until > self.now);
            if waits || held || matches!(state.phase, Phase::Closed) {
                return;
            }
            let verdict = match next_frame(state, self.rules.packet_len_max) {
                Ok(None) => return,
                Ok(Some(frame)) => decode::decode(&frame)
                    .and_then(|packet| self.take(connection, packet))
                    .map_err(|kind| Broken { kind, bytes: frame.shown() }),
                Err(broken) => Err(broken),
            };
            if let Err(broken) = verdict {
                self.violate(connection, broken);
            }
        }
    }

    fn take(&mut self, connection: ConnectionId, packet: Packet) -> Result<(), ViolationKind> {
        let Some(state) = self.connections.get_mut(connection) else {
            return Ok(());
        };
        match (&state.phase, packet) {
            (Phase::Fresh, Packet::Connect(connect)) => return self.on_connect(connection, connect),
            (Phase::Fresh, Packet::ConnectOfLevel(_)) => {
                self.refuse(connection, Refuse::Code(connect::BAD_PROTOCOL_LEVEL));
                return Ok(());
            }
            (Phase::Fresh, _) => return Err(ViolationKind::NotConnectFirst),
            (_, Packet::Connect(_) | Packet::ConnectOfLevel(_)) => return Err(ViolationKind::SecondConnect),
            _ if !state.connack_out && !self.rules.send_before_connack => return Err(ViolationKind::BeforeConnack),
            (_, packet) => {
                if let Some(patience) = state.patience {
                    let owner = Owner::Connection(connection);
                    self.timers.set(&mut state.alarm, owner, self.now + patience);
                }
                match packet {
                    Packet::Publish(publish) => return self.on_publish(connection, publish),
                    Packet::PubAck(id) => return self.on_puback(connection, id),
                    Packet::Subscribe(subscribe) => return self.on_subscribe(connection, subscribe),
                    Packet::Unsubscribe(unsubscribe) => return self.on_unsubscribe(connection, &unsubscribe),
                    Packet::PingReq => self.outbox.send(connection, encode::pingresp()),
                    Packet::Disconnect => self.finish(connection, Some(CloseReason::Disconnected)),
                    Packet::Connect(_) | Packet::ConnectOfLevel(_) => {}
                }
            }
        }
        Ok(())
    }

    fn wake_connection(&mut self, connection: ConnectionId) {
        let Some(state) = self.connections.get_mut(connection) else {
            return;
        };
        if !self.timers.rings(&mut state.alarm, Owner::Connection(connection), self.now) {
            return;
        }
        let held = state.held_until.take();
        match core::mem::replace(&mut state.phase, Phase::Fresh) {
            Phase::Fresh => self.finish(connection, Some(CloseReason::ConnectTimeout)),
            Phase::Connecting(connect) => {
                self.answer_connect(connection, *connect);
                self.read(connection);
            }
            Phase::Online => {
                state.phase = Phase::Online;
                match (held, state.patience) {
                    (None, _) => self.finish(connection, Some(CloseReason::KeepAlive)),
                    (Some(_), patience) => {
                        if let Some(patience) = patience {
                            self.set_alarm(connection, self.now + patience);
                        }
                        self.read(connection);
                    }
                }
            }
            over @ (Phase::Disconnected | Phase::Closed) => state.phase = over,
        }
    }

    /// When the connection is to be woken.
    fn set_alarm(&mut self, connection: ConnectionId, at: Instant) {
        if let Some(state) = self.connections.get_mut(connection) {
            self.timers.set(&mut state.alarm, Owner::Connection(connection), at);
        }
    }

    fn violate(&mut self, connection: ConnectionId, Broken { kind, bytes }: Broken) {
        let client_id =
            self.connections.get(connection).and_then(|state| state.client_id.as_deref().map(str::to_owned));
        let violation = Violation { connection, client_id, at: self.now, kind, bytes };
        self.violation_count += 1;
        if self.violations.len() < REMEMBERED_VIOLATIONS {
            self.violations.push(violation.clone());
        }
        self.outbox.put(Output::Violation(violation));
        self.finish(connection, Some(CloseReason::Violation));
    }
}

/// The next whole packet of a connection, not looked into.
fn next_frame(state: &mut Connection, packet_len_max: usize) -> Result<Option<Frame>, Broken> {
    let Some(first) = state.frames.peek() else {
        return Ok(None);
    };
    let at_once = |kind| Broken { kind, bytes: Bytes::copy_from_slice(&[first]) };
    match state.phase {
        Phase::Fresh if first >> 4 != 1 => return Err(at_once(ViolationKind::NotConnectFirst)),
        Phase::Disconnected => return Err(at_once(ViolationKind::AfterDisconnect)),
        _ => {}
    }
    state.frames.next(packet_len_max)
}
