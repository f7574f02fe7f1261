//! Finds lines that two templates of a table would both read.
//!
//! Each template is a small automaton, a little more generous than the template itself; lines that both of two automata
//! take are tried on the templates.

use std::collections::VecDeque;

use super::codec::Codec;
use super::mistake::{Mistake, Place};
use super::patterns::sample_lines;
use super::reader::{How, Reader};
use super::template::{Pattern, Piece};

/// How often the search comes through one state, and so how many lines are tried for each two templates.
const VISITS_MAX: u32 = 40;

/// Lines that two templates can both read. `others` read lines that are about no property: one of them may be another's.
pub(super) fn overlaps(readers: &[Reader], others: &[(Place, &Pattern)]) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let always: Vec<_> = readers.iter().filter(|reader| reader.always).collect();
    for (place, reader) in always.iter().enumerate() {
        for earlier in &always[..place] {
            mistakes.extend(both(earlier, reader).map(|line| mistake(earlier, reader.place, &source(reader), &line)));
        }
        for (at, pattern) in others {
            mistakes.extend(with_pattern(reader, pattern).map(|line| mistake(reader, *at, pattern.source(), &line)));
        }
    }
    for (number, (at, pattern)) in others.iter().enumerate() {
        for (before, earlier) in &others[..number] {
            let kinds = |place: &Place| matches!(place, Place::Refusal(_));
            if kinds(at) != kinds(before) {
                let line = shared(earlier, pattern);
                mistakes.extend(line.map(|line| Mistake {
                    place: *at,
                    subject: pattern.source().to_owned(),
                    column: None,
                    problem: format!("it means yes, and {:?} means no, to {line:?}", earlier.source()),
                }));
            }
        }
    }
    mistakes
}

fn mistake(earlier: &Reader, place: Place, subject: &str, line: &str) -> Mistake {
    let problem = format!("it reads {line:?}, which {:?} reads as well", source(earlier));
    Mistake { place, subject: subject.to_owned(), column: None, problem }
}

fn source(reader: &Reader) -> String {
    match &reader.how {
        How::Pattern(pattern) => pattern.source().to_owned(),
        #[cfg(feature = "regex")]
        How::Regex(regex) => regex.source.clone(),
        How::Function(..) => "a function".to_owned(),
    }
}

fn both(one: &Reader, other: &Reader) -> Option<String> {
    match (one.pattern(), other.pattern()) {
        (_, Some(pattern)) => with_pattern(one, pattern),
        (Some(pattern), None) => with_pattern(other, pattern),
        // What expressions and functions read is not known before they do.
        (None, None) => None,
    }
}

fn with_pattern(reader: &Reader, pattern: &Pattern) -> Option<String> {
    match reader.pattern() {
        Some(own) => shared(own, pattern),
        None => {
            sample_lines(pattern).into_iter().map(|sample| sample.text).find(|line| reader.read(line, &mut Vec::new()))
        }
    }
}

/// A line that both read.
fn shared(one: &Pattern, other: &Pattern) -> Option<String> {
    let read = |line: &String| one.read(line, &mut Vec::new()) && other.read(line, &mut Vec::new());
    let samples = sample_lines(one).into_iter().chain(sample_lines(other));
    samples.map(|sample| sample.text).find(read).or_else(|| search(&Automaton::new(one), &Automaton::new(other), read))
}

/// One step of an automaton.
#[derive(Debug, Clone, Copy)]
enum Step {
    Nothing,
    One(char),
    /// Any character at all.
    Any,
    /// What numbers are made of.
    Numeric,
}

/// Digits first: they are what numbers usually begin with.
const NUMERIC: &str = "0123456789-+.ABCDEF";

struct Automaton {
    /// By state: where each step leads.
    steps: Vec<Vec<(Step, usize)>>,
    last: usize,
}

impl Automaton {
    fn new(pattern: &Pattern) -> Self {
        let mut this = Self { steps: vec![Vec::new()], last: 0 };
        for piece in &pattern.pieces {
            match piece {
                Piece::Text(text) => this.last = this.chain(this.last, text, None),
                Piece::Skip => this.repeat(Step::Any),
                Piece::Field(_, codec) => match &**codec {
                    Codec::Words(words) => {
                        let (from, to) = (this.last, this.state());
                        for (word, _) in words {
                            this.chain(from, word, Some(to));
                        }
                        this.last = to;
                    }
                    Codec::Number(_) | Codec::Decimal(_) => {
                        let (from, to) = (this.last, this.state());
                        this.steps[from].push((Step::Numeric, to));
                        this.steps[to].push((Step::Numeric, to));
                        this.last = to;
                    }
                    Codec::Text { .. } | Codec::Custom(_) => this.repeat(Step::Any),
                },
            }
        }
        this
    }

    fn state(&mut self) -> usize {
        self.steps.push(Vec::new());
        self.steps.len() - 1
    }

    /// Any number of these steps, or none.
    fn repeat(&mut self, step: Step) {
        let own = self.state();
        self.steps[self.last].push((Step::Nothing, own));
        self.steps[own].push((step, own));
        self.last = own;
    }

    /// A chain of characters from one state to another, or to a new one.
    fn chain(&mut self, from: usize, text: &str, to: Option<usize>) -> usize {
        let mut at = from;
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            let next = match to {
                Some(to) if characters.peek().is_none() => to,
                _ => self.state(),
            };
            self.steps[at].push((Step::One(character), next));
            at = next;
        }
        at
    }
}

/// Goes through both at once, shortest lines first, until a line is found that is really read by both.
fn search(one: &Automaton, other: &Automaton, read: impl Fn(&String) -> bool) -> Option<String> {
    let mut visits_left = vec![VISITS_MAX; one.steps.len() * other.steps.len()];
    let mut waiting = VecDeque::from([(0, 0, String::new())]);
    while let Some((at, beside, line)) = waiting.pop_front() {
        let left = &mut visits_left[at * other.steps.len() + beside];
        let Some(fewer) = left.checked_sub(1) else { continue };
        *left = fewer;
        if (at, beside) == (one.last, other.last) && read(&line) {
            return Some(line);
        }
        for (step, next) in &one.steps[at] {
            if matches!(step, Step::Nothing) {
                waiting.push_back((*next, beside, line.clone()));
                continue;
            }
            for (beside_step, beside_next) in &other.steps[beside] {
                for character in common(*step, *beside_step) {
                    waiting.push_back((*next, *beside_next, format!("{line}{character}")));
                }
            }
        }
        for (_, next) in other.steps[beside].iter().filter(|(step, _)| matches!(step, Step::Nothing)) {
            waiting.push_back((at, *next, line.clone()));
        }
    }
    None
}

/// Characters that both steps take; some of them, where there are many.
fn common(one: Step, other: Step) -> Vec<char> {
    match (one, other) {
        (Step::Nothing, _) | (_, Step::Nothing) => Vec::new(),
        (Step::One(character), Step::One(same)) => (character == same).then_some(character).into_iter().collect(),
        (Step::One(character), Step::Any) | (Step::Any, Step::One(character)) => vec![character],
        (Step::One(character), Step::Numeric) | (Step::Numeric, Step::One(character)) => {
            NUMERIC.contains(character.to_ascii_uppercase()).then_some(character).into_iter().collect()
        }
        (Step::Any, Step::Any) => vec!['0', 'x'],
        (Step::Numeric, _) | (_, Step::Numeric) => NUMERIC.chars().collect(),
    }
}
