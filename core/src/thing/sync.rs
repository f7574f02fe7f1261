//! The thing and its shadow: wishes come in, reports go out.

use core::time::Duration;
use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::cell::{Cell, IN_DOUBT_FOR, Learned, Move, Want, Write};
use super::cloud::{Asked, Known, Place};
use super::machine::{Thing, judge};
use super::value::{Wish, patch, same, storable, written_at};
use super::{Ask, Boot, Cause, Failure, RequestId, ThingAction, ThingNotice, WishError};
use crate::{Delta, Document, Instant, Refusal, Section, ShadowError, ShadowEvent, ShadowUpdate, Unsent};

/// How long whoever watches may take to tell what the shadow is, before the thing asks by itself.
const FIRST_DOCUMENT: Duration = Duration::from_secs(30);
/// All that the service takes for a whole shadow, in bytes (S-6).
const STATE_LEN_MAX: usize = 8_192;
/// Unknown keys that are remembered as told, and how much of their values.
const STRANGERS_MAX: usize = 64;
const STRANGER_LEN_MAX: usize = 256;

/// A whole document, wherever it comes from.
struct Whole<'a> {
    version: Option<u64>,
    desired: Option<&'a Section>,
    reported: Option<&'a Section>,
    metadata: Option<&'a Section>,
}

impl<'a> From<&'a Document> for Whole<'a> {
    fn from(document: &'a Document) -> Self {
        let Document { version, desired, reported, metadata, .. } = document;
        Self { version: *version, desired: desired.as_ref(), reported: reported.as_ref(), metadata: metadata.as_ref() }
    }
}

/// What the service tells.
impl Thing {
    pub(super) fn online(&mut self, now: Instant, resumed: bool) {
        self.cloud.online = true;
        self.cloud.hold_until.take_if(|_| !self.cloud.denied);
        self.cloud.to_read |= resumed;
        let at = now + if self.cloud.known == Known::Nothing { FIRST_DOCUMENT } else { self.options.read_every };
        self.cloud.read_at = Some(self.cloud.read_at.map_or(at, |known| known.min(at)));
        self.unsynced = true;
    }

    pub(super) fn shadow(&mut self, now: Instant, event: &ShadowEvent) {
        self.unsynced = true;
        self.cloud.tells_time(now, time_of(event));
        match event {
            ShadowEvent::Current(document) => self.document(now, &document.into(), None),
            ShadowEvent::Documents(documents) => {
                let current = &documents.current;
                let whole = Whole {
                    version: Some(current.version),
                    desired: current.desired.as_ref(),
                    reported: current.reported.as_ref(),
                    metadata: current.metadata.as_ref(),
                };
                self.document(now, &whole, None);
            }
            ShadowEvent::Delta(delta) => self.delta(now, delta),
            // It may have been made since, by ourselves.
            ShadowEvent::Absent if self.cloud.seen.is_some() => self.cloud.to_read = true,
            ShadowEvent::Absent => self.absent(now),
            ShadowEvent::Deleted { version: Some(version) } if self.cloud.told(*version) => self.absent(now),
            ShadowEvent::Deleted { .. } => self.cloud.to_read = true,
            ShadowEvent::Unreadable(why) => self.note(ThingNotice::Unreadable(why.clone())),
            ShadowEvent::NotSubscribed | ShadowEvent::GivenUp { .. } => self.note(ThingNotice::NotSubscribed),
            ShadowEvent::Malformed(_) => {
                self.cloud.to_read = true;
                self.note(ThingNotice::Malformed);
            }
        }
    }

    /// A whole document. `asked` is what was the newest version when it was asked for, if it was by us.
    fn document(&mut self, now: Instant, whole: &Whole<'_>, asked: Option<u64>) {
        let Some(version) = whole.version else {
            self.cloud.failure(now, false);
            self.cloud.to_read = true;
            return self.note(ThingNotice::Malformed);
        };
        let first = self.cloud.known == Known::Nothing;
        if self.cloud.place(version, asked) == Place::Overtaken {
            return;
        }
        let times = whole.metadata.and_then(|metadata| metadata.get::<Value>("desired")?.ok());
        let mut reported = members(whole.reported);
        let mut desired = members(whole.desired);
        for index in 0..self.cells.len() {
            let name = self.cells[index].name.clone();
            self.cells[index].reported = reported.remove(&name).and_then(parse);
            let wish = desired.remove(&name).and_then(|text| self.wish(&name, text, times.as_ref()));
            self.learn(now, index, wish, version, first);
        }
        self.read_later(now);
        self.unknown(desired);
    }

