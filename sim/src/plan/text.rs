//! The shapes of faults and workloads in a file: flat tables whose keys are all known, so that an error can name its
//! place.

use serde::{Deserialize, Serialize};

use super::workload::{own_thing, telemetry};
use super::{Fault, PacketType, PhaseName, PlannedFault, Span, Trigger, Workload};

/// A fault as it is written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct FaultText {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<Span>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    when: Option<WhenText>,
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    lasts: Option<Span>,
    #[serde(default, skip_serializing_if = "is_zero")]
    device: u32,
    #[serde(rename = "do")]
    fault: Fault,
}

/// What a fault waits for, as it is written.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct WhenText {
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<PhaseName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent: Option<PacketType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<PacketType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queued: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nth: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Span>,
}

impl TryFrom<FaultText> for PlannedFault {
    type Error = &'static str;

    fn try_from(text: FaultText) -> Result<Self, Self::Error> {
        let when = match (text.at, text.when) {
            (Some(at), None) => Trigger::At(at),
            (None, Some(when)) => when.trigger()?,
            (None, None) => return Err("a fault needs a time: `at = \"10m\"` or `when = { … }`"),
            (Some(_), Some(_)) => return Err("a fault has either `at` or `when`, not both"),
        };
        Ok(Self { name: text.name, when, lasts: text.lasts, device: text.device, fault: text.fault })
    }
}

impl WhenText {
    fn trigger(self) -> Result<Trigger, &'static str> {
        let (nth, after) = (self.nth.unwrap_or(1), self.after.unwrap_or_default());
        match (self.phase, self.sent, self.answer, self.queued) {
            (Some(phase), None, None, None) => Ok(Trigger::OnPhase { phase, nth, after }),
            (None, Some(packet), None, None) => Ok(Trigger::OnSent { packet, nth, after }),
            (None, None, Some(packet), None) => Ok(Trigger::OnAnswer { packet, nth, after }),
            (None, None, None, Some(queued)) if self.nth.is_none() && self.after.is_none() => {
                Ok(Trigger::OnQueued(queued))
            }
            (None, None, None, Some(_)) => Err("`queued` has neither `nth` nor `after`"),
            _ => Err("`when` needs exactly one of `phase`, `sent`, `answer` and `queued`"),
        }
    }
}

impl From<PlannedFault> for FaultText {
    fn from(planned: PlannedFault) -> Self {
        let PlannedFault { name, when, lasts, device, fault } = planned;
        let nth = |nth: u32| (nth != 1).then_some(nth);
        let after = |after: Span| (after != Span::default()).then_some(after);
        let (at, when) = match when {
            Trigger::At(at) => (Some(at), None),
            Trigger::OnPhase { phase, nth: n, after: span } => {
                (None, Some(WhenText { phase: Some(phase), nth: nth(n), after: after(span), ..WhenText::default() }))
            }
            Trigger::OnSent { packet, nth: n, after: span } => {
                (None, Some(WhenText { sent: Some(packet), nth: nth(n), after: after(span), ..WhenText::default() }))
            }
            Trigger::OnAnswer { packet, nth: n, after: span } => {
                (None, Some(WhenText { answer: Some(packet), nth: nth(n), after: after(span), ..WhenText::default() }))
            }
            Trigger::OnQueued(queued) => (None, Some(WhenText { queued: Some(queued), ..WhenText::default() })),
        };
        Self { name, at, when, lasts, device, fault }
    }
}

/// A workload as it is written: the keys of every kind.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WorkloadText {
    kind: Kind,
    every: Span,
    topic: Option<String>,
    topics: Option<u32>,
    qos: Option<u8>,
    random: Option<bool>,
    burst: Option<u32>,
    size: Option<u32>,
    expires_in: Option<Span>,
    count: Option<u64>,
    filter: Option<String>,
    filters: Option<u32>,
    thing: Option<String>,
    shadows: Option<u32>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Publish,
    Inbound,
    Churn,
    Meddle,
    Shadow,
    Cloud,
}

impl Kind {
    /// The keys that mean nothing to this kind, besides `kind` and `every`.
    fn is_foreign(self, key: &str) -> bool {
        let known: &[&str] = match self {
            Self::Publish => &["topic", "topics", "qos", "random", "burst", "size", "expires-in", "count"],
            Self::Inbound => &["topic", "topics", "qos", "random", "burst", "size", "count"],
            Self::Churn => &["filter", "filters"],
            Self::Meddle => &[],
            Self::Shadow => &["thing", "shadows", "burst", "count"],
            Self::Cloud => &["thing", "shadows", "count"],
        };
        !known.contains(&key)
    }
}

impl TryFrom<WorkloadText> for Workload {
    type Error = String;

    fn try_from(text: WorkloadText) -> Result<Self, Self::Error> {
        let (kind, every) = (text.kind, text.every);
        if let Some(key) = text.keys().into_iter().find(|key| kind.is_foreign(key)) {
            return Err(format!("`{key}` means nothing to this kind of workload"));
        }
        let missing = |key: &str| format!("this kind of workload needs `{key}`");
        let topics = text.topics.unwrap_or(1);
        let (random, burst) = (text.random.unwrap_or(false), text.burst.unwrap_or(1));
        let (size, count) = (text.size.unwrap_or_else(telemetry), text.count);
        let topic = text.topic.ok_or_else(|| missing("topic"));
        let qos = text.qos.ok_or_else(|| missing("qos"));
        Ok(match kind {
            Kind::Publish => {
                let expires_in = text.expires_in;
                Self::Publish { topic: topic?, topics, qos: qos?, every, random, burst, size, expires_in, count }
            }
            Kind::Inbound => Self::Inbound { topic: topic?, topics, qos: qos?, every, random, burst, size, count },
            Kind::Churn => {
                let filter = text.filter.ok_or_else(|| missing("filter"))?;
                Self::Churn { filter, filters: text.filters.unwrap_or(1), every }
            }
            Kind::Meddle => Self::Meddle { every },
            Kind::Shadow | Kind::Cloud => {
                let (thing, shadows) = (text.thing.unwrap_or_else(own_thing), text.shadows.unwrap_or(1));
                match kind {
                    Kind::Shadow => Self::Shadow { thing, shadows, every, burst, count },
                    _ => Self::Cloud { thing, shadows, every, count },
                }
            }
        })
    }
}

impl WorkloadText {
    /// The keys that were written, besides `kind` and `every`.
    fn keys(&self) -> Vec<&'static str> {
        [
            ("topic", self.topic.is_some()),
            ("topics", self.topics.is_some()),
            ("qos", self.qos.is_some()),
            ("random", self.random.is_some()),
            ("burst", self.burst.is_some()),
            ("size", self.size.is_some()),
            ("expires-in", self.expires_in.is_some()),
            ("count", self.count.is_some()),
            ("filter", self.filter.is_some()),
            ("filters", self.filters.is_some()),
            ("thing", self.thing.is_some()),
            ("shadows", self.shadows.is_some()),
        ]
        .into_iter()
        .filter_map(|(key, written)| written.then_some(key))
        .collect()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
pub(super) fn is_zero(number: &u32) -> bool {
    *number == 0
}
