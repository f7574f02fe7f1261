//! Who was last, where the service tells an old wish only now: it had told nothing while it was as wished.

use serde_json::{Value, json};
use thingwire_core::thing::{Access, Authority, Derived, Failure, Policy, Thing, ThingEvent, ThingNotice, WishError};
use thingwire_core::{Delta, ShadowEvent};

use crate::thing_rig::{Bench, Lines, delta, ms};

/// What is desired and differs, each with its time, told by the service at this time.
fn told_at(secs: u64, version: u64, desired: &Value) -> ShadowEvent {
    let ShadowEvent::Delta(before) = delta(version, desired) else { unreachable!() };
    let mut text: Value = serde_json::from_slice(&before.raw).unwrap();
    text["timestamp"] = json!(secs);
    ShadowEvent::Delta(Delta::parse(text.to_string().into()).unwrap())
}

/// Two lights that are off, with their shadow at version 1, and a scene that is both; the service said at 100 s that
/// nobody wishes for anything.
fn lights(policy: Policy) -> Bench {
    let scene = Derived::new("scene", ["on", "led"], |values| Some(json!(values[0]? == true && values[1]? == true)))
        .writes(|value, wishes| {
            for name in ["on", "led"] {
                wishes.set(name, value.clone());
            }
            Ok(())
        });
    let builder = Thing::builder().component("relay", Lines::one("on")).policy("on", policy);
    let mut bench = Bench::new(builder.component("other", Lines::one("led")).derived(scene));
    for (component, line) in ["on false", "led false"].into_iter().enumerate() {
        bench.up(component);
        bench.hear_from(component, line);
    }
    bench.online();
    bench.current(1, &json!({}), &json!({"on": false, "led": false, "scene": false}));
    bench.shadow(&told_at(100, 1, &json!({})));
    bench.pass(ms(200));
    assert_eq!((bench.take_told(), bench.take_requests()), (vec![], vec![]));
    bench
}

/// The service tells that this is desired since 100 s, because what is reported is not that any more.
fn comes_back(bench: &mut Bench, name: &str, value: bool) {
    bench.pass(ms(200));
    bench.accept(2, 0);
    bench.take_requests();
    bench.shadow(&told_at(110, 2, &json!({ name: [value, 100] })));
    bench.pass(ms(200));
}

#[test]
fn a_wish_from_before_a_change_by_hand_is_over() {
    for (authority, follows) in [(Authority::Device, json!(true)), (Authority::LocalClears, Value::Null)] {
        let mut bench = lights(Policy::new().authority(authority));
        bench.pass(ms(5_000));
        bench.hear("on true");
        comes_back(&mut bench, "on", false);
        assert_eq!(bench.take_told(), [""; 0], "{authority:?}");
        assert_eq!(bench.update(), json!({"desired": {"on": follows}}), "{authority:?}");
    }
}

#[test]
fn where_the_cloud_has_the_say_the_hand_has_not() {
    let mut bench = lights(Policy::new().authority(Authority::Cloud));
    bench.pass(ms(5_000));
    bench.hear("on true");
    comes_back(&mut bench, "on", false);
    assert_eq!(bench.take_told(), ["on false"]);
}

#[test]
fn a_wish_from_before_the_program_has_set_it_is_over() {
    for authority in [Authority::Device, Authority::Cloud, Authority::LocalClears] {
        let mut bench = lights(Policy::new().authority(authority));
        bench.pass(ms(5_000));
        bench.set("on", true);
        bench.hear("on true");
        bench.take_told();
        comes_back(&mut bench, "on", false);
        assert_eq!(bench.take_told(), [""; 0], "{authority:?}");
    }
}

#[test]
fn a_wish_that_may_be_the_newer_one_is_acted_on() {
    let mut bench = lights(Policy::new());
    bench.pass(ms(1_500));
    bench.hear("on true");
    comes_back(&mut bench, "on", false);
    assert_eq!(bench.take_told(), ["on false"]);
}

