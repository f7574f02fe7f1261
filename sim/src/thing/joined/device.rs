//! Devices that people know, and the components that speak with them.
//!
//! `?` asks what it is, `= ID VALUE` sets it; the device says `v VALUE`, `busy`, or `ok`. The id is that of the
//! attempt, so that a judge can tell a repetition from a new one.

use core::time::Duration;

use serde_json::{Value, json};
use thingwire_core::Instant;
use thingwire_core::thing::{
    Access, Component, ComponentAction, ComponentEvent, Failure, Note, Property, PropertyId, SetId, Unfit,
};

const POLL_EVERY: Duration = Duration::from_secs(10);
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
const BUSY_FOR: Duration = Duration::from_secs(30);
const ATTEMPTS: u32 = 3;

/// What a device is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It is on or off, and says so when somebody uses its switch.
    Relay,
    /// It has eleven steps, and is asked.
    Dimmer,
    /// It is on or off, and does not listen for half a minute after that changed.
    Projector,
    /// It says that it has obeyed, and has not.
    Mute,
}

impl Kind {
    /// All there are.
    pub(super) const ALL: [Self; 4] = [Self::Relay, Self::Dimmer, Self::Projector, Self::Mute];

    /// Its property.
    pub(super) fn property(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Dimmer => "level",
            Self::Projector => "projector",
            Self::Mute => "mute",
        }
    }

    /// What it becomes when it is told to be this; `None` when it cannot.
    pub(super) fn takes(self, value: &Value) -> Option<Value> {
        match self {
            Self::Dimmer => value.as_u64().filter(|level| *level <= 100).map(|level| json!((level + 5) / 10 * 10)),
            Self::Relay | Self::Projector | Self::Mute => value.is_boolean().then(|| value.clone()),
        }
    }
}

/// A device as it is.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) kind: Kind,
    pub(super) value: Value,
    busy_until: Instant,
}

impl Device {
    pub(super) fn new(kind: Kind) -> Self {
        let value = if kind == Kind::Dimmer { json!(0) } else { json!(false) };
        Self { kind, value, busy_until: Instant::EPOCH }
    }

    /// Somebody turns it by hand. What it says about that.
    pub(super) fn turn(&mut self, now: Instant, value: Value) -> Option<String> {
        self.become_(now, value);
        (self.kind == Kind::Relay).then(|| self.says())
    }

    /// A line comes. What it answers.
    pub(super) fn line(&mut self, now: Instant, line: &str) -> String {
        let Some((_, value)) = line.strip_prefix("= ").and_then(|rest| rest.split_once(' ')) else {
            return self.says();
        };
        if self.kind == Kind::Mute {
            return "ok\n".to_owned();
        }
        if now < self.busy_until {
            return "busy\n".to_owned();
        }
        let wanted = serde_json::from_str(value).ok().and_then(|value: Value| self.kind.takes(&value));
        if let Some(value) = wanted {
            self.become_(now, value);
        }
        self.says()
    }

    fn become_(&mut self, now: Instant, value: Value) {
        if self.kind == Kind::Projector && self.value != value {
            self.busy_until = now + BUSY_FOR;
        }
        self.value = value;
    }

    fn says(&self) -> String {
        format!("v {}\n", self.value)
    }
}

/// The component of such a device.
#[derive(Debug)]
pub(super) struct Speaker {
    kind: Kind,
    property: [Property; 1],
    poll_at: Option<Instant>,
    /// The device said that it does not listen now.
    busy: bool,
    pending: Option<Pending>,
}

#[derive(Debug)]
struct Pending {
    id: SetId,
    value: Value,
    attempts: u32,
    until: Option<Instant>,
}

const ONLY: PropertyId = PropertyId(0);

impl Speaker {
    pub(super) fn new(kind: Kind) -> Self {
        let property = [Property::new(kind.property(), Access::ReadWrite)];
        Self { kind, property, poll_at: None, busy: false, pending: None }
    }

