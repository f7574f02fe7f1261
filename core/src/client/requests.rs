//! Device shadows, and the requests that they are made of.

use bytes::Bytes;

use super::Client;
use crate::queue::Request;
use crate::request::{Effect, End, Packet};
use crate::shadows::{News, Shadows, chosen_token};
use crate::timers::TimerKind;
use crate::{
    AckToken, Action, Filter, Instant, Message, Notice, Outcome, Phase, Qos, Refusal, Refused, Rejection, Reply,
    ShadowRequest, ShadowWatch, Ticket, Unsent, WhenOffline,
};

/// Device shadows.
impl Client {
    /// Asks something of a device shadow. It ends, by its deadline, in one of these:
    ///
    /// - [`Outcome::Accepted`] or [`Outcome::Rejected`]: what the service answered;
    /// - [`Outcome::TimedOut`]: it was published, and there was no answer. It may have been done all the same;
    /// - [`Outcome::Unsent`]: it was never published, and why;
    /// - [`Outcome::ConnectionClosed`]: the server closed the connection each time it was sent;
    /// - [`Outcome::Discarded`]: withdrawn with [`discard`](Self::discard) before it was published.
    ///
    /// It is published with QoS 1 once the topics of its answers are subscribed to, ahead of what waits in the offline
    /// queue, and at most [`RequestConfig::in_flight_max`](crate::RequestConfig::in_flight_max) at a time.
    ///
    /// It survives lost connections: what the server has not acknowledged is published again, under the same token. What
    /// it has acknowledged is not, because the answer may come yet; only a get is published again when the server has
    /// lost the session, and with it perhaps the answer. So an update may be done twice: one with a version is rejected
    /// with 409 the second time.
    pub fn ask_shadow(&mut self, now: Instant, request: ShadowRequest) -> Result<Ticket, Refused<ShadowRequest>> {
        self.advance(now);
        self.tape.shadow(self.now, &request);
        let answer = self.accept_shadow(request);
        self.tape.requested(answer.as_ref().copied().map_err(|refused| &refused.why));
        answer
    }

    /// The token of a request that waits for its answer. The service repeats it in what it tells everybody about the
    /// change, so that one can tell changes of one's own from those of others (S-44).
    pub fn shadow_token(&self, request: Ticket) -> Option<&str> {
        self.requests.token_of(request)
    }

    fn accept_shadow(&mut self, request: ShadowRequest) -> Result<Ticket, Refused<ShadowRequest>> {
        if let Err(why) = self.check_shadow(&request) {
            return Err(Refused { why, value: request });
        }
        self.totals.accepted += 1;
        let ticket = self.take_ticket();
        let deadline = self.now + request.timeout.unwrap_or(self.config.requests.timeout);
        self.shadows.ask(&mut self.requests, ticket, request, deadline, &mut self.rng);
        self.serve_requests();
        Ok(ticket)
    }

    fn check_shadow(&mut self, request: &ShadowRequest) -> Result<(), Refusal> {
        Shadows::check(request, &self.config.limits)?;
        if chosen_token(request).is_some_and(|token| self.requests.has_token(token)) {
            return Err(Refusal::TokenInUse);
        }
        let count_max = self.config.requests.count_max;
        let full = (self.requests.len() >= count_max).then_some(Refusal::TooManyRequests { count_max });
        let offline = request.when_offline == WhenOffline::Refuse && !self.phase.is_online();
        let why = offline.then_some(Refusal::Offline).or(full);
        self.totals.refused += u64::from(why.is_some());
        why.map_or(Ok(()), Err)
    }

    /// Watches a device shadow: its deltas come as [`Notice::Shadow`] until [`unwatch_shadow`](Self::unwatch_shadow),
    /// over all lost connections and sessions. Accepted while offline as well. The call ends in [`Outcome::Subscribed`]
    /// when the notifications are subscribed to, as late as that may be.
    ///
    /// The ticket is the watch's name, also after that. One shadow may be watched several times: each watch is told
    /// everything as if it were alone, the subscriptions are shared, and end with the last of them.
    pub fn watch_shadow(&mut self, now: Instant, watch: ShadowWatch) -> Result<Ticket, Refused<ShadowWatch>> {
        self.advance(now);
        self.tape.watch_shadow(self.now, &watch);
        let answer = self.accept_watch(watch);
        self.tape.requested(answer.as_ref().copied().map_err(|refused| &refused.why));
        answer
    }