#[test]
fn a_wish_from_before_is_over_after_a_restart_too() {
    let mut bench = lights(Policy::new());
    bench.pass(ms(5_000));
    bench.set("on", true);
    bench.hear("on true");
    let memory = bench.thing.memory();
    let builder = Thing::builder().component("relay", Lines::one("on")).remember(memory);
    let mut bench = Bench::new(builder);
    bench.up(0);
    bench.hear("on true");
    bench.online();
    bench.current(3, &json!({"on": [false, 100]}), &json!({"on": false}));
    assert_eq!(bench.take_told(), [""; 0]);
}

#[test]
fn an_old_wish_for_the_whole_makes_no_change_of_a_part_older() {
    let mut bench = lights(Policy::new());
    bench.pass(ms(5_000));
    bench.hear("on true");
    bench.pass(ms(200));
    bench.accept(2, 0);
    // The scene is as wished, and what is wished of the light is older than the hand.
    bench.shadow(&told_at(110, 3, &json!({"scene": [false, 100]})));
    bench.take_requests();
    bench.shadow(&told_at(110, 4, &json!({"scene": [false, 100], "on": [false, 102]})));
    bench.pass(ms(200));
    assert_eq!(bench.take_told(), [""; 0]);
}

#[test]
fn a_wish_for_a_part_goes_before_an_older_one_for_the_whole() {
    let both = &["led true", "on true"][..];
    // What is wished of the part, and when; and what devices are told of it and of the scene that is wished at 100 s.
    for (part, time, told) in [(false, 102, &[][..]), (false, 100, both), (true, 102, both)] {
        let mut bench = lights(Policy::new());
        bench.shadow(&told_at(110, 3, &json!({"on": [part, time]})));
        bench.hear(&format!("on {part}"));
        bench.pass(ms(200));
        if bench.asked.is_some() {
            bench.accept(4, 0);
        }
        bench.shadow(&told_at(110, 5, &json!({"scene": [true, 100], "on": [part, time]})));
        bench.pass(ms(200));
        let mut all = bench.take_told();
        all.sort();
        assert_eq!(all, told, "{part} at {time}");
    }
}

