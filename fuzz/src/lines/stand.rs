//! A component on a stand: whatever happens to it, it keeps its contract.

use core::time::Duration;
use std::collections::BTreeSet;

use serde_json::{Value, json};
use thingwire_core::Instant;
use thingwire_core::thing::lines::{Codec, Compiled, Encoding, Framing, LineComponent, Lines};
use thingwire_core::thing::{Component, ComponentAction, ComponentEvent, PropertyId, SetId, Unfit};

use super::table::{Table, value};
use crate::input::Input;

/// The most steps of a life.
const STEPS_MAX: usize = 60;
/// Lines that may go out at one instant.
const SENDS_MAX: usize = 50;
/// Every attempt of a calm table is over after so long.
const ENDS_WITHIN: Duration = Duration::from_secs(1_800);

/// Laws of a component, under bytes, ports, wishes and time in any order:
///
/// 1. After every event the deadline is `None` or later; while the port is closed, there is none.
/// 2. Actions are bounded by what was received. Nothing is sent while the port is closed.
/// 3. What is sent is one line, no longer than allowed, with its end at its end and nowhere else.
/// 4. Every attempt ends once, and only those that were made; none is open after the port was closed. Of a table in
///    which nothing takes for ever, each ends in time, whatever the device does not say.
/// 5. What is heard is a value of its property, never `null`.
pub(super) fn stand(table: &Table, compiled: Compiled, input: &mut Input<'_>) {
    let mirror = table.lines.compile().expect("it was compiled before");
    let mut stand = Stand {
        component: LineComponent::from(compiled),
        table,
        mirror,
        now: Instant::EPOCH,
        up: false,
        next_set: 0,
        open: BTreeSet::new(),
        actions: Vec::new(),
    };
    for _ in 0..STEPS_MAX {
        if input.is_empty() {
            break;
        }
        stand.step(input);
    }
    stand.ends();
    stand.give(ComponentEvent::Down);
}

struct Stand<'t> {
    component: LineComponent,
    table: &'t Table,
    mirror: Compiled,
    now: Instant,
    up: bool,
    next_set: u64,
    /// Attempts without an end.
    open: BTreeSet<u64>,
    actions: Vec<ComponentAction>,
}

