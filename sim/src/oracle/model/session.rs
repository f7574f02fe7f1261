//! Packets that were sent and wait for their answer.

use std::collections::VecDeque;

use thingwire_core::Instant;

use super::shadows::Asked;
use crate::trace::{Name, Published};

/// A packet id in use.
#[derive(Debug, Clone)]
pub(in crate::oracle) struct Bound {
    pub(in crate::oracle) id: u16,
    pub(in crate::oracle) what: Carried,
    /// Whether the current link has carried it.
    pub(in crate::oracle) on_link: bool,
    /// When it was first sent under this id.
    pub(in crate::oracle) first_sent_at: Instant,
    /// When it was last sent.
    pub(in crate::oracle) sent_at: Instant,
    /// Until when its answer is waited for; unless it has been given up without telling anybody.
    pub(in crate::oracle) answer_due: Option<Instant>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::oracle) enum Carried {
    Publish(u64),
    Subscribe(u64, usize),
    Unsubscribe(u64),
    /// A SUBSCRIBE of the client's own.
    Renewal(Box<[Name]>),
    /// A PUBLISH of the client's own.
    Ask(Asked, Published),
    /// A SUBSCRIBE for requests and watches.
    OwnSubscribe(Box<[Name]>),
    OwnUnsubscribe(Box<[Name]>),
    /// Ended without an answer; the answer may still come.
    GivenUp,
}

impl Carried {
    pub(in crate::oracle) fn ticket(&self) -> Option<u64> {
        match self {
            Self::Publish(ticket) | Self::Subscribe(ticket, _) | Self::Unsubscribe(ticket) => Some(*ticket),
            Self::Renewal(_) | Self::Ask(..) | Self::OwnSubscribe(_) | Self::OwnUnsubscribe(_) | Self::GivenUp => None,
        }
    }

    /// The message of the client's own.
    pub(super) fn publish(&self) -> Option<&Published> {
        if let Self::Ask(_, publish) = self { Some(publish) } else { None }
    }

    pub(in crate::oracle) fn is_message(&self) -> bool {
        matches!(self, Self::Publish(_) | Self::Ask(..))
    }

    /// Whether its end is nobody's to be told.
    pub(in crate::oracle) fn is_own_request(&self) -> bool {
        matches!(self, Self::OwnSubscribe(_) | Self::OwnUnsubscribe(_))
    }
}

#[derive(Debug)]
pub(in crate::oracle) struct Session {
    /// In the order of first sending.
    bound: VecDeque<Bound>,
    /// One bit for each packet id, so that a free one is known without a search.
    in_use: Box<[u64]>,
    publishes: usize,
    renewals: usize,
    /// Others than messages.
    requests: usize,
    /// Messages of an earlier link that this one has to carry again, in order.
    to_resend: VecDeque<u16>,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            bound: VecDeque::new(),
            in_use: vec![0; 1024].into(),
            publishes: 0,
            renewals: 0,
            requests: 0,
            to_resend: VecDeque::new(),
        }
    }
}

impl Session {
    pub(in crate::oracle) fn publishes(&self) -> usize {
        self.publishes
    }

    pub(in crate::oracle) fn renewals(&self) -> usize {
        self.renewals
    }

    /// Whether anything but messages is in flight.
    pub(in crate::oracle) fn has_requests(&self) -> bool {
        self.requests > 0
    }

    pub(in crate::oracle) fn iter(&self) -> impl Iterator<Item = &Bound> {
        self.bound.iter()
    }

    pub(in crate::oracle) fn get(&self, id: u16) -> Option<&Bound> {
        self.index(id).and_then(|index| self.bound.get(index))
    }

    /// The next message that this link has to carry again.
    pub(in crate::oracle) fn next_resend(&self) -> Option<u16> {
        let waits = |id: &&u16| self.get(**id).is_some_and(|bound| !bound.on_link);
        self.to_resend.iter().find(waits).copied()
    }

