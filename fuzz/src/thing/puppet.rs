//! A component that does what its device says, and keeps no contract.

use serde_json::{Value, json};
use thingwire_core::Instant;
use thingwire_core::thing::{
    Access, Component, ComponentAction, ComponentEvent, Failure, Note, Property, PropertyId, SetId, Unfit,
};

use super::draw;
use crate::input::Input;

#[derive(Debug)]
pub(super) struct Puppet {
    properties: Vec<Property>,
    /// The last attempt, and what it is about.
    set: Option<(SetId, PropertyId, Value)>,
}

impl Puppet {
    pub(super) fn new(names: [&str; 2]) -> Self {
        Self { properties: names.map(|name| Property::new(name, Access::ReadWrite)).into(), set: None }
    }

    fn act(&mut self, input: &mut Input<'_>) -> ComponentAction {
        let id = PropertyId(input.pick(&[0, 1, 0, 1, 2, usize::MAX]));
        match (input.below(8), self.set.clone()) {
            (0..=2, _) => ComponentAction::Heard(id, draw::value(input)),
            (3, Some((_, property, value))) => ComponentAction::Heard(property, value),
            (4, Some((set, ..))) => ComponentAction::Done(set),
            (5, Some((set, ..))) => ComponentAction::Failed(set, Failure::Refused { line: input.text(4) }),
            (6, _) => ComponentAction::Done(SetId(u64::from(input.byte()))),
            _ => ComponentAction::Note(Note::NotUnderstood { line: input.text(4) }),
        }
    }
}

impl Component for Puppet {
    fn properties(&self) -> &[Property] {
        &self.properties
    }

    fn handle(&mut self, _: Instant, event: ComponentEvent<'_>, actions: &mut Vec<ComponentAction>) {
        match event {
            ComponentEvent::Received(bytes) => {
                let mut input = Input::new(bytes);
                while !input.is_empty() {
                    actions.push(self.act(&mut input));
                }
            }
            ComponentEvent::Set { id, property, value } => {
                self.set = Some((id, property, value.clone()));
                if *value == json!(true) {
                    actions.push(ComponentAction::Heard(property, json!(true)));
                    actions.push(ComponentAction::Done(id));
                }
            }
            _ => {}
        }
    }

    fn check(&self, _: PropertyId, value: &Value) -> Result<(), Unfit> {
        if *value == json!("no") { Err(Unfit("no".to_owned())) } else { Ok(()) }
    }
}
