//! How many CONNECTs the service takes (B-2).

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use thingwire_core::Instant;

use super::Rules;
use crate::rate::Bucket;

/// What was taken lately.
#[derive(Debug, Default)]
pub(super) struct Admission {
    /// Of all clients.
    connects: Bucket,
    /// When a client id connected, for as long as it must wait.
    recent: BTreeMap<Arc<str>, Instant>,
    /// The same in the order of time.
    order: VecDeque<(Instant, Arc<str>)>,
}

impl Admission {
    /// Whether a CONNECT of `client_id` is taken now.
    pub(super) fn admits(&mut self, now: Instant, client_id: &str, rules: &Rules) -> bool {
        while let Some((at, _)) = self.order.front() {
            if *at + rules.connect_spacing > now {
                break;
            }
            if let Some((at, old)) = self.order.pop_front() {
                if self.recent.get(&old) == Some(&at) {
                    self.recent.remove(&old);
                }
            }
        }
        if self.recent.contains_key(client_id) || !self.connects.pass(now, rules.connects_per_second) {
            return false;
        }
        if !rules.connect_spacing.is_zero() && !client_id.is_empty() {
            let client_id: Arc<str> = client_id.into();
            self.recent.insert(Arc::clone(&client_id), now);
            self.order.push_back((now, client_id));
        }
        true
    }
}
