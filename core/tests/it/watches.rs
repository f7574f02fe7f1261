//! Watched shadows: no delta is missed, and nothing older is told after something newer.

use core::time::Duration;

use thingwire_core::{
    LinkError, Notice, Outcome, Qos, Refusal, Section, ShadowEvent, ShadowName, ShadowRequest, ShadowWatch, Ticket,
    WrongType,
};

use crate::requests::{PUBLISH, SUBSCRIBE, UNSUBSCRIBE, filters, get, kind, name, on, token, update};
use crate::rig::{CONNACK, CONNACK_RESUMED, Rig, config, message, packet_id, persistent, puback, suback, topic};

pub fn deltas() -> ShadowWatch {
    ShadowWatch::deltas(name())
}

pub fn delta(version: u64) -> String {
    format!(r#"{{"version":{version},"state":{{"color":"v{version}"}}}}"#)
}

fn document(version: u64, token: &str) -> String {
    format!(
        r#"{{"state":{{"desired":{{"color":"v{version}"}},"delta":{{"color":"v{version}"}}}},"version":{version},"clientToken":"{token}"}}"#
    )
}

pub fn in_sync(version: u64, token: &str) -> String {
    format!(r#"{{"state":{{"desired":{{}}}},"version":{version},"clientToken":"{token}"}}"#)
}

impl Rig {
    pub fn watch(&mut self, watch: ShadowWatch) -> Ticket {
        self.client.watch_shadow(self.now, watch).unwrap()
    }

    /// Watching, with the shadow read at this version; nothing is left to be told.
    pub fn watching(watch: ShadowWatch, version: u64) -> Self {
        let mut rig = Self::online(config());
        rig.watch(watch);
        for sent in rig.served() {
            rig.tell("get/accepted", &in_sync(version, &token(&sent)));
        }
        rig.take_notices();
        rig
    }

    /// What this watch was told, and nobody else was told anything.
    fn told_to(&mut self, watch: Ticket) -> Vec<String> {
        let notices = self.take_notices();
        let told: Vec<_> = notices.into_iter().filter(|notice| watch_of(notice).is_some()).collect();
        assert!(told.iter().all(|notice| watch_of(notice) == Some(watch)), "{told:?}");
        told.into_iter().map(word).collect()
    }

    /// What was told, in few words.
    pub fn told(&mut self) -> Vec<String> {
        self.take_notices().into_iter().map(word).collect()
    }
}

fn word(notice: Notice) -> String {
    match notice {
        Notice::Shadow(notice) => match notice.event {
            ShadowEvent::Delta(delta) => format!("delta {}", delta.version),
            ShadowEvent::Documents(documents) => format!("documents {}", documents.current.version),
            ShadowEvent::Current(document) => format!("current {}", document.version.unwrap()),
            ShadowEvent::Deleted { version: Some(version) } => format!("deleted {version}"),
            ShadowEvent::Malformed(_) => "malformed".to_owned(),
            ShadowEvent::Unreadable(why) => format!("unreadable {}", why.code),
            event => format!("{event:?}"),
        },
        other => format!("{other:?}"),
    }
}

#[test]
fn a_watch_subscribes_reads_and_then_tells_every_delta() {
    let mut rig = Rig::online(config());
    let ticket = rig.watch(deltas());
    let sent = rig.drain();
    assert_eq!((kind(&sent[0]), topic(&sent[0]), filters(&sent[0])), (SUBSCRIBE, &on("update/delta")[..], 1));
    let sent = rig.receive(&suback(packet_id(&sent[0]), &[1]));
    let [Notice::Done { ticket: done, outcome: Outcome::Subscribed(_) }] = &rig.take_notices()[..] else {
        panic!("the call is over")
    };
    assert_eq!(*done, ticket);
    let sent = rig.serve(sent);
    assert_eq!(topic(&sent[0]), on("get"), "what was there before");
    rig.tell("get/accepted", &document(5, &token(&sent[0])));
    assert_eq!(rig.told(), ["current 5", "delta 5"]);
    rig.tell("update/delta", &delta(6));
    assert_eq!(rig.told(), ["delta 6"]);
    assert_eq!(rig.client.status().totals.unmatched, 0);
}

#[test]
fn a_difference_that_a_document_shows_is_told_with_its_times() {
    let mut rig = Rig::online(config());
    rig.watch(deltas());
    let sent = rig.served();
    let text = format!(
        r#"{{"state":{{"delta":{{"a":1}}}},"metadata":{{"delta":{{"a":{{"timestamp":9}}}}}},"version":5,"clientToken":"{}"}}"#,
        token(&sent[0])
    );
    rig.tell("get/accepted", &text);
    let shadow = |notice| if let Notice::Shadow(notice) = notice { Some(notice) } else { None };
    let told: Vec<_> = rig.take_notices().into_iter().filter_map(shadow).collect();
    let words: Vec<_> = told.iter().map(ToString::to_string).collect();
    assert_eq!(words, ["shadow pump: is at version 5", "shadow pump: delta of version 5"]);
    let ShadowEvent::Delta(delta) = &told[1].event else { panic!("{told:?}") };
    let metadata = delta.metadata.as_ref().map(Section::json);
    assert_eq!((delta.state.json(), metadata), (r#"{"a":1}"#, Some(r#"{"a":{"timestamp":9}}"#)));
}

#[test]
fn deltas_come_once_and_in_order() {
    let mut rig = Rig::watching(deltas().get_first(false), 0);
    for version in [5, 5, 4, 6] {
        rig.tell("update/delta", &delta(version));
    }
    rig.tell("update/delta", r#"{"state":{"color":"none"}}"#);
    assert_eq!(rig.told(), ["delta 5", "delta 6", "malformed"]);
    for bad in ["", "[]", r#"{"version":7}"#, r#"{"version":7,"state":[]}"#, r#"{"version":"7","state":{}}"#] {
        rig.tell("update/delta", bad);
    }
    assert_eq!(rig.told(), ["malformed"; 5]);
    assert_eq!(rig.drain(), [[0_u8; 0]; 0], "it was told not to read");
}

#[test]
fn a_delta_that_is_told_twice_is_no_reason_to_read_and_an_older_one_is() {
    let mut rig = Rig::watching(deltas(), 4);
    let nothing = [[0_u8; 0]; 0];
    assert_eq!(rig.tell("update/delta", &delta(5)), nothing);
    assert_eq!(rig.tell("update/delta", &delta(5)), nothing);
    assert_eq!(rig.told(), ["delta 5"]);
    let sent = rig.tell("update/delta", &delta(4));
    assert_eq!(topic(&rig.serve(sent)[0]), on("get"));
}

#[test]
fn an_update_of_our_own_does_not_hide_the_delta_of_the_same_version() {
    let mut rig = Rig::watching(deltas(), 4);
    rig.shadow(update(r#"{"state":{"desired":{"color":"red"}}}"#).token("mine"));
    rig.served();
    rig.tell("update/accepted", r#"{"state":{},"version":5,"clientToken":"mine"}"#);
    rig.tell("update/accepted", r#"{"state":{},"version":5,"clientToken":"mine"}"#);
    rig.take_notices();
    rig.tell("update/delta", &delta(5));
    assert_eq!(rig.told(), ["delta 5"]);
}

#[test]
fn a_delta_is_read_key_by_key() {
    let mut rig = Rig::watching(deltas(), 1);
    rig.tell(
        "update/delta",
        r#"{"version":9,"timestamp":1700000000,"clientToken":"them","state":{"big":18446744073709551617,"on":"yes","list":[1,{"a":null}],"gone":null},"metadata":{"on":{"timestamp":1}}}"#,
    );
    let Some(Notice::Shadow(notice)) = rig.take_notices().pop() else { panic!() };
    let ShadowEvent::Delta(delta) = notice.event else { panic!() };
    assert_eq!((delta.timestamp_secs, delta.client_token.as_deref()), (Some(1_700_000_000), Some("them")));
    let state: &Section = &delta.state;
    assert_eq!(state.keys(), ["big", "on", "list", "gone"]);
    assert_eq!(state.members()[0].1, "18446744073709551617");
    assert_eq!(state.get::<String>("on"), Some(Ok("yes".to_owned())));
    assert_eq!(state.get::<u8>("none"), None);
    assert_eq!(state.get::<Option<u8>>("gone"), Some(Ok(None)));
    let Some(Err(WrongType { key: Some(key), .. })) = state.get::<bool>("on") else { panic!() };
    assert_eq!(key, "on");
    let whole = state.parse::<std::collections::BTreeMap<String, u128>>().unwrap_err();
    assert_eq!(whole.key.as_deref(), Some("on"), "{whole}");
}

#[test]
fn after_a_lost_session_the_shadow_is_read_again() {
    let mut rig = Rig::watching(deltas(), 5);
    rig.tell("update/delta", &delta(6));
    rig.lose_link(LinkError::KeepAlive);
    rig.wake();
    let sent = rig.reach_online(&CONNACK);
    assert_eq!((kind(&sent[0]), filters(&sent[0])), (SUBSCRIBE, 1));
    let sent = rig.serve(sent);
    assert_eq!(topic(&sent[0]), on("get"));
    rig.take_notices();
    rig.tell("get/accepted", &document(8, &token(&sent[0])));
    rig.tell("update/delta", &delta(7));
    rig.tell("update/delta", &delta(8));
    assert_eq!(rig.told(), ["current 8", "delta 8"], "what was missed, and nothing twice");
}

#[test]
fn on_a_resumed_session_nothing_was_missed() {
    let mut rig = Rig::online(persistent());
    rig.watch(deltas());
    let sent = rig.served();
    rig.tell("get/accepted", &in_sync(5, &token(&sent[0])));
    rig.lose_link(LinkError::KeepAlive);
    rig.wake();
    assert_eq!(rig.reach_online(&CONNACK_RESUMED), [[0_u8; 0]; 0]);
}

#[test]
fn what_is_granted_with_qos_0_only_may_have_been_missed_on_a_resumed_session_too() {
    let mut rig = Rig::online(persistent());
    rig.watch(deltas());
    let subscribe = rig.drain().remove(0);
    let sent = rig.receive(&suback(packet_id(&subscribe), &[0]));
    let sent = rig.serve(sent);
    rig.tell("get/accepted", &in_sync(5, &token(&sent[0])));
    rig.take_notices();
    rig.lose_link(LinkError::KeepAlive);
    rig.wake();
    let sent = rig.reach_online(&CONNACK_RESUMED);
    assert_eq!(sent.iter().map(|packet| topic(packet)).collect::<Vec<_>>(), [on("get")]);
    rig.take_notices();
    rig.tell("get/accepted", &document(7, &token(&sent[0])));
    assert_eq!(rig.told(), ["current 7", "delta 7"]);

    rig.lose_link(LinkError::KeepAlive);
    rig.wake();
    let renewed = rig.reach_online(&CONNACK).remove(0);
    assert_eq!(renewed.last(), Some(&1), "the best is asked for again");
}

#[test]
fn a_document_that_a_delta_has_overtaken_is_read_again() {
    let mut rig = Rig::online(config());
    rig.watch(deltas());
    let sent = rig.served();
    rig.tell("update/delta", &delta(7));
    let sent = rig.tell("get/accepted", &document(6, &token(&sent[0])));
    let sent = rig.serve(sent);
    rig.tell("get/accepted", &in_sync(8, &token(&sent[0])));
    assert_eq!(rig.told()[1..], ["delta 7", "current 8"]);
}

#[test]
fn a_shadow_that_was_deleted_and_made_anew_counts_from_the_beginning() {
    let mut rig = Rig::watching(deltas(), 40);
    let sent = rig.tell("update/delta", &delta(2));
    assert_eq!(rig.told(), [""; 0], "it may as well be late");
    let sent = rig.serve(sent);
    assert_eq!(topic(&sent[0]), on("get"), "so it is looked up");
    rig.tell("get/accepted", &document(3, &token(&sent[0])));
    assert_eq!(rig.told(), ["Deleted { version: None }", "current 3", "delta 3"]);
    rig.tell("update/delta", &delta(4));
    assert_eq!(rig.told(), ["delta 4"]);
}

#[test]
fn after_a_deletion_any_version_may_follow() {
    for (deletions, by_us) in [(true, true), (true, false), (false, true)] {
        let mut rig = Rig::watching(deltas().deletions(deletions), 40);
        let token = if by_us {
            rig.shadow(ShadowRequest::delete(name()).token("d"));
            rig.served();
            "d"
        } else {
            "somebody"
        };
        rig.tell("delete/accepted", &format!(r#"{{"version":41,"timestamp":1,"clientToken":"{token}"}}"#));
        rig.tell("delete/rejected", r#"{"code":404,"message":"none"}"#);
        let told: Vec<_> = rig.told().into_iter().filter(|word| !word.starts_with("Done")).collect();
        assert_eq!(told, ["deleted 41"]);
        rig.tell("update/delta", &delta(1));
        assert_eq!(rig.told(), ["delta 1"]);
    }
}

#[test]
fn a_delete_that_was_asked_for_before_the_watch_is_told() {
    let mut rig = Rig::online(config());
    rig.shadow(ShadowRequest::delete(name()).token("d"));
    rig.served();
    rig.watch(deltas());
    for sent in rig.served() {
        rig.tell("get/accepted", &in_sync(40, &token(&sent)));
    }
    rig.take_notices();
    rig.tell("delete/accepted", r#"{"version":40,"timestamp":1,"clientToken":"d"}"#);
    let told: Vec<_> = rig.told().into_iter().filter(|word| !word.starts_with("Done")).collect();
    assert_eq!(told, ["deleted 40"]);
}

#[test]
fn a_late_delete_of_a_shadow_that_was_made_again_is_looked_up() {
    let mut rig = Rig::watching(deltas().deletions(true), 40);
    rig.tell("update/delta", &delta(42));
    let sent = rig.tell("delete/accepted", r#"{"version":41,"timestamp":1}"#);
    assert_eq!(rig.told(), ["delta 42"], "41 was deleted before there was 42");
    let sent = rig.serve(sent);
    assert_eq!(topic(&sent[0]), on("get"));
    rig.tell("get/accepted", &document(42, &token(&sent[0])));
    assert_eq!(rig.told(), ["current 42"]);
}

#[test]
fn an_absence_that_something_has_overtaken_is_looked_up_again() {
    let mut rig = Rig::online(config());
    rig.watch(deltas());
    let sent = rig.served();
    rig.tell("update/delta", &delta(1));
    rig.take_notices();
    let none = |token: &str| format!(r#"{{"code":404,"message":"none","clientToken":"{token}"}}"#);
    let sent = rig.tell("get/rejected", &none(&token(&sent[0])));
    assert_eq!(rig.told(), [""; 0], "it may have been made since");
    assert_eq!(topic(&sent[0]), on("get"));
    rig.tell("get/rejected", &none(&token(&sent[0])));
    assert_eq!(rig.told(), ["Absent"], "it was deleted since");
}

#[test]
fn a_deletion_is_told_once_to_who_is_reading() {
    let mut rig = Rig::watching(deltas().deletions(true), 40);
    let sent = rig.tell("update/delta", &delta(2));
    rig.tell("delete/accepted", r#"{"version":40,"timestamp":1}"#);
    let again = rig.tell("get/accepted", &in_sync(3, &token(&sent[0])));
    rig.tell("get/accepted", &in_sync(3, &token(&again[0])));
    assert_eq!(rig.told(), ["deleted 40", "current 3"]);
}

#[test]
fn a_late_deletion_of_the_shadow_before_does_not_hide_the_one_made_anew() {
    for version in [1, 2, 3, 25] {
        let mut rig = Rig::watching(deltas().deletions(true), 2);
        let sent = rig.tell("delete/accepted", &format!(r#"{{"version":{version},"timestamp":1}}"#));
        rig.tell("update/delta", &delta(1));
        rig.tell("get/accepted", &in_sync(2, &token(&sent[0])));
        let told = rig.told();
        assert_eq!(told.last().map(String::as_str), if version == 1 { None } else { Some("current 2") }, "{told:?}");
    }
}

#[test]
fn what_was_told_of_a_deleted_shadow_is_taken_back() {
    let mut rig = Rig::watching(deltas().deletions(true), 39);
    let sent = rig.tell("delete/accepted", r#"{"version":40,"timestamp":1}"#);
    rig.tell("update/delta", &delta(40));
    let none = |token: &str| format!(r#"{{"code":404,"message":"none","clientToken":"{token}"}}"#);
    let sent = rig.tell("get/rejected", &none(&token(&sent[0])));
    assert_eq!(rig.told(), ["deleted 40", "delta 40"]);
    rig.tell("get/rejected", &none(&token(&sent[0])));
    assert_eq!(rig.told(), ["Absent"]);
}

#[test]
fn that_there_is_none_is_not_told_after_a_deletion() {
    let mut rig = Rig::watching(deltas().deletions(true), 40);
    let sent = rig.tell("delete/accepted", r#"{"version":40,"timestamp":1}"#);
    let sent = rig.serve(sent);
    let none = format!(r#"{{"code":404,"message":"none","clientToken":"{}"}}"#, token(&sent[0]));
    assert_eq!(rig.tell("get/rejected", &none), [[0_u8; 0]; 0]);
    assert_eq!(rig.told(), ["deleted 40"]);
}

#[test]
fn an_answer_from_before_a_deletion_is_not_believed() {
    let mut rig = Rig::online(config());
    rig.watch(deltas().deletions(true));
    let sent = rig.served();
    rig.take_notices();
    rig.tell("delete/accepted", r#"{"version":40,"timestamp":1}"#);
    let again = rig.tell("get/accepted", &document(40, &token(&sent[0])));
    assert_eq!(rig.told(), ["deleted 40"]);
    rig.tell("get/accepted", &document(1, &token(&again[0])));
    assert_eq!(rig.told(), ["current 1", "delta 1"]);
}

#[test]
fn a_shadow_that_is_not_there_is_told_once() {
    let mut rig = Rig::online(config());
    rig.watch(deltas());
    let mut sent = rig.served();
    rig.take_notices();
    for _ in 0..2 {
        rig.tell("get/rejected", &format!(r#"{{"code":404,"message":"none","clientToken":"{}"}}"#, token(&sent[0])));
        rig.lose_link(LinkError::KeepAlive);
        rig.wake();
        sent = rig.reach_online(&CONNACK);
        sent = rig.serve(sent);
    }
    let told: Vec<_> = rig.told().into_iter().filter(|word| word == "Absent").collect();
    assert_eq!(told, ["Absent"]);
    rig.tell("update/delta", &delta(1));
    assert_eq!(rig.told(), ["delta 1"]);
}

#[test]
fn reading_is_tried_again_when_the_reason_passes_and_not_otherwise() {
    let mut rig = Rig::online(config());
    rig.watch(deltas());
    let sent = rig.served();
    rig.take_notices();
    rig.tell("get/rejected", &format!(r#"{{"code":429,"message":"slow down","clientToken":"{}"}}"#, token(&sent[0])));
    let sent = rig.wake();
    let sent = rig.serve(sent);
    assert_eq!(topic(&sent[0]), on("get"));
    rig.wake_after(Duration::from_secs(10));
    assert_eq!(rig.told(), [""; 0], "no answer: again");
    let mut sent = rig.wake();
    sent = rig.serve(sent);
    rig.tell("get/rejected", &format!(r#"{{"code":403,"message":"no","clientToken":"{}"}}"#, token(&sent[0])));
    assert_eq!(rig.told(), ["unreadable 403"]);
    rig.tell("update/delta", &delta(1));
    assert_eq!(rig.told(), ["delta 1"]);
}

#[test]
fn documents_have_their_own_order() {
    let mut rig = Rig::watching(deltas().documents(true), 0);
    let documents = |version: u64| {
        format!(
            r#"{{"previous":null,"current":{{"state":{{"reported":{{"a":1}}}},"metadata":{{}},"version":{version}}},"timestamp":3}}"#
        )
    };
    let nothing = [[0_u8; 0]; 0];
    assert_eq!(rig.tell("update/delta", &delta(3)), nothing);
    assert_eq!(rig.tell("update/documents", &documents(3)), nothing);
    assert_eq!(rig.tell("update/documents", &documents(3)), nothing, "told twice");
    assert_eq!(rig.tell("update/documents", r#"{"current":{"state":{}}}"#), nothing);
    let sent = rig.tell("update/documents", &documents(2));
    assert_eq!(rig.told(), ["delta 3", "documents 3", "malformed"]);
    let sent = rig.serve(sent);
    assert_eq!(topic(&sent[0]), on("get"), "late, or of a shadow made anew");
}

#[test]
fn a_refused_watch_is_told_once_and_asked_for_again() {
    let mut rig = Rig::online(config());
    let ticket = rig.watch(deltas());
    let mut sent = rig.drain();
    for _ in 0..3 {
        let answer = suback(packet_id(sent.iter().find(|packet| kind(packet) == SUBSCRIBE).unwrap()), &[0x80]);
        rig.receive(&answer);
        sent = rig.wake();
    }
    assert_eq!(rig.told(), ["NotSubscribed"]);
    rig.serve(sent);
    assert_eq!(rig.outcomes()[0].0, ticket);
}

#[test]
fn a_watch_that_costs_connections_is_given_up() {
    let mut rig = Rig::online(config());
    let ticket = rig.watch(deltas());
    rig.drain();
    for _ in 0..2 {
        rig.lose_link(LinkError::Closed);
        rig.wake();
        rig.reach_online(&CONNACK);
    }
    rig.lose_link(LinkError::Closed);
    let notices = rig.take_notices();
    let over =
        |notice: &Notice| matches!(notice, Notice::Shadow(told) if told.event == ShadowEvent::GivenUp { times: 3 });
    assert_eq!(notices.iter().filter(|notice| over(notice)).count(), 1);
    let done = Notice::Done { ticket, outcome: Outcome::ConnectionClosed { times: 3 } };
    assert_eq!(notices.iter().filter(|notice| **notice == done).count(), 1);
    assert!(!rig.client.unwatch_shadow(rig.now, ticket));
}

#[test]
fn the_end_of_a_watch_is_the_end_of_its_news() {
    let mut config = config();
    config.requests.keep_subscriptions = false;
    let mut rig = Rig::online(config);
    let ticket = rig.watch(deltas().documents(true).deletions(true));
    assert!(rig.client.unwatch_shadow(rig.now, ticket));
    assert!(!rig.client.unwatch_shadow(rig.now, ticket));
    let sent = rig.drain();
    assert_eq!(sent.len(), 3, "the requests for it were on their way");
    rig.serve(sent);
    assert_eq!(rig.outcomes(), [(ticket, Outcome::Discarded)]);

    let ticket = rig.watch(deltas());
    rig.served();
    rig.take_notices();
    rig.client.unwatch_shadow(rig.now, ticket);
    let sent = rig.drain();
    assert!(sent.iter().any(|packet| kind(packet) == UNSUBSCRIBE && topic(packet) == on("update/delta")));
    rig.tell("update/delta", &delta(1));
    assert_eq!(rig.told(), [""; 0]);
}

#[test]
fn nothing_is_read_for_a_watch_that_has_ended_meanwhile() {
    let mut config = config();
    config.in_flight_max = 1;
    let mut rig = Rig::online(config);
    let watch = rig.watch(deltas());
    rig.publish("busy", "1", Qos::AtLeastOnce);
    let sent = rig.drain();
    let [busy] = &sent.iter().filter(|packet| kind(packet) == PUBLISH).map(|it| packet_id(it)).collect::<Vec<_>>()[..]
    else {
        panic!("the window is full: {sent:?}")
    };
    let mut subscribes: Vec<_> = sent.into_iter().filter(|packet| kind(packet) == SUBSCRIBE).collect();
    while let Some(subscribe) = subscribes.pop() {
        subscribes.extend(rig.receive(&suback(packet_id(&subscribe), &vec![1; filters(&subscribe)])));
    }
    assert!(rig.client.unwatch_shadow(rig.now, watch));
    rig.drain();
    let freed = rig.receive(&puback(*busy));
    assert!(freed.iter().all(|packet| kind(packet) != PUBLISH), "{freed:?}");
}

#[test]
fn watches_are_bounded() {
    let mut config = config();
    config.limits.subscriptions_max = 5;
    config.requests.watches_max = 4;
    let mut rig = Rig::online(config);
    rig.watch(deltas());
    let other = |name: &str| ShadowWatch::deltas(ShadowName::classic(name).unwrap());
    rig.watch(other("b"));
    rig.watch(other("c"));
    let refused = rig.client.watch_shadow(rig.now, other("d")).unwrap_err();
    assert_eq!((refused.why, refused.value), (Refusal::TooManySubscriptions { max: 5 }, other("d")));
    assert_eq!(
        rig.client.watch_shadow(rig.now, deltas().documents(true)).unwrap_err().why,
        Refusal::TooManySubscriptions { max: 5 }
    );
    rig.watch(deltas());
    assert_eq!(rig.client.watch_shadow(rig.now, deltas()).unwrap_err().why, Refusal::TooManyWatches { max: 4 });
}

#[test]
fn each_watch_of_a_shadow_is_told_everything_as_if_it_were_alone() {
    let mut config = config();
    config.requests.keep_subscriptions = false;
    let mut rig = Rig::online(config);
    let first = rig.watch(deltas());
    let sent = rig.served();
    let sent = rig.tell("get/accepted", &document(5, &token(&sent[0])));
    rig.serve(sent);
    assert_eq!(rig.told_to(first), ["current 5", "delta 5"]);
    let second = rig.watch(deltas().documents(true));
    let sent = rig.drain();
    assert_eq!((topic(&sent[0]), sent.len()), (&on("update/documents")[..], 1), "the deltas are subscribed to");
    let sent = rig.serve(sent);
    assert_eq!((topic(&sent[0]), sent.len()), (&on("get")[..], 1), "only who is new reads");
    let sent = rig.tell("get/accepted", &document(5, &token(&sent[0])));
    rig.serve(sent);
    assert_eq!(rig.told_to(second), ["current 5", "delta 5"]);
    rig.tell("update/delta", &delta(6));
    let notices = rig.take_notices();
    let watches: Vec<_> = notices.iter().filter_map(watch_of).collect();
    assert_eq!((watches, rig.client.status().totals.unmatched), (vec![first, second], 0));

    assert!(rig.client.unwatch_shadow(rig.now, first));
    rig.tell("update/delta", &delta(7));
    assert_eq!(rig.told_to(second), ["delta 7"]);
    assert!(rig.client.unwatch_shadow(rig.now, second));
    let sent = rig.drain();
    let ended: Vec<_> = sent.iter().filter(|packet| kind(packet) == UNSUBSCRIBE).map(|packet| topic(packet)).collect();
    assert_eq!(ended, [on("update/delta"), on("update/documents")]);
}

fn watch_of(notice: &Notice) -> Option<Ticket> {
    if let Notice::Shadow(notice) = notice { Some(notice.watch) } else { None }
}

#[test]
fn a_delta_is_acknowledged_when_the_driver_has_it() {
    let mut config = config();
    config.manual_acks = true;
    let mut rig = Rig::online(config);
    rig.watch(deltas().get_first(false));
    rig.served();
    let link = rig.link.unwrap();
    let mut inbound = bytes::BytesMut::from(&message(&on("update/delta"), &delta(1), Some(9))[..]);
    rig.client.handle(rig.now, thingwire_core::Event::Received(link, &mut inbound));
    let mut out = bytes::BytesMut::new();
    assert_eq!(rig.client.poll_transmit(rig.now, &mut out, 4096), 0);
    let acks: Vec<_> = rig.drain();
    assert_eq!(acks, [puback(9)]);
    assert_eq!(rig.told(), ["Done { ticket: Ticket(1), outcome: Subscribed([Some(AtLeastOnce)]) }", "delta 1"]);
    // What tells nothing new is acknowledged as well.
    assert_eq!(rig.receive(&message(&on("update/delta"), &delta(1), Some(10))), [puback(10)]);
    rig.shadow(get().token("g"));
    rig.served();
    assert_eq!(rig.receive(&message(&on("get/accepted"), &in_sync(1, "g"), Some(11)))[..1], [puback(11)]);
}
