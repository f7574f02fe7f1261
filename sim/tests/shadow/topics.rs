//! Which topics are the service's.

use thingwire_sim::shadow::{Service, ShadowName};

use crate::rig::Rig;

#[test]
fn requests_are_taken_on_exactly_the_topics_of_classic_and_named_shadows() {
    let long = "t".repeat(128);
    for topic in [
        "$aws/things/t/shadow/get",
        "$aws/things/t/shadow/update",
        "$aws/things/t/shadow/delete",
        "$aws/things/a:b_c-D9/shadow/get",
        &format!("$aws/things/{long}/shadow/get"),
        "$aws/things/t/shadow/name/n/update",
        "$aws/things/t/shadow/name/name/get",
        "$aws/things/t/shadow/name/get/get",
        &format!("$aws/things/t/shadow/name/{}/delete", &long[..64]),
        "$aws/things/shadow/shadow/get",
    ] {
        assert!(Service::takes(topic), "{topic}");
    }
    for topic in [
        "aws/things/t/shadow/get",
        "/$aws/things/t/shadow/get",
        "$aws/things/t/shadow",
        "$aws/things/t/shadow/",
        "$aws/things/t/shadow/get/",
        "$aws/things/t/shadow/get/accepted",
        "$aws/things/t/shadow/GET",
        "$aws/things/t/shadow/list",
        "$aws/things//shadow/get",
        "$aws/things/a b/shadow/get",
        "$aws/things/é/shadow/get",
        "$aws/things/t/jobs/get",
        "$aws/things/t/shadows/get",
        &format!("$aws/things/{long}t/shadow/get"),
        "$aws/things/t/shadow/name/n",
        "$aws/things/t/shadow/name//get",
        "$aws/things/t/shadow/name/n/get/accepted",
        "$aws/things/t/shadow/name/n.m/get",
        "$aws/things/t/shadow/n/get",
        &format!("$aws/things/t/shadow/name/{}/delete", &long[..65]),
    ] {
        assert!(!Service::takes(topic), "{topic}");
        let mut rig = Rig::new();
        assert!(!rig.service.request(rig.moment(), 1, topic, b"{}"));
        assert!(rig.told().is_empty());
    }
}

#[test]
fn classic_and_named_shadows_of_one_thing_are_different_shadows() {
    let mut rig = Rig::new();
    rig.ask("update", r#"{"state":{"reported":{"a":1}}}"#);
    rig.ask("name/n/update", r#"{"state":{"reported":{"a":2}}}"#);
    rig.ask("name/n/update", r#"{"state":{"reported":{"a":3}}}"#);
    assert_eq!(rig.got()["version"], 1);
    let told = rig.ask("name/n/get", "");
    assert_eq!(told[0].0, "name/n/get/accepted");
    assert_eq!((&told[0].1["version"], &told[0].1["state"]["reported"]["a"]), (&2.into(), &3.into()));
    let names: Vec<_> = rig.service.names().map(ToString::to_string).collect();
    assert_eq!(names, ["t", "t/n"]);
    assert_eq!(rig.rejection("name/other/get", ""), (404, "No shadow exists with name: other".to_owned()));
    assert_eq!(ShadowName::named("t", "n").unwrap().topic("update/delta"), "$aws/things/t/shadow/name/n/update/delta");
}
