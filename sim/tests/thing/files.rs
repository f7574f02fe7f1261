//! Tables as files: they say what programs say, and their mistakes have a line and a column.

use core::time::Duration;

use serde_json::json;
use thingwire_sim::choices::Seeded;
use thingwire_sim::thing::Stand;
use thingwire_sim::thing::file::parse;

/// The projector of pyIOT's case study, and some more.
const PROJECTOR: &str = r#"
name = "projector"
poll_every_ms = 5000
refused_by = ["ERR\r"]
refresh_on = ["power"]

[properties]
power = { words = { 00 = "OFF", 01 = "ON", 02 = "WARMING", 03 = "COOLING" } }
input = { words = { 30 = "HDMI1", A0 = "HDMI2" } }
hours = { number = [0, 99999] }
room = { scaled = [-400, 1250], per_unit = 10 }
zoom = { decimal = [0.5, 2.0], places = 2 }
title = { text = 20 }
led = { flag = true, write_only = true }

[[hears]]
template = "H{hours} {room} {zoom} {title}"

[[queries]]
ask = "PWR?"
answers = ["PWR={power}\r"]

[[queries]]
ask = "SOURCE?"
answers = ["SOURCE={input}\r"]
when = { power = ["ON"] }
every_ms = 2000

[[commands]]
property = "power"
say = { template = "PWR {power}", with = { power = { words = { ON = "ON", OFF = "OFF" } } } }
shown_within_ms = 60000

[[commands]]
property = "input"
say = "SOURCE {input}"

[[commands]]
property = "led"
say = "LED {led}"
unconfirmed = true

[[holds]]
property = "power"
values = ["WARMING", "COOLING"]
poll_every_ms = 1000

[wire]
terminator = ":"
ending = "\r"

[timing]
gap_ms = 50
"#;

#[test]
fn a_file_is_a_component_and_its_device() {
    let table = parse(PROJECTOR).unwrap_or_else(|mistakes| panic!("{}", mistakes[0]));
    assert_eq!((table.timing.gap, table.wire.ending.as_str()), (Duration::from_millis(50), "\r"));
    let mut stand = Stand::new(&table, Box::new(Seeded::new(1))).unwrap();
    let (power, input) = (stand.property("power"), stand.property("input"));
    stand.turn(power, "WARMING");
    stand.plug();
    stand.run_until(stand.now() + Duration::from_secs(1));
    stand.set(input, "HDMI2");
    stand.run_until(stand.now() + Duration::from_secs(5));
    assert_eq!(stand.device.value(input), &json!("HDMI1"));
    stand.turn(power, "ON");
    stand.run_until(stand.now() + Duration::from_secs(5));
    assert_eq!(stand.device.value(input), &json!("HDMI2"));
}

#[test]
fn mistakes_have_a_line_and_a_column() {
    let mistakes = |change: &str, to: &str| -> Vec<String> {
        let changed = PROJECTOR.replacen(change, to, 1);
        assert_ne!(changed, PROJECTOR, "{change}");
        parse(&changed).err().unwrap_or_default().iter().map(ToString::to_string).collect()
    };
    let cases = [
        ("SOURCE {input}", "SOURCE {inptu}"),
        ("answers = [\"PWR={power}\\r\"]", "answers = [\"PWR={power\\r\"]"),
        ("number = [0, 99999]", "number = [9, 1]"),
        ("number = [0, 99999]", "number = [0, 99999], text = 3"),
        ("text = 20", "txet = 20"),
        ("poll_every_ms = 1000", "poll_every_ms = 0"),
        ("unconfirmed = true", "unconfirmed = true\nacknowledged_by = [\"OK\"]"),
        ("gap_ms = 50", "gap_ms = \"50\""),
        ("terminator = \":\"", "terminator = \"\""),
        ("refresh_on = [\"power\"]", "refresh_on = [\"powr\"]"),
        ("with = { power", "when_askd = 1, with = { power"),
        ("[wire]", "[wire"),
    ];
    let explained: Vec<_> =
        cases.iter().map(|(from, to)| format!("{to}\n  {}", mistakes(from, to).join("\n  "))).collect();
    insta::assert_snapshot!(explained.join("\n"));
}