    /// The shadow is read again in any case, and sooner if it is in doubt what is in it: what was written without an
    /// answer is there by then, or never.
    fn read_later(&mut self, now: Instant) {
        let latest = now + self.options.read_every;
        let sooner = match (self.cells.iter().any(Cell::is_in_doubt), &self.cloud.in_flight) {
            (false, _) => None,
            (true, None) => Some(now + IN_DOUBT_FOR),
            // What is under way may end well.
            (true, Some(_)) => self.cloud.read_at,
        };
        self.cloud.read_at = sooner.into_iter().chain([latest]).min();
    }

    /// What is desired and not reported, at this version.
    fn delta(&mut self, now: Instant, delta: &Delta) {
        if !self.cloud.told(delta.version) {
            return;
        }
        let times = delta.metadata.as_ref().and_then(|metadata| metadata.parse::<Value>().ok());
        let mut desired = members(Some(&delta.state));
        for index in 0..self.cells.len() {
            let name = self.cells[index].name.clone();
            let Some(text) = desired.remove(&name) else {
                // It would be told if it were still desired.
                self.cloud.to_read |= self.cells[index].withdrawn();
                continue;
            };
            let wish = self.wish(&name, text, times.as_ref());
            let cell = &mut self.cells[index];
            let partly = |value: Option<&Value>| value.is_some_and(Value::is_object);
            let values = [wish.as_ref().map(|wish| &wish.value), cell.reported.as_ref()];
            if values.into_iter().any(partly) {
                // Only the members that differ are told.
                self.cloud.to_read = true;
                continue;
            }
            // The service would not say so if it still held what it has accepted.
            let holds = wish.as_ref().zip(cell.reported.as_ref());
            if self.cloud.in_flight.is_none() && holds.is_some_and(|(wish, reported)| same(&wish.value, reported)) {
                cell.reported = None;
            }
            self.learn(now, index, wish, delta.version, false);
        }
        self.unknown(desired);
    }

    fn wish(&mut self, name: &str, text: &str, times: Option<&Value>) -> Option<Wish> {
        let time = times.and_then(|times| times.get(name)).and_then(written_at);
        let value = parse(text);
        if value.is_none() && text != "null" {
            self.unknown(BTreeMap::from([(name.to_owned(), text)]));
        }
        value.map(|value| Wish { value, time })
    }

    fn learn(&mut self, now: Instant, index: usize, wish: Option<Wish>, version: u64, first: bool) {
        self.unsaved = true;
        self.dirty = true;
        let cell = &mut self.cells[index];
        let again = first && cell.policy.boot == Boot::Desired;
        let cause = Cause::Cloud { version };
        match cell.learn(now, wish, version, again) {
            Learned::Nothing => {}
            Learned::Wish(wish) => match self.check(index, wish.value.clone()) {
                Ok(value) => self.begin(now, index, Want { wish: Some(wish), ..Want::new(value, cause, 0) }),
                Err(why) => self.refuse(index, wish, cause, why),
            },
            Learned::Over(Wish { value, .. }) => {
                let (property, why) = (cell.name.clone(), WishError::Device(Failure::Replaced));
                self.note(ThingNotice::Failed { property, value, cause, why });
            }
        }
    }

    /// There is no shadow: nobody wishes for anything, and nothing was reported.
    fn absent(&mut self, now: Instant) {
        let told = self.cloud.known == Known::Absent;
        self.cloud.forget();
        (self.cloud.known, self.cloud.to_read) = (Known::Absent, false);
        for index in 0..self.cells.len() {
            // What was written without an answer may be done yet, and make the shadow anew.
            self.cells[index].reported = None;
            self.learn(now, index, None, 0, false);
        }
        self.read_later(now);
        self.notes((!told).then_some(ThingNotice::NoShadow));
    }

