//! What the broker keeps of one connection.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;

use thingwire_core::Instant;

use super::wire::{Connect, Frames, Message};

/// The name of one connection; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub(super) u64);

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
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
    pub(super) phase: Phase,
    pub(super) frames: Frames,
    pub(super) client_id: Option<String>,
    pub(super) will: Option<Message>,
    pub(super) keep_alive: Option<Duration>,
    /// End of the connect timeout, of the CONNACK's delay, or of the keep-alive, by phase.
    pub(super) deadline: Option<Instant>,
    /// Whether the CONNACK has been handed to the driver.
    pub(super) connack_out: bool,
    /// Packet ids whose acknowledgement has not been handed to the driver, so the client cannot have it.
    pub(super) ids: BTreeMap<u16, IdUse>,
}

impl Connection {
    pub(super) fn new(deadline: Instant) -> Self {
        Self {
            phase: Phase::Fresh,
            frames: Frames::default(),
            client_id: None,
            will: None,
            keep_alive: None,
            deadline: Some(deadline),
            connack_out: false,
            ids: BTreeMap::new(),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Disconnected | Phase::Closed)
    }

    /// How many publishes of the client are un-acknowledged.
    pub(super) fn publishes_in_flight(&self) -> usize {
        self.ids.values().filter(|used| **used == IdUse::Publish).count()
    }
}