    pub(super) fn bind(&mut self, id: u16, what: Carried, at: Instant, answer_due: Instant) {
        self.free(id);
        match what {
            Carried::Publish(_) | Carried::Ask(..) => self.publishes += 1,
            Carried::Renewal(_) => self.renewals += 1,
            _ => {}
        }
        self.requests += usize::from(!what.is_message());
        self.in_use[usize::from(id) / 64] |= 1 << (id % 64);
        let answer_due = Some(answer_due);
        self.bound.push_back(Bound { id, what, on_link: true, first_sent_at: at, sent_at: at, answer_due });
    }

    pub(super) fn sent_again(&mut self, id: u16, at: Instant) {
        if let Some(bound) = self.index(id).and_then(|index| self.bound.get_mut(index)) {
            bound.on_link = true;
            bound.sent_at = at;
        }
        while self.to_resend.front().is_some_and(|&id| self.get(id).is_none_or(|bound| bound.on_link)) {
            self.to_resend.pop_front();
        }
    }

    pub(super) fn free(&mut self, id: u16) -> Option<Bound> {
        let index = self.index(id)?;
        let bound = self.bound.remove(index)?;
        self.in_use[usize::from(id) / 64] &= !(1 << (id % 64));
        match bound.what {
            Carried::Publish(_) | Carried::Ask(..) => self.publishes -= 1,
            Carried::Renewal(_) => self.renewals -= 1,
            _ => {}
        }
        self.requests -= usize::from(!bound.what.is_message());
        Some(bound)
    }

    /// The operation has ended without an answer.
    pub(super) fn give_up(&mut self, ticket: u64) {
        if let Some(bound) = self.bound.iter_mut().find(|bound| bound.what.ticket() == Some(ticket)) {
            if matches!(bound.what, Carried::Publish(_)) {
                self.publishes -= 1;
                self.requests += 1;
            }
            bound.what = Carried::GivenUp;
        }
    }

    /// The client was woken: it gives up what is overdue, or puts all of it off where answers cannot be read.
    pub(super) fn woken(&mut self, now: Instant, put_off_until: Option<Instant>) {
        let overdue = |bound: &Bound| bound.answer_due.is_some_and(|due| due <= now);
        let waits = |bound: &&mut Bound| !bound.what.is_message() && bound.what != Carried::GivenUp;
        if self.requests == 0 || !self.bound.iter_mut().filter(waits).any(|bound| overdue(bound)) {
            return;
        }
        for bound in self.bound.iter_mut().filter(waits) {
            match put_off_until {
                Some(until) => bound.answer_due = bound.answer_due.map(|due| due.max(until)),
                None if overdue(bound) && bound.what.is_own_request() => bound.answer_due = None,
                None => {}
            }
        }
    }

    /// The packet that carries one operation carries another.
    pub(super) fn rename(&mut self, ticket: u64, to: u64) {
        for bound in self.bound.iter_mut().filter(|bound| bound.what.ticket() == Some(ticket)) {
            if let Carried::Publish(ticket) | Carried::Subscribe(ticket, _) | Carried::Unsubscribe(ticket) =
                &mut bound.what
            {
                *ticket = to;
            }
        }
    }

    pub(super) fn link_lost(&mut self) {
        self.to_resend.clear();
        for bound in &mut self.bound {
            bound.on_link = false;
        }
    }

    /// A link was accepted. Returns what has to be made again as new.
    pub(super) fn accepted(&mut self, resumed: bool) -> Vec<Carried> {
        let stays = |bound: &Bound| resumed && bound.what.is_message();
        let again = self.bound.iter().filter(|bound| !stays(bound)).map(|bound| bound.what.clone()).collect();
        let gone: Vec<_> = self.bound.iter().filter(|bound| !stays(bound)).map(|bound| bound.id).collect();
        for id in gone {
            self.free(id);
        }
        self.to_resend = self.bound.iter().map(|bound| bound.id).collect();
        again
    }

    /// What the current link has carried that the server may have closed it for.
    pub(in crate::oracle) fn unanswered(&self) -> impl Iterator<Item = &Bound> {
        self.bound.iter().filter(|bound| bound.on_link && bound.what != Carried::GivenUp)
    }

    fn index(&self, id: u16) -> Option<usize> {
        if self.in_use[usize::from(id) / 64] >> (id % 64) & 1 == 0 {
            return None;
        }
        self.bound.iter().position(|bound| bound.id == id)
    }
}
