//! Whole exchanges, word by word.

use std::fmt::Write as _;
use std::time::Duration;

use crate::rig::Rig;

/// What is published on these requests, a second apart.
fn exchange(requests: &[(&str, &str)]) -> String {
    let mut rig = Rig::new();
    let mut text = String::new();
    for (request, payload) in requests {
        writeln!(text, "> {request} {payload}").unwrap();
        rig.send(1, request, payload);
        while let Some(publication) = rig.service.poll(rig.now) {
            let topic = publication.topic.strip_prefix("$aws/things/t/shadow/").unwrap();
            writeln!(text, "  {topic} {}", String::from_utf8(publication.payload.to_vec()).unwrap()).unwrap();
        }
        rig.pass(Duration::from_secs(1));
    }
    text
}

#[test]
fn the_life_of_a_classic_shadow() {
    insta::assert_snapshot!(exchange(&[
        ("get", r#"{"clientToken":"t-0"}"#),
        ("update", r#"{"state":{"desired":{"colour":"red","power":{"on":true,"watts":5}}},"clientToken":"app-1"}"#),
        ("get", r#"{"clientToken":"t-1"}"#),
        ("update", r#"{"state":{"reported":{"power":{"watts":5,"on":false}}},"clientToken":"lamp-1"}"#),
        ("update", r#"{"state":{"reported":{"colour":"red","power":{"on":true}}},"version":2}"#),
        ("update", r#"{"state":{"desired":{"colour":null}},"version":2,"clientToken":"app-2"}"#),
        ("update", r#"{"state":{"desired":{"colour":null}},"version":3,"clientToken":"app-3"}"#),
        ("update", r#"{"state":null}"#),
        ("get", ""),
        ("delete", r#"{"clientToken":"t-2"}"#),
        ("delete", ""),
        ("update", r#"{"state":{"reported":{"back":[1,{"again":2}]}}}"#),
    ]));
}

#[test]
fn a_named_shadow_among_others() {
    insta::assert_snapshot!(exchange(&[
        ("name/config/update", r#"{"state":{"desired":{"interval":30}}}"#),
        ("name/config/get", ""),
        ("name/status/get", ""),
        ("name/config/delete", ""),
    ]));
}
