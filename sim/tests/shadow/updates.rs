//! What an update does: S-10 to S-14, S-20 and S-22.

use std::time::Duration;

use serde_json::{Value, json};

use crate::rig::{Rig, TIME};

/// The state after these updates of `desired`.
fn desired_after(patches: &[Value]) -> Value {
    let mut rig = Rig::new();
    for patch in patches {
        rig.update(json!({ "state": { "desired": patch } }).to_string());
    }
    rig.got()["state"].get("desired").cloned().unwrap_or(Value::Null)
}

#[test]
fn objects_are_merged_and_everything_else_is_replaced() {
    for (patches, result) in [
        (vec![json!({"a": 1}), json!({"b": 2})], json!({"a": 1, "b": 2})),
        (vec![json!({"a": 1}), json!({"a": 2})], json!({"a": 2})),
        (vec![json!({"a": {"b": 1, "c": 2}}), json!({"a": {"b": 3}})], json!({"a": {"b": 3, "c": 2}})),
        (vec![json!({"a": 1}), json!({"a": {"b": 1}})], json!({"a": {"b": 1}})),
        (vec![json!({"a": {"b": 1}}), json!({"a": 1})], json!({"a": 1})),
        (vec![json!({"a": {"b": 1}}), json!({"a": [1]})], json!({"a": [1]})),
        (vec![json!({"a": [1, 2, 3]}), json!({"a": [4]})], json!({"a": [4]})),
        (vec![json!({"a": [{"b": 1, "c": 2}]}), json!({"a": [{"b": 3}]})], json!({"a": [{"b": 3}]})),
        (vec![json!({"a": [1]}), json!({"a": []})], json!({"a": []})),
        (vec![json!({"a": "x"}), json!({"a": false})], json!({"a": false})),
        (vec![json!({"ключ": "ä\n\"\u{0}"})], json!({"ключ": "ä\n\"\u{0}"})),
    ] {
        assert_eq!(desired_after(&patches), result, "{patches:?}");
    }
}

#[test]
fn null_removes_what_is_there_and_leaves_nothing_where_nothing_was() {
    for (patches, result) in [
        (vec![json!({"a": 1, "b": 2}), json!({"a": null})], json!({"b": 2})),
        (vec![json!({"a": 1}), json!({"b": null})], json!({"a": 1})),
        (vec![json!({"a": {"b": 1, "c": 2}}), json!({"a": {"b": null}})], json!({"a": {"c": 2}})),
        (vec![json!({"a": {"b": null, "c": 1}})], json!({"a": {"c": 1}})),
        (vec![json!({"a": 1}), json!({"a": {"b": null}})], json!({"a": {}})),
        (vec![json!({"a": {"b": 1}}), json!({"a": {"b": null}})], json!({"a": {}})),
        (vec![json!({"a": 1}), json!({"a": null})], Value::Null),
    ] {
        assert_eq!(desired_after(&patches), result, "{patches:?}");
    }
}

