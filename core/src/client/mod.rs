//! The client: routes events and commands, owns the timers and the action queue.

mod inbound;
mod lifecycle;
mod outbound;
mod pacing;
pub(crate) mod phase;
mod requests;
pub(crate) mod status;
#[cfg(feature = "trace")]
mod trace;

use core::num::NonZeroU64;
use core::time::Duration;
use std::collections::VecDeque;

use crate::backoff::Backoff;
use crate::client::pacing::Pacing;
use crate::drain::Drainer;
use crate::queue::{Queue, Request, Room};
use crate::request::Requests;
use crate::rng::Rng;
use crate::session::Session;
use crate::shadows::Shadows;
use crate::subscriptions::Subscriptions;
use crate::suspects::{Suspect, Suspects};
use crate::tape::Tape;
use crate::timers::{TimerKind, Timers};
use crate::{
    AckToken, Action, Config, ConfigError, Event, Filter, Instant, Link, LinkError, Notice, Outcome, Phase, Publish,
    Qos, Refusal, Refused, Status, Ticket, Topic, Totals,
};

/// A device client as a state machine. The crate's documentation has the contract.
///
/// - **Facts** go in through [`handle`](Self::handle).
/// - **Commands** are the methods named after what the application wants: they fail for local reasons only.
/// - **Outputs** are pulled: [`poll_transmit`](Self::poll_transmit) for bytes, [`poll_action`](Self::poll_action) for
///   actions, [`next_deadline`](Self::next_deadline) for time.
/// - **Looks** change nothing.
#[derive(Debug)]
pub struct Client {
    config: Config,
    phase: Phase,
    /// The link that is being made or is up; otherwise the last one.
    link: Link,
    backoff: Backoff,
    rng: Rng,
    timers: Timers,
    actions: VecDeque<Action>,
    session: Session,
    subscriptions: Subscriptions,
    suspects: Suspects,
    requests: Requests,
    shadows: Shadows,
    queue: Queue,
    next_ticket: NonZeroU64,
    drainer: Drainer,
    pacing: Pacing,
    /// The first ticket that draining does not wait for.
    drain_until: Option<Ticket>,
    connect: ConnectState,
    /// Subscriptions to renew that no SUBSCRIBE has carried yet.
    restoring: VecDeque<(Filter, Qos)>,
    /// `start` was called while the goodbye was on its way.
    start_again: bool,
    ping: Ping,
    /// When the last PINGREQ became due.
    ping_due_at: Instant,
    last_sent: Instant,
    last_received: Instant,
    phase_since: Instant,
    last_error: Option<LinkError>,
    totals: Totals,
    now: Instant,
    /// The driver has asked to take no input.
    input_paused: bool,
    /// Input was left untaken since the last PINGREQ.
    input_held: bool,
    /// That of the last message, for the next one.
    last_topic: Option<Topic>,
    tape: Tape,
}

