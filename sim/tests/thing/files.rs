//! Tables as files: they say what programs say, and their mistakes have a line and a column.

use core::time::Duration;

use serde_json::json;
use thingwire_core::thing::file::{FileMistakes, ThingFile};
use thingwire_core::thing::lines::Lines;
use thingwire_core::thing::{Authority, Boot, OnRefusal, Policy, Port};
use thingwire_sim::choices::Seeded;
use thingwire_sim::thing::Stand;

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

/// The table of a file with one device.
fn parse(source: &str) -> Result<Lines, FileMistakes> {
    let file = ThingFile::parse(source)?;
    assert_eq!(file.components.len(), 1);
    Ok(file.components[0].lines.clone())
}

#[test]
fn a_file_is_a_component_and_its_device() {
    let table = parse(PROJECTOR).unwrap_or_else(|mistakes| panic!("{mistakes}"));
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
        parse(&changed).unwrap_err().to_string().lines().map(str::to_owned).collect()
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
        ("flag = true,", "flag = true, hex = true, width = 2,"),
        ("per_unit = 10", "per_unit = 10, places = 1"),
        ("ON = \"ON\", OFF = \"OFF\" } }", "ON = \"ON\", OFF = \"OFF\" }, write_only = true }"),
        ("template = \"PWR {power}\"", "template = 7"),
        ("say = \"SOURCE {input}\"", "say = 7"),
        ("name = \"projector\"", "naem = \"projector\""),
        ("name = \"projector\"", "name = \"projector\"\nthing = \"my thing\""),
        ("terminator = \":\"", "terminator = \"\""),
        ("refresh_on = [\"power\"]", "refresh_on = [\"powr\"]"),
        ("with = { power", "when_askd = 1, with = { power"),
        ("[wire]", "[wire"),
    ];
    let explained: Vec<_> =
        cases.iter().map(|(from, to)| format!("{to}\n  {}", mistakes(from, to).join("\n  "))).collect();
    insta::assert_snapshot!(explained.join("\n"));
}

/// A thing with two devices.
const THEATRE: &str = r#"
thing = "theatre"
shadow = "evening"
batch_ms = 50
read_every_ms = 60000

[[components]]
name = "lamp"
port = { serial = "/dev/serial/by-id/usb-lamp", baud = 115200, parity = "even", data_bits = 7, flow = "software" }
[components.properties]
light = { words = { ON = true, OFF = false, AUS = false } }
[[components.queries]]
ask = "LIGHT?"
answers = ["LIGHT {light}"]
[[components.commands]]
property = "light"
say = "LIGHT {light}"

[[components]]
name = "lock"
port = { tcp = "[fe80::1]:4001" }
[components.properties]
bolt = { words = { shut = "locked", open = "open" } }
[[components.queries]]
ask = "BOLT?"
answers = ["BOLT {bolt}"]
[[components.commands]]
property = "bolt"
say = "BOLT {bolt}"

[policies.bolt]
authority = "cloud"
on_refusal = "leave"
boot = "restore"

[policies.light]
boot_value = true
report_at_most_every_ms = 1000
"#;

#[test]
fn a_file_is_a_thing_with_its_ports_and_policies() {
    let file = ThingFile::parse(THEATRE).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!((file.thing.as_deref(), file.shadow.as_deref()), (Some("theatre"), Some("evening")));
    let ports: Vec<_> = file.components.iter().map(|component| component.port.clone().unwrap()).collect();
    assert_eq!(ports[0].to_string(), "/dev/serial/by-id/usb-lamp");
    let Port::Serial(serial) = &ports[0] else { panic!() };
    assert_eq!(serial.baud, 115_200);
    assert_eq!(ports[1], Port::tcp("fe80::1", 4001));
    let lock = Policy::new().authority(Authority::Cloud).on_refusal(OnRefusal::Leave).boot(Boot::Restore);
    let light = Policy::new().boot(Boot::Value(true.into())).report_at_most_every(Duration::from_secs(1));
    assert_eq!(file.policies, [("bolt".to_owned(), lock), ("light".to_owned(), light)]);
    let thing = file.builder().unwrap().build(1).unwrap();
    assert_eq!(thing.properties().collect::<Vec<_>>(), ["light", "bolt"]);
}

#[test]
fn of_several_words_for_a_value_the_first_in_the_file_is_said() {
    let swapped = THEATRE.replace("ON = true, OFF = false, AUS = false", "ON = true, ZU = false, AUS = false");
    for (source, word) in [(THEATRE, "OFF"), (&swapped, "ZU")] {
        let file = ThingFile::parse(source).unwrap();
        let mut said = String::new();
        file.components[0].lines.properties[0].codec.format(&json!(false), &mut said).unwrap();
        assert_eq!(said, word);
    }
}

#[test]
fn mistakes_of_a_whole_thing_have_a_line_and_a_column() {
    let mistakes = |change: &str, to: &str| -> Vec<String> {
        let changed = THEATRE.replacen(change, to, 1);
        assert_ne!(changed, THEATRE, "{change}");
        ThingFile::parse(&changed).unwrap_err().to_string().lines().map(str::to_owned).collect()
    };
    let cases = [
        ("[policies.bolt]", "[policies.blot]"),
        ("thing = \"theatre\"", "name = \"theatre\""),
        ("authority = \"cloud\"", "authority = \"clod\""),
        ("boot = \"restore\"", "boot_value = \"ajar\""),
        ("boot = \"restore\"", "boot = \"restore\"\nboot_value = \"open\""),
        ("bolt = { words", "light = { words"),
        ("name = \"lock\"", "name = \"lamp\""),
        ("{ tcp = \"[fe80::1]:4001\" }", "{ tcp = \"fe80\", baud = 9600 }"),
        ("{ tcp = \"[fe80::1]:4001\" }", "{ tcp = \"lock:4001\", unix = \"/run/lock\" }"),
        ("data_bits = 7", "data_bits = 9"),
        ("baud = 115200", "bauds = 115200"),
        ("baud = 115200", "baud = 0"),
        ("shadow = \"evening\"", "shadow = \"the evening\""),
        ("report_at_most_every_ms = 1000", "report_at_least_every_ms = 0\ndeadband = -1.0"),
    ];
    let explained: Vec<_> =
        cases.iter().map(|(from, to)| format!("{to}\n  {}", mistakes(from, to).join("\n  "))).collect();
    insta::assert_snapshot!(explained.join("\n"));
    assert_eq!(ThingFile::parse("components = []").unwrap_err().to_string(), "1:1: a thing has at least one component");
}

#[test]
fn no_text_makes_it_panic() {
    for source in [PROJECTOR, THEATRE] {
        for (cut, _) in source.char_indices().step_by(7) {
            let _ = ThingFile::parse(&source[..cut]);
            let _ = ThingFile::parse(&format!("{}{}", &source[..cut], &source[(cut + 5).min(source.len())..]));
        }
    }
}

#[test]
fn a_mistake_is_told_in_one_line_whatever_the_file_says() {
    let file = "name = 'relay'\n[policies.on]\nauthority = \"a\\nb\\u001b[2J\"\n";
    let mistakes = ThingFile::parse(file).unwrap_err();
    let told = "3:13: unknown variant `a, b\u{fffd}[2J`, expected one of `device`, `cloud`, `local-clears`";
    assert_eq!(mistakes.0[0].to_string(), told);
}

#[test]
fn the_file_in_the_documentation_is_one() {
    let page = include_str!("../../../docs/things.md");
    let file = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let file = ThingFile::parse(file).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(file.thing.as_deref(), Some("relay-one"));
}
