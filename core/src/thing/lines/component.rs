//! A table as a component.

use core::fmt;

use serde_json::Value;

use super::compiled::Compiled;
use super::front::Front;
use super::machine::Machine;
use super::mistake::Mistakes;
use super::table::Lines;
use crate::Instant;
use crate::thing::{Component, ComponentAction, ComponentEvent, Property, PropertyId, Unfit};

/// A device that speaks lines, as a table describes it.
pub struct LineComponent(Machine<Compiled>);

impl Lines {
    /// The component that this table describes.
    pub fn build(&self) -> Result<LineComponent, Mistakes> {
        self.compile().map(LineComponent::from)
    }
}

impl From<Compiled> for LineComponent {
    fn from(compiled: Compiled) -> Self {
        Self(Machine::new(compiled))
    }
}

impl fmt::Debug for LineComponent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LineComponent").field(&self.0.front).finish()
    }
}

impl Component for LineComponent {
    fn properties(&self) -> &[Property] {
        self.0.front.properties()
    }

    fn handle(&mut self, now: Instant, event: ComponentEvent<'_>, actions: &mut Vec<ComponentAction>) {
        self.0.handle(now, event, actions);
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.0.next_deadline()
    }

    fn check(&self, property: PropertyId, value: &Value) -> Result<(), Unfit> {
        self.0.front.check(property, value)
    }

    fn same(&self, property: PropertyId, one: &Value, other: &Value) -> bool {
        self.0.front.same(property, one, other)
    }
}
