//! What the broker keeps of one client beyond its connection.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use thingwire_core::Instant;

use super::timers::Alarm;
use super::wire::{Message, Qos};
use super::{ConnectionId, Rules};
use crate::rate::Bucket;

/// How many packet ids are remembered whose PUBACK may come twice.
const ECHOES_MAX: usize = 1000;

/// Subscriptions and QoS 1 messages of one client id [MQTT-3.1.2-4].
#[derive(Debug)]
pub(super) struct Session {
    pub(super) client_id: Arc<str>,
    /// Whether it ends with its connection [MQTT-3.1.2-6].
    pub(super) clean: bool,
    /// The connection it is on.
    pub(super) connection: Option<ConnectionId>,
    /// When it ends, while it is on no connection; when something is to be sent, while it is.
    pub(super) alarm: Alarm,
    pub(super) subscriptions: BTreeMap<Arc<str>, Qos>,
    /// QoS 1 messages that came while it was on no connection (B-51).
    stored: VecDeque<Message>,
    /// QoS 1 messages that came since, and were not sent yet.
    waiting: VecDeque<Message>,
    /// QoS 1 messages sent and not acknowledged, oldest first.
    in_flight: VecDeque<InFlight>,
    /// How many in flight are to be sent again.
    unsent: usize,
    /// Packet ids sent more than once on this connection: a PUBACK comes for each time.
    echoes: VecDeque<u16>,
    /// The rate of what was stored (B-51).
    drip: Bucket,
    last_id: u16,
}

/// A message sent and not acknowledged.
#[derive(Debug)]
struct InFlight {
    id: u16,
    message: Message,
    /// When it was sent last on this connection; `None` while it is to be sent again.
    sent: Option<Instant>,
}

/// What [`Session::next_to_send`] has found.
pub(super) enum Next<'a> {
    Send {
        id: u16,
        message: &'a Message,
        dup: bool,
    },
    /// Nothing at present; perhaps something then.
    Later(Instant),
    Nothing,
}

impl Session {
    pub(super) fn new(client_id: Arc<str>, clean: bool) -> Self {
        Self {
            client_id,
            clean,
            connection: None,
            alarm: Alarm::default(),
            subscriptions: BTreeMap::new(),
            stored: VecDeque::new(),
            waiting: VecDeque::new(),
            in_flight: VecDeque::new(),
            unsent: 0,
            echoes: VecDeque::new(),
            drip: Bucket::default(),
            last_id: 0,
        }
    }

    /// Keeps a QoS 1 message; when the queue is full it is dropped (B-51). Whether it was kept.
    pub(super) fn store(&mut self, message: Message, rules: &Rules) -> bool {
        let kept = self.stored.len() + self.waiting.len() < rules.session_queue;
        if kept && self.connection.is_some() {
            self.waiting.push_back(message);
        } else if kept {
            self.stored.push_back(message);
        }
        kept
    }

    /// The session goes on with a new connection: what is not acknowledged is to be sent again, in the old order [MQTT-4.4.0-1],
    /// [MQTT-4.6.0-1].
    pub(super) fn resume(&mut self, connection: ConnectionId, rules: &Rules) {
        self.connection = Some(connection);
        self.echoes.clear();
        self.stored.append(&mut self.waiting);
        self.repeat(rules, |_| true);
    }

    /// What was sent too long ago without a PUBACK is to be sent again (B-41).
    pub(super) fn repeat_old(&mut self, now: Instant, rules: &Rules) {
        let Some(after) = rules.redeliver_after else {
            return;
        };
        let is_old = |flying: &InFlight| flying.sent.is_some_and(|sent| sent + after <= now);
        let old = self.in_flight.iter().filter(|flying| is_old(flying)).map(|flying| flying.id);
        self.echoes.extend(old);
        self.echoes.drain(..self.echoes.len().saturating_sub(ECHOES_MAX));
        self.repeat(rules, is_old);
    }

    /// When the first in flight is to be sent again (B-41).
    pub(super) fn next_repetition(&self, rules: &Rules) -> Option<Instant> {
        let sent = self.in_flight.iter().filter_map(|flying| flying.sent).min()?;
        rules.redeliver_after.map(|after| sent + after)
    }

