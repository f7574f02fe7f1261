//! What is asked of device shadows, and what the messages about them say, as far as it is judged.
//!
//! It shares no code with the client or the service: what both got wrong in the same way is still seen here.

use serde_json::{Map, Value};
use thingwire_core::{Instant, ShadowName, ShadowRequest, ShadowWatch};

use super::Name;

/// What can be asked of a shadow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// To be read.
    Get,
    /// To be changed, or made.
    Update,
    /// To be removed.
    Delete,
}

impl Verb {
    /// Every one of them.
    pub const ALL: [Self; 3] = [Self::Get, Self::Update, Self::Delete];

    /// As it stands in topics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// The topics of one shadow, by their fingerprints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShadowTopics {
    /// The shadow: `THING/shadow` or `THING/shadow/name/SHADOW`.
    pub shadow: Name,
    /// Where requests go, in the order of [`Verb::ALL`].
    pub asks: [Name; 3],
    /// Where the service says yes and no to them.
    pub answers: [[Name; 2]; 3],
    /// Where it says what differs.
    pub delta: Name,
    /// Where it tells of every accepted update.
    pub documents: Name,
}

impl ShadowTopics {
    /// The topics of this shadow.
    pub fn of(shadow: &ShadowName) -> Self {
        let name = |end: &str| Name::of(topic(shadow, end).as_bytes());
        let answer = |verb: Verb, answer: &str| name(&format!("{}/{answer}", verb.as_str()));
        Self {
            shadow: Name::of(path(shadow).as_bytes()),
            asks: Verb::ALL.map(|verb| name(verb.as_str())),
            answers: Verb::ALL.map(|verb| ["accepted", "rejected"].map(|end| answer(verb, end))),
            delta: name("update/delta"),
            documents: name("update/documents"),
        }
    }

    /// Where the answers to this come.
    pub fn answers_to(&self, verb: Verb) -> [Name; 2] {
        self.answers[verb as usize]
    }

    /// The texts of all of them, for people.
    pub fn texts(shadow: &ShadowName) -> Vec<String> {
        let ends = ["accepted", "rejected"].map(|end| Verb::ALL.map(|verb| format!("{}/{end}", verb.as_str())));
        let ends = ends.into_iter().flatten().chain(Verb::ALL.map(|verb| verb.as_str().to_owned()));
        let ends = ends.chain(["update/delta".to_owned(), "update/documents".to_owned()]);
        ends.map(|end| topic(shadow, &end)).chain([path(shadow)]).collect()
    }
}

/// The topic of a shadow that ends so.
pub fn topic(shadow: &ShadowName, end: &str) -> String {
    format!("{PREFIX}{}/{end}", path(shadow))
}

fn path(shadow: &ShadowName) -> String {
    match shadow.shadow() {
        Some(name) => format!("{}/shadow/name/{name}", shadow.thing()),
        None => format!("{}/shadow", shadow.thing()),
    }
}

const PREFIX: &str = "$aws/things/";

/// A request to a shadow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShadowAsk {
    /// Which shadow.
    pub topics: ShadowTopics,
    /// What is asked.
    pub verb: Verb,
    /// The token that the application has chosen.
    pub token: Option<Name>,
    /// By when it has to end.
    pub deadline: Instant,
    /// Whether it waits for a connection.
    pub waits: bool,
}

impl ShadowAsk {
    /// A request that is made now, of a client whose requests last so long by themselves.
    pub fn of(request: &ShadowRequest, now: Instant, timeout: core::time::Duration) -> Self {
        let verb = match request.operation {
            thingwire_core::ShadowOperation::Update(_) => Verb::Update,
            thingwire_core::ShadowOperation::Delete => Verb::Delete,
            _ => Verb::Get,
        };
        Self {
            topics: ShadowTopics::of(&request.shadow),
            verb,
            token: request.token.as_ref().map(|token| Name::of(token.as_bytes())),
            deadline: now + request.timeout.unwrap_or(timeout),
            waits: request.when_offline == thingwire_core::WhenOffline::Wait,
        }
    }
}

/// The watch of a shadow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchAsk {
    /// Which shadow.
    pub topics: ShadowTopics,
    /// Whether every accepted update is told.
    pub documents: bool,
    /// Whether deletions are told.
    pub deletions: bool,
    /// Whether it is read at the beginning and after a lost session.
    pub reads: bool,
}

impl WatchAsk {
    /// What the application asks for.
    pub fn of(watch: &ShadowWatch) -> Self {
        let topics = ShadowTopics::of(&watch.shadow);
        Self { topics, documents: watch.documents, deletions: watch.deletions, reads: watch.get }
    }

    /// What has to be subscribed to for it, apart from the answers to its reading.
    pub fn streams(&self) -> impl Iterator<Item = Name> + '_ {
        let deletions = self.topics.answers_to(Verb::Delete).into_iter().filter(|_| self.deletions);
        [self.topics.delta].into_iter().chain(self.documents.then_some(self.topics.documents)).chain(deletions)
    }
}

/// What a message to or from the shadow service says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShadowText {
    /// Which shadow.
    pub shadow: Name,
    /// What it is.
    pub says: Says,
    /// Its token.
    pub token: Option<Name>,
    /// The number at the end of the token: of a client's own, the ticket of the request.
    pub ticket: Option<u64>,
    /// The version of the shadow.
    pub version: Option<u64>,
    /// The code of a rejection.
    pub code: Option<u16>,
    /// Whether what it is about can be found in it.
    pub makes_sense: bool,
}

