//! What properties are to become, on the way to their devices.

use core::time::Duration;

use serde_json::Value;

use super::cell::{Owner, PutBack, Stage, Want};
use super::machine::{Thing, judge};
use super::rules::Wishes;
use super::value::{Wish, same, storable};
use super::{
    Access, Cause, ComponentEvent, ComponentId, Confirm, Failure, PropertyId, SetId, ThingNotice, Unfit, WishError,
};
use crate::Instant;

/// How long a device that can be spoken to may take to say what it is, before it is told what it is to become anyway.
const FIRST_READING: Duration = Duration::from_secs(5);
/// Before something is put back for the first time; twice as long each time that did not last.
const PUT_BACK_AFTER: Duration = Duration::from_millis(100);
const PUT_BACK_MAX: Duration = Duration::from_secs(30);
/// What was put back and stays so for this long has lasted.
const PUT_BACK_LASTS: Duration = Duration::from_secs(60);

impl Thing {
    /// The value as it can be wished for.
    pub(super) fn check(&self, index: usize, value: Value) -> Result<Value, WishError> {
        let cell = &self.cells[index];
        cell.check_access()?;
        let value = storable(value).ok_or_else(|| WishError::Unfit(Unfit("no null can be set".to_owned())))?;
        match cell.owner {
            Owner::Component(part, id) => {
                self.parts[part].component.check(id, &value).map_err(WishError::Unfit)?;
            }
            Owner::Derived(derived) => drop(self.parts_of(derived, &value)?),
        }
        Ok(value)
    }

    /// What is to be set so that a derived property becomes this.
    fn parts_of(&self, derived: usize, value: &Value) -> Result<Vec<(usize, Value)>, WishError> {
        let write = self.derived[derived].write.as_ref().ok_or(WishError::ReadOnly)?;
        let mut wishes = Wishes::default();
        write(value, &mut wishes).map_err(WishError::Unfit)?;
        let part = |(name, value): (String, Value)| {
            let index = self.find(&name).filter(|index| matches!(self.cells[*index].owner, Owner::Component(..)));
            let index = index.ok_or(WishError::Unknown)?;
            Ok((index, self.check(index, value)?))
        };
        wishes.0.into_iter().map(part).collect()
    }

    /// Takes a property as far as it can go now.
    pub(super) fn advance(&mut self, now: Instant, index: usize) {
        let cell = &self.cells[index];
        let Some(want) = &cell.want else { return self.put_back(now, index) };
        let is_so =
            || cell.fresh && cell.actual.as_ref().is_some_and(|is| judge(&self.parts, cell.owner)(is, &want.value));
        let has_parts =
            || self.cells.iter().any(|cell| cell.want.as_ref().is_some_and(|want| want.whole == Some(index)));
        match &want.stage {
            Stage::Waiting => self.start(now, index),
            Stage::Told { .. } | Stage::Parked if is_so() => self.fulfilled(now, index),
            Stage::Spread { .. } if is_so() && !has_parts() => self.fulfilled(now, index),
            Stage::Sent { until, .. } | Stage::Told { until } | Stage::Spread { until } if *until <= now => {
                self.failed(now, index, WishError::TooLate);
            }
            Stage::Sent { .. } | Stage::Told { .. } | Stage::Spread { .. } | Stage::Parked => {}
        }
    }

    fn start(&mut self, now: Instant, index: usize) {
        let cell = &self.cells[index];
        let Some(want) = &cell.want else { return };
        let (part, id) = match cell.owner {
            Owner::Component(part, id) => (part, id),
            Owner::Derived(derived) => return self.spread(now, index, derived),
        };
        if want.whole.is_some_and(|whole| self.cells[whole].want.is_none()) {
            // Nobody wishes for the whole any more: what no device was told of it needs not be.
            self.cells[index].want = None;
            return;
        }
        let Some(up) = self.parts[part].up else { return };
        if cell.access != Access::Write {
            if !cell.fresh && !want.force && now < up + FIRST_READING {
                return;
            }
            let is_so = |actual| judge(&self.parts, cell.owner)(actual, &want.value);
            if cell.fresh && !want.force && cell.actual.as_ref().is_some_and(is_so) {
                return self.fulfilled(now, index);
            }
        }
        self.send(now, index, part, id);
    }