    fn unknown(&mut self, keys: BTreeMap<String, &str>) {
        for (key, text) in keys {
            let end = (0..=STRANGER_LEN_MAX.min(text.len())).rfind(|end| text.is_char_boundary(*end)).unwrap_or(0);
            let value = text[..end].to_owned();
            let known = self.strangers.get(&key);
            if known == Some(&value) || known.is_none() && self.strangers.len() >= STRANGERS_MAX {
                continue;
            }
            self.strangers.insert(key.clone(), value.clone());
            self.note(ThingNotice::UnknownKey { key, value });
        }
    }
}

/// What the thing asks.
impl Thing {
    /// Asks what is to be asked now. Changes of an open batch wait until it is `settled`.
    pub(super) fn flush(&mut self, now: Instant, settled: bool) {
        self.cloud.hold_until.take_if(|until| *until <= now);
        self.give_up_late(now);
        if self.cloud.read_at.is_some_and(|at| at <= now) && self.cloud.online {
            (self.cloud.read_at, self.cloud.to_read, self.unsynced) = (None, true, true);
        }
        if !self.unsynced || !self.cloud.is_free(now) {
            return;
        }
        if self.cloud.to_read {
            return self.get(now);
        }
        if self.cloud.known == Known::Nothing || self.batch_at.is_some() && !settled {
            return;
        }
        self.unsynced = false;
        let writes = self.writes(now);
        if writes.is_empty() {
            return self.cloud.rest();
        }
        let version = self.cloud.whole_version();
        if version.is_none() && writes.iter().any(|(_, write)| write.desired.is_some()) {
            return self.get(now);
        }
        self.update(now, writes, version);
    }

    fn give_up_late(&mut self, now: Instant) {
        let late = self.cloud.in_flight.as_ref().filter(|in_flight| in_flight.until <= now).map(|late| late.id);
        if let Some(id) = late {
            self.answered(now, id, Err(ShadowError::TimedOut));
        }
    }

    fn get(&mut self, now: Instant) {
        self.cloud.to_read = true;
        let seen = self.cloud.seen;
        let id = self.cloud.ask(now, Asked::Get(seen));
        self.act(ThingAction::Ask(id, Ask::Get));
    }

    /// What is to be written, of as many properties as fit.
    fn writes(&mut self, now: Instant) -> Vec<(usize, Write)> {
        let mut writes = Vec::new();
        let mut len = 0;
        let at_most = self.cloud.at_most.unwrap_or(usize::MAX);
        (self.report_at, self.reports_seen) = (None, Some(now));
        for index in 0..self.cells.len() {
            let write = self.write(now, index);
            let fresh = self.cells[index].unreportable.as_ref() != Some(&write);
            if write.is_empty() || !fresh || writes.len() >= at_most {
                continue;
            }
            let more = self.len_of(index, &write);
            if more > STATE_LEN_MAX {
                self.unreportable(index, write, format!("it has {more} bytes, more than {STATE_LEN_MAX}"));
            } else if len + more <= STATE_LEN_MAX {
                len += more;
                writes.push((index, write));
            }
        }
        writes
    }

    fn write(&mut self, now: Instant, index: usize) -> Write {
        let cell = &self.cells[index];
        let desired =
            if self.options.writes_desired { cell.desired_write(judge(&self.parts, cell.owner)) } else { None };
        let reported = cell.report(now).unwrap_or_else(|at| {
            self.report_at = Some(self.report_at.map_or(at, |known| known.min(at)));
            None
        });
        Write { reported, desired }
    }

    fn len_of(&self, index: usize, write: &Write) -> usize {
        let name = json!(self.cells[index].name).to_string().len();
        let desired = if let Some(Move::To(value)) = &write.desired { Some(value) } else { None };
        let values = [write.reported.as_ref(), desired];
        values.into_iter().flatten().map(|value| name + 2 + value.to_string().len()).sum()
    }

