//! Messages: in from clients, kept, and out to subscribers.

use std::collections::VecDeque;

use thingwire_core::Instant;

use super::connection::IdUse;
use super::session::Session;
use super::wire::{Message, Publish, Qos};
use super::{Broker, CloseReason, ConnectionId, Output, Qos2, Queued, Rules, ViolationKind, encode, topics};

impl Broker {
    /// Publishes a message of the broker's own; false when its topic is not one to publish to.
    pub fn publish(&mut self, message: Message) -> bool {
        let topic = &message.topic;
        let valid = !topic.is_empty() && u16::try_from(topic.len()).is_ok() && !topic.contains(['+', '#', '\0']);
        if valid {
            self.route(message);
        }
        valid
    }

    pub(super) fn on_publish(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        publish: Publish,
    ) -> Result<(), ViolationKind> {
        let Publish { message, dup, id } = publish;
        self.check_publish(&message)?;
        if let Some(id) = id {
            self.check_id(connection, id, IdUse::Publish, dup)?;
        }
        if self.rules.deny_publish.iter().any(|prefix| message.topic.starts_with(prefix)) {
            self.finish(now, connection, Some(CloseReason::NotAuthorized));
            return Ok(());
        }
        if message.qos == Qos::ExactlyOnce {
            if self.rules.qos2 == Qos2::Closed {
                self.finish(now, connection, Some(CloseReason::Qos2));
            }
            return Ok(());
        }
        self.put(Output::Published { connection, message: message.clone(), dup });
        if let Some(id) = id {
            self.acknowledge(connection, id, encode::puback(id));
        }
        self.route(message);
        Ok(())
    }

    fn check_publish(&self, message: &Message) -> Result<(), ViolationKind> {
        if self.rules.max_payload.is_some_and(|most| message.payload.len() > most) {
            return Err(ViolationKind::PayloadTooLarge);
        }
        if self.rules.topic_limits.is_some_and(|limits| !topics::is_within(&message.topic, limits)) {
            return Err(ViolationKind::TopicLimit);
        }
        self.check_reserved(message)
    }

    /// B-15 and B-20.
    pub(super) fn check_reserved(&self, message: &Message) -> Result<(), ViolationKind> {
        if !self.rules.reserved_names || !message.topic.starts_with('$') {
            return Ok(());
        }
        if !message.topic.starts_with("$aws/") {
            return Err(ViolationKind::ReservedTopic);
        }
        if message.retain {
            return Err(ViolationKind::RetainOnReservedTopic);
        }
        Ok(())
    }

    /// A packet id from the client must be free [MQTT-2.3.1-2], unless the packet is a publish that comes again.
    pub(super) fn check_id(
        &mut self,
        connection: ConnectionId,
        id: u16,
        used: IdUse,
        dup: bool,
    ) -> Result<(), ViolationKind> {
        let Some(state) = self.connections.get_mut(&connection) else {
            return Ok(());
        };
        if let Some(before) = state.ids.get(&id) {
            let again = dup && used == IdUse::Publish && *before == used;
            return if again { Ok(()) } else { Err(ViolationKind::PacketIdInUse) };
        }
        let full = self.rules.receive_window.is_some_and(|most| state.publishes_in_flight() >= most);
        if full && used == IdUse::Publish {
            return Err(ViolationKind::TooManyInFlight);
        }
        state.ids.insert(id, used);
        Ok(())
    }

    pub(super) fn on_puback(&mut self, connection: ConnectionId, id: u16) -> Result<(), ViolationKind> {
        let Self { connections, sessions, outputs, rules, .. } = self;
        let client_id = connections.get(&connection).and_then(|state| state.client_id.as_ref());
        let Some(session) = client_id.and_then(|client_id| sessions.get_mut(client_id)) else {
            return Ok(());
        };
        if !session.acknowledge(id) {
            return Err(ViolationKind::UnknownPuback);
        }
        send_stored(session, rules, outputs);
        Ok(())
    }

    /// Keeps a retained message and delivers a copy to every subscriber.
    pub(super) fn route(&mut self, message: Message) {
        let message = self.retain(message);
        let Self { sessions, outputs, rules, .. } = self;
        for session in sessions.values_mut() {
            let mut granted = session.matching(&message.topic, rules);
            if !rules.copy_per_subscription {
                granted = granted.into_iter().max().into_iter().collect();
            }
            for qos in granted {
                deliver(session, &message, qos, rules, outputs);
            }
        }
    }

    /// Sets or, with an empty payload, clears the topic's retained message [MQTT-3.3.1-5], [MQTT-3.3.1-10]. What is returned goes
    /// to the present subscribers, with RETAIN=0 [MQTT-3.3.1-9].
    fn retain(&mut self, mut message: Message) -> Message {
        if message.retain && message.payload.is_empty() {
            self.retained.remove(&message.topic);
        } else if message.retain {
            self.retained.insert(message.topic.clone(), message.clone());
        }
        message.retain = false;
        message
    }

    /// The retained messages for a new subscription [MQTT-3.3.1-6], [MQTT-3.3.1-8].
    pub(super) fn deliver_retained(&mut self, client_id: &str, filter: &str, granted: Qos) {
        let Self { sessions, outputs, rules, retained, .. } = self;
        let Some(session) = sessions.get_mut(client_id) else {
            return;
        };
        if topics::is_wild(filter) && !rules.retained_to_wildcards {
            return;
        }
        for message in retained.values() {
            if topics::matches(filter, &message.topic, rules.hash_matches_parent) {
                deliver(session, message, granted, rules, outputs);
            }
        }
    }
}

/// One copy of `message` to one client, at the lower of the message's and the granted quality of service [MQTT-3.8.4-6].
fn deliver(session: &mut Session, message: &Message, granted: Qos, rules: &Rules, outputs: &mut VecDeque<Queued>) {
    let mut copy = message.clone();
    copy.qos = message.qos.min(granted).min(Qos::AtLeastOnce);
    if copy.qos == Qos::AtLeastOnce {
        session.store(copy, rules);
        send_stored(session, rules, outputs);
    } else if let Some(connection) = session.connection {
        let bytes = encode::publish(&copy, None, false);
        outputs.push_back(Queued { output: Output::Send(connection, bytes), frees: None });
    }
}

/// Sends what is stored for a client that is online, as far as the window allows.
pub(super) fn send_stored(session: &mut Session, rules: &Rules, outputs: &mut VecDeque<Queued>) {
    let Some(connection) = session.connection else {
        return;
    };
    while let Some((id, message)) = session.next_to_send(rules) {
        let bytes = encode::publish(&message, Some(id), false);
        outputs.push_back(Queued { output: Output::Send(connection, bytes), frees: None });
    }
}
