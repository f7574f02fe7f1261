//! A thing and its shadow: what comes in any order, is lost, refused, or repeated.

use serde_json::{Value, json};
use thingwire_core::thing::{Access, Policy, Thing, ThingEvent, ThingNotice};
use thingwire_core::{Document, Refusal, ShadowError, ShadowEvent, Unsent};

use crate::thing_rig::{Asked, Bench, Lines, document, ms, rejected};

/// In step at version 1, and then turned on by hand; the update is under way.
pub fn reporting() -> Bench {
    let mut bench = Bench::in_step(Policy::new());
    bench.hear("on true");
    bench.pass(ms(100));
    bench
}

fn deleted(version: u64) -> ShadowEvent {
    ShadowEvent::Deleted { version: Some(version) }
}

#[test]
fn nothing_is_reported_before_the_first_document() {
    let mut bench = Bench::relay(Policy::new());
    bench.up(0);
    bench.hear("on true");
    bench.online();
    bench.pass(ms(20_000));
    assert_eq!(bench.take_requests(), []);
    bench.wish(3, &json!({"on": [false, 10]}));
    assert_eq!(bench.take_told(), ["on false"], "a wish is a wish");
    bench.hear("on false");
    bench.pass(ms(200));
    assert_eq!(bench.take_requests(), []);
    bench.pass(ms(20_000));
    assert_eq!(bench.take_requests(), [Asked::Get], "whoever was to read it takes too long");
}

#[test]
fn at_the_first_start_everything_is_reported_and_nothing_desired() {
    let both = Lines::new([("on", Access::ReadWrite), ("heat", Access::Read)]);
    let mut bench = Bench::new(Thing::builder().component("both", both));
    bench.up(0);
    bench.hear("on true");
    bench.hear("heat 21.5");
    bench.pass(ms(200));
    bench.online();
    bench.shadow(&ShadowEvent::Absent);
    assert_eq!(bench.requests, [Asked::Update(json!({"state": {"reported": {"on": true, "heat": 21.5}}}))]);
    assert!(bench.take_notices().contains(&ThingNotice::NoShadow));
}

#[test]
fn a_404_of_an_own_get_is_a_first_start_too() {
    let mut bench = Bench::relay(Policy::new());
    bench.up(0);
    bench.hear("on true");
    bench.pass(ms(200));
    bench.resumed();
    assert_eq!(bench.take_requests(), [Asked::Get], "after a resumed session nobody else reads it");
    bench.answer(Err(rejected(404)));
    assert_eq!(bench.update(), json!({"reported": {"on": true}}));
}

#[test]
fn a_delta_older_than_what_is_known_is_ignored_and_one_of_the_same_version_is_not() {
    let mut bench = Bench::in_step(Policy::new());
    bench.wish(5, &json!({"on": [1, 20]}));
    bench.wish(4, &json!({"on": [2, 20]}));
    assert_eq!(bench.take_told(), ["on 1"]);
    // The answer to an update of ours came before the delta of the same update.
    let mut bench = reporting();
    bench.accept(2, 20);
    bench.wish(2, &json!({"on": [3, 21]}));
    assert_eq!(bench.take_told(), ["on 3"]);
}

#[test]
fn deltas_out_of_order_and_twice_do_what_was_wished_last_once() {
    let mut bench = Bench::in_step(Policy::new());
    for version in [3, 2, 3, 4, 2, 4, 3] {
        bench.wish(version, &json!({"on": [version, version]}));
    }
    assert_eq!(bench.take_told(), ["on 3", "on 4"]);
}

#[test]
fn a_wish_that_is_repeated_is_not_acted_on_again() {
    let mut bench = Bench::in_step(Policy::new());
    bench.wish(2, &json!({"on": [true, 20]}));
    bench.hear("on true");
    bench.pass(ms(100));
    bench.accept(3, 0);
    bench.take_told();
    bench.hear("on false");
    // The update with the hand's change is under way when the service repeats the old wish.
    bench.pass(ms(100));
    bench.wish(4, &json!({"on": [true, 20]}));
    assert_eq!(bench.take_told(), [""; 0]);
    bench.wish(5, &json!({"on": [true, 21]}));
    assert_eq!(bench.take_told(), ["on true"], "somebody wished for it again");
}

