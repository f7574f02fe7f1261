//! What a table can say, what it must not, and how that is explained.

#[cfg(feature = "regex")]
use core::time::Duration;

use serde_json::{Value, json};
use thingwire_core::thing::Access;
use thingwire_core::thing::lines::{
    Codec, Encoding, Lines, Place, codec, decimal, flag, number, scaled, template, text, typed, words,
};
#[cfg(feature = "regex")]
use thingwire_core::thing::lines::{Framing, Number};

use crate::thing_stand::Stand;

/// The text of a value, and the value of that text.
fn written(codec: impl Into<Codec>, value: impl Into<Value>) -> Result<String, String> {
    let (codec, mut text) = (codec.into(), String::new());
    codec.format(&value.into(), &mut text).map_err(|unfit| unfit.to_string())?;
    Ok(text)
}

fn read(codec: impl Into<Codec>, text: &str) -> Option<Value> {
    codec.into().parse(text)
}

#[test]
fn numbers_are_read_and_written_as_devices_do() {
    let volume = || number(0..=100);
    for (text, value) in [("0", 0), ("100", 100), ("007", 7), ("+5", 5)] {
        assert_eq!(read(volume(), text), Some(json!(value)), "{text}");
    }
    for text in ["", "101", "-1", "1.0", "1e2", "٣", " 1", "+", "99999999999999999999"] {
        assert_eq!(read(volume(), text), None, "{text}");
    }
    assert_eq!(written(volume().width(3), 7), Ok("007".into()));
    assert_eq!(read(volume().width(3), "7"), None);
    assert_eq!(written(number(-99..=99).width(3).plus(), -7), Ok("-07".into()));
    assert_eq!(written(number(-99..=99).width(3).plus(), 7), Ok("+07".into()));
    assert_eq!(
        (written(number(0..=255).hex(), 171), read(number(0..=255).hex(), "ab")),
        (Ok("AB".into()), Some(json!(171)))
    );
    assert_eq!(written(volume(), 50.0), Ok("50".into()), "JSON does not tell 50 from 50.0");
    assert_eq!(written(volume(), 50.5).unwrap_err(), "50.5 is not a whole number");
    assert_eq!(written(volume(), 1.0 + f64::EPSILON).unwrap_err(), "1.0000000000000002 is not a whole number");
    assert_eq!(written(volume(), 1e300).unwrap_err(), "1e+300 is not a number that the device has");
    assert_eq!(written(volume(), 101).unwrap_err(), "101 is not in 0..=100");
    assert_eq!(written(volume(), "50").unwrap_err(), "\"50\" is not a number");
}

#[test]
fn scaled_numbers_and_decimals_keep_their_point() {
    let room = || scaled(-400..=1_250, 10);
    assert_eq!(read(room(), "215"), Some(json!(21.5)));
    assert_eq!(written(room(), 21.54), Ok("215".into()), "the nearest step");
    assert_eq!(written(room(), 126).unwrap_err(), "126 is not in -40.0..=125.0");
    let gain = || decimal(-95.5..=31.5, 1);
    assert_eq!((read(gain(), "-35.0"), written(gain(), -35)), (Some(json!(-35.0)), Ok("-35.0".into())));
    assert_eq!(written(gain(), -0.01), Ok("0.0".into()), "not minus zero");
    for text in ["", ".", "-", "1.2.3", "1e1", "inf", "NaN", "32"] {
        assert_eq!(read(gain(), text), None, "{text}");
    }
    for (text, value) in [("5", "5.0"), ("5.", "5.0"), (".5", "0.5"), ("+5.25", "5.25"), ("-0.0", "0.0")] {
        assert_eq!(read(gain(), text).unwrap().to_string(), value, "{text}");
    }
    assert_eq!(Codec::from(gain()).samples(), [json!(-95.5), json!(31.5), json!(0.0)]);
}

