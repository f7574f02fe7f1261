//! How versions count: S-5, S-15 and what a delete leaves.

use std::time::Duration;

use serde_json::json;

use crate::rig::Rig;

const HOUR: Duration = Duration::from_secs(3600);
const SET: &str = r#"{"state":{"reported":{"a":1}}}"#;

fn set(version: u64) -> String {
    json!({"state": {"reported": {"a": 1}}, "version": version}).to_string()
}

/// The version that an update was accepted with.
fn version_of(rig: &mut Rig, payload: &str) -> u64 {
    rig.update(payload).last().unwrap().1["version"].as_u64().unwrap()
}

#[test]
fn every_accepted_update_counts_and_no_other_request_does() {
    let mut rig = Rig::new();
    assert_eq!(version_of(&mut rig, SET), 1);
    assert_eq!(version_of(&mut rig, SET), 2, "also one that changes nothing");
    assert_eq!(version_of(&mut rig, r#"{"state":{}}"#), 3);
    rig.rejection("update", "{}");
    rig.got();
    assert_eq!(version_of(&mut rig, SET), 4);
}

#[test]
fn a_version_must_be_the_current_one() {
    let mut rig = Rig::new();
    assert_eq!(rig.rejection("update", set(0)), (400, "Invalid version".to_owned()), "nothing is there");
    assert_eq!(rig.rejection("update", set(2)), (400, "Invalid version".to_owned()));
    assert_eq!(version_of(&mut rig, &set(1)), 1);
    assert_eq!(version_of(&mut rig, &set(1)), 2);
    for wrong in [0, 1, 3, u64::MAX] {
        assert_eq!(rig.rejection("update", set(wrong)), (409, "Version conflict".to_owned()));
    }
    assert_eq!(version_of(&mut rig, r#"{"state":{},"version":2.0}"#), 3);
    assert_eq!(version_of(&mut rig, r#"{"state":{},"version":null}"#), 4);
}

#[test]
fn a_delete_says_the_last_version_and_numbering_goes_on_for_48_hours() {
    let mut rig = Rig::new();
    (0..5).for_each(|_| drop(rig.update(SET)));
    let told = rig.ask("delete", r#"{"clientToken":"bye"}"#);
    let expected = json!({"version": 5, "timestamp": crate::rig::TIME, "clientToken": "bye"});
    assert_eq!(told, [("delete/accepted".to_owned(), expected)]);
    assert_eq!(rig.rejection("get", "").0, 404);
    assert_eq!(rig.rejection("delete", "").0, 404);
    rig.pass(Duration::from_secs(48 * 3600 - 1));
    assert_eq!(rig.rejection("update", set(1)).0, 409, "as a client finds that begins anew");
    assert_eq!(version_of(&mut rig, &set(5)), 6);
    let told = rig.update(SET);
    assert_eq!(told[0].1["previous"]["version"], 6);
}

#[test]
fn after_48_hours_or_at_once_by_rule_numbering_begins_anew() {
    for (memory, away) in [(48 * HOUR, 48 * HOUR), (Duration::ZERO, Duration::ZERO)] {
        let mut rig = Rig::with(|rules| rules.memory = memory);
        (0..5).for_each(|_| drop(rig.update(SET)));
        rig.ask("delete", "");
        rig.pass(away);
        assert_eq!(rig.rejection("update", set(5)).0, 400);
        let told = rig.update(set(1));
        assert_eq!(told[0].1["previous"], json!(null));
        assert_eq!(told[0].1["current"]["version"], 1);
    }
}