#[test]
fn a_change_by_hand_is_kept_though_nothing_else_happens() {
    let mut bench = lights(Policy::new());
    bench.event(ThingEvent::Offline);
    bench.pass(ms(5_000));
    bench.hear("on true");
    bench.pass(ms(2_000));
    assert!(String::from_utf8_lossy(&bench.memory).contains(r#""overruled":{"on":105}"#));
    assert_eq!(bench.memory, bench.thing.memory());
}

#[test]
fn what_nobody_can_wish_for_is_not_kept() {
    let builder = Thing::builder().component("sensor", Lines::new([("warm", Access::Read)]));
    let mut bench = Bench::new(builder);
    bench.up(0);
    bench.hear("warm 20");
    bench.online();
    bench.current(1, &json!({}), &json!({"warm": 20}));
    bench.shadow(&told_at(100, 1, &json!({})));
    bench.pass(ms(2_000));
    bench.event(ThingEvent::Offline);
    bench.memory.clear();
    bench.hear("warm 21");
    bench.pass(ms(200));
    assert_eq!(bench.thing.next_deadline(), None, "there is nothing to keep, and no wake for it");
    assert_eq!(bench.memory, b"");
}

#[test]
fn a_wish_for_a_part_takes_the_place_of_one_for_the_whole() {
    let mut bench = lights(Policy::new());
    bench.shadow(&told_at(101, 2, &json!({"scene": [true, 101]})));
    assert_eq!(bench.take_told(), ["on true", "led true"]);
    bench.notices.clear();
    bench.shadow(&told_at(102, 3, &json!({"scene": [true, 101], "on": [false, 102]})));
    assert_eq!(bench.take_told(), ["on false"]);
    assert!(matches!(
        &bench.notices[..],
        [ThingNotice::Failed { property, why: WishError::Device(Failure::Replaced), .. }] if property == "scene"
    ));
}

#[test]
fn a_wish_for_the_same_as_the_whole_leaves_it_alone() {
    let mut bench = lights(Policy::new());
    bench.shadow(&told_at(101, 2, &json!({"scene": [true, 101]})));
    bench.take_told();
    bench.shadow(&told_at(102, 3, &json!({"scene": [true, 101], "on": [true, 102]})));
    assert_eq!(bench.take_told(), [""; 0]);
    bench.hear("on true");
    bench.hear_from(1, "led true");
    assert_eq!(bench.thing.property("scene").unwrap().wanted, None);
    assert!(!bench.notices.iter().any(|notice| matches!(notice, ThingNotice::Failed { .. })));
}

#[test]
fn an_older_wish_for_the_whole_does_not_undo_a_newer_one_for_a_part() {
    let mut bench = lights(Policy::new());
    bench.shadow(&told_at(120, 2, &json!({"led": [true, 120], "scene": [true, 90]})));
    assert_eq!(bench.take_told(), ["led true", "on true"], "they agree");
    let mut bench = lights(Policy::new());
    bench.hear("on true");
    bench.hear_from(1, "led true");
    bench.pass(ms(200));
    bench.accept(2, 0);
    bench.shadow(&told_at(120, 3, &json!({"led": [false, 120]})));
    bench.hear_from(1, "led false");
    bench.take_told();
    bench.shadow(&told_at(120, 4, &json!({"scene": [true, 110]})));
    assert_eq!(bench.take_told(), [""; 0]);
}

#[test]
fn what_nobody_wishes_for_any_more_is_not_told_again_when_the_port_is_back() {
    let mut bench = lights(Policy::new());
    bench.shadow(&told_at(101, 2, &json!({"on": [true, 101]})));
    assert_eq!(bench.take_told(), ["on true"]);
    bench.shadow(&ShadowEvent::Deleted { version: Some(3) });
    bench.down(0);
    bench.up(0);
    bench.hear("on false");
    bench.pass(ms(5_000));
    assert_eq!(bench.take_told(), [""; 0]);
}

#[test]
fn parts_that_no_device_was_told_of_end_with_the_whole() {
    for withdrawn in [true, false] {
        let mut bench = lights(Policy::new());
        bench.down(1);
        bench.shadow(&told_at(101, 2, &json!({"scene": [true, 101]})));
        assert_eq!(bench.take_told(), ["on true"]);
        if withdrawn {
            bench.shadow(&ShadowEvent::Deleted { version: Some(3) });
        } else {
            bench.shadow(&told_at(104, 3, &json!({"scene": [true, 101], "on": [false, 104]})));
        }
        bench.take_told();
        bench.up(1);
        bench.hear_from(1, "led false");
        assert_eq!(bench.take_told(), [""; 0], "withdrawn: {withdrawn}");
    }
}

#[test]
fn a_wish_for_the_whole_is_one_for_its_parts_even_if_they_are_so_already() {
    let mut bench = lights(Policy::new());
    bench.shadow(&told_at(110, 2, &json!({"scene": [false, 110]})));
    bench.hear("on true");
    bench.pass(ms(200));
    bench.accept(3, 0);
    bench.shadow(&told_at(111, 3, &json!({"on": [false, 105]})));
    assert_eq!(bench.take_told(), [""; 0]);
}

#[test]
fn the_first_reading_of_a_device_says_nothing_about_who_was_last() {
    let mut bench = Bench::relay(Policy::new());
    bench.online();
    bench.current(1, &json!({}), &json!({"on": false}));
    bench.shadow(&told_at(110, 1, &json!({})));
    bench.up(0);
    bench.hear("on false");
    bench.shadow(&told_at(110, 2, &json!({"on": [true, 105]})));
    assert_eq!(bench.take_told(), ["on true"]);
}

#[test]
fn what_a_device_says_on_its_way_is_no_change_by_hand() {
    let mut bench = lights(Policy::new());
    bench.shadow(&told_at(101, 2, &json!({"on": [50, 101]})));
    assert_eq!(bench.take_told(), ["on 50"]);
    bench.pass(ms(9_000));
    bench.hear("on 20");
    bench.shadow(&told_at(110, 3, &json!({"on": [70, 105]})));
    assert_eq!(bench.take_told(), ["on 70"]);
}

#[test]
fn a_part_for_a_device_that_is_gone_ends_with_the_whole_when_the_port_is_closed() {
    let mut bench = lights(Policy::new());
    bench.shadow(&told_at(101, 2, &json!({"scene": [true, 101]})));
    bench.hear_from(1, "! led gone");
    bench.shadow(&ShadowEvent::Deleted { version: Some(3) });
    bench.down(1);
    assert_eq!(bench.thing.property("led").unwrap().wanted, None);
}
