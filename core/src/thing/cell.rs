//! One property: what it is, what it is to become, and what the cloud holds of it.

use core::time::Duration;

use serde_json::Value;

use super::memory::Moving;
use super::policy::{Authority, OnRefusal, Policy};
use super::value::{self, Wish};
use super::{Access, Cause, PropertyId, SetId, WishError};
use crate::Instant;

/// By how much clocks of the service may differ, and the fractions that it does not tell.
const CLOCKS_DIFFER_SECS: u64 = 2;
/// What was written so long ago, and is not there, will not be there.
pub(super) const IN_DOUBT_FOR: Duration = Duration::from_secs(60);
/// Values in doubt are remembered up to so many.
const MOVING_MAX: usize = 8;

#[derive(Debug)]
pub(super) struct Cell {
    pub(super) name: String,
    pub(super) access: Access,
    pub(super) owner: Owner,
    pub(super) policy: Policy,
    /// What it is: heard, or assumed where the policy says so.
    pub(super) actual: Option<Value>,
    /// Why it is that, and how many rules, one upon another, are behind it.
    pub(super) cause: Cause,
    pub(super) depth: u32,
    /// Heard since the device can be spoken to.
    pub(super) fresh: bool,
    /// What it was when the last batch was settled.
    pub(super) settled: Option<Value>,
    pub(super) want: Option<Want>,
    /// What the cloud holds in `desired`, as far as known.
    pub(super) desired: Option<Wish>,
    /// What the cloud holds in `reported`: what it said, or has accepted.
    pub(super) reported: Option<Value>,
    /// The last wish of the cloud that was acted on, or overwritten.
    pub(super) acted: Option<Wish>,
    /// What was written to `desired` and may be there.
    pub(super) moving: Moving,
    /// What stands in `desired` could not be done.
    pub(super) refused: bool,
    /// It was set by somebody who is not the cloud, and `desired` is to follow.
    pub(super) moved: bool,
    /// When it became what it is by somebody who has the last word here, by the service's clock or earlier: what was
    /// wished before is over, though it may be told only now, because only now it differs.
    pub(super) overruled_at: Option<u64>,
    pub(super) put_back: PutBack,
    /// When it was reported last.
    pub(super) reported_at: Option<Instant>,
    /// What the service would not take.
    pub(super) unreportable: Option<Write>,
}

/// Whose property it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Component(usize, PropertyId),
    Derived(usize),
}

/// What a property is to become.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Want {
    pub(super) value: Value,
    pub(super) cause: Cause,
    /// The cloud's wish behind it, if it is that of this property.
    pub(super) wish: Option<Wish>,
    /// The derived property that it is a part of, if it was wished for as such.
    pub(super) whole: Option<usize>,
    /// When it was begun, by the service's clock or earlier.
    pub(super) since: Option<u64>,
    pub(super) depth: u32,
    pub(super) stage: Stage,
    /// The device is told even if it is so already: it may be about to become something else.
    pub(super) force: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stage {
    /// For the device, or its first reading.
    Waiting,
    /// As before, and its component says that the device is gone: until the port is opened.
    Parked,
    /// The component has it. Optimists also have what to go back to.
    Sent { id: SetId, until: Instant, before: Option<Value> },
    /// The device has obeyed and is yet to say so.
    Told { until: Instant },
    /// Its parts have it.
    Spread { until: Instant },
}

/// Putting back what changed by itself.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PutBack {
    /// How often in a row.
    pub(super) times: u32,
    pub(super) at: Option<Instant>,
    pub(super) last: Option<Instant>,
}

/// What the shadow is to hold for one property, in the sections where that is something else than it does.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Write {
    pub(super) reported: Option<Value>,
    pub(super) desired: Option<Move>,
}

/// What the cloud has said of a property.
#[derive(Debug)]
pub(super) enum Learned {
    /// Nothing that is to be acted on.
    Nothing,
    /// A wish.
    Wish(Wish),
    /// A wish that is older than what has become of the property since.
    Over(Wish),
}