#[test]
fn an_empty_object_stays_and_an_empty_section_does_not() {
    let first = json!({"a": 1, "b": {"c": 3}});
    assert_eq!(desired_after(&[first.clone(), json!({"d": {}})]), json!({"a": 1, "b": {"c": 3}, "d": {}}));
    assert_eq!(desired_after(&[first.clone(), json!({"b": {"c": {}}})]), json!({"a": 1, "b": {"c": {}}}));
    assert_eq!(desired_after(&[first.clone(), json!({"b": {}})]), first, "merged with what is there");
    let mut rig = Rig::new();
    rig.update(r#"{"state":{"desired":{},"reported":{"a":1}}}"#);
    assert_eq!(rig.got()["state"], json!({"reported": {"a": 1}}));
    rig.update(r#"{"state":{"reported":{"a":null}}}"#);
    assert_eq!((&rig.got()["state"], &rig.got()["metadata"]), (&json!({}), &json!({})));
}

#[test]
fn a_null_section_is_removed_and_a_null_state_clears_both() {
    let mut rig = Rig::new();
    rig.update(r#"{"state":{"desired":{"a":1},"reported":{"a":1}}}"#);
    let told = rig.update(r#"{"state":{"desired":null}}"#);
    assert_eq!(told.last().unwrap().1["state"], json!({"desired": null}));
    assert_eq!(told.last().unwrap().1["metadata"], json!({"desired": {"timestamp": TIME}}));
    assert_eq!(rig.got()["state"], json!({"reported": {"a": 1}}));
    let told = rig.update(r#"{"state":null}"#);
    let (_, accepted) = told.last().unwrap();
    assert_eq!((&accepted["state"], &accepted["metadata"]), (&Value::Null, &json!({"timestamp": TIME})));
    assert!(accepted.as_object().unwrap().contains_key("state"), "null is said");
    assert_eq!(accepted["version"], 3);
    let got = rig.got();
    assert_eq!((&got["state"], &got["metadata"], &got["version"]), (&json!({}), &json!({}), &json!(3)));
}

#[test]
fn only_what_an_update_touches_gets_its_time() {
    let mut rig = Rig::new();
    rig.update(r#"{"state":{"desired":{"a":1,"b":{"c":2,"d":3},"l":[1,[2],{"x":3}],"gone":1}}}"#);
    rig.pass(Duration::from_secs(5));
    let told = rig.update(r#"{"state":{"desired":{"b":{"c":2,"e":{}},"gone":null}}}"#);
    let (old, new) = (json!({"timestamp": TIME}), json!({"timestamp": TIME + 5}));
    assert_eq!(told.last().unwrap().1["metadata"], json!({"desired": {"b": {"c": new, "e": {}}, "gone": new}}));
    let expected = json!({"desired": {"a": old, "b": {"c": new, "d": old, "e": {}}, "l": [old, [old], {"x": old}]}});
    let mut metadata = rig.got()["metadata"].clone();
    let delta = metadata.as_object_mut().unwrap().remove("delta");
    assert_eq!((&metadata, &delta), (&expected, &expected.get("desired").cloned()));
}

#[test]
fn accepted_has_the_fields_of_the_request_and_no_others() {
    let mut rig = Rig::new();
    rig.update(r#"{"state":{"desired":{"a":1,"b":2},"reported":{"a":1}}}"#);
    let told = rig.update(r#"{"state":{"reported":{"b":2}},"version":1,"clientToken":"me","extra":1}"#);
    let expected = json!({
        "state": {"reported": {"b": 2}}, "metadata": {"reported": {"b": {"timestamp": TIME}}},
        "version": 2, "timestamp": TIME, "clientToken": "me",
    });
    assert_eq!(told.last().unwrap().1, expected);
}

#[test]
fn a_user_may_call_a_field_timestamp() {
    let mut rig = Rig::new();
    rig.update(r#"{"state":{"desired":{"timestamp":5,"o":{"timestamp":6}}}}"#);
    rig.pass(Duration::from_secs(1));
    rig.update(r#"{"state":{"desired":{"o":{"other":7}}}}"#);
    let got = rig.got();
    assert_eq!(got["state"]["desired"], json!({"timestamp": 5, "o": {"timestamp": 6, "other": 7}}));
    let old = json!({"timestamp": TIME});
    let metadata = json!({"timestamp": old, "o": {"timestamp": old, "other": {"timestamp": TIME + 1}}});
    assert_eq!(got["metadata"]["desired"], metadata);
}

#[test]
fn a_delta_is_everything_that_is_desired_and_not_reported() {
    for (desired, reported, delta) in [
        (json!({"a": 1}), json!({"a": 1}), None),
        (json!({"a": 1}), json!({"a": 1.0}), None),
        (json!({"a": [1, {"b": 2.0}]}), json!({"a": [1.0, {"b": 2}]}), None),
        (json!({"a": 1}), json!({"a": 1, "b": 2}), None),
        (json!({"a": {}}), json!({"a": {"b": 1}}), None),
        (json!({"a": 1}), json!({"b": 1}), Some(json!({"a": 1}))),
        (json!({"a": 1}), json!({"a": "1"}), Some(json!({"a": 1}))),
        (json!({"a": true}), json!({"a": 1}), Some(json!({"a": true}))),
        (json!({"a": {"b": 1, "c": 2}}), json!({"a": {"b": 1, "c": 3}}), Some(json!({"a": {"c": 2}}))),
        (json!({"a": {"b": 1}}), json!({"a": 1}), Some(json!({"a": {"b": 1}}))),
        (json!({"a": [1, 2]}), json!({"a": [1, 3]}), Some(json!({"a": [1, 2]}))),
        (json!({"a": [1]}), json!({"a": [1, 1]}), Some(json!({"a": [1]}))),
        (json!({"a": {}}), json!({"b": 1}), Some(json!({"a": {}}))),
        (
            json!({"a": 9_007_199_254_740_993_u64}),
            json!({"a": 9_007_199_254_740_992.0}),
            Some(json!({"a": 9_007_199_254_740_993_u64})),
        ),
    ] {
        let mut rig = Rig::new();
        let told = rig.update(json!({"state": {"desired": desired, "reported": reported}}).to_string());
        let told = told.iter().find(|(topic, _)| topic == "update/delta").map(|(_, body)| &body["state"]);
        assert_eq!(told, delta.as_ref(), "{desired} {reported}");
        assert_eq!(rig.got()["state"].get("delta"), delta.as_ref());
    }
}

#[test]
fn a_delta_is_told_again_with_every_update_as_long_as_there_is_one() {
    let mut rig = Rig::new();
    rig.update(r#"{"state":{"desired":{"a":1,"b":2}}}"#);
    rig.pass(Duration::from_secs(1));
    let told = rig.update(r#"{"state":{"reported":{"a":1,"c":3}},"clientToken":"me"}"#);
    let expected = json!({
        "state": {"b": 2}, "metadata": {"b": {"timestamp": TIME}},
        "version": 2, "timestamp": TIME + 1, "clientToken": "me",
    });
    assert_eq!(told[0], ("update/delta".to_owned(), expected));
    let told = rig.update(r#"{"state":{"reported":{"b":2}}}"#);
    assert!(told.iter().all(|(topic, _)| topic != "update/delta"));
}
