//! What is to be asked, and when.

use core::time::Duration;

use crate::Instant;
use crate::thing::PropertyId;

use super::front::Question;

/// Where a question stands.
#[derive(Debug, Clone, Default)]
struct Standing {
    /// Since when it waits to be asked.
    due: Option<Instant>,
    /// It is to show whether a command was obeyed, and comes first.
    urgent: bool,
    /// When it is due the next time.
    next: Option<Instant>,
    /// How often in a row it was not answered.
    unanswered: u32,
    /// That it is not answered was said.
    silent: bool,
}

/// What is to be asked, and when. Polls have their own times, whatever else goes on.
#[derive(Debug, Clone)]
pub(super) struct Asking {
    standings: Vec<Standing>,
}

impl Asking {
    pub(super) fn new(count: usize) -> Self {
        Self { standings: vec![Standing::default(); count] }
    }

    /// Everything is to be read, for the first time.
    pub(super) fn start(&mut self, now: Instant, questions: &[Question]) {
        for (standing, question) in self.standings.iter_mut().zip(questions) {
            let next = question.every.map(|every| now + every);
            *standing = Standing { due: Some(now), next, ..Standing::default() };
        }
    }

    /// Everything is to be read as soon as may be.
    pub(super) fn refresh(&mut self, now: Instant) {
        for standing in &mut self.standings {
            standing.due.get_or_insert(now);
        }
    }

    /// This one is to be asked before anything else.
    pub(super) fn hurry(&mut self, question: usize) {
        self.standings[question].urgent = true;
    }

    /// This one may wait for its turn.
    pub(super) fn calm(&mut self, question: usize) {
        self.standings[question].urgent = false;
    }

    pub(super) fn is_urgent(&self, question: usize) -> bool {
        self.standings[question].urgent
    }

    /// The commands wait for the device: it is asked this often meanwhile.
    pub(super) fn poll_soon(&mut self, now: Instant, every: Duration) {
        for standing in &mut self.standings {
            let soon = now + every;
            standing.next = Some(standing.next.map_or(soon, |next| next.min(soon)));
        }
    }

    /// What has become due by now. During a `hold`, everything is asked that often, too.
    pub(super) fn expire(&mut self, now: Instant, questions: &[Question], hold: Option<Duration>) {
        for (standing, question) in self.standings.iter_mut().zip(questions) {
            if standing.next.is_some_and(|next| next <= now) {
                standing.due.get_or_insert(now);
                let every = question.every.into_iter().chain(hold).min();
                standing.next = every.map(|every| now + every);
            }
        }
    }

    /// Which question is next: an urgent one, or the one that has waited longest.
    pub(super) fn first(&self, asks: impl Fn(usize) -> bool) -> Option<(usize, bool)> {
        let standings = || self.standings.iter().enumerate();
        let urgent = standings().find(|(question, standing)| standing.urgent && asks(*question));
        let due = || {
            let due = standings().filter(|(question, standing)| standing.due.is_some() && asks(*question));
            due.min_by_key(|(_, standing)| standing.due)
        };
        urgent.map(|(question, _)| (question, true)).or_else(|| due().map(|(question, _)| (question, false)))
    }

    pub(super) fn sent(&mut self, question: usize) {
        let standing = &mut self.standings[question];
        (standing.due, standing.urgent) = (None, false);
    }

    pub(super) fn answered(&mut self, question: usize) {
        let standing = &mut self.standings[question];
        (standing.unanswered, standing.silent) = (0, false);
    }

    /// There was no answer in time. Returns whether that is news, after the last of the attempts.
    pub(super) fn unanswered(&mut self, now: Instant, question: usize, attempts: u32, ask_silent: Duration) -> bool {
        let standing = &mut self.standings[question];
        standing.unanswered += 1;
        if standing.unanswered < attempts {
            standing.due.get_or_insert(now);
            return false;
        }
        standing.unanswered = 0;
        standing.next.get_or_insert(now + ask_silent);
        !core::mem::replace(&mut standing.silent, true)
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.standings.iter().filter_map(|standing| standing.next).min()
    }

    /// The question that reads a property, among those that make sense now.
    pub(super) fn that_reads(
        questions: &[Question],
        property: PropertyId,
        asks: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let mut questions = questions.iter().enumerate();
        questions.find(|(place, question)| question.reads.contains(&property) && asks(*place)).map(|(place, _)| place)
    }
}
