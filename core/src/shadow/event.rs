//! What a watch tells.

use core::fmt;

use bytes::Bytes;

use super::{Delta, Document, Documents, ShadowName};
use crate::unshown::debug_without;
use crate::{AckToken, Rejection, Ticket};

/// News of a watched shadow.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShadowNotice {
    /// Which watch: the ticket of its call.
    pub watch: Ticket,
    /// Which shadow.
    pub shadow: ShadowName,
    /// What happened.
    pub event: ShadowEvent,
    /// Acknowledged when the driver takes the notice, whoever acknowledges the messages of the application.
    pub(crate) ack: Option<AckToken>,
}

#[cfg(all(test, feature = "host"))]
impl ShadowNotice {
    pub(crate) fn of(watch: Ticket, event: ShadowEvent) -> Box<Self> {
        let shadow = ShadowName::classic("valve").expect("a valid name");
        Box::new(Self { watch, shadow, event, ack: None })
    }
}

/// What happened to a watched shadow.
///
/// Deltas, documents and what was read come in the order of the shadow's versions: nothing older follows something
/// newer, and nothing comes twice. Only after `Deleted` or `Absent` versions may begin anew.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShadowEvent {
    /// Desired and reported differ.
    Delta(Delta),
    /// An update was accepted; with [`ShadowWatch::documents`](crate::ShadowWatch::documents).
    Documents(Documents),
    /// The whole shadow, read when the watch began, after notifications may have been lost, and after a deletion. A delta
    /// in it follows as `Delta`, if it is news.
    Current(Document),
    /// There is no such shadow.
    Absent,
    /// The shadow was deleted, by whomever.
    Deleted {
        /// The version that it had; `None` when the deletion was only noticed by what followed.
        version: Option<u64>,
    },
    /// The service refuses to have the shadow read. Notifications come all the same.
    Unreadable(Rejection),
    /// The server refuses the subscription to the notifications, or does not answer. It is asked again.
    NotSubscribed,
    /// The server closed the connection each time when asked for the subscription: the watch is over.
    GivenUp {
        /// Connections lost to it.
        times: u32,
    },
    /// A notification, or an answer, in which what it is about cannot be found.
    Malformed(Malformed),
}

impl ShadowEvent {
    /// The message that it was read from, as it came; `None` where there was none.
    pub fn raw(&self) -> Option<&Bytes> {
        match self {
            Self::Delta(delta) => Some(&delta.raw),
            Self::Documents(documents) => Some(&documents.raw),
            Self::Current(document) => Some(&document.raw),
            Self::Unreadable(rejection) => Some(&rejection.payload),
            Self::Malformed(malformed) => Some(&malformed.payload),
            Self::Absent | Self::Deleted { .. } | Self::NotSubscribed | Self::GivenUp { .. } => None,
        }
    }
}

/// What makes no sense.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Malformed {
    /// It, as it came.
    pub payload: Bytes,
}

debug_without!(Malformed { ; payload });

/// One line; no state is shown.
impl fmt::Display for ShadowNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shadow {}: {}", self.shadow, self.event)
    }
}

impl fmt::Display for ShadowEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delta(delta) => write!(f, "delta of version {}", delta.version),
            Self::Documents(documents) => write!(f, "changed to version {}", documents.current.version),
            Self::Current(Document { version: Some(version), .. }) => write!(f, "is at version {version}"),
            Self::Current(_) => f.write_str("read"),
            Self::Absent => f.write_str("there is none"),
            Self::Deleted { version: Some(version) } => write!(f, "deleted at version {version}"),
            Self::Deleted { version: None } => f.write_str("deleted"),
            Self::Unreadable(why) => write!(f, "cannot be read: {why}"),
            Self::NotSubscribed => {
                f.write_str("the server does not grant the subscription to its notifications; check the policy")
            }
            Self::GivenUp { times } => write!(
                f,
                "not watched any more: the server closed the connection {times} times instead of granting the \
                 subscription; check that the policy allows it"
            ),
            Self::Malformed(malformed) => {
                write!(f, "a notification of {} bytes makes no sense", malformed.payload.len())
            }
        }
    }
}
