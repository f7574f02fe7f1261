//! A thing as a state machine: what happens comes in, what is to be done comes out.

use core::mem;
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use super::cell::{Cell, Owner, Want};
use super::cloud::Cloud;
use super::memory::Memory;
use super::rules::{Derived, Rule};
use super::schedule::Schedule;
use super::value::{same, storable};
use super::{
    Access, Boot, Cause, Component, ComponentAction, ComponentEvent, ComponentId, PropertyId, SetId, ThingAction,
    ThingEvent, ThingNotice, WishError,
};
use crate::Instant;

/// Notices that nobody has taken; more are left out and counted.
const NOTICES_MAX: usize = 1_024;
/// From the first thing to be remembered to its being persisted with what followed.
const PERSIST_AFTER: Duration = Duration::from_secs(1);

/// Several devices, and the shadow they share.
///
/// It is told what happens with [`handle`](Self::handle), says what is to be done with
/// [`poll_action`](Self::poll_action), and wants to be woken at [`next_deadline`](Self::next_deadline). It has no
/// socket, no file and no clock; [`Bound`](super::Bound) joins it to a [`Client`](crate::Client).
///
/// ```
/// use thingwire_core::Instant;
/// use thingwire_core::thing::lines::{Lines, words};
/// use thingwire_core::thing::{ComponentId, Thing, ThingAction, ThingEvent};
///
/// let relay = Lines::new("relay")
///     .property("relayState", words([("ON", "ON"), ("OFF", "OFF")]))
///     .query("RELAY?", "RELAY{relayState}")
///     .command("relayState", "RELAY{relayState}");
/// let mut thing = Thing::builder().component("relay", relay.build()?).build(1)?;
///
/// let now = Instant::EPOCH;
/// thing.handle(now, ThingEvent::Up(ComponentId(0)));
/// assert!(matches!(thing.poll_action(), Some(ThingAction::Send(_, bytes)) if bytes == b"RELAY?\n"));
/// thing.handle(now, ThingEvent::Received(ComponentId(0), b"RELAYOFF\n"));
/// assert_eq!(thing.property("relayState").unwrap().actual.unwrap(), "OFF");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What is promised
///
/// 1. Nothing that a device or the cloud says makes it panic, or grow without bound.
/// 2. After [`Wake`](ThingEvent::Wake) at `now` the deadline is `None` or later than `now`, once all actions are taken.
/// 3. What is reported is what a device says, or what a policy says may be assumed; never what was only asked for.
/// 4. What the cloud holds is what it has told or accepted; never what was only sent.
/// 5. A wish of the cloud is acted on once, however often the service repeats it, also across a restart of the program
///    as far as its memory was persisted. The service's clock has a grain of a second: the same value wished for twice
///    within one second is one wish.
/// 6. A property that is so already is not set.
/// 7. At most one request to the shadow is under way.
#[derive(Debug)]
pub struct Thing {
    pub(super) parts: Vec<Part>,
    pub(super) cells: Vec<Cell>,
    pub(super) derived: Vec<Derived>,
    pub(super) rules: Vec<Rule>,
    pub(super) cloud: Cloud,
    pub(super) options: Options,
    /// When the open batch of changes is settled.
    pub(super) batch_at: Option<Instant>,
    /// Reports are due now, or then.
    pub(super) report_at: Option<Instant>,
    /// When it was looked last at what is to be reported. What was due by then is under way, or left out until it changes.
    pub(super) reports_seen: Option<Instant>,
    /// When components want to be woken.
    deadlines: Schedule,
    /// When something is to be done for a property, unless something happens before.
    wants_at: Option<Instant>,
    /// Where the properties are, by their names.
    pub(super) names: BTreeMap<String, usize>,
    /// Those that are reported again and again.
    pub(super) beating: Vec<usize>,
    /// Those that are restored at a start.
    restoring: Vec<usize>,
    /// Something may have to be done that was not before.
    pub(super) dirty: bool,
    /// Something may have to be asked of the shadow that was not before.
    pub(super) unsynced: bool,
    /// Something may have to be persisted.
    pub(super) unsaved: bool,
    /// Keys that nobody owns, each with the value that was told of.
    pub(super) strangers: BTreeMap<String, String>,
    restore: BTreeMap<String, Value>,
    persisted: Vec<u8>,
    persist_at: Option<Instant>,
    next_set: u64,
    actions: VecDeque<ThingAction>,
    notices: usize,
    lost: u64,
    /// Kept for its memory.
    scratch: Vec<ComponentAction>,
}

