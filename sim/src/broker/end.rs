//! How connections and sessions end.

use thingwire_core::Instant;

use super::connection::Phase;
use super::timers::Owner;
use super::{Broker, CloseReason, ConnectionId, Output};

impl Broker {
    /// The transport connection has gone without a DISCONNECT, or after one. Unless the client had said DISCONNECT, its will is
    /// published [MQTT-3.1.2-8].
    pub fn lost(&mut self, now: Instant, connection: ConnectionId) {
        self.now = self.now.max(now);
        self.finish(connection, None);
        self.connections.remove(connection);
    }

    /// Closes the connection of `client_id`, as an operator would; false when it has none. The will is published.
    pub fn kick(&mut self, now: Instant, client_id: &str) -> bool {
        self.now = self.now.max(now);
        let session = self.sessions.find(client_id).and_then(|row| self.sessions.get(row));
        let connection = session.and_then(|session| session.connection);
        if let Some(connection) = connection {
            self.finish(connection, Some(CloseReason::Administrative));
        }
        connection.is_some()
    }

    /// Ends the session of `client_id`, and its connection if it has one; false when there is none.
    pub fn forget_session(&mut self, now: Instant, client_id: &str) -> bool {
        let was_online = self.kick(now, client_id);
        match self.sessions.find(client_id) {
            Some(row) => {
                self.end_session(row);
                true
            }
            None => was_online,
        }
    }

    /// Closes all connections, oldest first, as a broker does that is restarted. Wills are published. With `forget`, all sessions
    /// end too; retained messages stay.
    pub fn restart(&mut self, now: Instant, forget: bool) {
        self.now = self.now.max(now);
        for connection in self.connections.ids() {
            self.finish(connection, Some(CloseReason::Administrative));
        }
        if forget {
            for row in self.sessions.rows() {
                self.end_session(row);
            }
        }
    }

    /// Ends a connection: its close is put out unless the transport is gone anyway, its session rests or ends, and its will is
    /// published unless it said DISCONNECT [MQTT-3.14.4-3].
    pub(super) fn finish(&mut self, connection: ConnectionId, reason: Option<CloseReason>) {
        let Some(state) = self.connections.get_mut(connection) else {
            return;
        };
        let was_over = state.is_over();
        let disconnected = reason == Some(CloseReason::Disconnected);
        state.phase = if disconnected { Phase::Disconnected } else { Phase::Closed };
        if !disconnected {
            state.frames.clear();
        }
        if was_over {
            return;
        }
        self.timers.clear(&mut state.alarm, Owner::Connection(connection));
        let will = state.will.take().filter(|_| !disconnected);
        let session = state.session.take();
        let client_id = state.client_id.clone();
        if let Some(reason) = reason {
            self.outbox.put(Output::Close(connection, reason));
        }
        if let Some(row) = session {
            self.rest(row);
        }
        if let Some(will) = will {
            self.route(&will);
        }
        if let Some(client_id) = client_id.filter(|_| session.is_some()) {
            self.tell_gone(&client_id, connection, reason);
        }
    }

    /// The session has lost its connection.
    fn rest(&mut self, row: u32) {
        let Some(session) = self.sessions.get_mut(row) else {
            return;
        };
        session.connection = None;
        if session.clean {
            return self.end_session(row);
        }
        self.revision += 1;
        match self.rules.session_expiry {
            Some(span) => self.timers.set(&mut session.alarm, Owner::Session(row), self.now + span),
            None => self.timers.clear(&mut session.alarm, Owner::Session(row)),
        }
    }

    /// The session's alarm has come due: it ends when it is on no connection, and has something to send when it is.
    pub(super) fn wake_session(&mut self, row: u32) {
        let Some(session) = self.sessions.get_mut(row) else {
            return;
        };
        if !self.timers.rings(&mut session.alarm, Owner::Session(row), self.now) {
            return;
        }
        if session.connection.is_none() {
            return self.end_session(row);
        }
        session.repeat_old(self.now, &self.rules);
        self.revision += u64::from(!session.clean && self.rules.redeliver_as_new);
        if let Some(at) = session.next_repetition(&self.rules) {
            self.timers.set_no_later(&mut session.alarm, Owner::Session(row), at);
        }
        self.send_stored(row);
    }

    pub(super) fn end_session(&mut self, row: u32) {
        let Self { sessions, index, timers, revision, .. } = self;
        let Some(session) = sessions.get(row) else {
            return;
        };
        for filter in session.subscriptions.keys() {
            index.remove(filter, row, |row| sessions.name(row));
        }
        if let Some(mut session) = sessions.remove(row) {
            *revision += u64::from(!session.clean);
            timers.clear(&mut session.alarm, Owner::Session(row));
        }
    }
}
