//! Which operation the server closes the connection for.
//!
//! AWS answers what the policy does not allow by closing the connection (B-16), so sending it again loses the next
//! connection too. Which of several unanswered operations it was shows only when they are sent one at a time.

use std::collections::BTreeMap;

use crate::session::InFlight;
use crate::{Filter, Ticket};

/// What may be at fault.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Suspect {
    Operation(Ticket),
    /// A subscription that is being restored.
    Subscription(Filter),
}

#[cfg(feature = "trace")]
crate::wire::variants!(Suspect { 0 = Operation(ticket), 1 = Subscription(filter), });

#[derive(Debug)]
pub(crate) struct Suspects {
    closes_max: u32,
    /// How many connections in a row were closed while this was unanswered.
    strikes: BTreeMap<Suspect, u32>,
}

#[cfg(feature = "trace")]
crate::wire::fields!(Suspects { closes_max, strikes });

impl Suspects {
    pub(crate) fn new(closes_max: u32) -> Self {
        Self { closes_max, strikes: BTreeMap::new() }
    }

    /// Whether only one thing at a time may be unanswered, so that the next close shows which it was.
    pub(crate) fn one_at_a_time(&self) -> bool {
        let threshold = (self.closes_max - 1).max(1);
        self.strikes.values().any(|&strikes| strikes >= threshold)
    }

    /// The server closed the connection. Returns what is guilty, with the number of connections it has cost.
    pub(crate) fn closed<'a>(&mut self, unanswered: impl Iterator<Item = &'a InFlight>) -> Option<(Suspect, u32)> {
        let unanswered: Vec<_> = unanswered.flat_map(suspects).collect();
        for suspect in &unanswered {
            *self.strikes.entry(suspect.clone()).or_default() += 1;
        }
        let [suspect] = &unanswered[..] else { return None };
        let strikes = self.strikes.get(suspect).copied().filter(|&strikes| strikes >= self.closes_max)?;
        self.strikes.remove(suspect);
        Some((suspect.clone(), strikes))
    }

    /// Forgets subscriptions that are not renewed any more.
    pub(crate) fn retain(&mut self, renewed: impl Fn(&Filter) -> bool) {
        self.strikes.retain(|suspect, _| match suspect {
            Suspect::Operation(_) => true,
            Suspect::Subscription(filter) => renewed(filter),
        });
    }

    /// The server has answered, or nobody asks any more.
    pub(crate) fn cleared(&mut self, suspect: &Suspect) {
        if !self.strikes.is_empty() {
            self.strikes.remove(suspect);
        }
    }
}

fn suspects(packet: &InFlight) -> Vec<Suspect> {
    match packet {
        InFlight::Publish(ticket, _) | InFlight::Subscribe(ticket, _) | InFlight::Unsubscribe(ticket, _) => {
            vec![Suspect::Operation(*ticket)]
        }
        InFlight::Restore(filters) => filters.iter().map(|(filter, _)| Suspect::Subscription(filter.clone())).collect(),
        InFlight::GivenUp => Vec::new(),
    }
}
