//! One watched shadow: what was told of it, and whether something may have been missed.

use bytes::Bytes;

use super::topics::{RequestTopics, Verb};
use super::{is_absent, is_passing};
use crate::request::{ChannelId, End, Requests};
use crate::{
    Backoff, BackoffConfig, Delta, Document, Documents, Instant, Malformed, Outcome, Qos, Rejection, Rng, ShadowEvent,
    ShadowName, ShadowWatch, Ticket,
};

#[derive(Debug)]
pub(super) struct Watch {
    options: ShadowWatch,
    streams: Vec<Stream>,
    /// Everything was subscribed to once: the call that began it is over.
    granted: bool,
    /// The newest versions told. The service promises no order between its topics, and one update has one version on
    /// all of them (S-40).
    newest: Newest,
    reading: Reading,
    backoff: Backoff,
}

#[cfg(feature = "trace")]
crate::wire::fields!(Watch { options, streams, granted, newest, reading, backoff });

#[derive(Debug)]
struct Stream {
    channel: ChannelId,
    kind: Kind,
    state: Option<bool>,
}

#[cfg(feature = "trace")]
crate::wire::fields!(Stream { channel, kind, state });

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Deltas,
    Documents,
    Deletions,
}

#[cfg(feature = "trace")]
crate::wire::variants!(Kind { 0 = Deltas, 1 = Documents, 2 = Deletions, });

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Newest {
    delta: Option<u64>,
    documents: Option<u64>,
    current: Option<u64>,
    /// It was told that there is none.
    absent: bool,
}

#[cfg(feature = "trace")]
crate::wire::fields!(Newest { delta, documents, current, absent });

impl Newest {
    fn version(self) -> Option<u64> {
        self.delta.max(self.documents).max(self.current)
    }
}

/// When something is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    Now,
    At(Instant),
}

/// Reading the whole shadow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Not,
    Due,
    /// Just now, for a reason that passes.
    Failed,
    Retry(Instant),
    Asked(Asked),
}

#[cfg(feature = "trace")]
crate::wire::variants!(Reading { 0 = Not, 1 = Due, 2 = Failed, 3 = Retry(at), 4 = Asked(asked), });

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Asked {
    ticket: Ticket,
    /// The newest version told at that time: an older answer means that the shadow was made anew.
    newest: Option<u64>,
    /// Something came since of which the answer may not tell.
    again: bool,
    /// A deletion was told since: the answer may be from before it.
    gone: bool,
}

#[cfg(feature = "trace")]
crate::wire::fields!(Asked { ticket, newest, again, gone });

impl Watch {
    pub(super) fn new(requests: &mut Requests, options: ShadowWatch) -> Self {
        let shadow = &options.shadow;
        let mut wanted = vec![(Kind::Deltas, vec![shadow.filter("update/delta")])];
        if options.documents {
            wanted.push((Kind::Documents, vec![shadow.filter("update/documents")]));
        }
        if options.deletions {
            // Together with the answers that a delete of our own has.
            wanted.push((Kind::Deletions, RequestTopics::new(shadow, Verb::Delete).answers.to_vec()));
        }
        let open =
            |(kind, filters): (Kind, Vec<_>)| Stream { channel: requests.open_stream(&filters), kind, state: None };
        let streams = wanted.into_iter().map(open).collect();
        Self {
            options,
            streams,
            granted: false,
            newest: Newest::default(),
            reading: Reading::Not,
            backoff: Backoff::new(),
        }
    }

    pub(super) fn options(&self) -> &ShadowWatch {
        &self.options
    }

    pub(super) fn shadow(&self) -> &ShadowName {
        &self.options.shadow
    }

    /// Ends it; tells whether the call that began it is over.
    pub(super) fn close(self, requests: &mut Requests) -> bool {
        for stream in self.streams {
            requests.close_stream(stream.channel);
        }
        if let Reading::Asked(asked) = self.reading {
            requests.forget(asked.ticket);
        }
        self.granted
    }

