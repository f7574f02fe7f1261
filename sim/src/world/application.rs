//! Room for the user's own application: the logic under test, run on every device of the world.
//!
//! [`check!`](crate::check!) runs it against faults.

use core::fmt;

use thingwire_core::{
    Client, Filter, Instant, Notice, Phase, Publish, Qos, Refused, ShadowName, ShadowRequest, ShadowWatch, Ticket,
};

use super::stage::Stage;
use crate::broker::Message;
use crate::tap::tag_on;
use crate::trace::shadow::{ShadowAsk, ShadowTopics, WatchAsk};
use crate::trace::{Operation, Published, What};

/// The logic of one device, with what must hold for it at the end.
///
/// It is called as a program with thingwire inside would be: told what happens, woken when it asked for it, and what it
/// does is done at once. Time is virtual: it must take it from [`Hands::now`] alone, and chance from nowhere but what it
/// was made with, or a run could not be made again. The world starts the client, and faults may stop it for a while.
pub trait Application: Send {
    /// Once, before the client is started.
    fn begin(&mut self, hands: &mut Hands<'_>) {
        let _ = hands;
    }

    /// Whenever the client tells something: that an operation has ended ([`Notice::Done`]), that a message is there
    /// ([`Notice::Message`], to be given to [`Hands::ack`] where acknowledgements are manual), what became of the link.
    fn told(&mut self, hands: &mut Hands<'_>, notice: &Notice);

    /// When [`deadline`](Self::deadline) has come.
    fn wake(&mut self, hands: &mut Hands<'_>) {
        let _ = hands;
    }

    /// When it wants to be woken next; asked again after everything that happens. After [`wake`](Self::wake) it has to
    /// be later, or `None`.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// The broker has taken a message of the device's, or a repetition of one: what the cloud side sees, which the
    /// logic of the device may use for [`verify`](Self::verify) alone.
    fn arrived(&mut self, message: &Message) {
        let _ = message;
    }

    /// From here on the network works, and there is no new work to be begun: what is under way may end.
    fn healed(&mut self, hands: &mut Hands<'_>) {
        let _ = hands;
    }

    /// At the end, when everything has had time to end: what must hold and does not.
    ///
    /// # Errors
    ///
    /// What does not hold, in one line.
    fn verify(&self) -> Result<(), String>;
}

/// What an application can do.
pub struct Hands<'a> {
    pub(super) device: u32,
    pub(super) now: Instant,
    pub(super) client: &'a mut Client,
    pub(super) stage: &'a mut Stage,
}

impl Hands<'_> {
    /// The time on the device's clock.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Which device this is, from 0.
    pub fn device(&self) -> u32 {
        self.device
    }

    /// Where the client stands.
    pub fn phase(&self) -> Phase {
        self.client.phase()
    }

    /// See [`Client::publish`]. For the oracles, messages are told apart by topic and the first eight bytes of the
    /// payload.
    pub fn publish(&mut self, publish: Publish) -> Result<Ticket, Refused<Publish>> {
        let message = Published {
            id: 0,
            dup: false,
            qos: publish.qos,
            retain: publish.retain,
            topic: self.stage.name(publish.topic.as_str()),
            tag: tag_on(publish.topic.as_str().as_bytes(), &publish.payload),
            len: u32::try_from(publish.payload.len()).unwrap_or(u32::MAX),
        };
        let operation = Operation::Publish(message, publish.expires_in.map(|span| self.now + span));
        let result = self.client.publish(self.now, publish);
        self.record(operation, &result);
        result
    }

    /// See [`Client::subscribe`].
    pub fn subscribe(&mut self, filters: Vec<(Filter, Qos)>) -> Result<Ticket, Refused<Vec<(Filter, Qos)>>> {
        let operation = Operation::Subscribe(
            filters.iter().map(|(filter, qos)| (self.stage.name(filter.as_str()), *qos)).collect(),
        );
        let result = self.client.subscribe(self.now, filters);
        self.record(operation, &result);
        result
    }

    /// See [`Client::unsubscribe`].
    pub fn unsubscribe(&mut self, filters: Vec<Filter>) -> Result<Ticket, Refused<Vec<Filter>>> {
        let operation = Operation::Unsubscribe(filters.iter().map(|filter| self.stage.name(filter.as_str())).collect());
        let result = self.client.unsubscribe(self.now, filters);
        self.record(operation, &result);
        result
    }

    /// See [`Client::ask_shadow`].
    pub fn ask_shadow(&mut self, request: ShadowRequest) -> Result<Ticket, Refused<ShadowRequest>> {
        self.learn(&request.shadow);
        let ask = ShadowAsk::of(&request, self.now, self.client.config().requests.timeout);
        let result = self.client.ask_shadow(self.now, request);
        self.record(Operation::Shadow(Box::new(ask)), &result);
        result
    }

    /// See [`Client::watch_shadow`].
    pub fn watch_shadow(&mut self, watch: ShadowWatch) -> Result<Ticket, Refused<ShadowWatch>> {
        self.learn(&watch.shadow);
        let ask = WatchAsk::of(&watch);
        let result = self.client.watch_shadow(self.now, watch);
        self.record(Operation::Watch(Box::new(ask)), &result);
        result
    }

    /// See [`Client::unwatch_shadow`].
    pub fn unwatch_shadow(&mut self, shadow: &ShadowName, watch: Ticket) -> bool {
        let was = self.client.unwatch_shadow(self.now, watch);
        self.stage.record(self.now, self.device, What::Unwatched(ShadowTopics::of(shadow).shadow, was));
        was
    }

    fn learn(&mut self, shadow: &ShadowName) {
        for text in ShadowTopics::texts(shadow) {
            self.stage.name(&text);
        }
    }

    /// See [`Client::discard`].
    pub fn discard(&mut self, ticket: Ticket) -> bool {
        let in_time = self.client.discard(self.now, ticket);
        self.stage.record(self.now, self.device, What::Discarded(ticket.number(), in_time));
        in_time
    }

    /// Acknowledges a message: see [`Client::ack`]. One that needs no acknowledgement is left alone.
    pub fn ack(&mut self, message: &thingwire_core::Message) {
        let Some(token) = message.ack else { return };
        let tag = tag_on(message.topic.as_str().as_bytes(), &message.payload);
        self.stage.record(self.now, self.device, What::Acknowledged(tag));
        self.client.ack(self.now, token);
    }

    fn record<T>(&mut self, operation: Operation, result: &Result<Ticket, Refused<T>>) {
        let what = match result {
            Ok(ticket) => What::Accepted { ticket: ticket.number(), operation },
            Err(refused) => What::Refused { operation, why: refused.why.clone() },
        };
        self.stage.record(self.now, self.device, what);
    }
}

impl fmt::Debug for Hands<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hands").field("device", &self.device).field("now", &self.now).finish_non_exhaustive()
    }
}