#[test]
fn words_texts_and_functions() {
    let input = || words([("0", "CD"), ("1", "TV"), ("01", "TV")]);
    assert_eq!((read(input(), "01"), written(input(), "TV")), (Some(json!("TV")), Ok("1".into())));
    assert_eq!(read(input(), "2"), None);
    assert_eq!(written(input(), "DVD").unwrap_err(), "\"DVD\" is none of \"CD\", \"TV\"");
    assert_eq!(read(flag(), "0"), Some(json!(false)));
    assert_eq!((read(text(3), "äöü"), read(text(3), "abcd"), read(text(3), "a\tb")), (Some(json!("äöü")), None, None));
    assert_eq!(written(text(3), "abcd").unwrap_err(), "\"abcd\" is longer than 3 characters");
    assert_eq!(read(typed::<f64>(), "+1.2340E+01"), Some(json!(12.34)));
    assert_eq!(written(typed::<f64>(), 12.34), Ok("12.34".into()));
    assert_eq!(written(typed::<u8>(), 300).unwrap_err(), "300 cannot be said to the device");
    let none = codec(|_: &str| Some(Value::Null), |_| None);
    assert_eq!(read(none, "x"), None, "null is no value");
}

/// pyIOT's shipped preamp: 20 of its 101 volumes came back as another one.
#[test]
fn values_that_are_the_same_to_the_device_are_the_same() {
    let steps = codec(
        |text: &str| text.parse::<u64>().ok().map(|step| step * 10),
        |value| value.as_u64().map(|percent| (percent.div_ceil(10)).to_string()),
    );
    let lines = Lines::new("amp").property("volume", steps).query("V?", "V{volume}").command("volume", "V{volume}");
    let mut stand = Stand::up(&lines);
    assert!(stand.same("volume", 97, 100) && !stand.same("volume", 90, 97));
    stand.says("V5\n");
    stand.wait(20);
    stand.log();
    stand.set(1, "volume", 97);
    stand.wait(20);
    stand.says("V10\n");
    assert_eq!(stand.log(), ["> V10", "> V?", "volume = 100", "done 1"]);
}

#[test]
fn values_that_are_told_alike_are_the_same_though_they_show_apart() {
    let tens = || codec(|_: &str| None::<Value>, |value| Some((value.as_u64()? / 10).to_string()));
    let lines = Lines::new("amp")
        .property("zone", number(1..=4))
        .property("volume", number(0..=100))
        .property("heat", tens())
        .query("?", "Z{zone}V{volume}")
        .hears("H{heat}")
        .command("volume", template("Z{zone}V{volume}").with("volume", tens()));
    let stand = Stand::up(&lines);
    assert!(stand.same("volume", 97, 99) && !stand.same("volume", 90, 89));
    assert!(stand.same("heat", 97, 99), "nothing sets it");
    assert!(stand.same("zone", 9, 9) && !stand.same("zone", 1, 2), "whether it has that or not");
}

#[test]
fn a_template_takes_the_whole_line_and_its_fields_end_where_they_should() {
    let lines = Lines::new("amp")
        .property("input", words([("1", "CD"), ("10", "TV")]))
        .property("volume", decimal(-95.5..=31.5, 1))
        .property("muted", flag())
        .property("name", text(20))
        .hears("P1S{input}V{volume}M{muted}D{_}E{_}")
        .hears("N({name})")
        .hears("{{{input}}}");
    let mut stand = Stand::up(&lines);
    stand.says("P1S10V-35.0M0D3E0\nN(a(b)c)\n{1}\nP1S1V-35.0M0D3E\nP1S1V-35.0M2D3E0\nxP1S1V-35.0M0D3E0\nN(x) \n");
    assert_eq!(
        stand.log(),
        [
            "input = \"TV\"",
            "volume = -35.0",
            "muted = false",
            "name = \"a(b)c\"",
            "input = \"CD\"",
            "input = \"CD\"",
            "volume = -35.0",
            "muted = false",
            "? P1S1V-35.0M2D3E0",
            "? xP1S1V-35.0M0D3E0",
            "? N(x) ",
        ]
    );
}

#[test]
fn the_same_property_may_be_written_in_other_ways() {
    let lines = Lines::new("projector")
        .property("power", words([("00", "OFF"), ("01", "ON"), ("02", "WARMING")]))
        .query("PWR?", "PWR={power}")
        .command("power", template("PWR {power}").with("power", words([("ON", "ON"), ("OFF", "OFF")])));
    let mut stand = Stand::up(&lines);
    stand.says("PWR=00\n");
    stand.wait(20);
    stand.set(1, "power", "ON");
    assert_eq!(stand.log(), ["> PWR?", "power = \"OFF\"", "> PWR ON"]);
    assert_eq!(stand.check("power", "WARMING").unwrap_err(), "\"WARMING\" is none of \"ON\", \"OFF\"");
}