    fn accept_watch(&mut self, watch: ShadowWatch) -> Result<Ticket, Refused<ShadowWatch>> {
        let filters = self.shadows.new_filters(&watch);
        let max = self.config.limits.subscriptions_max;
        let watches_max = self.config.requests.watches_max;
        let why = if self.shadows.watches() >= watches_max {
            Refusal::TooManyWatches { max: watches_max }
        } else if !self.requests.has_room_for_streams(filters, self.room_for_filters()) {
            Refusal::TooManySubscriptions { max }
        } else {
            self.totals.accepted += 1;
            let ticket = self.take_ticket();
            self.shadows.watch(&mut self.requests, ticket, watch);
            self.serve_requests();
            return Ok(ticket);
        };
        Err(Refused { why, value: watch })
    }

    /// Ends a watch. Tells whether there was one of this name. Its call ends as [`Outcome::Discarded`], if that was not
    /// over.
    pub fn unwatch_shadow(&mut self, now: Instant, watch: Ticket) -> bool {
        self.advance(now);
        self.tape.unwatch_shadow(self.now, watch);
        let Some(granted) = self.shadows.unwatch(&mut self.requests, watch) else { return false };
        if !granted {
            self.finished(watch, Outcome::Discarded);
        }
        self.serve_requests();
        true
    }
}

/// For the other parts of the client.
impl Client {
    /// Does for requests and watches what can be done now. To be called whenever something has changed.
    pub(super) fn serve_requests(&mut self) {
        // A watch has a subscription, which is theirs.
        if self.requests.is_idle() {
            return;
        }
        let send = self.takes_requests();
        loop {
            if send {
                self.read_shadows();
                self.requests.work(self.now, self.room_for_filters());
            }
            let mut idle = true;
            while let Some(effect) = self.requests.poll_effect() {
                idle = false;
                self.take_effect(effect);
            }
            if idle {
                break;
            }
        }
        // Reading waits for the link anyway.
        let reading = self.shadows.next_deadline().filter(|_| send);
        self.timers.set(TimerKind::Request, self.requests.next_deadline(send).into_iter().chain(reading).min());
    }

    /// Ends those that have had their time. What follows serves the rest.
    pub(super) fn expire_requests(&mut self) {
        self.requests.expire(self.now, self.takes_requests());
    }

    /// Whether the link does: what was lost is subscribed to again.
    fn takes_requests(&self) -> bool {
        matches!(self.phase, Phase::Draining | Phase::Ready)
    }

    fn read_shadows(&mut self) {
        let deadline = self.now + self.config.requests.timeout;
        let next = &mut self.next_ticket;
        let mut tickets = || {
            let ticket = Ticket(*next);
            *next = next.saturating_add(1);
            ticket
        };
        self.shadows.work(&mut self.requests, self.now, deadline, &mut tickets, &mut self.rng);
    }

    fn take_effect(&mut self, effect: Effect) {
        let mut news = Vec::new();
        match effect {
            Effect::Subscribe(channel, filters) => {
                let filters: Vec<_> = filters.into_iter().map(|filter| (filter, Qos::AtLeastOnce)).collect();
                let ticket = self.take_ticket();
                self.subscriptions.asked_by_client(ticket, &filters);
                self.send_own(ticket, Packet::Subscribe(channel), Request::Subscribe(filters));
            }
            Effect::Unsubscribe(channel, filters) => {
                let ticket = self.take_ticket();
                let (packet, filters) = (Packet::Unsubscribe(channel), self.subscriptions.removed_by_client(&filters));
                if filters.is_empty() {
                    // The application keeps them all.
                    self.requests.packet_made(ticket, packet);
                    self.requests.packet_ended(ticket, &Outcome::Unsubscribed, self.now, &mut self.rng);
                } else {
                    self.send_own(ticket, packet, Request::Unsubscribe(filters));
                }
            }
            Effect::Forget(filters) => drop(self.subscriptions.removed_by_client(&filters)),
            Effect::Publish(ticket, publish) => self.send_own(ticket, Packet::Publish, Request::Publish(publish)),
            Effect::Recall(ticket) => {
                if let Some((Request::Publish(publish), carried)) = self.take_back(ticket) {
                    self.requests.recalled(ticket, publish, carried);
                }
            }
            Effect::Ended(ticket, end) => self.request_ended(ticket, end, &mut news),
            Effect::Stream(channel, state) => self.shadows.stream(&mut self.requests, channel, state, &mut news),
        }
        self.tell(news, None);
    }

