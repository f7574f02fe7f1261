//! What the service does wrong when it is told to.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use thingwire_sim::choices::{Choices, Seeded, Site};
use thingwire_sim::plan::Span;
use thingwire_sim::shadow::{Mood, Publication, ShadowMessage, Whim};

use crate::rig::Rig;

const DIFFERS: &str = r#"{"state":{"desired":{"a":1}},"clientToken":"me"}"#;

fn in_mood(to: ShadowMessage, whim: Whim) -> Rig {
    let mut rig = Rig::new();
    rig.service.begin_mood(0, Mood::always(to, whim));
    rig
}

fn topics(told: &[(String, serde_json::Value)]) -> Vec<&str> {
    told.iter().map(|(topic, _)| topic.as_str()).collect()
}

#[test]
fn a_dropped_answer_is_never_told_and_the_request_has_its_effect() {
    let mut rig = in_mood(ShadowMessage::Accepted, Whim::Drop);
    for _ in 0..20 {
        assert_eq!(topics(&rig.ask("update", DIFFERS)), ["update/delta", "update/documents"]);
    }
    rig.service.end_mood(0);
    assert_eq!(rig.got()["version"], 20, "and no request is under way for ever");
}

#[test]
fn a_delayed_message_comes_behind_later_ones() {
    let mut rig = in_mood(ShadowMessage::Accepted, Whim::Delay(Span::secs(2)));
    assert_eq!(topics(&rig.ask("update", DIFFERS)), ["update/delta", "update/documents"]);
    rig.service.end_mood(0);
    assert_eq!(rig.ask("update", DIFFERS).len(), 3);
    rig.pass(Duration::from_secs(2));
    let told = rig.told();
    assert_eq!((topics(&told), &told[0].1["version"]), (vec!["update/accepted"], &json!(1)));
}

#[test]
fn a_duplicated_message_comes_again() {
    let mut rig = in_mood(ShadowMessage::Delta, Whim::Duplicate(2));
    let told = rig.ask("update", DIFFERS);
    assert_eq!(topics(&told), ["update/delta", "update/delta", "update/delta", "update/documents", "update/accepted"]);
    assert!(told[0] == told[1] && told[1] == told[2]);
}

#[test]
fn a_refused_request_has_its_code_and_no_effect() {
    for code in [400, 401, 403, 404, 409, 413, 415, 422, 429, 500, 503] {
        let mut rig = in_mood(ShadowMessage::Any, Whim::Reject(code));
        let told = rig.ask("update", DIFFERS);
        assert_eq!((topics(&told), &told[0].1["code"]), (vec!["update/rejected"], &json!(code)));
        assert_eq!(told[0].1["clientToken"], "me");
        assert!(!told[0].1["message"].as_str().unwrap().is_empty());
        assert_eq!(rig.service.shadow(&Rig::name()), None);
    }
}

#[test]
fn answers_may_be_without_their_token_with_anothers_older_or_of_another_call() {
    let accepted = |whim| in_mood(ShadowMessage::Accepted, whim).ask("update", DIFFERS).remove(2);
    assert_eq!(accepted(Whim::WithoutToken).1.get("clientToken"), None);
    assert!(accepted(Whim::ForeignToken).1["clientToken"].as_str().unwrap().len() > 64);
    assert_eq!(accepted(Whim::OlderVersion(1)).1["version"], 0);
    assert_eq!(accepted(Whim::OtherCall).0, "get/accepted");
    let mut rig = in_mood(ShadowMessage::Rejected, Whim::OtherCall);
    assert_eq!(rig.ask("get", "")[0].0, "update/rejected");
}

#[test]
fn a_garbled_message_is_no_json() {
    let mut rig = in_mood(ShadowMessage::Any, Whim::Garbled);
    rig.send(1, "get", "");
    let Publication { payload, .. } = rig.service.poll(rig.now).unwrap();
    assert!(serde_json::from_slice::<serde_json::Value>(&payload).is_err());
}

#[test]
fn a_mood_strikes_every_so_often_and_so_many_times() {
    let mut rig = Rig::new();
    rig.service.begin_mood(7, Mood { to: ShadowMessage::Any, every: 3, count: 2, how: Whim::Reject(500) });
    let codes: Vec<_> = (0..9).map(|_| rig.ask("get", "")[0].1["code"].as_u64().unwrap()).collect();
    assert_eq!(codes, [404, 404, 500, 404, 404, 500, 404, 404, 404]);
}

#[test]
fn drawn_moods_meet_every_whim_and_are_the_same_for_the_same_choices() {
    let draw = |seed| {
        let mut choices = Seeded::new(seed);
        Mood::draw(|n| choices.below(0, Site::Profile, n))
    };
    let name = |mood: &Mood| format!("{:?}", mood.how).split('(').next().unwrap().to_owned();
    let whims: BTreeSet<String> = (0..200).map(|seed| name(&draw(seed))).collect();
    assert_eq!(whims.len(), 9, "{whims:?}");
    assert_eq!(draw(11), draw(11));
    let simplest = Mood { to: ShadowMessage::Accepted, every: 1, count: 1, how: Whim::Drop };
    assert_eq!(Mood::draw(|_| 0), simplest);
}
