//! How the network is while nothing goes wrong.

use serde::{Deserialize, Serialize};

use super::Span;

/// The way between device and broker, the same in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Network {
    /// How long a byte travels.
    pub latency: Span,
    /// How much longer it may take, drawn for each segment; bytes still arrive in order.
    pub jitter: Span,
    /// How many bytes pass in a second; 0 for as many as there are.
    pub bytes_per_second: u32,
    /// The most bytes that arrive at once.
    pub segment_len_max: u32,
    /// Whether segments are cut at random, down to one byte, instead of as large as can be.
    pub fragmented: bool,
    /// The most bytes that wait at the sender before it is told to wait.
    pub send_buffer: u32,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            latency: Span::millis(20),
            jitter: Span::millis(0),
            bytes_per_second: 0,
            segment_len_max: 1_460,
            fragmented: false,
            send_buffer: 64 * 1024,
        }
    }
}
