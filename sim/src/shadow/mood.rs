//! What the service does wrong.

use core::time::Duration;

use super::name::Call;

/// Which of the service's messages a [`Mood`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// All of them.
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

/// Something that the service does wrong, again and again. It decides nothing itself: the same requests in the same mood have the
/// same answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mood {
    /// To which messages; [`Whim::Reject`] is about requests, whatever stands here.
    pub kind: Kind,
    /// To every how many of them; 1 is every one, as is 0.
    pub every: u32,
    /// To how many of them at most; 0 for all.
    pub count: u32,
    /// What.
    pub whim: Whim,
}

impl Mood {
    /// This whim for all messages of a kind.
    pub fn always(kind: Kind, whim: Whim) -> Self {
        Self { kind, every: 1, count: 0, whim }
    }

    /// Any mood that ends by itself. `below` answers with a number below its argument; zero every time is the simplest mood: one
    /// answer is lost.
    pub fn draw(mut below: impl FnMut(u64) -> u64) -> Self {
        let mut number = |n: u32| u32::try_from(below(n.into())).unwrap_or(0);
        let whim = match number(9) {
            0 => Whim::Drop,
            1 => Whim::Delay(Duration::from_millis(u64::from(10 + number(9_991)))),
            2 => Whim::Duplicate(u8::try_from(1 + number(3)).unwrap_or(1)),
            3 => Whim::Reject(CODES[number(10) as usize % CODES.len()]),
            4 => Whim::WithoutToken,
            5 => Whim::ForeignToken,
            6 => Whim::OtherCall,
            7 => Whim::OlderVersion(u64::from(1 + number(5))),
            _ => Whim::Garbled,
        };
        let kind = [Kind::Accepted, Kind::Delta, Kind::Any, Kind::Rejected, Kind::Documents][number(5) as usize % 5];
        Self { kind, every: 1 + number(4), count: 1 + number(8), whim }
    }
}

/// What a request may be refused with.
const CODES: [u16; 10] = [409, 429, 500, 503, 400, 401, 403, 404, 413, 415];

/// What is wrong with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whim {
    /// It is never published; the request has its effect.
    Drop,
    /// It is published so much later.
    Delay(Duration),
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

impl Whim {
    /// The token that is nobody's.
    pub(super) fn foreign_token() -> String {
        "nobody".repeat(20)
    }

    /// The call to which [`Whim::OtherCall`] answers.
    pub(super) fn other(call: Call) -> Call {
        if call == Call::Update { Call::Get } else { Call::Update }
    }
}

/// The moods that are on.
#[derive(Debug, Default)]
pub(super) struct Moods(Vec<Active>);

#[derive(Debug)]
struct Active {
    id: u32,
    mood: Mood,
    met: u32,
    done: u32,
}

impl Moods {
    pub(super) fn begin(&mut self, id: u32, mood: Mood) {
        self.end(id);
        self.0.push(Active { id, mood, met: 0, done: 0 });
    }

    pub(super) fn end(&mut self, id: u32) {
        self.0.retain(|active| active.id != id);
    }

    /// The code that the next request is answered with, if it is refused.
    pub(super) fn rejects(&mut self) -> Option<u16> {
        self.0.iter_mut().find_map(|active| match active.mood.whim {
            Whim::Reject(code) => active.strikes().then_some(code),
            _ => None,
        })
    }

    /// What is done to the next message of this kind. Each mood counts what it meets, and the first whose turn it is has its way.
    pub(super) fn whim(&mut self, kind: Kind) -> Option<Whim> {
        self.0.iter_mut().find_map(|active| {
            let Mood { kind: about, whim, .. } = active.mood;
            let meets = !matches!(whim, Whim::Reject(_)) && (about == kind || about == Kind::Any);
            (meets && active.strikes()).then_some(whim)
        })
    }
}

impl Active {
    fn strikes(&mut self) -> bool {
        let Mood { every, count, .. } = self.mood;
        if count > 0 && self.done == count {
            return false;
        }
        self.met += 1;
        let strikes = self.met % every.max(1) == 0;
        self.done += u32::from(strikes);
        strikes
    }
}