#[test]
fn changes_wait_for_the_request_under_way_and_go_as_one() {
    let mut bench = reporting();
    bench.take_requests();
    for line in ["on 1", "on 2", "on 3"] {
        bench.hear(line);
        bench.pass(ms(150));
    }
    assert_eq!(bench.take_requests(), []);
    bench.accept_update(2, &json!({"on": true}));
    assert_eq!(bench.update(), json!({"reported": {"on": 3}, "desired": {"on": 3}}));
}

impl Bench {
    fn accept_update(&mut self, version: u64, both: &Value) {
        let state = json!({ "reported": both, "desired": both });
        let text = json!({ "state": state, "version": version }).to_string();
        self.answer(Ok(Document::parse(text.into()).unwrap()));
    }
}

#[test]
fn after_an_unseen_update_desired_is_not_written_before_it_is_read() {
    let mut bench = Bench::in_step(Policy::new());
    bench.wish(2, &json!({"on": [true, 20]}));
    bench.hear("on true");
    bench.pass(ms(100));
    assert_eq!(bench.requests, [Asked::Update(json!({"state": {"reported": {"on": true}}}))], "no version");
    bench.accept(3, 0);
    bench.take_requests();
    bench.hear("on false");
    bench.pass(ms(100));
    assert_eq!(bench.take_requests(), [Asked::Get], "a delta tells only a part");
    bench.answer(Ok(document(3, &json!({"on": [true, 20]}), &json!({"on": true}))));
    let both = json!({"reported": {"on": false}, "desired": {"on": false}});
    assert_eq!(bench.take_requests(), [Asked::Update(json!({"state": both, "version": 3}))]);
}

#[test]
fn an_accepted_version_that_skips_one_means_that_somebody_was_there() {
    let mut bench = reporting();
    bench.take_requests();
    bench.accept_update(3, &json!({"on": true}));
    assert_eq!(bench.take_requests(), [Asked::Get]);
}

#[test]
fn what_was_written_without_an_answer_is_known_again_as_ones_own() {
    let mut bench = reporting();
    bench.answer(Err(ShadowError::TimedOut));
    bench.hear("on false");
    bench.take_told();
    // It was accepted all the same: what is desired is not a wish of anybody else's.
    bench.answer(Ok(document(2, &json!({"on": [true, 20]}), &json!({"on": true}))));
    bench.pass(ms(200));
    assert_eq!(bench.take_told(), [""; 0], "the hand was last");
}

#[test]
fn the_answer_of_a_repeated_update_does_not_hide_that_it_was_done() {
    let mut bench = reporting();
    bench.answer(Err(rejected(409)));
    bench.hear("on false");
    bench.answer(Ok(document(2, &json!({"on": [true, 20]}), &json!({"on": true}))));
    bench.pass(ms(200));
    assert_eq!(bench.take_told(), [""; 0]);
}

#[test]
fn a_rejection_does_not_hide_that_it_was_done_the_first_of_two_times() {
    let mut bench = reporting();
    bench.answer(Err(rejected(429)));
    bench.hear("on false");
    bench.current(2, &json!({"on": [true, 20]}), &json!({"on": true}));
    bench.pass(ms(200));
    assert_eq!(bench.take_told(), [""; 0]);
}

#[test]
fn what_makes_a_deleted_shadow_anew_may_be_ones_own_update() {
    let mut bench = reporting();
    bench.shadow(&deleted(1));
    bench.hear("on false");
    bench.take_told();
    bench.wish(2, &json!({"on": [true, 20]}));
    assert_eq!(bench.take_told(), [""; 0]);
}