    fn send_own(&mut self, ticket: Ticket, packet: Packet, request: Request) {
        self.requests.packet_made(ticket, packet);
        self.queue.push_own(self.now, ticket, request, self.requests.was_carried(ticket));
    }

    fn request_ended(&mut self, ticket: Ticket, end: End, news: &mut Vec<News>) {
        let end = match self.take_back(ticket) {
            Some((_, false)) => End::Unsent(if self.phase.is_online() { Unsent::Crowded } else { Unsent::Offline }),
            Some(_) | None => end,
        };
        if self.shadows.unanswered(ticket, end, self.now, &mut self.rng, news) {
            return;
        }
        self.finished(
            ticket,
            match end {
                End::TimedOut => Outcome::TimedOut,
                End::Unsent(why) => Outcome::Unsent(why),
                End::ConnectionClosed(times) => Outcome::ConnectionClosed { times },
            },
        );
    }

    /// What was still to be sent for a request, and whether an earlier link has carried it.
    fn take_back(&mut self, ticket: Ticket) -> Option<(Request, bool)> {
        let taken = self.queue.withdraw_own(ticket)?;
        self.requests.packet_dropped(ticket);
        Some(taken)
    }

    /// Withdraws a request that was not published yet.
    pub(super) fn withdraw_request(&mut self, ticket: Ticket) -> bool {
        let in_time = self.requests.withdraw(ticket);
        if in_time {
            self.shadows.forget(ticket);
            self.finished(ticket, Outcome::Discarded);
            self.serve_requests();
        }
        in_time
    }

    /// Offers a message to requests and watches. What is not for the application does not come back.
    pub(super) fn offer(&mut self, message: Message) -> Option<Message> {
        if self.requests.is_idle() {
            return Some(message);
        }
        let queue = &self.queue;
        let is_unsent = |ticket| queue.is_unsent_own(ticket);
        let Some(heard) = self.requests.heard(message.topic.as_str(), &message.payload, is_unsent) else {
            return Some(message);
        };
        let mut news = Vec::new();
        let own = self.shadows.heard(&heard, &message.payload, self.now, &mut self.rng, &mut news);
        if heard.request.is_none() && news.is_empty() {
            self.totals.unmatched += 1;
        }
        if let Some(ticket) = heard.request {
            // It may have been about to be sent again.
            self.take_back(ticket);
        }
        if let Some(ticket) = heard.request.filter(|_| !own) {
            self.finished(ticket, answer(heard.place == 0, message.payload.clone()));
        }
        if self.subscriptions.are_of_application(&message.topic) {
            self.tell(news, None);
            return Some(message);
        }
        self.tell(news, message.ack);
        None
    }

    /// Tells the application. The last of the notices carries the acknowledgement of what caused them.
    fn tell(&mut self, news: Vec<News>, mut ack: Option<AckToken>) {
        let mut last = None;
        for news in news {
            match news {
                News::Event(notice) => {
                    last = Some(self.actions.len());
                    self.notify(Notice::Shadow(notice));
                }
                News::Done(ticket, outcome) => self.finished(ticket, outcome),
            }
        }
        if let Some(Action::Notify(Notice::Shadow(notice))) = last.and_then(|index| self.actions.get_mut(index)) {
            notice.ack = ack.take();
        }
        if let Some(token) = ack {
            self.session.inbound().ack(token.serial);
        }
    }

    /// The server renews a subscription no more, or refused it to the application.
    pub(super) fn subscription_lost(&mut self, filter: &Filter) {
        if let Some(ticket) = self.requests.subscribe_of(filter) {
            // What is about to ask for it again would be told the same; where that was asked already, the answer counts.
            let Some((Request::Subscribe(filters), _)) = self.take_back(ticket) else { return };
            self.subscriptions.unanswered(ticket, &filters);
        }
        self.requests.subscription_lost(filter, self.now, &mut self.rng);
    }

    /// Filters that requests and watches may have subscribed to.
    pub(super) fn room_for_filters(&self) -> usize {
        self.config.limits.subscriptions_max.saturating_sub(self.subscriptions.only_of_application())
    }
}

fn answer(accepted: bool, payload: Bytes) -> Outcome {
    if accepted {
        Outcome::Accepted(Box::new(Reply { payload }))
    } else {
        Outcome::Rejected(Box::new(Rejection::read(payload)))
    }
}
