//! Tables, read from bytes: most of them good, or nearly.

use core::time::Duration;

use serde_json::{Value, json};
use thingwire_core::thing::lines::{
    Codec, Encoding, Framing, Lines, Number, Template, codec, decimal, flag, number, scaled, template, text, typed,
    words,
};

use crate::input::Input;

const NAMES: [&str; 6] = ["power", "volume", "name", "_", "", "{x}"];
const LITERALS: [&str; 10] = ["A", "B", "0", "1", "-", ";", "{{", "\r", "\n", "é"];

/// A table, and what is known of how it was made.
pub(super) struct Table {
    pub(super) lines: Lines,
    /// No template writes a property in its own way, and no function reads lines.
    pub(super) is_plain: bool,
    /// Nothing in it takes long, and nothing is asked all the time.
    pub(super) is_calm: bool,
}

pub(super) fn draw(input: &mut Input<'_>) -> Table {
    let mut lines = Lines::new("device");
    for name in NAMES.into_iter().take(1 + input.below(3)) {
        lines = property(lines, name, input);
    }
    let mut table = Table { lines, is_plain: true, is_calm: true };
    wire(&mut table.lines, input);
    timing(&mut table, input);
    for _ in 0..input.below(5) {
        more(&mut table, input);
    }
    table
}

/// A property in one of the ways that there are, without a slip.
fn property(lines: Lines, name: &str, input: &mut Input<'_>) -> Lines {
    let initial = name.get(..1).unwrap_or("");
    let (ask, said, heard) = (format!("{initial}?"), format!("{initial}={{{name}}}"), format!("{initial}:{{{name}}}"));
    let (kind, codec) = (input.below(8), drawn_codec(input));
    let lines = match kind {
        0..=2 => lines.property(name, codec).query(ask, heard).command(name, said),
        3 => lines.property(name, codec).hears(heard).command(name, said),
        4 => lines.property(name, codec).query(ask, template(format!("{{{name}}}")).when_asked()).command(name, said),
        5 => lines.write_only(name, codec).command(name, said).acknowledged_by([format!("{initial} OK")]),
        6 => lines.write_only(name, codec).command(name, said).unconfirmed(),
        _ => lines.property(name, codec).query(ask, heard),
    };
    if kind < 3 && input.flag() { lines.answered_by(format!("{initial}:{{{name}}}")) } else { lines }
}

/// Something more, right or wrong.
fn more(table: &mut Table, input: &mut Input<'_>) {
    let name = input.pick(&NAMES);
    let lines = core::mem::replace(&mut table.lines, Lines::new(""));
    table.lines = match input.below(22) {
        0 => lines.property(name, drawn_codec(input)),
        1 => lines.write_only(name, drawn_codec(input)),
        2 => lines.query(literal(input), drawn_template(table, input)),
        3 => lines.ask(literal(input)),
        4 => lines.or_answer(drawn_template(table, input)),
        5 => lines.in_lines(input.pick(&[0, 1, 2, 3, u32::MAX])),
        6 => lines.every(span(table, input)),
        7 => lines.when(name, small_value(input)),
        8 => lines.when_any(name, [small_value(input), small_value(input)]),
        9 => lines.poll_every(span(table, input)),
        10 => lines.hears(drawn_template(table, input)),
        11 => lines.hears_re(if input.flag() { input.text(12) } else { format!("R(?<{name}>[0-9]+)") }),
        12 => {
            table.is_plain = false;
            lines.hears_with([name], |line| line.strip_prefix("f").map(|rest| vec![json!(rest.len())]))
        }
        13 => lines.command(name, drawn_template(table, input)),
        14 => lines.answered_by(drawn_template(table, input)),
        15 => lines.shown_within(span(table, input)),
        16 => lines.acknowledged_by((0..input.below(3)).map(|_| literal(input)).collect::<Vec<_>>()),
        17 => lines.unconfirmed(),
        18 => lines.refused_by(drawn_template(table, input)),
        19 => {
            table.is_calm = false;
            let lines = lines.hold_commands_while(name, [small_value(input)]);
            if input.flag() { lines.polling_every(span(table, input)) } else { lines }
        }
        20 => lines.refresh_on(name),
        _ => lines.echoes(),
    };
}

fn wire(lines: &mut Lines, input: &mut Input<'_>) {
    if input.flag() {
        let wire = &mut lines.wire;
        wire.framing = match input.below(6) {
            0 => Framing::Newline,
            1 => Framing::Terminator(input.pick(&["\n", "\r\n", ":", "aa", "aba", "é"]).to_owned()),
            2 => Framing::Terminator(input.text(3)),
            3 => Framing::Length(input.pick(&[0, 1, 2, 4, 7, usize::MAX])),
            4 => Framing::IdleGap(Duration::from_millis(input.pick(&[0, 1, 50, 5_000]))),
            _ => Framing::IdleGap(Duration::from_nanos(input.number() % 3_000)),
        };
        input.pick(&["\n", "\r\n", "", ";", "é", "¤"]).clone_into(&mut wire.ending);
        wire.encoding = input.pick(&[Encoding::Utf8, Encoding::Latin1]);
        wire.line_max = input.pick(&[1_024, 16, 8, 2, 1, 0, 1 << 20, usize::MAX]);
    }
}

