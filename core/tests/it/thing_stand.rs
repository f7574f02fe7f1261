//! A component on virtual time, and what it does as lines to compare with.

use core::time::Duration;

use serde_json::Value;
use thingwire_core::Instant;
use thingwire_core::thing::lines::Lines;
use thingwire_core::thing::{Component, ComponentAction, ComponentEvent, Note, PropertyId, SetId};

/// A component, the time, and what it has done since somebody looked.
pub struct Stand {
    pub component: Box<dyn Component>,
    pub now: Instant,
    log: Vec<String>,
}

impl Stand {
    /// A device that is there. What the component says at once is in the log.
    pub fn up(lines: &Lines) -> Self {
        let mut this = Self::down(Box::new(lines.build().unwrap_or_else(|mistakes| panic!("{mistakes}"))));
        this.event(ComponentEvent::Up);
        this
    }

    pub fn down(component: Box<dyn Component>) -> Self {
        Self { component, now: Instant::EPOCH, log: Vec::new() }
    }

    pub fn event(&mut self, event: ComponentEvent<'_>) {
        let mut actions = Vec::new();
        self.component.handle(self.now, event, &mut actions);
        let at = self.component.next_deadline();
        assert!(at.is_none_or(|at| at > self.now), "{at:?} has been at {:?}", self.now);
        assert!(actions.len() < 100, "endless: {actions:?}");
        for action in actions {
            let shown = self.shown(action);
            self.log.push(shown);
        }
    }

    /// The device says this; `\n` is not added.
    pub fn says(&mut self, text: &str) {
        self.event(ComponentEvent::Received(text.as_bytes()));
    }

    /// Somebody wants this.
    pub fn set(&mut self, id: u64, property: &str, value: impl Into<Value>) {
        let (property, value) = (self.property(property), value.into());
        self.event(ComponentEvent::Set { id: SetId(id), property, value: &value });
    }

    pub fn check(&self, property: &str, value: impl Into<Value>) -> Result<(), String> {
        self.component.check(self.property(property), &value.into()).map_err(|unfit| unfit.to_string())
    }

    pub fn same(&self, property: &str, one: impl Into<Value>, other: impl Into<Value>) -> bool {
        self.component.same(self.property(property), &one.into(), &other.into())
    }

    pub fn property(&self, name: &str) -> PropertyId {
        PropertyId(self.component.properties().iter().position(|property| property.name == name).unwrap())
    }

    /// Lets time pass, with a wake at every deadline.
    pub fn wait(&mut self, span_ms: u64) {
        let end = self.now + Duration::from_millis(span_ms);
        while let Some(at) = self.component.next_deadline().filter(|at| *at <= end) {
            self.now = at;
            self.event(ComponentEvent::Wake);
        }
        self.now = end;
    }

    /// What was done since the last look.
    pub fn log(&mut self) -> Vec<String> {
        core::mem::take(&mut self.log)
    }

    /// What was sent since the last look; the rest is forgotten.
    pub fn sent(&mut self) -> Vec<String> {
        self.log().into_iter().filter_map(|line| line.strip_prefix("> ").map(str::to_owned)).collect()
    }

    fn shown(&self, action: ComponentAction) -> String {
        match action {
            ComponentAction::Send(bytes) => format!("> {}", String::from_utf8_lossy(&bytes).trim_end_matches('\n')),
            ComponentAction::Heard(property, value) => {
                format!("{} = {value}", self.component.properties()[property.0].name)
            }
            ComponentAction::Done(id) => format!("done {}", id.0),
            ComponentAction::Failed(id, why) => format!("failed {}: {why:?}", id.0),
            ComponentAction::Note(Note::NotUnderstood { line }) => format!("? {line}"),
            ComponentAction::Note(note) => format!("note {note:?}"),
        }
    }
}
