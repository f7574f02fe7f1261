//! Tables of devices that speak lines: what is wrong with them, and what they read, write and do.

mod framing;
mod stand;
mod table;

use serde_json::Value;
use thingwire_core::thing::lines::{Codec, Compiled, Lines, Mistake, Pattern, Place};
use thingwire_core::thing::{PropertyId, Unfit};

use self::table::value;
use crate::input::Input;

/// Laws of lines, for any table that can be made of bytes:
///
/// 1. What is wrong with a table is said in one line each, about something that is in it; a table with nothing wrong can
///    be built. Nothing in a table makes the check panic.
/// 2. A codec reads what it writes, as the same; what it hears is one of its own values.
/// 3. A template reads a line as a whole or not at all. Of numbers and words it reads what it writes.
/// 4. No chunk matters to what cuts bytes into lines, another reading finds the same, and no line is too long.
/// 5. A component keeps its contract whatever it hears, and whenever.
///
/// # Panics
///
/// When a law is broken.
pub fn lines(data: &[u8]) {
    let mut input = Input::new(data);
    let table = table::draw(&mut input);
    let mistakes = table.lines.check();
    for mistake in &mistakes {
        explained(&table.lines, mistake);
    }
    framing::framing(&table.lines, &mut input);
    let compiled = match table.lines.compile() {
        Ok(compiled) => compiled,
        Err(refused) => return assert_eq!(refused.0, mistakes),
    };
    assert_eq!(mistakes, []);
    codecs(&compiled, &mut input);
    for pattern in patterns(&compiled) {
        reads_what_it_writes(&compiled, pattern, &mut input);
    }
    stand::stand(&table, compiled, &mut input);
}

/// A mistake is one line about something that is there.
fn explained(lines: &Lines, mistake: &Mistake) {
    let text = mistake.to_string();
    assert!(!text.contains(char::is_control) && !mistake.problem.is_empty(), "{text:?}");
    let there = |place: usize, len: usize| assert!(place < len, "{text}");
    match mistake.place {
        Place::Property(place) => there(place, lines.properties.len()),
        Place::Hears(place) => there(place, lines.hears.len()),
        Place::Query(place) => there(place, lines.queries.len()),
        Place::Command(place) => there(place, lines.commands.len()),
        Place::Refusal(place) => there(place, lines.refusals.len()),
        Place::Hold(place) => there(place, lines.holds.len()),
        Place::RefreshOn(place) => there(place, lines.refresh_on.len()),
        _ => {}
    }
    let characters = mistake.subject.chars().count();
    assert!(mistake.column.is_none_or(|column| (1..=characters).contains(&column)), "{text}");
}

fn codecs(compiled: &Compiled, input: &mut Input<'_>) {
    for place in 0..compiled.properties().len() {
        let codec = compiled.codec(PropertyId(place)).expect("every property has a codec");
        if !matches!(codec, Codec::Custom(_)) {
            for sample in codec.samples() {
                assert!(written(codec, &sample).is_some(), "{sample} of {codec:?}");
            }
            says(codec, &value(codec, input));
            hears(codec, &input.text(12));
        }
    }
}

/// What it writes it reads as the same, and writes again in the same way.
fn says(codec: &Codec, value: &Value) {
    let Some(text) = written(codec, value) else { return };
    if text.contains(char::is_control) {
        // No line has one in it.
        return;
    }
    let heard = codec.parse(&text).unwrap_or_else(|| panic!("{codec:?} says {value} as {text:?}, which is nothing"));
    assert_eq!(written(codec, &heard).as_deref(), Some(&*text), "{codec:?}: {value} is heard as {heard}");
}

/// What it hears is a value of its own; a decimal may be heard in more digits than it is said in.
fn hears(codec: &Codec, text: &str) {
    let Some(value) = codec.parse(text) else { return };
    assert!(!value.is_null());
    let said =
        written(codec, &value).unwrap_or_else(|| panic!("{codec:?} hears {text:?} as {value}, and cannot say it"));
    let again = codec.parse(&said);
    let is_same = match codec {
        Codec::Decimal(_) => again.is_some_and(|again| written(codec, &again).as_ref() == Some(&said)),
        _ => again == Some(value),
    };
    assert!(is_same, "{codec:?}: {text:?} is said as {said:?}");
}

fn written(codec: &Codec, value: &Value) -> Option<String> {
    let mut text = String::new();
    codec.format(value, &mut text).ok().map(|()| text)
}

/// Every template of the table that is about something.
fn patterns(compiled: &Compiled) -> Vec<&Pattern> {
    let commands = (0..compiled.properties().len()).filter_map(|place| compiled.command(PropertyId(place)));
    let answers = compiled.queries().flat_map(|(_, answers, _)| answers);
    compiled.heard().chain(answers).chain(commands).collect()
}

fn reads_what_it_writes(compiled: &Compiled, pattern: &Pattern, input: &mut Input<'_>) {
    let codecs: Vec<_> = (0..compiled.properties().len()).map(|place| compiled.codec(PropertyId(place))).collect();
    let codecs: Vec<&Codec> = codecs.into_iter().flatten().collect();
    let values: Vec<_> = codecs.iter().map(|codec| value(codec, input)).collect();
    let mut line = String::new();
    let is_written = pattern.write(|id| values.get(id.0).ok_or(Unfit(String::new())), |_| Ok(()), &mut line).is_ok();
    let bounded = pattern.properties().all(|id| !matches!(codecs[id.0], Codec::Text { .. } | Codec::Custom(_)));
    // Of more, not all combinations were tried; but no such line is said.
    if is_written && bounded && pattern.properties().count() <= 2 {
        let mut heard = Vec::new();
        assert!(pattern.read(&line, &mut heard), "{:?} writes {line:?}, and does not read it", pattern.source());
        let mut again = String::new();
        let said = |id| heard.iter().find_map(|(of, value)| (*of == id).then_some(value)).ok_or(Unfit(String::new()));
        assert!(pattern.write(said, |_| Ok(()), &mut again).is_ok());
        assert_eq!(again, line, "{:?} reads it as something else", pattern.source());
    }
    // What came another way.
    let left = input.below(line.chars().count() + 1);
    let line: String = line.chars().take(left).chain(input.text(8).chars()).collect();
    let mut heard = vec![(PropertyId(0), Value::Null)];
    let is_read = pattern.read(&line, &mut heard);
    let about = if is_read { pattern.properties().count() } else { 0 };
    assert_eq!(heard.len(), 1 + about, "{:?} reads {line:?} by halves", pattern.source());
}
