//! How the model broker behaves where servers differ.

use core::time::Duration;
use std::collections::BTreeMap;

/// The behaviour of one model broker. Every rule that is uncertain, or that a test may want otherwise, is a field.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent rule of the service")]
pub struct Rules {
    /// How every CONNECT is refused, if it is.
    pub refuse: Option<Refuse>,
    /// How long a CONNACK takes. Until it is out, anything else from the client is a violation (B-5).
    pub connack_delay: Duration,
    /// Whether a client may send before it has seen the CONNACK: MQTT allows it, the service does not (B-5).
    pub send_before_connack: bool,
    /// How long a new connection may stay without a complete CONNECT.
    pub connect_timeout: Duration,
    /// How many CONNECTs a second are taken from all clients together (B-2), if there is a limit.
    pub connects_per_second: Option<u32>,
    /// How long after a CONNECT was taken no other of the same client id is (B-2); zero for no limit.
    pub connect_spacing: Duration,
    /// What becomes of a CONNECT over one of these two limits. The service's documents do not say.
    pub excess_connects: Refuse,
    /// Passwords by client id: a client id listed here and connecting with another password, or none, is refused with code 4.
    pub passwords: BTreeMap<String, Vec<u8>>,
    /// The longest client id in bytes (B-1), if there is a limit.
    pub client_id_len_max: Option<usize>,
    /// Whether names that begin with `$` are the service's own: client ids (B-1), topics other than `$aws/` (B-15), retained
    /// messages (B-20).
    pub reserved_names: bool,
    /// The keep-alive that counts (B-8).
    pub keep_alive: KeepAlive,
    /// How long a session outlives its connection; `None` is for ever (B-50).
    pub session_expiry: Option<Duration>,
    /// How many QoS 1 messages wait for one session; newer ones are dropped (B-51).
    pub session_queue: usize,
    /// How many QoS 1 messages may be un-acknowledged towards one client (B-40).
    pub send_window: usize,
    /// How many QoS 1 publishes of one client may be un-acknowledged (B-12), if there is a limit.
    pub receive_window: Option<usize>,
    /// How many publishes a second pass on one connection, in and out together, if there is a limit. Those in beyond it are neither
    /// acknowledged nor passed on, and nothing is said (B-10). Those out wait with QoS 1, and are dropped with QoS 0 (B-42).
    pub publishes_per_second: Option<u32>,
    /// How many bytes a second of topic and payload are taken from one connection, if there is a limit; what comes beyond it is
    /// read later (B-11).
    pub bytes_per_second: Option<u32>,
    /// How many of the messages stored for a session are sent a second once it is back, if there is a limit; what comes meanwhile
    /// overtakes them (B-51).
    pub stored_per_second: Option<u32>,
    /// How long after it was sent a message without PUBACK is sent again on the same connection (B-41), if it is.
    pub redeliver_after: Option<Duration>,
    /// Whether a message is sent again with a new packet id and DUP=0 (B-41), instead of the old one and DUP=1.
    pub redeliver_as_new: bool,
    /// Whether overlapping subscriptions of one client each get a copy of a message [MQTT-3.3.5-1].
    pub copy_per_subscription: bool,
    /// The largest packet taken, in bytes.
    pub packet_len_max: usize,
    /// The largest payload of a publish in bytes (B-13), if there is a limit.
    pub payload_len_max: Option<usize>,
    /// Limits of topics and filters (B-14, B-32), if there are any.
    pub topic_limits: Option<TopicLimits>,
    /// What becomes of QoS 2.
    pub qos2: Qos2,
    /// The largest number of filters in one SUBSCRIBE (B-30), if there is a limit.
    pub filters_per_request_max: Option<usize>,
    /// The largest number of subscriptions of one session (B-31), if there is a limit.
    pub subscriptions_max: Option<usize>,
    /// What becomes of a subscription over that limit.
    pub over_subscriptions: OverSubscriptions,
    /// Whether `a/#` matches `a` too: in the standard it does, in the service it does not (B-35).
    pub hash_matches_parent: bool,
    /// Whether a subscription with wildcards gets retained messages: in the standard it does, in the service it does not (B-36).
    pub retained_to_wildcards: bool,
    /// Filters that begin with one of these are answered with 0x80 (B-34).
    pub deny_subscribe: Vec<String>,
    /// A publish to a topic that begins with one of these closes the connection (B-16).
    pub deny_publish: Vec<String>,
    /// Whether the broker publishes to `$aws/events/presence/` who comes and goes (B-62).
    pub presence: bool,
    /// Whether the device shadow service takes requests; how it answers is [`ShadowRules`](crate::shadow::ShadowRules).
    pub shadows: bool,
}

