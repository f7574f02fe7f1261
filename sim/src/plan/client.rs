//! The clients' settings, under the names of the core's `Config`.

use serde::{Deserialize, Serialize};

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
    /// `none`, `equal`, `full` or `decorrelated`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter: Option<String>,
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
}

impl ClientPlan {
    /// stub
    pub fn to_config(&self, device: u32) -> thingwire_core::Config {
        thingwire_core::Config::new(format!("device-{device}"))
    }
}
