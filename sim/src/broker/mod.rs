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

mod connect;
mod connection;
mod decode;
mod encode;
mod publish;
mod rules;
mod session;
mod subscribe;
pub mod topics;
mod violation;
mod wire;

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use thingwire_core::Instant;

pub use connection::{CloseReason, ConnectionId};
pub use rules::{KeepAlive, OverSubscriptions, Qos2, Refuse, Rules, TopicLimits};
pub use violation::{SHOWN_BYTES, Violation, ViolationKind};
pub use wire::{Message, Qos};

use connection::{Connection, Phase};
use session::Session;
use wire::{Broken, Packet};

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

/// An output and what its leaving means.
#[derive(Debug)]
struct Queued {
    output: Output,
    /// The packet id that is free again once this is out.
    frees: Option<u16>,
}

/// The model broker.
#[derive(Debug)]
pub struct Broker {
    rules: Rules,
    connections: BTreeMap<ConnectionId, Connection>,
    sessions: BTreeMap<String, Session>,
    /// One message per topic [MQTT-3.3.1-5].
    retained: BTreeMap<String, Message>,
    outputs: VecDeque<Queued>,
    violations: Vec<Violation>,
    violation_count: u64,
    opened: u64,
}

impl Broker {
    /// A broker without clients that follows `rules`.
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            connections: BTreeMap::new(),
            sessions: BTreeMap::new(),
            retained: BTreeMap::new(),
            outputs: VecDeque::new(),
            violations: Vec::new(),
            violation_count: 0,
            opened: 0,
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
        self.opened += 1;
        let connection = ConnectionId(self.opened);
        let deadline = now + self.rules.connect_timeout;
        self.connections.insert(connection, Connection::new(deadline));
        connection
    }

    /// Bytes have come, in chunks of any size. Those of a connection that is already over are ignored.
    pub fn receive(&mut self, now: Instant, connection: ConnectionId, bytes: &[u8]) {
        self.wake(now);
        let Some(state) = self.connections.get_mut(&connection) else {
            return;
        };
        if matches!(state.phase, Phase::Closed) {
            return;
        }
        state.frames.push(bytes);
        self.read(now, connection);
    }

    /// The transport connection has gone without a DISCONNECT, or after one. Unless the client had said DISCONNECT, its will is
    /// published [MQTT-3.1.2-8].
    pub fn lost(&mut self, now: Instant, connection: ConnectionId) {
        self.finish(now, connection, None);
        self.connections.remove(&connection);
    }

    /// Closes the connection of `client_id`, as an operator would; false when it has none. The will is published.
    pub fn kick(&mut self, now: Instant, client_id: &str) -> bool {
        let connection = self.sessions.get(client_id).and_then(|session| session.connection);
        if let Some(connection) = connection {
            self.finish(now, connection, Some(CloseReason::Administrative));
        }
        connection.is_some()
    }

    /// stub
    pub fn restart(&mut self, _now: Instant, _forget: bool) {}
    /// stub
    pub fn forget_session(&mut self, _now: Instant, _id: &str) -> bool {
        false
    }

    /// Does what is due at `now`.
    pub fn wake(&mut self, now: Instant) {
        let is_due = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        let due = self.connections.iter().filter(|(_, state)| is_due(state.deadline));
        let due: Vec<ConnectionId> = due.map(|(connection, _)| *connection).collect();
        for connection in due {
            self.time_out(now, connection);
        }
        self.sessions.retain(|_, session| !is_due(session.expires));
    }

    /// When [`Broker::wake`] has something to do next.
    pub fn next_deadline(&self) -> Option<Instant> {
        let connections = self.connections.values().filter_map(|state| state.deadline);
        let sessions = self.sessions.values().filter_map(|session| session.expires);
        connections.chain(sessions).min()
    }

    /// The next output. What has been polled counts as sent.
    pub fn poll(&mut self) -> Option<Output> {
        loop {
            let Queued { output, frees } = self.outputs.pop_front()?;
            match &output {
                Output::Send(connection, _) => {
                    let Some(state) = self.connections.get_mut(connection) else {
                        continue;
                    };
                    state.connack_out = true;
                    if let Some(id) = frees {
                        state.ids.remove(&id);
                    }
                }
                Output::Close(connection, _) => {
                    if self.connections.remove(connection).is_none() {
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

    /// The client ids that are online, in order.
    pub fn clients(&self) -> impl Iterator<Item = &str> {
        self.sessions
            .iter()
            .filter(|(_, session)| session.connection.is_some())
            .map(|(client_id, _)| client_id.as_str())
    }

    /// The filters that the session of `client_id` is subscribed to, in order.
    pub fn subscriptions(&self, client_id: &str) -> impl Iterator<Item = &str> {
        let session = self.sessions.get(client_id);
        session.into_iter().flat_map(|session| session.subscriptions.keys().map(String::as_str))
    }

    /// Takes whole packets from the connection's buffer until none is left or the connection is over.
    fn read(&mut self, now: Instant, connection: ConnectionId) {
        loop {
            let Some(state) = self.connections.get_mut(&connection) else {
                return;
            };
            let held = matches!(state.phase, Phase::Connecting(_)) && self.rules.send_before_connack;
            if held || matches!(state.phase, Phase::Closed) {
                return;
            }
            let verdict = match next_packet(state, self.rules.max_packet) {
                Ok(None) => return,
                Ok(Some((packet, shown))) => {
                    self.take(now, connection, packet).map_err(|kind| Broken { kind, bytes: shown })
                }
                Err(broken) => Err(broken),
            };
            if let Err(broken) = verdict {
                self.violate(now, connection, broken);
            }
        }
    }

    fn take(&mut self, now: Instant, connection: ConnectionId, packet: Packet) -> Result<(), ViolationKind> {
        let Some(state) = self.connections.get_mut(&connection) else {
            return Ok(());
        };
        match (&state.phase, packet) {
            (Phase::Fresh, Packet::Connect(connect)) => return self.on_connect(now, connection, connect),
            (Phase::Fresh, Packet::ConnectOfLevel(_)) => {
                self.refuse(now, connection, Refuse::Code(connect::BAD_PROTOCOL_LEVEL));
                return Ok(());
            }
            (Phase::Fresh, _) => return Err(ViolationKind::NotConnectFirst),
            (_, Packet::Connect(_) | Packet::ConnectOfLevel(_)) => return Err(ViolationKind::SecondConnect),
            _ if !state.connack_out && !self.rules.send_before_connack => return Err(ViolationKind::BeforeConnack),
            (_, packet) => {
                state.deadline = keep_alive_deadline(now, state.keep_alive);
                match packet {
                    Packet::Publish(publish) => return self.on_publish(now, connection, publish),
                    Packet::PubAck(id) => return self.on_puback(connection, id),
                    Packet::Subscribe(subscribe) => return self.on_subscribe(connection, subscribe),
                    Packet::Unsubscribe(unsubscribe) => return self.on_unsubscribe(connection, &unsubscribe),
                    Packet::PingReq => self.send(connection, encode::pingresp()),
                    Packet::Disconnect => self.finish(now, connection, Some(CloseReason::Disconnected)),
                    Packet::Connect(_) | Packet::ConnectOfLevel(_) => {}
                }
            }
        }
        Ok(())
    }

    fn time_out(&mut self, now: Instant, connection: ConnectionId) {
        let Some(state) = self.connections.get_mut(&connection) else {
            return;
        };
        state.deadline = None;
        match core::mem::replace(&mut state.phase, Phase::Fresh) {
            Phase::Fresh => self.finish(now, connection, Some(CloseReason::ConnectTimeout)),
            Phase::Connecting(connect) => {
                self.answer_connect(now, connection, *connect);
                self.read(now, connection);
            }
            Phase::Online => self.finish(now, connection, Some(CloseReason::KeepAlive)),
            over @ (Phase::Disconnected | Phase::Closed) => state.phase = over,
        }
    }

    fn violate(&mut self, now: Instant, connection: ConnectionId, Broken { kind, bytes }: Broken) {
        let client_id = self.connections.get(&connection).and_then(|state| state.client_id.clone());
        let violation = Violation { connection, client_id, at: now, kind, bytes };
        self.violation_count += 1;
        if self.violations.len() < REMEMBERED_VIOLATIONS {
            self.violations.push(violation.clone());
        }
        self.put(Output::Violation(violation));
        self.finish(now, connection, Some(CloseReason::Violation));
    }

    /// Ends a connection: its close is put out unless the transport is gone anyway, its session rests or ends, and its will is
    /// published unless it said DISCONNECT [MQTT-3.14.4-3].
    fn finish(&mut self, now: Instant, connection: ConnectionId, reason: Option<CloseReason>) {
        let Some(state) = self.connections.get_mut(&connection) else {
            return;
        };
        let was_over = state.is_over();
        let disconnected = reason == Some(CloseReason::Disconnected);
        state.phase = if disconnected { Phase::Disconnected } else { Phase::Closed };
        if !disconnected {
            state.frames.clear();
        }
        if was_over {
            return;
        }
        state.deadline = None;
        let will = state.will.take().filter(|_| !disconnected);
        let client_id = state.client_id.clone();
        if let Some(reason) = reason {
            self.put(Output::Close(connection, reason));
        }
        if let Some(client_id) = client_id {
            self.rest(now, &client_id, connection);
        }
        if let Some(will) = will {
            self.route(will);
        }
    }

    /// The session of `client_id` has lost its connection.
    fn rest(&mut self, now: Instant, client_id: &str, connection: ConnectionId) {
        let Some(session) = self.sessions.get_mut(client_id) else {
            return;
        };
        if session.connection != Some(connection) {
            return;
        }
        session.connection = None;
        session.expires = self.rules.session_expiry.map(|span| now + span);
        if session.clean {
            self.sessions.remove(client_id);
        }
    }

    fn put(&mut self, output: Output) {
        self.outputs.push_back(Queued { output, frees: None });
    }

    fn send(&mut self, connection: ConnectionId, bytes: Bytes) {
        self.put(Output::Send(connection, bytes));
    }

    /// Sends an acknowledgement; once it is out, `id` is free for the client to use again.
    fn acknowledge(&mut self, connection: ConnectionId, id: u16, bytes: Bytes) {
        self.outputs.push_back(Queued { output: Output::Send(connection, bytes), frees: Some(id) });
    }
}

/// The next whole packet of a connection, and as much of it as a report may show.
fn next_packet(state: &mut Connection, max_packet: usize) -> Result<Option<(Packet, Bytes)>, Broken> {
    let Some(first) = state.frames.peek() else {
        return Ok(None);
    };
    let at_once = |kind| Broken { kind, bytes: Bytes::copy_from_slice(&[first]) };
    match state.phase {
        Phase::Fresh if first >> 4 != 1 => return Err(at_once(ViolationKind::NotConnectFirst)),
        Phase::Disconnected => return Err(at_once(ViolationKind::AfterDisconnect)),
        _ => {}
    }
    let Some(frame) = state.frames.next(max_packet)? else {
        return Ok(None);
    };
    let shown = frame.shown();
    match decode::decode(&frame) {
        Ok(packet) => Ok(Some((packet, shown))),
        Err(kind) => Err(Broken { kind, bytes: shown }),
    }
}

/// One and a half times the keep-alive from now [MQTT-3.1.2-24].
fn keep_alive_deadline(now: Instant, keep_alive: Option<Duration>) -> Option<Instant> {
    keep_alive.map(|span| now + (span + span / 2))
}