fn timing(table: &mut Table, input: &mut Input<'_>) {
    if input.flag() {
        let mut timing = table.lines.timing.clone();
        timing.reply_timeout = span(table, input);
        timing.byte_timeout = span(table, input);
        timing.attempts = input.pick(&[1, 2, 3, 0]);
        timing.gap = if input.flag() { Duration::ZERO } else { span(table, input) };
        timing.cool_down = input.flag().then(|| span(table, input));
        timing.ask_again = span(table, input);
        timing.ask_silent = span(table, input);
        table.lines.timing = timing;
    }
}

/// Mostly what somebody may mean, else at the edges.
fn span(table: &mut Table, input: &mut Input<'_>) -> Duration {
    let usual = [1_000, 2_000, 100, 30_000, 500, 250].map(Duration::from_millis);
    if input.below(5) != 4 {
        return input.pick(&usual);
    }
    table.is_calm = false;
    input.pick(&[Duration::MAX, Duration::ZERO, Duration::from_nanos(1), Duration::from_micros(1)])
}

fn drawn_codec(input: &mut Input<'_>) -> Codec {
    match input.below(12) {
        0 => flag(),
        1 => words([("1", json!("CD")), ("10", json!("TV")), ("A", json!(3))]),
        2 => words((0..input.below(4)).map(|_| (input.text(3), small_value(input))).collect::<Vec<_>>()),
        3 => number(0..=100).into(),
        4 => drawn_number(input).into(),
        5 => number(bound(input)..=bound(input)).into(),
        6 => scaled(-400..=1_250, 10).into(),
        7 => decimal(-95.5..=31.5, 1).into(),
        8 => decimal(input.pick(&REALS)..=input.pick(&REALS), input.pick(&[0, 1, 2, 15, 16, usize::MAX])).into(),
        9 => text(input.pick(&[8, 1, 0, 3, usize::MAX])),
        10 => typed::<f64>(),
        _ => codec(
            |text| text.strip_prefix('#').and_then(|digits| digits.parse::<u8>().ok()),
            |value| value.as_u64().map(|number| format!("#{number}")),
        ),
    }
}

const REALS: [f64; 9] = [0.0, 1.0, -1.0, 0.26, 1e15, f64::MAX, f64::NAN, f64::NEG_INFINITY, f64::MIN_POSITIVE];

fn bound(input: &mut Input<'_>) -> i64 {
    let edges = [0, 9, -9, 255, 1 << 31, -(1 << 31), 1 << 40, 1 << 51, 1 << 53, i64::MIN, i64::MAX];
    if input.flag() { input.pick(&edges) } else { i64::from(input.byte()) }
}

fn drawn_number(input: &mut Input<'_>) -> Number {
    let mut number = number(0..=1);
    (number.min, number.max) = (bound(input), bound(input));
    number.per_unit = input.pick(&[1, 1, 10, 3, 1_000, 0, u32::MAX]);
    number.width = input.pick(&[0, 0, 1, 3, 5, 20, usize::MAX]);
    (number.plus, number.hex) = (input.flag(), input.flag());
    number
}

/// A template whose pieces may or may not go together.
fn drawn_template(table: &mut Table, input: &mut Input<'_>) -> Template {
    let mut text = String::new();
    for _ in 0..input.below(5) {
        match input.below(4) {
            0 => text.push_str(input.pick(&LITERALS)),
            1 => text.extend(["{", input.pick(&NAMES), "}"]),
            2 => text.push_str("{_}"),
            _ => text.push_str(&input.text(5)),
        }
    }
    let mut drawn = template(text);
    if input.below(6) == 5 {
        table.is_plain = false;
        drawn = drawn.with(input.pick(&NAMES), drawn_codec(input));
    }
    if input.below(6) == 5 { drawn.when_asked() } else { drawn }
}

fn literal(input: &mut Input<'_>) -> String {
    if input.flag() { input.text(6) } else { format!("{}!", input.pick(&LITERALS)) }
}

/// A value that somebody may wish for: often one that there is.
pub(super) fn value(codec: &Codec, input: &mut Input<'_>) -> Value {
    let samples = codec.samples();
    match input.below(4) {
        0 | 1 if !samples.is_empty() => samples[input.below(samples.len())].clone(),
        0 => json!(i64::from(input.byte()) - 100),
        1 => json!(f64::from(input.byte()) / 4.0),
        2 => json!(input.text(10)),
        _ => small_value(input),
    }
}

fn small_value(input: &mut Input<'_>) -> Value {
    match input.below(10) {
        0 => json!(true),
        1 => json!(false),
        2 => json!(input.byte()),
        3 => json!("CD"),
        4 => Value::Null,
        5 => json!([1]),
        6 => json!({ "a": 1 }),
        7 => json!(f64::from_bits(input.number())),
        8 => json!(input.number()),
        _ => json!(input.text(4)),
    }
}
