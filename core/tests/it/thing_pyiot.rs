//! What pyIOT does and does wrong: its own tests, and each of its faults that is one of things and shadows.
//!
//! The faults are numbered as in the research this was built on; those of line protocols are tested there.

use serde_json::{Value, json};
use thingwire_core::ShadowError;
use thingwire_core::ShadowEvent;
use thingwire_core::thing::{Access, Cause, Policy, Thing, ThingNotice};

use crate::thing_rig::{Asked, Bench, Lines, ms, rejected};

fn preamp() -> Lines {
    let all = ["power", "input", "volume", "muted"].map(|name| (name, Access::ReadWrite));
    Lines::new(all)
}

// Its tests.

#[test]
fn a_thing_starts_by_reading_its_devices_and_its_shadow() {
    let mut bench = Bench::new(Thing::builder().component("preamp", preamp()));
    bench.up(0);
    assert_eq!(bench.queries, 1, "queried at the start");
    bench.online();
    assert_eq!((bench.take_requests(), bench.take_told()), (vec![], vec![]), "nothing is said before it is known");
}

#[test]
fn what_is_heard_updates_the_thing_in_one_batch() {
    let mut bench = Bench::new(Thing::builder().component("preamp", preamp()));
    bench.up(0);
    bench.online();
    bench.shadow(&ShadowEvent::Absent);
    for line in ["power true", "input 3", "volume 40", "muted false"] {
        bench.hear(line);
        bench.pass(ms(20));
    }
    assert_eq!(bench.take_requests(), []);
    bench.pass(ms(20));
    assert_eq!(bench.update(), json!({"reported": {"power": true, "input": 3, "volume": 40, "muted": false}}));
}

#[test]
fn the_front_panel_is_reported() {
    let mut bench = Bench::in_step(Policy::new());
    bench.hear("on true");
    bench.pass(ms(100));
    assert_eq!(bench.update(), json!({"reported": {"on": true}, "desired": {"on": true}}));
}

#[test]
fn what_the_cloud_wants_reaches_the_device_and_comes_back_reported() {
    let mut bench = Bench::in_step(Policy::new());
    bench.wish(2, &json!({"on": [true, 20]}));
    assert_eq!(bench.take_told(), ["on true"]);
    assert_eq!(bench.actual("on"), Some(json!(false)), "not before the device says so");
    bench.hear("on true");
    bench.pass(ms(100));
    assert_eq!(bench.update(), json!({"reported": {"on": true}}), "desired is left alone");
    bench.accept(3, 0);
    bench.pass(ms(2_000));
    assert_eq!(bench.take_told(), [""; 0]);
}

#[test]
fn setting_a_property_in_the_program_tells_the_device() {
    let mut bench = Bench::in_step(Policy::new());
    bench.set("on", true);
    assert_eq!(bench.take_told(), ["on true"]);
    bench.set("on", true);
    assert_eq!(bench.take_told(), [""; 0], "it is under way");
    bench.hear("on true");
    bench.set("on", true);
    assert_eq!(bench.take_told(), [""; 0], "it is so");
}

// Its faults.

#[test]
fn fault_1_the_relay_reports_off() {
    let mut bench = Bench::relay(Policy::new());
    bench.up(0);
    bench.online();
    bench.shadow(&ShadowEvent::Absent);
    bench.hear("on true");
    bench.pass(ms(100));
    assert_eq!(bench.update(), json!({"reported": {"on": true}}));
    bench.accept(1, 0);
    bench.take_requests();
    bench.hear("on false");
    bench.pass(ms(100));
    assert_eq!(bench.update(), json!({"reported": {"on": false}}));
}

#[test]
fn fault_1_values_that_count_as_nothing_elsewhere_are_values() {
    for value in [json!(false), json!(0), json!(""), json!([]), json!({})] {
        let mut bench = Bench::in_step(Policy::new());
        bench.hear("on 7");
        bench.pass(ms(100));
        bench.accept(2, 11);
        bench.take_requests();
        bench.current(3, &json!({"on": [value, 20]}), &json!({"on": 7}));
        assert_eq!(bench.take_told(), [format!("on {value}")]);
        bench.hear(&format!("on {value}"));
        bench.pass(ms(100));
        assert_eq!(bench.update(), json!({"reported": {"on": value}}));
    }
}

