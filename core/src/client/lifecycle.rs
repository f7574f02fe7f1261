//! From `start` to `stop`, and every link in between.

use super::{Client, Ping};
use crate::client::phase::Signal;
use crate::link::{ConnectRefusal, ConnectStage, LinkError, ProtocolError};
use crate::queue::Request;
use crate::session::InFlight;
use crate::suspects::Suspect;
use crate::timers::TimerKind;
use crate::{Action, Instant, Link, Notice, Outcome, Phase, Ticket};

impl Client {
    /// Starts connecting, and keeps the connection up until `stop`. Without effect when already started; while the
    /// goodbye of a `stop` is on its way, it comes after that.
    pub fn start(&mut self, now: Instant) {
        self.advance(now);
        self.tape.start(self.now);
        match self.phase {
            Phase::Closing => self.start_again = true,
            Phase::Idle => self.begin(),
            Phase::Opening
            | Phase::AwaitingConnack
            | Phase::Resubscribing
            | Phase::Draining
            | Phase::Ready
            | Phase::BackingOff => {}
        }
    }

    fn begin(&mut self) {
        let earliest = self.earliest_attempt();
        if earliest > self.now {
            self.go(Signal::StartLater);
            self.timers.set(TimerKind::Reconnect, earliest);
        } else {
            self.go(Signal::Start);
            self.attempt();
        }
    }

    /// Says goodbye and closes. Works in every phase; what is queued or unacknowledged stays for the next start.
    pub fn stop(&mut self, now: Instant) {
        self.advance(now);
        self.tape.stop(self.now);
        self.start_again = false;
        let before = self.phase;
        let Some(after) = before.after(Signal::Stop) else { return };
        self.go(Signal::Stop);
        self.stop_link_timers();
        if after == Phase::Closing {
            self.timers.set(TimerKind::Closing, self.now + self.config.operation_timeout);
            return;
        }
        if before != Phase::BackingOff {
            self.doubt_session();
            self.actions.push_back(Action::Close(self.link));
            self.notify(Notice::Failed { why: None, retry_in: None });
        }
        self.notify(Notice::Stopped);
    }

    /// The wait is over.
    pub(super) fn open(&mut self) {
        self.go(Signal::RetryDue);
        self.attempt();
    }

    /// When the next attempt keeps its distance from the last (B-2).
    fn earliest_attempt(&self) -> Instant {
        self.connect.attempted_at.map_or(self.now, |at| at + self.config.limits.connect_spacing)
    }

    fn attempt(&mut self) {
        self.link = Link(self.link.0 + 1);
        self.connect.sent = false;
        self.connect.accepted_at = None;
        self.connect.attempted_at = Some(self.now);
        self.totals.attempts += 1;
        self.timers.set(TimerKind::Connect, self.now + self.config.connect_timeout);
        self.notify(Notice::Attempting { attempt: self.backoff.attempt() });
        self.actions.push_back(Action::Open(self.link));
    }

    pub(super) fn link_up(&mut self) {
        self.go(Signal::LinkUp);
    }

    pub(super) fn connect_timed_out(&mut self) {
        let waiting_for = if self.phase == Phase::Opening { ConnectStage::Transport } else { ConnectStage::Connack };
        self.abandon(LinkError::ConnectTimeout { waiting_for });
    }

    pub(super) fn refused(&mut self, refusal: ConnectRefusal) {
        self.abandon(LinkError::Refused(refusal));
    }

    pub(super) fn accepted(&mut self, resumed: bool) {
        if resumed && self.config.clean_session {
            self.abandon(ProtocolError::SessionOfCleanConnect.into()); // [MQTT-3.2.2-1]
            return;
        }
        self.timers.stop(TimerKind::Connect);
        self.connect.accepted_at = Some(self.now);
        self.go(Signal::Accepted);
        self.totals.connections += 1;
        self.last_error = None;
        self.notify(Notice::Online { resumed });
        let again = if resumed { self.session.resume() } else { self.session.restart() };
        if !resumed {
            self.subscriptions.lost();
        }
        for (ticket, request) in again {
            if !self.requests.owns(ticket) {
                self.queue.put_back(self.now, ticket, request);
                continue;
            }
            match request {
                // The subscription to its answer may have been refused while the publish was on its way.
                Request::Publish(publish) if !self.requests.hears_answer_to(ticket) => {
                    self.requests.packet_dropped(ticket);
                    self.requests.recalled(ticket, publish, true);
                }
                Request::Publish(_) | Request::Subscribe(_) | Request::Unsubscribe(_) => {
                    self.queue.put_back_own(self.now, ticket, request);
                }
            }
        }
        let missed = !self.subscriptions.to_restore().is_empty() || self.subscriptions.lose_messages();
        if !resumed {
            self.requests.session_lost();
        } else if missed {
            let subscriptions = &self.subscriptions;
            self.requests.session_doubted(|filter| subscriptions.is_lost(filter));
        }
        if !resumed || missed {
            self.shadows.session_lost();
            self.serve_requests();
        }
        self.restoring = self.subscriptions.to_restore().into();
        self.drainer.begin(self.now);
        self.drain_until = Some(Ticket(self.next_ticket));
        self.ping = Ping::Idle;
        self.last_sent = self.now;
        self.last_received = self.now;
        self.arm_keep_alive();
        self.settle();
    }

