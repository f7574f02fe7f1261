//! Wishes on their way to devices, and what else happens meanwhile.

use serde_json::json;
use thingwire_core::thing::{Access, Authority, OnRefusal, Policy, Thing, ThingNotice};

use crate::thing_rig::{Asked, Bench, Lines, document, ms};

fn two(policy: Policy) -> Bench {
    let lines = Lines::new(["on", "dim"].map(|name| (name, Access::ReadWrite)));
    Bench::with(lines, &[("on", policy)], &[("on", json!(false)), ("dim", json!(1))])
}

#[test]
fn what_the_program_sets_waits_for_its_device_whatever_the_cloud_wishes_for() {
    for deleted in [true, false] {
        let mut bench = two(Policy::new());
        bench.down(0);
        bench.set("on", true);
        if deleted {
            bench.current(2, &json!({}), &json!({"on": false, "dim": 1}));
        } else {
            bench.wish(2, &json!({"dim": [1, 20]}));
        }
        bench.up(0);
        bench.hear("on false");
        assert_eq!(bench.take_told(), ["on true"], "deleted: {deleted}");
    }
}

#[test]
fn what_a_device_was_told_runs_its_course_though_something_else_is_wished() {
    let mut bench = two(Policy::new());
    bench.wish(2, &json!({"on": [true, 20]}));
    bench.wish(3, &json!({"dim": [2, 21]}));
    assert_eq!(bench.take_told(), ["on true", "dim 2"]);
    assert_eq!(bench.thing.property("on").unwrap().wanted, Some(&json!(true)));
}

#[test]
fn what_was_wished_for_and_is_not_any_more_is_not_put_back() {
    let mut bench = two(Policy::new().authority(Authority::Cloud));
    bench.down(0);
    bench.wish(2, &json!({"on": [true, 20]}));
    bench.wish(4, &json!({"dim": [2, 22]}));
    assert_eq!(bench.take_requests(), [Asked::Get], "what is wished now, only reading it tells");
    bench.answer(Ok(document(4, &json!({"on": [false, 21], "dim": [2, 22]}), &json!({"on": false, "dim": 1}))));
    bench.up(0);
    bench.hear("on false\ndim 1");
    bench.pass(ms(1_000));
    assert_eq!(bench.take_told(), ["dim 2"]);
}

#[test]
fn a_part_of_a_delta_that_is_read_whole_is_read_though_other_wishes_stay() {
    let lines = Lines::new(["colour", "on"].map(|name| (name, Access::ReadWrite)));
    let mut bench = Bench::with(lines, &[], &[("colour", json!({"r": 1, "g": 1})), ("on", json!(false))]);
    bench.wish(2, &json!({"colour": [{"g": 2}, 20]}));
    assert_eq!(bench.take_requests(), [Asked::Get]);
}

#[test]
fn what_a_device_obeyed_and_did_not_show_is_told_again_when_the_port_is_back() {
    let mut bench = Bench::with(Lines::one("on").acknowledging(), &[], &[("on", json!(false))]);
    bench.wish(2, &json!({"on": [true, 20]}));
    bench.down(0);
    bench.up(0);
    bench.hear("on false");
    assert_eq!(bench.take_told(), ["on true", "on true"]);
}

#[test]
fn a_wish_for_a_device_that_is_gone_waits_until_the_port_is_opened() {
    for closed in [true, false] {
        let mut bench = Bench::in_step(Policy::new());
        bench.wish(2, &json!({"on": [true, 20]}));
        bench.hear("! on gone");
        bench.pass(ms(60_000));
        assert_eq!(bench.take_told(), ["on true"]);
        if closed {
            bench.down(0);
        }
        bench.up(0);
        bench.hear("on false");
        assert_eq!(bench.take_told(), ["on true"], "closed before: {closed}");
    }
}

