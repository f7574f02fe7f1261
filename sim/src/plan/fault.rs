//! What can go wrong, and when.
//!
//! A few mechanisms say all of it; the catalogue names the cases that matter and builds them from these.

use serde::{Deserialize, Serialize};

use super::{Mood, ShadowFault, Span};

/// A fault with its time. In text, `at = "10m"` or `when = { phase = "draining", nth = 2, after = "1s" }` says when it
/// begins: see [`Trigger`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "super::text::FaultText", into = "super::text::FaultText")]
pub struct PlannedFault {
    /// The name of the case in the catalogue, for reports; empty for one of your own.
    pub name: String,
    /// When it begins.
    pub when: Trigger,
    /// How long it lasts. A fault that is an instant ignores it; without it, a fault lasts until the end.
    pub lasts: Option<Span>,
    /// The device it is done to, from 0.
    pub device: u32,
    /// What happens.
    pub fault: Fault,
}

/// When a fault begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// This long after the beginning: `at = "10m"`.
    At(Span),
    /// When the client enters this phase for the given time, counted from 1: `when = { phase = "draining" }`.
    OnPhase {
        /// The phase, in kebab case: `awaiting-connack`.
        phase: PhaseName,
        /// Which time.
        nth: u32,
        /// How long after that.
        after: Span,
    },
    /// When the client has sent this kind of packet for the given time, counted from 1: `when = { sent = "publish" }`.
    OnSent {
        /// The packet.
        packet: PacketType,
        /// Which time.
        nth: u32,
        /// How long after that.
        after: Span,
    },
    /// When the broker has sent this kind of packet for the given time, counted from 1: `when = { answer = "puback" }`.
    OnAnswer {
        /// The packet.
        packet: PacketType,
        /// Which time.
        nth: u32,
        /// How long after that.
        after: Span,
    },
    /// When at least this many operations wait: `when = { queued = 10 }`.
    OnQueued(u32),
}

/// A phase of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "documented at the core's Phase")]
pub enum PhaseName {
    Idle,
    Opening,
    AwaitingConnack,
    Resubscribing,
    Draining,
    Ready,
    BackingOff,
    Closing,
}

/// A kind of packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the packets of MQTT 3.1.1")]
pub enum PacketType {
    Any,
    Connect,
    Connack,
    Publish,
    Puback,
    Subscribe,
    Suback,
    Unsubscribe,
    Unsuback,
    Pingreq,
    Pingresp,
    Disconnect,
}

/// A direction of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// From the client to the broker.
    ToBroker,
    /// From the broker to the client.
    ToClient,
    /// Both.
    Both,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Fault {
    /// How attempts to connect end while it lasts.
    Connect(ConnectFault),
    /// The connection breaks.
    Cut {
        /// How.
        how: How,
        /// After this many more bytes in this direction instead of at once. What was sent before arrives.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<(Direction, u32)>,
    },
    /// The peer is gone and nobody says so: everything sent is lost, for this connection.
    Vanish,
    /// Bytes are held up and arrive afterwards, if the connection is still there then.
    Hold(Direction),
    /// The network is another one while it lasts.
    Shape(super::Network),
    /// The socket takes at most this many bytes at a time while it lasts.
    SmallWrites(u32),
    /// The broker's packets are changed on their way out while it lasts.
    Meddle {
        /// Which.
        packet: PacketType,
        /// Every how many of them; 1 is every one.
        #[serde(default = "first")]
        every: u32,
        /// How many of them at most; 0 for all.
        #[serde(default)]
        count: u32,
        /// How.
        how: Meddling,
    },
    /// Bytes that nobody asked for reach the client, between two packets of the broker's.
    Inject(Garbage),
    /// One bit of the next packet of the broker's is flipped: the bit of this number, modulo the packet's bits.
    FlipBit(u32),
    /// The shadow service is in a mood while it lasts, towards every device.
    Shadows(Mood),
    /// The broker.
    Broker(BrokerFault),
    /// The device shadow service, and what others do to shadows.
    ShadowService(ShadowFault),
    /// The device's clock.
    Clock(ClockFault),
    /// The application.
    App(AppFault),
}

