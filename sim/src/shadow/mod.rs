//! A model of AWS IoT Core's device shadow service, as a pure state machine.
//!
//! Requests and time go in, [`Publication`]s come out; there is no broker, no clock and no randomness in here. Who may hear what is
//! published is the business of whoever owns the service, such as [`broker`](mod@crate::broker).
//!
//! Every document that comes out has its fields in the order of the service's documentation, and the user's own fields in the order
//! of their names, however they were sent. Numbers stay what they were: integers up to 64 bits, signed or not, and floats; an
//! integer beyond becomes the nearest float.
//!
//! ```
//! use thingwire_core::Instant;
//! use thingwire_sim::shadow::{Moment, Service, ShadowRules};
//!
//! let mut service = Service::new(ShadowRules::aws());
//! let moment = Moment { now: Instant::EPOCH, unix_seconds: 1_700_000_000 };
//! let topic = "$aws/things/lamp/shadow/update";
//! assert!(service.request(moment, 1, topic, br#"{"state":{"reported":{"on":true}}}"#));
//!
//! let documents = service.poll(moment.now).expect("an update is told with what was before and is now");
//! assert_eq!(documents.topic, "$aws/things/lamp/shadow/update/documents");
//! let accepted = service.poll(moment.now).expect("and answered");
//! assert_eq!(accepted.topic, "$aws/things/lamp/shadow/update/accepted");
//! assert_eq!(
//!     accepted.payload,
//!     r#"{"state":{"reported":{"on":true}},"metadata":{"reported":{"on":{"timestamp":1700000000}}},"version":1,"timestamp":1700000000}"#
//! );
//! assert_eq!(service.poll(moment.now), None);
//! ```

mod body;
mod desk;
mod document;
mod mood;
mod name;
mod rejection;
mod request;
mod rules;
mod saved;
mod tree;

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;
use thingwire_core::{Instant, Qos};

pub use name::ShadowName;
pub use rejection::Rejection;
pub use rules::{Order, ShadowRules};
pub use saved::SavedShadow;

pub use crate::plan::{Mood, ShadowMessage, Whim};

use body::Body;
use desk::Desk;
use document::Document;
use mood::Moods;
use name::Call;
use request::Update;

/// A point in time, on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The clock by which answers are due and rates are counted.
    pub now: Instant,
    /// The clock on the wall, in seconds since 1970: what timestamps say, and how long a deleted shadow's version is remembered.
    pub unix_seconds: u64,
}

/// A message of the service's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// Where it goes.
    pub topic: String,
    /// A JSON document, unless a mood has spoilt it.
    pub payload: Bytes,
    /// How it is published.
    pub qos: Qos,
}

/// The shadow service.
#[derive(Debug)]
pub struct Service {
    rules: ShadowRules,
    entries: BTreeMap<ShadowName, Entry>,
    desk: Desk,
    moods: Moods,
    /// How many updates were carried out.
    updates: u64,
    /// How often what is to be saved has changed.
    revision: u64,
}

/// What is known under a name.
#[derive(Debug)]
enum Entry {
    Shadow(Document),
    Deleted {
        /// The last one that it had.
        version: u64,
        /// In seconds since 1970.
        at: u64,
    },
}

/// A message before it is published.
struct Message {
    kind: ShadowMessage,
    /// The call that it answers, or that it comes from.
    call: Call,
    body: Body,
}

impl Service {
    /// A service without shadows.
    pub fn new(rules: ShadowRules) -> Self {
        Self {
            rules,
            entries: BTreeMap::new(),
            desk: Desk::default(),
            moods: Moods::default(),
            updates: 0,
            revision: 0,
        }
    }

    /// The rules it follows.
    pub fn rules(&self) -> &ShadowRules {
        &self.rules
    }

    /// The rules it follows from now on.
    pub fn rules_mut(&mut self) -> &mut ShadowRules {
        &mut self.rules
    }

    /// Whether this is a topic that the service takes requests on.
    pub fn takes(topic: &str) -> bool {
        name::parse(topic).is_some()
    }

