//! What a run looks like from outside: the vocabulary that oracles judge and pictures show.
//!
//! Nothing in it comes from inside a client: commands and their answers, what the driver is told to do, the packets on
//! both directions of the client's side of a link, and the looks that everybody may take. So the same oracles judge the
//! core under virtual time, a runtime over real sockets, and a recorded life.

pub mod shadow;

use core::fmt;
use std::collections::BTreeMap;

use thingwire_core::{Instant, LinkError, Notice, Outcome, Phase, Qos, Refusal};

use self::shadow::{ShadowAsk, ShadowText, WatchAsk};
use crate::broker::ViolationKind;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// When, on the clock of the device.
    pub at: Instant,
    /// The device, from 0. What the broker and the network do is recorded with the device it is done to.
    pub device: u32,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The application called `start`.
    Start,
    /// The application called `stop`.
    Stop,
    /// The application asked for no input, or for input again.
    Pause(bool),
    /// The socket has no room for more bytes of the client's, or has room again.
    Blocked(bool),
    /// The application asked for something, and got a ticket.
    Accepted {
        /// The ticket's number.
        ticket: u64,
        /// What it asked for.
        operation: Operation,
    },
    /// The application asked for something, and got it back.
    Refused {
        /// What it asked for.
        operation: Operation,
        /// Why not.
        why: Refusal,
    },
    /// The application withdrew an operation; whether it was in time.
    Discarded(u64, bool),
    /// An operation ended.
    Finished {
        /// The ticket's number.
        ticket: u64,
        /// How.
        outcome: Outcome,
    },
    /// The application was given a message.
    Delivered(Published),
    /// The application acknowledged the message with this tag (manual acknowledgement).
    Acknowledged(u64),
    /// The application was told something about the link or a watched shadow; never `Message` nor `Done`, which have
    /// records of their own.
    Told(Notice),
    /// The application ended the watch of this shadow; whether there was one.
    Unwatched(Name, bool),
    /// What the PUBLISH that is recorded next says about a shadow.
    Shadow(Box<ShadowText>),
    /// The service has this version of this shadow at the end, and says that something differs; `None` when it has none.
    Stands(Name, Option<(u64, bool)>),
    /// The client has moved to this phase.
    Phase(Phase),
    /// What the client holds, whenever that has changed.
    Holds(Holds),
    /// The next deadline after a drain, whenever it has changed.
    Deadline(Option<Instant>),
    /// The client was woken; whether its deadline had come.
    Wake {
        /// Whether there was a reason.
        due: bool,
    },
    /// The client asked for a link.
    Dial(u64),
    /// The client was told that the link is up.
    Up(u64),
    /// The client was told that the link is down, or cannot be made.
    Down(u64, LinkError),
    /// The client gave the link up.
    Close(u64),
    /// The client wrote a packet to the link.
    Sent(u64, Packet),
    /// The whole of a packet was given to the client; or the first byte that cannot belong to one.
    Received(u64, Packet),
    /// The broker took a message of the client's.
    Took(Published),
    /// The client broke a rule of the broker's.
    Violation(ViolationKind),
    /// A fault begins or ends; its place in the plan, and its name.
    Fault {
        /// The place in the plan's list of faults.
        index: u32,
        /// The fault's name, as `thingwire-sim list faults` has it.
        name: &'static str,
        /// Whether it begins.
        begins: bool,
    },
    /// From here on everything works, and nothing new is asked for.
    Healed,
    /// The run is over.
    End,
}

/// What the client holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Holds {
    /// Operations that wait to be sent.
    pub queued: u32,
    /// Their bytes of topic and payload.
    pub queued_bytes: u64,
    /// QoS 1 messages that were sent and not acknowledged.
    pub in_flight: u32,
}

/// What the application asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// To publish, and until when it is worth sending. The packet id and DUP mean nothing here.
    Publish(Published, Option<Instant>),
    /// To subscribe.
    Subscribe(Box<[(Name, Qos)]>),
    /// To end subscriptions.
    Unsubscribe(Box<[Name]>),
    /// Something of a shadow.
    Shadow(Box<ShadowAsk>),
    /// To watch a shadow.
    Watch(Box<WatchAsk>),
}

/// A message, without its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// The packet id; 0 where there is none.
    pub id: u16,
    /// Whether it is marked as a repetition.
    pub dup: bool,
    /// The quality of service.
    pub qos: Qos,
    /// Whether it is, or was, retained.
    pub retain: bool,
    /// Where to.
    pub topic: Name,
    /// Which message: the first eight bytes of the payload, big-endian; 0 in a shorter one. Of a message about a shadow,
    /// the fingerprint of the payload.
    pub tag: u64,
    /// Bytes of payload.
    pub len: u32,
}

/// A packet, as far as it is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// CONNECT.
    Connect {
        /// Whether a clean session is asked for.
        clean: bool,
        /// The keep-alive, in seconds.
        keep_alive_secs: u16,
    },
    /// CONNACK.
    Connack {
        /// Whether the session is said to be present.
        present: bool,
        /// The return code.
        code: u8,
    },
    /// PUBLISH.
    Publish(Published),
    /// PUBACK, of this packet id.
    Puback(u16),
    /// SUBSCRIBE.
    Subscribe(u16, Box<[(Name, Qos)]>),
    /// SUBACK, with the return codes.
    Suback(u16, Box<[u8]>),
    /// UNSUBSCRIBE.
    Unsubscribe(u16, Box<[Name]>),
    /// UNSUBACK.
    Unsuback(u16),
    /// PINGREQ.
    Pingreq,
    /// PINGRESP.
    Pingresp,
    /// DISCONNECT.
    Disconnect,
    /// Bytes that are no packet that this side may send.
    Malformed,
}

impl Packet {
    /// Its type, as the standard writes it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Connect { .. } => "CONNECT",
            Self::Connack { .. } => "CONNACK",
            Self::Publish(_) => "PUBLISH",
            Self::Puback(_) => "PUBACK",
            Self::Subscribe(..) => "SUBSCRIBE",
            Self::Suback(..) => "SUBACK",
            Self::Unsubscribe(..) => "UNSUBSCRIBE",
            Self::Unsuback(_) => "UNSUBACK",
            Self::Pingreq => "PINGREQ",
            Self::Pingresp => "PINGRESP",
            Self::Disconnect => "DISCONNECT",
            Self::Malformed => "no packet",
        }
    }
}

/// A topic or filter by its fingerprint, which is cheaper to keep and to compare than its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(pub u64);

impl Name {
    /// The fingerprint of a topic or filter (FNV-1a).
    pub fn of(text: &[u8]) -> Self {
        Self(
            text.iter()
                .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)),
        )
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Whoever wants to see what happens, as it happens.
pub trait Observer {
    /// One more thing has happened.
    fn observe(&mut self, record: &Record);
}

/// Everything that happened, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    /// The records.
    pub records: Vec<Record>,
    /// The texts of topics and filters.
    pub names: BTreeMap<Name, String>,
}

impl Trace {
    /// The text of a topic or filter; its fingerprint where the text is not known.
    pub fn name(&self, name: Name) -> String {
        self.names.get(&name).cloned().unwrap_or_else(|| name.to_string())
    }
}
