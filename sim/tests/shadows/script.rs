//! An application that does what a test says, and remembers what it was told.

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use thingwire_core::{Instant, Notice, Outcome, ShadowEvent, ShadowName, Ticket};
use thingwire_sim::run::{Run, run_with};
use thingwire_sim::scenario;
use thingwire_sim::world::{Application, Hands};

type Step = fn(&mut Hands<'_>);
type Reaction = fn(&mut Hands<'_>, &Notice);

/// What the application was told, and when.
pub(crate) type Told = Vec<(Duration, Notice)>;

struct Script {
    steps: VecDeque<(Instant, Step)>,
    reaction: Reaction,
    told: Arc<Mutex<Told>>,
}

impl Application for Script {
    fn told(&mut self, hands: &mut Hands<'_>, notice: &Notice) {
        self.told.lock().unwrap().push((hands.now().since(Instant::EPOCH), notice.clone()));
        (self.reaction)(hands, notice);
    }

    fn wake(&mut self, hands: &mut Hands<'_>) {
        while let Some((_, step)) = self.steps.pop_front_if_due(hands.now()) {
            step(hands);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.steps.front().map(|(at, _)| *at)
    }

    fn verify(&self) -> Result<(), String> {
        Ok(())
    }
}

trait Due {
    fn pop_front_if_due(&mut self, now: Instant) -> Option<(Instant, Step)>;
}

impl Due for VecDeque<(Instant, Step)> {
    fn pop_front_if_due(&mut self, now: Instant) -> Option<(Instant, Step)> {
        self.front().filter(|(at, _)| *at <= now)?;
        self.pop_front()
    }
}

/// The classic shadow of a lamp.
pub(crate) fn lamp() -> ShadowName {
    ShadowName::classic("lamp").unwrap()
}

/// Runs these steps, at milliseconds from the beginning, in a world with these faults. Nothing may be found.
pub(crate) fn run(faults: &str, steps: &[(u64, Step)], reaction: Reaction) -> (Run, Told) {
    let text = format!("name = \"shadows\"\nduration = \"1m\"\nheal = \"2m\"\n{faults}");
    let plan = scenario::read("shadows", &text, None).unwrap_or_else(|error| panic!("{error}")).plan;
    let told = Arc::new(Mutex::new(Told::new()));
    let make = |_| -> Box<dyn Application> {
        let steps = steps.iter().map(|(at, step)| (Instant::EPOCH + Duration::from_millis(*at), *step)).collect();
        Box::new(Script { steps, reaction, told: Arc::clone(&told) })
    };
    let run = run_with(&plan, true, &make).unwrap();
    assert_eq!(run.findings, []);
    let told = told.lock().unwrap().clone();
    (run, told)
}

pub(crate) fn nothing(_: &mut Hands<'_>, _: &Notice) {}

/// The ends of operations, in order.
pub(crate) fn ends(told: &Told) -> Vec<(Duration, Ticket, Outcome)> {
    let end = |(at, notice): &(Duration, Notice)| match notice {
        Notice::Done { ticket, outcome } => Some((*at, *ticket, outcome.clone())),
        _ => None,
    };
    told.iter().filter_map(end).collect()
}

/// What was told of watched shadows, in order.
pub(crate) fn events(told: &Told) -> Vec<ShadowEvent> {
    let event = |(_, notice): &(Duration, Notice)| match notice {
        Notice::Shadow(news) => Some(news.event.clone()),
        _ => None,
    };
    told.iter().filter_map(event).collect()
}
