//! One run, whatever becomes of it.

use core::cell::RefCell;
use core::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use serde::{Deserialize, Serialize};

use crate::picture::clock;
use crate::plan::Plan;
use crate::run::Run;

/// What makes a run of a plan, with its trace or without.
pub type Runner<'a> = &'a (dyn Fn(&Plan, bool) -> Run + Sync);

/// A run and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// What came of it; nothing where the client panicked.
    pub run: Run,
    /// The panic's message and place.
    pub panic: Option<String>,
}

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// What must happen did not.
    Liveness,
    /// What must never happen did.
    Safety,
    /// The client panicked.
    Panic,
}

/// What two failures have in common that have the same cause: what must hold, and what was seen, without its numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Signature {
    /// The oracle's id, or `panic`.
    pub oracle: String,
    /// What was seen, with `#` for every number.
    pub what: String,
}

impl Attempt {
    /// Why the run failed; `None` for one that passed.
    pub fn signature(&self) -> Option<Signature> {
        if let Some(message) = &self.panic {
            return Some(Signature { oracle: "panic".to_owned(), what: normalised(message) });
        }
        let first = self.run.findings.first()?;
        Some(Signature { oracle: first.oracle.to_string(), what: normalised(&first.what) })
    }

    /// What was seen, with its numbers; `None` for a run that passed.
    pub fn seen(&self) -> Option<String> {
        if let Some(message) = &self.panic {
            return Some(format!("the client panicked: {message}"));
        }
        let first = self.run.findings.first()?;
        Some(format!("{} at {}, device {}: {}", first.oracle, clock(first.at), first.device, first.what))
    }
}

impl Signature {
    /// What kind of failure it is.
    pub fn kind(&self) -> Kind {
        match self.oracle.as_str() {
            "panic" => Kind::Panic,
            id if id.starts_with('L') => Kind::Liveness,
            _ => Kind::Safety,
        }
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.oracle, self.what)
    }
}

/// Makes a run, and survives it.
pub fn attempt(plan: &Plan, record: bool, runner: Runner<'_>) -> Attempt {
    quiet_panics();
    WATCHED.set(Watched::Running);
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| runner(plan, record)));
    let message = match WATCHED.take() {
        Watched::Panicked(message) => message,
        Watched::Nothing | Watched::Running => SILENT.to_owned(),
    };
    match outcome {
        Ok(run) => Attempt { run, panic: None },
        Err(_) => Attempt { run: Run::default(), panic: Some(message) },
    }
}

/// What a panic without words has said.
const SILENT: &str = "without a message";

/// What is done on a thread.
#[derive(Debug, Default)]
enum Watched {
    #[default]
    Nothing,
    /// A run is made.
    Running,
    /// It has panicked, and said this.
    Panicked(String),
}

thread_local! {
    static WATCHED: RefCell<Watched> = const { RefCell::new(Watched::Nothing) };
}

/// Panics of runs are kept for their verdict instead of printed; all others are printed as ever.
fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let watched = WATCHED.with_borrow(|watched| !matches!(watched, Watched::Nothing));
            if watched {
                WATCHED.set(Watched::Panicked(told(info)));
            } else {
                before(info);
            }
        }));
    });
}

fn told(info: &panic::PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    // One line, whatever the message is.
    let message = text.unwrap_or(SILENT).split_whitespace().collect::<Vec<_>>().join(" ");
    info.location().map_or(message.clone(), |place| format!("{message}, at {}:{}", place.file(), place.line()))
}

/// A message with `#` for every number, span of time, list of numbers and fingerprint.
fn normalised(message: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in without_numbers(message).split(' ') {
        match words.last_mut() {
            // "# s" is as long as a time may be, "#, #" as long as a list.
            Some(last) if last.ends_with('#') && word.strip_prefix('s').is_some_and(|rest| !rest.contains(is_word)) => {
                last.push_str(&word[1..]);
            }
            Some(last) if last.ends_with("#,") && word.starts_with('#') => {
                last.truncate(last.len() - "#,".len());
                last.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    words.join(" ")
}

/// Whether a word or number may have it.
fn is_word(c: char) -> bool {
    c.is_alphanumeric()
}

fn without_numbers(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    let mut word = String::new();
    for c in message.chars().chain(['\n']) {
        if is_word(c) || c == '.' && word.ends_with(|last: char| last.is_ascii_digit()) {
            word.push(c);
            continue;
        }
        let full_stop = word.ends_with('.');
        let bare = word.trim_end_matches('.');
        let fingerprint = bare.len() == 16 && bare.bytes().all(|byte| byte.is_ascii_hexdigit());
        if bare.starts_with(|first: char| first.is_ascii_digit()) || fingerprint {
            out.push('#');
            out.push_str(if full_stop { "." } else { "" });
        } else {
            out.push_str(&word);
        }
        word.clear();
        out.push(c);
    }
    out.pop();
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile;

    #[test]
    fn numbers_do_not_make_a_difference_and_words_do() {
        assert_eq!(normalised("ticket 17 waited 2.5s, id 3."), "ticket # waited #, id #.");
        assert_eq!(normalised("topic 00ff00ff00ff00ff twice"), "topic # twice");
        assert_eq!(normalised("due at 280.282837 s, and 7 s."), "due at #, and #.");
        assert_eq!(normalised("a wait of 3µs, not 4ms"), "a wait of #, not #");
        assert_eq!(normalised("the answer 0, 1, 128 is told as 1; 2 seconds"), "the answer # is told as #; # seconds");
        assert_eq!(normalised("S7 of QoS1 at device-0/4"), "S7 of QoS1 at device-#/#");
    }

    #[test]
    fn a_panic_is_kept_with_its_message_and_place() {
        let plan = profile::ALL[0].plan(1);
        let runner = |_: &Plan, _: bool| -> Run { panic!("broken\n at {}", 7) };
        let attempt = attempt(&plan, false, &runner);
        let message = attempt.panic.clone().unwrap();
        assert!(message.starts_with("broken at 7, at ") && message.contains("attempt.rs:"), "{message}");
        let signature = attempt.signature().unwrap();
        assert_eq!((signature.oracle.as_str(), signature.kind()), ("panic", Kind::Panic));
    }
}