#[test]
fn fault_3_an_unknown_key_is_told_once_and_harms_nobody() {
    let mut bench = Bench::in_step(Policy::new());
    for version in 2..5 {
        bench.wish(version, &json!({"color": ["red", 20], "on": [true, 20]}));
    }
    bench.wish(5, &json!({"color": ["blue", 21]}));
    let unknown = |value: &str| ThingNotice::UnknownKey { key: "color".into(), value: value.into() };
    assert_eq!(bench.take_notices(), [unknown("\"red\""), unknown("\"blue\"")]);
    assert_eq!(bench.take_told(), ["on true"]);
}

#[test]
fn fault_4_no_value_of_the_cloud_disables_a_device() {
    let mut bench = Bench::in_step(Policy::new());
    let nonsense = [json!("on"), json!(-1), json!(1e300), json!([1, [2]]), json!("\r\n\u{0}"), json!({"a": {"b": 1}})];
    let mut version = 1;
    for value in nonsense {
        version += 1;
        bench.current(version, &json!({"on": [value, version]}), &json!({"on": false}));
        bench.hear("! on ERR");
        bench.pass(ms(200));
        bench.asked = None;
    }
    bench = Bench::in_step(Policy::new());
    bench.wish(2, &json!({"on": [1e300, 20]}));
    bench.pass(ms(100));
    bench.wish(3, &json!({"on": [true, 21]}));
    assert_eq!(bench.take_told(), ["on true"]);
}

#[test]
fn fault_5_a_port_that_vanishes_and_is_back_leaves_the_others_alone() {
    let both = Thing::builder().component("one", Lines::one("one")).component("two", Lines::one("two"));
    let mut bench = Bench::new(both);
    bench.up(0);
    bench.up(1);
    bench.hear_from(0, "one false");
    bench.hear_from(1, "two false");
    bench.online();
    bench.current(1, &json!({}), &json!({"one": false, "two": false}));
    bench.pass(ms(200));
    bench.down(0);
    bench.wish(2, &json!({"one": [true, 20], "two": [true, 20]}));
    assert_eq!(bench.take_told(), ["two true"]);
    bench.hear_from(1, "two true");
    bench.pass(ms(60_000));
    assert_eq!(bench.take_told(), [""; 0], "the wish waits for the device");
    bench.up(0);
    assert_eq!(bench.take_told(), [""; 0], "which says first what it is");
    bench.hear_from(0, "one false");
    assert_eq!(bench.take_told(), ["one true"]);
}

#[test]
fn fault_6_what_changes_offline_is_reported_later_the_last_of_it() {
    let mut bench = Bench::in_step(Policy::new());
    bench.event(thingwire_core::thing::ThingEvent::Offline);
    for line in ["on true", "on false", "on 7"] {
        bench.hear(line);
        bench.pass(ms(500));
    }
    assert_eq!(bench.take_requests(), []);
    bench.online();
    assert_eq!(bench.update()["reported"], json!({"on": 7}));
}

#[test]
fn fault_7_a_lost_update_is_repeated() {
    let mut bench = Bench::in_step(Policy::new());
    bench.hear("on true");
    bench.pass(ms(100));
    assert_eq!(bench.take_requests().len(), 1);
    bench.answer(Err(ShadowError::TimedOut));
    assert_eq!(bench.take_requests(), [Asked::Get], "never blindly");
    bench.answer(Ok(crate::thing_rig::document(1, &json!({"on": [false, 10]}), &json!({"on": false}))));
    assert_eq!(bench.update(), json!({"reported": {"on": true}, "desired": {"on": true}}));
}

#[test]
fn fault_7_a_rejected_update_is_repeated() {
    let mut bench = Bench::in_step(Policy::new());
    bench.hear("on true");
    bench.pass(ms(100));
    for code in [429, 500, 503] {
        assert_eq!(bench.update()["reported"], json!({"on": true}));
        bench.take_requests();
        bench.answer(Err(rejected(code)));
        assert_eq!(bench.take_requests(), [], "not at once");
        assert!(bench.until_asked() >= ms(1_000), "{code}");
    }
    assert_eq!(bench.update()["reported"], json!({"on": true}));
}

