//! The fields of a section, each leaf with the time when it was last written.
//!
//! State and metadata are two views of one tree, so they cannot disagree.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Fields by name. In every document that the service writes they are in the order of their names.
pub(super) type Fields = BTreeMap<String, Node>;

/// The value of a field.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Object(Fields),
    /// A scalar, or an array: those are replaced whole (S-12), so all of it has one time.
    Leaf {
        value: Value,
        /// Seconds since 1970.
        written: u64,
    },
}

/// Writes `patch` over `fields`: objects are merged, null removes, everything else replaces (S-12). Objects that are sent empty, or
/// become so, stay (S-13).
pub(super) fn merge(fields: &mut Fields, patch: &Map<String, Value>, written: u64) {
    for (key, value) in patch {
        match value {
            Value::Null => drop(fields.remove(key)),
            Value::Object(inner) => {
                if let Some(Node::Object(before)) = fields.get_mut(key) {
                    merge(before, inner, written);
                } else {
                    let mut fresh = Fields::new();
                    merge(&mut fresh, inner, written);
                    fields.insert(key.clone(), Node::Object(fresh));
                }
            }
            leaf => drop(fields.insert(key.clone(), Node::Leaf { value: leaf.clone(), written })),
        }
    }
}

/// What is desired and not reported so: whole where it is missing or of another kind, by its parts where both are objects. What is
/// only reported does not count.
pub(super) fn delta(desired: &Fields, reported: &Fields) -> Fields {
    let mut differing = Fields::new();
    for (key, wanted) in desired {
        let part = match (wanted, reported.get(key)) {
            (Node::Object(wanted), Some(Node::Object(is))) => {
                let part = delta(wanted, is);
                (!part.is_empty()).then_some(Node::Object(part))
            }
            (Node::Leaf { value: wanted, .. }, Some(Node::Leaf { value: is, .. })) if equal(wanted, is) => None,
            (wanted, _) => Some(wanted.clone()),
        };
        differing.extend(part.map(|part| (key.clone(), part)));
    }
    differing
}

/// The fields as their owner wrote them.
pub(super) fn state(fields: &Fields) -> Value {
    let view = |node: &Node| match node {
        Node::Object(fields) => state(fields),
        Node::Leaf { value, .. } => value.clone(),
    };
    fields.iter().map(|(key, node)| (key.clone(), view(node))).collect()
}

/// The same tree with `{"timestamp": …}` for every leaf (S-14).
pub(super) fn metadata(fields: &Fields) -> Value {
    let view = |node: &Node| match node {
        Node::Object(fields) => metadata(fields),
        Node::Leaf { value, written } => stamp(value, *written),
    };
    fields.iter().map(|(key, node)| (key.clone(), view(node))).collect()
}

/// The metadata of a value that was written at one time, null included.
pub(super) fn stamp(value: &Value, written: u64) -> Value {
    match value {
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), stamp(value, written))).collect(),
        Value::Array(items) => items.iter().map(|item| stamp(item, written)).collect(),
        _ => json!({ "timestamp": written }),
    }
}

/// The tree behind these two views of it; a time that is not there is `otherwise`.
pub(super) fn from_views(state: &Map<String, Value>, metadata: Option<&Value>, otherwise: u64) -> Fields {
    let node = |(key, value): (&String, &Value)| {
        let metadata = metadata.and_then(|metadata| metadata.get(key));
        let node = match value {
            Value::Object(fields) => Node::Object(from_views(fields, metadata, otherwise)),
            leaf => {
                let written = metadata.and_then(|metadata| time_in(leaf, metadata)).unwrap_or(otherwise);
                Node::Leaf { value: leaf.clone(), written }
            }
        };
        (key.clone(), node)
    };
    state.iter().map(node).collect()
}

/// The first time in the metadata of an array or a scalar.
fn time_in(value: &Value, metadata: &Value) -> Option<u64> {
    match value {
        Value::Object(fields) => fields.iter().find_map(|(key, value)| time_in(value, metadata.get(key)?)),
        Value::Array(items) => items.iter().zip(metadata.as_array()?).find_map(|(item, of)| time_in(item, of)),
        _ => metadata.get("timestamp")?.as_u64(),
    }
}

/// How deep a value is nested: a scalar or an empty container is 0, any other container one more than what is in it (S-4).
pub(super) fn depth(value: &Value) -> usize {
    match value {
        Value::Object(fields) => fields.values().map(|value| depth(value) + 1).max().unwrap_or(0),
        Value::Array(items) => items.iter().map(|item| depth(item) + 1).max().unwrap_or(0),
        _ => 0,
    }
}

/// Whether there is an array with null in it (S-7).
pub(super) fn has_null_in_array(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.values().any(has_null_in_array),
        Value::Array(items) => items.iter().any(|item| item.is_null() || has_null_in_array(item)),
        _ => false,
    }
}

/// Whether two values mean the same: numbers by what they are worth, so that 1 is 1.0.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || equal_numbers(a, b),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| equal(a, b)))
        }
        _ => a == b,
    }
}

/// Exact, also where an integer has more digits than a float can hold.
fn equal_numbers(a: &serde_json::Number, b: &serde_json::Number) -> bool {
    let whole = |number: &serde_json::Number| match (number.as_i128(), number.as_f64()) {
        (Some(whole), _) => Some(whole),
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and in range")]
        (None, Some(float)) if float.fract() == 0.0 && float.abs() < 1e38 => Some(float as i128),
        _ => None,
    };
    whole(a).is_some_and(|a| whole(b) == Some(a))
}