#[derive(Debug, Clone)]
pub(super) struct Options {
    pub(super) batch: Duration,
    pub(super) read_every: Duration,
    pub(super) writes_desired: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { batch: Duration::from_millis(100), read_every: Duration::from_secs(3_600), writes_desired: true }
    }
}

/// A component in its thing.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) component: Box<dyn Component>,
    /// Since when its device can be spoken to.
    pub(super) up: Option<Instant>,
    /// It is to be asked what its device is now.
    pub(super) refresh: bool,
    /// Where its properties begin.
    first: usize,
    count: usize,
}

impl Part {
    pub(super) fn new(name: String, component: Box<dyn Component>) -> Self {
        let count = component.properties().len();
        Self { name, component, up: None, refresh: false, first: 0, count }
    }
}

/// What a property is, and is to become.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct PropertyView<'a> {
    /// What it is; `None` when nothing is known of it.
    pub actual: Option<&'a Value>,
    /// Why it is that.
    pub cause: Cause,
    /// What it is to become, if it is to become something.
    pub wanted: Option<&'a Value>,
    /// What the cloud holds in `desired`, as far as known.
    pub desired: Option<&'a Value>,
    /// What the cloud holds in `reported`, as far as known.
    pub reported: Option<&'a Value>,
}

impl Thing {
    pub(super) fn new(
        mut parts: Vec<Part>,
        cells: Vec<Cell>,
        derived: Vec<Derived>,
        rules: Vec<Rule>,
        memory: Memory,
        options: Options,
        seed: u64,
    ) -> Self {
        let mut first = 0;
        for part in &mut parts {
            part.first = first;
            first += part.count;
        }
        let mut deadlines = Schedule::new(parts.len());
        for (index, part) in parts.iter().enumerate() {
            deadlines.set(index, part.component.next_deadline());
        }
        let all_with = |has: fn(&Cell) -> bool| (0..cells.len()).filter(|index| has(&cells[*index])).collect();
        let mut thing = Self {
            deadlines,
            wants_at: None,
            names: cells.iter().enumerate().map(|(index, cell)| (cell.name.clone(), index)).collect(),
            beating: all_with(|cell| cell.policy.report.heartbeat.is_some()),
            restoring: all_with(|cell| cell.policy.boot == Boot::Restore),
            parts,
            cells,
            derived,
            rules,
            cloud: Cloud::new(seed),
            options,
            batch_at: None,
            report_at: None,
            reports_seen: None,
            dirty: false,
            unsynced: false,
            unsaved: false,
            strangers: BTreeMap::new(),
            restore: memory.restore,
            persisted: Vec::new(),
            persist_at: None,
            next_set: 0,
            actions: VecDeque::new(),
            notices: 0,
            lost: 0,
            scratch: Vec::new(),
        };
        thing.restore.retain(|name, _| thing.names.contains_key(name));
        thing.persisted = thing.memory();
        thing
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Instant, event: ThingEvent<'_>) {
        match event {
            ThingEvent::Up(id) => self.up(now, id),
            ThingEvent::Down(id) => self.down(now, id),
            ThingEvent::Received(id, bytes) => self.tell(now, id.0, ComponentEvent::Received(bytes)),
            ThingEvent::Online { resumed } => self.online(now, resumed),
            ThingEvent::Offline => self.cloud.online = false,
            ThingEvent::Shadow(event) => self.shadow(now, event),
            ThingEvent::Answered(id, answer) => self.answered(now, id, answer),
            ThingEvent::Refused(id, why) => self.refused(now, id, &why),
            ThingEvent::Wake => self.wake(now),
        }
        self.work(now);
    }

    /// What is to be done next.
    #[must_use]
    pub fn poll_action(&mut self) -> Option<ThingAction> {
        let action = self.actions.pop_front();
        if matches!(action, Some(ThingAction::Notify(_))) {
            self.notices -= 1;
        }
        if action.is_none() && self.lost > 0 {
            return Some(ThingAction::Notify(ThingNotice::Lost { count: mem::take(&mut self.lost) }));
        }
        action
    }

    /// When it wants to be woken.
    pub fn next_deadline(&self) -> Option<Instant> {
        let own = [self.batch_at, self.persist_at, self.cloud.next_deadline(), self.report_deadline()];
        own.into_iter().chain([self.deadlines.next(), self.wants_at]).flatten().min()
    }