/// What there is to know of the current link's CONNECT.
#[derive(Debug, Default)]
struct ConnectState {
    sent: bool,
    /// When the last attempt began or its CONNECT was sent, whichever is later, on whichever link.
    attempted_at: Option<Instant>,
    accepted_at: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ping {
    Idle,
    Due,
    Outstanding,
}

/// Commands.
impl Client {
    /// An idle client. `seed` drives the jitter: give every device its own, or a fleet moves in step.
    pub fn new(config: Config, seed: u64, now: Instant) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self {
            phase: Phase::Idle,
            link: Link(0),
            backoff: Backoff::new(),
            rng: Rng::new(seed),
            timers: Timers::default(),
            actions: VecDeque::new(),
            session: Session::new(),
            subscriptions: Subscriptions::default(),
            suspects: Suspects::new(config.closes_max),
            requests: Requests::new(config.requests),
            shadows: Shadows::default(),
            queue: Queue::new(config.queue),
            next_ticket: NonZeroU64::MIN,
            drainer: Drainer::new(config.drain),
            pacing: Pacing::new(&config.limits),
            drain_until: None,
            connect: ConnectState::default(),
            restoring: VecDeque::new(),
            start_again: false,
            ping: Ping::Idle,
            ping_due_at: now,
            last_sent: now,
            last_received: now,
            phase_since: now,
            last_error: None,
            totals: Totals::default(),
            now,
            input_paused: false,
            input_held: false,
            last_topic: None,
            tape: Tape::default(),
            config,
        })
    }

    /// Publishes a message. Accepted also while offline and before the first start, within the queue's bounds.
    pub fn publish(&mut self, now: Instant, publish: Publish) -> Result<Ticket, Refused<Publish>> {
        self.advance(now);
        self.tape.publish(self.now, &publish);
        let answer = self.accept_publish(publish);
        self.tape.requested(answer.as_ref().copied().map_err(|refused| &refused.why));
        answer
    }

    fn accept_publish(&mut self, publish: Publish) -> Result<Ticket, Refused<Publish>> {
        if let Err(why) = self.check_publish(&publish) {
            return Err(Refused { why, value: publish });
        }
        self.enqueue(Request::Publish(publish)).map_err(|(why, request)| match request {
            Request::Publish(value) => Refused { why, value },
            Request::Subscribe(_) | Request::Unsubscribe(_) => unreachable!("the argument comes back as it was"),
        })
    }

    /// Subscribes to filters, each with the highest quality of service that is wanted.
    ///
    /// What the server grants is restored by itself whenever the server has lost the session.
    pub fn subscribe(
        &mut self,
        now: Instant,
        filters: Vec<(Filter, Qos)>,
    ) -> Result<Ticket, Refused<Vec<(Filter, Qos)>>> {
        self.advance(now);
        self.tape.subscribe(self.now, &filters);
        let answer = self.accept_subscribe(filters);
        self.tape.requested(answer.as_ref().copied().map_err(|refused| &refused.why));
        answer
    }

    fn accept_subscribe(&mut self, filters: Vec<(Filter, Qos)>) -> Result<Ticket, Refused<Vec<(Filter, Qos)>>> {
        if let Err(why) = self.check_subscribe(&filters) {
            return Err(Refused { why, value: filters });
        }
        let asked = filters.clone();
        let ticket = self.enqueue(Request::Subscribe(filters)).map_err(|(why, _)| why);
        match ticket {
            Ok(ticket) => {
                self.subscriptions.asked(ticket, &asked);
                self.serve_requests();
                Ok(ticket)
            }
            Err(why) => Err(Refused { why, value: asked }),
        }
    }

    /// Ends subscriptions. From this call on they are not restored, whatever becomes of the request; one that is
    /// discarded or evicted leaves them to the server's present session.
    pub fn unsubscribe(&mut self, now: Instant, filters: Vec<Filter>) -> Result<Ticket, Refused<Vec<Filter>>> {
        self.advance(now);
        self.tape.unsubscribe(self.now, &filters);
        let answer = self.accept_unsubscribe(filters);
        self.tape.requested(answer.as_ref().copied().map_err(|refused| &refused.why));
        answer
    }

    fn accept_unsubscribe(&mut self, filters: Vec<Filter>) -> Result<Ticket, Refused<Vec<Filter>>> {
        if let Err(why) = self.check_unsubscribe(&filters) {
            return Err(Refused { why, value: filters });
        }
        for filter in &filters {
            self.requests.let_go(filter);
        }
        self.serve_requests();
        let ended = filters.clone();
        let ticket = self.enqueue(Request::Unsubscribe(filters)).map_err(|(why, _)| why);
        match ticket {
            Ok(ticket) => {
                self.subscriptions.remove(&ended);
                self.suspects.retain(|filter| self.subscriptions.is_lost(filter));
                Ok(ticket)
            }
            Err(why) => Err(Refused { why, value: ended }),
        }
    }

    /// Withdraws an operation that was not sent yet: it ends as [`Outcome::Discarded`]. Tells whether it was in time.
    pub fn discard(&mut self, now: Instant, ticket: Ticket) -> bool {
        self.advance(now);
        let in_time = self.withdraw(ticket);
        self.tape.discarded(self.now, ticket, in_time);
        in_time
    }

    fn withdraw(&mut self, ticket: Ticket) -> bool {
        let Some(request) = self.queue.withdraw(ticket) else { return self.withdraw_request(ticket) };
        self.withdrawn(ticket, &request);
        self.done(ticket, Outcome::Discarded);
        self.settle();
        true
    }

    /// Acknowledges a message of a client with manual acknowledgement.
    ///
    /// Acknowledgements leave in the order of receipt [MQTT-4.6.0-2]: one waits for those of earlier messages. A
    /// token of an earlier link has no effect: the server delivers that message again.
    pub fn ack(&mut self, now: Instant, token: AckToken) {
        self.advance(now);
        self.tape.ack(self.now, token);
        if token.link == self.link {
            self.session.inbound().ack(token.serial);
        }
    }

    fn check_publish(&self, publish: &Publish) -> Result<(), Refusal> {
        let limits = &self.config.limits;
        limits.check_topic(&publish.topic)?;
        limits.check_payload(publish.payload.len())?;
        if publish.retain && limits.dollar_reserved && publish.topic.as_str().starts_with('$') {
            return Err(Refusal::RetainOnReservedTopic);
        }
        Ok(())
    }

    fn check_subscribe(&self, filters: &[(Filter, Qos)]) -> Result<(), Refusal> {
        self.check_filters(filters.iter().map(|(filter, _)| filter))?;
        let max = self.config.limits.subscriptions_max;
        let new = filters.iter().filter(|(filter, _)| !self.subscriptions.contains(filter)).count();
        // What requests have left subscribed to makes room.
        let held = self.subscriptions.len().saturating_sub(self.requests.idle_filters());
        if held + new > max { Err(Refusal::TooManySubscriptions { max }) } else { Ok(()) }
    }

    fn check_unsubscribe(&self, filters: &[Filter]) -> Result<(), Refusal> {
        self.check_filters(filters.iter())?;
        match filters.iter().find(|filter| self.requests.uses(filter)) {
            Some(filter) => Err(Refusal::FilterInUse { filter: filter.clone() }),
            None => Ok(()),
        }
    }

    fn check_filters<'a>(&self, filters: impl ExactSizeIterator<Item = &'a Filter>) -> Result<(), Refusal> {
        let limits = &self.config.limits;
        let (count, max) = (filters.len(), limits.filters_per_request_max);
        if count == 0 {
            return Err(Refusal::NoFilter); // [MQTT-3.8.3-3] [MQTT-3.10.3-2]
        }
        if count > max {
            return Err(Refusal::TooManyFilters { count, max });
        }
        filters.into_iter().try_for_each(|filter| limits.check_filter(filter))
    }

    /// Accepts a request into the queue, through which everything leaves.
    fn enqueue(&mut self, request: Request) -> Result<Ticket, (Refusal, Request)> {
        if let Err(why) = self.make_room(&request) {
            self.totals.refused += 1;
            return Err((why, request));
        }
        self.totals.accepted += 1;
        let ticket = self.take_ticket();
        self.queue.push(self.now, ticket, request);
        self.arm_expiry();
        Ok(ticket)
    }

    fn take_ticket(&mut self) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket = self.next_ticket.saturating_add(1);
        ticket
    }

    fn make_room(&mut self, request: &Request) -> Result<(), Refusal> {
        if self.config.queue.count_max == Some(0) && !self.phase.is_online() {
            // Switched off: the queue is only the way to a connection that is there.
            return Err(Refusal::Offline);
        }
        while let Room::Evicted(ticket, evicted) = self.queue.make_room(request)? {
            self.withdrawn(ticket, &evicted);
            self.done(ticket, Outcome::Evicted);
        }
        self.settle();
        Ok(())
    }

    /// A request has ended without an answer.
    fn withdrawn(&mut self, ticket: Ticket, request: &Request) {
        if let Request::Subscribe(filters) = request {
            self.subscriptions.unanswered(ticket, filters);
        }
    }
}

