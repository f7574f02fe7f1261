//! What the shadow service does wrong.

use serde::{Deserialize, Serialize};

use super::Span;

/// Which of the shadow service's messages a [`Mood`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShadowMessage {
    /// All of them.
    #[default]
    Any,
    /// Answers to requests that were carried out.
    Accepted,
    /// Answers to requests that were not.
    Rejected,
    /// What is desired and not reported.
    Delta,
    /// The shadow before and after an update.
    Documents,
}

/// Something that the shadow service does wrong, again and again. Nothing in it is left to chance: the same requests in the same mood
/// have the same answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mood {
    /// To which messages; [`Whim::Reject`] is about requests, whatever stands here.
    #[serde(default)]
    pub to: ShadowMessage,
    /// To every how many of them; 1 is every one, as is 0.
    #[serde(default = "first")]
    pub every: u32,
    /// To how many of them at most; 0 for all.
    #[serde(default)]
    pub count: u32,
    /// What.
    pub how: Whim,
}

impl Mood {
    /// This whim for all messages of a kind.
    pub fn always(to: ShadowMessage, how: Whim) -> Self {
        Self { to, every: 1, count: 0, how }
    }

    /// Any mood that ends by itself. `below` answers with a number below its argument; zero every time is the simplest mood: one
    /// answer is lost.
    pub fn draw(mut below: impl FnMut(u64) -> u64) -> Self {
        let mut number = |n: u32| u32::try_from(below(n.into())).unwrap_or(0);
        let how = match number(9) {
            0 => Whim::Drop,
            1 => Whim::Delay(Span::millis(u64::from(10 + number(9_991)))),
            2 => Whim::Duplicate(u8::try_from(1 + number(3)).unwrap_or(1)),
            3 => Whim::Reject(CODES[number(10) as usize % CODES.len()]),
            4 => Whim::WithoutToken,
            5 => Whim::ForeignToken,
            6 => Whim::OtherCall,
            7 => Whim::OlderVersion(u64::from(1 + number(5))),
            _ => Whim::Garbled,
        };
        let to = [
            ShadowMessage::Accepted,
            ShadowMessage::Delta,
            ShadowMessage::Any,
            ShadowMessage::Rejected,
            ShadowMessage::Documents,
        ][number(5) as usize % 5];
        Self { to, every: 1 + number(4), count: 1 + number(8), how }
    }
}

/// What a request may be refused with.
const CODES: [u16; 10] = [409, 429, 500, 503, 400, 401, 403, 404, 413, 415];

/// What is wrong with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whim {
    /// It is never published; the request has its effect.
    Drop,
    /// It is published so much later.
    Delay(Span),
    /// It is published so many times more.
    Duplicate(u8),
    /// The request is answered with this code and has no effect.
    Reject(u16),
    /// Its client token is missing.
    WithoutToken,
    /// Its client token is nobody's, and longer than a token can be.
    ForeignToken,
    /// It is published as the answer to another call: an update's to `get`, another's to `update`. Only answers.
    OtherCall,
    /// Its version is so much lower.
    OlderVersion(u64),
    /// It ends in the middle.
    Garbled,
}

fn first() -> u32 {
    1
}
