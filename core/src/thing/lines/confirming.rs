//! How a command becomes something that has happened.

use super::asking::Asking;
use super::attempts::Stage;
use super::codec::shortened;
use super::front::{Asked, Confirming, Front};
use super::machine::{Machine, SHOWN_MAX};
use crate::Instant;
use crate::thing::{ComponentAction, Failure, Note, PropertyId, SetId};

impl<F: Front> Machine<F> {
    /// Tells the device what a property is to be.
    pub(super) fn tell(&mut self, now: Instant, property: PropertyId, id: SetId, actions: &mut Vec<ComponentAction>) {
        let Some(orders) = self.front.orders(property).copied() else { return };
        let Some(attempt) = self.attempts.named(property, id) else { return };
        let line = match self.front.say(property, &attempt.value, &self.known) {
            Ok(line) => line,
            Err(unfit) => return self.fail(property, Failure::Unfit(unfit), actions),
        };
        attempt.told += 1;
        attempt.stage = Stage::Told;
        self.refusable = Some((property, id));
        self.say(now, Asked::Command(property, id), line, u32::from(orders.awaits), actions);
        if !orders.awaits {
            self.told(now, property, id, actions);
        }
    }

    /// The device has heard it, as far as anybody can tell.
    pub(super) fn told(&mut self, now: Instant, property: PropertyId, id: SetId, actions: &mut Vec<ComponentAction>) {
        let Some(orders) = self.front.orders(property).copied() else { return };
        let Some(attempt) = self.attempts.named(property, id) else { return };
        match orders.confirm {
            Confirming::ReadBack { within } => attempt.stage = Stage::Shown { until: now + within, ask: Some(now) },
            Confirming::Acknowledged | Confirming::Said => {
                actions.extend(self.attempts.end(property).map(ComponentAction::Done));
            }
        }
    }

    /// The device says yes: to the command that is out, if one is.
    pub(super) fn agreed(&mut self, now: Instant, actions: &mut Vec<ComponentAction>) {
        let asked = self.exchange.as_ref().map(|exchange| exchange.asked);
        if let Some(Asked::Command(property, id)) = asked {
            self.end_exchange(now);
            self.told(now, property, id, actions);
        }
    }

    /// The device says no: to what is out, or to the command before.
    pub(super) fn refused(&mut self, now: Instant, line: &str, actions: &mut Vec<ComponentAction>) {
        let line = shortened(line, SHOWN_MAX);
        let asked = self.exchange.as_ref().map(|exchange| exchange.asked);
        let told = match asked {
            Some(Asked::Command(property, id)) => {
                self.end_exchange(now);
                Some((property, id))
            }
            // A question that reads a command back goes out before the device has said anything to the command.
            Some(Asked::Question(_)) | None => self.refusable,
        };
        self.refusable = None;
        if let Some((property, id)) = told {
            if self.attempts.named(property, id).is_some() {
                return self.fail(property, Failure::Refused { line }, actions);
            }
        }
        let mut question = None;
        if let Some(Asked::Question(asked)) = asked {
            self.end_exchange(now);
            self.asking.answered(asked);
            self.looked(now, asked);
            question = Some(self.front.questions()[asked].line.clone());
        }
        actions.push(ComponentAction::Note(Note::Refused { question, line }));
    }

    /// The device did not say what it says to a command.
    pub(super) fn not_acknowledged(
        &mut self,
        now: Instant,
        property: PropertyId,
        id: SetId,
        actions: &mut Vec<ComponentAction>,
    ) {
        let reads_back =
            matches!(self.front.orders(property).map(|orders| orders.confirm), Some(Confirming::ReadBack { .. }));
        if reads_back {
            // It may have obeyed all the same: that is looked at.
            self.told(now, property, id, actions);
        } else if self.attempts.named(property, id).is_some() {
            self.again(property, actions);
        }
    }

