//! The device that a table describes.

use core::time::Duration;
use std::collections::VecDeque;

use serde_json::Value;
use thingwire_core::Instant;
use thingwire_core::thing::PropertyId;
use thingwire_core::thing::lines::{Compiled, Lines, Mirror, Mistakes, Told};

use crate::choices::{Choices, Site};

/// What a device does by itself, and what it does wrong. Chances are in 1,000.
#[derive(Debug, Clone)]
pub struct Manners {
    /// The shortest and the longest time that an answer takes.
    pub latency: (Duration, Duration),
    /// Whether it says what changes by hand, or by a command that it does not answer otherwise.
    pub announces: bool,
    /// It hears a line and does nothing at all.
    pub deaf: u64,
    /// It obeys a command and says nothing; or says what it says and does not obey.
    pub half: u64,
    /// It says everything twice.
    pub twice: u64,
    /// It says no, if it has a word for that.
    pub refuses: u64,
    /// It says a line back with something wrong in it.
    pub wrong_echo: u64,
    /// It stays busy for a second, and hears nothing meanwhile.
    pub busy: u64,
}

impl Default for Manners {
    /// A device that does everything right.
    fn default() -> Self {
        Self {
            latency: (Duration::from_millis(2), Duration::from_millis(15)),
            announces: true,
            deaf: 0,
            half: 0,
            twice: 0,
            refuses: 0,
            wrong_echo: 0,
            busy: 0,
        }
    }
}

/// Who changed a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// It was so from the beginning.
    Birth,
    /// A command.
    Command,
    /// A hand on the device.
    Hand,
}

/// A property was changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// When.
    pub at: Instant,
    /// Which.
    pub property: PropertyId,
    /// To what.
    pub value: Value,
    /// By whom.
    pub by: By,
}

/// The device that a table describes: it has the properties, answers the questions and obeys the commands.
pub struct SimDevice {
    mirror: Mirror,
    /// What it does by itself, and what it does wrong. May be changed at any time.
    pub manners: Manners,
    out: VecDeque<(Instant, Vec<u8>)>,
    busy_until: Instant,
    history: Vec<Written>,
}

impl SimDevice {
    /// The device at the other end of this table. Every property has a value of its codec; for those whose codec is a
    /// function, it has to be [turned](Self::turn) to one.
    pub fn mirror(lines: &Lines) -> Result<Self, Mistakes> {
        let mirror = Mirror::new(lines)?;
        let (at, by) = (Instant::EPOCH, By::Birth);
        let born = mirror.values().iter().enumerate();
        let history =
            born.map(|(place, value)| Written { at, property: PropertyId(place), value: value.clone(), by }).collect();
        let (out, manners) = (VecDeque::new(), Manners::default());
        Ok(Self { mirror, manners, out, busy_until: Instant::EPOCH, history })
    }

    /// The table behind it.
    pub fn table(&self) -> &Compiled {
        self.mirror.table()
    }

    /// What a property is.
    pub fn value(&self, property: PropertyId) -> &Value {
        &self.mirror.values()[property.0]
    }

    /// All that was ever changed, in the order of time.
    pub fn history(&self) -> &[Written] {
        &self.history
    }

    /// Somebody turns a knob.
    pub fn turn(&mut self, now: Instant, property: PropertyId, value: Value, choices: &mut dyn Choices) {
        self.write(now, property, value, By::Hand);
        if self.manners.announces {
            self.announce(now, property, choices);
        }
    }

    /// It was switched off and on: half a line, and what it was about to say, are forgotten.
    pub fn restart(&mut self) {
        self.mirror.restart();
        self.out.clear();
    }

    /// Bytes come from the component.
    pub fn receive(&mut self, now: Instant, bytes: &[u8], choices: &mut dyn Choices) {
        for line in self.mirror.cut(now, bytes) {
            self.hear(now, &line, choices);
        }
    }

    fn hear(&mut self, now: Instant, line: &str, choices: &mut dyn Choices) {
        let mut happens = |per_mille| choices.chance(0, Site::Device, per_mille);
        if happens(self.manners.busy) {
            self.busy_until = now + Duration::from_secs(1);
        }
        let (deaf, refuses, half) =
            (happens(self.manners.deaf), happens(self.manners.refuses), happens(self.manners.half));
        let wrong_echo = happens(self.manners.wrong_echo);
        if now < self.busy_until || deaf {
            return;
        }
        if self.table().wire().echoes {
            let echo = if wrong_echo { format!("{line}#") } else { line.to_owned() };
            self.say(now, &echo, choices);
        }
        match (self.mirror.refusal(), self.mirror.read(line)) {
            (Some(refusal), _) if refuses => self.say(now, &refusal, choices),
            (_, Told::Question(answers)) => answers.iter().for_each(|answer| self.say(now, answer, choices)),
            (_, Told::Command(property, set)) => self.obey(now, property, set, half, choices),
            (Some(refusal), _) => self.say(now, &refusal, choices),
            (None, _) => {}
        }
    }

    /// Obeys a command. By halves, it does or says nothing of it.
    fn obey(
        &mut self,
        now: Instant,
        property: PropertyId,
        set: Vec<(PropertyId, Value)>,
        half: bool,
        choices: &mut dyn Choices,
    ) {
        let silent = half && choices.chance(0, Site::Device, 500);
        if !half || silent {
            for (property, value) in set {
                self.write(now, property, value, By::Command);
            }
        }
        if !silent {
            match self.mirror.answer(property) {
                Some(answer) => self.say(now, &answer, choices),
                None if self.manners.announces => self.announce(now, property, choices),
                None => {}
            }
        }
    }

    fn write(&mut self, at: Instant, property: PropertyId, value: Value, by: By) {
        self.mirror.set(property, value.clone());
        self.history.push(Written { at, property, value, by });
    }

    /// Says a property unasked, if there is a line for that.
    fn announce(&mut self, now: Instant, property: PropertyId, choices: &mut dyn Choices) {
        if let Some(line) = self.mirror.announcement(property) {
            self.say(now, &line, choices);
        }
    }

    fn say(&mut self, now: Instant, line: &str, choices: &mut dyn Choices) {
        let (bytes, pause) = (self.mirror.bytes(line), self.mirror.pause());
        let (least, most) = self.manners.latency;
        let twice = choices.chance(0, Site::Device, self.manners.twice);
        let mut at = now + choices.span(0, Site::Device, least, most);
        for _ in 0..=u32::from(twice) {
            at = self.out.back().map_or(at, |(last, _)| at.max(*last + pause));
            self.out.push_back((at, bytes.clone()));
        }
    }

    /// What it says by now.
    pub fn poll(&mut self, now: Instant) -> Option<Vec<u8>> {
        let ready = self.out.front().is_some_and(|(at, _)| *at <= now);
        if ready { self.out.pop_front().map(|(_, bytes)| bytes) } else { None }
    }

    /// When it says something.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.out.front().map(|(at, _)| *at)
    }
}
