//! Where something is asked of a shadow, and where the service says yes and no (§3.3).

use std::collections::BTreeMap;

use crate::{Filter, ShadowName, ShadowOperation, Topic};

/// So many are kept.
const KEPT_MAX: usize = 64;

/// What can be asked of a shadow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verb {
    Get,
    Update,
    Delete,
}

impl From<&ShadowOperation> for Verb {
    fn from(operation: &ShadowOperation) -> Self {
        match operation {
            ShadowOperation::Get => Self::Get,
            ShadowOperation::Update(_) => Self::Update,
            ShadowOperation::Delete => Self::Delete,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct RequestTopics {
    pub(super) ask: Topic,
    pub(super) answers: [Filter; 2],
}

impl RequestTopics {
    pub(super) fn new(shadow: &ShadowName, verb: Verb) -> Self {
        let verb = match verb {
            Verb::Get => "get",
            Verb::Update => "update",
            Verb::Delete => "delete",
        };
        let answers = ["accepted", "rejected"].map(|answer| shadow.filter(&[verb, "/", answer].concat()));
        Self { ask: shadow.topic(verb), answers }
    }
}

/// Those of the last shadows that something was asked of: most are asked again.
#[derive(Debug, Default)]
pub(super) struct TopicsCache(BTreeMap<(ShadowName, Verb), RequestTopics>);

impl TopicsCache {
    pub(super) fn get(&mut self, shadow: &ShadowName, verb: Verb) -> &RequestTopics {
        let key = (shadow.clone(), verb);
        if self.0.len() >= KEPT_MAX && !self.0.contains_key(&key) {
            self.0.clear();
        }
        self.0.entry(key).or_insert_with(|| RequestTopics::new(shadow, verb))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_topics_of_many_shadows_are_kept_but_not_of_any_number() {
        let mut cache = TopicsCache::default();
        let mut ask = |number: usize| {
            cache.get(&ShadowName::classic(&format!("thing-{number}")).unwrap(), Verb::Get);
            cache.0.len()
        };
        assert_eq!((0..KEPT_MAX).map(&mut ask).last(), Some(KEPT_MAX));
        assert_eq!(ask(0), KEPT_MAX, "it is there");
        assert!(ask(KEPT_MAX) <= KEPT_MAX);
    }
}
