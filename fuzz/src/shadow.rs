//! Shadow documents and updates.

use bytes::Bytes;
use serde_json::{Map, Value};
use thingwire_core::{Delta, Document, Documents, Section, ShadowUpdate, Snapshot};

/// Deeper values are refused by one of the readers or the other.
const LEVELS_MAX: usize = 100;

/// Laws of what is read about shadows: no bytes make a reader panic, and of a JSON value in which no name comes twice it
/// finds what another reading finds: the sections, the version, the times and the token, or the same fault.
///
/// # Panics
///
/// When a law is broken.
pub fn shadow(data: &[u8]) {
    look(&Bytes::copy_from_slice(data));
    let Ok(value) = serde_json::from_slice::<Value>(data) else {
        // A reader of raw text may take numbers that no type can hold, but nothing that is not JSON at all.
        return;
    };
    if levels(&value) > LEVELS_MAX {
        return;
    }
    // Written anew: no name comes twice.
    let text = Bytes::from(value.to_string());
    look(&text);
    document(&value, &text);
    delta(&value, &text);
    documents(&value, &text);
    let updated = ShadowUpdate::from_json(&text);
    assert_eq!(updated.is_ok(), is_update(&value), "{updated:?}: {value}");
}

/// Everything that can be asked of what was read.
fn look(raw: &Bytes) {
    let sections = |sections: [&Option<Section>; 4]| {
        for section in sections.into_iter().flatten() {
            let _ = (section.parse::<Map<String, Value>>(), section.parse::<Vec<u8>>());
            for key in section.keys() {
                assert!(section.get::<Value>(&key).is_some(), "{key:?} is there");
                let _ = section.get::<u64>(&key);
            }
        }
    };
    if let Ok(document) = Document::parse(raw.clone()) {
        sections([&document.desired, &document.reported, &document.delta, &document.metadata]);
    }
    if let Ok(delta) = Delta::parse(raw.clone()) {
        sections([&Some(delta.state), &delta.metadata, &None, &None]);
    }
    if let Ok(Documents { previous, current, .. }) = Documents::parse(raw.clone()) {
        for snapshot in previous.into_iter().chain([current]) {
            sections([&snapshot.desired, &snapshot.reported, &snapshot.metadata, &None]);
        }
    }
    let _ = ShadowUpdate::from_json(raw);
}

fn document(value: &Value, text: &Bytes) {
    let read = Document::parse(text.clone()).ok();
    let state = value.get("state").filter(|state| !state.is_null());
    let valid = value.is_object() && state.is_none_or(Value::is_object);
    assert_eq!(read.is_some(), valid, "{value}");
    let Some(document) = read else { return };
    let section = |name: &str| state.and_then(|state| state.get(name));
    same_section(document.desired.as_ref(), section("desired"));
    same_section(document.reported.as_ref(), section("reported"));
    same_section(document.delta.as_ref(), section("delta"));
    same_section(document.metadata.as_ref(), value.get("metadata"));
    assert_eq!(document.version, number(value.get("version")), "{value}");
    assert_eq!(document.timestamp_secs, number(value.get("timestamp")), "{value}");
    assert_eq!(document.client_token.as_deref(), value.get("clientToken").and_then(Value::as_str), "{value}");
}

fn delta(value: &Value, text: &Bytes) {
    let read = Delta::parse(text.clone()).ok();
    let (state, version) = (value.get("state").filter(|state| state.is_object()), number(value.get("version")));
    assert_eq!(read.is_some(), state.is_some() && version.is_some(), "{value}");
    let Some(delta) = read else { return };
    same_section(Some(&delta.state), state);
    same_section(delta.metadata.as_ref(), value.get("metadata"));
    assert_eq!(Some(delta.version), version);
    assert_eq!(delta.timestamp_secs, number(value.get("timestamp")), "{value}");
    assert_eq!(delta.client_token.as_deref(), value.get("clientToken").and_then(Value::as_str), "{value}");
}

fn documents(value: &Value, text: &Bytes) {
    let read = Documents::parse(text.clone()).ok();
    let previous = value.get("previous").filter(|previous| !previous.is_null());
    let current = value.get("current");
    let valid = current.is_some_and(is_snapshot) && previous.is_none_or(is_snapshot);
    assert_eq!(read.is_some(), valid, "{value}");
    let Some(documents) = read else { return };
    assert_eq!(documents.previous.is_some(), previous.is_some());
    for (snapshot, value) in
        documents.previous.iter().zip(previous).chain([&documents.current].into_iter().zip(current))
    {
        same_snapshot(snapshot, value);
    }
    assert_eq!(documents.timestamp_secs, number(value.get("timestamp")), "{value}");
}

fn is_snapshot(value: &Value) -> bool {
    let state = value.get("state").filter(|state| !state.is_null());
    state.is_none_or(Value::is_object) && number(value.get("version")).is_some()
}

fn same_snapshot(snapshot: &Snapshot, value: &Value) {
    let section = |name: &str| value.get("state").and_then(|state| state.get(name));
    same_section(snapshot.desired.as_ref(), section("desired"));
    same_section(snapshot.reported.as_ref(), section("reported"));
    same_section(snapshot.metadata.as_ref(), value.get("metadata"));
    assert_eq!(Some(snapshot.version), number(value.get("version")));
}

fn same_section(section: Option<&Section>, value: Option<&Value>) {
    let value = value.filter(|value| value.is_object());
    let read = section.map(|section| serde_json::from_str::<Value>(section.json()).expect("a section is JSON"));
    assert_eq!(read.as_ref(), value);
    if let (Some(section), Some(fields)) = (section, value.and_then(Value::as_object)) {
        assert_eq!(section.keys().len(), fields.len());
        for (key, value) in fields {
            assert_eq!(section.get::<Value>(key).and_then(Result::ok).as_ref(), Some(value), "{key:?}");
        }
    }
}

fn number(value: Option<&Value>) -> Option<u64> {
    value.and_then(Value::as_u64)
}

/// What the service takes as an update, as far as the client can know it (S-4 to S-7).
fn is_update(value: &Value) -> bool {
    let state_fits = match value.get("state") {
        Some(Value::Null) => true,
        Some(Value::Object(sections)) => sections.iter().all(|(name, section)| {
            let known = name == "desired" || name == "reported";
            known && (section.is_null() || section.is_object()) && !null_in_array(section)
        }),
        _ => false,
    };
    value.is_object()
        && state_fits
        && value.get("version").is_none_or(Value::is_u64)
        && value.get("clientToken").is_none_or(Value::is_string)
}

fn null_in_array(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| item.is_null() || null_in_array(item)),
        Value::Object(fields) => fields.values().any(null_in_array),
        _ => false,
    }
}

fn levels(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(levels).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(levels).max().unwrap_or(0),
        _ => 0,
    }
}
