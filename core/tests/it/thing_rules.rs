//! Rules, and properties made of others.

use serde_json::{Value, json};
use thingwire_core::ShadowEvent;
use thingwire_core::thing::{
    Access, BuildError, Cause, Changes, Derived, Thing, ThingBuilder, ThingNotice, Unfit, Wishes,
};

use crate::thing_rig::{Bench, Lines, ms};

type Ruled = Result<(), thingwire_core::thing::RuleError>;

fn theatre() -> ThingBuilder {
    let amplifier = Lines::new([("power", Access::ReadWrite), ("input", Access::ReadWrite)]);
    let projector = Lines::one("projector");
    Thing::builder().component("amplifier", amplifier).component("projector", projector)
}

fn running(builder: ThingBuilder) -> Bench {
    let mut bench = Bench::new(builder);
    bench.up(0);
    bench.up(1);
    bench.hear("power true");
    bench.hear("input \"aux\"");
    bench.hear_from(1, "projector false");
    bench.pass(ms(200));
    assert_eq!(bench.take_told(), [""; 0]);
    bench.take_notices();
    bench
}

/// The rules of pyIOT's example.
#[expect(clippy::unnecessary_wraps, reason = "a rule may fail")]
fn rules(changes: &Changes<'_>, wishes: &mut Wishes) -> Ruled {
    if changes.of("power").is_some_and(|change| change.old.is_some()) && changes.became("power", false) {
        wishes.set("power", true);
        wishes.set("input", "aux");
        wishes.set("projector", false);
    } else if changes.became("input", "tv") {
        wishes.set("projector", true);
    }
    Ok(())
}

#[test]
fn the_amplifier_switched_off_by_hand_goes_on_again() {
    let mut bench = running(theatre().rule("tv", rules));
    bench.hear("power false");
    bench.pass(ms(99));
    assert_eq!(bench.take_told(), [""; 0]);
    bench.pass(ms(1));
    assert_eq!(bench.take_told(), ["power true"], "the rest is so already");
    bench.hear("power true");
    bench.hear("input \"tv\"");
    bench.pass(ms(100));
    assert_eq!(bench.take_told(), ["projector true"]);
}

#[test]
fn what_a_rule_wants_before_its_error_is_not_done() {
    let rule = |_: &Changes<'_>, wishes: &mut Wishes| -> Ruled {
        wishes.set("power", false);
        Err("on second thoughts".into())
    };
    let mut bench = running(theatre().rule("moody", rule));
    bench.hear("input 7");
    bench.pass(ms(1_000));
    assert_eq!(bench.take_told(), [""; 0]);
}

#[test]
fn what_a_rule_cannot_want_is_told() {
    let rule = |_: &Changes<'_>, wishes: &mut Wishes| -> Ruled {
        wishes.set("colour", "red");
        wishes.set("input", 200);
        Ok(())
    };
    let mut bench = Bench::new(theatre().rule("wrong", rule));
    bench.hear("power 1");
    bench.pass(ms(100));
    let told: Vec<_> = bench.take_notices().iter().map(ToString::to_string).collect();
    assert!(told.contains(&"colour is not as wanted by a rule: there is no such property".to_owned()), "{told:?}");
    assert!(told.contains(&"input is not as wanted by a rule: 0 to 100".to_owned()), "{told:?}");
}

#[test]
fn rules_that_set_each_other_off_come_to_an_end() {
    let flip = |changes: &Changes<'_>, wishes: &mut Wishes| -> Ruled {
        if let Some(Value::Bool(on)) = changes.of("power").map(|change| change.new) {
            wishes.set("power", !on);
        }
        Ok(())
    };
    let mut bench = Bench::new(theatre().rule("flip", flip));
    bench.up(0);
    bench.hear("power true");
    let mut flips = 0;
    for _ in 0..100 {
        bench.pass(ms(100));
        for line in bench.take_told() {
            flips += 1;
            bench.hear(&line);
        }
    }
    assert_eq!(flips, 8);
    let circle = ThingNotice::RulesRunInCircles { rule: "flip".into() };
    assert_eq!(bench.take_notices().into_iter().filter(|notice| *notice == circle).count(), 1);
    bench.hear("power 5");
    bench.pass(ms(100));
    bench.hear("power true");
    bench.pass(ms(100));
    assert_eq!(bench.take_told().len(), 1, "what happens by itself begins anew");
}

fn scene() -> Derived {
    let read = |values: &[Option<&Value>]| match (values[0]?, values[1]?) {
        (Value::Bool(true), Value::Bool(true)) => Some(json!("film")),
        (Value::Bool(false), Value::Bool(false)) => Some(json!("off")),
        _ => Some(json!("mixed")),
    };
    Derived::new("scene", ["power", "projector"], read).writes(|value, wishes| {
        let on = match value.as_str() {
            Some("film") => true,
            Some("off") => false,
            _ => return Err(Unfit("\"film\" or \"off\"".to_owned())),
        };
        wishes.set("power", on);
        wishes.set("projector", on);
        Ok(())
    })
}

