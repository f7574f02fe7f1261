//! What outlives a broker: persistent sessions, retained messages and shadows.

use core::fmt::Write as _;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use thingwire_core::Instant;

use super::session::Session;
use super::timers::Owner;
use super::wire::{Message, Qos};
use super::{Broker, Subscriber, topics};
use crate::shadow::SavedShadow;

/// Everything that a broker needs to go on where another has ended: sessions that are not clean, retained messages and shadows. Who
/// is connected, what shadows have not yet answered and when clients came and went is not in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saved {
    sessions: Vec<SavedSession>,
    retained: Vec<SavedMessage>,
    shadows: Vec<SavedShadow>,
}

/// A session that is not clean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SavedSession {
    pub(super) client_id: String,
    /// When it ends, in milliseconds since 1970; not there while its client is connected, or when it never ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ends: Option<u64>,
    /// Granted qualities of service by filter.
    pub(super) subscriptions: BTreeMap<String, u8>,
    /// Sent and not acknowledged, by packet id, oldest first.
    pub(super) in_flight: Vec<(u16, SavedMessage)>,
    /// Not sent yet, oldest first.
    pub(super) stored: Vec<SavedMessage>,
    /// The packet id that was used last.
    pub(super) last_id: u16,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SavedMessage {
    topic: String,
    qos: u8,
    retain: bool,
    payload: Payload,
}

/// Legible where it can be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Payload {
    Text(String),
    Hex(String),
}

impl Broker {
    /// What outlives this broker, as of now.
    pub fn saved(&self) -> Saved {
        let kept = self.sessions.iter().filter(|session| !session.clean);
        Saved {
            sessions: kept.map(|session| session.saved(|at| self.millis_since_1970(at))).collect(),
            retained: self.retained.values().map(SavedMessage::from).collect(),
            shadows: self.shadows.saved(),
        }
    }

    /// Grows whenever [`Broker::saved`] has something new to say.
    pub fn revision(&self) -> u64 {
        self.revision + self.shadows.revision()
    }

    /// Puts back what another broker has left, into one that has no clients yet; its clock on the wall has to be set before. A
    /// session whose time has come meanwhile is not put back; one whose client was connected is as if it had been lost now.
    ///
    /// # Errors
    ///
    /// What cannot be, in one line.
    pub fn restore(&mut self, now: Instant, saved: Saved) -> Result<(), String> {
        self.now = self.now.max(now);
        for session in saved.sessions {
            self.restore_session(&session)?;
        }
        for message in saved.retained {
            let message = Message::try_from(message)?;
            self.retained.insert(message.topic.clone(), message);
        }
        self.revision += 1;
        self.shadows.restore(saved.shadows)
    }

    fn restore_session(&mut self, saved: &SavedSession) -> Result<(), String> {
        let millis = self.millis_since_1970(self.now);
        let left = match saved.ends {
            Some(ends) if ends <= millis => return Ok(()),
            Some(ends) => Some(Duration::from_millis(ends - millis)),
            None => self.rules.session_expiry,
        };
        let client_id: Arc<str> = saved.client_id.as_str().into();
        if client_id.is_empty() || self.sessions.find(&client_id).is_some() {
            return Err(format!("the session of {client_id:?} is there twice, or of nobody"));
        }
        let row = self.sessions.insert(client_id, false);
        let Some(session) = self.sessions.get_mut(row) else {
            return Ok(());
        };
        if let Some(left) = left {
            self.timers.set(&mut session.alarm, Owner::Session(row), self.now + left);
        }
        session.restore(saved)?;
        let subscriptions: Vec<_> =
            session.subscriptions.iter().map(|(filter, &qos)| (Arc::clone(filter), qos)).collect();
        for (filter, qos) in subscriptions {
            self.index.insert(&filter, Subscriber { session: row, qos }, |row| self.sessions.name(row));
        }
        Ok(())
    }

    fn millis_since_1970(&self, at: Instant) -> u64 {
        u64::try_from((self.unix_epoch + at.since(Instant::EPOCH)).as_millis()).unwrap_or(u64::MAX)
    }
}

impl Session {
    fn saved(&self, millis_since_1970: impl Fn(Instant) -> u64) -> SavedSession {
        let ends = self.alarm.at().filter(|_| self.connection.is_none());
        SavedSession {
            client_id: self.client_id.to_string(),
            ends: ends.map(millis_since_1970),
            subscriptions: self.subscriptions.iter().map(|(filter, qos)| (filter.to_string(), *qos as u8)).collect(),
            in_flight: self.in_flight().map(|(id, message)| (id, message.into())).collect(),
            stored: self.unsent().map(SavedMessage::from).collect(),
            last_id: self.last_id(),
        }
    }

    fn restore(&mut self, saved: &SavedSession) -> Result<(), String> {
        for (filter, qos) in &saved.subscriptions {
            let granted = Qos::from_bits(*qos).filter(|qos| *qos != Qos::ExactlyOnce && topics::is_filter(filter));
            let granted = granted.ok_or_else(|| format!("no subscription: {filter:?} with QoS {qos}"))?;
            self.subscriptions.insert(filter.as_str().into(), granted);
        }
        let message = |saved: &SavedMessage| Message::try_from(saved.clone());
        let in_flight = saved.in_flight.iter().map(|(id, saved)| Ok((*id, message(saved)?)));
        let in_flight: Vec<_> = in_flight.collect::<Result<_, String>>()?;
        let stored = saved.stored.iter().map(message).collect::<Result<_, String>>()?;
        let clash = in_flight
            .iter()
            .enumerate()
            .find(|(at, (id, _))| *id == 0 || in_flight.iter().take(*at).any(|(before, _)| before == id));
        if let Some((_, (id, _))) = clash {
            return Err(format!("packet id {id} is in use twice, or none"));
        }
        self.put_back(in_flight, stored, saved.last_id);
        Ok(())
    }
}

impl From<&Message> for SavedMessage {
    fn from(message: &Message) -> Self {
        let payload = match core::str::from_utf8(&message.payload) {
            Ok(text) => Payload::Text(text.to_owned()),
            Err(_) => Payload::Hex(to_hex(&message.payload)),
        };
        Self { topic: message.topic.to_string(), qos: message.qos as u8, retain: message.retain, payload }
    }
}

impl TryFrom<SavedMessage> for Message {
    type Error = String;

    fn try_from(saved: SavedMessage) -> Result<Self, String> {
        let SavedMessage { topic, qos, retain, payload } = saved;
        let qos = Qos::from_bits(qos).ok_or_else(|| format!("QoS {qos} of a message to {topic:?}"))?;
        if topic.is_empty() || u16::try_from(topic.len()).is_err() || topics::is_wild(&topic) {
            return Err(format!("nothing can be published to {topic:?}"));
        }
        let payload = match payload {
            Payload::Text(text) => text.into(),
            Payload::Hex(hex) => from_hex(&hex).ok_or_else(|| format!("a payload to {topic:?} that is no hex"))?,
        };
        Ok(Self { topic: topic.into(), payload, qos, retain })
    }
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn from_hex(hex: &str) -> Option<Bytes> {
    let byte = |at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    (0..hex.len()).step_by(2).map(byte).collect::<Option<Vec<u8>>>().map(Bytes::from)
}
