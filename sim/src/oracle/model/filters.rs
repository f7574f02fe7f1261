//! What the application is subscribed to, and whether the server's present session knows it.

use std::collections::{BTreeMap, BTreeSet};

use thingwire_core::Qos;

use crate::trace::Name;

#[derive(Debug, Default)]
pub(in crate::oracle) struct Filters {
    wanted: BTreeMap<Name, Wanted>,
    /// What the current link has to renew and has not sent yet.
    to_renew: BTreeSet<Name>,
    /// What it may renew besides: nobody can see whether the client still uses it.
    may_renew: BTreeSet<Name>,
    /// What of it the client wants for requests and watches.
    own: BTreeSet<Name>,
    /// Renewals that were refused, or cost too many links: the application has to be told.
    pub(in crate::oracle) refused: Vec<Name>,
}

#[derive(Debug)]
struct Wanted {
    known: Known,
    /// Answers to earlier requests are about a subscription that was ended since.
    since: u64,
    /// Requests for it that have not ended.
    pending: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// Its own request is on the way.
    Asked,
    Granted,
    /// Granted once, but the session may be another one by now.
    Lost,
}

impl Filters {
    pub(super) fn asked(&mut self, ticket: u64, filters: &[(Name, Qos)]) {
        for &(filter, _) in filters {
            let new = Wanted { known: Known::Asked, since: ticket, pending: 0 };
            self.wanted.entry(filter).or_insert(new).pending += 1;
        }
    }

    pub(super) fn ended(&mut self, filters: &[Name]) {
        for filter in filters {
            self.wanted.remove(filter);
        }
    }

    /// A request has got its answer, or `None` where it ended without one.
    pub(super) fn answered(&mut self, ticket: u64, filters: &[(Name, Qos)], codes: Option<&[u8]>) {
        for (index, (filter, _)) in filters.iter().enumerate() {
            let Some(wanted) = self.wanted.get_mut(filter).filter(|wanted| wanted.since <= ticket) else { continue };
            wanted.pending = wanted.pending.saturating_sub(1);
            let granted = codes.and_then(|codes| codes.get(index)).map(|&code| code != 0x80);
            match granted {
                Some(true) => wanted.known = Known::Granted,
                Some(false) if wanted.pending > 0 => wanted.known = Known::Asked,
                None if wanted.pending > 0 || wanted.known != Known::Asked => {}
                Some(false) | None => drop(self.wanted.remove(filter)),
            }
        }
    }

    pub(super) fn renewed(&mut self, filter: Name, granted: bool) {
        let Some(wanted) = self.wanted.get_mut(&filter).filter(|wanted| wanted.known == Known::Lost) else { return };
        if granted {
            wanted.known = Known::Granted;
            return;
        }
        self.refused.push(filter);
        if wanted.pending > 0 {
            wanted.known = Known::Asked;
        } else {
            self.wanted.remove(&filter);
        }
    }

    /// The server's session is another one, or may be.
    pub(super) fn lost(&mut self) {
        for wanted in self.wanted.values_mut().filter(|wanted| wanted.known == Known::Granted) {
            wanted.known = Known::Lost;
        }
    }

    /// `own` are those that requests and watches need, `unused` those that they may need.
    pub(super) fn begin_renewing(&mut self, own: Vec<Name>, unused: Vec<Name>) {
        let lost = self.wanted.iter().filter(|(_, wanted)| wanted.known == Known::Lost);
        self.to_renew = lost.map(|(&filter, _)| filter).chain(own.iter().copied()).collect();
        self.own = own.into_iter().collect();
        self.may_renew = unused.into_iter().collect();
    }

    pub(super) fn link_lost(&mut self) {
        self.to_renew.clear();
        self.may_renew.clear();
    }

    /// The client ends these itself, for nobody needs them.
    pub(super) fn renewals_end(&mut self, filters: &[Name]) {
        for filter in filters {
            self.to_renew.remove(filter);
            self.may_renew.remove(filter);
        }
    }

    /// Whether anything is to be renewed.
    pub(super) fn renews(&self) -> bool {
        !self.to_renew.is_empty() || !self.may_renew.is_empty()
    }

    pub(super) fn renewals_over(&mut self) {
        self.may_renew.clear();
    }

    pub(super) fn renewal_sent(&mut self, filters: &[(Name, Qos)]) {
        for (filter, _) in filters {
            self.to_renew.remove(filter);
            self.may_renew.remove(filter);
        }
    }

    /// Whether all of these are to be renewed.
    pub(in crate::oracle) fn are_to_renew(&self, filters: &[(Name, Qos)]) -> bool {
        filters.iter().all(|(filter, _)| self.to_renew.contains(filter) || self.may_renew.contains(filter))
    }

    /// Whether anything that is still wanted has not been renewed.
    pub(in crate::oracle) fn renewal_due(&self) -> bool {
        self.to_renew.iter().any(|filter| self.is_lost(*filter) || self.own.contains(filter))
    }

    pub(in crate::oracle) fn len(&self) -> usize {
        self.wanted.len()
    }

    pub(in crate::oracle) fn any_lost(&self) -> bool {
        self.wanted.values().any(|wanted| wanted.known == Known::Lost)
    }

    fn is_lost(&self, filter: Name) -> bool {
        self.wanted.get(&filter).is_some_and(|wanted| wanted.known == Known::Lost)
    }
}
