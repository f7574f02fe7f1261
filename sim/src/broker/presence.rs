//! What the service tells about who comes and goes (B-62).

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;

use thingwire_core::Instant;

use super::{Broker, CloseReason, ConnectionId, Message, Qos};

/// How long a client stays away before its numbers begin anew.
const MEMORY: Duration = Duration::from_secs(3600);

/// What is remembered of the clients that have a name of their own.
#[derive(Debug, Default)]
pub(super) struct Presence {
    clients: BTreeMap<String, Visits>,
}

#[derive(Debug, Default)]
struct Visits {
    /// The `versionNumber` of the last connection.
    version: u64,
    /// When it ended, unless it goes on.
    gone: Option<Instant>,
}

impl Presence {
    fn come(&mut self, now: Instant, client_id: &str) -> u64 {
        match self.clients.get_mut(client_id) {
            Some(visits) => {
                let forgotten = visits.gone.is_some_and(|gone| gone + MEMORY <= now);
                visits.version = if forgotten { 0 } else { visits.version + 1 };
                visits.gone = None;
                visits.version
            }
            None => {
                self.clients.insert(client_id.to_owned(), Visits::default());
                0
            }
        }
    }

    fn go(&mut self, now: Instant, client_id: &str) -> u64 {
        let Some(visits) = self.clients.get_mut(client_id) else {
            return 0;
        };
        visits.gone = Some(now);
        visits.version
    }
}

impl Broker {
    /// A client has come online.
    pub(super) fn tell_come(&mut self, client_id: &str, connection: ConnectionId) {
        if self.is_told_of(client_id) {
            let version = self.presence.come(self.now, client_id);
            self.tell("connected", client_id, connection, version, format_args!(r#","ipAddress":"127.0.0.1""#));
        }
    }

    /// A client that was online is so no more.
    pub(super) fn tell_gone(&mut self, client_id: &str, connection: ConnectionId, reason: Option<CloseReason>) {
        if self.is_told_of(client_id) {
            let version = self.presence.go(self.now, client_id);
            let asked = reason == Some(CloseReason::Disconnected);
            let reason = disconnect_reason(reason);
            self.tell(
                "disconnected",
                client_id,
                connection,
                version,
                format_args!(r#","clientInitiatedDisconnect":{asked},"disconnectReason":"{reason}""#),
            );
        }
    }

    fn is_told_of(&self, client_id: &str) -> bool {
        self.rules.presence && !client_id.contains(['+', '#']) && !client_id.starts_with("$GEN/")
    }

    fn tell(&mut self, event: &str, client_id: &str, connection: ConnectionId, version: u64, more: fmt::Arguments<'_>) {
        let topic = format!("$aws/events/presence/{event}/{client_id}");
        if !self.is_wanted(&topic) {
            return;
        }
        let name = serde_json::Value::from(client_id);
        let (millis, number) = (self.since_1970().as_millis(), connection.number());
        let payload = format!(
            r#"{{"clientId":{name},"timestamp":{millis},"eventType":"{event}","sessionIdentifier":"00000000-0000-4000-8000-{number:012x}","principalIdentifier":"model","versionNumber":{version}{more}}}"#
        );
        self.route(&Message { topic: topic.into(), payload: payload.into(), qos: Qos::AtLeastOnce, retain: false });
    }
}

/// The service's word for it (B-63).
fn disconnect_reason(reason: Option<CloseReason>) -> &'static str {
    match reason {
        None => "CONNECTION_LOST",
        Some(CloseReason::Disconnected) => "CLIENT_INITIATED_DISCONNECT",
        Some(CloseReason::Violation | CloseReason::Qos2) => "CLIENT_ERROR",
        Some(CloseReason::TakenOver) => "DUPLICATE_CLIENTID",
        Some(CloseReason::KeepAlive) => "MQTT_KEEP_ALIVE_TIMEOUT",
        Some(CloseReason::NotAuthorized) => "FORBIDDEN_ACCESS",
        Some(CloseReason::Administrative) => "SERVER_INITIATED_DISCONNECT",
        Some(CloseReason::Refused(_) | CloseReason::RefusedSilently | CloseReason::ConnectTimeout) => "AUTH_ERROR",
    }
}