#[test]
fn a_derived_property_follows_what_it_is_made_of_and_sets_it() {
    let mut bench = running(theatre().derived(scene()));
    assert_eq!(bench.actual("scene"), Some(json!("mixed")));
    bench.online();
    bench.current(1, &json!({"scene": ["film", 10]}), &json!({}));
    assert_eq!(bench.take_told(), ["projector true"], "the rest is so already");
    bench.accept(2, 0);
    bench.take_requests();
    bench.hear_from(1, "projector true");
    bench.pass(ms(200));
    let reported = &bench.update()["reported"];
    assert_eq!(reported["scene"], "film");
    assert!(bench.thing.property("scene").unwrap().wanted.is_none());
    bench.set("scene", "off");
    assert_eq!(bench.take_told(), ["power false", "projector false"]);
    assert!(bench.thing.set(bench.now, "scene", "sunset").is_err());
}

#[test]
fn a_derived_property_whose_parts_fail_goes_back() {
    let mut bench = running(theatre().derived(scene()));
    bench.online();
    bench.current(1, &json!({"scene": ["film", 10]}), &json!({}));
    bench.hear_from(1, "! projector ERR");
    bench.pass(ms(61_000));
    let desired = bench.take_requests().iter().any(|request| format!("{request:?}").contains("\"mixed\""));
    assert!(desired, "reported and desired are what it is");
    assert!(bench.thing.property("scene").unwrap().wanted.is_none());
}

#[test]
fn what_is_derived_from_nothing_or_from_something_derived_is_refused() {
    let derived = || Derived::new("x", ["nothing"], |_| None);
    let refused = theatre().derived(derived()).build(1).unwrap_err();
    assert_eq!(refused, BuildError::NoSuchProperty { name: "nothing".into(), user: "a derived property" });
    let twice = theatre().derived(scene()).derived(Derived::new("y", ["scene"], |_| None));
    assert!(twice.build(1).is_err());
}

#[test]
fn reports_go_out_with_what_rules_have_seen() {
    let mut bench = running(theatre().rule("tv", rules));
    bench.online();
    bench.shadow(&ShadowEvent::Absent);
    bench.pass(ms(200));
    let reported = bench.update();
    assert_eq!(reported, json!({"reported": {"power": true, "input": "aux", "projector": false}}));
}

#[test]
fn a_rule_sees_what_has_not_changed() {
    let rule = |changes: &Changes<'_>, wishes: &mut Wishes| -> Ruled {
        let [power, missing] = ["power", "nothing"].map(|name| changes.value(name));
        if changes.became("projector", true) && power == Some(&json!(true)) && missing.is_none() {
            wishes.set("input", "tv");
        }
        Ok(())
    };
    let mut bench = running(theatre().rule("film", rule));
    bench.hear_from(1, "projector true");
    bench.pass(ms(100));
    assert_eq!(bench.take_told(), ["input \"tv\""]);
}

#[test]
fn a_derived_property_changes_for_the_reason_of_what_changed_it() {
    let mut bench = running(theatre().derived(scene()));
    bench.set("power", false);
    bench.hear("power false");
    bench.pass(ms(100));
    let (old, new) = (Some(json!("mixed")), json!("off"));
    let changed = ThingNotice::Changed { property: "scene".into(), old, new, cause: Cause::Local };
    assert!(bench.notices.contains(&changed), "{:?}", bench.notices);
}

#[test]
fn the_whole_lasts_until_its_last_part() {
    let all = Derived::new("all", ["power"], |values| values[0].cloned()).writes(|value, wishes| {
        wishes.set("power", value.clone());
        wishes.set("projector", value.clone());
        Ok(())
    });
    let mut bench = running(theatre().derived(all));
    bench.down(1);
    bench.set("all", 7);
    bench.hear("power 7");
    assert_eq!(bench.thing.property("all").unwrap().wanted, Some(&json!(7)));
    bench.up(1);
    bench.hear_from(1, "projector false");
    assert_eq!(bench.take_told(), ["power 7", "projector 7"]);
}

#[test]
fn a_wish_for_something_else_leaves_the_whole_alone() {
    let mut bench = running(theatre().derived(scene()));
    bench.set("scene", "film");
    bench.set("input", 7);
    assert_eq!(bench.take_told(), ["projector true", "input 7"]);
    assert_eq!(bench.thing.property("scene").unwrap().wanted, Some(&json!("film")));
}
