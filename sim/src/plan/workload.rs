//! What the application does.

use serde::{Deserialize, Serialize};
use thingwire_core::{NameError, ShadowName};

use super::Span;

/// Something the application does again and again, from the beginning until the plan's duration is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    try_from = "super::text::WorkloadText",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    tag = "kind"
)]
pub enum Workload {
    /// Publishes.
    Publish {
        /// Where to; `{id}` is the client id, `{n}` a number below `topics`.
        topic: String,
        /// How many topics to spread over.
        topics: u32,
        /// 0 or 1.
        qos: u8,
        /// The time between two, on average.
        every: Span,
        /// Whether the time between two is drawn, from nothing to twice as long, instead of always the same.
        random: bool,
        /// How many at a time.
        burst: u32,
        /// Bytes of payload; at least 8.
        size: u32,
        /// How long a message is worth sending.
        expires_in: Option<Span>,
        /// How many in all; without it, as many as there is time for.
        count: Option<u64>,
    },
    /// The broker publishes to what the device has subscribed to.
    Inbound {
        /// Where to; `{id}` and `{n}` as above.
        topic: String,
        /// How many topics to spread over.
        topics: u32,
        /// 0 or 1.
        qos: u8,
        /// The time between two, on average.
        every: Span,
        /// Whether the time between two is drawn.
        random: bool,
        /// How many at a time.
        burst: u32,
        /// Bytes of payload; at least 8.
        size: u32,
        /// How many in all.
        count: Option<u64>,
    },
    /// Subscribes to and unsubscribes from filters, in turn and at random.
    Churn {
        /// The filter; `{id}` and `{n}` as above.
        filter: String,
        /// How many filters to choose from.
        filters: u32,
        /// The time between two, on average; always drawn.
        every: Span,
    },
    /// Asks for things of the device's shadows: reads, updates and deletes them, watches them and ends that, at random.
    Shadow {
        /// The thing; `{id}` is the client id.
        thing: String,
        /// How many shadows it has: the classic one, and then `s1`, `s2` and so on.
        shadows: u32,
        /// The time between two, on average; always drawn.
        every: Span,
        /// How many at a time.
        burst: u32,
        /// How many in all.
        count: Option<u64>,
    },
    /// Others change, delete and make the shadows, and ask for them in their own name.
    Cloud {
        /// The thing, as above.
        thing: String,
        /// How many shadows to choose from.
        shadows: u32,
        /// The time between two, on average; always drawn.
        every: Span,
        /// How many in all.
        count: Option<u64>,
    },
    /// Does what an application may do although nobody should: starts what runs, stops and starts again, withdraws
    /// operations, acknowledges late and out of order.
    Meddle {
        /// The time between two, on average; always drawn.
        every: Span,
    },
}

/// Something the application does once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Op {
    /// When, from the beginning.
    pub at: Span,
    /// Which device, from 0.
    #[serde(default, skip_serializing_if = "super::text::is_zero")]
    pub device: u32,
    /// What: `do = "stop"`, `do = { discard = { back = 2 } }`.
    #[serde(rename = "do")]
    pub kind: OpKind,
}

/// What the application can do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum OpKind {
    /// Starts the client. Every device starts by itself at the beginning; this is for after a stop.
    Start,
    /// Stops the client.
    Stop,
    /// Publishes.
    Publish {
        /// Where to.
        topic: String,
        /// 0 or 1.
        qos: u8,
        /// Bytes of payload; at least 8.
        #[serde(default = "telemetry")]
        size: u32,
        /// How long it is worth sending.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_in: Option<Span>,
        /// Whether the server keeps it.
        #[serde(default)]
        retain: bool,
    },
    /// Subscribes.
    Subscribe {
        /// To what.
        filters: Vec<String>,
        /// 0 or 1.
        qos: u8,
    },
    /// Ends subscriptions.
    Unsubscribe {
        /// To what.
        filters: Vec<String>,
    },
    /// Withdraws the operation accepted this many operations ago; 0 is the last one.
    Discard {
        /// How many.
        back: u32,
    },
    /// Asks for no input, or for input again.
    Pause {
        /// Whether for none.
        paused: bool,
    },
    /// The broker publishes.
    Inbound {
        /// Where to.
        topic: String,
        /// 0 or 1.
        qos: u8,
        /// Bytes of payload; at least 8.
        #[serde(default = "telemetry")]
        size: u32,
    },
}

impl Workload {
    /// Its topics, or filters, for the device with this client id.
    pub fn topics(&self, client_id: &str) -> Vec<String> {
        let (text, count) = match self {
            Self::Publish { topic, topics, .. } | Self::Inbound { topic, topics, .. } => (topic, *topics),
            Self::Churn { filter, filters, .. } => (filter, *filters),
            Self::Meddle { .. } | Self::Shadow { .. } | Self::Cloud { .. } => return Vec::new(),
        };
        let text = text.replace("{id}", client_id);
        (0..count.max(1)).map(|n| text.replace("{n}", &n.to_string())).collect()
    }

    /// The shadows that it is about, for the device with this client id.
    pub fn shadows(&self, client_id: &str) -> Result<Vec<ShadowName>, NameError> {
        let (Self::Shadow { thing, shadows, .. } | Self::Cloud { thing, shadows, .. }) = self else {
            return Ok(Vec::new());
        };
        let thing = thing.replace("{id}", client_id);
        let name = |n: u32| match n {
            0 => ShadowName::classic(&thing),
            n => ShadowName::named(&thing, &format!("s{n}")),
        };
        (0..(*shadows).max(1)).map(name).collect()
    }
}

impl OpKind {
    /// The topics and filters that it names.
    pub fn topics(&self) -> Vec<String> {
        match self {
            Self::Publish { topic, .. } | Self::Inbound { topic, .. } => vec![topic.clone()],
            Self::Subscribe { filters, .. } | Self::Unsubscribe { filters } => filters.clone(),
            Self::Start | Self::Stop | Self::Discard { .. } | Self::Pause { .. } => Vec::new(),
        }
    }
}

pub(super) fn telemetry() -> u32 {
    64
}

pub(super) fn own_thing() -> String {
    "{id}".to_owned()
}