/// Outputs and looks.
impl Client {
    /// The next thing for the driver to do. Bytes that came before it are already in the transmit buffer.
    #[must_use]
    pub fn poll_action(&mut self) -> Option<Action> {
        let mut action = self.actions.pop_front()?;
        let automatic = match &mut action {
            Action::Notify(Notice::Message(message)) if !self.config.manual_acks => message.ack.take(),
            Action::Notify(Notice::Shadow(notice)) => notice.ack.take(),
            Action::Notify(_) | Action::Open(_) | Action::Close(_) => None,
        };
        if let Some(token) = automatic.filter(|token| token.link == self.link) {
            // The driver has the message now: only from here on may the server forget it.
            self.session.inbound().ack(token.serial);
        }
        self.tape.action(&action);
        Some(action)
    }

    /// Whether [`poll_action`](Self::poll_action) has something to give.
    #[cfg(feature = "transport")]
    pub(crate) fn has_actions(&self) -> bool {
        !self.actions.is_empty()
    }

    /// When to call [`handle`](Self::handle) with [`Event::Wake`], and what for. After that call it is `None` or
    /// later than the `now` given.
    pub fn next_deadline(&self) -> Option<(Instant, TimerKind)> {
        self.timers.next()
    }

    /// Whether the client takes more input. While it is false, leave the bytes in the socket.
    ///
    /// Before the server has accepted the link, and after the goodbye, there is nothing to hold back: the answer is
    /// true.
    pub fn wants_input(&self) -> bool {
        let room = !self.input_paused
            && self.actions.len() < self.config.actions_max
            && self.session.unacked() < usize::from(self.config.unacked_max);
        room || !self.phase.is_online()
    }

