//! A door sensor: the logic under test.

use core::time::Duration;
use std::collections::VecDeque;

use thingwire_core::{Instant, Notice, Outcome, Publish, Qos, Ticket, Topic};
use thingwire_sim::broker::Message;
use thingwire_sim::world::{Application, Hands};

/// How often somebody comes or goes.
const OFTEN: Duration = Duration::from_secs(7);
/// When something that was refused is tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// What the sensor does with a change that the client does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhenRefused {
    /// Tries again later.
    TryAgain,
    /// Goes on with the next: the mistake that a check has to find.
    Forget,
}

/// Tells every change of the door to the cloud, in order: one at a time, until it is acknowledged.
#[derive(Debug)]
pub(crate) struct Door {
    when_refused: WhenRefused,
    /// Changes so far; each has a number, from 1.
    changes: u64,
    next_change: Option<Instant>,
    /// Changes that are not acknowledged.
    waiting: VecDeque<u64>,
    /// The message that is on its way.
    ticket: Option<Ticket>,
    retry_at: Option<Instant>,
    sticks_at: Option<u64>,
    /// What the cloud has seen.
    cloud: Cloud,
}

/// The cloud side: how many changes have come, each after the one before.
#[derive(Debug, Default)]
struct Cloud {
    seen: u64,
    /// A change that came, and the one that had to.
    gap: Option<(u64, u64)>,
}

impl Door {
    pub(crate) fn new(when_refused: WhenRefused) -> Self {
        Self {
            when_refused,
            changes: 0,
            next_change: None,
            waiting: VecDeque::new(),
            ticket: None,
            retry_at: None,
            sticks_at: None,
            cloud: Cloud::default(),
        }
    }

    /// Panics at this change.
    pub(crate) fn that_sticks_at(self, change: u64) -> Self {
        Self { sticks_at: Some(change), ..self }
    }

    fn change(&mut self, hands: &Hands<'_>) {
        self.changes += 1;
        assert!(self.sticks_at != Some(self.changes), "the door sticks");
        self.waiting.push_back(self.changes);
        self.next_change = Some(hands.now() + OFTEN);
    }

    /// Sends the oldest change that is not acknowledged, unless it is on its way.
    fn tell(&mut self, hands: &mut Hands<'_>) {
        self.retry_at = None;
        while self.ticket.is_none() {
            let Some(change) = self.waiting.front() else { return };
            let state = if change % 2 == 1 { "open" } else { "closed" };
            let payload = format!("{{\"change\":{change},\"door\":\"{state}\"}}");
            let topic = Topic::new(format!("home/{}/door", hands.device())).unwrap();
            match (hands.publish(Publish::new(topic, payload).qos(Qos::AtLeastOnce)), self.when_refused) {
                (Ok(ticket), _) => self.ticket = Some(ticket),
                (Err(_), WhenRefused::TryAgain) => {
                    self.retry_at = Some(hands.now() + AGAIN);
                    return;
                }
                (Err(_), WhenRefused::Forget) => drop(self.waiting.pop_front()),
            }
        }
    }
}

impl Application for Door {
    fn begin(&mut self, hands: &mut Hands<'_>) {
        self.change(hands);
        self.tell(hands);
    }

    fn told(&mut self, hands: &mut Hands<'_>, notice: &Notice) {
        let Notice::Done { ticket, outcome } = notice else { return };
        if self.ticket != Some(*ticket) {
            return;
        }
        self.ticket = None;
        if *outcome == Outcome::Acked {
            self.waiting.pop_front();
        }
        self.tell(hands);
    }

    fn wake(&mut self, hands: &mut Hands<'_>) {
        if self.next_change.is_some_and(|at| at <= hands.now()) {
            self.change(hands);
        }
        self.tell(hands);
    }

    fn deadline(&self) -> Option<Instant> {
        self.next_change.into_iter().chain(self.retry_at).min()
    }

    fn arrived(&mut self, message: &Message) {
        let text = std::str::from_utf8(&message.payload).unwrap();
        let number = text.split([':', ',']).nth(1).unwrap().parse().unwrap();
        let expected = self.cloud.seen + 1;
        if number == expected {
            self.cloud.seen = number;
        } else if number > expected && self.cloud.gap.is_none() {
            self.cloud.gap = Some((number, expected));
        }
    }

    fn healed(&mut self, _: &mut Hands<'_>) {
        self.next_change = None;
    }

    fn verify(&self) -> Result<(), String> {
        if let Some((came, expected)) = self.cloud.gap {
            return Err(format!("change {expected} has not arrived, and change {came} has"));
        }
        if self.cloud.seen < self.changes {
            return Err(format!("change {} of {} has not arrived", self.cloud.seen + 1, self.changes));
        }
        Ok(())
    }
}
