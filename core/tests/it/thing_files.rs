//! Tables as files: they say what programs say, and their mistakes have a line and a column.

use core::time::Duration;

use serde_json::json;
use thingwire_core::thing::file::{FileMistakes, ThingFile};
use thingwire_core::thing::lines::{Encoding, Framing, Lines, decimal, flag, number, scaled, template, text, words};
use thingwire_core::thing::{
    Authority, Boot, Confirm, DataBits, FlowControl, OnRefusal, Parity, Policy, Port, StopBits,
};

const PROJECTOR: &str = include_str!("projector.toml");

/// The table of a file with one device.
fn parse(source: &str) -> Result<Lines, FileMistakes> {
    let file = ThingFile::parse(source)?;
    assert_eq!(file.components.len(), 1);
    Ok(file.components[0].lines.clone())
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

/// A device that says its number, and what else the file says of it.
fn with(rest: &str) -> String {
    format!("name = 'x'\nhears = ['X{{x}}']\n[properties]\nx = {{ number = [0, 9] }}\n{rest}")
}

#[test]
fn a_file_says_of_a_device_what_a_program_says() {
    let program = Lines::new("projector")
        .poll_every(Duration::from_secs(5))
        .property("power", words([("00", "OFF"), ("01", "ON"), ("02", "WARMING"), ("03", "COOLING")]))
        .property("input", words([("30", "HDMI1"), ("A0", "HDMI2")]))
        .property("hours", number(0..=99_999))
        .property("room", scaled(-400..=1_250, 10))
        .property("zoom", decimal(0.5..=2.0, 2))
        .property("title", text(20))
        .write_only("led", flag())
        .hears("H{hours} {room} {zoom} {title}")
        .query("PWR?", "PWR={power}\r")
        .query("SOURCE?", "SOURCE={input}\r")
        .when("power", "ON")
        .every(Duration::from_secs(2))
        .command("power", template("PWR {power}").with("power", words([("ON", "ON"), ("OFF", "OFF")])))
        .shown_within(Duration::from_secs(60))
        .command("input", "SOURCE {input}")
        .command("led", "LED {led}")
        .unconfirmed()
        .refused_by("ERR\r")
        .hold_commands_while("power", ["WARMING", "COOLING"])
        .polling_every(Duration::from_secs(1))
        .refresh_on("power")
        .terminators(":", "\r")
        .timing(|timing| timing.gap = Duration::from_millis(50));
    let file = parse(PROJECTOR).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(format!("{file:#?}"), format!("{program:#?}"));
}

#[test]
fn numbers_questions_and_commands_have_all_that_tables_have() {
    let source = r#"
        name = "amplifier"
        [properties]
        volume = { number = [-99, 99], width = 3, plus = true }
        gain = { scaled = [0, 255], per_unit = 10, width = 2, hex = true }
        [[queries]]
        ask = "?"
        answers = [{ template = "V{volume}", when_asked = true }, "G{gain}"]
        lines = 2
        [[commands]]
        property = "volume"
        say = "V{volume}"
        answer = "V{volume}"
        acknowledged_by = ["OK", "DONE"]
    "#;
    let program = Lines::new("amplifier")
        .property("volume", number(-99..=99).width(3).plus())
        .property("gain", scaled(0..=255, 10).width(2).hex())
        .query("?", template("V{volume}").when_asked())
        .or_answer("G{gain}")
        .in_lines(2)
        .command("volume", "V{volume}")
        .answered_by("V{volume}")
        .acknowledged_by(["OK", "DONE"]);
    let file = parse(source).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(format!("{file:#?}"), format!("{program:#?}"));
}

#[test]
fn a_file_says_how_lines_travel_and_how_long_they_may_take() {
    let ms = Duration::from_millis;
    let wire = |keys: &str| parse(&with(&format!("[wire]\n{keys}"))).unwrap().wire;
    assert_eq!(wire(""), Lines::new("x").wire);
    assert_eq!(wire("length = 4").framing, Framing::Length(4));
    let full = wire("idle_gap_ms = 30\nending = '!'\nlatin1 = true\nline_max = 80\nechoes = true");
    assert_eq!((full.framing, full.ending.as_str(), full.encoding), (Framing::IdleGap(ms(30)), "!", Encoding::Latin1));
    assert_eq!((full.line_max, full.echoes), (80, true));
    let several = parse(&with("[wire]\nlength = 4\nidle_gap_ms = 30")).unwrap_err();
    assert_eq!(several.to_string(), "5:1: only one of `terminator`, `length` and `idle_gap_ms` can end a line");
    let timing = |keys: &str| parse(&with(&format!("[timing]\n{keys}"))).unwrap().timing;
    assert_eq!(timing(""), Lines::new("x").timing);
    let full = timing(
        "reply_timeout_ms = 1\nbyte_timeout_ms = 2\nattempts = 3\ngap_ms = 4\ncool_down_ms = 5\nask_again_ms = 6\nask_silent_ms = 7",
    );
    assert_eq!([full.reply_timeout, full.byte_timeout, full.gap], [ms(1), ms(2), ms(4)]);
    assert_eq!((full.attempts, full.cool_down, full.ask_again, full.ask_silent), (3, Some(ms(5)), ms(6), ms(7)));
}

#[test]
fn a_file_says_how_properties_behave() {
    let policy = |keys: &str| {
        let source =
            format!("{}\n", with(&format!("[[commands]]\nproperty = 'x'\nsay = 'X{{x}}'\n[policies.x]\n{keys}")));
        ThingFile::parse(&source).map(|file| file.policies[0].1.clone()).map_err(|mistakes| mistakes.to_string())
    };
    let ms = Duration::from_millis;
    for (keys, says) in [
        ("", Policy::new()),
        ("confirm = 'read-back'\nauthority = 'device'\nboot = 'read'\non_refusal = 'snap'", Policy::new()),
        ("confirm = 'device-ack'", Policy::new().confirm(Confirm::DeviceAck)),
        ("confirm = 'optimistic'", Policy::new().confirm(Confirm::Optimistic)),
        ("authority = 'cloud'", Policy::new().authority(Authority::Cloud)),
        ("authority = 'local-clears'", Policy::new().authority(Authority::LocalClears)),
        ("boot = 'restore'", Policy::new().boot(Boot::Restore)),
        ("boot = 'desired'", Policy::new().boot(Boot::Desired)),
        ("boot_value = 7", Policy::new().boot(Boot::Value(json!(7)))),
        ("on_refusal = 'null'", Policy::new().on_refusal(OnRefusal::Null)),
        ("on_refusal = 'leave'", Policy::new().on_refusal(OnRefusal::Leave)),
        ("obey_within_ms = 5", Policy::new().obey_within(ms(5))),
        ("report_at_most_every_ms = 0", Policy::new().report_at_most_every(ms(0))),
        ("report_at_least_every_ms = 5", Policy::new().report_at_least_every(ms(5))),
        ("deadband = 0.0", Policy::new().deadband(0.0)),
        ("deadband = 0.5", Policy::new().deadband(0.5)),
    ] {
        assert_eq!(policy(keys), Ok(says), "{keys}");
    }
    for (keys, mistake) in [
        ("obey_within_ms = 0", "`obey_within_ms` must not be zero"),
        ("report_at_least_every_ms = 0", "`report_at_least_every_ms` must not be zero"),
        ("deadband = -0.5", "`deadband` must not be negative"),
        ("deadband = inf", "`deadband` must not be negative"),
    ] {
        assert_eq!(policy(keys), Err(format!("8:1: {mistake}")), "{keys}");
    }
}

#[test]
fn a_file_says_where_devices_are() {
    let port = |port: &str| {
        let file = ThingFile::parse(&format!("port = {{ {port} }}\n{}", with("")));
        file.map(|file| file.components[0].port.clone().unwrap()).map_err(|mistakes| mistakes.to_string())
    };
    let serial = || Port::serial("/dev/a");
    for (text, says) in [
        ("serial = '/dev/a'", serial()),
        ("serial = '/dev/a', baud = 300, data_bits = 7", serial().baud(300).data_bits(DataBits::Seven)),
        ("serial = '/dev/a', data_bits = 8, stop_bits = 1, parity = 'none', flow = 'none'", serial()),
        ("serial = '/dev/a', parity = 'even', stop_bits = 2", serial().parity(Parity::Even).stop_bits(StopBits::Two)),
        (
            "serial = '/dev/a', parity = 'odd', flow = 'hardware'",
            serial().parity(Parity::Odd).flow(FlowControl::Hardware),
        ),
        ("serial = '/dev/a', flow = 'software'", serial().flow(FlowControl::Software)),
    ] {
        assert_eq!(port(text), Ok(says.into()), "{text}");
    }
    assert_eq!(port("tcp = 'lamp:4001'"), Ok(Port::tcp("lamp", 4001)));
    assert_eq!(port("unix = '/run/lamp'"), Ok(Port::unix("/run/lamp")));
    for (text, mistake) in [
        ("unix = ''", "a port has exactly one of `serial`, `tcp` and `unix`"),
        ("tcp = 'unix:/run/lamp'", "`tcp` is HOST:PORT"),
        ("serial = ''", "`serial` is the path of a serial port, as in /dev/serial/by-id"),
        ("serial = '/dev/a', stop_bits = 3", "`stop_bits` is 1 or 2"),
    ] {
        assert_eq!(port(text), Err(format!("1:8: {mistake}")), "{text}");
    }
}

#[test]
fn of_two_owners_the_later_one_is_in_the_way() {
    let component = |name: &str, codec: &str| {
        format!("[[components]]\nname = '{name}'\nhears = ['X{{x}}']\nproperties.x = {{ {codec} }}\n")
    };
    let mistakes = |source: String| ThingFile::parse(&source).unwrap_err().to_string();
    let two = component("a", "flag = true") + &component("b", "flag = true");
    assert_eq!(mistakes(two), "8:16: \"a\" and \"b\" both have a property \"x\": rename one");
    let unread = component("a", "flag = true, text = 3") + &component("b", "flag = true");
    let told = "4:16: \"x\" needs exactly one of `words`, `flag`, `number`, `scaled`, `decimal` or `text`";
    assert_eq!(mistakes(unread), told, "before the devices are right, nothing is told of the whole");
}

#[test]
fn columns_are_counted_in_characters() {
    let mistakes = ThingFile::parse("name = 'x'\n'größe' = 1 \n").unwrap_err();
    assert_eq!((mistakes.0[0].line, mistakes.0[0].column), (2, 1));
    let mistakes = ThingFile::parse("name = 'größe' x\n").unwrap_err();
    assert_eq!((mistakes.0[0].line, mistakes.0[0].column), (1, 16));
}
