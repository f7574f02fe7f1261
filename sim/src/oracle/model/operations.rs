//! What the application has asked for and has not been told the end of.

use std::collections::VecDeque;

use thingwire_core::{Instant, Qos};

use crate::trace::{Name, Operation, Published};

/// An operation.
#[derive(Debug, Clone)]
pub(in crate::oracle) struct Op {
    pub(in crate::oracle) ticket: u64,
    pub(in crate::oracle) kind: Kind,
    pub(in crate::oracle) state: State,
    pub(in crate::oracle) expires_at: Option<Instant>,
    /// Whether any link has carried it.
    pub(in crate::oracle) was_sent: bool,
    /// Whether a newer one was sent although this one waited: it must have ended.
    pub(in crate::oracle) passed: bool,
    /// How many links the server closed while it was unanswered.
    pub(in crate::oracle) closes: u32,
    /// How many of them there were when nothing else was unanswered.
    pub(in crate::oracle) closes_when_alone: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::oracle) enum Kind {
    Publish(Published),
    Subscribe(Box<[(Name, Qos)]>),
    Unsubscribe(Box<[Name]>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::oracle) enum State {
    /// To be sent.
    Waiting,
    /// Sent, and without an answer.
    InFlight,
    /// Decided; the application has to be told.
    Decided,
    Ended,
}

impl Op {
    pub(in crate::oracle) fn publish(&self) -> Option<&Published> {
        match &self.kind {
            Kind::Publish(publish) => Some(publish),
            Kind::Subscribe(_) | Kind::Unsubscribe(_) => None,
        }
    }
}

/// Whether two are the same message, whatever packet carried them.
pub(in crate::oracle) fn same_message(a: &Published, b: &Published) -> bool {
    (a.topic, a.tag, a.len, a.qos, a.retain) == (b.topic, b.tag, b.len, b.qos, b.retain)
}

/// All operations that have not ended, in the order of their tickets.
#[derive(Debug, Default)]
pub(in crate::oracle) struct Operations {
    ops: VecDeque<Op>,
    live: usize,
    waiting: usize,
    /// Waiting, and never carried by any link.
    unsent: usize,
    last_ticket: u64,
    /// No operation before this ticket waits.
    first_waiting: u64,
}

/// Ended operations that are kept in any case: fewer are not worth moving the others.
const ENDED_KEPT: usize = 64;

impl Operations {
    pub(in crate::oracle) fn live(&self) -> usize {
        self.live
    }

    pub(in crate::oracle) fn waiting(&self) -> usize {
        self.waiting
    }

    pub(in crate::oracle) fn unsent(&self) -> usize {
        self.unsent
    }

    /// Those of the waiting that a link has carried before.
    pub(in crate::oracle) fn came_back(&self) -> usize {
        self.waiting - self.unsent
    }

    pub(in crate::oracle) fn last_ticket(&self) -> u64 {
        self.last_ticket
    }

    pub(in crate::oracle) fn iter(&self) -> impl Iterator<Item = &Op> {
        self.ops.iter().filter(|op| op.state != State::Ended)
    }

    pub(in crate::oracle) fn get(&self, ticket: u64) -> Option<&Op> {
        self.index(ticket).and_then(|index| self.ops.get(index)).filter(|op| op.state != State::Ended)
    }

    pub(super) fn accept(&mut self, ticket: u64, operation: &Operation) {
        let (kind, expires_at) = match operation {
            Operation::Publish(publish, expires_at) => (Kind::Publish(*publish), *expires_at),
            Operation::Subscribe(filters) => (Kind::Subscribe(filters.clone()), None),
            Operation::Unsubscribe(filters) => (Kind::Unsubscribe(filters.clone()), None),
            // These are outside of the queue.
            Operation::Shadow(_) | Operation::Watch(_) => {
                self.last_ticket = self.last_ticket.max(ticket);
                return;
            }
        };
        if ticket <= self.last_ticket {
            return;
        }
        self.last_ticket = ticket;
        self.live += 1;
        self.waiting += 1;
        self.unsent += 1;
        self.ops.push_back(Op {
            ticket,
            kind,
            state: State::Waiting,
            expires_at,
            was_sent: false,
            passed: false,
            closes: 0,
            closes_when_alone: 0,
        });
    }

    /// Moves an operation to another state.
    pub(super) fn set(&mut self, ticket: u64, state: State) {
        let Some(index) = self.index(ticket) else { return };
        let Some(op) = self.ops.get_mut(index).filter(|op| op.state != State::Ended) else { return };
        if op.state == State::Waiting {
            self.waiting -= 1;
            self.unsent -= usize::from(!op.was_sent);
        }
        op.was_sent |= state == State::InFlight;
        op.state = state;
        match state {
            State::Waiting => {
                self.waiting += 1;
                self.unsent += usize::from(!op.was_sent);
                self.first_waiting = self.first_waiting.min(ticket);
            }
            State::Ended => {
                self.live -= 1;
                self.forget();
            }
            State::InFlight | State::Decided => {}
        }
    }

    pub(super) fn closed(&mut self, ticket: u64, alone: bool) {
        if let Some(op) = self.index(ticket).and_then(|index| self.ops.get_mut(index)) {
            op.closes += 1;
            if alone {
                op.closes_when_alone = op.closes;
            }
        }
    }

    /// A newer operation was sent.
    pub(super) fn pass(&mut self, ticket: u64) {
        let from = self.lower_bound(self.first_waiting);
        let older = self.ops.range_mut(from..).take_while(|op| op.ticket < ticket);
        older.filter(|op| op.state == State::Waiting).for_each(|op| op.passed = true);
    }

    /// Undoes a first sending that was another operation's: one that asks for the same.
    pub(super) fn not_sent(&mut self, ticket: u64) -> Option<u64> {
        let mistaken = self.get(ticket).filter(|op| op.state == State::InFlight)?;
        let twin = self.queue().find(|op| op.kind == mistaken.kind && !op.was_sent)?.ticket;
        self.set(twin, State::InFlight);
        let index = self.index(ticket)?;
        let op = self.ops.get_mut(index)?;
        (op.state, op.was_sent, op.passed) = (State::Waiting, false, true);
        self.waiting += 1;
        self.unsent += 1;
        self.first_waiting = self.first_waiting.min(ticket);
        Some(twin)
    }

    /// The operations that wait, oldest first.
    pub(in crate::oracle) fn queue(&self) -> impl Iterator<Item = &Op> {
        let from = self.lower_bound(self.first_waiting);
        self.ops.range(from..).filter(|op| op.state == State::Waiting)
    }

    /// Remembers how far the queue has moved, so that looking for its front stays cheap.
    pub(super) fn advance(&mut self) {
        let front = self.queue().next().map(|op| op.ticket);
        self.first_waiting = front.unwrap_or(self.last_ticket + 1);
    }

    fn forget(&mut self) {
        while self.ops.front().is_some_and(|op| op.state == State::Ended) {
            self.ops.pop_front();
        }
        if self.ops.len() > 2 * self.live + ENDED_KEPT {
            self.ops.retain(|op| op.state != State::Ended);
        }
    }

    fn index(&self, ticket: u64) -> Option<usize> {
        let index = self.lower_bound(ticket);
        self.ops.get(index).filter(|op| op.ticket == ticket).map(|_| index)
    }

    fn lower_bound(&self, ticket: u64) -> usize {
        // Mostly it is behind the last, or tickets follow each other without a gap.
        if ticket > self.last_ticket {
            return self.ops.len();
        }
        let guess = self.ops.front().map_or(0, |front| ticket.saturating_sub(front.ticket));
        let guess = usize::try_from(guess).unwrap_or(usize::MAX);
        match self.ops.get(guess) {
            Some(op) if op.ticket == ticket => guess,
            _ => self.ops.partition_point(|op| op.ticket < ticket),
        }
    }
}