    pub(super) fn channels(&self) -> impl Iterator<Item = ChannelId> {
        self.streams.iter().map(|stream| stream.channel)
    }

    /// The request that reads its shadow.
    pub(super) fn reading(&self) -> Option<Ticket> {
        if let Reading::Asked(asked) = self.reading { Some(asked.ticket) } else { None }
    }

    /// When it is to read its shadow.
    pub(super) fn due(&self) -> Option<Due> {
        match self.reading {
            Reading::Due => Some(Due::Now),
            Reading::Retry(at) => Some(Due::At(at)),
            Reading::Not | Reading::Failed | Reading::Asked(_) => None,
        }
    }

    pub(super) fn asked(&mut self, ticket: Ticket) {
        self.reading = Reading::Asked(Asked { ticket, newest: self.newest.version(), again: false, gone: false });
    }

    /// A stream is subscribed to. With the last of them the shadow is read, as nothing can fall in between, and the
    /// call is over.
    pub(super) fn granted(&mut self, channel: ChannelId) -> Option<Outcome> {
        let stream = self.streams.iter_mut().find(|stream| stream.channel == channel)?;
        // Another watch may be what it is news for.
        if stream.state.replace(true) == Some(true) || !self.is_whole() {
            return None;
        }
        self.read_again();
        let granted = vec![Some(Qos::AtLeastOnce); self.streams.len()];
        (!core::mem::replace(&mut self.granted, true)).then_some(Outcome::Subscribed(granted))
    }

    fn is_whole(&self) -> bool {
        self.streams.iter().all(|stream| stream.state == Some(true))
    }

    /// A stream is not granted, now or any more. Told once.
    pub(super) fn refused(&mut self, channel: ChannelId) -> Option<ShadowEvent> {
        let stream = self.streams.iter_mut().find(|stream| stream.channel == channel)?;
        (stream.state.replace(false) != Some(false)).then_some(ShadowEvent::NotSubscribed)
    }

    pub(super) fn session_lost(&mut self) {
        if self.is_whole() {
            self.read_again();
        }
    }

    fn read_again(&mut self) {
        if let Reading::Asked(asked) = &mut self.reading {
            asked.again = true;
        } else if self.options.get {
            self.reading = Reading::Due;
        }
    }

    /// A message on one of its streams.
    pub(super) fn notified(&mut self, channel: ChannelId, accepted: bool, raw: &Bytes, events: &mut Vec<ShadowEvent>) {
        let Some(kind) = self.streams.iter().find(|stream| stream.channel == channel).map(|stream| stream.kind) else {
            return;
        };
        let told = match kind {
            Kind::Deltas => Delta::parse(raw.clone()).map(|delta| self.delta(delta, events)),
            Kind::Documents => Documents::parse(raw.clone()).map(|documents| self.documents(documents, events)),
            Kind::Deletions if accepted => {
                Document::parse(raw.clone()).map(|document| self.deleted(document.version, events))
            }
            // Somebody's delete was rejected: nothing has happened.
            Kind::Deletions => Ok(()),
        };
        if told.is_err() {
            events.push(malformed(raw));
        }
    }

    fn delta(&mut self, delta: Delta, events: &mut Vec<ShadowEvent>) {
        let version = Some(delta.version);
        let newest = self.newest.delta.max(self.newest.current);
        if version > newest {
            (self.newest.delta, self.newest.absent) = (version, false);
            events.push(ShadowEvent::Delta(delta));
        } else if version < newest {
            // Late, repeated, or of a shadow made anew: reading it tells.
            self.read_again();
        }
    }

    fn documents(&mut self, documents: Documents, events: &mut Vec<ShadowEvent>) {
        let version = Some(documents.current.version);
        if version > self.newest.documents {
            (self.newest.documents, self.newest.absent) = (version, false);
            events.push(ShadowEvent::Documents(documents));
        } else if version < self.newest.documents {
            self.read_again();
        }
    }

