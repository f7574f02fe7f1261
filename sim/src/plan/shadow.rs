//! What goes wrong with device shadows.

use serde::{Deserialize, Serialize};

use super::Span;
use crate::shadow::{Order, ShadowRules};

/// How the shadow service is otherwise than usual, and what others do to the shadows of a device. What is wrong with its
/// messages is a [`Mood`](super::Mood).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum ShadowFault {
    /// Its answers take this long while it lasts.
    Slow(Span),
    /// It tells of an update in this order while it lasts.
    Order(ShadowOrder),
    /// The versions of a deleted shadow begin anew while it lasts, instead of going on.
    Forgetful,
    /// It takes only this many requests at a time of one connection while it lasts.
    Busy(u32),
    /// It answers nobody while it lasts, and does nothing.
    Absent,
    /// Somebody deletes the shadows of the device.
    Delete,
    /// Somebody deletes them, and makes them anew at once.
    Recreate,
}

/// In which order the service tells of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShadowOrder {
    /// The answer before what differs.
    AcceptedFirst,
    /// Another order each time.
    Changing,
}

impl ShadowFault {
    /// What it makes of the service's rules while it lasts.
    pub(crate) fn bend(&self, rules: &mut ShadowRules) {
        match *self {
            Self::Slow(span) => rules.latency = span.0,
            Self::Order(ShadowOrder::AcceptedFirst) => rules.order = Order::AcceptedFirst,
            Self::Order(ShadowOrder::Changing) => rules.order = Order::Changing,
            Self::Forgetful => rules.memory = core::time::Duration::ZERO,
            Self::Busy(most) => rules.in_flight_max = usize::try_from(most).ok(),
            Self::Absent | Self::Delete | Self::Recreate => {}
        }
    }
}