    /// Where the client stands.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// How the client is doing.
    pub fn status(&self) -> Status {
        Status {
            phase: self.phase,
            since: self.phase_since,
            attempt: self.backoff.attempt(),
            next_attempt_at: self.timers.deadline(TimerKind::Reconnect),
            last_error: self.last_error.clone(),
            queued: self.queue.len(),
            queued_bytes: self.queue.bytes(),
            oldest_waits_since: self.queue.waits_since(),
            in_flight: self.session.publishes(),
            totals: self.totals,
        }
    }

    /// Operations that wait to be sent.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Bytes of topic and payload that wait to be sent.
    pub fn queued_bytes(&self) -> usize {
        self.queue.bytes()
    }

    /// QoS 1 messages that were sent and wait for their acknowledgement.
    pub fn in_flight(&self) -> usize {
        self.session.publishes()
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }
}

/// Shared by the parts.
impl Client {
    /// Time never goes back, even if a driver says so.
    fn advance(&mut self, now: Instant) {
        debug_assert!(now >= self.now, "now went back from {:?} to {now:?}", self.now);
        self.now = self.now.max(now);
        #[cfg(feature = "trace")]
        self.renew_recording();
    }

    fn notify(&mut self, notice: Notice) {
        self.actions.push_back(Action::Notify(notice));
    }

    fn done(&mut self, ticket: Ticket, outcome: Outcome) {
        self.suspects.cleared(&Suspect::Operation(ticket));
        if self.requests.owns(ticket) {
            self.requests.packet_ended(ticket, &outcome, self.now, &mut self.rng);
        } else {
            self.finished(ticket, outcome);
        }
    }

    fn finished(&mut self, ticket: Ticket, outcome: Outcome) {
        self.totals.ended(&outcome);
        self.notify(Notice::Done { ticket, outcome });
    }