#[test]
fn what_is_not_there_after_a_minute_will_not_be_there() {
    for (wait, told) in [(59, &[][..]), (61, &["on true"])] {
        let mut bench = reporting();
        bench.answer(Err(ShadowError::TimedOut));
        bench.hear("on false");
        bench.take_told();
        bench.pass(ms(wait * 1_000));
        bench.shadow(&ShadowEvent::Current(document(1, &json!({"on": [false, 10]}), &json!({"on": false}))));
        bench.wish(2, &json!({"on": [true, 90]}));
        assert_eq!(bench.take_told(), told, "{wait} s");
    }
}

#[test]
fn a_get_that_is_not_answered_ends_too() {
    let mut bench = reporting();
    bench.answer(Err(ShadowError::TimedOut));
    assert_eq!(bench.take_requests().last(), Some(&Asked::Get));
    // Nobody says how it ended.
    bench.asked = None;
    bench.pass(ms(120_000));
    assert!(matches!(bench.take_requests().as_slice(), [Asked::Get, ..]));
}

#[test]
fn late_answers_of_requests_given_up_are_nobodys() {
    let mut bench = reporting();
    let id = bench.asked.take().unwrap();
    bench.pass(ms(31_000));
    assert_eq!(bench.take_requests().last(), Some(&Asked::Get));
    bench.event(ThingEvent::Answered(id, Err(rejected(413))));
    assert_eq!(bench.take_requests(), []);
    bench.answer(Ok(document(2, &json!({"on": [7, 90]}), &json!({"on": true}))));
    assert_eq!(bench.take_told(), ["on 7"], "that of the request under way is taken in");
}

#[test]
fn again_and_again_409_is_asked_ever_more_slowly() {
    let mut bench = reporting();
    let mut rounds = 0;
    for _ in 0..1_000 {
        if bench.asked.is_some() {
            rounds += 1;
            let get = matches!(bench.take_requests().last(), Some(Asked::Get));
            let document = document(1, &json!({"on": [false, 10]}), &json!({"on": false}));
            bench.answer(if get { Ok(document) } else { Err(rejected(409)) });
        }
        bench.pass(ms(100));
    }
    assert!((5..40).contains(&rounds), "{rounds} in 100 s");
}

#[test]
fn what_was_never_sent_is_sent_later() {
    for why in [Unsent::Offline, Unsent::Crowded, Unsent::NotSubscribed] {
        let mut bench = reporting();
        let first = bench.update();
        bench.take_requests();
        bench.answer(Err(ShadowError::Unsent(why)));
        assert_eq!(bench.take_requests(), []);
        bench.until_asked();
        assert_eq!(bench.update(), first, "{why}");
    }
}

#[test]
fn a_policy_that_forbids_updates_is_told_and_asked_again_after_long() {
    for why in [rejected(403), ShadowError::ConnectionClosed { times: 3 }] {
        let mut bench = reporting();
        bench.take_requests();
        bench.answer(Err(why.clone()));
        assert_eq!(bench.take_notices().last(), Some(&ThingNotice::NotAccepted(why)));
        bench.event(ThingEvent::Offline);
        bench.online();
        bench.pass(ms(3_000_000));
        assert_eq!(bench.take_requests(), []);
        bench.pass(ms(700_000));
        assert!(!bench.take_requests().is_empty(), "policies are mended");
    }
}

#[test]
fn a_policy_that_forbids_reading_is_told_and_asked_again_after_long() {
    for why in [rejected(403), ShadowError::ConnectionClosed { times: 3 }] {
        let mut bench = Bench::in_step(Policy::new());
        bench.event(ThingEvent::Offline);
        bench.resumed();
        assert_eq!(bench.take_requests(), [Asked::Get]);
        bench.take_notices();
        bench.answer(Err(why.clone()));
        let told = bench.take_notices();
        assert!(matches!(told[..], [ThingNotice::Unreadable(_) | ThingNotice::NotAccepted(_)]), "{told:?}");
        bench.pass(ms(3_000_000));
        assert_eq!(bench.take_requests(), []);
        bench.pass(ms(700_000));
        assert_eq!(bench.take_requests().first(), Some(&Asked::Get), "policies are mended");
    }
}