#[test]
fn the_same_text_with_other_words_is_another_template() {
    let lines = Lines::new("amp").property("power", words([("ON", true), ("OFF", false)])).hears("P{power}");
    let mut stand = Stand::up(&lines.query("?", template("P{power}").with("power", flag())));
    stand.says("P1\nPOFF\n");
    assert_eq!(stand.log(), ["> ?", "power = true", "power = false"]);
}

#[test]
fn latin_1_is_a_choice() {
    let lines = Lines::new("sign").property("text", text(9)).query("T?", "T{text}").command("text", "T{text}");
    let mut stand = Stand::up(&lines);
    stand.event(thingwire_core::thing::ComponentEvent::Received(b"T\xe4\n"));
    assert_eq!(stand.log(), ["> T?", "? T\u{fffd}"], "no text in UTF-8, and not half a one");
    let lines = lines.wire(|wire| wire.encoding = Encoding::Latin1);
    let mut stand = Stand::up(&lines);
    stand.event(thingwire_core::thing::ComponentEvent::Received(b"T\xe4\xf6\n"));
    assert_eq!(stand.log(), ["> T?", "text = \"äö\""]);
    assert_eq!(stand.check("text", "ß"), Ok(()));
    assert_eq!(stand.check("text", "€").unwrap_err(), "'€' is not in ISO 8859-1");
}

#[test]
fn functions_read_what_nothing_else_can() {
    let sum = |line: &str| {
        let (value, check) = line.split_once('*')?;
        let sum: u32 = value.bytes().map(u32::from).sum();
        (check == format!("{:02X}", sum % 256)).then(|| vec![json!(value), Value::Null])
    };
    let lines =
        Lines::new("probe").property("value", text(9)).property("other", flag()).hears_with(["value", "other"], sum);
    let mut stand = Stand::up(&lines);
    stand.says("12*63\n12*64\n");
    assert_eq!(stand.log(), ["value = \"12\"", "? 12*64"]);
}

#[test]
fn null_is_never_said_whatever_a_function_makes_of_it() {
    let any = codec(|text: &str| Some(text.to_owned()), |value| Some(value.to_string()));
    let lines = Lines::new("x").property("any", any).query("?", "={any}").command("any", "={any}");
    assert_eq!(Stand::up(&lines).check("any", Value::Null).unwrap_err(), "null is no value");
}

#[test]
fn tables_are_put_together_from_parts() {
    fn zone(number: u32) -> Lines {
        let name = format!("volume{number}");
        Lines::new("zone")
            .property(&name, thingwire_core::thing::lines::number(0..=99))
            .query(format!("Z{number}V?"), format!("Z{number}V{{{name}}}"))
            .command(&name, format!("Z{number}V{{{name}}}"))
    }
    let lines = (1..=3).fold(Lines::new("amp").terminator("\r"), |lines, number| lines.and(zone(number)));
    let mut stand = Stand::up(&lines);
    stand.says("Z3V17\rZ1V1\r");
    assert_eq!(stand.log(), ["> Z1V?\r", "volume3 = 17", "volume1 = 1"]);
    let directions: Vec<_> = stand.component.properties().iter().map(|property| property.access).collect();
    assert_eq!(directions, [Access::ReadWrite; 3]);
}

#[cfg(feature = "regex")]
#[test]
fn regular_expressions_read_whole_lines_and_take_no_time() {
    let lines = Lines::new("odd")
        .property("power", words([("01", true), ("00", false)]))
        .property("level", number(0..=9))
        .hears_re(r"PWR=(?<power>\d\d)( L(?<level>\d))?\r?")
        .hears_re(r"(x+x+)+y(?<level>\d)")
        .wire(|wire| wire.framing = Framing::Terminator("\n".to_owned()));
    let mut stand = Stand::up(&lines);
    stand.says("PWR=01\r\nPWR=00 L7\nPWR=02\n PWR=01\nPWR=01 \n");
    let heard = ["power = true", "power = false", "level = 7", "? PWR=02", "? \u{20}PWR=01", "? PWR=01 "];
    assert_eq!(stand.log(), heard);
    let long = "x".repeat(1_000);
    // Trying every way to share these out would take centuries.
    stand.says(&format!("{long}\n"));
    assert_eq!(stand.log().len(), 1);
}

