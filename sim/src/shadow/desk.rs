//! What comes in and goes out: how much at a time, and when.

use std::collections::BTreeMap;

use thingwire_core::Instant;

use super::{Publication, Rejection, ShadowName, ShadowRules};
use crate::rate::Bucket;

/// How many rates are remembered before those are forgotten that limit nothing any more.
const RATES_MAX: usize = 1_000;

/// Requests that wait for their answers, and messages that wait for their time.
#[derive(Debug, Default)]
pub(super) struct Desk {
    /// How many requests each caller has with each thing that were not answered.
    under_way: BTreeMap<(u64, String), usize>,
    rates: BTreeMap<ShadowName, Bucket>,
    outgoing: BTreeMap<(Instant, u64), Outgoing>,
    /// Numbers what is put.
    puts: u64,
}

#[derive(Debug)]
enum Outgoing {
    Publication(Publication),
    /// A request of this caller's to this thing is over, whether anybody hears of it or not.
    Release(u64, String),
}

impl Desk {
    /// A request comes in. Also one that is too much is under way until its rejection is out.
    pub(super) fn admit(
        &mut self,
        now: Instant,
        caller: u64,
        name: &ShadowName,
        rules: &ShadowRules,
    ) -> Result<(), Rejection> {
        let under_way = self.under_way.entry((caller, name.thing().to_owned())).or_default();
        *under_way += 1;
        let busy = rules.in_flight_max.is_some_and(|most| *under_way > most);
        if busy || !self.passes(now, name, rules) { Err(Rejection::of(429)) } else { Ok(()) }
    }

    fn passes(&mut self, now: Instant, name: &ShadowName, rules: &ShadowRules) -> bool {
        let rate = rules.requests_per_second;
        if rate.is_none() {
            return true;
        }
        if self.rates.len() > RATES_MAX {
            self.rates.retain(|_, bucket| !bucket.is_full(now));
        }
        self.rates.entry(name.clone()).or_default().pass(now, rate)
    }

    pub(super) fn put(&mut self, due: Instant, publication: Publication) {
        self.push(due, Outgoing::Publication(publication));
    }

    pub(super) fn release(&mut self, due: Instant, caller: u64, name: &ShadowName) {
        self.push(due, Outgoing::Release(caller, name.thing().to_owned()));
    }

    fn push(&mut self, due: Instant, outgoing: Outgoing) {
        self.puts += 1;
        self.outgoing.insert((due, self.puts), outgoing);
    }

    pub(super) fn poll(&mut self, now: Instant) -> Option<Publication> {
        loop {
            let entry = self.outgoing.first_entry().filter(|entry| entry.key().0 <= now)?;
            match entry.remove() {
                Outgoing::Publication(publication) => return Some(publication),
                Outgoing::Release(caller, thing) => self.end(&(caller, thing)),
            }
        }
    }

    fn end(&mut self, request: &(u64, String)) {
        if let Some(left) = self.under_way.get_mut(request) {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.under_way.remove(request);
            }
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.outgoing.keys().next().map(|(due, _)| *due)
    }
}
