//! What is not carried out, and what is said then: S-1 to S-8.

use serde_json::json;

use crate::rig::{Rig, TIME};

/// A section that is nested so deep.
fn nested(depth: usize) -> String {
    (1..depth).fold(r#"{"x":1}"#.to_owned(), |inner, _| format!(r#"{{"x":{inner}}}"#))
}

#[test]
fn every_wrong_update_is_rejected_with_its_code_and_words() {
    let deep = format!(r#"{{"state":{{"desired":{}}}}}"#, nested(7));
    let bottomless = format!(r#"{{"state":{}"#, "[".repeat(100_000));
    let long_token = format!(r#"{{"state":{{}},"clientToken":"{}"}}"#, "x".repeat(65));
    let large = format!(r#"{{"state":{{"desired":{{"a":"{}"}}}}}}"#, "x".repeat(8192 - 7));
    let too_deep = "JSON contains too many levels of nesting; maximum is 6";
    for (payload, code, message) in [
        ("", 400, "Missing update payload"),
        ("{", 400, "Invalid JSON: EOF while parsing an object at line 1 column 1"),
        (r#"{"state":{}} x"#, 400, "Invalid JSON: trailing characters at line 1 column 14"),
        (r#"{"state":{"desired":{"a":1e999}}}"#, 400, "Invalid JSON: number out of range at line 1 column 30"),
        ("\u{feff}{}", 400, "Invalid JSON: expected value at line 1 column 1"),
        ("[]", 400, "Invalid JSON: the payload is not an object"),
        ("7", 400, "Invalid JSON: the payload is not an object"),
        ("{}", 400, "Missing required node: state"),
        (r#"{"desired":{}}"#, 400, "Missing required node: state"),
        (r#"{"state":1}"#, 400, "State node must be an object"),
        (r#"{"state":[]}"#, 400, "State node must be an object"),
        (r#"{"state":{"delta":{}}}"#, 400, "State contains an invalid node: 'delta'"),
        (r#"{"state":{"desired":{},"a":1}}"#, 400, "State contains an invalid node: 'a'"),
        (r#"{"state":{"desired":1}}"#, 400, "Desired node must be an object"),
        (r#"{"state":{"reported":[]}}"#, 400, "Reported node must be an object"),
        (r#"{"state":{},"clientToken":7}"#, 400, "Invalid clientToken"),
        (&long_token, 400, "Invalid clientToken"),
        (r#"{"state":{},"version":"1"}"#, 400, "Invalid version"),
        (r#"{"state":{},"version":-1}"#, 400, "Invalid version"),
        (r#"{"state":{},"version":1.5}"#, 400, "Invalid version"),
        (r#"{"state":{},"version":2}"#, 400, "Invalid version"),
        (&deep, 400, too_deep),
        (&bottomless, 400, too_deep),
        (r#"{"state":{"desired":{"a":[1,null]}}}"#, 400, "Arrays must not contain null"),
        (r#"{"state":{"desired":{"a":[{"b":[null]}]}}}"#, 400, "Arrays must not contain null"),
        (&large, 413, "The payload exceeds the maximum size allowed"),
    ] {
        let mut rig = Rig::new();
        assert_eq!(rig.rejection("update", payload), (code, message.to_owned()), "{payload:.80}");
        assert_eq!(rig.service.revision(), 0, "nothing has changed");
    }
    let not_utf8 = b"{\"state\":{\"desired\":{\"a\":\"\xff\"}}}";
    let words = "Unsupported documented encoding; supported encoding is UTF-8".to_owned();
    assert_eq!(Rig::new().rejection("update", not_utf8), (415, words));
}

#[test]
fn of_several_faults_the_first_in_the_order_of_the_service_is_told() {
    let mut rig = Rig::new();
    rig.update(r#"{"state":{"desired":{"a":1}}}"#);
    let deep = nested(7);
    let mut faults = vec![
        (r#""nothing":0"#.to_owned(), "Missing required node: state"),
        (r#""state":{"x":1,"desired":1}"#.to_owned(), "State contains an invalid node: 'x'"),
        (r#""state":{"desired":1}"#.to_owned(), "Desired node must be an object"),
    ];
    let rest = r#""version":"x","clientToken":7"#;
    for (state, message) in faults.drain(..) {
        assert_eq!(rig.rejection("update", format!("{{{state},{rest}}}")).1, message);
    }
    let state = format!(r#""state":{{"desired":{deep}}}"#);
    assert_eq!(rig.rejection("update", format!("{{{state},{rest}}}")).1, "Invalid clientToken");
    assert_eq!(rig.rejection("update", format!(r#"{{{state},"version":"x"}}"#)).1, "Invalid version");
    assert_eq!(rig.rejection("update", format!(r#"{{{state},"version":9}}"#)).0, 400, "depth before conflict");
    let large = format!(r#"{{"state":{{"desired":{{"b":"{}"}}}},"version":9}}"#, "x".repeat(9000));
    assert_eq!(rig.rejection("update", large).0, 409, "conflict before size");
}

#[test]
fn depth_counts_containers_that_hold_something() {
    for (section, right) in [
        (nested(6), true),
        (nested(7), false),
        (format!(r#"{{"a":{}}}"#, "[".repeat(5) + "1" + &"]".repeat(5)), true),
        (format!(r#"{{"a":{}}}"#, "[".repeat(6) + "1" + &"]".repeat(6)), false),
        (format!(r#"{{"a":{}}}"#, "[".repeat(6) + &"]".repeat(6)), true),
    ] {
        let payload = format!(r#"{{"state":{{"reported":{section}}}}}"#);
        let accepted = Rig::new().ask("update", &payload).last().unwrap().0 == "update/accepted";
        assert_eq!(accepted, right, "{payload}");
    }
    let payload = format!(r#"{{"state":{{"reported":{}}}}}"#, nested(8));
    assert_eq!(Rig::with(|rules| rules.depth_max = 8).update(&payload).len(), 2);
    let words = "JSON contains too many levels of nesting; maximum is 5".to_owned();
    assert_eq!(Rig::with(|rules| rules.depth_max = 5).rejection("update", &payload), (400, words));
}

#[test]
fn the_size_of_both_sections_together_counts_and_metadata_does_not() {
    let mut rig = Rig::new();
    // {"a":"…"} is eight bytes more than what is in it.
    rig.update(format!(r#"{{"state":{{"desired":{{"a":"{}"}}}}}}"#, "x".repeat(4088)));
    rig.update(format!(r#"{{"state":{{"reported":{{"a":"{}"}}}}}}"#, "x".repeat(4088)));
    let mut one_more = r#"{"state":{"reported":{"b":1}}}"#;
    assert_eq!(rig.rejection("update", one_more).0, 413, "also of a small update");
    assert_eq!(rig.got()["version"], 2);
    one_more = r#"{"state":{"desired":{"a":null},"reported":{"b":1}}}"#;
    rig.update(one_more);
    let many: Vec<String> = (0..1000).map(|n| format!(r#""{n}":1"#)).collect();
    rig.update(format!(r#"{{"state":{{"reported":null,"desired":{{{}}}}}}}"#, many.join(",")));
}

#[test]
fn a_delta_of_the_users_is_left_out_where_the_rules_want_it() {
    let mut rig = Rig::with(|rules| rules.delta_ignored = true);
    let told = rig.update(r#"{"state":{"delta":{"z":1},"reported":{"a":1}}}"#);
    assert_eq!(told.last().unwrap().1["state"], json!({ "reported": { "a": 1 } }));
}

#[test]
fn a_get_takes_nothing_or_an_object_and_a_delete_takes_anything() {
    for (payload, code) in [("x", 400), ("[]", 400), (r#"{"clientToken":1}"#, 400)] {
        let mut rig = Rig::new();
        rig.update(r#"{"state":{"reported":{"a":1}}}"#);
        assert_eq!(rig.rejection("get", payload).0, code, "{payload}");
        assert_eq!(rig.ask("delete", payload)[0].0, "delete/accepted", "{payload}");
    }
    let mut rig = Rig::new();
    rig.update(r#"{"state":{"reported":{"a":1}}}"#);
    assert_eq!(rig.rejection("get", b"\xff").0, 415);
    assert_eq!(rig.ask("get", "{}")[0].0, "get/accepted");
    assert_eq!(rig.ask("delete", b"\xff")[0].0, "delete/accepted");
}

#[test]
fn what_is_not_there_is_404() {
    let mut rig = Rig::new();
    for request in ["get", "delete"] {
        assert_eq!(rig.rejection(request, ""), (404, "No shadow exists with name: Unnamed Shadow".to_owned()));
    }
}

#[test]
fn a_rejection_has_the_token_if_it_could_be_read() {
    let mut rig = Rig::new();
    let token = "x".repeat(64);
    for (request, payload, carried) in [
        ("update", format!(r#"{{"clientToken":"{token}"}}"#), true),
        ("update", format!(r#"{{"state":{{"desired":1}},"clientToken":"{token}"}}"#), true),
        ("get", format!(r#"{{"clientToken":"{token}"}}"#), true),
        ("delete", format!(r#"{{"clientToken":"{token}"}}"#), true),
        ("update", format!(r#"{{"clientToken":"{token}""#), false),
        ("update", format!(r#"{{"state":{{}},"clientToken":"{token}y"}}"#), false),
        ("update", r#"{"state":1}"#.to_owned(), false),
    ] {
        let (_, body) = rig.ask(request, &payload).remove(0);
        assert_eq!(body["timestamp"], TIME);
        assert_eq!(body.get("clientToken"), carried.then(|| json!(token)).as_ref(), "{payload}");
    }
}