    fn update(&mut self, now: Instant, writes: Vec<(usize, Write)>, version: Option<u64>) {
        let (mut reported, mut desired) = (Map::new(), Map::new());
        for (index, write) in &writes {
            let cell = &mut self.cells[*index];
            if let Some(value) = &write.reported {
                reported.insert(cell.name.clone(), patch(cell.reported.as_ref(), value));
            }
            let before = cell.desired.as_ref().map(|wish| &wish.value);
            match &write.desired {
                None => {}
                Some(Move::Away) => drop(desired.insert(cell.name.clone(), Value::Null)),
                Some(Move::To(value)) => {
                    desired.insert(cell.name.clone(), patch(before, value));
                    cell.moving_to(now, value, version.unwrap_or(0));
                    self.unsaved = true;
                }
            }
        }
        let versioned = version.filter(|_| !desired.is_empty());
        let update = match (desired.is_empty(), reported.is_empty()) {
            (true, _) => ShadowUpdate::reported(&reported),
            (false, true) => ShadowUpdate::desired(&desired),
            (false, false) => ShadowUpdate::both(&desired, &reported),
        };
        let id = self.cloud.ask(now, Asked::Update(writes));
        match update {
            Ok(mut update) => {
                if let Some(version) = versioned {
                    update = update.version(version);
                }
                self.act(ThingAction::Ask(id, Ask::Update(Box::new(update))));
            }
            Err(why) => self.not_taken(id, &why.to_string()),
        }
    }
}

/// What comes of it.
impl Thing {
    pub(super) fn answered(&mut self, now: Instant, id: RequestId, answer: Result<Document, ShadowError>) {
        let Some(in_flight) = self.cloud.ended(id) else { return };
        self.unsynced = true;
        self.cloud.tells_time(now, answer.as_ref().ok().and_then(|document| document.timestamp_secs));
        match (in_flight.asked, answer) {
            // Asked before a deletion that was told since: it may be of what is gone.
            (Asked::Get(_), Ok(_)) if in_flight.epoch != self.cloud.epoch => self.cloud.to_read = true,
            (Asked::Get(seen), Ok(document)) => self.document(now, &(&document).into(), seen),
            (Asked::Get(_), Err(why)) if why.status() == Some(404) => self.absent(now),
            (Asked::Get(_), Err(why)) => self.unread(now, why),
            (Asked::Update(writes), Ok(document)) if in_flight.epoch == self.cloud.epoch => {
                self.accepted(now, writes, &document);
            }
            (Asked::Update(_), Ok(_)) => self.cloud.to_read = true,
            (Asked::Update(writes), Err(why)) => self.rejected(now, writes, why),
        }
    }

    /// It could not even be asked.
    pub(super) fn refused(&mut self, now: Instant, id: RequestId, why: &Refusal) {
        if matches!(why, Refusal::ShadowTooLong { .. } | Refusal::ShadowTooDeep { .. }) {
            self.unsynced = true;
            return self.not_taken(id, &why.to_string());
        }
        let unsent = if matches!(why, Refusal::Offline) { Unsent::Offline } else { Unsent::Crowded };
        self.answered(now, id, Err(ShadowError::Unsent(unsent)));
    }

    fn unread(&mut self, now: Instant, why: ShadowError) {
        self.cloud.to_read = true;
        if let ShadowError::Rejected(rejection) = why {
            if is_denied(rejection.status()) {
                self.hold(now);
                return self.note(ThingNotice::Unreadable(*rejection));
            }
        } else if matches!(why, ShadowError::ConnectionClosed { .. }) {
            self.hold(now);
            return self.note(ThingNotice::NotAccepted(why));
        }
        self.cloud.failure(now, false);
    }

    /// Only a change of the policy mends it.
    fn hold(&mut self, now: Instant) {
        self.cloud.hold_until = Some(now + self.options.read_every);
        self.cloud.denied = true;
    }

    fn accepted(&mut self, now: Instant, writes: Vec<(usize, Write)>, document: &Document) {
        let Some(version) = document.version else {
            self.cloud.to_read = true;
            return self.note(ThingNotice::Malformed);
        };
        let read_since = self.cloud.base >= Some(version);
        let newest = self.cloud.accepted(version);
        let times = document.metadata.as_ref().and_then(|metadata| metadata.get::<Value>("desired")?.ok());
        for (index, write) in writes {
            let cell = &mut self.cells[index];
            cell.unreportable = None;
            if let Some(value) = write.reported.filter(|_| !read_since) {
                (cell.reported, cell.reported_at) = (Some(value), Some(now));
            }
            // Something newer was told already: what is desired now, only that or reading it tells.
            let Some(moved) = write.desired.filter(|_| newest) else { continue };
            let time = times.as_ref().and_then(|times| times.get(&cell.name)).and_then(written_at);
            cell.written(if let Move::To(value) = moved { Some(Wish { value, time }) } else { None });
        }
        self.unsaved = true;
        self.dirty = true;
        self.note(ThingNotice::Accepted { version });
    }

