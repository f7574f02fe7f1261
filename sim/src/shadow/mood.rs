//! What the service does wrong.

use super::name::Call;
use crate::plan::{Mood, ShadowMessage, Whim};

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
        self.0.iter_mut().find_map(|active| match active.mood.how {
            Whim::Reject(code) => active.strikes().then_some(code),
            _ => None,
        })
    }

    /// What is done to the next message of this kind. Each mood counts what it meets, and the first whose turn it is has its way.
    pub(super) fn whim(&mut self, kind: ShadowMessage) -> Option<Whim> {
        self.0.iter_mut().find_map(|active| {
            let Mood { to, how, .. } = active.mood;
            let meets = !matches!(how, Whim::Reject(_)) && (to == kind || to == ShadowMessage::Any);
            (meets && active.strikes()).then_some(how)
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

/// The token that is nobody's.
pub(super) fn foreign_token() -> String {
    "nobody".repeat(20)
}

/// The call to which [`Whim::OtherCall`] answers.
pub(super) fn other(call: Call) -> Call {
    if call == Call::Update { Call::Get } else { Call::Update }
}