    /// The program wants a property to become this. It goes before what the cloud wished until now, and `desired` is
    /// moved along once it is so.
    pub fn set(&mut self, now: Instant, property: &str, value: impl Into<Value>) -> Result<(), WishError> {
        let index = self.find(property).ok_or(WishError::Unknown)?;
        self.want(now, index, value.into(), Cause::Local, 0)?;
        self.work(now);
        Ok(())
    }

    /// Reads all devices as soon as may be.
    pub fn refresh(&mut self, now: Instant) {
        for index in 0..self.parts.len() {
            self.tell(now, index, ComponentEvent::Refresh);
        }
        self.work(now);
    }

    /// What a property is, and is to become; `None` when there is none of this name.
    pub fn property(&self, name: &str) -> Option<PropertyView<'_>> {
        let cell = &self.cells[self.find(name)?];
        Some(PropertyView {
            actual: cell.actual.as_ref(),
            cause: cell.cause,
            wanted: cell.want.as_ref().map(|want| &want.value),
            desired: cell.desired.as_ref().map(|wish| &wish.value),
            reported: cell.reported.as_ref(),
        })
    }

    /// The names of all properties, in the order of the components.
    pub fn properties(&self) -> impl Iterator<Item = &str> {
        self.cells.iter().map(|cell| cell.name.as_str())
    }

    /// The names of the components, in their order.
    pub fn components(&self) -> impl Iterator<Item = (ComponentId, &str)> {
        self.parts.iter().enumerate().map(|(index, part)| (ComponentId(index), part.name.as_str()))
    }

    /// What [`ThingAction::Persist`] would say now: for a program that ends before that is due.
    pub fn memory(&self) -> Vec<u8> {
        let mut memory = Memory { restore: self.restore.clone(), ..Memory::default() };
        for cell in &self.cells {
            memory.acted.extend(cell.acted.clone().map(|wish| (cell.name.clone(), wish)));
            memory.overruled.extend(cell.overruled_at.map(|at| (cell.name.clone(), at)));
            if cell.is_in_doubt() {
                memory.moving.insert(cell.name.clone(), cell.moving.clone());
            }
        }
        memory.to_bytes()
    }
}

/// Ports and components.
impl Thing {
    fn up(&mut self, now: Instant, id: ComponentId) {
        let Some(part) = self.parts.get_mut(id.0) else { return };
        part.up = Some(now);
        let cells = part.first..part.first + part.count;
        for cell in &mut self.cells[cells] {
            cell.up();
        }
        self.tell(now, id.0, ComponentEvent::Up);
        self.dirty = true;
    }

    fn down(&mut self, now: Instant, id: ComponentId) {
        let Some(part) = self.parts.get_mut(id.0) else { return };
        part.up = None;
        let cells = part.first..part.first + part.count;
        self.tell(now, id.0, ComponentEvent::Down);
        for cell in &mut self.cells[cells] {
            cell.down();
        }
        self.dirty = true;
    }

    fn wake(&mut self, now: Instant) {
        self.unsynced |= self.report_deadline().is_some_and(|at| at <= now);
        for index in self.deadlines.due(now) {
            self.tell(now, index, ComponentEvent::Wake);
        }
        self.dirty |= self.wants_at.is_some_and(|at| at <= now);
    }

    /// Tells a component, and takes in what it says.
    pub(super) fn tell(&mut self, now: Instant, index: usize, event: ComponentEvent<'_>) {
        let Some(part) = self.parts.get_mut(index) else { return };
        let first = part.first;
        let mut said = mem::take(&mut self.scratch);
        part.component.handle(now, event, &mut said);
        self.deadlines.set(index, part.component.next_deadline());
        for action in said.drain(..) {
            match action {
                ComponentAction::Send(bytes) => self.actions.push_back(ThingAction::Send(ComponentId(index), bytes)),
                ComponentAction::Heard(PropertyId(id), value) => {
                    self.heard(now, index, first.saturating_add(id), value);
                }
                ComponentAction::Done(id) => self.done(now, index, id),
                ComponentAction::Failed(id, why) => self.set_failed(now, index, id, why),
                ComponentAction::Note(note) => self.note(ThingNotice::Device(ComponentId(index), note)),
            }
        }
        self.scratch = said;
    }