    fn send(&mut self, now: Instant, index: usize, part: usize, property: PropertyId) {
        let id = self.take_set_id();
        let cell = &mut self.cells[index];
        let Some(want) = &mut cell.want else { return };
        let value = want.value.clone();
        let before = cell.actual.clone();
        want.stage = Stage::Sent { id, until: now + cell.policy.obey_within, before };
        cell.fresh = false;
        if cell.policy.confirm == Confirm::Optimistic {
            self.assume(now, index);
        }
        self.tell(now, part, ComponentEvent::Set { id, property, value: &value });
    }

    /// The property is taken to be what it is to become.
    fn assume(&mut self, now: Instant, index: usize) {
        let cell = &mut self.cells[index];
        let Some(want) = &cell.want else { return };
        (cell.cause, cell.depth) = (want.cause, want.depth);
        let known = cell.actual.as_ref().is_some_and(|actual| same(actual, &want.value));
        if !known {
            cell.actual = Some(want.value.clone());
            self.changed(now, index);
        }
    }

    fn spread(&mut self, now: Instant, index: usize, derived: usize) {
        let cell = &self.cells[index];
        let Some(want) = &cell.want else { return };
        let (value, cause, depth) = (want.value.clone(), want.cause, want.depth);
        let time = want.wish.as_ref().and_then(|wish| wish.time);
        let is_so = !want.force && cell.actual.as_ref().is_some_and(|actual| same(actual, &value));
        let parts = match self.parts_of(derived, &value) {
            Ok(parts) => parts,
            Err(why) => return self.failed(now, index, why),
        };
        if parts.iter().any(|(index, value)| self.cells[*index].is_wished_since(time, value)) {
            return self.failed(now, index, WishError::Device(Failure::Replaced));
        }
        for (part, _) in &parts {
            let cell = &mut self.cells[*part];
            cell.overruled(time.max(cell.overruled_at));
        }
        if is_so {
            return self.fulfilled(now, index);
        }
        let longest = parts.iter().map(|(index, _)| self.cells[*index].policy.obey_within).max().unwrap_or_default();
        // The parts have their own ends; a device that is not there yet is waited for.
        let until = now + longest.max(self.cells[index].policy.obey_within);
        if let Some(want) = &mut self.cells[index].want {
            want.stage = Stage::Spread { until };
        }
        for (part, value) in parts {
            self.begin_one(now, part, Want { whole: Some(index), ..Want::new(value, cause, depth) });
        }
    }

    /// From now on this is what it is to become. What it was to become as a part of something else is not any more.
    pub(super) fn begin(&mut self, now: Instant, index: usize, want: Want) {
        let differs = |(part, value): &(usize, Value)| *part == index && !same(value, &want.value);
        let is_replaced = |whole: &usize| match (self.cells[*whole].owner, &self.cells[*whole].want) {
            (Owner::Derived(derived), Some(Want { stage: Stage::Spread { .. }, value, .. })) => {
                self.parts_of(derived, value).is_ok_and(|parts| parts.iter().any(differs))
            }
            _ => false,
        };
        for whole in (0..self.cells.len()).filter(is_replaced).collect::<Vec<_>>() {
            self.failed(now, whole, WishError::Device(Failure::Replaced));
        }
        self.begin_one(now, index, want);
    }

    fn begin_one(&mut self, now: Instant, index: usize, mut want: Want) {
        want.since = self.cloud.time(now);
        let cell = &mut self.cells[index];
        let judge = judge(&self.parts, cell.owner);
        cell.wish(want, judge);
        self.dirty = true;
        self.unsaved = true;
    }

    /// What changed by itself is put back where the cloud has the say: not at once, so that two who fight do not take
    /// all the time there is.
    fn put_back(&mut self, now: Instant, index: usize) {
        let cell = &mut self.cells[index];
        if !cell.is_to_be_put_back(judge(&self.parts, cell.owner)) {
            cell.put_back.at = None;
            return;
        }
        let PutBack { times, at, last } = cell.put_back;
        let Some(at) = at else {
            let times = if last.is_some_and(|last| last + PUT_BACK_LASTS <= now) { 0 } else { times };
            let wait = PUT_BACK_AFTER.saturating_mul(1_u32.checked_shl(times).unwrap_or(u32::MAX)).min(PUT_BACK_MAX);
            cell.put_back = PutBack { times, at: Some(now + wait), last };
            return;
        };
        let Some(wish) = cell.desired.clone().filter(|_| at <= now) else { return };
        cell.put_back = PutBack { times: (times + 1).min(16), at: None, last: Some(now) };
        let cause = Cause::Cloud { version: self.cloud.seen.unwrap_or(0) };
        match self.check(index, wish.value.clone()) {
            Ok(value) => self.begin(now, index, Want { wish: Some(wish), ..Want::new(value, cause, 0) }),
            Err(why) => self.refuse(index, wish, cause, why),
        }
    }

