//! How a thing is put together, what it remembers, and what bounds it.

use serde_json::json;
use thingwire_core::Instant;
use thingwire_core::thing::{
    Access, Boot, BuildError, Changes, Component, ComponentAction, ComponentEvent, ComponentId, Confirm, MemoryError,
    Note, Policy, Property, PropertyId, SetId, Thing, ThingAction, ThingEvent, ThingNotice, Unfit, Wishes,
};

use crate::thing_rig::{Bench, Lines, ms};

#[test]
fn mistakes_are_found_before_it_runs() {
    let refused = |builder: thingwire_core::thing::ThingBuilder| builder.build(1).unwrap_err();
    let two = Thing::builder().component("a", Lines::one("on")).component("b", Lines::one("on"));
    assert_eq!(refused(two).to_string(), "\"a\" and \"b\" both have a property \"on\": rename one");
    let twice = Thing::builder().component("a", Lines::new([("on", Access::Read), ("on", Access::Read)]));
    assert!(matches!(refused(twice), BuildError::TwoOwners { .. }));
    let unnamed = Thing::builder().component("a", Lines::one(""));
    assert!(matches!(refused(unnamed), BuildError::BadName { .. }));
    let long = |len: usize| Thing::builder().component("a", Lines::one(&"x".repeat(len))).build(1);
    assert!(long(128).is_ok() && matches!(long(129), Err(BuildError::BadName { .. })));
    let relay = || Thing::builder().component("a", Lines::one("on"));
    assert_eq!(
        refused(relay().policy("off", Policy::new())).to_string(),
        "a policy names \"off\", which no component has"
    );
    let unfit = refused(relay().policy("on", Policy::new().boot(Boot::Value(json!(200)))));
    assert_eq!(unfit.to_string(), "\"on\" cannot be set at the start: 0 to 100");
    let sensor = Thing::builder().component("a", Lines::new([("on", Access::Read)]));
    assert!(matches!(refused(sensor.policy("on", Policy::new().boot(Boot::Restore))), BuildError::ReadOnly { .. }));
}

/// A device that leaves to the thing what it can.
struct Plain([Property; 1]);

impl Component for Plain {
    fn properties(&self) -> &[Property] {
        &self.0
    }

    fn handle(&mut self, _: Instant, event: ComponentEvent<'_>, actions: &mut Vec<ComponentAction>) {
        match event {
            ComponentEvent::Up => actions.push(ComponentAction::Heard(PropertyId(0), json!(1))),
            ComponentEvent::Set { id, value, .. } => {
                actions.push(ComponentAction::Send(value.to_string().into()));
                actions.push(ComponentAction::Heard(PropertyId(0), value.clone()));
                actions.push(ComponentAction::Done(id));
            }
            _ => {}
        }
    }

    fn check(&self, _: PropertyId, _: &serde_json::Value) -> Result<(), Unfit> {
        Ok(())
    }
}

#[test]
fn values_are_the_same_to_a_device_when_they_are_equal() {
    let mut bench = Bench::new(Thing::builder().component("a", Plain([Property::new("level", Access::ReadWrite)])));
    bench.up(0);
    bench.online();
    bench.current(1, &json!({"level": [1, 10]}), &json!({"level": 1}));
    bench.pass(ms(200));
    assert_eq!(bench.take_told(), [""; 0], "it is so already");
    bench.wish(2, &json!({"level": [2, 20]}));
    assert_eq!(bench.take_told(), ["2"]);
}

#[test]
fn a_damaged_memory_is_a_note_and_never_a_failure() {
    for memory in [&b"rubbish"[..], b"thingwire-thing 1 crc32=00000000\n{}\n", b"\xff\xff", b"thingwire-thing 2 x\n"] {
        let mut thing = Thing::builder().component("a", Lines::one("on")).remember(memory).build(1).unwrap();
        let Some(ThingAction::Notify(ThingNotice::Memory(why))) = thing.poll_action() else { panic!() };
        assert!(matches!(why, MemoryError::Damaged | MemoryError::Unknown), "{why}");
    }
    let max = 262_144;
    for (len, why) in [(max, MemoryError::Unknown), (max + 1, MemoryError::TooLong { len: max + 1, max })] {
        let bench = Bench::new(Thing::builder().remember(vec![b'x'; len]));
        assert_eq!(bench.notices, [ThingNotice::Memory(why)]);
    }
}

#[test]
fn what_is_remembered_is_persisted_a_second_later_once() {
    let mut bench = Bench::in_step(Policy::new());
    bench.pass(ms(2_000));
    assert!(!bench.memory.is_empty());
    bench.memory.clear();
    bench.wish(2, &json!({"on": [true, 20]}));
    bench.hear("on true");
    bench.pass(ms(900));
    assert_eq!(bench.memory, b"");
    bench.pass(ms(200));
    assert_eq!(bench.memory, bench.thing.memory());
    bench.memory.clear();
    bench.wish(3, &json!({"on": [true, 20]}));
    bench.pass(ms(10_000));
    assert_eq!(bench.memory, b"", "nothing new");
}

#[test]
fn what_is_remembered_of_properties_that_are_gone_is_forgotten() {
    let mut bench = Bench::in_step(Policy::new());
    bench.pass(ms(2_000));
    let other = Thing::builder().component("lamp", Lines::one("light"));
    let bench = bench.rebooted(other);
    assert!(bench.notices.is_empty());
    assert!(!String::from_utf8(bench.thing.memory()).unwrap().contains("\"on\""));
}

/// Breaks every rule there is.
struct Liar(Vec<Property>);

impl Component for Liar {
    fn properties(&self) -> &[Property] {
        &self.0
    }

