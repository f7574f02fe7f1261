//! CONNECT and its answer.

use core::time::Duration;

use thingwire_core::Instant;

use super::connection::Phase;
use super::session::Session;
use super::wire::{Connect, Qos};
use super::{
    Broker, CloseReason, ConnectionId, Output, Qos2, Refuse, ViolationKind, encode, keep_alive_deadline, topics,
};

/// CONNACK 1: the protocol level is not 4 [MQTT-3.1.2-2].
pub(super) const BAD_PROTOCOL_LEVEL: u8 = 1;
/// CONNACK 2: the client id is not allowed [MQTT-3.1.3-9].
const IDENTIFIER_REJECTED: u8 = 2;
/// CONNACK 4: user name or password is wrong.
const BAD_CREDENTIALS: u8 = 4;

impl Broker {
    pub(super) fn on_connect(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        connect: Box<Connect>,
    ) -> Result<(), ViolationKind> {
        if let Err(kind) = self.check_client_id(&connect) {
            self.send(connection, encode::connack(false, IDENTIFIER_REJECTED));
            return Err(kind);
        }
        self.check_will(&connect)?;
        if self.rules.connack_delay.is_zero() {
            self.answer_connect(now, connection, *connect);
        } else if let Some(state) = self.connections.get_mut(&connection) {
            state.deadline = Some(now + self.rules.connack_delay);
            state.phase = Phase::Connecting(connect);
        }
        Ok(())
    }

    /// B-1 and [MQTT-3.1.3-8].
    fn check_client_id(&self, connect: &Connect) -> Result<(), ViolationKind> {
        let client_id = &connect.client_id;
        if client_id.is_empty() && !connect.clean {
            return Err(ViolationKind::EmptyClientId);
        }
        let too_long = self.rules.max_client_id.is_some_and(|most| client_id.len() > most);
        if too_long || self.rules.reserved_names && client_id.starts_with('$') {
            return Err(ViolationKind::ClientId);
        }
        Ok(())
    }

    fn check_will(&self, connect: &Connect) -> Result<(), ViolationKind> {
        let Some(will) = &connect.will else {
            return Ok(());
        };
        if self.rules.topic_limits.is_some_and(|limits| !topics::is_within(&will.topic, limits)) {
            return Err(ViolationKind::TopicLimit);
        }
        self.check_reserved(will)
    }

    /// Refuses the client or takes it in. An older connection of the same client id is closed first [MQTT-3.1.4-2].
    pub(super) fn answer_connect(&mut self, now: Instant, connection: ConnectionId, connect: Connect) {
        if let Some(refuse) = self.refusal(&connect) {
            return self.refuse(now, connection, refuse);
        }
        let client_id = match connect.client_id {
            id if id.is_empty() => format!("$GEN/{connection}"),
            id => id,
        };
        if let Some(older) = self.sessions.get(&client_id).and_then(|session| session.connection) {
            self.finish(now, older, Some(CloseReason::TakenOver));
        }
        let asked = Duration::from_secs(connect.keep_alive.into());
        let keep_alive = self.rules.keep_alive.effective(asked);
        if let Some(state) = self.connections.get_mut(&connection) {
            state.phase = Phase::Online;
            state.client_id = Some(client_id.clone());
            state.will = connect.will;
            state.keep_alive = keep_alive;
            state.deadline = keep_alive_deadline(now, keep_alive);
        }
        self.start_session(connection, client_id, connect.clean);
    }

    fn refusal(&self, connect: &Connect) -> Option<Refuse> {
        if self.rules.refuse.is_some() {
            return self.rules.refuse;
        }
        // B-6: the service has no will of QoS 2; nor has this model under any rules.
        if connect.will.as_ref().is_some_and(|will| will.qos == Qos::ExactlyOnce) && self.rules.qos2 == Qos2::Ignored {
            return Some(Refuse::Silently);
        }
        let wanted = self.rules.passwords.get(&connect.client_id)?;
        let right = connect.username.is_some() && connect.password.as_deref() == Some(wanted.as_slice());
        (!right).then_some(Refuse::Code(BAD_CREDENTIALS))
    }

    /// Closes a connection whose CONNECT is not accepted [MQTT-3.2.2-4], [MQTT-3.2.2-5].
    pub(super) fn refuse(&mut self, now: Instant, connection: ConnectionId, refuse: Refuse) {
        let reason = match refuse {
            Refuse::Code(code) => {
                self.send(connection, encode::connack(false, code));
                CloseReason::Refused(code)
            }
            Refuse::Silently => CloseReason::RefusedSilently,
        };
        self.finish(now, connection, Some(reason));
    }

    /// CONNACK, then what a resumed session still owes: sent messages again with DUP=1, then stored ones.
    fn start_session(&mut self, connection: ConnectionId, client_id: String, clean: bool) {
        if clean {
            self.sessions.remove(&client_id);
        }
        let session_present = self.sessions.contains_key(&client_id);
        self.send(connection, encode::connack(session_present, 0));
        let Self { sessions, outputs, rules, .. } = self;
        let session = sessions.entry(client_id).or_insert_with(|| Session::new(clean, connection));
        session.connection = Some(connection);
        session.expires = None;
        for (id, message) in session.resume(rules) {
            let bytes = encode::publish(&message, Some(id), true);
            outputs.push_back(super::Queued { output: Output::Send(connection, bytes), frees: None });
        }
        super::publish::send_stored(session, rules, outputs);
    }
}