/// One table for every mistake that there is.
#[cfg(feature = "regex")]
fn mistakes() -> Vec<(&'static str, Lines)> {
    let mut backwards: Number = number(0..=1);
    (backwards.min, backwards.max) = (2, 1);
    let lamp = || Lines::new("lamp").property("lamp", flag()).query("L?", "L{lamp}");
    vec![
        ("no properties, no name", Lines::new("")),
        ("no codec", lamp().hears("D{dim}")),
        ("no codec, but nearly", lamp().hears("D{Lamp}")),
        ("nothing reads it", lamp().property("dim", number(0..=9))),
        ("nothing sets it", lamp().write_only("dim", number(0..=9))),
        ("it is read", lamp().write_only("dim", number(0..=9)).hears("D{dim}").command("dim", "D{dim}").unconfirmed()),
        ("two owners", lamp().and(lamp())),
        ("two commands", lamp().command("lamp", "L{lamp}").command("lamp", "X{lamp}")),
        ("bad names", lamp().write_only("a{b", flag()).write_only("_", flag())),
        ("a field not closed", lamp().hears("äX{lamp")),
        ("a field too early closed", lamp().hears("X}")),
        ("a field without a name", lamp().hears("X{}")),
        ("fields touch", lamp().property("name", text(9)).hears("N{name}{lamp}").hears("M{name}{_}")),
        ("a field runs on", lamp().property("a", number(0..=9)).hears("N{a}0").hears("M{a}{lamp}")),
        ("a word runs on", lamp().property("w", words([("A", 1), ("AB", 2)])).hears("W{w}BC")),
        ("twice in it", lamp().hears("X{lamp} {lamp}")),
        ("both can read it: texts", lamp().property("name", text(9)).hears("A{name}").hears("{name}B")),
        (
            "both can read it: numbers",
            lamp().property("n", number(100..=200)).property("m", number(150..=900)).hears("N{n}").hears("N{m}"),
        ),
        ("both can read it: a number in the text", lamp().property("n", number(0..=999)).hears("V{n}").hears("V123")),
        ("both can read it: skipped", lamp().hears("X{_}Y{_}Z").hears("XA{_}BYC{_}Z")),
        ("both can read it: a function", lamp().property("f", flag()).hears_with(["f"], |_| Some(vec![json!(true)]))),
        ("both can read it: a refusal", lamp().property("name", text(9)).hears("N{name}").refused_by("NO")),
        ("yes or no", lamp().command("lamp", "L{lamp}").acknowledged_by(["OK{_}"]).refused_by("OK?")),
        ("ends in a template", lamp().hears("X\r{lamp}").hears("Y{lamp}").command("lamp", "L{lamp}\n")),
        ("ends in a question", lamp().terminator(";").query("A;B", "X{lamp}").query("", "Y{lamp}")),
        ("not in the encoding", lamp().query("€", "E{lamp}").wire(|wire| wire.encoding = Encoding::Latin1)),
        ("left open", lamp().command("lamp", "L{lamp}{_}")),
        ("always the same", lamp().command("lamp", "TOGGLE")),
        ("what cannot be read back", Lines::new("x").write_only("dim", flag()).command("dim", "D{dim}")),
        ("acknowledged by nothing, or by what is heard", lamp().command("lamp", "L{lamp}").acknowledged_by([""; 0])),
        (
            "acknowledged by a property",
            lamp().command("lamp", "X{lamp}").acknowledged_by(["OK{lamp}"]).refused_by("N{lamp}"),
        ),
        ("set at once", lamp().command("lamp", "L{lamp}").shown_within(Duration::ZERO)),
        ("never that value", lamp().query("X?", "X{_}").when("lamp", "ON").hold_commands_while("lamp", ["BUSY"])),
        ("never asked", Lines::new("x").property("a", flag()).query("A?", "A{a}").when("a", true)),
        (
            "held for ever",
            lamp().property("b", flag()).command("b", "B{b}").answered_by("B={b}").hold_commands_while("b", [true]),
        ),
        (
            "no such property",
            lamp()
                .refresh_on("power")
                .query("X?", "X{_}")
                .when("power", 1)
                .hold_commands_while("power", [1])
                .command("power", "P{power}"),
        ),
        ("when asked, unasked", lamp().hears(template("{lamp}").when_asked())),
        ("with, without", lamp().hears(template("A{lamp}").with("power", flag()))),
        ("about nothing", Lines::new("x").when("a", true).unconfirmed().polling_every(Duration::ZERO)),
        ("no lines", lamp().query("X?", "X{_}").in_lines(0).ask("Y?").in_lines(2)),
        (
            "words",
            Lines::new("x")
                .property("a", words::<&str, bool>([]))
                .property("b", words([("", 1)]))
                .property("c", words([("A", 1), ("A", 2)]))
                .property("d", words([("A", Value::Null)])),
        ),
        (
            "numbers",
            Lines::new("x")
                .property("a", backwards)
                .property("b", number(0..=1_000).width(3))
                .property("c", number(0..=i64::MAX))
                .property("d", scaled(0..=9, 0))
                .property("e", decimal(f64::NAN..=1.0, 1))
                .property("f", decimal(0.0..=1.0, 99))
                .property("g", text(0)),
        ),
        (
            "waits",
            lamp().poll_every(Duration::ZERO).timing(|timing| {
                (timing.attempts, timing.reply_timeout, timing.byte_timeout) = (0, Duration::ZERO, Duration::ZERO);
                (timing.ask_again, timing.ask_silent) = (Duration::ZERO, Duration::ZERO);
            }),
        ),
        ("wire", lamp().terminators("", "").wire(|wire| wire.line_max = 0)),
        ("framing", lamp().wire(|wire| wire.framing = Framing::Length(9_999))),
        ("silence", lamp().wire(|wire| wire.framing = Framing::IdleGap(Duration::ZERO))),
        ("expressions", lamp().hears_re("(").hears_re("x").hears_re("(?<power>.)").hears_re("L(?<lamp>.)")),
    ]
}

