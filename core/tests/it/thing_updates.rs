//! What is written to the shadow: what fits, what is held back, and what is in doubt.

use core::time::Duration;

use serde_json::json;
use thingwire_core::thing::{Access, Policy, Thing, ThingEvent, ThingNotice};
use thingwire_core::{ShadowError, ShadowEvent, Unsent};

use crate::thing_rig::{Asked, Bench, Lines, document, ms, rejected};
use crate::thing_shadow::reporting;

#[test]
fn what_is_too_large_is_split_and_what_is_left_is_told_and_left_out() {
    let four = Lines::new(["a", "b", "c", "d"].map(|name| (name, Access::Read)));
    let mut bench = Bench::new(Thing::builder().component("four", four));
    bench.up(0);
    for line in ["a 1", "b 2", "c 3", "d 4"] {
        bench.hear(line);
    }
    bench.pass(ms(200));
    bench.online();
    bench.shadow(&ShadowEvent::Absent);
    let mut reported = json!({});
    let mut version = 0;
    for _ in 0..20 {
        let Some(Asked::Update(update)) = bench.requests.pop() else { break };
        let keys = update["state"]["reported"].as_object().unwrap().clone();
        if keys.contains_key("b") {
            bench.answer(Err(rejected(413)));
        } else {
            version += 1;
            reported.as_object_mut().unwrap().extend(keys);
            bench.requests.push(Asked::Update(update));
            bench.accept(version, 0);
            bench.requests.remove(0);
        }
    }
    assert_eq!(reported, json!({"a": 1, "c": 3, "d": 4}));
    let left_out =
        |notice: &&ThingNotice| matches!(notice, ThingNotice::Unreportable { property, .. } if property == "b");
    assert_eq!(bench.take_notices().iter().filter(left_out).count(), 1);
    bench.pass(ms(10_000));
    assert_eq!((bench.asked, bench.take_requests()), (None, vec![]));
    for line in ["a 5", "b 6", "c 7", "d 8"] {
        bench.hear(line);
    }
    bench.pass(ms(100));
    assert_eq!(
        bench.update(),
        json!({"reported": {"a": 5, "b": 6, "c": 7, "d": 8}}),
        "until it changes, and all together again"
    );
}

#[test]
fn what_never_fits_is_not_even_sent() {
    let mut bench = Bench::in_step(Policy::new());
    let long = "x".repeat(9_000);
    bench.hear(&format!("on {}", json!(long)));
    bench.pass(ms(200));
    assert_eq!(bench.take_requests(), []);
    assert!(bench.notices.iter().any(|notice| matches!(notice, ThingNotice::Unreportable { .. })));
}

#[test]
fn what_just_fits_is_sent_and_one_byte_more_is_not() {
    for (len, fits) in [(8_192, true), (8_193, false)] {
        let mut bench = Bench::with(Lines::new([("on", Access::Read)]), &[], &[("on", json!(1))]);
        let text = "x".repeat(len - r#""on": """#.len());
        bench.hear(&format!("on {}", json!(text)));
        bench.pass(ms(200));
        let is_left_out = |notice: &ThingNotice| matches!(notice, ThingNotice::Unreportable { .. });
        assert_eq!((bench.asked.is_some(), bench.notices.iter().any(is_left_out)), (fits, !fits), "{len}");
    }
}

#[test]
fn many_properties_go_in_as_many_updates_as_they_need() {
    let names: Vec<String> = (0..40).map(|n| format!("p{n}")).collect();
    let properties: [_; 40] = core::array::from_fn(|n| (names[n].as_str(), Access::Read));
    let mut bench = Bench::new(Thing::builder().component("many", Lines::new(properties)));
    bench.up(0);
    for name in &names {
        bench.hear(&format!("{name} {}", json!("v".repeat(1_000))));
    }
    bench.pass(ms(200));
    bench.online();
    bench.shadow(&ShadowEvent::Absent);
    let (mut updates, mut reported) = (0, 0);
    for version in 1..100 {
        let Some(Asked::Update(update)) = bench.requests.last().cloned() else { break };
        assert!(update["state"].to_string().len() < 8_300);
        reported += update["state"]["reported"].as_object().unwrap().len();
        updates += 1;
        bench.accept(version, 0);
        bench.requests.remove(0);
    }
    assert_eq!((updates, reported), (5, 40));
}

#[test]
fn what_the_service_calls_wrong_is_left_out_and_told() {
    let mut bench = reporting();
    bench.take_requests();
    bench.answer(Err(rejected(400)));
    bench.pass(ms(120_000));
    assert_eq!(bench.take_requests(), []);
    assert!(bench.notices.iter().any(|notice| matches!(notice, ThingNotice::Unreportable { .. })));
}

#[test]
fn of_values_in_doubt_the_last_eight_are_known_again() {
    for (turned, told) in [(2, &[][..]), (8, &[]), (9, &["on 1"])] {
        let mut bench = Bench::in_step(Policy::new());
        bench.hear("on 1");
        bench.pass(ms(100));
        for value in 2..=turned {
            bench.hear(&format!("on {value}"));
            bench.pass(ms(100));
            bench.answer(Err(ShadowError::TimedOut));
            bench.online();
            bench.answer(Ok(document(1, &json!({"on": [false, 10]}), &json!({"on": false}))));
            let Some(Asked::Update(update)) = bench.requests.last() else { panic!("{:?}", bench.requests) };
            assert_eq!(update["state"]["desired"], json!({"on": value}));
        }
        bench.wish(2, &json!({"on": [1, 20]}));
        assert_eq!(bench.take_told(), told, "turned {turned} times");
    }
}

#[test]
fn what_was_certainly_not_written_is_a_wish_when_it_is_desired() {
    for why in [ShadowError::Unsent(Unsent::Offline), rejected(413)] {
        let mut bench = reporting();
        bench.answer(Err(why.clone()));
        bench.hear("on false");
        bench.wish(2, &json!({"on": [true, 20]}));
        assert_eq!(bench.take_told(), ["on true"], "{why}");
    }
}

#[test]
fn a_report_that_is_held_back_wakes_nobody_offline_and_is_made_when_it_can_be() {
    let policy = Policy::new().report_at_most_every(Duration::from_secs(60));
    let mut bench = Bench::with(Lines::new([("heat", Access::Read)]), &[("heat", policy)], &[("heat", json!(20))]);
    for (version, line) in [(2, "heat 21"), (3, "heat 22")] {
        bench.hear(line);
        bench.pass(ms(100));
        if bench.asked.is_some() {
            bench.accept(version, 0);
        }
    }
    assert_eq!(bench.update(), json!({"reported": {"heat": 21}}));
    bench.take_requests();
    bench.event(ThingEvent::Offline);
    bench.pass(ms(120_000));
    assert_eq!((bench.thing.next_deadline(), bench.take_requests()), (None, vec![]));
    bench.online();
    assert_eq!(bench.update(), json!({"reported": {"heat": 22}}));
}
