//! Tables as TOML files: a device needs no program.
//!
//! ```toml
//! name = "relay"
//! poll_every_ms = 5000
//!
//! [properties.relayState]
//! words = { ON = true, OFF = false }
//!
//! [[queries]]
//! ask = "RELAY?"
//! answers = ["RELAY{relayState}"]
//!
//! [[commands]]
//! property = "relayState"
//! say = "RELAY{relayState}"
//! ```

use core::fmt;
use core::ops::Range;
use core::time::Duration;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use thingwire_core::thing::lines::{
    Codec, Encoding, Framing, Lines, Number, Place, Template, decimal, flag, number, scaled, template, text, words,
};
use toml::Spanned;

use crate::scenario::place;

/// Something wrong with a file, and where: shown as one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileMistake {
    /// The line, from 1.
    pub line: usize,
    /// The character in it, from 1.
    pub column: usize,
    /// What is wrong.
    pub problem: String,
}

impl fmt::Display for FileMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.problem)
    }
}

/// The table in a file, checked; or all that is wrong with it.
pub fn parse(source: &str) -> Result<Lines, Vec<FileMistake>> {
    let at = |span: Range<usize>, problem: String| {
        let place::Place { line, column } = place::place(source, span.start);
        FileMistake { line, column, problem }
    };
    let file: File = toml::from_str(source).map_err(|error| {
        vec![at(error.span().unwrap_or(0..0), error.message().lines().collect::<Vec<_>>().join(", "))]
    })?;
    let spans = Spans::of(&file);
    let mut mistakes = Vec::new();
    let lines = file.lines(&mut |span, problem| mistakes.push(at(span, problem)));
    if mistakes.is_empty() {
        mistakes.extend(lines.check().iter().map(|mistake| at(spans.of_place(mistake.place), mistake.to_string())));
    }
    mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
    if mistakes.is_empty() { Ok(lines) } else { Err(mistakes) }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: Spanned<String>,
    poll_every_ms: Option<u64>,
    properties: BTreeMap<String, Spanned<CodecEntry>>,
    #[serde(default)]
    hears: Vec<Spanned<TemplateEntry>>,
    #[serde(default)]
    queries: Vec<Spanned<QueryEntry>>,
    #[serde(default)]
    commands: Vec<Spanned<CommandEntry>>,
    #[serde(default)]
    refused_by: Vec<Spanned<TemplateEntry>>,
    #[serde(default)]
    refresh_on: Vec<Spanned<String>>,
    #[serde(default)]
    holds: Vec<Spanned<HoldEntry>>,
    wire: Option<Spanned<WireEntry>>,
    timing: Option<Spanned<TimingEntry>>,
}