#[test]
fn fault_8_what_was_wished_for_meanwhile_is_done_and_other_keys_stay() {
    let mut bench = Bench::relay(Policy::new());
    bench.up(0);
    bench.hear("on false");
    bench.online();
    bench.current(9, &json!({"on": [true, 10]}), &json!({"on": false, "firmware": "1.2"}));
    assert_eq!(bench.take_told(), ["on true"]);
    bench.hear("on true");
    bench.pass(ms(100));
    assert_eq!(bench.update(), json!({"reported": {"on": true}}), "nothing is deleted");
}

#[test]
fn fault_9_an_edit_that_races_with_a_report_wins() {
    let mut bench = Bench::in_step(Policy::new());
    bench.hear("on true");
    bench.pass(ms(100));
    let Some(Asked::Update(update)) = bench.take_requests().pop() else { panic!() };
    assert_eq!(update["version"], json!(1), "on top of what was known");
    bench.answer(Err(rejected(409)));
    assert_eq!(bench.take_requests(), [Asked::Get]);
    bench.answer(Ok(crate::thing_rig::document(2, &json!({"on": ["blink", 30]}), &json!({"on": false}))));
    assert_eq!(bench.take_told(), ["on \"blink\""]);
    assert_eq!(bench.update(), json!({"reported": {"on": true}}), "desired is not touched");
}

#[test]
fn fault_10_a_stale_report_heals() {
    let mut bench = Bench::relay(Policy::new());
    bench.up(0);
    bench.hear("on true");
    bench.online();
    bench.current(4, &json!({"on": [true, 10]}), &json!({"on": false}));
    bench.pass(ms(100));
    assert_eq!(bench.take_told(), [""; 0], "it is so already");
    assert_eq!(bench.update(), json!({"reported": {"on": true}}));
    bench.accept(5, 0);
    bench.take_requests();
    // Somebody overwrites what was accepted.
    bench.wish(6, &json!({"on": [true, 10]}));
    assert_eq!((bench.take_told(), bench.update()), (vec![], json!({"reported": {"on": true}})));
}

#[test]
fn fault_14_a_lossy_unit_is_done_with_a_value_that_is_the_same_to_it() {
    let dimmer = Lines::one("level").step(10);
    let mut bench = Bench::new(Thing::builder().component("dimmer", dimmer));
    bench.up(0);
    bench.hear("level 0");
    bench.online();
    bench.current(1, &json!({"level": [97, 10]}), &json!({"level": 0}));
    assert_eq!(bench.take_told(), ["level 97"]);
    bench.hear("level 100");
    bench.pass(ms(100));
    assert_eq!(bench.update(), json!({"reported": {"level": 100}, "desired": {"level": 100}}));
    bench.accept(2, 20);
    bench.take_requests();
    bench.pass(ms(60_000));
    assert_eq!((bench.take_told(), bench.take_requests()), (vec![], vec![]), "silence");
}

#[test]
fn fault_16_rules_see_whole_batches_with_old_and_new_and_their_errors_are_told() {
    let (seen, heard) = std::sync::mpsc::channel();
    let rule = move |changes: &thingwire_core::thing::Changes<'_>, _: &mut thingwire_core::thing::Wishes| {
        let all: Vec<(String, Option<Value>, Value, Cause)> = changes
            .iter()
            .map(|change| (change.property.to_owned(), change.old.cloned(), change.new.clone(), change.cause))
            .collect();
        seen.send(all).unwrap();
        Err("no".into())
    };
    let mut bench = Bench::new(Thing::builder().component("preamp", preamp()).rule("watch", rule));
    bench.up(0);
    bench.hear("power false");
    bench.hear("volume 40");
    bench.pass(ms(100));
    bench.hear("power true");
    bench.hear("power false");
    bench.hear("volume 41");
    bench.hear("volume 42");
    bench.pass(ms(100));
    let first = |name: &str, value: Value| (name.to_owned(), None, value, Cause::Hardware);
    let all: Vec<_> = heard.try_iter().collect();
    assert_eq!(
        all,
        [
            vec![first("power", json!(false)), first("volume", json!(40))],
            vec![("volume".to_owned(), Some(json!(40)), json!(42), Cause::Hardware)],
        ]
    );
    let failed = ThingNotice::RuleFailed { rule: "watch".into(), why: "no".into() };
    assert_eq!(bench.take_notices().iter().filter(|notice| **notice == failed).count(), 2);
}
