//! A checked table, and the device at its other end.

use serde_json::json;
use thingwire_core::Instant;
use thingwire_core::thing::PropertyId;
use thingwire_core::thing::lines::{Lines, Mirror, Pattern, Told, number, words};

const LAMP: PropertyId = PropertyId(0);
const HOURS: PropertyId = PropertyId(1);

fn lamp() -> Lines {
    Lines::new("lamp")
        .property("lamp", words([("ON", true), ("OFF", false)]))
        .property("hours", number(3..=999))
        .query("?", "L{lamp}H{hours}")
        .command("lamp", "SET {lamp}")
        .acknowledged_by(["OK"])
        .refused_by("NO")
        .terminators(":", "\r")
}

#[test]
fn a_checked_table_tells_what_it_is_made_of() {
    let table = lamp().compile().unwrap();
    assert_eq!((table.name(), table.wire()), ("lamp", &lamp().wire));
    let samples =
        [LAMP, HOURS, PropertyId(2)].map(|property| table.codec(property).map(|codec| codec.samples()[0].clone()));
    assert_eq!(samples, [Some(json!(true)), Some(json!(3)), None]);
    assert_eq!([LAMP, HOURS].map(|property| table.command(property).map(Pattern::source)), [Some("SET {lamp}"), None]);
    assert_eq!(table.refusals().iter().map(Pattern::source).collect::<Vec<_>>(), ["NO"]);
}

#[test]
fn the_device_of_a_table_answers_obeys_and_says_no() {
    let mut mirror = Mirror::new(&lamp()).unwrap();
    assert_eq!(mirror.values(), [json!(true), json!(3)]);
    assert_eq!(mirror.cut(Instant::EPOCH, b"?\rSET O"), ["?"]);
    assert_eq!(mirror.cut(Instant::EPOCH, b"FF\r"), ["SET OFF"]);
    assert_eq!(mirror.hear("?"), (vec![], vec!["LONH3".to_owned()]));
    assert_eq!(mirror.hear("SET OFF"), (vec![(LAMP, json!(false))], vec!["OK".to_owned()]));
    assert_eq!(mirror.hear("SET"), (vec![], vec!["NO".to_owned()]));
    mirror.set(HOURS, json!(4));
    assert_eq!(mirror.read("?"), Told::Question(vec!["LOFFH4".to_owned()]));
    assert_eq!(mirror.bytes("NO"), b"NO:");
}
