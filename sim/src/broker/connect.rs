//! CONNECT and its answer.

use core::time::Duration;
use std::sync::Arc;

use super::connection::Phase;
use super::timers::Owner;
use super::wire::{Connect, Qos};
use super::{Broker, CloseReason, ConnectionId, Qos2, Refuse, ViolationKind, encode, topics};

/// CONNACK 1: the protocol level is not 4 [MQTT-3.1.2-2].
pub(super) const BAD_PROTOCOL_LEVEL: u8 = 1;
/// CONNACK 2: the client id is not allowed [MQTT-3.1.3-9].
const IDENTIFIER_REJECTED: u8 = 2;
/// CONNACK 4: user name or password is wrong.
const BAD_CREDENTIALS: u8 = 4;

impl Broker {
    pub(super) fn on_connect(&mut self, connection: ConnectionId, connect: Box<Connect>) -> Result<(), ViolationKind> {
        if let Err(kind) = self.check_client_id(&connect) {
            self.outbox.send(connection, encode::connack(false, IDENTIFIER_REJECTED));
            return Err(kind);
        }
        self.check_will(&connect)?;
        if self.rules.connack_delay.is_zero() {
            self.answer_connect(connection, *connect);
        } else if let Some(state) = self.connections.get_mut(connection) {
            state.phase = Phase::Connecting(connect);
            self.set_alarm(connection, self.now + self.rules.connack_delay);
        }
        Ok(())
    }

    /// B-1 and [MQTT-3.1.3-8].
    fn check_client_id(&self, connect: &Connect) -> Result<(), ViolationKind> {
        let client_id = &connect.client_id;
        if client_id.is_empty() && !connect.clean {
            return Err(ViolationKind::EmptyClientId);
        }
        let too_long = self.rules.client_id_len_max.is_some_and(|most| client_id.len() > most);
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
    pub(super) fn answer_connect(&mut self, connection: ConnectionId, connect: Connect) {
        if let Some(refuse) = self.refusal(&connect) {
            return self.refuse(connection, refuse);
        }
        if !self.admission.admits(self.now, &connect.client_id, &self.rules) {
            return self.refuse(connection, self.rules.excess_connects);
        }
        let client_id: Arc<str> = match connect.client_id {
            id if id.is_empty() => format!("$GEN/{connection}").into(),
            id => id.into(),
        };
        let older = self.sessions.find(&client_id).and_then(|row| self.sessions.get(row));
        if let Some(older) = older.and_then(|session| session.connection) {
            self.finish(older, Some(CloseReason::TakenOver));
        }
        let asked = Duration::from_secs(connect.keep_alive.into());
        let patience = self.rules.keep_alive.effective(asked).map(|span| span + span / 2);
        let Some(state) = self.connections.get_mut(connection) else {
            return;
        };
        state.phase = Phase::Online;
        state.client_id = Some(Arc::clone(&client_id));
        state.will = connect.will;
        state.patience = patience;
        let owner = Owner::Connection(connection);
        match patience {
            Some(patience) => self.timers.set(&mut state.alarm, owner, self.now + patience),
            None => self.timers.clear(&mut state.alarm, owner),
        }
        self.start_session(connection, Arc::clone(&client_id), connect.clean);
        self.tell_come(&client_id, connection);
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
    pub(super) fn refuse(&mut self, connection: ConnectionId, refuse: Refuse) {
        let reason = match refuse {
            Refuse::Code(code) => {
                self.outbox.send(connection, encode::connack(false, code));
                CloseReason::Refused(code)
            }
            Refuse::Silently => CloseReason::RefusedSilently,
        };
        self.finish(connection, Some(reason));
    }

    /// CONNACK, then what a resumed session still owes: sent messages again with DUP=1, then stored ones.
    fn start_session(&mut self, connection: ConnectionId, client_id: Arc<str>, clean: bool) {
        let mut row = self.sessions.find(&client_id);
        if let Some(old) = row.take_if(|_| clean) {
            self.end_session(old);
        }
        self.outbox.send(connection, encode::connack(row.is_some(), 0));
        let row = row.unwrap_or_else(|| self.sessions.insert(client_id, clean));
        if let Some(state) = self.connections.get_mut(connection) {
            state.session = Some(row);
        }
        if let Some(session) = self.sessions.get_mut(row) {
            self.timers.clear(&mut session.alarm, Owner::Session(row));
            session.resume(connection, &self.rules);
            self.revision += u64::from(!session.clean);
        }
        self.send_stored(row);
    }
}