    /// A message was published. `caller` is whoever did it, as one connection is told from another. False when its topic is none of
    /// the service's, and nothing happens.
    pub fn request(&mut self, moment: Moment, caller: u64, topic: &str, payload: &[u8]) -> bool {
        let Some((name, call)) = name::parse(topic) else {
            return false;
        };
        let admitted = self.desk.admit(moment.now, caller, &name, &self.rules);
        let result = match self.moods.rejects() {
            Some(code) => Err(Rejection::of(code)),
            None => admitted.and_then(|()| self.carry_out(moment, &name, call, payload)),
        };
        let token = request::token(payload);
        let messages = result.unwrap_or_else(|rejection| {
            let body = Body::rejected(rejection, moment.unix_seconds);
            vec![Message { kind: ShadowMessage::Rejected, call, body }]
        });
        self.put(moment, Some(caller), &name, messages, token.as_deref());
        true
    }

    /// Updates a shadow from behind, as an application in the cloud does over HTTPS: what has changed is published, a rejection is
    /// only returned. No limit of callers or rates applies. The new version.
    pub fn update(&mut self, moment: Moment, name: &ShadowName, payload: &[u8]) -> Result<u64, Rejection> {
        let messages = self.carry_out(moment, name, Call::Update, payload)?;
        self.put(moment, None, name, messages, request::token(payload).as_deref());
        Ok(self.document(name).map_or(0, |document| document.version))
    }

    /// A shadow as `get` has it, with its state, metadata and version; `None` when there is none.
    pub fn shadow(&self, name: &ShadowName) -> Option<Value> {
        let document = self.document(name)?;
        serde_json::to_value(Body::got(document, document.timestamp)).ok()
    }

    /// The names of all shadows, in order.
    pub fn names(&self) -> impl Iterator<Item = &ShadowName> {
        self.entries.iter().filter(|(_, entry)| matches!(entry, Entry::Shadow(_))).map(|(name, _)| name)
    }

    /// The next message that is due by `now`.
    pub fn poll(&mut self, now: Instant) -> Option<Publication> {
        self.desk.poll(now)
    }

    /// When to poll at the latest.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.desk.next_deadline()
    }

    /// The service gets into this mood, until [`Service::end_mood`] with the same number. Where two would have their way, it is the
    /// one that began first.
    pub fn begin_mood(&mut self, id: u32, mood: Mood) {
        self.moods.begin(id, mood);
    }

    /// The mood is over.
    pub fn end_mood(&mut self, id: u32) {
        self.moods.end(id);
    }

    /// Grows whenever [`Service::saved`] has something new to say.
    pub fn revision(&self) -> u64 {
        self.revision
    }
}

impl Service {
    fn carry_out(
        &mut self,
        moment: Moment,
        name: &ShadowName,
        call: Call,
        payload: &[u8],
    ) -> Result<Vec<Message>, Rejection> {
        let time = moment.unix_seconds;
        let body = match call {
            Call::Update => return self.write(time, name, payload),
            Call::Get => {
                request::check_get(payload, &self.rules)?;
                Body::got(self.document(name).ok_or_else(|| no_shadow(name))?, time)
            }
            Call::Delete => {
                let version = self.document(name).ok_or_else(|| no_shadow(name))?.version;
                self.entries.insert(name.clone(), Entry::Deleted { version, at: time });
                self.revision += 1;
                Body::deleted(version, time)
            }
        };
        Ok(vec![Message { kind: ShadowMessage::Accepted, call, body }])
    }

    /// An update, and what is published about it.
    fn write(&mut self, time: u64, name: &ShadowName, payload: &[u8]) -> Result<Vec<Message>, Rejection> {
        let Update { state, version } = Update::parse(payload, &self.rules)?;
        let known = self.version(name, time);
        check_version(version, known)?;
        let before = self.document(name);
        let blank = Document::default();
        let after = before.unwrap_or(&blank).updated(&state, known.unwrap_or(0) + 1, time);
        if after.is_too_large(&self.rules) {
            return Err(Rejection::of(413));
        }
        let delta = after.delta();
        let message = |kind, body| Message { kind, call: Call::Update, body };
        let mut places = [None, None, None];
        let [first, second, third] = self.rules.order.places(self.updates);
        places[first] =
            (!delta.is_empty()).then(|| message(ShadowMessage::Delta, Body::delta(&delta, after.version, time)));
        places[second] = Some(message(ShadowMessage::Documents, Body::documents(before, &after)));
        places[third] = Some(message(ShadowMessage::Accepted, Body::updated(&state, after.version, time)));
        self.entries.insert(name.clone(), Entry::Shadow(after));
        self.updates += 1;
        self.revision += 1;
        Ok(places.into_iter().flatten().collect())
    }