impl Rules {
    /// AWS IoT Core, as its documentation has it.
    pub fn aws() -> Self {
        Self {
            send_before_connack: false,
            connects_per_second: Some(500),
            connect_spacing: Duration::from_secs(1),
            client_id_len_max: Some(128),
            reserved_names: true,
            keep_alive: KeepAlive::Clamped { least: Duration::from_secs(30), most: Duration::from_secs(1200) },
            session_expiry: Some(Duration::from_secs(3600)),
            receive_window: Some(100),
            publishes_per_second: Some(100),
            bytes_per_second: Some(512 * 1024),
            stored_per_second: Some(10),
            redeliver_after: Some(Duration::from_secs(30)),
            packet_len_max: 256 * 1024,
            payload_len_max: Some(128 * 1024),
            topic_limits: Some(TopicLimits { bytes: 256, slashes: 7 }),
            qos2: Qos2::Ignored,
            filters_per_request_max: Some(8),
            subscriptions_max: Some(50),
            hash_matches_parent: false,
            retained_to_wildcards: false,
            presence: true,
            shadows: true,
            ..Self::standard()
        }
    }

    /// MQTT 3.1.1 to the letter, without QoS 2.
    pub fn standard() -> Self {
        Self {
            refuse: None,
            connack_delay: Duration::ZERO,
            send_before_connack: true,
            connect_timeout: Duration::from_secs(30),
            connects_per_second: None,
            connect_spacing: Duration::ZERO,
            excess_connects: Refuse::Silently,
            passwords: BTreeMap::new(),
            client_id_len_max: None,
            reserved_names: false,
            keep_alive: KeepAlive::AsAsked,
            session_expiry: None,
            session_queue: 1000,
            send_window: 100,
            receive_window: None,
            publishes_per_second: None,
            bytes_per_second: None,
            stored_per_second: None,
            redeliver_after: None,
            redeliver_as_new: false,
            copy_per_subscription: false,
            packet_len_max: 268_435_460,
            payload_len_max: None,
            topic_limits: None,
            qos2: Qos2::Closed,
            filters_per_request_max: None,
            subscriptions_max: None,
            over_subscriptions: OverSubscriptions::Refused,
            hash_matches_parent: true,
            retained_to_wildcards: true,
            deny_subscribe: Vec::new(),
            deny_publish: Vec::new(),
            presence: false,
            shadows: false,
        }
    }
}

impl Default for Rules {
    /// [`Rules::aws`].
    fn default() -> Self {
        Self::aws()
    }
}

/// How a CONNECT is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refuse {
    /// With a CONNACK of this code, then closed.
    Code(u8),
    /// Closed without a CONNACK, as the service does with clients it does not know (B-6).
    Silently,
}

/// Which keep-alive counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepAlive {
    /// The one in the CONNECT; zero turns it off.
    AsAsked,
    /// Never less than `least`, never more than `most`, and `most` in place of zero (B-8).
    Clamped {
        /// The shortest.
        least: Duration,
        /// The longest.
        most: Duration,
    },
}

impl KeepAlive {
    /// The keep-alive that counts for a client which asked for `asked`.
    pub(super) fn effective(self, asked: Duration) -> Option<Duration> {
        match self {
            Self::AsAsked => (!asked.is_zero()).then_some(asked),
            Self::Clamped { most, .. } if asked.is_zero() => Some(most),
            Self::Clamped { least, most } => Some(asked.max(least).min(most)),
        }
    }
}

/// Limits of one topic or filter; `$aws/rules/<rule>/` and `$share/<name>/` do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicLimits {
    /// The longest, in bytes.
    pub bytes: usize,
    /// The most slashes.
    pub slashes: usize,
}

/// What becomes of QoS 2, which the model does not speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Qos2 {
    /// Neither a PUBREC (B-17) nor a SUBACK (B-33) ever comes.
    Ignored,
    /// A publish closes the connection, a subscription is granted QoS 1.
    Closed,
}

/// What becomes of a subscription over the limit: reports of the service differ (B-31).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverSubscriptions {
    /// 0x80, and the connection is kept.
    Refused,
    /// A violation.
    Closed,
    /// Granted, but nothing is ever delivered.
    Pretended,
}
