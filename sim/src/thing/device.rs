//! The device that a table describes.

use core::time::Duration;
use std::collections::VecDeque;

use serde_json::Value;
use thingwire_core::Instant;
use thingwire_core::thing::lines::{Compiled, Framed, Framer, Framing, Lines, Mistakes, Pattern, Wire};
use thingwire_core::thing::{PropertyId, Unfit};

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
    table: Compiled,
    /// What it does by itself, and what it does wrong. May be changed at any time.
    pub manners: Manners,
    /// `null`: it does not know itself, and says no line that needs it.
    values: Vec<Value>,
    framer: Framer,
    out: VecDeque<(Instant, Vec<u8>)>,
    busy_until: Instant,
    history: Vec<Written>,
}

impl SimDevice {
    /// The device at the other end of this table. Every property has a value of its codec; for those whose codec is a
    /// function, it has to be [turned](Self::turn) to one.
    pub fn mirror(lines: &Lines) -> Result<Self, Mistakes> {
        let table = lines.compile()?;
        let first = |place: usize| table.codec(PropertyId(place)).and_then(|codec| codec.samples().into_iter().next());
        let values: Vec<_> = (0..table.properties().len()).map(|place| first(place).unwrap_or_default()).collect();
        let (at, by) = (Instant::EPOCH, By::Birth);
        let born = values.iter().enumerate();
        let history =
            born.map(|(place, value)| Written { at, property: PropertyId(place), value: value.clone(), by }).collect();
        let framer = Framer::new(&heard_by_device(table.wire()), Duration::from_secs(1));
        let (out, manners) = (VecDeque::new(), Manners::default());
        Ok(Self { table, manners, values, framer, out, busy_until: Instant::EPOCH, history })
    }

    /// The table behind it.
    pub fn table(&self) -> &Compiled {
        &self.table
    }

    /// What a property is.
    pub fn value(&self, property: PropertyId) -> &Value {
        &self.values[property.0]
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
        self.framer.reset();
        self.out.clear();
    }

    /// Bytes come from the component.
    pub fn receive(&mut self, now: Instant, mut bytes: &[u8], choices: &mut dyn Choices) {
        let mut framer = core::mem::take(&mut self.framer);
        // Silence between lines is what ends them for some; here every piece is a line then.
        while let Some(framed) = framer.next(now, &mut bytes) {
            self.framed(now, framed, choices);
        }
        if let Some(framed) =
            framer.expire(now + Duration::from_secs(10)).filter(|_| self.table.wire().ending.is_empty())
        {
            self.framed(now, framed, choices);
        }
        self.framer = framer;
    }

    fn framed(&mut self, now: Instant, framed: Framed<'_>, choices: &mut dyn Choices) {
        let mut scratch = String::new();
        if let Framed::Line(bytes) = framed {
            if let Some(line) = self.table.wire().encoding.decode(bytes, &mut scratch) {
                self.hear(now, line, choices);
            }
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
        if self.table.wire().echoes {
            let echo = if wrong_echo { format!("{line}#") } else { line.to_owned() };
            self.say(now, &echo, choices);
        }
        let refusal = self.table.refusals().first().and_then(|refusal| self.written(refusal));
        match refusal {
            Some(refusal) if refuses => self.say(now, &refusal, choices),
            Some(_) | None => {
                if !self.answer(now, line, choices) && !self.obey(now, line, half, choices) {
                    if let Some(refusal) = refusal {
                        self.say(now, &refusal, choices);
                    }
                }
            }
        }
    }

    /// Answers, if it is a question.
    fn answer(&mut self, now: Instant, line: &str, choices: &mut dyn Choices) -> bool {
        let Some((_, answers, lines)) = self.table.queries().find(|(ask, ..)| *ask == line) else { return false };
        let answers: Vec<_> = answers.into_iter().filter_map(|answer| self.written(answer)).take(lines).collect();
        for answer in answers {
            self.say(now, &answer, choices);
        }
        true
    }

    /// Obeys, if it is a command. By halves, it does or says nothing of it.
    fn obey(&mut self, now: Instant, line: &str, half: bool, choices: &mut dyn Choices) -> bool {
        for place in 0..self.values.len() {
            let (property, mut set) = (PropertyId(place), Vec::new());
            if !self.table.command(property).is_some_and(|command| command.read(line, &mut set)) {
                continue;
            }
            let silent = half && choices.chance(0, Site::Device, 500);
            if !half || silent {
                for (property, value) in set {
                    self.write(now, property, value, By::Command);
                }
            }
            if !silent {
                let replies: Vec<_> = self.table.replies(property).filter_map(|reply| self.written(reply)).collect();
                match replies.first() {
                    Some(reply) => self.say(now, reply, choices),
                    None if self.manners.announces => self.announce(now, property, choices),
                    None => {}
                }
            }
            return true;
        }
        false
    }

    fn write(&mut self, at: Instant, property: PropertyId, value: Value, by: By) {
        self.values[property.0] = value.clone();
        self.history.push(Written { at, property, value, by });
    }

    /// Says a property unasked, if there is a line for that.
    fn announce(&mut self, now: Instant, property: PropertyId, choices: &mut dyn Choices) {
        let about = |pattern: &Pattern| pattern.properties().any(|said| said == property);
        let line = self.table.heard().filter(|pattern| about(pattern)).find_map(|pattern| self.written(pattern));
        if let Some(line) = line {
            self.say(now, &line, choices);
        }
    }

    /// The line that says how things are.
    fn written(&self, pattern: &Pattern) -> Option<String> {
        let value = |property: PropertyId| {
            let value = &self.values[property.0];
            if value.is_null() { Err(Unfit("not known".to_owned())) } else { Ok(value) }
        };
        let mut line = String::new();
        pattern.write(value, |_| Ok(()), &mut line).ok().map(|()| line)
    }

    fn say(&mut self, now: Instant, line: &str, choices: &mut dyn Choices) {
        let wire = self.table.wire();
        let end = match &wire.framing {
            Framing::Newline => "\r\n",
            Framing::Terminator(terminator) => terminator,
            Framing::Length(_) | Framing::IdleGap(_) => "",
        };
        let mut bytes = Vec::new();
        // What a table cannot encode, it does not have.
        let _ = wire.encoding.encode(line, &mut bytes).and_then(|()| wire.encoding.encode(end, &mut bytes));
        let pause = if let Framing::IdleGap(gap) = wire.framing { gap * 2 } else { Duration::ZERO };
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

/// How lines to the device are cut.
fn heard_by_device(wire: &Wire) -> Wire {
    let mut heard = wire.clone();
    heard.framing = if wire.ending.is_empty() {
        Framing::IdleGap(Duration::from_millis(1))
    } else {
        Framing::Terminator(wire.ending.clone())
    };
    heard
}
