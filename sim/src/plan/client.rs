//! The clients' settings, under the names of the core's `Config`.

use core::time::Duration;

use serde::{Deserialize, Serialize};
use thingwire_core::{Config, Drain, Jitter, Limits, WhenFull};

use super::Span;

/// How clients are configured; what is absent has the core's default.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ClientPlan {
    /// Whether to start from the Device Advisor preset instead of from the defaults.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub device_advisor: bool,
    /// Whether every device has the same client id.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub same_id: bool,
    /// Whether AWS's limits are off, at the client and at the broker.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub no_limits: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[expect(missing_docs, reason = "documented at the core's Config")]
    pub clean_session: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[expect(missing_docs, reason = "documented at the core's Config")]
    pub keep_alive: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[expect(missing_docs, reason = "documented at the core's Config")]
    pub manual_acks: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[expect(missing_docs, reason = "documented at the core's Config")]
    pub connect_timeout: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[expect(missing_docs, reason = "documented at the core's Config")]
    pub operation_timeout: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[expect(missing_docs, reason = "documented at the core's Config")]
    pub resend_after: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[expect(missing_docs, reason = "documented at the core's Config")]
    pub closes_max: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[expect(missing_docs, reason = "documented at the core's Config")]
    pub in_flight_max: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[expect(missing_docs, reason = "documented at the core's Config")]
    pub unacked_max: Option<u16>,
    /// `BackoffConfig::base`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff_base: Option<Span>,
    /// `BackoffConfig::max`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff_max: Option<Span>,
    /// `BackoffConfig::stable`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff_stable: Option<Span>,
    /// `BackoffConfig::jitter`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter: Option<JitterName>,
    /// Operations that may wait; -1 for as many as there are, 0 for none while offline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<i64>,
    /// Bytes that may wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_bytes: Option<u64>,
    /// Whether a full queue gives up its oldest operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drop_oldest: Option<bool>,
    /// Requests a second while draining; 0 for as fast as can be, -1 for adaptive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drain_hz: Option<f64>,
    /// `RequestConfig::timeout`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_timeout: Option<Span>,
    /// `RequestConfig::count_max`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_max: Option<u32>,
    /// `RequestConfig::in_flight_max`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_in_flight: Option<u32>,
    /// `RequestConfig::filters_max`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_filters: Option<u32>,
    /// `RequestConfig::keep_subscriptions`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_subscriptions: Option<bool>,
}

/// How waits are spread: the names of the core's `Jitter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "documented at the core's Jitter")]
pub enum JitterName {
    None,
    Full,
    Equal,
    Decorrelated,
}

impl ClientPlan {
    /// The client id of a device: `device-0` and so on, or `device` for all of them with `same_id`.
    pub fn client_id(&self, device: u32) -> String {
        if self.same_id { "device".to_owned() } else { format!("device-{device}") }
    }

    /// The core's settings for a device. Values that no client can have stay what they are, for
    /// [`check`](Self::check) to find.
    pub fn to_config(&self, device: u32) -> Config {
        let id = self.client_id(device);
        let mut config = if self.device_advisor { Config::device_advisor(id) } else { Config::new(id) };
        if self.no_limits {
            config.limits = Limits::none();
        }
        set(&mut config.clean_session, self.clean_session);
        set(&mut config.keep_alive, self.keep_alive.map(|span| span.0));
        set(&mut config.manual_acks, self.manual_acks);
        set(&mut config.connect_timeout, self.connect_timeout.map(|span| span.0));
        set(&mut config.operation_timeout, self.operation_timeout.map(|span| span.0));
        set(&mut config.resend_after, self.resend_after.map(|span| Some(span.0)));
        set(&mut config.closes_max, self.closes_max);
        set(&mut config.in_flight_max, self.in_flight_max);
        set(&mut config.unacked_max, self.unacked_max);
        set(&mut config.backoff.base, self.backoff_base.map(|span| span.0));
        set(&mut config.backoff.max, self.backoff_max.map(|span| span.0));
        set(&mut config.backoff.stable, self.backoff_stable.map(|span| span.0));
        set(&mut config.backoff.jitter, self.jitter.map(Jitter::from));
        // What does not fit is -1, or as good as unlimited.
        set(&mut config.queue.count_max, self.queue.map(|count| usize::try_from(count).ok()));
        set(&mut config.queue.bytes_max, self.queue_bytes.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX)));
        set(&mut config.queue.when_full, self.drop_oldest.map(when_full));
        set(&mut config.drain, self.drain_hz.map(drain));
        set(&mut config.requests.timeout, self.request_timeout.map(|span| span.0));
        set(&mut config.requests.count_max, self.requests_max.map(number));
        set(&mut config.requests.in_flight_max, self.requests_in_flight.map(number));
        set(&mut config.requests.filters_max, self.request_filters.map(number));
        set(&mut config.requests.keep_subscriptions, self.keep_subscriptions);
        config
    }

    /// Checks every value: the name of the one that cannot be, and why not.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        if self.queue.is_some_and(|count| count < -1) {
            return Err(("queue", "it is -1 for no bound, 0 for no queue while offline, or a number".to_owned()));
        }
        if self.drain_hz.is_some_and(|hz| !hz.is_finite() || (hz < 0.0 && (hz + 1.0).abs() > f64::EPSILON)) {
            return Err(("drain-hz", "it is -1 for adaptive, 0 for no bound, or a number per second".to_owned()));
        }
        self.to_config(0).validate().map_err(|error| (key(error.field), error.to_string()))
    }
}

