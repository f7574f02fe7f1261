//! pyIOT's own tests of components, and its case study, on virtual time and against devices made from the tables.

use core::time::Duration;

use serde_json::{Value, json};
use thingwire_core::Instant;
use thingwire_core::thing::lines::Lines;
use thingwire_core::thing::{ComponentAction, Failure};
use thingwire_sim::choices::Seeded;
use thingwire_sim::thing::soak::{preamp, projector, relay};
use thingwire_sim::thing::{By, Happened, Stand};

fn stand(table: &Lines) -> Stand {
    Stand::new(table, Box::new(Seeded::new(1))).unwrap()
}

fn run(stand: &mut Stand, secs: u64) {
    stand.run_until(stand.now() + Duration::from_secs(secs));
    assert_eq!(stand.broken, None);
}

/// What was sent, with the second of each.
fn sent(stand: &Stand) -> Vec<(u64, String)> {
    let sent = |(at, happened): &(Instant, Happened)| match happened {
        Happened::Did(ComponentAction::Send(bytes)) => {
            Some((at.as_micros() / 1_000_000, String::from_utf8_lossy(bytes).trim_end().to_owned()))
        }
        _ => None,
    };
    stand.log().iter().filter_map(sent).collect()
}

/// What was heard of a property, one after the other, without repetition.
fn heard(stand: &Stand, property: &str) -> Vec<Value> {
    let property = stand.property(property);
    let values = stand.log().iter().filter_map(|(_, happened)| match happened {
        Happened::Did(ComponentAction::Heard(said, value)) if *said == property => Some(value.clone()),
        _ => None,
    });
    let mut values: Vec<_> = values.collect();
    values.dedup();
    values
}

fn ends(stand: &Stand) -> Vec<ComponentAction> {
    let ends = |(_, happened): &(Instant, Happened)| match happened {
        Happened::Did(end @ (ComponentAction::Done(_) | ComponentAction::Failed(..))) => Some(end.clone()),
        _ => None,
    };
    stand.log().iter().filter_map(ends).collect()
}

/// A preamp that is on, and has a volume.
fn preamp_that_is_on() -> Stand {
    let mut stand = stand(&preamp());
    let (power, volume) = (stand.property("power"), stand.property("volume"));
    stand.turn(volume, 60.0);
    stand.turn(power, "ON");
    stand.plug();
    run(&mut stand, 1);
    stand
}

#[test]
fn query_at_start() {
    let mut stand = stand(&relay());
    stand.plug();
    run(&mut stand, 1);
    assert_eq!(sent(&stand), [(0, "RELAY?".to_owned())]);
    assert_eq!(heard(&stand, "relayState"), ["ON"]);
}

#[test]
fn query_running() {
    let mut stand = stand(&relay());
    stand.plug();
    run(&mut stand, 16);
    assert_eq!(sent(&stand).iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 5, 10, 15]);
}

#[test]
fn power_on() {
    let mut stand = stand(&preamp());
    let (power, volume) = (stand.property("power"), stand.property("volume"));
    stand.turn(volume, 60.0);
    stand.turn(power, "OFF");
    stand.plug();
    run(&mut stand, 1);
    assert_eq!(heard(&stand, "input"), [] as [Value; 0], "it is off, and not asked");
    let id = stand.set(power, "ON");
    run(&mut stand, 1);
    assert_eq!(stand.device.value(power), "ON");
    assert_eq!(ends(&stand), [ComponentAction::Done(id)]);
    assert_eq!(heard(&stand, "input"), ["CD"], "everything was asked as soon as it was on");
}

#[test]
fn update_component() {
    let mut stand = preamp_that_is_on();
    for (property, value) in [("input", json!("AUX")), ("volume", json!(40.0)), ("muted", json!(false))] {
        let property = stand.property(property);
        let id = stand.set(property, value.clone());
        run(&mut stand, 1);
        assert_eq!((stand.device.value(property), ends(&stand).pop()), (&value, Some(ComponentAction::Done(id))));
    }
}

#[test]
fn front_panel() {
    let mut stand = preamp_that_is_on();
    let (input, volume) = (stand.property("input"), stand.property("volume"));
    stand.turn(input, "TV");
    stand.turn(volume, 20.0);
    run(&mut stand, 1);
    assert_eq!(
        (heard(&stand, "input"), heard(&stand, "volume")),
        (vec![json!("CD"), json!("TV")], vec![json!(60.0), json!(20.0)])
    );
    stand.device.manners.announces = false;
    stand.turn(input, "AUX");
    run(&mut stand, 6);
    assert_eq!(heard(&stand, "input").pop(), Some(json!("AUX")), "with the next poll at the latest");
}

