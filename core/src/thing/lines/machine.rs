//! The exchange machine: who speaks next, what is waited for, and what a line means.
//!
//! At most one line that is to be answered is out. Every line that comes is read, whatever is waited for: what does not
//! answer is heard all the same, and nothing else ends a wait than its own answer, a refusal, or time.

use core::mem;
use std::collections::VecDeque;

use serde_json::Value;

use super::asking::Asking;
use super::attempts::{Attempts, Stage};
use super::codec::shortened;
use super::framer::{Framed, Framer};
use super::front::{Asked, Confirming, Front, Meaning};
use crate::Instant;
use crate::thing::{ComponentAction, ComponentEvent, Failure, Note, PropertyId, SetId};

/// So many commands may go before a question that waits.
const COMMANDS_IN_A_ROW: u32 = 3;

/// How many lines may be waited for to come back.
const ECHOES_MAX: usize = 8;

/// Characters of a line in a note.
pub(super) const SHOWN_MAX: usize = 80;

pub(super) struct Machine<F> {
    pub(super) front: F,
    framer: Framer,
    up: bool,
    /// What each property was last heard to be, since the device is there.
    pub(super) known: Vec<Option<Value>>,
    pub(super) asking: Asking,
    pub(super) attempts: Attempts,
    pub(super) exchange: Option<Exchange>,
    /// The device is left alone until then.
    pub(super) quiet_until: Instant,
    /// Commands since a question began to wait.
    in_a_row: u32,
    pub(super) held: bool,
    /// The command that a no would be about, when nothing is out: the device has said nothing since.
    pub(super) refusable: Option<(PropertyId, SetId)>,
    /// What the device will say back before it says anything to it.
    echoes: VecDeque<String>,
    heard: Vec<(PropertyId, Value)>,
    scratch: String,
}

/// A line that is out and is to be answered.
pub(super) struct Exchange {
    pub(super) asked: Asked,
    lines_left: u32,
    /// An answer that has begun may take until then.
    latest: Instant,
    deadline: Instant,
}

impl<F: Front> Machine<F> {
    pub(super) fn new(front: F) -> Self {
        let (properties, questions) = (front.properties().len(), front.questions().len());
        Self {
            framer: Framer::new(front.wire(), front.timing().byte_timeout),
            up: false,
            known: vec![None; properties],
            asking: Asking::new(questions),
            attempts: Attempts::new(properties),
            exchange: None,
            quiet_until: Instant::EPOCH,
            in_a_row: 0,
            held: false,
            refusable: None,
            echoes: VecDeque::new(),
            heard: Vec::new(),
            scratch: String::new(),
            front,
        }
    }

    pub(super) fn handle(&mut self, now: Instant, event: ComponentEvent<'_>, actions: &mut Vec<ComponentAction>) {
        match event {
            ComponentEvent::Up => self.up(now, actions),
            ComponentEvent::Down => self.down(actions),
            ComponentEvent::Received(bytes) if self.up => self.receive(now, bytes, actions),
            ComponentEvent::Received(_) | ComponentEvent::Wake => {}
            ComponentEvent::Set { id, property, value } => self.set(id, property, value, actions),
            ComponentEvent::Refresh => self.asking.refresh(now),
        }
        if self.up {
            self.expire(now, actions);
            self.speak(now, actions);
        }
    }

    /// The device is there, and may be another one than before.
    fn up(&mut self, now: Instant, actions: &mut Vec<ComponentAction>) {
        self.down(actions);
        self.up = true;
        self.front.restart();
        self.asking.start(now, self.front.questions());
        self.quiet_until = now;
    }

    fn down(&mut self, actions: &mut Vec<ComponentAction>) {
        self.up = false;
        self.framer.reset();
        self.exchange = None;
        self.held = false;
        self.refusable = None;
        self.echoes.clear();
        self.in_a_row = 0;
        self.known.fill(None);
        self.attempts.fail_all(&Failure::Down, actions);
    }

    fn set(&mut self, id: SetId, property: PropertyId, value: &Value, actions: &mut Vec<ComponentAction>) {
        let failure = if !self.up {
            Some(Failure::Down)
        } else if property.0 < self.attempts.len() {
            self.front.say(property, value, &self.known).err().map(Failure::Unfit)
        } else {
            Some(Failure::Unfit(crate::thing::Unfit("there is no such property".to_owned())))
        };
        if let Some(failure) = failure {
            actions.push(ComponentAction::Failed(id, failure));
            return;
        }
        let front = &self.front;
        let before = self.attempts.add(id, property, value, |earlier| front.same(property, earlier, value), actions);
        // The same wish again goes on where the other one was.
        let goes_on = self.attempts.get(property).is_some_and(|attempt| attempt.stage != Stage::Waiting);
        if let Some(before) = before.filter(|_| goes_on) {
            if let Some(exchange) = self.exchange.as_mut().filter(|out| out.asked == Asked::Command(property, before)) {
                exchange.asked = Asked::Command(property, id);
            }
            if self.refusable == Some((property, before)) {
                self.refusable = Some((property, id));
            }
        }
    }