/// How attempts to connect end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectFault {
    /// The name does not resolve.
    NoName,
    /// Nothing comes back, neither from the resolver nor from the host.
    Silence,
    /// Nobody listens.
    Refused,
    /// No route, said at once.
    Unreachable,
    /// The operating system has no sockets left.
    NoSockets,
    /// TLS ends in an alert.
    TlsAlert,
    /// The server's certificate is not valid yet for the device's clock.
    TlsNotYetValid,
    /// The link comes up and is closed at once.
    ClosedAtOnce,
    /// The link comes up and is closed once CONNECT has been sent.
    ClosedAfterConnect,
    /// The link comes up, and nothing is ever answered.
    NoAnswer,
}

/// How a connection breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// RST: what is under way is lost.
    Reset,
    /// FIN from the broker's side: what it had sent before still arrives.
    Fin,
}

/// How a packet of the broker's is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Meddling {
    /// It is never sent.
    Drop,
    /// It is sent later than others.
    Delay(Span),
    /// It is sent this many times more.
    Duplicate(u8),
    /// It carries the packet id of something else.
    WrongId,
    /// It carries packet id 0.
    IdZero,
    /// It becomes another kind of acknowledgement with the same id.
    WrongType,
    /// It has one byte more inside.
    TrailingByte,
    /// Its fixed header has wrong flags.
    WrongFlags,
    /// The connection is closed right behind it.
    CloseAfter,
    /// CONNACK: the session is said to be there, or not to be there, and the contrary is true.
    FlipSessionPresent,
    /// CONNACK: this return code, and then closed.
    ReturnCode(u8),
    /// SUBACK: one filter is refused.
    RefuseFilter,
    /// SUBACK: every filter is granted QoS 0.
    GrantLess,
    /// SUBACK: one answer more than there were filters.
    OneMore,
}

/// Bytes that nobody asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the catalogue has them")]
pub enum Garbage {
    Http,
    TlsAlert,
    SshBanner,
    Random,
    LengthTooLong,
    LengthNotMinimal,
    LengthHuge,
    ReservedType,
    ClientPacket,
    SecondConnack,
    PublishQos2,
    PublishQos3,
    PublishDupQos0,
    PublishIdZero,
    PublishEmptyTopic,
    PublishWildcard,
    PublishNulTopic,
    PublishBadUtf8,
    UnknownPuback,
    UnknownSuback,
    UnknownUnsuback,
    UnaskedPingresp,
    ManyPingresps,
}

/// What the broker does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum BrokerFault {
    /// It closes the connection without a reason.
    Kick,
    /// It restarts; whether it forgets the sessions.
    Restart {
        /// Whether sessions are lost.
        forget: bool,
    },
    /// It forgets the session of the device.
    ForgetSession,
    /// Somebody else connects with the device's client id.
    Takeover,
    /// It refuses every CONNECT with this code while it lasts.
    Refuse(u8),
    /// It closes instead of answering CONNECT while it lasts.
    RefuseSilently,
    /// It answers CONNECT only after this long while it lasts.
    SlowConnack(Span),
    /// It closes the connection on a publish to topics that begin with this, while it lasts.
    DenyPublish(String),
    /// It refuses filters that begin with this, while it lasts.
    DenySubscribe(String),
    /// It acknowledges nothing beyond this many publishes a second, while it lasts.
    Throttle(u32),
}

/// What the device's clock and scheduler do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClockFault {
    /// The device sleeps while it lasts, and its clock stops.
    SuspendStopped,
    /// The device sleeps while it lasts, and its clock goes on.
    SuspendRunning,
    /// Every wake comes up to this much too late, while it lasts.
    Late(Span),
    /// The client is woken this often for no reason, while it lasts.
    Spurious(Span),
    /// The clock ticks only this often, while it lasts.
    Coarse(Span),
    /// The clock goes back by this much, once.
    Back(Span),
}

/// What the application does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AppFault {
    /// It stops the client, and starts it again when the fault is over.
    Stop,
    /// It calls `start` although the client runs.
    StartAgain,
    /// It publishes this many messages at once.
    Burst(u32),
    /// It takes no input while it lasts.
    Pause,
    /// It ends all subscriptions, and subscribes again when the fault is over.
    Unsubscribe,
    /// It withdraws everything that it can.
    DiscardAll,
}

fn first() -> u32 {
    1
}