    /// The answer to a delete of the application's own.
    pub(super) fn deleted_by_us(&mut self, raw: &Bytes, events: &mut Vec<ShadowEvent>) {
        if !self.options.deletions {
            self.deleted(Document::parse(raw.clone()).ok().and_then(|document| document.version), events);
        }
    }

    /// Versions after a deletion go on from the last one or begin anew (S-41). So nobody can tell by its version whether
    /// this is news of the shadow that is known or late news of one before: reading it tells.
    fn deleted(&mut self, version: Option<u64>, events: &mut Vec<ShadowEvent>) {
        if version.is_none() || version >= self.newest.version() {
            self.gone(version, events);
        }
        self.read_again();
    }

    fn gone(&mut self, version: Option<u64>, events: &mut Vec<ShadowEvent>) {
        self.newest = Newest { absent: true, ..Newest::default() };
        if let Reading::Asked(asked) = &mut self.reading {
            asked.gone = true;
        }
        events.push(ShadowEvent::Deleted { version });
    }

    /// The shadow was read, or that was rejected.
    pub(super) fn answered(&mut self, accepted: bool, raw: &Bytes, events: &mut Vec<ShadowEvent>) {
        let Reading::Asked(asked) = core::mem::replace(&mut self.reading, Reading::Not) else { return };
        if !accepted {
            return self.rejected(Rejection::read(raw.clone()), asked, events);
        }
        self.backoff = Backoff::new();
        if asked.again {
            self.read_again();
        }
        if asked.gone {
            return;
        }
        let document = match Document::parse(raw.clone()) {
            Ok(document) if document.version.is_some() => document,
            Ok(_) | Err(_) => return events.push(malformed(raw)),
        };
        if document.version < asked.newest {
            self.gone(None, events);
        }
        if document.version < self.newest.delta {
            // Overtaken by a delta: read it as it is now.
            return self.read_again();
        }
        if document.version <= self.newest.current {
            return;
        }
        let delta = Delta::in_document(&document).filter(|_| document.version > self.newest.delta);
        (self.newest.current, self.newest.absent) = (document.version, false);
        events.push(ShadowEvent::Current(document));
        if let Some(delta) = delta {
            self.newest.delta = Some(delta.version);
            events.push(ShadowEvent::Delta(delta));
        }
    }

    fn rejected(&mut self, rejection: Rejection, asked: Asked, events: &mut Vec<ShadowEvent>) {
        if is_absent(&rejection) && (asked.again || self.newest.version() > asked.newest) {
            // There was one meanwhile, and nobody knows which of the two is later.
            self.read_again();
        } else if is_absent(&rejection) {
            let known = Newest { absent: true, ..Newest::default() };
            if core::mem::replace(&mut self.newest, known) != known {
                events.push(ShadowEvent::Absent);
            }
        } else if is_passing(&rejection) {
            self.reading = Reading::Failed;
        } else {
            events.push(ShadowEvent::Unreadable(rejection));
        }
    }

    /// Reading it has ended without an answer.
    pub(super) fn unanswered(&mut self, end: End, now: Instant, rng: &mut Rng) -> Option<ShadowEvent> {
        match end {
            End::TimedOut | End::Unsent(_) => {
                self.reading = Reading::Failed;
                self.retry_later(now, rng);
                None
            }
            End::ConnectionClosed(times) => {
                self.reading = Reading::Not;
                let message = format!("the server closed the connection {times} times instead of answering");
                let rejection = Rejection { code: String::new(), message, payload: Bytes::new() };
                Some(ShadowEvent::Unreadable(rejection))
            }
        }
    }

    pub(super) fn retry_later(&mut self, now: Instant, rng: &mut Rng) {
        if self.reading == Reading::Failed {
            self.reading = Reading::Retry(now + self.backoff.wait(&BackoffConfig::default(), rng));
        }
    }
}

fn malformed(raw: &Bytes) -> ShadowEvent {
    ShadowEvent::Malformed(Malformed { payload: raw.clone() })
}