impl Stand<'_> {
    fn step(&mut self, input: &mut Input<'_>) {
        match input.below(10) {
            0 => self.give(ComponentEvent::Up),
            1 if input.below(4) == 0 => self.give(ComponentEvent::Down),
            1 => self.give(ComponentEvent::Up),
            2 => self.give(ComponentEvent::Received(input.bytes(40))),
            3 | 4 => {
                let said = self.said(input);
                self.give(ComponentEvent::Received(&said));
            }
            5 | 6 => self.wish(input),
            7 => self.give(ComponentEvent::Refresh),
            8 => {
                let deadline = self.component.next_deadline();
                self.wake(deadline.map_or(self.now, |deadline| deadline.max(self.now)));
            }
            _ => {
                let millis = input.pick(&[0, 1, 20, 100, 250, 1_000, 2_000, 60_000]);
                self.wake(self.now + Duration::from_millis(millis));
            }
        }
    }

    fn wish(&mut self, input: &mut Input<'_>) {
        // One more than there are.
        let property = PropertyId(input.below(self.component.properties().len() + 1));
        let none = Codec::Words(Vec::new());
        let value = value(self.mirror.codec(property).unwrap_or(&none), input);
        let checked = self.component.check(property, &value);
        assert!(checked.is_err() || !value.is_null(), "null was taken");
        assert!(checked.is_err() || self.component.same(property, &value, &value), "{value} is not itself");
        self.next_set += 1;
        self.open.insert(self.next_set);
        self.give(ComponentEvent::Set { id: SetId(self.next_set), property, value: &value });
    }

    /// What the device may say: lines of the table, with values of all kinds, whole or nearly.
    fn said(&self, input: &mut Input<'_>) -> Vec<u8> {
        let answers = self.mirror.queries().flat_map(|(_, answers, _)| answers);
        let replies = (0..self.mirror.properties().len()).flat_map(|place| self.mirror.replies(PropertyId(place)));
        let patterns: Vec<_> =
            self.mirror.heard().chain(answers).chain(replies).chain(self.mirror.refusals()).collect();
        let mut bytes = Vec::new();
        for _ in 0..=input.below(3) {
            let mut line = String::new();
            if let Some(pattern) = patterns.get(input.below(patterns.len().max(1))) {
                let codec = |id| self.mirror.codec(id).into_iter();
                let values: Vec<_> =
                    pattern.properties().flat_map(|id| codec(id).map(move |codec| (id, codec))).collect();
                let values: Vec<_> = values.into_iter().map(|(id, codec)| (id, value(codec, input))).collect();
                let find = |id| values.iter().find_map(|(of, value)| (*of == id).then_some(value));
                // A line that cannot be written breaks off.
                let _ = pattern.write(|id| find(id).ok_or(Unfit(String::new())), |_| Ok(()), &mut line);
            }
            let wire = &self.table.lines.wire;
            let end = if let Framing::Terminator(end) = &wire.framing { end } else { "\n" };
            let _ = wire.encoding.encode(&line, &mut bytes);
            if input.below(8) != 7 {
                let _ = wire.encoding.encode(end, &mut bytes);
            }
        }
        bytes
    }

    fn wake(&mut self, at: Instant) {
        // A day more would only be more of the same.
        self.now = at.min(self.now + Duration::from_secs(86_400));
        self.give(ComponentEvent::Wake);
    }

    fn give(&mut self, event: ComponentEvent<'_>) {
        match event {
            ComponentEvent::Up => self.up = true,
            ComponentEvent::Down => self.up = false,
            _ => {}
        }
        let received = if let ComponentEvent::Received(bytes) = event { bytes.len() } else { 0 };
        self.component.handle(self.now, event, &mut self.actions);
        let deadline = self.component.next_deadline();
        assert!(deadline.is_none_or(|deadline| self.up && deadline > self.now), "{deadline:?} at {:?}", self.now);
        assert!(self.actions.len() <= 100 + 10 * received, "{} actions", self.actions.len());
        let sends = self.actions.iter().filter(|action| matches!(action, ComponentAction::Send(_))).count();
        assert!(sends <= SENDS_MAX, "{sends} lines at once");
        for action in core::mem::take(&mut self.actions) {
            match action {
                ComponentAction::Send(bytes) => {
                    assert!(self.up, "{bytes:?} goes nowhere");
                    is_one_line(&self.table.lines, &bytes);
                }
                ComponentAction::Heard(property, value) => self.heard(property, &value),
                ComponentAction::Done(SetId(id)) | ComponentAction::Failed(SetId(id), _) => {
                    assert!(self.open.remove(&id), "attempt {id} ends, and is not open");
                }
                ComponentAction::Note(note) => assert!(!format!("{note:?}").is_empty()),
            }
        }
        assert!(self.up || self.open.is_empty(), "attempts that nobody can end: {:?}", self.open);
    }

    fn heard(&self, property: PropertyId, value: &Value) {
        assert!(!value.is_null());
        let codec = self.mirror.codec(property).expect("a property that there is");
        if self.table.is_plain && !matches!(codec, Codec::Custom(_)) {
            assert!(codec.format(value, &mut String::new()).is_ok(), "{value} is no value of {codec:?}");
        }
    }

    /// The device says nothing more, and time passes.
    fn ends(&mut self) {
        let end = self.now + ENDS_WITHIN;
        if !self.table.is_calm {
            return;
        }
        while !self.open.is_empty() {
            let deadline = self.component.next_deadline();
            let deadline = deadline.filter(|at| *at <= end).unwrap_or_else(|| panic!("no end: {:?}", self.open));
            self.wake(deadline);
        }
    }
}

/// One line: its end is at its end.
fn is_one_line(lines: &Lines, bytes: &[u8]) {
    let wire = &lines.wire;
    let mut end = Vec::new();
    wire.encoding.encode(&wire.ending, &mut end).expect("it was checked");
    let line = bytes.strip_suffix(&*end).unwrap_or_else(|| panic!("{bytes:?} has no end"));
    assert!(line.len() <= wire.line_max, "{bytes:?} is longer than {}", wire.line_max);
    assert!(end.is_empty() || bytes.windows(end.len()).position(|window| window == end) == Some(line.len()));
    assert!(wire.encoding == Encoding::Latin1 || core::str::from_utf8(line).is_ok(), "{}", json!(line));
}