    fn receive(&mut self, now: Instant, mut bytes: &[u8], actions: &mut Vec<ComponentAction>) {
        self.silence(now, actions);
        let mut framer = mem::take(&mut self.framer);
        while let Some(framed) = framer.next(now, &mut bytes) {
            self.framed(now, framed, actions);
        }
        self.framer = framer;
    }

    /// What silence means to a line that has begun.
    fn silence(&mut self, now: Instant, actions: &mut Vec<ComponentAction>) {
        let mut framer = mem::take(&mut self.framer);
        if let Some(framed) = framer.expire(now) {
            self.framed(now, framed, actions);
        }
        self.framer = framer;
    }

    fn framed(&mut self, now: Instant, framed: Framed<'_>, actions: &mut Vec<ComponentAction>) {
        match framed {
            Framed::Line(bytes) => {
                let mut scratch = mem::take(&mut self.scratch);
                match self.front.wire().encoding.decode(bytes, &mut scratch) {
                    Some(line) => self.line(now, line, actions),
                    None => actions.push(not_understood(&String::from_utf8_lossy(bytes))),
                }
                self.scratch = scratch;
            }
            Framed::TooLong => {
                let max = self.front.wire().line_max;
                actions.push(ComponentAction::Note(Note::TooLong { max }));
            }
            Framed::Broken(bytes) => actions.push(broken(bytes)),
        }
    }

    fn line(&mut self, now: Instant, line: &str, actions: &mut Vec<ComponentAction>) {
        if let Some(echoed) = self.echoes.iter().position(|said| said == line) {
            // What was said before it will not come back any more.
            self.echoes.drain(..=echoed);
            return;
        }
        let asked = self.exchange.as_ref().map(|exchange| exchange.asked);
        let mut heard = mem::take(&mut self.heard);
        let meaning = self.front.read(line, asked, &mut heard);
        for (property, value) in heard.drain(..) {
            self.heard(now, property, value, actions);
        }
        self.heard = heard;
        match meaning {
            Meaning::Heard { answers: true } => self.answered(now, actions),
            Meaning::Heard { answers: false } => {}
            Meaning::Agreed => self.agreed(now, actions),
            Meaning::Refused => self.refused(now, line, actions),
            // After a terminator of two halves, as it were.
            Meaning::Unknown if line.is_empty() => {}
            Meaning::Unknown => actions.push(not_understood(line)),
        }
    }

    /// The device says what a property is.
    fn heard(&mut self, now: Instant, property: PropertyId, value: Value, actions: &mut Vec<ComponentAction>) {
        let Some(known) = self.known.get_mut(property.0) else { return };
        if known.as_ref() != Some(&value) {
            *known = Some(value.clone());
            if self.front.refreshes(property) {
                self.asking.refresh(now);
            }
        }
        let shown = self.attempts.get(property).is_some_and(|attempt| {
            let reads_back =
                self.front.orders(property).is_some_and(|orders| matches!(orders.confirm, Confirming::ReadBack { .. }));
            attempt.told != 0 && reads_back && self.front.same(property, &attempt.value, &value)
        });
        actions.push(ComponentAction::Heard(property, value));
        if shown {
            actions.extend(self.attempts.end(property).map(ComponentAction::Done));
            self.calm(property);
        }
    }

    /// One of the lines came that were waited for.
    fn answered(&mut self, now: Instant, actions: &mut Vec<ComponentAction>) {
        self.refusable = None;
        let Some(exchange) = &mut self.exchange else { return };
        exchange.lines_left = exchange.lines_left.saturating_sub(1);
        if exchange.lines_left != 0 {
            // Each line has its own time.
            let patience = self.front.timing().reply_timeout;
            (exchange.deadline, exchange.latest) = (now + patience, now + patience.saturating_mul(2));
            return;
        }
        let asked = exchange.asked;
        self.end_exchange(now);
        match asked {
            Asked::Question(question) => {
                self.asking.answered(question);
                self.looked(now, question);
            }
            Asked::Command(property, id) => self.told(now, property, id, actions),
        }
    }

    pub(super) fn end_exchange(&mut self, now: Instant) {
        self.exchange = None;
        self.echoes.clear();
        self.quiet_until = now + self.front.timing().gap;
    }

    /// All that time brings.
    fn expire(&mut self, now: Instant, actions: &mut Vec<ComponentAction>) {
        self.silence(now, actions);
        if self.exchange.as_ref().is_some_and(|exchange| exchange.deadline <= now) {
            self.unanswered(now, actions);
        }
        let hold = self.front.holds(&self.known);
        match (self.held, hold) {
            (false, Some(every)) => self.asking.poll_soon(now, every),
            (true, None) => self.released(now),
            (true, Some(_)) | (false, None) => {}
        }
        self.held = hold.is_some();
        self.asking.expire(now, self.front.questions(), hold);
    }