/// 20 of the 101 volumes of pyIOT's preamp came back as others, and 95 to 99 as 100.
#[test]
fn every_volume_settles_although_the_device_has_steps() {
    let mut stand = preamp_that_is_on();
    let volume = stand.property("volume");
    for percent in 0..=100 {
        let before = sent(&stand).len();
        let id = stand.set(volume, percent);
        run(&mut stand, 1);
        assert_eq!(ends(&stand).pop(), Some(ComponentAction::Done(id)), "{percent}");
        let commands = sent(&stand)[before..].iter().filter(|(_, line)| line.starts_with("P1VM")).count();
        assert_eq!(commands, 1, "{percent}");
        assert!(stand.component.same(volume, &json!(percent), stand.device.value(volume)));
    }
}

#[test]
fn the_preamp_says_all_in_one_line_and_the_rest_of_it_does_not_matter() {
    let stand = preamp_that_is_on();
    assert_eq!(
        ["power", "input", "volume", "muted"].map(|name| heard(&stand, name).pop()),
        [Some(json!("ON")), Some(json!("CD")), Some(json!(60.0)), Some(json!(true))]
    );
}

#[test]
fn the_projector_takes_its_input_when_it_is_warm() {
    let mut stand = stand(&projector());
    let (power, input) = (stand.property("power"), stand.property("input"));
    stand.turn(power, "OFF");
    stand.plug();
    run(&mut stand, 1);
    let on = stand.set(power, "ON");
    stand.run_until(stand.now() + Duration::from_millis(5));
    stand.turn(power, "WARMING");
    run(&mut stand, 1);
    let hdmi = stand.set(input, "HDMI2");
    run(&mut stand, 29);
    assert_eq!(stand.device.value(input), "HDMI1", "not while it warms up");
    let polls = sent(&stand).iter().filter(|(_, line)| line == "PWR?").count();
    assert!((28..40).contains(&polls), "{polls} in 30 s");
    stand.turn(power, "ON");
    run(&mut stand, 2);
    assert_eq!(stand.device.value(input), "HDMI2");
    let ends = ends(&stand);
    assert!(ends.contains(&ComponentAction::Done(on)) && ends.contains(&ComponentAction::Done(hdmi)), "{ends:?}");
}

/// In pyIOT an unplugged device, or one byte that is no text, was the end of its component.
#[test]
fn a_device_may_be_unplugged_and_come_back_as_another() {
    let mut stand = stand(&relay());
    let relay = stand.property("relayState");
    stand.plug();
    run(&mut stand, 2);
    let id = stand.set(relay, "OFF");
    stand.unplug();
    run(&mut stand, 60);
    assert_eq!(ends(&stand), [ComponentAction::Failed(id, Failure::Down)]);
    stand.turn(relay, "OFF");
    stand.plug();
    run(&mut stand, 1);
    assert_eq!(heard(&stand, "relayState"), ["ON", "OFF"]);
    assert_eq!(stand.device.history().iter().filter(|written| written.by == By::Command).count(), 0);
}

/// In pyIOT a handler that raised on a value from the cloud was the end of its component.
#[test]
fn values_of_any_kind_are_refused_and_nothing_is_sent_for_them() {
    let mut stand = preamp_that_is_on();
    let before = sent(&stand).len();
    for value in [json!(null), json!([1]), json!({"a": 1}), json!(-1), json!(1e300), json!("LOUD"), json!("")] {
        for property in 0..4 {
            let property = thingwire_core::thing::PropertyId(property);
            assert!(stand.component.check(property, &value).is_err(), "{value}");
            stand.set(property, value.clone());
            assert!(matches!(ends(&stand).pop(), Some(ComponentAction::Failed(_, Failure::Unfit(_)))));
        }
    }
    assert!(stand.component.check(thingwire_core::thing::PropertyId(9), &json!(1)).is_err());
    stand.run_until(stand.now() + Duration::from_millis(100));
    assert_eq!(sent(&stand).len(), before);
}

#[test]
fn a_device_that_never_confirms_is_told_three_times_and_reported() {
    let mut stand = stand(&relay());
    let relay = stand.property("relayState");
    stand.plug();
    run(&mut stand, 1);
    stand.device.manners.half = 1_000;
    stand.device.manners.announces = false;
    // Of what it does by halves, it does not obey every time.
    let id = stand.set(relay, "OFF");
    stand.turn(relay, "ON");
    run(&mut stand, 30);
    let told = sent(&stand).iter().filter(|(_, line)| line == "RELAYOFF").count();
    assert!((1..=3).contains(&told), "{told}");
    assert_eq!(ends(&stand).len(), 1, "{id:?}");
}
