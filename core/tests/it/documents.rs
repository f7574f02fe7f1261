//! What the service says of a shadow, part by part, as it said it.

use serde::Deserialize;
use thingwire_core::{Delta, Document, Documents, Section, ShadowEvent, Snapshot};

fn json(section: Option<&Section>) -> &str {
    section.map_or("none", Section::json)
}

fn sides(snapshot: &Snapshot) -> [&str; 3] {
    [&snapshot.desired, &snapshot.reported, &snapshot.metadata].map(|section| json(section.as_ref()))
}

#[test]
fn a_change_tells_both_states_before_and_after() {
    let text = br#"{"previous":{"state":{"desired":{"a":1},"reported":{"b":2}},"metadata":{"m":3},"version":6},
        "current":{"state":{"reported":{"b":4}},"version":7},"timestamp":8,"clientToken":"t"}"#;
    let change = Documents::parse(text[..].into()).unwrap();
    let previous = change.previous.as_ref().unwrap();
    assert_eq!((sides(previous), previous.version), ([r#"{"a":1}"#, r#"{"b":2}"#, r#"{"m":3}"#], 6));
    assert_eq!((sides(&change.current), change.current.version), (["none", r#"{"b":4}"#, "none"], 7));
    assert_eq!((change.timestamp_secs, change.client_token.as_deref()), (Some(8), Some("t")));

    let first = br#"{"previous":null,"current":{"state":null,"version":1}}"#;
    let first = Documents::parse(first[..].into()).unwrap();
    assert_eq!((first.previous, sides(&first.current)), (None, ["none"; 3]));
}

#[test]
fn a_section_gives_its_text_its_members_and_what_does_not_fit() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Lamp {
        on: bool,
        level: u8,
    }
    let read = |text: &str| Document::parse(text.to_owned().into()).unwrap().desired.unwrap();
    let lamp = read(r#"{"state":{"desired":{"on":true,"level":7,"name":{"x":1}}}}"#);
    assert_eq!(lamp.to_string(), r#"{"on":true,"level":7,"name":{"x":1}}"#);
    assert_eq!(lamp.keys(), ["on", "level", "name"]);
    assert_eq!(lamp.parse::<Lamp>(), Ok(Lamp { on: true, level: 7 }));
    assert_eq!((lamp.get::<u8>("level"), lamp.get::<u8>("nothing")), (Some(Ok(7)), None));

    let wrong = lamp.get::<u8>("on").unwrap().unwrap_err();
    assert_eq!(wrong.to_string(), r#""on": invalid type: boolean `true`, expected u8 at line 1 column 4"#);
    let wrong = read("{\"state\":{\"desired\":{\"on\":true,\n\"level\":256}}}").parse::<Lamp>().unwrap_err();
    assert_eq!(wrong.to_string(), r#""level": invalid value: integer `256`, expected u8 at line 2 column 11"#);
    let wrong = read(r#"{"state":{"desired":{"on":true}}}"#).parse::<Lamp>().unwrap_err();
    assert_eq!(wrong.to_string(), "missing field `level` at line 1 column 11");
}

#[test]
fn what_is_told_has_the_message_that_it_was_read_from() {
    let delta = br#"{"state":{"a":1},"version":2}"#;
    let changed = br#"{"current":{"version":3}}"#;
    let document = br#"{"version":4}"#;
    let raw = |event: ShadowEvent| event.raw().map(|raw| raw.to_vec());
    assert_eq!(raw(ShadowEvent::Delta(Delta::parse(delta[..].into()).unwrap())), Some(delta.to_vec()));
    assert_eq!(raw(ShadowEvent::Documents(Documents::parse(changed[..].into()).unwrap())), Some(changed.to_vec()));
    assert_eq!(raw(ShadowEvent::Current(Document::parse(document[..].into()).unwrap())), Some(document.to_vec()));
    assert_eq!(raw(ShadowEvent::Absent), None);
}