    fn heard(&mut self, now: Instant, part: usize, index: usize, value: Value) {
        let owns = |cell: &&mut Cell| matches!(cell.owner, Owner::Component(owner, _) if owner == part);
        let Some(cell) = self.cells.get_mut(index).filter(|cell| owns(cell)) else {
            return self.note(ThingNotice::Confused(ComponentId(part)));
        };
        let Some(value) = storable(value) else {
            let why = "the device says what no shadow can keep: a null".to_owned();
            let property = cell.name.clone();
            return self.note(ThingNotice::Unreportable { property, why });
        };
        // Somebody may wait for it though it is no change.
        self.dirty |= cell.want.is_some() || !cell.fresh;
        let judge = judge(&self.parts, cell.owner);
        if cell.heard(value, self.cloud.time(now), judge) {
            self.changed(now, index);
        }
    }

    /// A property is what it was not: a batch of changes begins, unless one is open.
    pub(super) fn changed(&mut self, now: Instant, index: usize) {
        self.dirty = true;
        // Since when it is so is remembered, if somebody can wish for something else.
        self.unsaved |= self.cells[index].access != Access::Read;
        self.batch_at.get_or_insert(now + self.options.batch);
    }
}

/// What is done whenever something has happened.
impl Thing {
    fn work(&mut self, now: Instant) {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        self.advance_all(now);
        let settled = due(self.batch_at);
        if settled {
            self.settle(now);
            self.advance_all(now);
        }
        self.flush(now, settled);
        if mem::take(&mut self.unsaved) {
            self.persist_at.get_or_insert(now + PERSIST_AFTER);
        }
        if due(self.persist_at) {
            self.persist();
        }
    }

    /// Takes all properties as far as they can go now. What comes of that may be known at once, and let others go on.
    fn advance_all(&mut self, now: Instant) {
        if !self.dirty {
            return;
        }
        while mem::take(&mut self.dirty) {
            self.derive(now);
            for index in 0..self.cells.len() {
                self.advance(now, index);
            }
            for index in 0..self.parts.len() {
                if mem::take(&mut self.parts[index].refresh) && self.parts[index].up.is_some() {
                    self.tell(now, index, ComponentEvent::Refresh);
                }
            }
            self.restored();
        }
        self.wants_at = (0..self.cells.len()).filter_map(|index| self.want_deadline(index)).min();
    }

    /// Keeps what is to be restored at the next start.
    fn restored(&mut self) {
        let restoring = self.restoring.iter().map(|index| &self.cells[*index]);
        for cell in restoring.filter(|cell| cell.want.is_none()) {
            let Some(actual) = cell.actual.as_ref().filter(|_| cell.fresh) else { continue };
            if self.restore.get(&cell.name) != Some(actual) {
                self.restore.insert(cell.name.clone(), actual.clone());
                self.unsaved = true;
            }
        }
    }

    fn persist(&mut self) {
        self.persist_at = None;
        let memory = self.memory();
        if memory != self.persisted {
            self.persisted.clone_from(&memory);
            self.actions.push_back(ThingAction::Persist(memory));
        }
    }

    /// Somebody wants a property to become this.
    pub(super) fn want(
        &mut self,
        now: Instant,
        index: usize,
        value: Value,
        cause: Cause,
        depth: u32,
    ) -> Result<(), WishError> {
        let value = self.check(index, value)?;
        self.begin(now, index, Want::new(value, cause, depth));
        Ok(())
    }

    pub(super) fn take_set_id(&mut self) -> SetId {
        self.next_set += 1;
        SetId(self.next_set)
    }

    pub(super) fn was_never_made(&self, id: SetId) -> bool {
        id.0 == 0 || id.0 > self.next_set
    }

    pub(super) fn act(&mut self, action: ThingAction) {
        self.actions.push_back(action);
    }

    pub(super) fn note(&mut self, notice: ThingNotice) {
        if self.notices < NOTICES_MAX {
            self.notices += 1;
            self.actions.push_back(ThingAction::Notify(notice));
        } else {
            self.lost += 1;
        }
    }

    pub(super) fn notes(&mut self, notices: impl IntoIterator<Item = ThingNotice>) {
        for notice in notices {
            self.note(notice);
        }
    }

    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }
}

/// When two values of a property are the same: to the service, or to its device.
pub(super) fn judge(parts: &[Part], owner: Owner) -> impl Fn(&Value, &Value) -> bool + '_ {
    move |one, other| {
        let to_the_device = |part: usize, id| parts[part].component.same(id, one, other);
        same(one, other) || matches!(owner, Owner::Component(part, id) if to_the_device(part, id))
    }
}