    fn rejected(&mut self, now: Instant, writes: Vec<(usize, Write)>, why: ShadowError) {
        let status = why.status();
        match (&why, status) {
            (_, Some(409)) => {
                self.cloud.to_read = true;
                self.cloud.failure(now, true);
                return;
            }
            (_, Some(400 | 413 | 415 | 422)) => return self.split(writes, &why.to_string()),
            (ShadowError::TimedOut | ShadowError::Malformed(_), _) => {
                self.cloud.to_read = true;
                self.cloud.failure(now, true);
            }
            (ShadowError::ConnectionClosed { .. }, _) => self.hold(now),
            (ShadowError::Rejected(_), status) if is_denied(status) => self.hold(now),
            (ShadowError::Unsent(_), _) => {
                self.not_written(&writes);
                self.cloud.failure(now, false);
            }
            _ => self.cloud.failure(now, false),
        }
        self.note(ThingNotice::NotAccepted(why));
    }

    /// The request of this name has something in it that the service does not take.
    fn not_taken(&mut self, id: RequestId, why: &str) {
        if let Some(Asked::Update(writes)) = self.cloud.ended(id).map(|in_flight| in_flight.asked) {
            self.split(writes, why);
        }
    }

    /// One of several properties is to blame, or all together: half of them are tried. One alone is left out.
    fn split(&mut self, mut writes: Vec<(usize, Write)>, why: &str) {
        self.not_written(&writes);
        self.unsynced = true;
        if writes.len() > 1 {
            self.cloud.at_most = Some(writes.len() / 2);
        } else if let Some((index, write)) = writes.pop() {
            self.unreportable(index, write, why.to_owned());
        }
    }

    fn unreportable(&mut self, index: usize, write: Write, why: String) {
        let cell = &mut self.cells[index];
        cell.unreportable = Some(write);
        let property = cell.name.clone();
        self.note(ThingNotice::Unreportable { property, why });
    }

    fn not_written(&mut self, writes: &[(usize, Write)]) {
        for (index, write) in writes {
            if let Some(Move::To(value)) = &write.desired {
                self.cells[*index].not_moved(value);
            }
        }
    }

    /// When reports are due that limits or the open request hold back.
    pub(super) fn report_deadline(&self) -> Option<Instant> {
        let idle = self.cloud.online && self.cloud.in_flight.is_none() && self.cloud.known != Known::Nothing;
        let beats = self
            .beating
            .iter()
            .filter_map(|index| self.cells[*index].heartbeat_at())
            .filter(|at| Some(*at) > self.reports_seen);
        let at = beats.chain(self.report_at).min().filter(|_| idle)?;
        Some([self.cloud.hold_until, self.batch_at].into_iter().flatten().fold(at, Instant::max))
    }
}

/// The service does not allow it, or does not know the thing.
fn is_denied(status: Option<u16>) -> bool {
    matches!(status, Some(401 | 403 | 404))
}

/// When the service wrote this, in seconds since 1970.
fn time_of(event: &ShadowEvent) -> Option<u64> {
    match event {
        ShadowEvent::Current(document) => document.timestamp_secs,
        ShadowEvent::Documents(documents) => documents.timestamp_secs,
        ShadowEvent::Delta(delta) => delta.timestamp_secs,
        ShadowEvent::Absent
        | ShadowEvent::Deleted { .. }
        | ShadowEvent::Unreadable(_)
        | ShadowEvent::NotSubscribed
        | ShadowEvent::GivenUp { .. }
        | ShadowEvent::Malformed(_) => None,
    }
}

fn members(section: Option<&Section>) -> BTreeMap<String, &str> {
    section.into_iter().flat_map(Section::members).collect()
}

/// Each member by itself, so that one that makes no sense leaves the others readable.
fn parse(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().and_then(storable)
}