/// How values are written: exactly one of the kinds, and what belongs to it.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the file")]
struct CodecEntry {
    words: Option<BTreeMap<String, Value>>,
    flag: bool,
    number: Option<[i64; 2]>,
    scaled: Option<[i32; 2]>,
    decimal: Option<[f64; 2]>,
    text: Option<usize>,
    per_unit: Option<u32>,
    places: Option<usize>,
    width: Option<usize>,
    plus: bool,
    hex: bool,
    write_only: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum TemplateEntry {
    Text(String),
    Full(FullTemplate),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FullTemplate {
    template: String,
    #[serde(default)]
    with: BTreeMap<String, CodecEntry>,
    #[serde(default)]
    when_asked: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QueryEntry {
    ask: String,
    #[serde(default)]
    answers: Vec<TemplateEntry>,
    lines: Option<u32>,
    every_ms: Option<u64>,
    #[serde(default)]
    when: BTreeMap<String, Vec<Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CommandEntry {
    property: String,
    say: TemplateEntry,
    answer: Option<TemplateEntry>,
    shown_within_ms: Option<u64>,
    acknowledged_by: Option<Vec<TemplateEntry>>,
    #[serde(default)]
    unconfirmed: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HoldEntry {
    property: String,
    values: Vec<Value>,
    poll_every_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireEntry {
    terminator: Option<String>,
    length: Option<usize>,
    idle_gap_ms: Option<u64>,
    ending: Option<String>,
    #[serde(default)]
    latin1: bool,
    line_max: Option<usize>,
    #[serde(default)]
    echoes: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TimingEntry {
    reply_timeout_ms: Option<u64>,
    byte_timeout_ms: Option<u64>,
    attempts: Option<u32>,
    gap_ms: Option<u64>,
    cool_down_ms: Option<u64>,
    ask_again_ms: Option<u64>,
    ask_silent_ms: Option<u64>,
}

/// Where everything is in the file.
struct Spans {
    table: Range<usize>,
    wire: Range<usize>,
    timing: Range<usize>,
    lists: [Vec<Range<usize>>; 7],
}

impl Spans {
    fn of(file: &File) -> Self {
        fn all<T>(list: &[Spanned<T>]) -> Vec<Range<usize>> {
            list.iter().map(Spanned::span).collect()
        }
        let table = file.name.span();
        let or_table = |span: Option<Range<usize>>| span.unwrap_or_else(|| table.clone());
        Self {
            wire: or_table(file.wire.as_ref().map(Spanned::span)),
            timing: or_table(file.timing.as_ref().map(Spanned::span)),
            lists: [
                file.properties.values().map(Spanned::span).collect(),
                all(&file.hears),
                all(&file.queries),
                all(&file.commands),
                all(&file.refused_by),
                all(&file.holds),
                all(&file.refresh_on),
            ],
            table,
        }
    }

    fn of_place(&self, place: Place) -> Range<usize> {
        let (list, at) = match place {
            Place::Wire => return self.wire.clone(),
            Place::Timing => return self.timing.clone(),
            Place::Property(at) => (0, at),
            Place::Hears(at) => (1, at),
            Place::Query(at) => (2, at),
            Place::Command(at) => (3, at),
            Place::Refusal(at) => (4, at),
            Place::Hold(at) => (5, at),
            Place::RefreshOn(at) => (6, at),
            _ => return self.table.clone(),
        };
        self.lists[list].get(at).unwrap_or(&self.table).clone()
    }
}

type Wrong<'a> = dyn FnMut(Range<usize>, String) + 'a;

impl File {
    fn lines(self, wrong: &mut Wrong<'_>) -> Lines {
        let mut lines = Lines::new(self.name.into_inner());
        lines.poll_every = self.poll_every_ms.map(Duration::from_millis);
        for (name, entry) in self.properties {
            let (span, entry) = (entry.span(), entry.into_inner());
            let write_only = entry.write_only;
            let codec = entry.codec(&name, &span, wrong);
            lines = if write_only { lines.write_only(name, codec) } else { lines.property(name, codec) };
        }
        for entry in self.hears {
            let span = entry.span();
            lines = lines.hears(entry.into_inner().template(&span, wrong));
        }
        for entry in self.queries {
            let span = entry.span();
            lines = entry.into_inner().add(lines, &span, wrong);
        }
        for entry in self.commands {
            let span = entry.span();
            lines = entry.into_inner().add(lines, &span, wrong);
        }
        for entry in self.refused_by {
            let span = entry.span();
            lines = lines.refused_by(entry.into_inner().template(&span, wrong));
        }
        for entry in self.holds {
            let entry = entry.into_inner();
            lines = lines.hold_commands_while(entry.property, entry.values);
            if let Some(interval_ms) = entry.poll_every_ms {
                lines = lines.polling_every(Duration::from_millis(interval_ms));
            }
        }
        for property in self.refresh_on {
            lines = lines.refresh_on(property.into_inner());
        }
        if let Some(entry) = self.wire {
            let span = entry.span();
            entry.into_inner().apply(&mut lines, &span, wrong);
        }
        if let Some(entry) = self.timing {
            entry.into_inner().apply(&mut lines);
        }
        lines
    }
}

impl CodecEntry {
    fn codec(self, name: &str, span: &Range<usize>, wrong: &mut Wrong<'_>) -> Codec {
        let shaped = |mut number: Number| {
            number.width = self.width.unwrap_or(0);
            (number.plus, number.hex) = (self.plus, self.hex);
            Codec::from(number)
        };
        let per_unit = self.per_unit.unwrap_or(1);
        let kinds = [
            self.words.map(words),
            self.flag.then(flag),
            self.number.map(|[min, max]| shaped(number(min..=max))),
            self.scaled.map(|[min, max]| shaped(scaled(min..=max, per_unit))),
            self.decimal.map(|[min, max]| decimal(min..=max, self.places.unwrap_or(1)).into()),
            self.text.map(text),
        ];
        let mut kinds = kinds.into_iter().flatten();
        match (kinds.next(), kinds.next()) {
            (Some(codec), None) => codec,
            _ => {
                let kinds = "`words`, `flag`, `number`, `scaled`, `decimal` or `text`";
                wrong(span.clone(), format!("{name:?} needs exactly one of {kinds}"));
                flag()
            }
        }
    }
}

impl TemplateEntry {
    fn template(self, span: &Range<usize>, wrong: &mut Wrong<'_>) -> Template {
        match self {
            Self::Text(text) => template(text),
            Self::Full(FullTemplate { template: text, with, when_asked }) => {
                let mut made = template(text);
                made.when_asked = when_asked;
                for (name, codec) in with {
                    let codec = codec.codec(&name, span, wrong);
                    made = made.with(name, codec);
                }
                made
            }
        }
    }
}

impl QueryEntry {
    fn add(self, lines: Lines, span: &Range<usize>, wrong: &mut Wrong<'_>) -> Lines {
        let mut lines = lines.ask(self.ask);
        for answer in self.answers {
            lines = lines.or_answer(answer.template(span, wrong));
        }
        if let Some(count) = self.lines {
            lines = lines.in_lines(count);
        }
        if let Some(interval_ms) = self.every_ms {
            lines = lines.every(Duration::from_millis(interval_ms));
        }
        self.when.into_iter().fold(lines, |lines, (property, values)| lines.when_any(property, values))
    }
}

impl CommandEntry {
    fn add(self, lines: Lines, span: &Range<usize>, wrong: &mut Wrong<'_>) -> Lines {
        let mut lines = lines.command(self.property, self.say.template(span, wrong));
        if let Some(answer) = self.answer {
            lines = lines.answered_by(answer.template(span, wrong));
        }
        match (self.shown_within_ms, self.acknowledged_by, self.unconfirmed) {
            (None, None, false) => lines,
            (Some(within_ms), None, false) => lines.shown_within(Duration::from_millis(within_ms)),
            (None, Some(yes), false) => {
                let yes: Vec<_> = yes.into_iter().map(|line| line.template(span, wrong)).collect();
                lines.acknowledged_by(yes)
            }
            (None, None, true) => lines.unconfirmed(),
            _ => {
                let problem = "only one of `shown_within_ms`, `acknowledged_by` and `unconfirmed` can be true";
                wrong(span.clone(), problem.to_owned());
                lines
            }
        }
    }
}

impl WireEntry {
    fn apply(self, lines: &mut Lines, span: &Range<usize>, wrong: &mut Wrong<'_>) {
        let framings = [
            self.terminator.map(Framing::Terminator),
            self.length.map(Framing::Length),
            self.idle_gap_ms.map(|gap| Framing::IdleGap(Duration::from_millis(gap))),
        ];
        let mut framings = framings.into_iter().flatten();
        let wire = &mut lines.wire;
        wire.framing = framings.next().unwrap_or(Framing::Newline);
        if framings.next().is_some() {
            wrong(span.clone(), "only one of `terminator`, `length` and `idle_gap_ms` can end a line".to_owned());
        }
        wire.ending = self.ending.unwrap_or_else(|| wire.ending.clone());
        wire.encoding = if self.latin1 { Encoding::Latin1 } else { Encoding::Utf8 };
        wire.line_max = self.line_max.unwrap_or(wire.line_max);
        wire.echoes = self.echoes;
    }
}

impl TimingEntry {
    fn apply(self, lines: &mut Lines) {
        let timing = &mut lines.timing;
        let waits = [
            (self.reply_timeout_ms, &mut timing.reply_timeout),
            (self.byte_timeout_ms, &mut timing.byte_timeout),
            (self.gap_ms, &mut timing.gap),
            (self.ask_again_ms, &mut timing.ask_again),
            (self.ask_silent_ms, &mut timing.ask_silent),
        ];
        for (given_ms, wait) in waits {
            *wait = given_ms.map_or(*wait, Duration::from_millis);
        }
        timing.cool_down = self.cool_down_ms.map(Duration::from_millis).or(timing.cool_down);
        timing.attempts = self.attempts.unwrap_or(timing.attempts);
    }
}