    /// With [`Rules::redeliver_as_new`] the messages wait again, in front of all others (B-41); otherwise they keep their packet ids.
    fn repeat(&mut self, rules: &Rules, which: impl Fn(&InFlight) -> bool) {
        if rules.redeliver_as_new {
            let (again, rest) = core::mem::take(&mut self.in_flight).into_iter().partition(|flying| which(flying));
            self.in_flight = rest;
            let again: VecDeque<InFlight> = again;
            for flying in again.into_iter().rev() {
                self.stored.push_front(flying.message);
            }
        } else {
            self.in_flight.iter_mut().filter(|flying| which(flying)).for_each(|flying| flying.sent = None);
        }
        self.unsent = self.in_flight.iter().filter(|flying| flying.sent.is_none()).count();
    }

    /// The next message that may be sent now. It is then in flight. `publishes` is the connection's (B-10).
    pub(super) fn next_to_send(&mut self, now: Instant, rules: &Rules, publishes: &mut Bucket) -> Next<'_> {
        let room = self.in_flight.len() < rules.send_window;
        let again = self.unsent > 0;
        let old = again || room && !self.stored.is_empty();
        let new = room && !self.waiting.is_empty();
        if !old && !new {
            return Next::Nothing;
        }
        let opens = publishes.opens(now, rules.publishes_per_second);
        if opens > now {
            return Next::Later(opens);
        }
        let drips = self.drip.opens(now, rules.stored_per_second);
        let index = if old && drips <= now {
            self.drip.take(now, rules.stored_per_second, 1);
            if again { self.take_unsent() } else { self.stored.pop_front().map(|message| self.launch(message)) }
        } else if room {
            // What comes now overtakes what was stored (B-51).
            self.waiting.pop_front().map(|message| self.launch(message))
        } else {
            None
        };
        let Some(flying) = index.and_then(|index| self.in_flight.get_mut(index)) else {
            return Next::Later(drips);
        };
        flying.sent = Some(now);
        publishes.take(now, rules.publishes_per_second, 1);
        Next::Send { id: flying.id, message: &flying.message, dup: again && drips <= now }
    }

    /// What was sent and not acknowledged, by packet id, oldest first.
    pub(super) fn in_flight(&self) -> impl Iterator<Item = (u16, &Message)> {
        self.in_flight.iter().map(|flying| (flying.id, &flying.message))
    }

    /// What was not sent yet, in the order in which it would be after a resumption.
    pub(super) fn unsent(&self) -> impl Iterator<Item = &Message> {
        self.stored.iter().chain(&self.waiting)
    }

    /// The packet id that was used last.
    pub(super) fn last_id(&self) -> u16 {
        self.last_id
    }

    /// Takes over what an earlier life of the session has left.
    pub(super) fn put_back(&mut self, in_flight: Vec<(u16, Message)>, stored: VecDeque<Message>, last_id: u16) {
        self.unsent = in_flight.len();
        self.in_flight = in_flight.into_iter().map(|(id, message)| InFlight { id, message, sent: None }).collect();
        (self.stored, self.last_id) = (stored, last_id);
    }

    /// Ends the flight of `id`; false when no PUBACK for it can come.
    pub(super) fn acknowledge(&mut self, id: u16) -> bool {
        let echo = self.echoes.iter().position(|echo| *echo == id);
        let flying = self.in_flight.iter().position(|flying| flying.id == id);
        let sent = flying.is_some_and(|at| self.in_flight[at].sent.is_some());
        if let Some(at) = flying.filter(|_| sent || echo.is_some()) {
            self.in_flight.remove(at);
            self.unsent -= usize::from(!sent);
            if sent {
                return true;
            }
        }
        echo.and_then(|at| self.echoes.remove(at)).is_some()
    }

    fn take_unsent(&mut self) -> Option<usize> {
        self.unsent -= 1;
        self.in_flight.iter().position(|flying| flying.sent.is_none())
    }

    /// Puts `message` in flight, under the next packet id in turn.
    fn launch(&mut self, message: Message) -> usize {
        let id = self.free_id();
        self.in_flight.push_back(InFlight { id, message, sent: None });
        self.in_flight.len() - 1
    }

    /// The next packet id in turn that is not in use; the window is smaller than the number of ids.
    fn free_id(&mut self) -> u16 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            let id = self.last_id;
            if !self.in_flight.iter().any(|flying| flying.id == id) && !self.echoes.contains(&id) {
                return id;
            }
        }
    }
}
