//! What a campaign has to meet: a run that never comes near an edge proves little about it.

use core::time::Duration;

use thingwire_core::{ConnectStage, LinkError, Notice, Outcome, Refusal, ShadowEvent, TcpError, Unsent};

use super::judge::Seen;
use super::model::Meaning;
use super::model::session::Carried;
use super::model::shadows::{Ask, Asked, Watch};
use crate::trace::shadow::Says;
use crate::trace::{Operation, Packet, What};

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

            /// Whether only a run with device shadows can meet it.
            pub const fn is_about_shadows(self) -> bool {
                self as usize >= Self::RequestAccepted as usize
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
    RequestAccepted = "shadow: accepted",
    RequestRejected = "shadow: rejected",
    RequestTimedOut = "shadow: timed out",
    RequestOffline = "shadow: unsent, offline",
    RequestNotSubscribed = "shadow: unsent, subscription not answered",
    RequestNotGranted = "shadow: unsent, subscription refused",
    RequestCrowded = "shadow: unsent, crowded",
    RequestGivenUp = "shadow: given up after closes",
    RequestWithdrawn = "shadow: withdrawn",
    RequestRefused = "shadow: refused, offline",
    RequestTooMany = "shadow: refused, too many",
    RequestTokenInUse = "shadow: refused, token in use",
    RequestTooLong = "shadow: refused, too long",
    RequestAgain = "shadow: published again",
    RequestsFull = "shadow: as many in flight as may be",
    ReplyToNobody = "shadow: answer to nobody here",
    FiltersGivenUp = "shadow: subscriptions given up",
    WatchBegun = "shadow: watch begun",
    WatchCutShort = "shadow: watch ended before it began",
    WatchNotSubscribed = "shadow: watch not granted",
    WatchGivenUp = "shadow: watch given up",
    WatchRead = "shadow: read for a watch",
    WatchReadAgain = "shadow: read again for a watch",
    WatchDelta = "shadow: delta told",
    WatchDocuments = "shadow: documents told",
    WatchAbsent = "shadow: absent",
    WatchDeleted = "shadow: deleted",
    WatchAnew = "shadow: deletion noticed by the version",
    WatchUnreadable = "shadow: unreadable",
    WatchMalformed = "shadow: malformed notification",
    WatchOlder = "shadow: older notification not told",
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
            What::Finished { ticket, outcome } if seen.model.ops.get(*ticket).is_none() => {
                self.request_finished(outcome);
            }
            What::Finished { outcome, .. } => self.finished(outcome),
            What::Refused { operation: Operation::Shadow(_) | Operation::Watch(_), why } => self.request_refused(why),
            What::Refused { why: Refusal::Offline, .. } => self.met(Mark::QueueOff),
            What::Refused { why: Refusal::QueueFull { .. } | Refusal::QueueFullOfBytes { .. }, .. } => {
                self.met(Mark::QueueFull);
            }
            What::Told(notice) => self.told(seen, notice, failures),
            What::Unwatched(shadow, true) => {
                let short = seen.model.shadows.watches.get(shadow).is_some_and(|watch| !watch.begun);
                if short {
                    self.met(Mark::WatchCutShort);
                }
            }
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
        self.sent_for_shadows(seen, packet);
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
            (Meaning::Message, Packet::Publish(_)) if seen.model.shadows.text.is_some() => self.heard(seen),
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

    fn request_finished(&mut self, outcome: &Outcome) {
        self.met(match outcome {
            Outcome::Accepted(_) => Mark::RequestAccepted,
            Outcome::Rejected(_) => Mark::RequestRejected,
            Outcome::TimedOut => Mark::RequestTimedOut,
            Outcome::Unsent(Unsent::Offline) => Mark::RequestOffline,
            Outcome::Unsent(Unsent::NotSubscribed) => Mark::RequestNotSubscribed,
            Outcome::Unsent(Unsent::SubscriptionRefused) => Mark::RequestNotGranted,
            Outcome::Unsent(_) => Mark::RequestCrowded,
            Outcome::ConnectionClosed { .. } => Mark::RequestGivenUp,
            Outcome::Discarded => Mark::RequestWithdrawn,
            Outcome::Subscribed(_) => Mark::WatchBegun,
            _ => return,
        });
    }

    fn request_refused(&mut self, why: &Refusal) {
        self.met(match why {
            Refusal::Offline => Mark::RequestRefused,
            Refusal::TooManyRequests { .. } => Mark::RequestTooMany,
            Refusal::TokenInUse => Mark::RequestTokenInUse,
            Refusal::ShadowTooLong { .. } => Mark::RequestTooLong,
            _ => return,
        });
    }

    fn sent_for_shadows(&mut self, seen: &Seen<'_>, packet: &Packet) {
        let shadows = &seen.model.shadows;
        match (seen.meaning, packet) {
            (Meaning::Own, Packet::Unsubscribe(..)) => self.met(Mark::FiltersGivenUp),
            (Meaning::Ask(Asked::Request(ticket)), _) => {
                if shadows.asks.get(&ticket).is_some_and(Ask::was_sent) {
                    self.met(Mark::RequestAgain);
                } else if shadows.in_flight() + 1 == seen.rules.config.requests.in_flight_max {
                    self.met(Mark::RequestsFull);
                }
            }
            (Meaning::Ask(Asked::Read(token)), _) => {
                self.met(if shadows.reads.contains_key(&token) { Mark::WatchReadAgain } else { Mark::WatchRead });
            }
            _ => {}
        }
    }

    /// A message about a shadow.
    fn heard(&mut self, seen: &Seen<'_>) {
        let shadows = &seen.model.shadows;
        let Some(text) = &shadows.text else { return };
        match text.says {
            Says::Accepted(_) | Says::Rejected(_) => {
                if shadows.answered(text).is_none() && shadows.read_by(text).is_none() {
                    self.met(Mark::ReplyToNobody);
                }
            }
            Says::Delta => {
                let told = |watch: &Watch| watch.delta.max(watch.current);
                if shadows.watches.get(&text.shadow).is_some_and(|watch| told(watch) >= text.version) {
                    self.met(Mark::WatchOlder);
                }
            }
            Says::Ask(_) | Says::Documents => {}
        }
    }

    fn shadow_told(&mut self, event: &ShadowEvent) {
        self.met(match event {
            ShadowEvent::Delta(_) => Mark::WatchDelta,
            ShadowEvent::Documents(_) => Mark::WatchDocuments,
            ShadowEvent::Absent => Mark::WatchAbsent,
            ShadowEvent::Deleted { version: Some(_) } => Mark::WatchDeleted,
            ShadowEvent::Deleted { version: None } => Mark::WatchAnew,
            ShadowEvent::Unreadable(_) => Mark::WatchUnreadable,
            ShadowEvent::NotSubscribed => Mark::WatchNotSubscribed,
            ShadowEvent::GivenUp { .. } => Mark::WatchGivenUp,
            ShadowEvent::Malformed(_) => Mark::WatchMalformed,
            _ => return,
        });
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
            Notice::Shadow(news) => self.shadow_told(&news.event),
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
