//! Messages: in from clients, kept, and out to subscribers.

use bytes::Bytes;

use super::connection::IdUse;
use super::session::Next;
use super::timers::Owner;
use super::wire::{Message, Publish, Qos};
use super::{Broker, CloseReason, ConnectionId, Output, Qos2, Subscriber, ViolationKind, encode, topics};

impl Broker {
    /// Publishes a message of the broker's own; false when its topic is not one to publish to.
    #[expect(clippy::needless_pass_by_value, reason = "whoever publishes has no more use for the message")]
    pub fn publish(&mut self, message: Message) -> bool {
        let topic = &message.topic;
        let valid = !topic.is_empty() && u16::try_from(topic.len()).is_ok() && !topic.contains(['+', '#', '\0']);
        if valid {
            self.route(&message);
        }
        valid
    }

    pub(super) fn on_publish(&mut self, connection: ConnectionId, publish: Publish) -> Result<(), ViolationKind> {
        let Publish { message, dup, id } = publish;
        self.check_publish(&message)?;
        if let Some(id) = id {
            self.check_id(connection, id, IdUse::Publish, dup)?;
        }
        if self.rules.deny_publish.iter().any(|prefix| message.topic.starts_with(prefix)) {
            self.finish(connection, Some(CloseReason::NotAuthorized));
            return Ok(());
        }
        if message.qos == Qos::ExactlyOnce {
            if self.rules.qos2 == Qos2::Closed {
                self.finish(connection, Some(CloseReason::Qos2));
            }
            return Ok(());
        }
        if !self.lets_in(connection, &message) {
            self.discarded_count += 1;
            return Ok(());
        }
        self.outbox.put(Output::Published { connection, message: message.clone(), dup });
        if let Some(id) = id {
            self.outbox.acknowledge(connection, id, encode::puback(id));
        }
        self.route(&message);
        if self.rules.shadows {
            self.ask_shadows(connection, &message);
        }
        Ok(())
    }

    /// Whether a publish is within the rate of its connection (B-10). When its bytes are not (B-11), it is the last that is read for
    /// a while.
    fn lets_in(&mut self, connection: ConnectionId, message: &Message) -> bool {
        let Self { connections, timers, rules, now, .. } = self;
        let Some(state) = connections.get_mut(connection) else {
            return false;
        };
        state.bytes.take(*now, rules.bytes_per_second, message.topic.len() + message.payload.len());
        let opens = state.bytes.opens(*now, rules.bytes_per_second);
        if opens > *now {
            state.held_until = Some(opens);
            timers.set(&mut state.alarm, Owner::Connection(connection), opens);
        }
        state.publishes.pass(*now, rules.publishes_per_second)
    }

