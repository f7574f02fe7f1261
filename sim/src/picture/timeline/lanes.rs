//! The lanes of one device that hold things with a beginning and an end.

use std::collections::BTreeMap;

use thingwire_core::Instant;

use super::frame::{Frame, LEFT, RIGHT};
use crate::picture::markup::{Px, Rect, Strokes};
use crate::picture::story::{Fate, FaultSpan, Operation, Story};
use crate::picture::words;

/// Operations that are drawn one by one; more are shown as density.
const OPERATIONS_MAX: usize = 300;
const OPERATION_ROWS_MAX: usize = 36;
/// The height that the rows share where there are many, in pixels.
const OPERATIONS_HEIGHT: i64 = 120;
const FAULT_ROWS_MAX: usize = 10;
const WRONG_ROWS_MAX: usize = 8;
/// Findings with a full line each; more have thin ones.
const WRONG_LINES_MAX: usize = 40;
/// Phases that are drawn one by one; of more, one of each kind in each column.
const PHASES_MAX: usize = 2_000;
/// Links that are all drawn; of more, one in each column.
const LINKS_MAX: usize = 1_000;

/// Puts things into rows so that none lies on another while there are rows.
struct Rows {
    ends: Vec<Px>,
    most: usize,
}

impl Rows {
    fn new(most: usize) -> Self {
        Self { ends: Vec::new(), most }
    }

    /// The row of the next thing, if there is one in which it lies on no other.
    fn place(&mut self, from: Px, to: Px) -> Option<usize> {
        let free = self.ends.iter().position(|&end| end <= from);
        let row = free.or_else(|| {
            (self.ends.len() < self.most).then(|| {
                self.ends.push(Px::default());
                self.ends.len() - 1
            })
        })?;
        self.ends[row] = to;
        Some(row)
    }

    /// The row of a thing that has to be somewhere.
    fn squeeze(&mut self, from: Px, to: Px) -> usize {
        self.place(from, to).unwrap_or_else(|| {
            let row = self.ends.iter().enumerate().min_by_key(|(_, end)| **end).map_or(0, |(row, _)| row);
            self.ends[row] = self.ends[row].max(to);
            row
        })
    }

    fn height(&self, row: i64) -> Px {
        Px::whole(row * i64::try_from(self.ends.len().max(1)).unwrap_or(1))
    }
}

fn down(top: Px, row: usize, height: i64) -> Px {
    top + Px::whole(i64::try_from(row).unwrap_or(0) * height)
}