#[test]
fn a_device_that_is_gone_and_says_that_it_has_obeyed_is_believed() {
    let mut bench = Bench::in_step(Policy::new());
    bench.wish(2, &json!({"on": [true, 20]}));
    bench.hear("! on gone");
    bench.hear("on false");
    assert_eq!(bench.thing.property("on").unwrap().wanted, Some(&json!(true)));
    bench.hear("on true");
    assert_eq!(bench.thing.property("on").unwrap().wanted, None);
}

#[test]
fn a_device_that_has_obeyed_and_says_what_it_was_is_waited_for() {
    let mut bench = Bench::with(Lines::one("on").acknowledging(), &[], &[("on", json!(false))]);
    let is_done = |bench: &Bench| bench.notices.iter().any(|notice| matches!(notice, ThingNotice::Fulfilled { .. }));
    bench.wish(2, &json!({"on": [true, 20]}));
    bench.hear("on false");
    assert!(!is_done(&bench));
    bench.hear("on true");
    assert!(is_done(&bench));
}

#[test]
fn desired_stays_until_what_was_changed_by_hand_is_put_back() {
    let mut bench = Bench::in_step(Policy::new().authority(Authority::Cloud));
    for (version, line) in [(2, "on true"), (3, "on false")] {
        bench.hear(line);
        bench.pass(ms(100));
        bench.accept(version, 0);
    }
    bench.take_requests();
    bench.take_told();
    bench.hear("on true");
    bench.pass(ms(100));
    assert_eq!((bench.take_told(), bench.update()), (vec![], json!({"reported": {"on": true}})));
    bench.pass(ms(100));
    assert_eq!(bench.take_told(), ["on false"]);
}

#[test]
fn what_cannot_be_put_back_is_not_tried_for_ever() {
    let policy = Policy::new().authority(Authority::Cloud).on_refusal(OnRefusal::Leave);
    let mut bench = Bench::in_step(policy);
    bench.hear("on true");
    bench.pass(ms(100));
    assert_eq!(bench.take_told(), ["on false"]);
    bench.hear("! on ERR\non true");
    bench.pass(ms(60_000));
    assert_eq!(bench.take_told(), [""; 0]);
}

#[test]
fn what_the_program_tried_in_vain_is_put_back_after_a_wait_of_its_own() {
    let mut bench = Bench::in_step(Policy::new().authority(Authority::Cloud));
    bench.hear("on true");
    bench.pass(ms(50));
    bench.set("on", 7);
    bench.pass(ms(100));
    assert_eq!(bench.take_told(), ["on 7"]);
    bench.hear("! on ERR\non true");
    bench.pass(ms(99));
    assert_eq!(bench.take_told(), [""; 0]);
    bench.pass(ms(1));
    assert_eq!(bench.take_told(), ["on false"]);
}

#[test]
fn a_wish_for_what_can_only_be_read_is_over_though_the_cloud_has_the_say() {
    let sensor = Lines::new([("heat", Access::Read)]);
    let policy = Policy::new().authority(Authority::Cloud);
    let mut bench = Bench::with(sensor, &[("heat", policy)], &[("heat", json!(20))]);
    bench.wish(2, &json!({"heat": [25, 10]}));
    assert_eq!(bench.take_requests(), [Asked::Get]);
    bench.hear("heat 21");
    bench.answer(Ok(document(2, &json!({"heat": [25, 10]}), &json!({"heat": 20}))));
    bench.pass(ms(200));
    assert_eq!(bench.update(), json!({"desired": {"heat": 21}, "reported": {"heat": 21}}));
}

#[test]
fn every_device_is_read_when_the_program_asks_for_it() {
    let mut bench = Bench::new(Thing::builder().component("a", Lines::one("a")).component("b", Lines::one("b")));
    bench.up(0);
    bench.up(1);
    bench.queries = 0;
    bench.thing.refresh(bench.now);
    bench.drain();
    assert_eq!(bench.queries, 2);
}
