//! The link that is being made or is up, or else the last one.

use thingwire_core::{Instant, LinkError};

use crate::trace::Name;

/// How far a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::oracle) enum Stage {
    #[default]
    Never,
    Dialed,
    Up,
    Online,
    Gone,
}

#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(in crate::oracle) struct LinkState {
    pub(in crate::oracle) number: u64,
    pub(in crate::oracle) stage: Stage,
    pub(in crate::oracle) dialed_at: Instant,
    pub(in crate::oracle) was_up: bool,
    pub(in crate::oracle) connect_at: Option<Instant>,
    pub(in crate::oracle) online_at: Option<Instant>,
    pub(in crate::oracle) gone_at: Instant,
    pub(in crate::oracle) resumed: bool,
    /// `stop` was called on it: the client listens no more.
    pub(in crate::oracle) left: bool,
    pub(in crate::oracle) said_goodbye: bool,
    /// What the server did that it must not: the client listens no more.
    pub(in crate::oracle) forbidden: Option<&'static str>,
    /// The return code of a refusal.
    pub(in crate::oracle) refused: Option<u8>,
    /// Why the driver says that it ended.
    pub(in crate::oracle) told_down: Option<LinkError>,
    /// The renewal that was alone when the server closed it.
    pub(in crate::oracle) condemned: Option<Name>,
    pub(in crate::oracle) last_sent: Instant,
    pub(in crate::oracle) last_received: Instant,
    /// The PINGREQ without an answer.
    pub(in crate::oracle) ping_sent_at: Option<Instant>,
    /// Since when there had been silence when PINGREQ was sent.
    pub(in crate::oracle) silent_before_ping: Instant,
    /// The last operation that was accepted before the link was.
    pub(in crate::oracle) backlog_until: u64,
    /// Messages acknowledged on it.
    pub(in crate::oracle) acks: u64,
    /// Messages received on it that the client has not acknowledged.
    pub(in crate::oracle) unacked: u32,
}

impl LinkState {
    pub(super) fn dialed(number: u64, at: Instant) -> Self {
        Self { number, stage: Stage::Dialed, dialed_at: at, last_sent: at, last_received: at, ..Self::default() }
    }

    /// Since when there has been silence in one direction at least.
    pub(in crate::oracle) fn silent_since(&self) -> Instant {
        self.last_sent.min(self.last_received)
    }
}
