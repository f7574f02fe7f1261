//! What a client did wrong, and which rule says so.

use core::fmt;
use std::fmt::Write as _;

use bytes::Bytes;
use thingwire_core::Instant;

use super::ConnectionId;

/// How many offending bytes a [`Violation`] keeps, so that a report never carries a whole payload.
pub const SHOWN_BYTES: usize = 32;

/// How many bytes of a CONNECT are kept: its fixed and variable header, but neither user name nor password.
pub(super) const SHOWN_CONNECT_BYTES: usize = 12;

/// A rule broken by a client; its connection is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The connection it came from.
    pub connection: ConnectionId,
    /// The client id, when the CONNECT had already told it.
    pub client_id: Option<String>,
    /// When it was seen.
    pub at: Instant,
    /// Which rule was broken.
    pub kind: ViolationKind,
    /// The beginning of the offending packet: at most [`SHOWN_BYTES`], and of a CONNECT only the header.
    pub bytes: Bytes,
}

impl fmt::Display for Violation {
    /// One line: connection, client id, what happened, the clause, and the bytes in hex.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut hex = String::with_capacity(2 * self.bytes.len());
        for byte in &self.bytes {
            write!(hex, "{byte:02x}")?;
        }
        write!(f, "violation: connection {}", self.connection)?;
        if let Some(client_id) = &self.client_id {
            write!(f, " (client {client_id:?})")?;
        }
        write!(f, ": {} {}; bytes {hex}", self.kind, self.kind.clause())
    }
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident: $clause:literal,)+) => {
        /// Every way to break a rule that the model broker knows.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum ViolationKind {
            $($(#[doc = $doc])+ $name,)+
        }

        impl ViolationKind {
            /// The clause of MQTT 3.1.1, or the rule of AWS IoT Core (`B-*`), that was broken.
            pub const fn clause(self) -> &'static str {
                match self {
                    $(Self::$name => $clause,)+
                }
            }
        }

        impl fmt::Display for ViolationKind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$name => concat!($($doc),+).trim_ascii(),)+
                })
            }
        }
    };
}

kinds! {
    /// the first packet is not a CONNECT
    NotConnectFirst: "[MQTT-3.1.0-1]",
    /// a second CONNECT on one connection
    SecondConnect: "[MQTT-3.1.0-2]",
    /// a packet sent before the CONNACK had come
    BeforeConnack: "B-5",
    /// a packet sent after DISCONNECT
    AfterDisconnect: "[MQTT-3.14.4-2]",
    /// a packet type that is reserved
    ReservedType: "[MQTT-2.2.1]",
    /// a packet type that only a server sends
    ServerPacket: "[MQTT-2.2.1]",
    /// reserved bits of the fixed header are set wrongly
    ReservedFlags: "[MQTT-2.2.2-2]",
    /// a remaining length of more than four bytes
    LengthTooLong: "[MQTT-2.2.3]",
    /// a remaining length that is not written in the fewest bytes
    LengthNotMinimal: "[MQTT-2.2.3]",
    /// a packet larger than the server takes
    PacketTooLarge: "B-13",
    /// a packet that ends before its fields do
    Truncated: "[MQTT-2.2.3]",
    /// a packet with bytes after its last field
    TrailingBytes: "[MQTT-2.2.3]",
    /// a packet id of zero
    PacketIdZero: "[MQTT-2.3.1-1]",
    /// a packet id that is still in use
    PacketIdInUse: "[MQTT-2.3.1-2]",
    /// a string that is not UTF-8
    NotUtf8: "[MQTT-1.5.3-1]",
    /// a string that contains U+0000
    NulCharacter: "[MQTT-1.5.3-2]",
    /// a protocol name other than MQTT
    ProtocolName: "[MQTT-3.1.2-1]",
    /// the reserved bit of the CONNECT flags is set
    ConnectReservedFlag: "[MQTT-3.1.2-3]",
    /// will QoS or will retain without a will
    WillFlagsWithoutWill: "[MQTT-3.1.2-11]",
    /// a will QoS of 3
    WillQos: "[MQTT-3.1.2-14]",
    /// a password without a user name
    PasswordWithoutUsername: "[MQTT-3.1.2-22]",
    /// an empty client id without clean session
    EmptyClientId: "[MQTT-3.1.3-8]",
    /// a client id that is too long or begins with a dollar sign
    ClientId: "B-1",
    /// a QoS of 3
    Qos3: "[MQTT-3.3.1-4]",
    /// DUP on a publish of QoS 0
    DupWithoutQos: "[MQTT-3.3.1-2]",
    /// a wildcard in the topic of a publish
    WildcardInTopic: "[MQTT-3.3.2-2]",
    /// an empty topic or filter
    EmptyTopic: "[MQTT-4.7.3-1]",
    /// a topic that is too long or has too many levels
    TopicLimit: "B-14",
    /// a reserved topic that the service does not define
    ReservedTopic: "B-15",
    /// a retained message on a reserved topic
    RetainOnReservedTopic: "B-20",
    /// a payload larger than the service takes
    PayloadTooLarge: "B-13",
    /// more unacknowledged publishes than the service takes
    TooManyInFlight: "B-12",
    /// a packet of the QoS 2 flow that nothing has asked for
    Qos2Flow: "[MQTT-4.3.3]",
    /// a PUBACK for a packet id that is not in flight
    UnknownPuback: "[MQTT-4.3.2-2]",
    /// a SUBSCRIBE without a filter
    EmptySubscribe: "[MQTT-3.8.3-3]",
    /// reserved bits of a requested QoS are set, or it is 3
    RequestedQos: "[MQTT-3.8.3-4]",
    /// an UNSUBSCRIBE without a filter
    EmptyUnsubscribe: "[MQTT-3.10.3-2]",
    /// more filters in one SUBSCRIBE than the service takes
    TooManyFilters: "B-30",
    /// more subscriptions than the service takes
    TooManySubscriptions: "B-31",
}