#[test]
fn what_cannot_be_read_for_now_is_read_soon() {
    for why in [rejected(500), ShadowError::TimedOut, ShadowError::Unsent(Unsent::Crowded)] {
        let mut bench = Bench::in_step(Policy::new());
        bench.event(ThingEvent::Offline);
        bench.resumed();
        bench.take_requests();
        bench.answer(Err(why));
        assert_eq!(bench.take_requests(), [], "not at once");
        bench.until_asked();
        assert_eq!(bench.take_requests(), [Asked::Get]);
    }
}

#[test]
fn what_the_client_refuses_is_left_out_if_it_never_fits_and_else_asked_again() {
    let refused = |why| {
        let mut bench = reporting();
        let first = bench.update();
        bench.take_requests();
        bench.take_notices();
        let id = bench.asked.take().unwrap();
        bench.event(ThingEvent::Refused(id, why));
        assert_eq!(bench.take_requests(), []);
        let notice = bench.take_notices().pop().unwrap();
        bench.pass(ms(120_000));
        let again = bench.take_requests().into_iter().next();
        (notice, matches!(again, Some(Asked::Update(update)) if update["state"] == first))
    };
    for why in [Refusal::ShadowTooLong { len: 9, max: 8 }, Refusal::ShadowTooDeep { levels: 9, max: 8 }] {
        let (notice, again) = refused(why);
        assert!(matches!(notice, ThingNotice::Unreportable { .. }) && !again, "{notice:?}");
    }
    for (why, unsent) in
        [(Refusal::Offline, Unsent::Offline), (Refusal::TooManyRequests { count_max: 1 }, Unsent::Crowded)]
    {
        assert_eq!(refused(why), (ThingNotice::NotAccepted(ShadowError::Unsent(unsent)), true));
    }
}

#[test]
fn a_shadow_deleted_under_us_is_made_again() {
    let mut bench = Bench::in_step(Policy::new());
    bench.shadow(&deleted(1));
    assert_eq!(bench.requests, [Asked::Update(json!({"state": {"reported": {"on": false}}}))]);
    bench.accept(2, 0);
    bench.take_requests();
    bench.hear("on true");
    bench.pass(ms(100));
    assert_eq!(bench.update(), json!({"reported": {"on": true}}), "nobody desires anything");
}

#[test]
fn an_update_of_a_shadow_that_was_deleted_meanwhile_proves_nothing() {
    let mut bench = reporting();
    bench.take_requests();
    bench.shadow(&deleted(2));
    bench.accept_update(2, &json!({"on": true}));
    assert_eq!(bench.take_requests(), [Asked::Get]);
    assert_eq!(bench.thing.property("on").unwrap().reported, None);
    bench.answer(Err(rejected(404)));
    assert_eq!(bench.update(), json!({"reported": {"on": true}}));
}

#[test]
fn a_get_from_before_a_deletion_is_not_believed() {
    let mut bench = reporting();
    bench.answer(Err(ShadowError::TimedOut));
    assert_eq!(bench.take_requests().last(), Some(&Asked::Get));
    bench.shadow(&deleted(2));
    bench.answer(Ok(document(2, &json!({}), &json!({"on": true}))));
    assert_eq!(bench.take_requests(), [Asked::Get], "it may be of what is gone");
    bench.answer(Err(rejected(404)));
    assert_eq!(bench.update(), json!({"reported": {"on": true}}));
}

#[test]
fn versions_that_begin_anew_are_followed() {
    let mut bench = Bench::in_step(Policy::new());
    bench.wish(50, &json!({"on": [1, 50]}));
    bench.take_told();
    bench.current(2, &json!({"on": [2, 60]}), &json!({}));
    assert_eq!((bench.take_told(), bench.take_requests()), (vec![], vec![Asked::Get]), "in doubt it is read");
    bench.answer(Ok(document(2, &json!({"on": [2, 60]}), &json!({}))));
    assert_eq!(bench.take_told(), ["on 2"]);
}