    fn handle(&mut self, _: Instant, event: ComponentEvent<'_>, actions: &mut Vec<ComponentAction>) {
        if let ComponentEvent::Received(_) = event {
            actions.push(ComponentAction::Heard(PropertyId(7), json!(1)));
            actions.push(ComponentAction::Heard(PropertyId(usize::MAX), json!(1)));
            actions.push(ComponentAction::Heard(PropertyId(0), json!(null)));
            actions.push(ComponentAction::Heard(PropertyId(0), json!([null])));
            actions.push(ComponentAction::Done(SetId(0)));
            actions.push(ComponentAction::Done(SetId(99)));
        }
        if let ComponentEvent::Set { id, .. } = event {
            actions.push(ComponentAction::Failed(id, thingwire_core::thing::Failure::Down));
            actions.push(ComponentAction::Done(id));
        }
    }

    fn check(&self, _: PropertyId, _: &serde_json::Value) -> Result<(), Unfit> {
        Ok(())
    }
}

#[test]
fn a_component_that_breaks_its_contract_harms_nobody() {
    let liar = Liar(vec![Property::new("lie", Access::ReadWrite)]);
    let mut bench = Bench::new(Thing::builder().component("liar", liar).component("relay", Lines::one("on")));
    bench.up(0);
    bench.up(1);
    bench.hear_from(1, "on false");
    bench.hear_from(0, "x");
    let confused = |notice: &&ThingNotice| **notice == ThingNotice::Confused(ComponentId(0));
    assert_eq!(bench.notices.iter().filter(confused).count(), 4);
    bench.thing.set(bench.now, "lie", 1).unwrap();
    bench.pass(ms(60_000));
    bench.set("on", true);
    assert_eq!(bench.take_told(), ["on true"]);
    bench.event(ThingEvent::Up(ComponentId(9)));
    bench.event(ThingEvent::Down(ComponentId(9)));
    bench.event(ThingEvent::Received(ComponentId(9), b"x"));
}

#[test]
fn unknown_keys_and_notices_are_bounded() {
    let mut thing = Thing::builder().component("a", Lines::one("on")).build(1).unwrap();
    for version in 1..3_000_u64 {
        let event = crate::thing_rig::delta(version, &json!({format!("k{version}"): ["x".repeat(500), version]}));
        thing.handle(Instant::EPOCH, ThingEvent::Shadow(&event));
    }
    let mut told = 0;
    while let Some(action) = thing.poll_action() {
        assert!(matches!(&action, ThingAction::Notify(ThingNotice::UnknownKey { value, .. }) if value.len() <= 256));
        told += 1;
    }
    assert_eq!(told, 64);
    let liar = Liar(vec![Property::new("lie", Access::ReadWrite)]);
    let mut thing = Thing::builder().component("liar", liar).build(1).unwrap();
    for _ in 0..1_000 {
        thing.handle(Instant::EPOCH, ThingEvent::Received(ComponentId(0), b"x"));
    }
    let all: Vec<_> = core::iter::from_fn(|| thing.poll_action()).collect();
    assert_eq!(all.len(), 1_025);
    assert_eq!(all.last(), Some(&ThingAction::Notify(ThingNotice::Lost { count: 6_000 - 1_024 })));
}

#[test]
fn no_notice_is_lost_that_somebody_takes() {
    let mut bench = Bench::relay(Policy::new());
    for _ in 0..1_025 {
        bench.hear("on null");
    }
    assert_eq!(bench.notices.len(), 1_025);
    assert!(bench.notices.iter().all(|notice| matches!(notice, ThingNotice::Unreportable { .. })));
}

#[test]
fn notices_are_one_line_each_and_show_no_value() {
    let cause = thingwire_core::thing::Cause::Local;
    let secret = json!("hunter2");
    let changed = ThingNotice::Changed { property: "pin".into(), old: Some(secret.clone()), new: secret, cause };
    let unknown = ThingNotice::UnknownKey { key: "k".into(), value: "hunter2".into() };
    let device = ThingNotice::Device(ComponentId(3), Note::TooLong { max: 80 });
    let lines = [changed, unknown, device].map(|notice| notice.to_string());
    assert!(lines.iter().all(|line| !line.contains("hunter2") && !line.contains('\n')), "{lines:?}");
}

#[test]
fn a_value_for_the_start_is_one_that_a_shadow_can_keep() {
    let boot = Boot::Value(json!({ "on": true, "level": null }));
    let builder = Thing::builder().component("a", Lines::one("on")).policy("on", Policy::new().boot(boot));
    let thing = builder.build(1).unwrap();
    assert_eq!(thing.property("on").unwrap().wanted, Some(&json!({ "on": true })));
}

/// Where one rule set off the next, it wanted to be woken at the time it was.
#[test]
fn the_least_span_is_a_microsecond() {
    let names = ["a", "b", "c"];
    let mut builder =
        Thing::builder().component("x", Lines::new(names.map(|name| (name, Access::ReadWrite)))).batch(ms(0));
    for (one, next) in [("a", "b"), ("b", "c")] {
        let follows = move |changes: &Changes<'_>, wishes: &mut Wishes| {
            if changes.became(one, true) {
                wishes.set(next, true);
            }
            Ok(())
        };
        builder = builder.rule(next, follows).policy(next, Policy::new().confirm(Confirm::Optimistic));
    }
    let mut bench = Bench::new(builder);
    bench.up(0);
    for name in names {
        bench.hear(&format!("{name} false"));
    }
    bench.pass(ms(1));
    bench.hear("a true");
    bench.pass(ms(1));
    assert_eq!(bench.take_told(), ["b true", "c true"]);
}
