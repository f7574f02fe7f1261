//! Tables at the edges of what a number, a span and a wire can be.

use core::time::Duration;

use serde_json::{Value, json};
use thingwire_core::Instant;
use thingwire_core::thing::lines::{
    Codec, Encoding, Framed, Framer, Framing, Lines, Number, Wire, decimal, flag, number, scaled, text, words,
};
use thingwire_core::thing::{Failure, Unfit};

use crate::thing_stand::Stand;

fn problems(lines: &Lines) -> Vec<String> {
    lines.check().into_iter().map(|mistake| mistake.problem).collect()
}

fn of(codec: impl Into<Codec>) -> Lines {
    Lines::new("x").property("x", codec).query("X?", "X{x}")
}

/// `width` and `places` may come from a file.
#[test]
fn more_digits_than_anybody_needs_are_a_mistake_and_cost_no_memory() {
    let wide = number(0..=1).width(usize::MAX);
    assert_eq!(problems(&of(wide)), [format!("{} characters are more than the 64 that a number may have", usize::MAX)]);
    assert_eq!(problems(&of(decimal(0.0..=1.0, usize::MAX))).len(), 1);
    assert_eq!(problems(&of(number(0..=1).width(64))), [""; 0]);
}

/// A volume of 0.26 went out as 0.3, which nothing would have heard as a volume.
#[test]
fn a_decimal_never_says_what_it_would_not_hear() {
    assert_eq!(problems(&of(decimal(0.0..=0.26, 1))), ["0.26 is said as 0.3, which is not in 0..=0.26"]);
    assert_eq!(problems(&of(decimal(0.0..=0.24, 1))), [""; 0], "0.2 is");
}

/// Those beyond 32 bits were read as if they had no scale.
#[test]
fn scales_are_as_long_as_numbers_can_be_told_apart() {
    let mut long: Number = scaled(0..=0, 10);
    long.max = 1 << 40;
    let (codec, mut text) = (Codec::from(long.clone()), String::new());
    assert_eq!(codec.parse("30000000005"), Some(json!(3_000_000_000.5)));
    assert!(codec.format(&json!(3_000_000_000.5), &mut text).is_ok());
    assert_eq!(text, "30000000005");
    long.max = (1 << 51) + 1;
    assert_eq!(problems(&of(long)).len(), 1);
}

#[test]
fn the_ends_of_what_numbers_may_be_are_allowed_and_what_is_beyond_is_not() {
    let is_fine = |codec: Codec| problems(&of(codec)).is_empty();
    let whole = 1_i64 << 53;
    assert!(is_fine(number(-whole..=whole).into()) && is_fine(number(7..=7).into()));
    assert!(!is_fine(number(-whole - 1..=0).into()) && !is_fine(number(0..=whole + 1).into()));
    let steps = 1_i64 << 51;
    let scaled_to = |min, max| {
        let mut number = scaled(0..=0, 10);
        (number.min, number.max) = (min, max);
        is_fine(number.into())
    };
    assert!(scaled_to(-steps, steps) && !scaled_to(-steps - 1, 0) && !scaled_to(0, steps + 1));
    assert!(!is_fine(scaled(0..=1, 0).into()));
    assert!(is_fine(decimal(0.5..=0.5, 15).into()) && !is_fine(decimal(0.0..=1.0, 16).into()));
    assert!(is_fine(number(-99..=999).width(3).into()) && !is_fine(number(-100..=999).width(3).into()));
}

#[test]
fn no_number_is_beyond_the_greatest_or_between_ends_that_are_none() {
    let (codec, greatest) = (Codec::from(number(0..=1 << 53)), 1_i64 << 53);
    assert!(codec.format(&json!(greatest), &mut String::new()).is_ok());
    assert!(codec.format(&json!(greatest + 1), &mut String::new()).is_err(), "it is not rounded");
    for (min, max) in [(2.0, 1.0), (0.0, f64::INFINITY), (f64::NEG_INFINITY, 0.0), (0.0, f64::NAN)] {
        assert_eq!(problems(&of(decimal(min..=max, 1))), [format!("no number is in {min}..={max}")]);
    }
}

/// It was woken at once, and again, for ever.
#[test]
fn less_than_a_microsecond_is_no_time() {
    let nano = Duration::from_nanos(999);
    let lines = of(flag()).poll_every(nano).command("x", "X{x}").shown_within(nano);
    let lines = lines.query("Y?", "Y{_}").every(nano).hold_commands_while("x", [true]).polling_every(nano);
    let lines = lines.timing(|timing| (timing.reply_timeout, timing.ask_again) = (nano, nano));
    let lines = lines.wire(|wire| wire.framing = Framing::IdleGap(nano));
    assert_eq!(lines.check().len(), 7, "{:?}", lines.check());
}

#[test]
fn where_fields_end_may_depend_on_both() {
    let first = || words([("Z", 1), ("X", 2), ("XY", 3)]);
    let lines = Lines::new("x").property("a", first()).property("b", words([("Q", 1), ("Y", 2)]));
    let problem = "\"XY\", which it writes, cannot be read back: a field runs into what follows it";
    assert_eq!(problems(&lines.hears("{a}{b}")), [problem]);
}

