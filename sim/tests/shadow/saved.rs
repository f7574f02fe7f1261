//! A service goes on where another one was.

use std::time::Duration;

use thingwire_sim::shadow::{SavedShadow, Service, ShadowRules};

use crate::rig::Rig;

fn moved(rig: &Rig) -> Rig {
    let text = serde_json::to_string(&rig.service.saved()).unwrap();
    let saved: Vec<SavedShadow> = serde_json::from_str(&text).unwrap();
    let mut service = Service::new(rig.service.rules().clone());
    service.restore(saved).unwrap();
    Rig { service, now: rig.now }
}

#[test]
fn shadows_and_the_memory_of_deleted_ones_are_as_before() {
    let mut rig = Rig::new();
    rig.update(
        r#"{"state":{"desired":{"a":{},"b":[],"n":18446744073709551615,"l":[{"x":[1]}]},"reported":{"s":"x"}}}"#,
    );
    rig.ask("name/n/update", r#"{"state":null}"#);
    rig.ask("name/gone/update", r#"{"state":{"desired":{"a":1}}}"#);
    rig.pass(Duration::from_secs(9));
    rig.update(r#"{"state":{"reported":{"t":0.1}}}"#);
    rig.ask("name/gone/delete", "");
    let mut other = moved(&rig);
    assert_eq!(other.service.saved(), rig.service.saved());
    for request in ["get", "name/n/get", "name/gone/get", "update", "name/gone/update"] {
        let payload = if request.ends_with("get") { "" } else { r#"{"state":{"desired":{"c":1}}}"# };
        assert_eq!(other.ask(request, payload), rig.ask(request, payload), "{request}");
    }
}

#[test]
fn what_cannot_be_a_shadow_is_refused() {
    for (text, why) in [
        (r#"[{"thing":"a b","version":1,"timestamp":1}]"#, "no shadow can be called \"a b\" None"),
        (
            r#"[{"thing":"a","version":1,"timestamp":1},{"thing":"a","version":1,"timestamp":1}]"#,
            "the shadow a is there twice",
        ),
    ] {
        let saved: Vec<SavedShadow> = serde_json::from_str(text).unwrap();
        assert_eq!(Service::new(ShadowRules::aws()).restore(saved), Err(why.to_owned()));
    }
    assert!(serde_json::from_str::<SavedShadow>(r#"{"thing":"a","version":1,"timestamp":1,"x":1}"#).is_err());
}

#[test]
fn the_revision_tells_every_change_and_nothing_else() {
    let mut rig = Rig::new();
    for (request, payload, changes) in [
        ("get", "", false),
        ("update", r#"{"state":{"desired":{"a":1}}}"#, true),
        ("update", "{}", false),
        ("get", "", false),
        ("delete", "", true),
        ("delete", "", false),
    ] {
        let before = rig.service.revision();
        rig.ask(request, payload);
        assert_eq!(rig.service.revision() > before, changes, "{request} {payload}");
    }
}