impl Frame<'_> {
    /// All lanes of a device.
    pub(super) fn device(&mut self, story: &Story) {
        let top = self.y;
        self.faults(story);
        self.operations(story);
        self.phases(story);
        self.curves(story);
        self.packets(story, true);
        self.packets(story, false);
        self.links(story);
        self.wrong(story, top);
        self.shade(story, top);
    }

    fn fault_end(&self, fault: &FaultSpan, end: Instant) -> Instant {
        let instant = self.options.faults.get(&fault.index).is_some_and(|note| note.instant);
        if instant { fault.from } else { fault.to.unwrap_or(end) }
    }

    fn faults(&mut self, story: &Story) {
        if story.faults.is_empty() && story.healed.is_none() {
            return;
        }
        let mut rows = Rows::new(FAULT_ROWS_MAX);
        let mut drawn = Vec::new();
        for fault in &story.faults {
            let end = self.fault_end(fault, story.end);
            let note = self.options.faults.get(&fault.index);
            let name = note.map(|note| note.name.as_str()).filter(|name| !name.is_empty()).unwrap_or(fault.name);
            let (from, to) = (self.x(fault.from), self.x(end));
            let lasts =
                if end > fault.from { format!("for {}", words::span(end.since(fault.from))) } else { "at once".into() };
            let does = note.map_or("", |note| &note.words);
            let title = format!("fault {}: {name}, {}, {lasts} {does}", fault.index, words::short_clock(fault.from));
            let text = words::shortened(name, 60);
            let wide = Px::of_text(&text, 11) + Px::whole(6);
            let x = from.min(RIGHT - wide).max(LEFT);
            // Where there is no room for its name, it is still seen.
            let named = rows.place(x.min(from), (x + wide).max(to) + Px::whole(3));
            let row = named.unwrap_or_else(|| rows.squeeze(from, to + Px::whole(3)));
            drawn.push((row, from, to, x, named.map_or_else(String::new, |_| text), title, "tw-fault"));
        }
        if let Some(healed) = story.healed {
            let from = self.x(healed);
            let x = from.min(RIGHT - Px::whole(48));
            let row = rows.squeeze(x, x + Px::whole(48));
            let title = format!("from {} on everything works", words::short_clock(healed));
            drawn.push((row, from, from, x, "healed".into(), title, "tw-healed"));
        }
        let top = self.lane("faults", "", rows.height(16));
        for (row, from, to, x, text, title, class) in drawn {
            let y = down(top, row, 16);
            let width = (to - from).max(Px::whole(2));
            self.out.rect(class, Rect { x: from, y, width, height: Px::whole(14) }, &title);
            if !text.is_empty() {
                self.out.label("tw-small", x + Px::whole(4), y + Px::whole(11), &text, &title);
            }
        }
    }

    /// The shade of a fault lies below all lanes of its device.
    fn shade(&mut self, story: &Story, top: Px) {
        let height = self.y - top;
        let mut last = None;
        for fault in &story.faults {
            let (x, to) = (self.x(fault.from), self.x(self.fault_end(fault, story.end)));
            let width = (to - x).max(Px(10));
            // Thousands of faults at one place are one shade.
            if last.replace((x, width)) != Some((x, width)) {
                self.below.rect("tw-shade", Rect { x, y: top, width, height }, "");
            }
        }
        if let Some(healed) = story.healed {
            self.below.path("tw-healed-line", &format!("M{} {top}V{}", self.x(healed), self.y), "");
        }
    }

    fn operations(&mut self, story: &Story) {
        let mut rows = Rows::new(OPERATION_ROWS_MAX);
        let mut bars = Vec::new();
        let few = story.operations.len() <= OPERATIONS_MAX;
        for operation in story.operations.iter().filter(|_| few) {
            let (from, to) = (self.x(operation.accepted), self.x(operation.ended(story.end)));
            let to = to.max(from + Px::whole(3));
            let Some(row) = rows.place(from, to + Px(10)) else { return self.density(story) };
            bars.push((row, from, to, operation));
        }
        if !few {
            return self.density(story);
        }
        let note = words::count(story.operations.len() as u64, "operation");
        // A row is as high as looks good, and less where there are many.
        let row_height = (OPERATIONS_HEIGHT / i64::try_from(rows.ends.len().max(1)).unwrap_or(1)).clamp(3, 8);
        let top = self.lane("operations", &note, rows.height(row_height).max(Px::whole(24)));
        for (row, x, to, operation) in bars {
            let at =
                Rect { x, y: down(top, row, row_height), width: to - x, height: Px::whole(row_height - 1) - Px(5) };
            let fate = operation.fate();
            self.out.rect(&format!("tw-{}", fate.class()), at, &operation_title(operation));
            if fate == Fate::Failed {
                // A cross at its end, for whoever does not see the colour.
                let (x, y) = (to, at.y);
                let cross = format!("M{x} {y}l6 6m0 -6l-6 6");
                self.out.path("tw-cross", &cross, "failed");
            }
        }
        self.refused(story, top);
    }

    pub(super) fn refused(&mut self, story: &Story, top: Px) {
        let mut last = None;
        for (at, title) in &story.refused {
            let x = self.x(*at);
            if last.replace(x.0 / 10) != Some(x.0 / 10) {
                self.out.path("tw-refused", &format!("M{x} {}l-3 -4h6z", top + Px::whole(1)), title);
            }
        }
    }

    fn phases(&mut self, story: &Story) {
        let top = self.lane("phase", "", Px::whole(18));
        let ends = story.phases.iter().skip(1).map(|(at, _)| *at).chain([story.end]);
        let many = story.phases.len() > PHASES_MAX;
        let mut columns: BTreeMap<&str, (Px, Strokes)> = BTreeMap::new();
        for ((from, phase), to) in story.phases.iter().zip(ends) {
            let (x, right) = (self.x(*from), self.x(to));
            let (class, name) = (words::phase_class(*phase), words::phase(*phase));
            let width = (right - x).max(Px(5));
            if many {
                let (drawn, d) = columns.entry(class).or_default();
                if right > *drawn {
                    let width = width.max(Px(10));
                    d.add(format_args!("M{x} {top}h{width}v18h-{width}z"));
                    *drawn = x + width;
                }
                continue;
            }
            let title = format!("{name}, {}, for {}", words::short_clock(*from), words::span(to.since(*from)));
            let at = Rect { x, y: top, width, height: Px::whole(18) };
            self.out.rect(&format!("tw-phase tw-{class}"), at, &title);
            if width > Px::of_text(name, 11) + Px::whole(4) {
                self.out.label("tw-small", x + Px::whole(4), top + Px::whole(13), name, &title);
            }
        }
        for (class, (_, d)) in columns {
            self.out.strokes(&format!("tw-{class}"), &d, class);
        }
    }

    fn links(&mut self, story: &Story) {
        let top = self.lane("links", &words::count(story.links.len() as u64, "link"), Px::whole(24));
        let starts: Vec<_> = story.links.iter().skip(1).map(|link| self.x(link.dialled)).chain([RIGHT]).collect();
        let mut last = None;
        for (link, next) in story.links.iter().zip(starts) {
            let end = link.ended.unwrap_or(story.end);
            let (x, up, to) = (self.x(link.dialled), self.x(link.up.unwrap_or(end)), self.x(end));
            let why = link.why.as_deref().unwrap_or(if link.ended.is_some() { "given up by the client" } else { "" });
            if story.links.len() > LINKS_MAX && last.replace(x.0 / 10) == Some(x.0 / 10) {
                continue;
            }
            let title = format!("link {}, {}: {why}", link.number, words::short_clock(link.dialled));
            let bar = |x: Px, to: Px| Rect { x, y: top, width: (to - x).max(Px(10)), height: Px::whole(8) };
            self.out.rect("tw-dialling", bar(x, up), &title);
            if link.up.is_some() {
                self.out.rect("tw-up", bar(up, to), &title);
            }
            if link.why.is_some() {
                let cross = format!("M{to} {}l-5 -5m0 5l5 -5", top + Px::whole(7));
                self.out.path("tw-cross", &cross, &title);
            }
            let text = if why.is_empty() { link.number.to_string() } else { format!("{}: {why}", link.number) };
            let room = (next - x - Px::whole(6)).0 / 66;
            if let Some(room) = usize::try_from(room).ok().filter(|&room| room >= 1) {
                let text = if room < 6 { link.number.to_string() } else { words::shortened(&text, room - 1) };
                if text.chars().count() <= room {
                    self.out.label("tw-note", x, top + Px::whole(20), &text, &title);
                }
            }
        }
    }

    /// Findings and broken rules: a line through all lanes, and words.
    fn wrong(&mut self, story: &Story, lanes_top: Px) {
        if story.wrong.is_empty() {
            return;
        }
        let mut wrong: Vec<_> = story.wrong.iter().collect();
        wrong.sort_by_key(|(at, _)| *at);
        let mut rows = Rows::new(WRONG_ROWS_MAX);
        let (mut lines, mut drawn) = (Vec::new(), Vec::new());
        for (at, text) in wrong {
            let x = self.x(*at);
            lines.push(x);
            let short = words::shortened(text, 150);
            // Bold, so wider than its size.
            let wide = Px::of_text(&short, 13);
            let from = (x + Px::whole(4)).min(RIGHT - wide).max(LEFT);
            if let Some(row) = rows.place(from, from + wide + Px::whole(8)) {
                drawn.push((row, from, short, format!("{}: {text}", words::short_clock(*at))));
            }
        }
        let more = story.wrong.len() - drawn.len();
        let note = if more > 0 { format!("and {} more", words::number(more as u64)) } else { String::new() };
        let top = self.lane("wrong", &note, rows.height(15).max(Px::whole(24)));
        for (row, x, text, title) in drawn {
            self.out.label("tw-wrong", x, down(top, row, 15) + Px::whole(11), &text, &title);
        }
        lines.dedup();
        // Many lines must not hide what they stand for.
        let class = if lines.len() > WRONG_LINES_MAX { "tw-wrong-line tw-many" } else { "tw-wrong-line" };
        let mut d = Strokes::default();
        for x in lines {
            d.add(format_args!("M{x} {lanes_top}V{top}"));
        }
        self.above.strokes(class, &d, "");
    }
}

/// What is said of an operation when somebody points at it.
fn operation_title(operation: &Operation) -> String {
    let begun = words::short_clock(operation.accepted);
    let ended = operation.finished.as_ref().map_or("not ended".to_owned(), |(at, outcome)| {
        format!("{} after {}", words::outcome(outcome), words::span(at.since(operation.accepted)))
    });
    format!("#{} {}, {begun}: {ended}", operation.ticket, operation.what)
}
