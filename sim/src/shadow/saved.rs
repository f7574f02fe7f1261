//! Shadows as they are kept while the service is not running.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::document::{Document, Views};
use super::tree::{Fields, from_views};
use super::{Entry, Service, ShadowName};

/// One shadow, or the memory of one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedShadow {
    thing: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shadow: Option<String>,
    version: u64,
    /// When it was last updated or deleted, in seconds since 1970.
    timestamp: u64,
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    deleted: bool,
    #[serde(default)]
    state: Sections,
    #[serde(default)]
    metadata: Map<String, Value>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sections {
    #[serde(default)]
    desired: Map<String, Value>,
    #[serde(default)]
    reported: Map<String, Value>,
}

impl Service {
    /// Everything that a service needs to go on where this one is: not what is under way, nor its rules and moods.
    pub fn saved(&self) -> Vec<SavedShadow> {
        self.entries.iter().map(|(name, entry)| save(name, entry)).collect()
    }

    /// Puts shadows back that were saved.
    ///
    /// # Errors
    ///
    /// What cannot be, in one line.
    pub fn restore(&mut self, shadows: Vec<SavedShadow>) -> Result<(), String> {
        for saved in shadows {
            let name = match &saved.shadow {
                None => ShadowName::classic(&saved.thing),
                Some(shadow) => ShadowName::named(&saved.thing, shadow),
            };
            let Some(name) = name else {
                return Err(format!("no shadow can be called {:?} {:?}", saved.thing, saved.shadow));
            };
            if self.entries.insert(name.clone(), load(&saved)).is_some() {
                return Err(format!("the shadow {name} is there twice"));
            }
            self.revision += 1;
        }
        Ok(())
    }
}

fn save(name: &ShadowName, entry: &Entry) -> SavedShadow {
    let mut saved = SavedShadow {
        thing: name.thing().to_owned(),
        shadow: name.shadow().map(str::to_owned),
        version: 0,
        timestamp: 0,
        deleted: false,
        state: Sections::default(),
        metadata: Map::new(),
    };
    match entry {
        Entry::Deleted { version, at } => (saved.version, saved.timestamp, saved.deleted) = (*version, *at, true),
        Entry::Shadow(document) => {
            let Views { state, metadata } = document.views();
            (saved.version, saved.timestamp) = (document.version, document.timestamp);
            (saved.state.desired, saved.state.reported) = (section(&state, "desired"), section(&state, "reported"));
            saved.metadata = metadata.as_object().cloned().unwrap_or_default();
        }
    }
    saved
}

fn section(state: &Value, name: &str) -> Map<String, Value> {
    state.get(name).and_then(Value::as_object).cloned().unwrap_or_default()
}

fn load(saved: &SavedShadow) -> Entry {
    if saved.deleted {
        return Entry::Deleted { version: saved.version, at: saved.timestamp };
    }
    let fields = |state, name| -> Fields { from_views(state, saved.metadata.get(name), saved.timestamp) };
    Entry::Shadow(Document {
        desired: fields(&saved.state.desired, "desired"),
        reported: fields(&saved.state.reported, "reported"),
        version: saved.version,
        timestamp: saved.timestamp,
    })
}