    fn arm_expiry(&mut self) {
        let next = self.queue.next_expiry();
        self.timers.set(TimerKind::Expiry, next);
    }

    fn arm_operation(&mut self) {
        self.timers.set(TimerKind::Operation, self.session.next_answer_due());
    }

    fn arm_resend(&mut self) {
        let next = self.session.next_resend_due();
        self.timers.set(TimerKind::Resend, next);
    }

    fn arm_keep_alive(&mut self) {
        let keep_alive = self.config.keep_alive;
        let armed = self.phase.is_online() && self.ping == Ping::Idle && keep_alive != Duration::ZERO;
        // Silence in either direction counts: what is sent without an answer does not prove that the server hears.
        let silent_since = self.last_sent.min(self.last_received);
        self.timers.set(TimerKind::KeepAlive, armed.then(|| silent_since + keep_alive));
    }
}

/// Facts.
impl Client {
    /// Takes in a fact. Never fails: trouble with the peer becomes actions.
    pub fn handle(&mut self, now: Instant, event: Event<'_>) {
        self.advance(now);
        match event {
            Event::LinkUp(link) => {
                self.tape.link_up(self.now, link);
                if link == self.link && self.phase == Phase::Opening {
                    self.link_up();
                }
            }
            Event::Received(link, bytes) => {
                let (len, held) = (bytes.len(), self.input_held);
                self.tape.look(bytes);
                let online = self.phase.is_online() || self.phase == Phase::AwaitingConnack;
                if link == self.link && online {
                    self.receive(bytes);
                } else {
                    bytes.clear();
                }
                let taken = len - bytes.len();
                // One of which nothing was taken is no event: nothing has followed from it.
                if taken > 0 || self.input_held != held {
                    self.tape.received(self.now, link, taken);
                }
            }
            Event::LinkDown(link, why) => {
                self.tape.link_down(self.now, link, &why);
                if link == self.link {
                    self.link_down(why);
                    self.serve_requests();
                }
            }
            // Nor is a wake before anything is due.
            Event::Wake => {
                if self.timers.next().is_some_and(|(deadline, _)| deadline <= self.now) {
                    self.tape.wake(self.now);
                    self.wake();
                    self.serve_requests();
                }
            }
        }
    }

    fn link_down(&mut self, why: LinkError) {
        match self.phase {
            Phase::Idle | Phase::BackingOff => {}
            Phase::Closing => self.closed(),
            Phase::AwaitingConnack if why.is_by_peer() => self.link_lost(LinkError::ClosedBeforeConnack),
            Phase::Opening | Phase::AwaitingConnack | Phase::Resubscribing | Phase::Draining | Phase::Ready => {
                self.link_lost(why);
            }
        }
    }

    fn wake(&mut self) {
        while let Some(kind) = self.timers.expire(self.now) {
            match kind {
                TimerKind::Reconnect => self.open(),
                TimerKind::Connect => self.connect_timed_out(),
                TimerKind::KeepAlive => {
                    self.ping = Ping::Due;
                    self.ping_due_at = self.now;
                    self.input_held = !self.wants_input();
                    self.arm_pingresp();
                }
                TimerKind::Pingresp => self.pingresp_overdue(),
                TimerKind::Operation => self.operations_overdue(),
                TimerKind::Resend => {
                    self.session.resend_due(self.now);
                    self.arm_resend();
                }
                TimerKind::Expiry => self.expire_queued(),
                // The drain that follows every wake sends it.
                TimerKind::Pace => {}
                TimerKind::Request => self.expire_requests(),
                TimerKind::Closing => self.close(),
            }
        }
    }

    fn expire_queued(&mut self) {
        while let Some(ticket) = self.queue.pop_expired(self.now) {
            self.done(ticket, Outcome::Expired);
        }
        self.arm_expiry();
        self.settle();
    }
}