/// Which values run into each other is not all tried when the table is built.
#[test]
fn a_line_that_would_say_something_else_is_not_said() {
    let a = words([("Z", 1), ("X", 2), ("XYW", 3)]);
    let (b, c) = (words([("Q", 1), ("Y", 2)]), words([("R", 1), ("W", 2)]));
    let lines = Lines::new("x").property("a", a).property("b", b).property("c", c);
    let lines = lines.hears("a{a}").hears("b{b}").hears("c{c}").command("c", "{a}{b}{c}").unconfirmed();
    let mut stand = Stand::up(&lines);
    stand.says("aX\nbY\n");
    stand.log();
    stand.set(1, "c", 1);
    stand.wait(20);
    stand.set(2, "c", 2);
    let why = Unfit("in the line that says it, the device could not tell where it ends".to_owned());
    let refused = format!("failed 2: {:?}", Failure::Unfit(why));
    assert_eq!(stand.log(), ["> XYR", "done 1", &refused]);
}

/// It gave out lines of nothing for ever, or panicked.
#[test]
fn a_framer_of_a_wire_that_no_table_may_have_has_an_end() {
    let framings = ["", "€"].map(|end| Framing::Terminator(end.to_owned()));
    let lengths = [0, usize::MAX].map(Framing::Length);
    for framing in framings.into_iter().chain(lengths).chain([Framing::Newline]) {
        for line_max in [0, usize::MAX] {
            let mut wire = Wire::default();
            (wire.framing, wire.line_max) = (framing.clone(), line_max);
            let mut framer = Framer::new(&wire, Duration::ZERO);
            let mut bytes = &b"a\nbc\n"[..];
            let found = core::iter::from_fn(|| framer.next(Instant::EPOCH, &mut bytes).map(is_line)).take(9).count();
            assert!(found <= 5, "{framing:?} {line_max}");
        }
    }
}

/// The limit counts what a line says, not its end, however little of it comes at a time.
#[test]
fn a_line_may_be_as_long_as_the_limit() {
    let gap = Duration::from_millis(10);
    let framings = [Framing::Newline, Framing::Terminator("<>".to_owned()), Framing::IdleGap(gap)];
    for (framing, end) in framings.into_iter().zip(["\n", "<>", ""]) {
        for (len, chunk) in [(8, 1), (8, 99), (9, 1), (9, 99)] {
            let mut wire = Wire::default();
            (wire.framing, wire.line_max) = (framing.clone(), 8);
            let mut framer = Framer::new(&wire, Duration::ZERO);
            let mut now = Instant::EPOCH;
            for line in ["x".repeat(len), "ok".to_owned()] {
                let stream = line.clone() + end;
                let mut found = Vec::new();
                for mut bytes in stream.as_bytes().chunks(chunk) {
                    while let Some(framed) = framer.next(now, &mut bytes) {
                        found.push(is_line(framed));
                    }
                }
                now = now + gap;
                found.extend(framer.expire(now).map(is_line));
                assert_eq!(found, [line.len() <= 8], "{framing:?}: {line:?}, {chunk} at a time");
            }
        }
    }
}

#[test]
fn a_line_is_too_long_as_soon_as_no_end_can_come_in_time() {
    for (framing, longest) in [(Framing::Newline, 4), (Framing::Terminator("<=>".to_owned()), 6)] {
        let mut wire = Wire::default();
        (wire.framing, wire.line_max) = (framing, 4);
        let mut framer = Framer::new(&wire, Duration::ZERO);
        assert_eq!(framer.next(Instant::EPOCH, &mut "x".repeat(longest).as_bytes()), None);
        assert_eq!(framer.next(Instant::EPOCH, &mut &b"x"[..]), Some(Framed::TooLong));
    }
}

#[test]
fn a_line_that_is_said_is_at_most_as_long_as_one_may_be() {
    let lines = Lines::new("x").property("t", text(20)).query("?", "T{t}").command("t", "T{t}");
    let stand = Stand::up(&lines.wire(|wire| wire.line_max = 8));
    assert_eq!(stand.check("t", "x".repeat(7)), Ok(()));
    for len in [8, 9] {
        let refused = format!("a line of {} bytes, of which 8 are the limit", len + 1);
        assert_eq!(stand.check("t", "x".repeat(len)), Err(refused));
    }
}

#[test]
fn characters_are_the_bytes_of_their_encoding() {
    let mut scratch = String::new();
    assert_eq!(Encoding::Utf8.decode("é".as_bytes(), &mut scratch), Some("é"));
    assert_eq!(Encoding::Utf8.decode(&[0xe9], &mut scratch), None);
    assert_eq!(Encoding::Latin1.decode(&[0xe9], &mut scratch), Some("é"));
    assert_eq!(Encoding::Latin1.decode("é".as_bytes(), &mut scratch), Some("Ã©"), "every byte is one");
    let encoded = |encoding: Encoding, text: &str| {
        let mut bytes = Vec::new();
        encoding.encode(text, &mut bytes).map(|()| bytes)
    };
    assert_eq!(encoded(Encoding::Utf8, "aé"), Ok(vec![b'a', 0xc3, 0xa9]));
    assert_eq!(encoded(Encoding::Latin1, "aé"), Ok(vec![b'a', 0xe9]));
    assert_eq!(encoded(Encoding::Latin1, "a€"), Err('€'));
}

fn is_line(framed: Framed<'_>) -> bool {
    matches!(framed, Framed::Line(_))
}

#[test]
fn a_mistake_is_one_line_whatever_the_value() {
    let lines = of(words([("", "\u{7f}\u{85}\n")])).hold_commands_while("x", ["\u{7f}"]);
    assert!(lines.check().iter().all(|mistake| !mistake.to_string().contains(char::is_control)));
}

#[test]
fn null_is_a_value_of_no_codec() {
    let nothing = |codec: Codec| codec.format(&Value::Null, &mut String::new()).is_err();
    assert!(nothing(number(0..=1).into()) && nothing(decimal(0.0..=1.0, 1).into()) && nothing(flag()));
}
