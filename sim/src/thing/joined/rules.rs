//! What the program makes of its devices: a property of two of them, and a rule from one to another.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use thingwire_core::thing::{Derived, ThingBuilder, Unfit};

use super::device::Kind;

/// The property that says whether relay and projector are both on, and sets both.
pub(super) const SHOW: &str = "show";
/// What it is made of.
pub(super) const SHOWN: [Kind; 2] = [Kind::Relay, Kind::Projector];

/// What two devices make it.
pub(super) fn show(relay: &Value, projector: &Value) -> Value {
    json!(*relay == json!(true) && *projector == json!(true))
}

/// What the program sets by itself.
#[derive(Debug, Default)]
pub(super) struct Rules {
    done: Arc<Mutex<Vec<(usize, Value)>>>,
}

impl Rules {
    /// What rules have set since it was last asked.
    pub(super) fn take(&mut self) -> Vec<(usize, Value)> {
        core::mem::take(&mut self.done.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// With the property, and the rule if the relay is to follow the projector.
    pub(super) fn join(&self, builder: ThingBuilder, follows: bool) -> ThingBuilder {
        let sources = SHOWN.map(Kind::property);
        let derived = Derived::new(SHOW, sources, |values| Some(show(values[0]?, values[1]?)));
        let builder = builder.derived(derived.writes(|value, wishes| {
            let on = value.as_bool().ok_or_else(|| Unfit("it is on or off".to_owned()))?;
            for kind in SHOWN {
                wishes.set(kind.property(), on);
            }
            Ok(())
        }));
        if !follows {
            return builder;
        }
        let done = Arc::clone(&self.done);
        builder.rule("the relay follows the projector", move |changes, wishes| {
            // The first reading of a start is none.
            let Some(change) = changes.of(Kind::Projector.property()).filter(|change| change.old.is_some()) else {
                return Ok(());
            };
            done.lock().unwrap_or_else(PoisonError::into_inner).push((Kind::Relay as usize, change.new.clone()));
            wishes.set(Kind::Relay.property(), change.new.clone());
            Ok(())
        })
    }
}