    /// Moves on when nothing is left to do in the current phase.
    pub(super) fn settle(&mut self) {
        if self.phase == Phase::Resubscribing && self.restoring.is_empty() && self.session.restores() == 0 {
            self.go(Signal::Resubscribed);
        }
        if self.phase == Phase::Draining && self.is_drained() {
            self.go(Signal::Drained);
            self.notify(Notice::Ready);
        }
    }

    fn is_drained(&self) -> bool {
        let next = self.queue.next_ticket();
        !self.session.has_resends() && next.is_none_or(|next| Some(next) >= self.drain_until)
    }

    /// Ends the link from our side, and tries again later.
    pub(super) fn abandon(&mut self, why: LinkError) {
        self.actions.push_back(Action::Close(self.link));
        if self.phase == Phase::Closing {
            self.closed();
        } else {
            self.link_lost(why);
        }
    }

    /// The link is gone: waits, then tries again.
    pub(super) fn link_lost(&mut self, why: LinkError) {
        let online = self.phase.is_online();
        self.go(Signal::LinkLost);
        if online && why.is_orderly_close() {
            self.closed_by_server();
        }
        self.end_of_link();
        if !matches!(why, LinkError::Refused(_)) {
            self.doubt_session();
        }
        if let Some(accepted_at) = self.connect.accepted_at {
            self.backoff.lasted(&self.config.backoff, self.now.since(accepted_at));
        }
        let hopeless = why.needs_a_change();
        let (config, rng) = (&self.config.backoff, &mut self.rng);
        let wait = if hopeless { self.backoff.wait_for_a_change(config, rng) } else { self.backoff.wait(config, rng) };
        let wait = wait.max(self.earliest_attempt().since(self.now));
        self.timers.set(TimerKind::Reconnect, self.now + wait);
        self.last_error = Some(why.clone());
        let (why, retry_in) = (Some(why), Some(wait));
        self.notify(if online { Notice::Offline { why, retry_in } } else { Notice::Failed { why, retry_in } });
    }

    /// The server may have closed the connection because of something that was sent on it.
    fn closed_by_server(&mut self) {
        match self.suspects.closed(self.session.unanswered()) {
            None => {}
            Some((Suspect::Subscription(filter), _)) => self.restored(filter, None),
            Some((Suspect::Operation(ticket), times)) => {
                if let Some(InFlight::Subscribe(_, filters)) = self.session.remove(ticket) {
                    self.subscriptions.unanswered(ticket, &filters);
                }
                self.done(ticket, Outcome::ConnectionClosed { times });
            }
        }
        // What was ended while its renewal was unanswered.
        self.suspects.retain(|filter| self.subscriptions.is_lost(filter));
    }

    /// DISCONNECT is written, or cannot be.
    pub(super) fn close(&mut self) {
        self.actions.push_back(Action::Close(self.link));
        self.closed();
    }

    /// The goodbye is over.
    pub(super) fn closed(&mut self) {
        self.go(Signal::DisconnectSent);
        self.end_of_link();
        if let Some(accepted_at) = self.connect.accepted_at {
            self.backoff.lasted(&self.config.backoff, self.now.since(accepted_at));
        }
        self.notify(Notice::Offline { why: None, retry_in: None });
        self.notify(Notice::Stopped);
        if core::mem::take(&mut self.start_again) {
            self.begin();
        }
    }

    fn end_of_link(&mut self) {
        self.stop_link_timers();
        self.session.link_down();
        self.restoring.clear();
        self.ping = Ping::Idle;
    }

    /// A CONNECT without an answer may have begun a new session. The next CONNACK says "session present" then, and means
    /// one that knows no subscription.
    fn doubt_session(&mut self) {
        if self.connect.sent && self.connect.accepted_at.is_none() {
            self.subscriptions.lost();
        }
    }

    fn stop_link_timers(&mut self) {
        for kind in [
            TimerKind::Reconnect,
            TimerKind::Connect,
            TimerKind::KeepAlive,
            TimerKind::Pingresp,
            TimerKind::Operation,
            TimerKind::Resend,
            TimerKind::Pace,
            TimerKind::Closing,
        ] {
            self.timers.stop(kind);
        }
    }

    /// Answers that did not come in time.
    pub(super) fn operations_overdue(&mut self) {
        if !self.wants_input() {
            // They may be among the bytes that were not taken.
            self.session.put_off_answers(self.now + self.config.operation_timeout);
            return self.arm_operation();
        }
        while let Some(given_up) = self.session.give_up_overdue(self.now) {
            match given_up {
                InFlight::Subscribe(ticket, filters) => {
                    self.withdrawn(ticket, &Request::Subscribe(filters));
                    self.done(ticket, Outcome::TimedOut);
                }
                InFlight::Unsubscribe(ticket, _) => self.done(ticket, Outcome::TimedOut),
                InFlight::Restore(_) => {
                    // Without its subscriptions the session is not what the application was promised.
                    self.abandon(LinkError::RestoreTimeout);
                    return;
                }
                InFlight::Publish(..) | InFlight::GivenUp => {}
            }
        }
        self.arm_operation();
    }

    /// Moves to the phase that follows `signal`.
    fn go(&mut self, signal: Signal) {
        match self.phase.after(signal) {
            Some(next) => {
                self.phase = next;
                self.phase_since = self.now;
            }
            None => debug_assert!(false, "{signal:?} in {:?}", self.phase),
        }
    }
}
