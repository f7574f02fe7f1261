//! A component, a cable and a device, on virtual time.

use serde_json::Value;
use thingwire_core::Instant;
use thingwire_core::thing::lines::{Lines, Mistakes};
use thingwire_core::thing::{Component, ComponentAction, ComponentEvent, PropertyId, SetId};

use super::cable::{Cable, Way};
use super::device::SimDevice;
use crate::choices::Choices;

/// What a component may do at one instant; more is a machine that does not stop.
const ACTIONS_MAX: usize = 1_000;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Happened {
    /// The component did something.
    Did(ComponentAction),
    /// Somebody wanted something.
    Wished(SetId, PropertyId, Value),
    /// The device was plugged in.
    Plugged,
    /// It was unplugged.
    Unplugged,
}

/// A component, a cable and a device, on virtual time.
pub struct Stand {
    /// The component.
    pub component: Box<dyn Component>,
    /// What is between them.
    pub cable: Cable,
    /// The device.
    pub device: SimDevice,
    /// Who decides what goes wrong.
    pub choices: Box<dyn Choices>,
    now: Instant,
    plugged: bool,
    log: Vec<(Instant, Happened)>,
    next_set: u64,
    /// A rule that the component broke: the first one.
    pub broken: Option<String>,
}

impl Stand {
    /// The component that a table describes, and the device that it describes, which is not plugged in yet.
    pub fn new(lines: &Lines, choices: Box<dyn Choices>) -> Result<Self, Mistakes> {
        Ok(Self {
            component: Box::new(lines.build()?),
            cable: Cable::default(),
            device: SimDevice::mirror(lines)?,
            choices,
            now: Instant::EPOCH,
            plugged: false,
            log: Vec::new(),
            next_set: 0,
            broken: None,
        })
    }

    /// The time.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Everything that happened.
    pub fn log(&self) -> &[(Instant, Happened)] {
        &self.log
    }

    /// The property of this name.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn property(&self, name: &str) -> PropertyId {
        let place = self.component.properties().iter().position(|property| property.name == name);
        place.map_or_else(|| panic!("no property {name:?}"), PropertyId)
    }

    /// Plugs the device in.
    pub fn plug(&mut self) {
        if !self.plugged {
            self.plugged = true;
            self.log.push((self.now, Happened::Plugged));
            self.give(ComponentEvent::Up);
        }
    }

    /// Pulls it out.
    pub fn unplug(&mut self) {
        if self.plugged {
            self.plugged = false;
            self.log.push((self.now, Happened::Unplugged));
            self.cable.unplug();
            self.device.restart();
            self.give(ComponentEvent::Down);
        }
    }

    /// Somebody wants something.
    pub fn set(&mut self, property: PropertyId, value: impl Into<Value>) -> SetId {
        let (id, value) = (SetId(self.next_set), value.into());
        self.next_set += 1;
        self.log.push((self.now, Happened::Wished(id, property, value.clone())));
        self.give(ComponentEvent::Set { id, property, value: &value });
        id
    }

    /// Somebody turns a knob of the device.
    pub fn turn(&mut self, property: PropertyId, value: impl Into<Value>) {
        self.device.turn(self.now, property, value.into(), &mut *self.choices);
    }

    /// Goes on until then.
    pub fn run_until(&mut self, end: Instant) {
        while self.broken.is_none() {
            let deadlines = [self.component.next_deadline(), self.device.next_deadline(), self.cable.next_deadline()];
            let Some(next) = deadlines.into_iter().flatten().min().filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            self.step();
        }
        self.now = self.now.max(end);
    }

    fn step(&mut self) {
        while let Some(bytes) = self.device.poll(self.now) {
            if self.plugged {
                self.cable.send(self.now, Way::Back, bytes, &mut *self.choices);
            }
        }
        while let Some(bytes) = self.cable.poll(self.now, Way::Out) {
            self.device.receive(self.now, &bytes, &mut *self.choices);
        }
        while let Some(bytes) = self.cable.poll(self.now, Way::Back) {
            self.give(ComponentEvent::Received(&bytes));
        }
        if self.component.next_deadline().is_some_and(|at| at <= self.now) {
            self.give(ComponentEvent::Wake);
        }
    }

    fn give(&mut self, event: ComponentEvent<'_>) {
        let mut actions = Vec::new();
        self.component.handle(self.now, event, &mut actions);
        if actions.len() > ACTIONS_MAX {
            self.broken.get_or_insert(format!("{} actions at one instant", actions.len()));
        }
        if let Some(at) = self.component.next_deadline().filter(|at| *at <= self.now) {
            self.broken.get_or_insert(format!("it wants to be woken at {at:?}, and it is {:?}", self.now));
        }
        for action in actions {
            if let ComponentAction::Send(bytes) = &action {
                self.cable.send(self.now, Way::Out, bytes.clone(), &mut *self.choices);
            }
            self.log.push((self.now, Happened::Did(action)));
        }
    }
}