/// What becomes of a key in `desired`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Move {
    To(Value),
    Away,
}

impl Want {
    pub(super) fn new(value: Value, cause: Cause, depth: u32) -> Self {
        Self { value, cause, wish: None, whole: None, since: None, depth, stage: Stage::Waiting, force: false }
    }

    fn is_under_way(&self) -> bool {
        matches!(self.stage, Stage::Sent { .. } | Stage::Told { .. } | Stage::Spread { .. })
    }
}

impl Write {
    pub(super) fn is_empty(&self) -> bool {
        self.reported.is_none() && self.desired.is_none()
    }
}

impl Cell {
    pub(super) fn new(name: String, access: Access, owner: Owner) -> Self {
        Self {
            name,
            access,
            owner,
            policy: Policy::default(),
            actual: None,
            cause: Cause::Hardware,
            depth: 0,
            fresh: false,
            settled: None,
            want: None,
            desired: None,
            reported: None,
            acted: None,
            moving: Moving::default(),
            refused: false,
            moved: false,
            overruled_at: None,
            put_back: PutBack::default(),
            reported_at: None,
            unreportable: None,
        }
    }

    /// The device says what it is, at this time by the service's clock. Tells whether that is news.
    pub(super) fn heard(&mut self, heard: Value, time: Option<u64>, same: impl Fn(&Value, &Value) -> bool) -> bool {
        self.fresh = true;
        let wanted = self.want.as_ref().filter(|want| want.is_under_way());
        let cause = wanted.filter(|want| same(&want.value, &heard)).map(|want| (want.cause, want.depth));
        if self.actual.as_ref().is_some_and(|actual| value::same(actual, &heard)) {
            return false;
        }
        // The first reading after the start is no change by hand: it says nothing about who was last.
        let differs = self.actual.as_ref().is_some_and(|actual| !same(actual, &heard));
        if differs && wanted.is_none() {
            (self.refused, self.moved) = (false, false);
            if self.policy.authority != Authority::Cloud {
                self.overruled(time);
            }
        }
        (self.cause, self.depth) = cause.unwrap_or((Cause::Hardware, 0));
        self.actual = Some(heard);
        true
    }

    /// Somebody with the last word here has said what it is to be, at this time.
    pub(super) fn overruled(&mut self, time: Option<u64>) {
        // Nobody wishes for what cannot be set.
        if self.access != Access::Read {
            self.overruled_at = time.or(self.overruled_at);
        }
    }

    /// The cloud says what it holds in `desired`.
    pub(super) fn learn(&mut self, now: Instant, wish: Option<Wish>, version: u64, again: bool) -> Learned {
        self.desired.clone_from(&wish);
        let written_at = *self.moving.since.get_or_insert(now);
        if version <= self.moving.version && now >= written_at + IN_DOUBT_FOR {
            self.moving = Moving::default();
        }
        // On top of the version that values in doubt were written to, there is one now: it shows which of them it was.
        let doubtful =
            if version > self.moving.version { core::mem::take(&mut self.moving.values) } else { Vec::new() };
        let Some(wish) = wish else {
            // Nobody wishes for it any more. What the device was told already runs its course.
            let told = |want: &Want| want.is_under_way() && matches!(self.owner, Owner::Component(..));
            self.want.take_if(|want| want.wish.is_some() && !told(want));
            return Learned::Nothing;
        };
        if doubtful.iter().any(|moved| value::same(moved, &wish.value)) {
            self.acted = Some(wish);
            return Learned::Nothing;
        }
        let told_again = |known: Option<&Wish>| known.is_some_and(|known| known.is(&wish));
        if told_again(self.want.as_ref().and_then(|want| want.wish.as_ref())) {
            return Learned::Nothing;
        }
        if again {
            return Learned::Wish(wish);
        }
        if told_again(self.acted.as_ref()) {
            return Learned::Nothing;
        }
        let over = |at: u64| wish.time.is_some_and(|time| time.saturating_add(CLOCKS_DIFFER_SECS) <= at);
        if self.overruled_at.is_some_and(over) {
            self.acted = Some(wish.clone());
            return Learned::Over(wish);
        }
        let newer = self.want.as_ref().filter(|want| want.wish.is_none()).and_then(|want| want.since);
        if newer.is_some_and(over) { Learned::Nothing } else { Learned::Wish(wish) }
    }