    /// The component says that the device has obeyed.
    pub(super) fn done(&mut self, now: Instant, part: usize, id: SetId) {
        let Some(index) = self.attempt(part, id) else { return };
        let cell = &mut self.cells[index];
        let acknowledged = cell.access == Access::Write || cell.policy.confirm != Confirm::ReadBack;
        self.dirty = true;
        if acknowledged {
            self.assume(now, index);
            return self.fulfilled(now, index);
        }
        if let Some(want) = &mut cell.want {
            if let Stage::Sent { until, .. } = want.stage {
                want.stage = Stage::Told { until };
            }
        }
    }

    /// The component says that it did not.
    pub(super) fn set_failed(&mut self, now: Instant, part: usize, id: SetId, why: Failure) {
        let Some(index) = self.attempt(part, id) else { return };
        if why != Failure::Down {
            return self.failed(now, index, WishError::Device(why));
        }
        self.take_back(now, index);
        if let Some(want) = &mut self.cells[index].want {
            // It is done when the device is back, unless the device says that it is done.
            want.stage = if self.parts[part].up.is_some() { Stage::Parked } else { Stage::Waiting };
            want.force = false;
        }
    }

    /// What was assumed and is not so.
    fn take_back(&mut self, now: Instant, index: usize) {
        let cell = &mut self.cells[index];
        if cell.policy.confirm != Confirm::Optimistic {
            return;
        }
        if let Some(Want { stage: Stage::Sent { before, .. }, .. }) = &mut cell.want {
            cell.actual = before.take();
            cell.cause = Cause::Hardware;
            self.changed(now, index);
        }
    }

    /// Which property has this attempt under way. An attempt that was never made is a breach of the contract.
    fn attempt(&mut self, part: usize, id: SetId) -> Option<usize> {
        let sent = |want: &Want| matches!(want.stage, Stage::Sent { id: sent, .. } if sent == id);
        let found = self.cells.iter().position(|cell| cell.want.as_ref().is_some_and(sent));
        let of_part = |index: usize| matches!(self.cells[index].owner, Owner::Component(owner, _) if owner == part);
        let wrong = found.is_some_and(|index| !of_part(index)) || self.was_never_made(id);
        if wrong {
            self.note(ThingNotice::Confused(ComponentId(part)));
            return None;
        }
        found
    }

    fn fulfilled(&mut self, now: Instant, index: usize) {
        let cell = &mut self.cells[index];
        let Some(cause) = cell.fulfilled(self.cloud.time(now)) else { return };
        let property = cell.name.clone();
        self.note(ThingNotice::Fulfilled { property, cause });
        self.want_ended();
    }

    fn failed(&mut self, now: Instant, index: usize, why: WishError) {
        self.take_back(now, index);
        let cell = &mut self.cells[index];
        let Some(Want { value, cause, .. }) = cell.failed() else { return };
        let property = cell.name.clone();
        if let Owner::Component(part, _) = cell.owner {
            // Who knows what the device made of it.
            self.parts[part].refresh = true;
        }
        self.note(ThingNotice::Failed { property, value, cause, why });
        self.want_ended();
    }

    /// A wish of the cloud that is not even tried.
    pub(super) fn refuse(&mut self, index: usize, wish: Wish, cause: Cause, why: WishError) {
        let cell = &mut self.cells[index];
        let (property, value) = (cell.name.clone(), wish.value.clone());
        cell.refuse(wish);
        self.note(ThingNotice::Failed { property, value, cause, why });
        self.want_ended();
    }

    fn want_ended(&mut self) {
        self.dirty = true;
        self.unsynced = true;
        self.unsaved = true;
    }

    /// When a property wants to be looked at again.
    pub(super) fn want_deadline(&self, index: usize) -> Option<Instant> {
        let cell = &self.cells[index];
        let Some(want) = &cell.want else { return cell.put_back.at };
        match (&want.stage, cell.owner) {
            (Stage::Waiting, Owner::Component(part, _)) => self.parts[part].up.map(|up| up + FIRST_READING),
            (Stage::Sent { until, .. } | Stage::Told { until } | Stage::Spread { until }, _) => Some(*until),
            (Stage::Waiting | Stage::Parked, _) => None,
        }
    }
}