    fn check_publish(&self, message: &Message) -> Result<(), ViolationKind> {
        if self.rules.payload_len_max.is_some_and(|most| message.payload.len() > most) {
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

    /// A packet id from the client must be free [MQTT-2.3.1-2], unless the packet is one that comes again.
    pub(super) fn check_id(
        &mut self,
        connection: ConnectionId,
        id: u16,
        used: IdUse,
        dup: bool,
    ) -> Result<(), ViolationKind> {
        let Some(state) = self.connections.get_mut(connection) else {
            return Ok(());
        };
        if let Some(before) = state.id_use(id) {
            // SUBSCRIBE and UNSUBSCRIBE come again without DUP, which only PUBLISH has.
            let again = before == used && (dup || used != IdUse::Publish);
            return if again { Ok(()) } else { Err(ViolationKind::PacketIdInUse) };
        }
        if dup && state.comes_again(id) {
            return Ok(());
        }
        let full = self.rules.receive_window.is_some_and(|most| state.publishes_in_flight() >= most);
        if full && used == IdUse::Publish {
            return Err(ViolationKind::TooManyInFlight);
        }
        state.use_id(id, used);
        Ok(())
    }

    pub(super) fn on_puback(&mut self, connection: ConnectionId, id: u16) -> Result<(), ViolationKind> {
        let Some(row) = self.connections.get(connection).and_then(|state| state.session) else {
            return Ok(());
        };
        let Some(session) = self.sessions.get_mut(row) else {
            return Ok(());
        };
        if !session.acknowledge(id) {
            return Err(ViolationKind::UnknownPuback);
        }
        self.revision += u64::from(!session.clean);
        self.send_stored(row);
        Ok(())
    }

    /// Whether somebody has subscribed to `topic`.
    pub(super) fn is_wanted(&mut self, topic: &str) -> bool {
        let Self { index, found, rules, .. } = self;
        found.clear();
        index.matching(topic, rules.hash_matches_parent, found) > 0
    }

    /// Keeps a retained message and delivers a copy to every subscriber, in the order of client ids.
    pub(super) fn route(&mut self, message: &Message) {
        if message.retain {
            self.retain(message);
        }
        let mut found = core::mem::take(&mut self.found);
        found.clear();
        let filters = self.index.matching(&message.topic, self.rules.hash_matches_parent, &mut found);
        if filters > 1 {
            found.sort_by(|a, b| self.sessions.name(a.session).cmp(self.sessions.name(b.session)));
            if !self.rules.copy_per_subscription {
                found.dedup_by(|again, first| {
                    let same = again.session == first.session;
                    first.qos = if same { first.qos.max(again.qos) } else { first.qos };
                    same
                });
            }
        }
        for Subscriber { session, qos } in found.drain(..) {
            self.deliver(session, message, qos, false);
        }
        self.found = found;
    }

    /// Sets or, with an empty payload, clears the topic's retained message [MQTT-3.3.1-5], [MQTT-3.3.1-10].
    fn retain(&mut self, message: &Message) {
        self.revision += 1;
        if message.payload.is_empty() {
            self.retained.remove(&message.topic);
            return;
        }
        // What may stay for ever does not keep a whole receive buffer alive.
        let topic = message.topic.detached();
        let kept = Message { topic: topic.clone(), payload: Bytes::copy_from_slice(&message.payload), ..*message };
        self.retained.insert(topic, kept);
    }

    /// The retained messages for a new subscription [MQTT-3.3.1-6], [MQTT-3.3.1-8].
    pub(super) fn deliver_retained(&mut self, session: u32, filter: &str, granted: Qos) {
        let messages: Vec<Message> = if !topics::is_wild(filter) {
            self.retained.get(filter).cloned().into_iter().collect()
        } else if self.rules.retained_to_wildcards {
            let parent = self.rules.hash_matches_parent;
            let matching = self.retained.values().filter(|message| topics::matches(filter, &message.topic, parent));
            matching.cloned().collect()
        } else {
            return;
        };
        for message in messages {
            self.deliver(session, &message, granted, true);
        }
    }

    /// One copy of `message` to one client, at the lower of the message's and the granted quality of service [MQTT-3.8.4-6]. RETAIN
    /// is 0 for those who had subscribed before [MQTT-3.3.1-9].
    fn deliver(&mut self, row: u32, message: &Message, granted: Qos, retain: bool) {
        let Self { connections, sessions, outbox, rules, now, revision, .. } = self;
        let Some(session) = sessions.get_mut(row) else {
            return;
        };
        let qos = message.qos.min(granted).min(Qos::AtLeastOnce);
        let copy = Message { qos, retain, ..message.clone() };
        if qos == Qos::AtLeastOnce {
            if session.store(copy, rules) {
                *revision += u64::from(!session.clean);
                self.send_stored(row);
            }
            return;
        }
        let Some(state) = session.connection.and_then(|connection| connections.get_mut(connection)) else {
            return;
        };
        if state.publishes.pass(*now, rules.publishes_per_second) {
            outbox.publish0(state.id, &copy);
        } else {
            self.discarded_count += 1;
        }
    }

    /// Sends what is kept for a client that is online, as far as the window and the rates allow.
    pub(super) fn send_stored(&mut self, row: u32) {
        let Self { connections, sessions, timers, outbox, rules, now, revision, .. } = self;
        let Some(session) = sessions.get_mut(row) else {
            return;
        };
        let persistent = !session.clean;
        let Some(state) = session.connection.and_then(|connection| connections.get_mut(connection)) else {
            return;
        };
        loop {
            let at = match session.next_to_send(*now, rules, &mut state.publishes) {
                Next::Send { id, message, dup } => {
                    outbox.publish1(state.id, message, id, dup);
                    *revision += u64::from(persistent);
                    rules.redeliver_after.map(|after| *now + after)
                }
                Next::Later(at) => {
                    timers.set_no_later(&mut session.alarm, Owner::Session(row), at);
                    return;
                }
                Next::Nothing => return,
            };
            if let Some(at) = at {
                timers.set_no_later(&mut session.alarm, Owner::Session(row), at);
            }
        }
    }
}
