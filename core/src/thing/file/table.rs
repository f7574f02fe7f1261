//! A device in a file.

use core::ops::Range;
use core::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use toml::Spanned;

use super::entries::{CodecEntry, TemplateEntry};
use super::ordered::InOrder;
use super::whole::PortEntry;
use super::{FileComponent, Wrong};
use crate::thing::lines::{Encoding, Framing, Lines, Place};

/// A device.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    pub(super) name: Spanned<String>,
    port: Option<Spanned<PortEntry>>,
    poll_every_ms: Option<u64>,
    properties: InOrder<Spanned<CodecEntry>>,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QueryEntry {
    ask: String,
    #[serde(default)]
    answers: Vec<TemplateEntry>,
    lines: Option<u32>,
    every_ms: Option<u64>,
    #[serde(default)]
    when: InOrder<Vec<Value>>,
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
pub(super) struct Spans {
    table: Range<usize>,
    wire: Range<usize>,
    timing: Range<usize>,
    lists: [Vec<Range<usize>>; 7],
}

impl Spans {
    pub(super) fn of(file: &Table) -> Self {
        fn all<T>(list: &[Spanned<T>]) -> Vec<Range<usize>> {
            list.iter().map(Spanned::span).collect()
        }
        let table = file.name.span();
        let or_table = |span: Option<Range<usize>>| span.unwrap_or_else(|| table.clone());
        Self {
            wire: or_table(file.wire.as_ref().map(Spanned::span)),
            timing: or_table(file.timing.as_ref().map(Spanned::span)),
            lists: [
                file.properties.0.iter().map(|(_, entry)| entry.span()).collect(),
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

    /// Those of the properties, in their order.
    pub(super) fn properties(&self) -> &[Range<usize>] {
        &self.lists[0]
    }

    pub(super) fn of_place(&self, place: Place) -> Range<usize> {
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
            Place::Table => return self.table.clone(),
        };
        self.lists[list].get(at).unwrap_or(&self.table).clone()
    }
}

impl Table {
    pub(super) fn component(mut self, wrong: &mut Wrong<'_>) -> FileComponent {
        let port = self.port.take().and_then(|entry| {
            let span = entry.span();
            entry.into_inner().port(&span, wrong)
        });
        FileComponent { lines: self.lines(wrong), port }
    }

    fn lines(self, wrong: &mut Wrong<'_>) -> Lines {
        let mut lines = Lines::new(self.name.into_inner());
        lines.poll_every = self.poll_every_ms.map(Duration::from_millis);
        for (name, entry) in self.properties.0 {
            let (name, span, entry) = (name.into_inner(), entry.span(), entry.into_inner());
            let write_only = entry.write_only;
            let codec = entry.codec(&name, &span, wrong);
            lines = if write_only { lines.write_only(name, codec) } else { lines.property(name, codec) };
        }
        for entry in self.hears {
            lines = lines.hears(entry.into_inner().template(wrong));
        }
        for entry in self.queries {
            lines = entry.into_inner().add(lines, wrong);
        }
        for entry in self.commands {
            let span = entry.span();
            lines = entry.into_inner().add(lines, &span, wrong);
        }
        for entry in self.refused_by {
            lines = lines.refused_by(entry.into_inner().template(wrong));
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

impl QueryEntry {
    fn add(self, lines: Lines, wrong: &mut Wrong<'_>) -> Lines {
        let mut lines = lines.ask(self.ask);
        for answer in self.answers {
            lines = lines.or_answer(answer.template(wrong));
        }
        if let Some(count) = self.lines {
            lines = lines.in_lines(count);
        }
        if let Some(interval_ms) = self.every_ms {
            lines = lines.every(Duration::from_millis(interval_ms));
        }
        let when = self.when.0.into_iter().map(|(property, values)| (property.into_inner(), values));
        when.fold(lines, |lines, (property, values)| lines.when_any(property, values))
    }
}

impl CommandEntry {
    fn add(self, lines: Lines, span: &Range<usize>, wrong: &mut Wrong<'_>) -> Lines {
        let mut lines = lines.command(self.property, self.say.template(wrong));
        if let Some(answer) = self.answer {
            lines = lines.answered_by(answer.template(wrong));
        }
        match (self.shown_within_ms, self.acknowledged_by, self.unconfirmed) {
            (None, None, false) => lines,
            (Some(within_ms), None, false) => lines.shown_within(Duration::from_millis(within_ms)),
            (None, Some(yes), false) => {
                let yes: Vec<_> = yes.into_iter().map(|line| line.template(wrong)).collect();
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
