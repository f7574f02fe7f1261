//! What a campaign has to meet: a run that never comes near an edge proves little about it.

use core::time::Duration;

use thingwire_core::{ConnectStage, LinkError, Notice, Outcome, Refusal, TcpError};

use super::judge::Seen;
use super::model::Meaning;
use super::model::session::Carried;
use crate::trace::{Packet, What};

macro_rules! marks {
    ($($name:ident = $text:literal,)+) => {
        /// Something that a campaign has to meet.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "the names say it")]
        pub enum Mark {
            $($name,)+
        }

        impl Mark {
            /// Every mark.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its name in reports.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

marks! {
    SessionResumed = "session resumed",
    SessionNew = "new session after a link",
    SentAgain = "sent again with DUP",
    SentAgainOnLink = "sent again on a live link",
    AckAfterResend = "acknowledged after sending again",
    AnswerToNothing = "answer to nothing",
    LateAnswer = "answer to what was given up",
    WindowFull = "window full",
    QueueFull = "refused: queue full",
    QueueOff = "refused: offline",
    Evicted = "evicted",
    Expired = "expired",
    Discarded = "discarded",
    TimedOut = "timed out",
    GivenUp = "given up after closes",
    SubscriptionRefused = "subscription refused",
    SubscriptionLost = "renewal refused",
    SubscriptionRenewed = "subscriptions renewed",
    LostWhileRenewing = "link lost while renewing",
    LostWhileDraining = "link lost while draining",
    IdsWrapped = "packet ids wrapped",
    StableReset = "backoff begun again",
    LongestWait = "longest wait",
    PingAnswered = "ping answered",
    KeepAliveWithQueue = "keep-alive lost with a queue",
    SleptOverKeepAlive = "slept over the keep-alive",
    ForbiddenInput = "forbidden input",
    InboundRepeated = "message received again",
    InputPaused = "input paused",
    StopWhileConnecting = "stopped while connecting",
    StopOnline = "stopped while online",
    StartWhileClosing = "started while closing",
    EndResolve = "end: no name",
    EndTcpRefused = "end: refused by TCP",
    EndTcpReset = "end: reset",
    EndTcpOther = "end: other TCP failure",
    EndTls = "end: TLS",
    EndProtocol = "end: protocol",
    EndRefused = "end: refused by the server",
    EndBeforeConnack = "end: closed before CONNACK",
    EndClosed = "end: closed",
    EndKeepAlive = "end: keep-alive",
    EndConnectTimeoutTransport = "end: no transport in time",
    EndConnectTimeoutConnack = "end: no CONNACK in time",
    EndRestoreTimeout = "end: no renewal in time",
    EndStopped = "end: stopped",
}

/// How often each mark was met.
#[derive(Debug)]
pub(super) struct Marks {
    pub(super) counts: [u64; Mark::ALL.len()],
    last_id: u16,
}

impl Default for Marks {
    fn default() -> Self {
        Self { counts: [0; Mark::ALL.len()], last_id: 0 }
    }
}

impl Marks {
    fn met(&mut self, mark: Mark) {
        self.counts[mark as usize] += 1;
    }

    /// Sees a record before it has its effect on the model.
    pub(super) fn observe(&mut self, seen: &Seen<'_>, failures: u32) {
        match seen.what {
            What::Sent(_, packet) => self.sent(seen, packet),
            What::Received(_, packet) => self.received(seen, packet),
            What::Finished { outcome, .. } => self.finished(outcome),
            What::Refused { why: Refusal::Offline, .. } => self.met(Mark::QueueOff),
            What::Refused { why: Refusal::QueueFull { .. } | Refusal::QueueFullOfBytes { .. }, .. } => {
                self.met(Mark::QueueFull);
            }
            What::Told(notice) => self.told(seen, notice, failures),
            What::Pause(true) => self.met(Mark::InputPaused),
            What::Stop if seen.model.online() => self.met(Mark::StopOnline),
            What::Stop => self.met(Mark::StopWhileConnecting),
            What::Start if matches!(seen.model.life, super::model::Life::Closing { .. }) => {
                self.met(Mark::StartWhileClosing);
            }
            What::Wake { due: true } => {
                let late = seen.model.announced.map_or(Duration::ZERO, |deadline| seen.at.since(deadline));
                if seen.model.online() && late > seen.rules.config.keep_alive {
                    self.met(Mark::SleptOverKeepAlive);
                }
            }
            _ => {}
        }
    }

    fn sent(&mut self, seen: &Seen<'_>, packet: &Packet) {
        match seen.meaning {
            Meaning::Again { same_link: true, .. } => self.met(Mark::SentAgainOnLink),
            Meaning::Again { same_link: false, .. } => self.met(Mark::SentAgain),
            Meaning::Renewal => self.met(Mark::SubscriptionRenewed),
            _ => {}
        }
        if let Packet::Publish(publish) = packet {
            if publish.id != 0 && meaning_is_first(seen.meaning) {
                if publish.id < self.last_id {
                    self.met(Mark::IdsWrapped);
                }
                self.last_id = publish.id;
                if seen.model.session.publishes() + 1 == usize::from(seen.rules.config.in_flight_max) {
                    self.met(Mark::WindowFull);
                }
            }
        }
    }

    fn received(&mut self, seen: &Seen<'_>, packet: &Packet) {
        match (seen.meaning, packet) {
            (Meaning::Accepts { resumed: true }, _) => self.met(Mark::SessionResumed),
            (Meaning::Accepts { resumed: false }, _) if seen.model.link.number > 1 => self.met(Mark::SessionNew),
            (Meaning::Inert, _) => self.met(Mark::AnswerToNothing),
            (Meaning::LateAnswer, _) => self.met(Mark::LateAnswer),
            (Meaning::Forbidden(_), _) => self.met(Mark::ForbiddenInput),
            (Meaning::Message, Packet::Publish(publish)) if publish.dup => self.met(Mark::InboundRepeated),
            (_, Packet::Pingresp) if seen.model.link.ping_sent_at.is_some() => self.met(Mark::PingAnswered),
            (Meaning::Answer(_), Packet::Puback(id)) => {
                let again = seen.model.session.get(*id).is_some_and(|bound| bound.sent_at > bound.first_sent_at);
                if again {
                    self.met(Mark::AckAfterResend);
                }
            }
            _ => {}
        }
    }

    fn finished(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Evicted => self.met(Mark::Evicted),
            Outcome::Expired => self.met(Mark::Expired),
            Outcome::Discarded => self.met(Mark::Discarded),
            Outcome::TimedOut => self.met(Mark::TimedOut),
            Outcome::ConnectionClosed { .. } => self.met(Mark::GivenUp),
            Outcome::Subscribed(grants) if grants.contains(&None) => self.met(Mark::SubscriptionRefused),
            _ => {}
        }
    }

    fn told(&mut self, seen: &Seen<'_>, notice: &Notice, failures: u32) {
        match notice {
            Notice::SubscriptionLost { .. } => self.met(Mark::SubscriptionLost),
            Notice::Attempting { attempt: 1 } if failures == 0 && seen.model.link.number > 0 => {
                self.met(Mark::StableReset);
            }
            Notice::Failed { why, retry_in } | Notice::Offline { why, retry_in } => {
                if retry_in.is_some_and(|wait| wait >= seen.rules.config.backoff.max) {
                    self.met(Mark::LongestWait);
                }
                self.met(why.as_ref().map_or(Mark::EndStopped, end));
                self.lost(seen, why.as_ref());
            }
            _ => {}
        }
    }

    fn lost(&mut self, seen: &Seen<'_>, why: Option<&LinkError>) {
        let model = seen.model;
        if model.link.online_at.is_none() || why.is_none() {
            return;
        }
        if model.session.iter().any(|bound| matches!(bound.what, Carried::Renewal(_))) {
            self.met(Mark::LostWhileRenewing);
        } else if model.ops.queue().next().is_some_and(|op| op.ticket <= model.link.backlog_until) {
            self.met(Mark::LostWhileDraining);
        }
        if why == Some(&LinkError::KeepAlive) && model.ops.waiting() > 0 {
            self.met(Mark::KeepAliveWithQueue);
        }
    }
}

fn meaning_is_first(meaning: Meaning) -> bool {
    matches!(meaning, Meaning::First { .. })
}

fn end(why: &LinkError) -> Mark {
    match why {
        LinkError::Resolve { .. } => Mark::EndResolve,
        LinkError::Tcp { why: TcpError::Refused, .. } => Mark::EndTcpRefused,
        LinkError::Tcp { why: TcpError::Reset, .. } => Mark::EndTcpReset,
        LinkError::Tcp { .. } => Mark::EndTcpOther,
        LinkError::Tls(_) => Mark::EndTls,
        LinkError::Protocol(_) => Mark::EndProtocol,
        LinkError::Refused(_) => Mark::EndRefused,
        LinkError::ClosedBeforeConnack => Mark::EndBeforeConnack,
        LinkError::KeepAlive => Mark::EndKeepAlive,
        LinkError::ConnectTimeout { waiting_for: ConnectStage::Transport } => Mark::EndConnectTimeoutTransport,
        LinkError::ConnectTimeout { .. } => Mark::EndConnectTimeoutConnack,
        LinkError::RestoreTimeout => Mark::EndRestoreTimeout,
        _ => Mark::EndClosed,
    }
}
