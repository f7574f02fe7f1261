//! How much the service takes at a time.

use std::time::Duration;

use thingwire_sim::shadow::{ShadowName, ShadowRules};

use crate::rig::Rig;

fn codes(told: &[(String, serde_json::Value)]) -> Vec<u64> {
    told.iter().filter_map(|(_, body)| body["code"].as_u64()).collect()
}

#[test]
fn the_eleventh_request_that_waits_for_its_answer_is_429() {
    let mut rig = Rig::with(|rules| rules.latency = Duration::from_secs(1));
    for _ in 0..9 {
        rig.send(1, "get", "");
    }
    rig.send(1, "name/n/get", "");
    rig.send(1, "get", r#"{"clientToken":"eleventh"}"#);
    rig.send(2, "get", "");
    assert!(rig.service.request(rig.moment(), 1, "$aws/things/u/shadow/get", b""), "another thing");
    rig.pass(Duration::from_secs(1));
    let all = std::iter::from_fn(|| rig.service.poll(rig.now));
    let all: Vec<_> = all.map(|publication| publication.payload).collect();
    let busy: Vec<_> = all.iter().filter(|payload| payload.starts_with(b"{\"code\":429")).collect();
    assert_eq!((all.len(), busy.len()), (13, 1));
    assert!(busy[0].ends_with(br#""clientToken":"eleventh"}"#));
    rig.send(1, "get", "");
    rig.pass(Duration::from_secs(1));
    assert_eq!(codes(&rig.told()), [404], "answers make room");
}

#[test]
fn a_shadow_takes_twenty_requests_a_second() {
    let mut rig = Rig::with(|rules| rules.requests_per_second = ShadowRules::aws().requests_per_second);
    let busy = |rig: &mut Rig, requests: usize, request| {
        let codes: Vec<_> = (0..requests).flat_map(|_| codes(&rig.ask(request, ""))).collect();
        codes.iter().filter(|code| **code == 429).count()
    };
    assert_eq!(busy(&mut rig, 25, "get"), 5);
    assert_eq!(busy(&mut rig, 20, "name/other/get"), 0, "each shadow has its own rate");
    rig.pass(Duration::from_millis(500));
    assert_eq!(busy(&mut rig, 20, "get"), 10);
    rig.pass(Duration::from_secs(10));
    assert_eq!(busy(&mut rig, 21, "get"), 1);
}

#[test]
fn updates_from_behind_are_published_and_their_rejections_only_returned() {
    let mut rig = Rig::new();
    let update = |rig: &mut Rig, payload: &str| rig.service.update(rig.moment(), &Rig::name(), payload.as_bytes());
    assert_eq!(update(&mut rig, r#"{"state":{"desired":{"a":1}}}"#), Ok(1));
    let topics: Vec<_> = rig.told().into_iter().map(|(topic, _)| topic).collect();
    assert_eq!(topics, ["update/delta", "update/documents", "update/accepted"]);
    assert_eq!(update(&mut rig, "{}").unwrap_err().to_string(), "400: Missing required node: state");
    assert!(rig.told().is_empty());
    assert_eq!(rig.service.shadow(&Rig::name()).unwrap()["state"]["delta"]["a"], 1);
    assert_eq!(rig.service.shadow(&ShadowName::classic("u").unwrap()), None);
}
