//! A look at everything at once.

use core::fmt;

use crate::{Instant, LinkError, Outcome, Phase};

/// How the client is doing; from [`Client::status`](crate::Client::status).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// Where the client stands.
    pub phase: Phase,
    /// Since when.
    pub since: Instant,
    /// The number of the current or next attempt to connect, from 1 after a stable connection.
    pub attempt: u32,
    /// When the next attempt begins, while backing off.
    pub next_attempt_at: Option<Instant>,
    /// Why the last attempt failed or the last connection was lost; `None` once there is one again.
    pub last_error: Option<LinkError>,
    /// Operations that wait to be sent.
    pub queued: usize,
    /// Their bytes of topic and payload.
    pub queued_bytes: usize,
    /// Since when the oldest of them waits: its acceptance, or the loss of the session it was in flight in.
    pub oldest_waits_since: Option<Instant>,
    /// QoS 1 messages that were sent and wait for their acknowledgement.
    pub in_flight: usize,
    /// What has happened since the client was made.
    pub totals: Totals,
}

/// Counts since the client was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Totals {
    /// Attempts to connect.
    pub attempts: u64,
    /// Connections that the server accepted.
    pub connections: u64,
    /// Operations accepted.
    pub accepted: u64,
    /// Calls refused because the queue was full or switched off, and requests for which there was no connection or that were
    /// too many.
    pub refused: u64,
    /// QoS 0 messages handed to a link.
    pub sent: u64,
    /// QoS 1 messages acknowledged.
    pub acked: u64,
    /// Subscriptions, their ends, and requests answered, with yes or no.
    pub answered: u64,
    /// Messages sent again.
    pub resent: u64,
    /// Operations that ended as [`Outcome::Evicted`].
    pub evicted: u64,
    /// Operations that ended as [`Outcome::Expired`].
    pub expired: u64,
    /// Operations that ended as [`Outcome::Discarded`].
    pub discarded: u64,
    /// Operations that ended as [`Outcome::TimedOut`].
    pub timed_out: u64,
    /// Operations that ended as [`Outcome::ConnectionClosed`].
    pub given_up: u64,
    /// Requests that ended as [`Outcome::Unsent`].
    pub unsent: u64,
    /// Messages received.
    pub received: u64,
    /// Answers received to nothing that was asked.
    pub unknown_answers: u64,
    /// Messages on the topics of answers and notifications that were not for this client, came too late, or came again.
    pub unmatched: u64,
}

#[cfg(feature = "trace")]
crate::wire::fields!(Totals {
    attempts,
    connections,
    accepted,
    refused,
    sent,
    acked,
    answered,
    resent,
    evicted,
    expired,
    discarded,
    timed_out,
    given_up,
    unsent,
    received,
    unknown_answers,
    unmatched,
});

impl Totals {
    pub(crate) fn ended(&mut self, outcome: &Outcome) {
        let count = match outcome {
            Outcome::Sent => &mut self.sent,
            Outcome::Acked => &mut self.acked,
            Outcome::Subscribed(_) | Outcome::Unsubscribed | Outcome::Accepted(_) | Outcome::Rejected(_) => {
                &mut self.answered
            }
            Outcome::Unsent(_) => &mut self.unsent,
            Outcome::Evicted => &mut self.evicted,
            Outcome::Expired => &mut self.expired,
            Outcome::Discarded => &mut self.discarded,
            Outcome::TimedOut => &mut self.timed_out,
            Outcome::ConnectionClosed { .. } => &mut self.given_up,
        };
        *count += 1;
    }

    /// Operations that have ended, in whatever way.
    pub fn ended_operations(&self) -> u64 {
        self.sent + self.acked + self.answered + self.dropped()
    }

    /// Operations that ended without being done.
    pub fn dropped(&self) -> u64 {
        self.evicted + self.expired + self.discarded + self.timed_out + self.given_up + self.unsent
    }
}

/// One line for people.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { phase, queued, in_flight, totals, .. } = self;
        let done = totals.sent + totals.acked;
        write!(f, "{phase}; {done} done, {in_flight} in flight, {queued} queued, {} dropped", totals.dropped())
    }
}
