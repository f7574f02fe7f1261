//! A service with a clock, and somebody who asks it.

use std::time::Duration;

use serde_json::Value;
use thingwire_core::Instant;
use thingwire_sim::shadow::{Moment, Publication, Service, ShadowName, ShadowRules};

/// What everything happens at, unless a test lets time pass.
pub(crate) const TIME: u64 = 1_700_000_000;

pub(crate) struct Rig {
    pub(crate) service: Service,
    pub(crate) now: Instant,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// The rules of AWS without its rates, and with one change.
    pub(crate) fn with(change: impl FnOnce(&mut ShadowRules)) -> Self {
        let mut rules = ShadowRules { requests_per_second: None, ..ShadowRules::aws() };
        change(&mut rules);
        Self { service: Service::new(rules), now: Instant::EPOCH }
    }

    pub(crate) fn moment(&self) -> Moment {
        Moment { now: self.now, unix_seconds: TIME + self.now.as_micros() / 1_000_000 }
    }

    pub(crate) fn pass(&mut self, span: Duration) {
        self.now = self.now + span;
    }

    /// Publishes to `$aws/things/t/shadow/…` and returns everything that is published then, topics without that beginning.
    pub(crate) fn ask(&mut self, request: &str, payload: impl AsRef<[u8]>) -> Vec<(String, Value)> {
        self.send(1, request, payload);
        self.told()
    }

    /// The same without waiting for an answer.
    pub(crate) fn send(&mut self, caller: u64, request: &str, payload: impl AsRef<[u8]>) {
        let topic = format!("$aws/things/t/shadow/{request}");
        assert!(self.service.request(self.moment(), caller, &topic, payload.as_ref()), "{topic}");
    }

    /// What is published by now.
    pub(crate) fn told(&mut self) -> Vec<(String, Value)> {
        let read = |publication: Publication| {
            let topic = publication.topic.strip_prefix("$aws/things/t/shadow/").unwrap().to_owned();
            (topic, serde_json::from_slice(&publication.payload).unwrap())
        };
        std::iter::from_fn(|| self.service.poll(self.now)).map(read).collect()
    }

    /// Updates, and returns what was published, which an update that is accepted ends with.
    pub(crate) fn update(&mut self, payload: impl AsRef<[u8]>) -> Vec<(String, Value)> {
        let told = self.ask("update", payload);
        assert_eq!(told.last().map(|(topic, _)| topic.as_str()), Some("update/accepted"), "{told:?}");
        told
    }

    /// The code and the words of a rejection, which is all that is published.
    pub(crate) fn rejection(&mut self, request: &str, payload: impl AsRef<[u8]>) -> (u64, String) {
        let told = self.ask(request, payload);
        let [(topic, body)] = &told[..] else { panic!("{told:?}") };
        assert_eq!(*topic, format!("{request}/rejected"));
        (body["code"].as_u64().unwrap(), body["message"].as_str().unwrap().to_owned())
    }

    /// What `get` says.
    pub(crate) fn got(&mut self) -> Value {
        let mut told = self.ask("get", "");
        assert_eq!((told.len(), told[0].0.as_str()), (1, "get/accepted"), "{told:?}");
        told.remove(0).1
    }

    pub(crate) fn name() -> ShadowName {
        ShadowName::classic("t").unwrap()
    }
}
