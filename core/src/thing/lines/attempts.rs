//! What properties are to be set to, and how far each attempt has come.

use serde_json::Value;

use crate::Instant;
use crate::thing::{ComponentAction, Failure, PropertyId, SetId};

/// An attempt to set a property.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    pub(super) id: SetId,
    pub(super) value: Value,
    pub(super) stage: Stage,
    /// How often the device was told.
    pub(super) told: u32,
    /// Which came first.
    number: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// To be told, for the first time or again.
    Waiting,
    /// Told; the device owes a line.
    Told,
    /// Told; the device has until then to show the value, and is asked for it when the time has come.
    Shown { until: Instant, ask: Option<Instant> },
}

/// The attempts of a component: at most one for each property.
#[derive(Debug, Clone)]
pub(super) struct Attempts {
    by_property: Vec<Option<Attempt>>,
    next_number: u64,
}

impl Attempts {
    pub(super) fn new(properties: usize) -> Self {
        Self { by_property: vec![None; properties], next_number: 0 }
    }

    /// A new attempt. An earlier one of the same property ends; if it was for the same value, which `same` tells, the
    /// new one goes on from where it was, so that a wish that is repeated is not told again.
    pub(super) fn add(
        &mut self,
        id: SetId,
        property: PropertyId,
        value: &Value,
        same: impl Fn(&Value) -> bool,
        actions: &mut Vec<ComponentAction>,
    ) -> Option<SetId> {
        let slot = &mut self.by_property[property.0];
        let replaced = slot.take();
        let before = replaced.as_ref().map(|attempt| attempt.id);
        *slot = match replaced {
            Some(attempt) if same(&attempt.value) => {
                let told = attempt.told.min(1);
                Some(Attempt { id, value: value.clone(), told, ..attempt })
            }
            Some(_) | None => {
                let number = self.next_number;
                self.next_number += 1;
                let (stage, value) = (Stage::Waiting, value.clone());
                Some(Attempt { id, value, stage, told: 0, number })
            }
        };
        actions.extend(before.map(|before| ComponentAction::Failed(before, Failure::Replaced)));
        before
    }

    pub(super) fn get_mut(&mut self, property: PropertyId) -> Option<&mut Attempt> {
        self.by_property[property.0].as_mut()
    }

    pub(super) fn get(&self, property: PropertyId) -> Option<&Attempt> {
        self.by_property[property.0].as_ref()
    }

    /// The attempt itself, unless a newer one took its place.
    pub(super) fn named(&mut self, property: PropertyId, id: SetId) -> Option<&mut Attempt> {
        self.get_mut(property).filter(|attempt| attempt.id == id)
    }

    pub(super) fn end(&mut self, property: PropertyId) -> Option<SetId> {
        self.by_property[property.0].take().map(|attempt| attempt.id)
    }

    /// The one that has waited longest to be told.
    pub(super) fn first_waiting(&self) -> Option<(PropertyId, &Attempt)> {
        let waiting = self.iter().filter(|(_, attempt)| attempt.stage == Stage::Waiting);
        waiting.min_by_key(|(_, attempt)| attempt.number)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (PropertyId, &Attempt)> {
        let attempts = self.by_property.iter().enumerate();
        attempts.filter_map(|(place, attempt)| Some((PropertyId(place), attempt.as_ref()?)))
    }

    /// How many properties there may be attempts of.
    pub(super) fn len(&self) -> usize {
        self.by_property.len()
    }

    /// Every one ends.
    pub(super) fn fail_all(&mut self, why: &Failure, actions: &mut Vec<ComponentAction>) {
        for slot in &mut self.by_property {
            actions.extend(slot.take().map(|attempt| ComponentAction::Failed(attempt.id, why.clone())));
        }
    }
}
