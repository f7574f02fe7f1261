//! Merging and comparing, against a second and naive implementation.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::rig::{Rig, TIME};

/// Values that meet each other often: few names, few numbers.
fn a_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        3 => (0..3_i64).prop_map(Value::from),
        1 => (0..3_u8).prop_map(|n| Value::from(f64::from(n))),
        1 => any::<bool>().prop_map(Value::from),
        1 => "[ab]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let fields = prop::collection::btree_map("[abc]", inner.clone(), 0..4);
        prop_oneof![
            2 => fields.prop_map(|fields| fields.into_iter().collect::<Value>()),
            1 => prop::collection::vec(inner, 0..3).prop_map(Value::from),
        ]
    })
}

/// What an update says of a section: values and, anywhere but in arrays, null.
fn a_patch() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![1 => Just(Value::Null), 3 => a_value()];
    let patch = leaf.prop_recursive(2, 16, 4, |inner| {
        prop::collection::btree_map("[abc]", inner, 0..4).prop_map(|fields| fields.into_iter().collect::<Value>())
    });
    prop::collection::btree_map("[abc]", patch, 0..4).prop_map(|fields| fields.into_iter().collect::<Value>())
}

fn a_state() -> impl Strategy<Value = Value> {
    let section = || prop_oneof![1 => Just(None), 1 => Just(Some(Value::Null)), 6 => a_patch().prop_map(Some)];
    let both = (section(), section()).prop_map(|(desired, reported)| {
        let named = [("desired", desired), ("reported", reported)];
        let there = named.into_iter().filter_map(|(name, section)| Some((name.to_owned(), section?)));
        Value::Object(there.collect())
    });
    prop_oneof![1 => Just(Value::Null), 9 => both]
}

/// A section as paths from its root to every leaf; an empty container is a leaf, as is an array.
type Paths = std::collections::BTreeMap<Vec<String>, Value>;

fn paths(value: &Value, path: &[String], into: &mut Paths) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                paths(value, &[path, std::slice::from_ref(key)].concat(), into);
            }
        }
        leaf => drop(into.insert(path.to_vec(), leaf.clone())),
    }
}

fn at<'a>(value: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, key| value.as_object()?.get(key))
}

fn put(root: &mut Value, path: &[String], value: Option<Value>) {
    let Some((last, above)) = path.split_last() else { return };
    let mut place = root;
    for key in above {
        if !place.is_object() {
            *place = json!({});
        }
        place = place.as_object_mut().unwrap().entry(key.clone()).or_insert(Value::Null);
    }
    if !place.is_object() {
        *place = json!({});
    }
    let fields = place.as_object_mut().unwrap();
    match value {
        Some(value) => drop(fields.insert(last.clone(), value)),
        None => drop(fields.remove(last)),
    }
}

/// One leaf of the patch after another.
fn merged(section: Option<Value>, patch: Option<&Value>) -> Option<Value> {
    let Some(patch) = patch else { return section };
    if patch.is_null() {
        return None;
    }
    let mut all = Paths::new();
    paths(patch, &[], &mut all);
    let mut result = section.unwrap_or_else(|| json!({}));
    for (path, leaf) in all {
        if path.is_empty() {
            continue;
        }
        match leaf {
            Value::Null => put(&mut result, &path, None),
            Value::Object(_) if at(&result, &path).is_some_and(Value::is_object) => {}
            leaf => put(&mut result, &path, Some(leaf)),
        }
    }
    Some(result).filter(|result| *result != json!({}))
}

/// A value in which all numbers are floats.
fn rounded(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64().unwrap()),
        Value::Array(items) => items.iter().map(rounded).collect(),
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), rounded(value))).collect(),
        other => other.clone(),
    }
}

/// Every leaf that is not the same there; the smallest parts of objects that hold them.
fn difference(desired: &Value, reported: &Value) -> Option<Value> {
    let (Some(wanted), Some(is)) = (desired.as_object(), reported.as_object()) else {
        return (rounded(desired) != rounded(reported)).then(|| desired.clone());
    };
    let parts = wanted.iter().filter_map(|(key, wanted)| match is.get(key) {
        None => Some((key.clone(), wanted.clone())),
        Some(is) => Some((key.clone(), difference(wanted, is)?)),
    });
    let parts: Map<String, Value> = parts.collect();
    (!parts.is_empty()).then_some(Value::Object(parts))
}

