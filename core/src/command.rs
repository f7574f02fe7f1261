//! What the application asks for, and how it ends.

use core::fmt;
use core::num::NonZeroU64;
use core::time::Duration;

use bytes::Bytes;

use crate::unshown::debug_without;
use crate::{Filter, Link, Rejection, Reply, Topic, Unsent};

/// How hard delivery is tried. AWS IoT Core has no QoS 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Qos {
    /// QoS 0: sent once, never acknowledged.
    #[default]
    AtMostOnce = 0,
    /// QoS 1: sent until acknowledged.
    AtLeastOnce = 1,
}

/// The name of an accepted operation. Never reused by one client; every ticket ends in exactly one [`Outcome`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(crate) NonZeroU64);

impl Ticket {
    /// The ticket's number: later operations have greater numbers.
    pub const fn number(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// A message to publish.
///
/// ```
/// use core::time::Duration;
/// use thingwire_core::{Publish, Qos, Topic};
///
/// let reading = Publish::new(Topic::new("kitchen/temperature")?, "21.5")
///     .qos(Qos::AtMostOnce)
///     .expires_in(Duration::from_secs(60));
/// # let _ = reading;
/// # Ok::<(), thingwire_core::TopicError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
// In this order: the compiler would put `expires_in` first, in whose spare values the tags of what holds a message lie, and
// a message copied from behind its tag makes the processor wait, a tenth of all that a publish takes. Nothing promised.
#[repr(C)]
pub struct Publish {
    /// Where to.
    pub topic: Topic,
    /// What; any bytes, also none.
    pub payload: Bytes,
    /// How hard.
    pub qos: Qos,
    /// Whether the server keeps it for future subscribers.
    pub retain: bool,
    /// How long it is worth sending, from the call on. A message that was never sent by then ends as
    /// [`Outcome::Expired`]; one that was sent stays until it is acknowledged.
    pub expires_in: Option<Duration>,
}

debug_without!(Publish { topic, qos, retain, expires_in; payload });

impl Publish {
    /// A QoS 1 message that is neither retained nor expires.
    pub fn new(topic: Topic, payload: impl Into<Bytes>) -> Self {
        Self { topic, payload: payload.into(), qos: Qos::AtLeastOnce, retain: false, expires_in: None }
    }

    /// The same message with another quality of service.
    pub fn qos(mut self, qos: Qos) -> Self {
        self.qos = qos;
        self
    }

    /// The same message, kept by the server or not.
    pub fn retain(mut self, retain: bool) -> Self {
        self.retain = retain;
        self
    }

    /// The same message, not worth sending after `span`.
    pub fn expires_in(mut self, span: Duration) -> Self {
        self.expires_in = Some(span);
        self
    }
}

/// Names an inbound QoS 1 message that the application acknowledges itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AckToken {
    pub(crate) link: Link,
    /// Which message of the link, from 0.
    pub(crate) serial: u64,
}

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The QoS 0 message was handed to the link. Nobody knows more.
    Sent,
    /// The server acknowledged the QoS 1 message.
    Acked,
    /// The server answered the subscription: for each filter, in order, the quality of service granted, or `None`
    /// when it was refused.
    Subscribed(Vec<Option<Qos>>),
    /// The server acknowledged the end of the subscription.
    Unsubscribed,
    /// The service answered the request with yes.
    Accepted(Box<Reply>),
    /// The service answered the request with no.
    Rejected(Box<Rejection>),
    /// The request was never published.
    Unsent(Unsent),
    /// The message's time ran out before it was ever sent.
    Expired,
    /// There was no answer in time: from the server to SUBSCRIBE or UNSUBSCRIBE, within the operation timeout counted
    /// from sending; from the service to a request, by its deadline.
    TimedOut,
    /// The server closed the connection every time it was sent, this many times in a row. On AWS that is how the
    /// policy says no.
    ConnectionClosed {
        /// Connections lost to it.
        times: u32,
    },
    /// The offline queue was full and gave the place to a newer operation.
    Evicted,
    /// The application withdrew it with [`Client::discard`](crate::Client::discard), or ended a watch that had not begun
    /// with [`Client::unwatch_shadow`](crate::Client::unwatch_shadow).
    Discarded,
}

