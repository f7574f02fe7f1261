//! What the application is subscribed to, and what the server still knows of it.

use std::collections::BTreeMap;

use crate::{Filter, Qos};

#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    wanted: BTreeMap<Filter, Wanted>,
    next_serial: u64,
}

#[derive(Debug)]
struct Wanted {
    qos: Qos,
    /// The order in which subscriptions were made, which is the order in which they are restored.
    serial: u64,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Asked for by the application; its own request is on the way.
    Asked,
    /// Granted, and known to the server's session.
    Known,
    /// Granted once, but the server's session may not know it.
    Lost,
}

impl Subscriptions {
    pub(crate) fn len(&self) -> usize {
        self.wanted.len()
    }

    pub(crate) fn contains(&self, filter: &Filter) -> bool {
        self.wanted.contains_key(filter)
    }

    pub(crate) fn asked(&mut self, filters: &[(Filter, Qos)]) {
        for (filter, qos) in filters {
            let serial = self.next_serial;
            self.next_serial += 1;
            self.wanted.entry(filter.clone()).or_insert(Wanted { qos: *qos, serial, state: State::Asked });
        }
    }

    /// The server granted or refused a filter. A refused one is gone.
    pub(crate) fn answered(&mut self, filter: &Filter, granted: Option<Qos>) {
        let Some(qos) = granted else {
            self.wanted.remove(filter);
            return;
        };
        let serial = self.next_serial;
        self.next_serial += 1;
        let wanted = self.wanted.entry(filter.clone()).or_insert(Wanted { qos, serial, state: State::Known });
        wanted.qos = qos;
        wanted.state = State::Known;
    }

    /// The application's request ended without an answer.
    pub(crate) fn unanswered(&mut self, filters: &[(Filter, Qos)]) {
        for (filter, _) in filters {
            if self.wanted.get(filter).is_some_and(|wanted| wanted.state == State::Asked) {
                self.wanted.remove(filter);
            }
        }
    }

    pub(crate) fn remove(&mut self, filters: &[Filter]) {
        for filter in filters {
            self.wanted.remove(filter);
        }
    }

    /// The server has lost the session.
    pub(crate) fn lost(&mut self) {
        for wanted in self.wanted.values_mut() {
            if wanted.state == State::Known {
                wanted.state = State::Lost;
            }
        }
    }

    /// What to subscribe to again, in the order in which it was subscribed to first.
    pub(crate) fn to_restore(&self) -> Vec<(Filter, Qos)> {
        let mut lost: Vec<_> = self.wanted.iter().filter(|(_, wanted)| wanted.state == State::Lost).collect();
        lost.sort_by_key(|(_, wanted)| wanted.serial);
        lost.into_iter().map(|(filter, wanted)| (filter.clone(), wanted.qos)).collect()
    }
}