    /// A newer delta does not have it. What waits to be done and is not reported is then not desired any more: there
    /// is another wish, which is what is reported, or none. Tells whether that was so.
    pub(super) fn withdrawn(&mut self) -> bool {
        let reported = self.reported.as_ref();
        let gone = |wish: &Wish| !reported.is_some_and(|reported| value::same(reported, &wish.value));
        let waits = |want: &mut Want| !want.is_under_way() && want.wish.as_ref().is_some_and(gone);
        self.want.take_if(waits).is_some()
    }

    /// Whether the cloud's last wish for it is for something else, and was made after this time.
    pub(super) fn is_wished_since(&self, time: Option<u64>, value: &Value) -> bool {
        let last = self.want.as_ref().and_then(|want| want.wish.as_ref()).or(self.acted.as_ref());
        last.is_some_and(|wish| wish.time > time && time.is_some() && !value::same(&wish.value, value))
    }

    /// From now on this is what it is to become, instead of whatever it was.
    pub(super) fn wish(&mut self, mut want: Want, same: impl Fn(&Value, &Value) -> bool) {
        self.put_back = PutBack { at: None, ..self.put_back };
        let Some(old) = self.want.take() else { return self.want = Some(want) };
        if want.wish.is_none() {
            self.acted = old.wish.clone().or(self.acted.take());
        }
        if old.is_under_way() && same(&old.value, &want.value) {
            (want.stage, want.force) = (old.stage, old.force);
        } else {
            want.force = old.is_under_way() || old.force;
        }
        self.want = Some(want);
    }

    /// It became what it was to become, at this time by the service's clock.
    pub(super) fn fulfilled(&mut self, time: Option<u64>) -> Option<Cause> {
        let want = self.want.take()?;
        (self.cause, self.depth) = (want.cause, want.depth);
        self.moved = want.wish.is_none() && want.cause != Cause::Boot;
        if self.moved {
            self.overruled(time);
        }
        self.refused = false;
        self.acted = want.wish.or(self.acted.take());
        Some(want.cause)
    }

    /// It did not, and will not.
    pub(super) fn failed(&mut self) -> Option<Want> {
        let want = self.want.take()?;
        self.fresh = false;
        if want.wish.is_some() {
            (self.acted, self.refused) = (want.wish.clone(), true);
        }
        Some(want)
    }

    /// A wish of the cloud is not even tried.
    pub(super) fn refuse(&mut self, wish: Wish) {
        self.want = None;
        (self.acted, self.refused) = (Some(wish), true);
    }

    /// The port was opened.
    pub(super) fn up(&mut self) {
        if let Some(want) = self.want.as_mut().filter(|want| want.stage == Stage::Parked) {
            want.stage = Stage::Waiting;
        }
        if self.policy.authority == Authority::Cloud && self.policy.on_refusal == OnRefusal::Leave {
            self.refused = false;
        }
    }

    /// The port was closed: what the device was told may be forgotten.
    pub(super) fn down(&mut self) {
        self.fresh = false;
        // It was told the device while somebody wished for it: to be told again, somebody has to.
        self.want.take_if(|want| want.wish.is_some() && self.desired.is_none());
        if let Some(want) = self.want.as_mut().filter(|want| want.is_under_way() || want.stage == Stage::Parked) {
            (want.stage, want.force) = (Stage::Waiting, false);
        }
    }