#[test]
fn a_document_that_a_wish_has_overtaken_does_not_end_it() {
    let mut bench = Bench::in_step(Policy::new());
    bench.resumed();
    bench.wish(2, &json!({"on": [true, 20]}));
    bench.answer(Ok(document(1, &json!({"on": [false, 10]}), &json!({"on": false}))));
    assert_eq!(bench.take_requests(), [Asked::Get, Asked::Get]);
    assert_eq!(bench.thing.property("on").unwrap().desired, Some(&json!(true)));
}

#[test]
fn late_news_of_a_deletion_before_our_own_update_is_checked() {
    let mut bench = Bench::in_step(Policy::new());
    bench.shadow(&deleted(1));
    bench.accept(2, 0);
    bench.take_requests();
    for event in [deleted(1), ShadowEvent::Absent] {
        bench.shadow(&event);
        assert_eq!(bench.take_requests(), [Asked::Get]);
        bench.answer(Ok(document(2, &json!({}), &json!({"on": false}))));
        bench.pass(ms(200));
        assert_eq!(bench.take_requests(), []);
    }
}

#[test]
fn late_deltas_of_a_deleted_shadow_are_not_acted_on() {
    let mut bench = Bench::in_step(Policy::new());
    bench.wish(20, &json!({"on": [1, 20]}));
    bench.shadow(&deleted(20));
    bench.take_told();
    bench.wish(13, &json!({"on": [2, 13]}));
    assert_eq!(bench.take_told(), [""; 0]);
    bench.accept(21, 0);
    bench.requests.remove(0);
    assert_eq!(bench.take_requests(), [Asked::Get], "or it was made anew");
}

#[test]
fn what_was_once_in_doubt_is_not_so_for_ever() {
    let mut bench = reporting();
    bench.answer(Err(ShadowError::TimedOut));
    // It was not done, and somebody has removed the key since.
    bench.answer(Ok(document(2, &json!({}), &json!({"on": false}))));
    bench.accept(3, 0);
    bench.hear("on false");
    bench.pass(ms(200));
    bench.accept(4, 0);
    bench.wish(5, &json!({"on": [true, 20]}));
    assert_eq!(bench.take_told(), ["on true"], "it is a wish like any other");
}

#[test]
fn what_is_in_doubt_is_read_again_when_it_is_there_or_never() {
    for absent in [false, true] {
        let mut bench = reporting();
        assert_eq!(bench.update(), json!({"desired": {"on": true}, "reported": {"on": true}}));
        bench.answer(Err(ShadowError::TimedOut));
        let read = document(1, &json!({"on": [false, 10]}), &json!({"on": false}));
        bench.answer(if absent { Err(rejected(404)) } else { Ok(read) });
        bench.accept(2, 0);
        bench.hear("on false");
        bench.pass(ms(200));
        bench.accept(3, 0);
        bench.take_requests();
        let wait = bench.until_asked();
        let asked = bench.take_requests();
        assert!(wait <= ms(60_000) && asked == [Asked::Get], "{absent}: {asked:?} after {wait:?}");
    }
}

#[test]
fn a_doubt_ends_with_the_shadow_that_it_was_about() {
    let mut bench = Bench::in_step(Policy::new());
    bench.current(50, &json!({"on": [false, 10]}), &json!({"on": false}));
    bench.hear("on true");
    bench.pass(ms(100));
    assert_eq!(bench.update(), json!({"desired": {"on": true}, "reported": {"on": true}}));
    bench.answer(Err(ShadowError::TimedOut));
    bench.answer(Err(rejected(404)));
    // Its versions begin anew, which is looked at, and once more when the doubt is over.
    bench.accept(1, 0);
    for wait in [60_000, 600_000] {
        assert_eq!(bench.take_requests().last(), Some(&Asked::Get));
        bench.answer(Ok(document(1, &json!({}), &json!({"on": true}))));
        bench.pass(ms(wait));
    }
    assert_eq!(bench.take_requests(), [], "it is not read every minute for ever");
}

