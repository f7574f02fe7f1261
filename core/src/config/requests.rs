//! How requests are made and answered over topics.

use core::time::Duration;

use super::{ConfigError, NOT_ZERO, at_least_a_tick, rule};

/// What holds for requests that the service answers on topics, as those to device shadows.
///
/// A request is published only when the topics of its answers are subscribed to. These subscriptions count among
/// [`Limits::subscriptions_max`](crate::Limits::subscriptions_max).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestConfig {
    /// From the call to the outcome, whatever happens; each request may have its own. Default: 10 s.
    pub timeout: Duration,
    /// Requests without an outcome. Default: 100.
    pub count_max: usize,
    /// Requests that are published and have no answer yet; more wait for their turn. Default: 10, all that the service
    /// takes at a time.
    pub in_flight_max: usize,
    /// Filters that answers and notifications are subscribed to with. Default: 50, all of a connection's; those of the
    /// application go first.
    pub filters_max: usize,
    /// Watches of shadows; those of one shadow share their subscriptions. Default: 100.
    pub watches_max: usize,
    /// Whether subscriptions for answers stay when nobody waits for one, until another needs the place: the next
    /// request of the kind is published at once. Default: true.
    pub keep_subscriptions: bool,
}

impl Default for RequestConfig {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            count_max: 100,
            in_flight_max: 10,
            filters_max: 50,
            watches_max: 100,
            keep_subscriptions: true,
        }
    }
}

impl RequestConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        at_least_a_tick("requests.timeout", self.timeout)?;
        rule("requests.in_flight_max", self.in_flight_max, NOT_ZERO, self.in_flight_max != 0)?;
        let filters = self.filters_max;
        rule("requests.filters_max", filters, "at least the two of one request", filters >= 2)
    }
}
