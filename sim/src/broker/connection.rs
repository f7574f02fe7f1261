//! What the broker keeps of one connection.

use core::fmt;
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use thingwire_core::Instant;

use super::table::Table;
use super::timers::Alarm;
use super::wire::{Connect, Frames, Message};
use crate::rate::Bucket;

/// How many packet ids are remembered whose publish may come again.
const ACKNOWLEDGED_MAX: usize = 1_000;

/// The name of one connection; never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId {
    /// Counted from 1.
    number: u64,
    /// Where the broker has it.
    row: u32,
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number.fmt(f)
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnectionId({})", self.number)
    }
}

impl ConnectionId {
    pub(super) fn number(self) -> u64 {
        self.number
    }
}

/// Why the broker closes a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The client broke a rule.
    Violation,
    /// Its CONNECT was refused with a CONNACK of this code.
    Refused(u8),
    /// Its CONNECT was refused without a word.
    RefusedSilently,
    /// It has sent DISCONNECT.
    Disconnected,
    /// Its client id has connected again (B-4).
    TakenOver,
    /// It was silent for one and a half keep-alives [MQTT-3.1.2-24].
    KeepAlive,
    /// No CONNECT came in time.
    ConnectTimeout,
    /// It published where it must not (B-16).
    NotAuthorized,
    /// It published with QoS 2, which the broker does not speak.
    Qos2,
    /// The broker's owner wanted it so.
    Administrative,
}

/// How far a connection has come.
#[derive(Debug)]
pub(super) enum Phase {
    /// No CONNECT yet.
    Fresh,
    /// The CONNECT is in, its CONNACK waits for the deadline.
    Connecting(Box<Connect>),
    /// The CONNACK is queued or out.
    Online,
    /// The client has said DISCONNECT.
    Disconnected,
    /// Closed for any other reason; what still comes is not looked at.
    Closed,
}

/// What a packet id chosen by the client is in use for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IdUse {
    Publish,
    Subscribe,
    Unsubscribe,
}

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: ConnectionId,
    pub(super) phase: Phase,
    pub(super) frames: Frames,
    pub(super) client_id: Option<Arc<str>>,
    /// The row of its session, while it is online.
    pub(super) session: Option<u32>,
    pub(super) will: Option<Message>,
    /// How long the client may be silent: one and a half keep-alives [MQTT-3.1.2-24].
    pub(super) patience: Option<Duration>,
    /// End of the connect timeout, of the CONNACK's delay, of the hold, or of the patience, by phase.
    pub(super) alarm: Alarm,
    /// Until when it is not read, because it has sent more bytes than a second allows (B-11).
    pub(super) held_until: Option<Instant>,
    /// Whether the CONNACK has been handed to the driver.
    pub(super) connack_out: bool,
    /// Publishes, both ways (B-10).
    pub(super) publishes: Bucket,
    /// Bytes of publishes, in (B-11).
    pub(super) bytes: Bucket,
    /// Packet ids of publishes whose acknowledgement has not been handed to the driver, so the client cannot have it.
    publish_ids: Vec<u16>,
    /// The same for SUBSCRIBE and UNSUBSCRIBE, and for publishes that came again behind their acknowledgement.
    other_ids: Vec<(u16, IdUse)>,
    /// Packet ids of publishes that were last acknowledged, oldest first.
    acknowledged: VecDeque<u16>,
}

impl Connection {
    fn new(id: ConnectionId) -> Self {
        Self {
            id,
            phase: Phase::Fresh,
            frames: Frames::default(),
            client_id: None,
            session: None,
            will: None,
            patience: None,
            alarm: Alarm::default(),
            held_until: None,
            connack_out: false,
            publishes: Bucket::default(),
            bytes: Bucket::default(),
            publish_ids: Vec::new(),
            other_ids: Vec::new(),
            acknowledged: VecDeque::new(),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Disconnected | Phase::Closed)
    }

    /// What `id` is in use for.
    pub(super) fn id_use(&self, id: u16) -> Option<IdUse> {
        if self.publish_ids.contains(&id) {
            return Some(IdUse::Publish);
        }
        self.other_ids.iter().find(|(other, _)| *other == id).map(|&(_, used)| used)
    }

    pub(super) fn use_id(&mut self, id: u16, used: IdUse) {
        match used {
            IdUse::Publish => self.publish_ids.push(id),
            IdUse::Subscribe | IdUse::Unsubscribe => self.other_ids.push((id, used)),
        }
    }

    /// A publish comes again whose acknowledgement is on its way: for the client it may be in flight no more.
    pub(super) fn comes_again(&mut self, id: u16) -> bool {
        let again = self.acknowledged.contains(&id);
        if again {
            self.other_ids.push((id, IdUse::Publish));
        }
        again
    }

    pub(super) fn free_id(&mut self, id: u16) {
        if let Some(at) = self.publish_ids.iter().position(|used| *used == id) {
            self.publish_ids.remove(at);
            self.acknowledged.push_back(id);
            if self.acknowledged.len() > ACKNOWLEDGED_MAX {
                self.acknowledged.pop_front();
            }
        }
        self.other_ids.retain(|(used, _)| *used != id);
    }

    /// How many publishes of the client are un-acknowledged.
    pub(super) fn publishes_in_flight(&self) -> usize {
        self.publish_ids.len()
    }
}

/// All connections.
#[derive(Debug)]
pub(super) struct Connections {
    table: Table<Connection>,
    opened: u64,
}

impl Connections {
    pub(super) fn new() -> Self {
        Self { table: Table::new(), opened: 0 }
    }

    pub(super) fn open(&mut self) -> ConnectionId {
        self.opened += 1;
        let number = self.opened;
        let row = self.table.insert(|row| Connection::new(ConnectionId { number, row }));
        ConnectionId { number, row }
    }

    pub(super) fn get(&self, id: ConnectionId) -> Option<&Connection> {
        self.table.get(id.row).filter(|state| state.id == id)
    }

    pub(super) fn get_mut(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.table.get_mut(id.row).filter(|state| state.id == id)
    }

    pub(super) fn remove(&mut self, id: ConnectionId) -> Option<Connection> {
        self.get(id)?;
        self.table.remove(id.row)
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// In the order in which they were opened.
    pub(super) fn ids(&self) -> Vec<ConnectionId> {
        let mut ids: Vec<ConnectionId> = self.table.iter().map(|state| state.id).collect();
        ids.sort_unstable();
        ids
    }
}