#[test]
fn a_wish_that_is_not_told_any_more_is_withdrawn_before_it_is_done() {
    let two = || Lines::new(["on", "dim"].map(|name| (name, Access::ReadWrite)));
    let mut bench = Bench::new(Thing::builder().component("two", two()));
    bench.up(0);
    bench.hear("on false");
    bench.hear("dim 1");
    bench.online();
    bench.current(1, &json!({}), &json!({"on": false, "dim": 1}));
    bench.pass(ms(200));
    bench.down(0);
    bench.wish(2, &json!({"on": [true, 20]}));
    // Somebody wishes it to be what is reported, and then for something else: only that is told.
    bench.wish(4, &json!({"dim": [2, 22]}));
    assert_eq!(bench.take_requests(), [Asked::Get]);
    bench.up(0);
    bench.hear("on false");
    bench.hear("dim 1");
    assert_eq!(bench.take_told(), ["dim 2"]);
}

#[test]
fn a_null_is_no_wish_any_more() {
    let mut bench = Bench::in_step(Policy::new());
    bench.down(0);
    bench.wish(2, &json!({"on": [true, 20]}));
    bench.wish(3, &json!({"on": [null, 21]}));
    bench.up(0);
    bench.hear("on false");
    bench.pass(ms(10_000));
    assert_eq!(bench.take_told(), [""; 0]);
    assert!(!bench.notices.iter().any(|notice| matches!(notice, ThingNotice::UnknownKey { .. })));
}

#[test]
fn of_an_object_the_service_tells_only_what_differs_so_it_is_read() {
    let mut bench = Bench::relay(Policy::new());
    let before = json!({"r": 1, "g": 3, "b": 4});
    bench.up(0);
    bench.hear(&format!("on {before}"));
    bench.online();
    bench.current(1, &json!({"on": [before, 10]}), &json!({"on": before}));
    bench.pass(ms(200));
    bench.wish(2, &json!({"on": [{"g": 2}, 20]}));
    assert_eq!((bench.take_told(), bench.take_requests()), (vec![], vec![Asked::Get]));
    bench.answer(Ok(document(2, &json!({"on": [{"r": 1, "g": 2}, 20]}), &json!({"on": before}))));
    assert_eq!(bench.take_told(), ["on {\"g\":2,\"r\":1}"]);
    bench.hear("on {\"r\":1,\"g\":2}");
    bench.pass(ms(100));
    let reported = json!({"on": {"b": null, "g": 2, "r": 1}});
    assert_eq!(bench.update(), json!({"reported": reported}), "members that went are named");
}

#[test]
fn one_member_that_makes_no_sense_leaves_the_others_readable() {
    let mut bench =
        Bench::new(Thing::builder().component("two", Lines::new(["a", "b"].map(|n| (n, Access::ReadWrite)))));
    bench.up(0);
    bench.hear("a 1");
    bench.hear("b 1");
    bench.online();
    let text = r#"{"state":{"desired":{"a":1e999,"b":2}},"version":1}"#;
    bench.shadow(&ShadowEvent::Current(Document::parse(text.into()).unwrap()));
    assert_eq!(bench.take_told(), ["b 2"]);
    let unknown = ThingNotice::UnknownKey { key: "a".into(), value: "1e999".into() };
    assert!(bench.notices.contains(&unknown), "{:?}", bench.notices);
}

#[test]
fn what_makes_no_sense_at_all_has_the_shadow_read_later() {
    let mut bench = Bench::in_step(Policy::new());
    bench.shadow(&ShadowEvent::Current(Document::parse(r#"{"state":{}}"#.into()).unwrap()));
    assert_eq!(bench.take_notices(), [ThingNotice::Malformed]);
    assert_eq!(bench.take_requests(), [], "not asked again at once");
    bench.until_asked();
    assert_eq!(bench.take_requests(), [Asked::Get]);
}

#[test]
fn once_an_hour_it_is_read_though_nothing_seems_to_be_missed() {
    let mut bench = Bench::in_step(Policy::new());
    bench.pass(ms(3_599_000));
    assert_eq!(bench.take_requests(), []);
    bench.pass(ms(2_000));
    assert_eq!(bench.take_requests(), [Asked::Get]);
    bench.answer(Ok(document(2, &json!({"on": [true, 20]}), &json!({"on": false}))));
    assert_eq!(bench.take_told(), ["on true"]);
}