    fn ask(&mut self, now: Instant, actions: &mut Vec<ComponentAction>) {
        self.poll_at = Some(now + POLL_EVERY);
        actions.push(ComponentAction::Send("?\n".into()));
    }

    fn attempt(&mut self, now: Instant, actions: &mut Vec<ComponentAction>) {
        let Some(pending) = self.pending.as_mut().filter(|_| !self.busy) else { return };
        if pending.attempts == ATTEMPTS {
            let failed = ComponentAction::Failed(pending.id, Failure::NoAnswer { attempts: ATTEMPTS });
            self.pending = None;
            return actions.push(failed);
        }
        pending.attempts += 1;
        pending.until = Some(now + ANSWER_WITHIN);
        actions.push(ComponentAction::Send(format!("= {} {}\n", pending.id.0, pending.value).into()));
    }

    fn heard(&mut self, now: Instant, line: &str, actions: &mut Vec<ComponentAction>) {
        if let Some(value) = line.strip_prefix("v ").and_then(|text| serde_json::from_str::<Value>(text).ok()) {
            actions.push(ComponentAction::Heard(ONLY, value.clone()));
            let same = self.pending.as_ref().is_some_and(|pending| self.same(ONLY, &pending.value, &value));
            let told = self.pending.as_ref().is_some_and(|pending| pending.attempts > 0);
            if same && told {
                self.done(actions);
            } else if core::mem::take(&mut self.busy) {
                self.attempt(now, actions);
            }
        } else if line == "busy" {
            self.busy = true;
            if let Some(pending) = &mut self.pending {
                (pending.attempts, pending.until) = (0, None);
            }
        } else if line == "ok" {
            self.done(actions);
        } else {
            actions.push(ComponentAction::Note(Note::NotUnderstood { line: line.to_owned() }));
        }
    }

    fn done(&mut self, actions: &mut Vec<ComponentAction>) {
        actions.extend(self.pending.take().map(|pending| ComponentAction::Done(pending.id)));
    }

    fn fail(&mut self, why: Failure, actions: &mut Vec<ComponentAction>) {
        actions.extend(self.pending.take().map(|pending| ComponentAction::Failed(pending.id, why)));
    }
}

impl Component for Speaker {
    fn properties(&self) -> &[Property] {
        &self.property
    }

    fn handle(&mut self, now: Instant, event: ComponentEvent<'_>, actions: &mut Vec<ComponentAction>) {
        match event {
            ComponentEvent::Up | ComponentEvent::Refresh => self.ask(now, actions),
            ComponentEvent::Down => {
                (self.poll_at, self.busy) = (None, false);
                self.fail(Failure::Down, actions);
            }
            // Lines come whole here; how they are cut is the business of line protocols.
            ComponentEvent::Received(bytes) => {
                for line in String::from_utf8_lossy(bytes).lines() {
                    self.heard(now, line, actions);
                }
            }
            ComponentEvent::Set { id, value, .. } => {
                self.fail(Failure::Replaced, actions);
                self.pending = Some(Pending { id, value: value.clone(), attempts: 0, until: None });
                self.attempt(now, actions);
            }
            ComponentEvent::Wake => {
                if self.poll_at.is_some_and(|at| at <= now) {
                    self.ask(now, actions);
                }
                if self.pending.as_ref().and_then(|pending| pending.until).is_some_and(|until| until <= now) {
                    self.attempt(now, actions);
                }
            }
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let until = self.pending.as_ref().and_then(|pending| pending.until);
        self.poll_at.into_iter().chain(until).min()
    }

    fn check(&self, _: PropertyId, value: &Value) -> Result<(), Unfit> {
        self.kind.takes(value).map(drop).ok_or_else(|| Unfit(format!("{:?} cannot be that", self.kind)))
    }

    fn same(&self, _: PropertyId, one: &Value, other: &Value) -> bool {
        let (one, other) = (self.kind.takes(one), self.kind.takes(other));
        one.is_some() && one == other
    }
}
