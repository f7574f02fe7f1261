//! What the application is subscribed to, and what the server still knows of it.

use std::collections::BTreeMap;

use crate::derived::Derived;
use crate::{Filter, Qos, Ticket, Topic};

#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    wanted: BTreeMap<Filter, Wanted>,
    next_serial: u64,
    /// How many of them the client wants for itself.
    of_client: usize,
    /// The filters that the application wants.
    of_application: Derived<Vec<Filter>>,
}

#[cfg(feature = "trace")]
crate::wire::fields!(Subscriptions { wanted, next_serial, of_client, of_application });

#[derive(Debug)]
struct Wanted {
    qos: Qos,
    /// The order in which subscriptions were made, which is the order in which they are restored.
    serial: u64,
    state: State,
    /// The request that began it. Answers to earlier ones are about a subscription that was ended since.
    since: Ticket,
    /// Requests for it that have not ended.
    pending: usize,
    by_application: bool,
    /// For requests and watches.
    by_client: bool,
}

#[cfg(feature = "trace")]
crate::wire::fields!(Wanted { qos, serial, state, since, pending, by_application, by_client });

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Asked for by the application; its own request is on the way.
    Asked,
    /// Granted, and known to the server's session.
    Known,
    /// Granted once, but the server's session may not know it.
    Lost,
}

#[cfg(feature = "trace")]
crate::wire::variants!(State { 0 = Asked, 1 = Known, 2 = Lost, });

impl Subscriptions {
    pub(crate) fn len(&self) -> usize {
        self.wanted.len()
    }

    pub(crate) fn contains(&self, filter: &Filter) -> bool {
        self.wanted.contains_key(filter)
    }

    /// Whether it is renewed when the next link comes.
    pub(crate) fn is_lost(&self, filter: &Filter) -> bool {
        self.wanted.get(filter).is_some_and(|wanted| wanted.state == State::Lost)
    }

    /// How many the application has alone.
    pub(crate) fn only_of_application(&self) -> usize {
        self.wanted.len() - self.of_client
    }

    /// Whether the application wants this one.
    pub(crate) fn is_of_application(&self, filter: &Filter) -> bool {
        self.wanted.get(filter).is_some_and(|wanted| wanted.by_application)
    }

    /// Whether the application has subscribed to messages on this topic.
    pub(crate) fn are_of_application(&mut self, topic: &Topic) -> bool {
        let wanted = &self.wanted;
        let filters = self.of_application.or_find(|| {
            let of_application = wanted.iter().filter(|(_, wanted)| wanted.by_application);
            of_application.map(|(filter, _)| filter.clone()).collect()
        });
        filters.iter().any(|filter| filter.matches(topic.as_str()))
    }

    pub(crate) fn asked(&mut self, ticket: Ticket, filters: &[(Filter, Qos)]) {
        self.of_application.forget();
        for (filter, qos) in filters {
            self.ask(ticket, filter, *qos).by_application = true;
        }
    }

    /// The same, for requests and watches.
    pub(crate) fn asked_by_client(&mut self, ticket: Ticket, filters: &[(Filter, Qos)]) {
        for (filter, qos) in filters {
            let wanted = self.ask(ticket, filter, *qos);
            let known = core::mem::replace(&mut wanted.by_client, true);
            self.of_client += usize::from(!known);
        }
    }

    fn ask(&mut self, ticket: Ticket, filter: &Filter, qos: Qos) -> &mut Wanted {
        let serial = self.next_serial;
        self.next_serial += 1;
        let (state, since) = (State::Asked, ticket);
        let new = Wanted { qos, serial, state, since, pending: 0, by_application: false, by_client: false };
        let wanted = self.wanted.entry(filter.clone()).or_insert(new);
        wanted.pending += 1;
        wanted
    }

    /// The server granted or refused a filter. A refused one is gone, unless it was asked for again.
    pub(crate) fn answered(&mut self, ticket: Ticket, filter: &Filter, granted: Option<Qos>) {
        let Some(wanted) = self.end_of_request(ticket, filter) else { return };
        match granted {
            Some(qos) => (wanted.qos, wanted.state) = (qos, State::Known),
            None if wanted.pending > 0 => wanted.state = State::Asked,
            None => self.take(filter),
        }
    }

    /// The application's request ended without an answer.
    pub(crate) fn unanswered(&mut self, ticket: Ticket, filters: &[(Filter, Qos)]) {
        for (filter, _) in filters {
            let Some(wanted) = self.end_of_request(ticket, filter) else { continue };
            if wanted.state == State::Asked && wanted.pending == 0 {
                self.take(filter);
            }
        }
    }

    /// What a request was about, if the application has not ended it since.
    fn end_of_request(&mut self, ticket: Ticket, filter: &Filter) -> Option<&mut Wanted> {
        let wanted = self.wanted.get_mut(filter).filter(|wanted| wanted.since <= ticket)?;
        wanted.pending = wanted.pending.saturating_sub(1);
        Some(wanted)
    }

    /// The server answered a renewal. Tells whether it was still wanted: the application may have ended it meanwhile.
    pub(crate) fn restored(&mut self, filter: &Filter, granted: Option<Qos>) -> bool {
        let Some(wanted) = self.wanted.get_mut(filter).filter(|wanted| wanted.state == State::Lost) else {
            return false;
        };
        match granted {
            Some(qos) => (wanted.qos, wanted.state) = (qos, State::Known),
            None if wanted.pending > 0 => wanted.state = State::Asked,
            None => self.take(filter),
        }
        true
    }

    pub(crate) fn remove(&mut self, filters: &[Filter]) {
        for filter in filters {
            self.take(filter);
        }
    }

    /// Requests and watches want these no more. Returns those that the application does not want either.
    pub(crate) fn removed_by_client(&mut self, filters: &[Filter]) -> Vec<Filter> {
        let mut over = Vec::new();
        for filter in filters {
            match self.wanted.get_mut(filter) {
                Some(wanted) if wanted.by_application => {
                    self.of_client -= usize::from(core::mem::take(&mut wanted.by_client));
                }
                Some(_) | None => {
                    self.take(filter);
                    over.push(filter.clone());
                }
            }
        }
        over
    }

    fn take(&mut self, filter: &Filter) {
        let Some(removed) = self.wanted.remove(filter) else { return };
        self.of_client -= usize::from(removed.by_client);
        if removed.by_application {
            self.of_application.forget();
        }
    }

    /// The server has lost the session, or may have.
    pub(crate) fn lost(&mut self) {
        for wanted in self.wanted.values_mut() {
            if wanted.state == State::Known {
                wanted.state = State::Lost;
            }
        }
    }

    /// Whether one that requests and watches rely on was granted with QoS 0 only: what is sent while no link is up is lost
    /// also for a session that lives on.
    pub(crate) fn lose_messages(&self) -> bool {
        self.wanted.values().any(|wanted| wanted.by_client && wanted.qos == Qos::AtMostOnce)
    }

    /// What to subscribe to again, in the order in which it was subscribed to first: what the application has with the
    /// quality of service that was granted, what requests and watches rely on with the best.
    pub(crate) fn to_restore(&self) -> Vec<(Filter, Qos)> {
        let mut lost: Vec<_> = self.wanted.iter().filter(|(_, wanted)| wanted.state == State::Lost).collect();
        lost.sort_by_key(|(_, wanted)| wanted.serial);
        let qos = |wanted: &Wanted| if wanted.by_client { Qos::AtLeastOnce } else { wanted.qos };
        lost.into_iter().map(|(filter, wanted)| (filter.clone(), qos(wanted))).collect()
    }
}