/// What a message to or from the shadow service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Says {
    /// A request.
    Ask(Verb),
    /// It is accepted.
    Accepted(Verb),
    /// It is rejected.
    Rejected(Verb),
    /// What differs.
    Delta,
    /// What an update has made of the shadow.
    Documents,
}

impl ShadowText {
    /// Whether messages on this topic are about shadows.
    pub fn is_about(topic: &[u8]) -> bool {
        topic.starts_with(PREFIX.as_bytes()) && parse_topic(topic).is_some()
    }

    /// What a message says; `None` when its topic is none of the shadow service's.
    pub fn read(topic: &[u8], payload: &[u8]) -> Option<Self> {
        let (path, says) = parse_topic(topic)?;
        let parsed = serde_json::from_slice(payload).ok();
        let Some(Value::Object(body)) = parsed else {
            return Some(Self::of(path, says, None, None, None, false));
        };
        let number = |body: &Map<String, Value>, key: &str| body.get(key).and_then(Value::as_u64);
        let token = body.get("clientToken").and_then(Value::as_str);
        let current = body.get("current").and_then(Value::as_object);
        let version = match says {
            Says::Documents => current.and_then(|current| number(current, "version")),
            _ => number(&body, "version"),
        };
        let state = body.get("state");
        let makes_sense = match says {
            Says::Delta => version.is_some() && state.is_some_and(Value::is_object),
            Says::Documents => version.is_some(),
            Says::Accepted(Verb::Get) => version.is_some() && state.is_none_or(|it| it.is_object() || it.is_null()),
            Says::Ask(_) | Says::Accepted(_) | Says::Rejected(_) => true,
        };
        let code = number(&body, "code").and_then(|code| u16::try_from(code).ok());
        Some(Self::of(path, says, token, version, code, makes_sense))
    }

    fn of(
        path: &[u8],
        says: Says,
        token: Option<&str>,
        version: Option<u64>,
        code: Option<u16>,
        makes_sense: bool,
    ) -> Self {
        let ticket = token.and_then(|token| token.rsplit_once('-')?.1.parse().ok());
        let token = token.map(|token| Name::of(token.as_bytes()));
        Self { shadow: Name::of(path), says, token, ticket, version, code, makes_sense }
    }
}

/// The shadow and what is said about it.
fn parse_topic(topic: &[u8]) -> Option<(&[u8], Says)> {
    let rest = core::str::from_utf8(topic).ok()?.strip_prefix(PREFIX)?;
    let (thing, end) = rest.split_once("/shadow/")?;
    let (name, end) = match end.strip_prefix("name/") {
        Some(named) => named.split_once('/').map(|(name, end)| (Some(name), end))?,
        None => (None, end),
    };
    let says = match end {
        "update/delta" => Says::Delta,
        "update/documents" => Says::Documents,
        _ => {
            let (verb, answer) = end.split_once('/').map_or((end, None), |(verb, answer)| (verb, Some(answer)));
            let verb = Verb::ALL.into_iter().find(|known| known.as_str() == verb)?;
            match answer {
                None => Says::Ask(verb),
                Some("accepted") => Says::Accepted(verb),
                Some("rejected") => Says::Rejected(verb),
                Some(_) => return None,
            }
        }
    };
    let path_len = thing.len() + "/shadow".len() + name.map_or(0, |name| "/name/".len() + name.len());
    rest.as_bytes().get(..path_len).map(|path| (path, says))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_read_as_they_are_written() {
        for shadow in [ShadowName::classic("t").unwrap(), ShadowName::named("name", "s").unwrap()] {
            let topics = ShadowTopics::of(&shadow);
            let read = |end: &str| ShadowText::read(topic(&shadow, end).as_bytes(), b"{}").unwrap();
            assert_eq!((read("get").shadow, read("get").says), (topics.shadow, Says::Ask(Verb::Get)));
            assert_eq!(read("delete/rejected").says, Says::Rejected(Verb::Delete));
            assert_eq!(read("update/delta").says, Says::Delta);
            let all: std::collections::BTreeSet<_> =
                ShadowTopics::texts(&shadow).iter().map(|text| Name::of(text.as_bytes())).collect();
            assert_eq!(all.len(), 12);
            assert!(all.contains(&topics.documents) && all.contains(&topics.answers_to(Verb::Update)[1]));
        }
        for other in
            ["$aws/things/t/jobs/get", "$aws/things/t/shadow/get/delta", "dt/t", "$aws/things/t/shadow/name/get"]
        {
            assert_eq!(ShadowText::read(other.as_bytes(), b"{}"), None, "{other}");
        }
    }

    #[test]
    fn what_matters_is_found_and_garbage_makes_no_sense() {
        let read = |end: &str, payload: &str| {
            ShadowText::read(format!("$aws/things/t/shadow/{end}").as_bytes(), payload.as_bytes()).unwrap()
        };
        let accepted = read("get/accepted", r#"{"state":{},"version":7,"clientToken":"ab-12"}"#);
        assert_eq!((accepted.version, accepted.ticket, accepted.makes_sense), (Some(7), Some(12), true));
        assert_eq!(read("update/rejected", r#"{"code":409}"#).code, Some(409));
        assert_eq!(read("update/documents", r#"{"current":{"version":3}}"#).version, Some(3));
        for bad in ["", "[]", "{", "{\"version\":-1}", "\u{feff}{}"] {
            assert!(!read("update/delta", bad).makes_sense, "{bad}");
        }
    }
}