    /// Tells it once more, unless it was told often enough.
    fn again(&mut self, property: PropertyId, actions: &mut Vec<ComponentAction>) {
        let attempts_max = self.front.timing().attempts;
        let Some(attempt) = self.attempts.get_mut(property) else { return };
        let attempts = attempt.told;
        if attempts < attempts_max {
            attempt.stage = Stage::Waiting;
        } else {
            self.fail(property, Failure::NoAnswer { attempts }, actions);
        }
    }

    fn fail(&mut self, property: PropertyId, why: Failure, actions: &mut Vec<ComponentAction>) {
        actions.extend(self.attempts.end(property).map(|id| ComponentAction::Failed(id, why)));
    }

    /// A question was answered, or not: what it did not show yet is asked for again a little later.
    pub(super) fn looked(&mut self, now: Instant, question: usize) {
        let again = now + self.front.timing().ask_again;
        for property in &self.front.questions()[question].reads {
            let stage = self.attempts.get_mut(*property).map(|attempt| &mut attempt.stage);
            if let Some(Stage::Shown { until, ask }) = stage {
                *ask = Some(again).filter(|again| *again < *until);
            }
        }
    }

    /// The device takes commands again, and only now has its time to show what it was told before.
    pub(super) fn released(&mut self, now: Instant) {
        for place in 0..self.attempts.len() {
            let property = PropertyId(place);
            let orders = self.front.orders(property).copied();
            let stage = self.attempts.get_mut(property).map(|attempt| &mut attempt.stage);
            if let (Some(Stage::Shown { until, ask }), Some(Confirming::ReadBack { within })) =
                (stage, orders.map(|orders| orders.confirm))
            {
                (*until, *ask) = (now + within, Some(now));
            }
        }
    }

    /// Looks whether what was told shows, and tells it again where the time for that is over.
    pub(super) fn judge(&mut self, now: Instant, actions: &mut Vec<ComponentAction>) {
        if self.held {
            return;
        }
        for place in 0..self.attempts.len() {
            let property = PropertyId(place);
            let Some(Stage::Shown { until, ask }) = self.attempts.get(property).map(|attempt| attempt.stage) else {
                continue;
            };
            if ask.is_some_and(|ask| ask <= now) {
                let asks = |question| self.front.asks(question, &self.known);
                if let Some(question) = Asking::that_reads(self.front.questions(), property, asks) {
                    self.asking.hurry(question);
                }
                if let Some(attempt) = self.attempts.get_mut(property) {
                    attempt.stage = Stage::Shown { until, ask: None };
                }
            }
            if until <= now && !self.is_looked_at(property) {
                self.again(property, actions);
            }
        }
    }

    /// A property shows what it is to be: it need not be looked at any more, unless others have to be with it.
    pub(super) fn calm(&mut self, property: PropertyId) {
        for (place, question) in self.front.questions().iter().enumerate() {
            let shown = |id: &PropertyId| self.attempts.get(*id).is_some_and(|attempt| attempt.stage != Stage::Waiting);
            if question.reads.contains(&property) && !question.reads.iter().any(shown) {
                self.asking.calm(place);
            }
        }
    }

    /// Whether the device is being asked for a property, or will be at once.
    fn is_looked_at(&self, property: PropertyId) -> bool {
        let questions = self.front.questions();
        let out = self.exchange.as_ref().map(|exchange| exchange.asked);
        questions.iter().enumerate().any(|(place, question)| {
            let soon = self.asking.is_urgent(place) && self.front.asks(place, &self.known);
            question.reads.contains(&property) && (soon || out == Some(Asked::Question(place)))
        })
    }

    /// When something is to be looked at, or told again.
    pub(super) fn next_judgement(&self) -> Option<Instant> {
        if self.held {
            return None;
        }
        let due = self.attempts.iter().filter_map(|(property, attempt)| match attempt.stage {
            Stage::Shown { until, ask } => {
                let until = Some(until).filter(|_| !self.is_looked_at(property));
                ask.into_iter().chain(until).min()
            }
            Stage::Waiting | Stage::Told => None,
        });
        due.min()
    }
}