    /// Whether what somebody changed is to be put back.
    pub(super) fn is_to_be_put_back(&self, same: impl Fn(&Value, &Value) -> bool) -> bool {
        let Some((desired, actual)) = self.desired.as_ref().zip(self.actual.as_ref()) else { return false };
        let cloud = self.policy.authority == Authority::Cloud && self.access != Access::Read;
        cloud && self.want.is_none() && !self.refused && !self.moved && self.fresh && !same(&desired.value, actual)
    }

    /// What `desired` should become, if something else.
    pub(super) fn desired_write(&self, same: impl Fn(&Value, &Value) -> bool) -> Option<Move> {
        let (wish, actual) = self.desired.as_ref().zip(self.actual.as_ref()).filter(|_| self.want.is_none())?;
        if value::same(&wish.value, actual) {
            return None;
        }
        let follow = Some(Move::To(actual.clone()));
        if same(&wish.value, actual) || self.moved {
            return follow;
        }
        if self.refused {
            return match self.policy.on_refusal {
                OnRefusal::Snap => follow,
                OnRefusal::Null => Some(Move::Away),
                OnRefusal::Leave => None,
            };
        }
        match self.policy.authority {
            Authority::Device => follow,
            Authority::LocalClears => Some(Move::Away),
            Authority::Cloud if self.access == Access::Read => follow,
            Authority::Cloud => None,
        }
    }

    /// What is to be reported now, or when at the earliest.
    pub(super) fn report(&self, now: Instant) -> Result<Option<Value>, Instant> {
        let Some(actual) = &self.actual else { return Ok(None) };
        let limits = &self.policy.report;
        let beat = limits.heartbeat.zip(self.reported_at).is_some_and(|(span, last)| last + span <= now);
        let Some(reported) = &self.reported else { return Ok(Some(actual.clone())) };
        let differs = !value::same(reported, actual);
        let fulfils = self.desired.as_ref().is_some_and(|wish| value::same(&wish.value, actual));
        let small = limits.deadband.is_some_and(|deadband| {
            let numbers = reported.as_f64().zip(actual.as_f64());
            numbers.is_some_and(|(reported, actual)| (reported - actual).abs() < deadband)
        });
        if !beat && (!differs || small && !fulfils) {
            return Ok(None);
        }
        let earliest = limits.min_interval.zip(self.reported_at).map(|(span, last)| last + span);
        match earliest.filter(|earliest| *earliest > now && !fulfils) {
            Some(earliest) => Err(earliest),
            None => Ok(Some(actual.clone())),
        }
    }

    /// When it wants to be reported though nothing changes.
    pub(super) fn heartbeat_at(&self) -> Option<Instant> {
        let known = self.actual.as_ref().and(self.reported_at);
        self.policy.report.heartbeat.zip(known).map(|(span, last)| last + span)
    }

    /// Something was sent to be written to `desired` on top of this version.
    pub(super) fn moving_to(&mut self, now: Instant, value: &Value, version: u64) {
        if self.moving.version != version {
            self.moving = Moving { version, ..Moving::default() };
        }
        self.moving.since = Some(now);
        self.moving.values.retain(|known| !value::same(known, value));
        self.moving.values.truncate(MOVING_MAX - 1);
        self.moving.values.insert(0, value.clone());
    }

    /// Whether something was written to `desired` of which nobody knows whether it is there.
    pub(super) fn is_in_doubt(&self) -> bool {
        !self.moving.values.is_empty()
    }

    /// It was written to `desired`, with nothing newer after it.
    pub(super) fn written(&mut self, wish: Option<Wish>) {
        self.moving = Moving::default();
        self.moved = false;
        self.acted = wish.clone().or(self.acted.take());
        self.desired = wish;
    }

    /// It was not written.
    pub(super) fn not_moved(&mut self, value: &Value) {
        self.moving.values.retain(|known| !value::same(known, value));
    }

    /// Why a value cannot be wished for, as far as it does not depend on the device.
    pub(super) fn check_access(&self) -> Result<(), WishError> {
        if self.access == Access::Read { Err(WishError::ReadOnly) } else { Ok(()) }
    }
}
