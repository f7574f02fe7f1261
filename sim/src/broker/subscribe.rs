//! SUBSCRIBE and UNSUBSCRIBE.

use std::sync::Arc;

use super::connection::IdUse;
use super::wire::{Qos, Subscribe, Unsubscribe};
use super::{Broker, ConnectionId, OverSubscriptions, Qos2, Subscriber, ViolationKind, encode, topics};

/// The SUBACK code of a subscription that was not granted.
const FAILURE: u8 = 0x80;

/// What becomes of one filter.
enum Verdict {
    Granted(Qos),
    /// Answered as granted, but not kept.
    Pretended(Qos),
    Failed,
}

impl Broker {
    /// One code per filter, in order [MQTT-3.8.4-5]; retained messages follow the SUBACK.
    pub(super) fn on_subscribe(&mut self, connection: ConnectionId, subscribe: Subscribe) -> Result<(), ViolationKind> {
        let Subscribe { id, filters } = subscribe;
        if self.rules.filters_per_request_max.is_some_and(|most| filters.len() > most) {
            return Err(ViolationKind::TooManyFilters);
        }
        self.check_id(connection, id, IdUse::Subscribe, false)?;
        let ignored = self.rules.qos2 == Qos2::Ignored && filters.iter().any(|(_, qos)| *qos == Qos::ExactlyOnce);
        let Some(row) = self.session_row(connection).filter(|_| !ignored) else {
            return Ok(());
        };
        let mut codes = Vec::with_capacity(filters.len());
        let mut granted = Vec::new();
        for (filter, asked) in filters {
            codes.push(match self.judge(row, &filter, asked)? {
                Verdict::Failed => FAILURE,
                Verdict::Pretended(qos) => qos as u8,
                Verdict::Granted(qos) => {
                    self.keep(row, &filter, qos);
                    granted.push((filter, qos));
                    qos as u8
                }
            });
        }
        self.outbox.acknowledge(connection, id, encode::suback(id, &codes));
        for (filter, qos) in granted {
            self.deliver_retained(row, &filter, qos);
        }
        Ok(())
    }

    fn keep(&mut self, row: u32, filter: &str, qos: Qos) {
        let filter: Arc<str> = filter.into();
        if let Some(session) = self.sessions.get_mut(row) {
            session.subscriptions.insert(Arc::clone(&filter), qos);
            self.revision += u64::from(!session.clean);
        }
        let subscriber = Subscriber { session: row, qos };
        self.index.insert(&filter, subscriber, |row| self.sessions.name(row));
    }

    fn judge(&self, row: u32, filter: &str, asked: Qos) -> Result<Verdict, ViolationKind> {
        let rules = &self.rules;
        let outside = rules.topic_limits.is_some_and(|limits| !topics::is_within(filter, limits));
        let denied = rules.deny_subscribe.iter().any(|prefix| filter.starts_with(prefix));
        // Shared subscriptions are not modelled (B-39).
        let shared = rules.reserved_names && filter.starts_with("$share/");
        if !topics::is_filter(filter) || outside || denied || shared {
            return Ok(Verdict::Failed);
        }
        let qos = asked.min(Qos::AtLeastOnce);
        let subscriptions = self.sessions.get(row).map(|session| &session.subscriptions);
        let full = subscriptions.is_some_and(|kept| {
            !kept.contains_key(filter) && rules.subscriptions_max.is_some_and(|most| kept.len() >= most)
        });
        match rules.over_subscriptions {
            _ if !full => Ok(Verdict::Granted(qos)),
            OverSubscriptions::Refused => Ok(Verdict::Failed),
            OverSubscriptions::Pretended => Ok(Verdict::Pretended(qos)),
            OverSubscriptions::Closed => Err(ViolationKind::TooManySubscriptions),
        }
    }

    /// Answered whether the subscriptions were there or not [MQTT-3.10.4-5].
    pub(super) fn on_unsubscribe(
        &mut self,
        connection: ConnectionId,
        unsubscribe: &Unsubscribe,
    ) -> Result<(), ViolationKind> {
        self.check_id(connection, unsubscribe.id, IdUse::Unsubscribe, false)?;
        if let Some(row) = self.session_row(connection) {
            for filter in &unsubscribe.filters {
                let session = self.sessions.get_mut(row);
                if session.is_some_and(|session| session.subscriptions.remove(filter.as_str()).is_some()) {
                    self.index.remove(filter, row, |row| self.sessions.name(row));
                    self.revision += 1;
                }
            }
        }
        self.outbox.acknowledge(connection, unsubscribe.id, encode::unsuback(unsubscribe.id));
        Ok(())
    }

    fn session_row(&self, connection: ConnectionId) -> Option<u32> {
        self.connections.get(connection).and_then(|state| state.session)
    }
}
