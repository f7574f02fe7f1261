//! What the service accepts, checked before anything is sent.

use core::time::Duration;

use crate::{Filter, Refusal, Topic};

/// The limits of the service, so that a request it would punish is refused at the call.
///
/// AWS IoT Core answers most violations by closing the connection, which would lose more than the request at
/// fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of payload in one message, out.
    pub payload_len_max: usize,
    /// Bytes in one packet, in: fixed header included. A longer one closes the link before it is stored.
    pub packet_len_max: usize,
    /// Bytes in a topic or filter.
    pub topic_len_max: usize,
    /// Slashes in a topic or filter.
    pub topic_slashes_max: usize,
    /// Filters in one SUBSCRIBE or UNSUBSCRIBE.
    pub filters_per_request_max: usize,
    /// Filters subscribed to at one time.
    pub subscriptions_max: usize,
    /// Bytes in the client id.
    pub client_id_len_max: usize,
    /// Publishes in any second, both ways together; more are held back. What arrives takes up nine tenths of it at
    /// most, and nothing of less than 3. `None` for no limit.
    pub publishes_per_second_max: Option<u32>,
    /// Bytes of publishes a second, out, in the long run; more are held back. `None` for no limit.
    pub bytes_per_second_max: Option<u32>,
    /// The least time between two CONNECTs of one client id.
    pub connect_spacing: Duration,
    /// Bytes of a device shadow's desired and reported state together, as JSON without space (S-6).
    pub shadow_len_max: usize,
    /// Levels of nesting in either of them (S-4).
    pub shadow_levels_max: usize,
    /// Whether ids and topics beginning with `$` are reserved as on AWS.
    pub dollar_reserved: bool,
}

impl Limits {
    /// AWS IoT Core's limits (rules B-1, B-2, B-10, B-11, B-13, B-14, B-30, B-31 of the service's documentation).
    pub const fn aws() -> Self {
        Self {
            payload_len_max: 128 * 1024,
            packet_len_max: 128 * 1024 + 1024,
            topic_len_max: 256,
            topic_slashes_max: 7,
            filters_per_request_max: 8,
            subscriptions_max: 50,
            client_id_len_max: 128,
            publishes_per_second_max: Some(100),
            bytes_per_second_max: Some(512 * 1024),
            connect_spacing: Duration::from_secs(1),
            shadow_len_max: 8 * 1024,
            shadow_levels_max: 8,
            dollar_reserved: true,
        }
    }

    /// Only what MQTT 3.1.1 itself allows: for other brokers.
    pub const fn none() -> Self {
        Self {
            payload_len_max: PACKET_LEN_MAX - 65_535 - 9,
            packet_len_max: PACKET_LEN_MAX,
            topic_len_max: 65_535,
            topic_slashes_max: 65_535,
            filters_per_request_max: 1_000,
            subscriptions_max: 100_000,
            client_id_len_max: 65_535,
            publishes_per_second_max: None,
            bytes_per_second_max: None,
            connect_spacing: Duration::ZERO,
            shadow_len_max: usize::MAX,
            shadow_levels_max: usize::MAX,
            dollar_reserved: false,
        }
    }

    pub(crate) fn check_topic(&self, topic: &Topic) -> Result<(), Refusal> {
        self.check_text(topic.as_str())
    }

    pub(crate) fn check_filter(&self, filter: &Filter) -> Result<(), Refusal> {
        self.check_text(filter.as_str())
    }

    pub(crate) fn check_payload(&self, len: usize) -> Result<(), Refusal> {
        at_most(len, self.payload_len_max).map_err(|max| Refusal::PayloadTooLong { len, max })
    }

    fn check_text(&self, text: &str) -> Result<(), Refusal> {
        let counted = if self.dollar_reserved { past_basic_ingest(text) } else { text };
        at_most(counted.len(), self.topic_len_max).map_err(|max| Refusal::TopicTooLong { len: counted.len(), max })?;
        if self.topic_slashes_max >= counted.len() {
            return Ok(());
        }
        let slashes = counted.bytes().filter(|&byte| byte == b'/').count();
        at_most(slashes, self.topic_slashes_max).map_err(|max| Refusal::TopicTooDeep { slashes, max })
    }
}

/// The largest packet of MQTT 3.1.1: a five-byte fixed header and 268,435,455 bytes (§2.2.3).
pub(crate) const PACKET_LEN_MAX: usize = crate::frame::REMAINING_LEN_MAX + 5;

fn at_most(value: usize, max: usize) -> Result<(), usize> {
    if value <= max { Ok(()) } else { Err(max) }
}

/// The part of a topic that counts: without `$aws/rules/<rule>/` or `$share/<group>/` (B-14, B-32).
fn past_basic_ingest(text: &str) -> &str {
    let rest = text.strip_prefix("$aws/rules/").or_else(|| text.strip_prefix("$share/"));
    rest.and_then(|rest| rest.split_once('/')).map_or(text, |(_, counted)| counted)
}