/// Why a call was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The queue holds as many operations as it may.
    QueueFull {
        /// The bound, in operations.
        count_max: usize,
    },
    /// The queue holds as many bytes as it may.
    QueueFullOfBytes {
        /// The bound, in bytes.
        bytes_max: usize,
    },
    /// There is no connection, and the offline queue is switched off.
    Offline,
    /// The payload is longer than the service takes.
    PayloadTooLong {
        /// Its length in bytes.
        len: usize,
        /// The service's limit in bytes.
        max: usize,
    },
    /// The topic or filter is longer than the service takes.
    TopicTooLong {
        /// Its length in bytes.
        len: usize,
        /// The service's limit in bytes.
        max: usize,
    },
    /// The topic or filter has more levels than the service takes.
    TopicTooDeep {
        /// Its slashes.
        slashes: usize,
        /// The service's limit.
        max: usize,
    },
    /// A retained message on a topic that begins with `$` (B-20).
    RetainOnReservedTopic,
    /// There is no filter in the request.
    NoFilter,
    /// More filters than one request may have.
    TooManyFilters {
        /// Filters in the request.
        count: usize,
        /// The service's limit.
        max: usize,
    },
    /// The request would go over the number of subscriptions of one connection.
    TooManySubscriptions {
        /// The service's limit.
        max: usize,
    },
    /// A request or a watch of this client needs the subscription.
    FilterInUse {
        /// Which.
        filter: Filter,
    },
    /// As many requests wait for an answer as may.
    TooManyRequests {
        /// The bound.
        count_max: usize,
    },
    /// Another request with this token waits for its answer.
    TokenInUse,
    /// The token is empty, or longer than the service takes.
    TokenLen {
        /// Its length in bytes.
        len: usize,
        /// The service's limit in bytes.
        max: usize,
    },
    /// As many watches of shadows as there may be.
    TooManyWatches {
        /// The bound.
        max: usize,
    },
    /// The update of a shadow is longer than the service takes for the whole shadow.
    ShadowTooLong {
        /// Bytes of desired and reported state, without space.
        len: usize,
        /// The service's limit in bytes.
        max: usize,
    },
    /// The update of a shadow is nested deeper than the service takes.
    ShadowTooDeep {
        /// Its levels.
        levels: usize,
        /// The service's limit.
        max: usize,
    },
}

/// A call that was not accepted, with what it was given.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused<T> {
    /// Why.
    pub why: Refusal,
    /// The argument, untouched.
    pub value: T,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sent => f.write_str("sent"),
            Self::Acked => f.write_str("acknowledged"),
            Self::Subscribed(grants) if grants.iter().all(Option::is_some) => f.write_str("subscribed"),
            Self::Subscribed(_) => f.write_str("the server refused the subscription; check the policy"),
            Self::Unsubscribed => f.write_str("unsubscribed"),
            Self::Accepted(_) => f.write_str("accepted"),
            Self::Rejected(why) => why.fmt(f),
            Self::Unsent(why) => why.fmt(f),
            Self::Expired => f.write_str("expired before it could be sent"),
            Self::TimedOut => f.write_str("no answer from the server in time"),
            Self::ConnectionClosed { times } => write!(
                f,
                "given up: the server closed the connection {times} times instead of answering; check that the policy \
                 allows it"
            ),
            Self::Evicted => f.write_str("dropped from the full offline queue"),
            Self::Discarded => f.write_str("withdrawn"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::QueueFull { count_max } => write!(f, "the queue is full ({count_max} operations)"),
            Self::QueueFullOfBytes { bytes_max } => write!(f, "the queue is full ({bytes_max} bytes)"),
            Self::Offline => f.write_str("offline, and the offline queue is switched off"),
            Self::PayloadTooLong { len, max } => {
                write!(f, "the payload has {len} bytes; the service takes {max}")
            }
            Self::TopicTooLong { len, max } => write!(f, "the topic has {len} bytes; the service takes {max}"),
            Self::TopicTooDeep { slashes, max } => {
                write!(f, "the topic has {slashes} slashes; the service takes {max}")
            }
            Self::RetainOnReservedTopic => {
                f.write_str("the service keeps no retained message on a topic that begins with `$`")
            }
            Self::NoFilter => f.write_str("no filter given"),
            Self::TooManyFilters { count, max } => {
                write!(f, "{count} filters in one request; the service takes {max}")
            }
            Self::TooManySubscriptions { max } => {
                write!(f, "the service takes {max} subscriptions for one connection")
            }
            Self::FilterInUse { filter } => write!(f, "a request or a watch needs the subscription to {filter}"),
            Self::TooManyRequests { count_max } => write!(f, "{count_max} requests wait for an answer already"),
            Self::TokenInUse => f.write_str("another request with this client token waits for its answer"),
            Self::TokenLen { len, max } => write!(f, "the client token has {len} bytes; the service takes 1 to {max}"),
            Self::TooManyWatches { max } => write!(f, "{max} watches of shadows are open already"),
            Self::ShadowTooLong { len, max } => {
                write!(f, "the update has {len} bytes of state; the service takes {max} for a whole shadow")
            }
            Self::ShadowTooDeep { levels, max } => {
                write!(f, "the update is nested {levels} levels deep; the service takes {max}")
            }
        }
    }
}

impl<T> fmt::Display for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.fmt(f)
    }
}

/// Why alone: the argument is the caller's, and a `main` that returns an error shows all of it.
impl<T> fmt::Debug for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused").field("why", &self.why).finish_non_exhaustive()
    }
}

impl core::error::Error for Refusal {}
impl<T> core::error::Error for Refused<T> {}