impl From<JitterName> for Jitter {
    fn from(name: JitterName) -> Self {
        match name {
            JitterName::None => Self::None,
            JitterName::Full => Self::Full,
            JitterName::Equal => Self::Equal,
            JitterName::Decorrelated => Self::Decorrelated,
        }
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

fn number(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn when_full(drop_oldest: bool) -> WhenFull {
    if drop_oldest { WhenFull::DropOldest } else { WhenFull::DropNewest }
}

fn drain(hz: f64) -> Drain {
    if hz < 0.0 {
        Drain::Adaptive
    } else if hz == 0.0 {
        Drain::Unlimited
    } else {
        Drain::Every(Duration::try_from_secs_f64(hz.recip()).unwrap_or(Duration::MAX))
    }
}

/// The key of a scenario file for a field of the core's configuration.
fn key(field: &str) -> &'static str {
    match field {
        "keep_alive" => "keep-alive",
        "connect_timeout" => "connect-timeout",
        "operation_timeout" => "operation-timeout",
        "resend_after" => "resend-after",
        "closes_max" => "closes-max",
        "in_flight_max" => "in-flight-max",
        "unacked_max" => "unacked-max",
        "backoff.base" => "backoff-base",
        "backoff.max" => "backoff-max",
        "backoff.stable" => "backoff-stable",
        "drain" => "drain-hz",
        "requests.timeout" => "request-timeout",
        "requests.count_max" => "requests-max",
        "requests.in_flight_max" => "requests-in-flight",
        "requests.filters_max" => "request-filters",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_has_the_default() {
        let config = ClientPlan::default().to_config(3);
        assert_eq!(format!("{config:?}"), format!("{:?}", Config::new("device-3")));
        let advisor = ClientPlan { device_advisor: true, ..ClientPlan::default() };
        assert_eq!(format!("{:?}", advisor.to_config(0)), format!("{:?}", Config::device_advisor("device-0")));
    }

    #[test]
    fn special_values_mean_what_they_say() {
        let plan = |queue, hz| ClientPlan { queue: Some(queue), drain_hz: Some(hz), ..ClientPlan::default() };
        let config = plan(-1, -1.0).to_config(0);
        assert_eq!((config.queue.count_max, config.drain), (None, Drain::Adaptive));
        let config = plan(0, 0.0).to_config(0);
        assert_eq!((config.queue.count_max, config.drain), (Some(0), Drain::Unlimited));
        let config = plan(3, 0.5).to_config(0);
        assert_eq!((config.queue.count_max, config.drain), (Some(3), Drain::Every(Duration::from_secs(2))));
    }

    #[test]
    fn a_value_that_cannot_be_is_named() {
        let wrong = |plan: ClientPlan| plan.check().unwrap_err().0;
        let base = ClientPlan::default();
        assert_eq!(base.check(), Ok(()));
        assert_eq!(wrong(ClientPlan { queue: Some(-2), ..base.clone() }), "queue");
        for hz in [f64::NAN, f64::INFINITY, -0.5, 1e-9, 1e9] {
            assert_eq!(wrong(ClientPlan { drain_hz: Some(hz), ..base.clone() }), "drain-hz", "{hz}");
        }
        assert_eq!(wrong(ClientPlan { keep_alive: Some(Span::millis(1_500)), ..base.clone() }), "keep-alive");
        assert_eq!(wrong(ClientPlan { backoff_base: Some(Span::secs(33)), ..base.clone() }), "backoff-max");
        assert_eq!(wrong(ClientPlan { in_flight_max: Some(0), ..base }), "in-flight-max");
    }
}