/// How many leaves the metadata has to have a time for.
fn leaves(value: &Value) -> usize {
    match value {
        Value::Object(fields) => fields.values().map(leaves).sum(),
        Value::Array(items) => items.iter().map(leaves).sum(),
        _ => 1,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_updates_leave_what_the_naive_merge_leaves(states in prop::collection::vec(a_state(), 1..8)) {
        let mut rig = Rig::with(|rules| { rules.depth_max = 20; rules.size_max = usize::MAX });
        let (mut desired, mut reported) = (None, None);
        for (number, state) in states.iter().enumerate() {
            let told = rig.update(json!({ "state": state }).to_string());
            if state.is_null() {
                (desired, reported) = (None, None);
            } else {
                desired = merged(desired, state.get("desired"));
                reported = merged(reported, state.get("reported"));
            }
            let delta = desired.as_ref().and_then(|desired| {
                difference(desired, reported.as_ref().unwrap_or(&json!({})))
            });
            let got = rig.got();
            let wanted = [("desired", &desired), ("reported", &reported), ("delta", &delta)];
            let wanted: Value = wanted.into_iter()
                .filter_map(|(name, section)| Some((name.to_owned(), section.clone()?)))
                .collect::<Map<_, _>>().into();
            prop_assert_eq!(&got["state"], &wanted);
            prop_assert_eq!(&got["version"], &json!(number + 1));
            let times = got["metadata"].to_string().matches(&format!(r#"{{"timestamp":{TIME}}}"#)).count();
            prop_assert_eq!(times, leaves(&got["state"]));

            let of = |kind: &str| told.iter().find(|(topic, _)| topic == kind).map(|(_, body)| body);
            prop_assert_eq!(of("update/delta").map(|body| &body["state"]), delta.as_ref());
            prop_assert_eq!(&of("update/accepted").unwrap()["state"], state);
            let current = &of("update/documents").unwrap()["current"];
            prop_assert_eq!(current["state"].get("desired"), desired.as_ref());
            prop_assert_eq!(current["state"].get("reported"), reported.as_ref());
        }
    }

    #[test]
    fn reporting_the_delta_ends_it(desired in a_patch(), reported in a_patch()) {
        let mut rig = Rig::with(|rules| rules.depth_max = 20);
        rig.update(json!({ "state": { "desired": desired, "reported": reported } }).to_string());
        if let Some(delta) = rig.got()["state"].get("delta") {
            rig.update(json!({ "state": { "reported": delta } }).to_string());
        }
        let got = rig.got();
        prop_assert_eq!(got["state"].get("delta"), None);
    }

    #[test]
    fn the_same_update_twice_changes_nothing_but_the_version(before in a_state(), state in a_state()) {
        let mut rig = Rig::with(|rules| { rules.depth_max = 20; rules.size_max = usize::MAX });
        for state in [&before, &state] {
            rig.update(json!({ "state": state }).to_string());
        }
        let once = rig.got();
        rig.update(json!({ "state": state }).to_string());
        let twice = rig.got();
        prop_assert_eq!(&once["state"], &twice["state"]);
        prop_assert_eq!(twice["version"].as_u64(), once["version"].as_u64().map(|version| version + 1));
    }

    #[test]
    fn what_is_desired_and_what_is_reported_do_not_touch_each_other(desired in a_patch(), reported in a_patch()) {
        let parts = [json!({ "desired": desired }), json!({ "reported": reported })];
        let both = json!({ "desired": desired, "reported": reported });
        let after = |states: &[&Value]| {
            let mut rig = Rig::with(|rules| rules.depth_max = 20);
            for state in states {
                rig.update(json!({ "state": state }).to_string());
            }
            rig.got()["state"].clone()
        };
        let whole = after(&[&both]);
        prop_assert_eq!(&after(&[&parts[0], &parts[1]]), &whole);
        prop_assert_eq!(&after(&[&parts[1], &parts[0]]), &whole);
    }

    #[test]
    fn no_payload_makes_it_panic_or_silent(payload in prop::collection::vec(any::<u8>(), 0..64)) {
        let mut rig = Rig::new();
        for request in ["update", "get", "delete"] {
            prop_assert!(!rig.ask(request, &payload).is_empty());
        }
    }
}