#[cfg(feature = "regex")]
#[test]
fn mistakes_are_explained() {
    let explained: Vec<_> = mistakes()
        .into_iter()
        .map(|(what, lines)| match lines.build() {
            Ok(_) => format!("{what}\n  NOT FOUND"),
            Err(mistakes) => format!("{what}\n  {}", mistakes.to_string().replace('\n', "\n  ")),
        })
        .collect();
    insta::assert_snapshot!(explained.join("\n"));
}

#[test]
fn a_mistake_says_where_it_is() {
    let lines = Lines::new("x").property("a", flag()).query("A?", "A{a}").query("B?", "äB{b").hears("C{a}");
    let mistakes = lines.check();
    assert_eq!((mistakes[0].place, mistakes[0].column), (Place::Query(1), Some(3)), "{mistakes:?}");
    assert_eq!(mistakes.len(), 1);
}

#[test]
fn what_is_no_mistake_is_none() {
    let lamp = || Lines::new("lamp").property("lamp", flag()).query("L?", "L{lamp}");
    for lines in [
        lamp().query("X?", "L{lamp}"),
        lamp().property("n", number(0..=9)).hears("L{lamp}N{n}").hears("N{n}L{lamp}"),
        lamp().property("n", number(0..=99)).property("m", number(100..=199)).hears("N{n}").hears("N{m}"),
        lamp().property("w", words([("A", 1), ("AB", 2)])).hears("W{w}").hears("W{w}{lamp}"),
        lamp().property("n", decimal(0.0..=1.0, 2)).query("?", template("{n}").when_asked()).refused_by("{_}!"),
        lamp().write_only("led", flag()).command("led", "LED{led}").unconfirmed(),
        lamp().command("lamp", "L{lamp}").acknowledged_by([""]).terminators(":", "\r"),
    ] {
        assert_eq!(lines.check(), []);
    }
}