    /// The time for an answer is over, unless one has begun.
    fn unanswered(&mut self, now: Instant, actions: &mut Vec<ComponentAction>) {
        let Some(exchange) = &mut self.exchange else { return };
        let ends = self.framer.next_deadline().filter(|_| self.framer.in_line());
        if let Some(ends) = ends.map(|ends| ends.min(exchange.latest)).filter(|ends| *ends > now) {
            exchange.deadline = ends;
            return;
        }
        let asked = exchange.asked;
        if let Some(Framed::Broken(bytes)) = self.framer.break_off() {
            actions.push(broken(bytes));
        }
        let timing = self.front.timing().clone();
        self.exchange = None;
        self.echoes.clear();
        self.quiet_until = now + timing.cool_down.unwrap_or(timing.gap);
        match asked {
            Asked::Question(question) => {
                if self.asking.unanswered(now, question, timing.attempts, timing.ask_silent) {
                    let question = self.front.questions()[question].line.clone();
                    actions.push(ComponentAction::Note(Note::Silent { question }));
                }
                self.looked(now, question);
            }
            Asked::Command(property, id) => self.not_acknowledged(now, property, id, actions),
        }
    }

    /// Says what may be said now.
    fn speak(&mut self, now: Instant, actions: &mut Vec<ComponentAction>) {
        loop {
            // What was just told may have to be looked at.
            self.judge(now, actions);
            if self.exchange.is_some() || now < self.quiet_until {
                return;
            }
            match self.next_to_say() {
                Some(Asked::Question(question)) => self.ask(now, question, actions),
                Some(Asked::Command(property, id)) => self.tell(now, property, id, actions),
                None => return,
            }
        }
    }

    /// Commands go first; but what shows whether one was obeyed goes before, and nothing waits for ever.
    fn next_to_say(&self) -> Option<Asked> {
        let question = self.asking.first(|question| self.front.asks(question, &self.known));
        let command = self.attempts.first_waiting().filter(|_| !self.held);
        match (question, command) {
            (Some((question, true)), _) => Some(Asked::Question(question)),
            (Some((question, false)), Some(_)) if self.in_a_row >= COMMANDS_IN_A_ROW => Some(Asked::Question(question)),
            (_, Some((property, attempt))) => Some(Asked::Command(property, attempt.id)),
            (Some((question, false)), None) => Some(Asked::Question(question)),
            (None, None) => None,
        }
    }

    fn ask(&mut self, now: Instant, question: usize, actions: &mut Vec<ComponentAction>) {
        if !self.asking.is_urgent(question) {
            self.in_a_row = 0;
        }
        self.asking.sent(question);
        let asked = &self.front.questions()[question];
        let (line, awaits) = (asked.line.clone(), asked.awaits);
        self.say(now, Asked::Question(question), line, awaits, actions);
    }

    /// Sends a line, and waits for as many lines.
    pub(super) fn say(
        &mut self,
        now: Instant,
        asked: Asked,
        line: String,
        awaits: u32,
        actions: &mut Vec<ComponentAction>,
    ) {
        // Lines are checked before: questions when the table is built, commands when they are made.
        let Ok(bytes) = self.front.wire().encode(&line) else { return };
        actions.push(ComponentAction::Send(bytes));
        if matches!(asked, Asked::Command(..)) {
            self.in_a_row = self.in_a_row.saturating_add(1);
        }
        let timing = self.front.timing();
        self.quiet_until = now + timing.gap;
        if awaits != 0 {
            let (deadline, latest) = (now + timing.reply_timeout, now + timing.reply_timeout.saturating_mul(2));
            self.exchange = Some(Exchange { asked, lines_left: awaits, latest, deadline });
        }
        if self.front.wire().echoes {
            if self.echoes.len() == ECHOES_MAX {
                self.echoes.pop_front();
            }
            self.echoes.push_back(line);
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        if !self.up {
            return None;
        }
        let spoken = match &self.exchange {
            Some(exchange) => Some(exchange.deadline),
            None => self.next_to_say().map(|_| self.quiet_until),
        };
        [spoken, self.framer.next_deadline(), self.asking.next_deadline(), self.next_judgement()]
            .into_iter()
            .flatten()
            .min()
    }
}

fn not_understood(line: &str) -> ComponentAction {
    ComponentAction::Note(Note::NotUnderstood { line: shortened(line, SHOWN_MAX) })
}

fn broken(bytes: &[u8]) -> ComponentAction {
    ComponentAction::Note(Note::Broken { line: shortened(&String::from_utf8_lossy(bytes), SHOWN_MAX) })
}
