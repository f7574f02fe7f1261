//! What the broker keeps of one client beyond its connection.

use std::collections::{BTreeMap, VecDeque};

use thingwire_core::Instant;

use super::wire::{Message, Qos};
use super::{ConnectionId, Rules, topics};

/// Subscriptions and QoS 1 messages of one client id [MQTT-3.1.2-4].
#[derive(Debug)]
pub(super) struct Session {
    /// Whether it ends with its connection [MQTT-3.1.2-6].
    pub(super) clean: bool,
    /// The connection it is on.
    pub(super) connection: Option<ConnectionId>,
    /// When it ends, while it is on no connection.
    pub(super) expires: Option<Instant>,
    pub(super) subscriptions: BTreeMap<String, Qos>,
    /// QoS 1 messages not sent yet.
    waiting: VecDeque<Message>,
    /// QoS 1 messages sent and not acknowledged, oldest first.
    in_flight: VecDeque<(u16, Message)>,
    last_id: u16,
}

impl Session {
    pub(super) fn new(clean: bool, connection: ConnectionId) -> Self {
        Self {
            clean,
            connection: Some(connection),
            expires: None,
            subscriptions: BTreeMap::new(),
            waiting: VecDeque::new(),
            in_flight: VecDeque::new(),
            last_id: 0,
        }
    }

    /// The qualities of service of the subscriptions that match `topic`.
    pub(super) fn matching(&self, topic: &str, rules: &Rules) -> Vec<Qos> {
        let hit = |filter: &str| topics::matches(filter, topic, rules.hash_matches_parent);
        self.subscriptions.iter().filter(|(filter, _)| hit(filter)).map(|(_, qos)| *qos).collect()
    }

    /// Stores a QoS 1 message; when the queue is full it is dropped (B-51).
    pub(super) fn store(&mut self, message: Message, rules: &Rules) {
        if self.waiting.len() < rules.session_queue {
            self.waiting.push_back(message);
        }
    }

    /// The next stored message that the window lets out, with the packet id it is sent under.
    pub(super) fn next_to_send(&mut self, rules: &Rules) -> Option<(u16, Message)> {
        if self.in_flight.len() >= rules.send_window {
            return None;
        }
        let message = self.waiting.pop_front()?;
        let id = self.free_id();
        self.in_flight.push_back((id, message.clone()));
        Some((id, message))
    }

    /// What is to be sent again on a new connection, in the old order [MQTT-4.4.0-1], [MQTT-4.6.0-1].
    ///
    /// With [`Rules::redeliver_as_new`] nothing is: the messages wait again, in front of all others (B-41).
    pub(super) fn resume(&mut self, rules: &Rules) -> Vec<(u16, Message)> {
        if rules.redeliver_as_new {
            for (_, message) in self.in_flight.drain(..).rev() {
                self.waiting.push_front(message);
            }
        }
        self.in_flight.iter().cloned().collect()
    }

    /// Ends the flight of `id`; false when there is none.
    pub(super) fn acknowledge(&mut self, id: u16) -> bool {
        let position = self.in_flight.iter().position(|(flying, _)| *flying == id);
        position.and_then(|position| self.in_flight.remove(position)).is_some()
    }

    /// The next packet id in turn that is not in flight; the window is smaller than the number of ids.
    fn free_id(&mut self) -> u16 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if self.in_flight.iter().all(|(id, _)| *id != self.last_id) {
                return self.last_id;
            }
        }
    }
}
