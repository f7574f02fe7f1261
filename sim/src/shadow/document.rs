//! One shadow.

use serde_json::{Map, Value};

use super::ShadowRules;
use super::tree::{self, Fields};

/// A shadow: two sections and a version.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Document {
    pub(super) desired: Fields,
    pub(super) reported: Fields,
    /// Counted from 1 (S-15).
    pub(super) version: u64,
    /// When it was last updated, in seconds since 1970.
    pub(super) timestamp: u64,
}

/// State and metadata of some of a shadow's sections.
pub(super) struct Views {
    pub(super) state: Value,
    pub(super) metadata: Value,
}

impl Document {
    /// The shadow after an update of its state.
    pub(super) fn updated(&self, state: &Value, version: u64, now: u64) -> Self {
        let mut next = Self { version, timestamp: now, ..self.clone() };
        match state {
            Value::Object(sections) => {
                write(&mut next.desired, sections.get("desired"), now);
                write(&mut next.reported, sections.get("reported"), now);
            }
            // S-10
            _ => (next.desired, next.reported) = (Fields::new(), Fields::new()),
        }
        next
    }

    pub(super) fn views(&self) -> Views {
        views([("desired", &self.desired), ("reported", &self.reported)])
    }

    /// With what is desired and not reported.
    pub(super) fn views_with_delta(&self) -> Views {
        let delta = self.delta();
        views([("desired", &self.desired), ("reported", &self.reported), ("delta", &delta)])
    }

    pub(super) fn delta(&self) -> Fields {
        tree::delta(&self.desired, &self.reported)
    }

    /// S-6: the bytes of both sections, written without spaces.
    pub(super) fn is_too_large(&self, rules: &ShadowRules) -> bool {
        let size = |fields| tree::state(fields).to_string().len();
        let filled = [&self.desired, &self.reported].into_iter().filter(|fields| !fields.is_empty());
        filled.map(size).sum::<usize>() > rules.size_max
    }
}

/// S-11 and S-12.
fn write(fields: &mut Fields, patch: Option<&Value>, now: u64) {
    match patch {
        Some(Value::Object(patch)) => tree::merge(fields, patch, now),
        Some(_) => fields.clear(),
        None => {}
    }
}

/// The views of these sections; an empty one is not there (S-13).
fn views<const N: usize>(sections: [(&str, &Fields); N]) -> Views {
    let filled = || sections.iter().filter(|(_, fields)| !fields.is_empty());
    let state: Map<String, Value> = filled().map(|(name, fields)| ((*name).to_owned(), tree::state(fields))).collect();
    let metadata: Map<String, Value> =
        filled().map(|(name, fields)| ((*name).to_owned(), tree::metadata(fields))).collect();
    Views { state: state.into(), metadata: metadata.into() }
}
