//! What the client tells the driver.

use core::fmt;
use core::time::Duration;

use bytes::Bytes;

use crate::unshown::debug_without;
use crate::{AckToken, Filter, Link, LinkError, Outcome, Qos, ShadowNotice, Ticket, Topic};

/// Something the driver must do now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Action {
    /// Make this link: resolve, connect, secure. Answer with `LinkUp` or `LinkDown`.
    Open(Link),
    /// Write what [`poll_transmit`](crate::Client::poll_transmit) has given, then drop this link, or give up making
    /// it. Needs no answer.
    Close(Link),
    /// Tell the application.
    Notify(Notice),
}

/// Something the application wants to know.
///
/// The notices about links are strictly paired: every `Attempting` is followed by one `Online` or one `Failed`, every
/// `Online` by one `Offline`, and `Ready` comes at most once between `Online` and `Offline`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// A connect attempt begins.
    Attempting {
        /// 1 for the first attempt since the last stable connection.
        attempt: u32,
    },
    /// The attempt failed.
    Failed {
        /// Why; `None` when `stop` ended it.
        why: Option<LinkError>,
        /// How long until the next attempt; `None` after `stop`.
        retry_in: Option<Duration>,
    },
    /// The server has accepted the connection.
    Online {
        /// Whether the server kept the session: subscriptions and unacknowledged messages.
        resumed: bool,
    },
    /// Subscriptions are restored, and what was unsent when the connection was accepted has been sent.
    Ready,
    /// The connection is over.
    Offline {
        /// Why; `None` when `stop` ended it.
        why: Option<LinkError>,
        /// How long until the next attempt; `None` after `stop`.
        retry_in: Option<Duration>,
    },
    /// `stop` is complete: nothing is open, and nothing happens until the next `start`.
    Stopped,
    /// A message arrived.
    Message(Message),
    /// An operation ended. Comes exactly once for every ticket.
    Done {
        /// The operation.
        ticket: Ticket,
        /// How it ended.
        outcome: Outcome,
    },
    /// The server refused to renew a subscription after it lost the session. The subscription is gone.
    SubscriptionLost {
        /// The subscription.
        filter: Filter,
    },
    /// News of a watched device shadow.
    Shadow(Box<ShadowNotice>),
}

/// One line; payloads are not shown.
impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let again = |f: &mut fmt::Formatter<'_>, retry_in: &Option<Duration>| match retry_in {
            Some(wait) => write!(f, "; next attempt in {:.1} s", wait.as_secs_f64()),
            None => Ok(()),
        };
        match self {
            Self::Attempting { attempt } => write!(f, "connecting, attempt {attempt}"),
            Self::Failed { why: Some(why), retry_in } => write!(f, "{why}").and_then(|()| again(f, retry_in)),
            Self::Failed { why: None, .. } => f.write_str("stopped while connecting"),
            Self::Online { resumed: true } => f.write_str("online, session resumed"),
            Self::Online { resumed: false } => f.write_str("online, new session"),
            Self::Ready => f.write_str("ready"),
            Self::Offline { why: Some(why), retry_in } => write!(f, "offline: {why}").and_then(|()| again(f, retry_in)),
            Self::Offline { why: None, .. } => f.write_str("offline"),
            Self::Stopped => f.write_str("stopped"),
            Self::Message(message) => write!(f, "message on {}, {} bytes", message.topic, message.payload.len()),
            Self::Done { ticket, outcome } => write!(f, "operation {ticket}: {outcome}"),
            Self::SubscriptionLost { filter } => write!(f, "the server refused to renew the subscription to {filter}"),
            Self::Shadow(notice) => notice.fmt(f),
        }
    }
}

/// A message from the server.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// Where it was published.
    pub topic: Topic,
    /// What was published. Shares memory with the driver's read buffer: copy a small payload that is kept for long.
    pub payload: Bytes,
    /// The quality of service it was delivered with.
    pub qos: Qos,
    /// Whether it was stored at the server before this client subscribed.
    pub retain: bool,
    /// Whether the server says that it may have delivered it before. It may repeat a message without saying so
    /// (B-41).
    pub duplicate: bool,
    /// With manual acknowledgement, what to give to [`Client::ack`](crate::Client::ack); `None` for QoS 0 and with
    /// automatic acknowledgement.
    pub ack: Option<AckToken>,
}

impl Message {
    /// A QoS 1 message that was not retained, sent once and acknowledged: for tests of what handles messages.
    pub fn new(topic: Topic, payload: impl Into<Bytes>) -> Self {
        let (qos, payload) = (Qos::AtLeastOnce, payload.into());
        Self { topic, payload, qos, retain: false, duplicate: false, ack: None }
    }
}

debug_without!(Message { topic, qos, retain, duplicate, ack; payload });