    fn document(&self, name: &ShadowName) -> Option<&Document> {
        match self.entries.get(name)? {
            Entry::Shadow(document) => Some(document),
            Entry::Deleted { .. } => None,
        }
    }

    /// The version that an update goes on from, also that of a shadow deleted not long ago.
    fn version(&self, name: &ShadowName, time: u64) -> Option<u64> {
        match self.entries.get(name)? {
            Entry::Shadow(document) => Some(document.version),
            Entry::Deleted { version, at } => {
                (time.saturating_sub(*at) < self.rules.memory.as_secs()).then_some(*version)
            }
        }
    }

    /// Puts messages on their way, or what the moods make of them.
    fn put(
        &mut self,
        moment: Moment,
        caller: Option<u64>,
        name: &ShadowName,
        messages: Vec<Message>,
        token: Option<&str>,
    ) {
        let due = moment.now + self.rules.latency;
        for mut message in messages {
            let whim = self.moods.whim(message.kind);
            message.body.token = token.map(str::to_owned);
            let (mut due, mut copies) = (due, 1);
            match whim {
                Some(Whim::Drop) => copies = 0,
                Some(Whim::Delay(span)) => due = due + span.0,
                Some(Whim::Duplicate(more)) => copies += usize::from(more),
                Some(whim) => message.spoil(whim),
                None => {}
            }
            let answers = matches!(message.kind, ShadowMessage::Accepted | ShadowMessage::Rejected);
            let mut payload = message.body.to_bytes();
            if whim == Some(Whim::Garbled) {
                payload.truncate(payload.len() / 2);
            }
            let publication = Publication { topic: message.topic(name), payload, qos: self.rules.qos };
            for _ in 0..copies {
                self.desk.put(due, publication.clone());
            }
            if let Some(caller) = caller.filter(|_| answers) {
                self.desk.release(due, caller, name);
            }
        }
    }
}

impl Message {
    fn spoil(&mut self, whim: Whim) {
        match whim {
            Whim::WithoutToken => self.body.token = None,
            Whim::ForeignToken => self.body.token = Some(mood::foreign_token()),
            Whim::OlderVersion(less) => {
                self.body.version = self.body.version.map(|version| version.saturating_sub(less));
            }
            Whim::OtherCall => self.call = mood::other(self.call),
            Whim::Drop | Whim::Delay(_) | Whim::Duplicate(_) | Whim::Reject(_) | Whim::Garbled => {}
        }
    }

    fn topic(&self, name: &ShadowName) -> String {
        match self.kind {
            ShadowMessage::Delta => name.topic("update/delta"),
            ShadowMessage::Documents => name.topic("update/documents"),
            ShadowMessage::Rejected => name.topic(&format!("{}/rejected", self.call.as_str())),
            ShadowMessage::Accepted | ShadowMessage::Any => name.topic(&format!("{}/accepted", self.call.as_str())),
        }
    }
}

/// S-5. A shadow whose version is remembered is as good as there, as far as its version goes (S-41).
fn check_version(asked: Option<u64>, known: Option<u64>) -> Result<(), Rejection> {
    match (asked, known) {
        (Some(asked), Some(known)) if asked != known => Err(Rejection::of(409)),
        (Some(asked), None) if asked != 1 => Err(Rejection::bad("Invalid version")),
        _ => Ok(()),
    }
}

fn no_shadow(name: &ShadowName) -> Rejection {
    let shadow = name.shadow().unwrap_or("Unnamed Shadow");
    Rejection { code: 404, message: format!("No shadow exists with name: {shadow}") }
}
