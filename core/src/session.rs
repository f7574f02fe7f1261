//! What survives a link: packets without an answer, in both directions.

mod packets;

use std::collections::VecDeque;

use self::packets::Packets;
use crate::codec::PacketId;
use crate::queue::Request;
use crate::{AckToken, Filter, Instant, Link, Publish, Qos, Ticket};

/// A packet that was sent and waits for its answer.
#[derive(Debug)]
pub(crate) enum InFlight {
    Publish(Ticket, Publish),
    Subscribe(Ticket, Vec<(Filter, Qos)>),
    Unsubscribe(Ticket, Vec<Filter>),
    /// A SUBSCRIBE of our own, after the server has lost the session.
    Restore(Vec<(Filter, Qos)>),
    /// Given up without an answer. Holds its packet id until the link ends, so that a late answer finds nothing else.
    GivenUp,
}

#[cfg(feature = "trace")]
crate::wire::variants!(InFlight {
    0 = Publish(ticket, publish),
    1 = Subscribe(ticket, filters),
    2 = Unsubscribe(ticket, filters),
    3 = Restore(filters),
    4 = GivenUp,
});

#[derive(Debug)]
pub(crate) struct Session {
    in_flight: Packets<Sent>,
    publishes: usize,
    restores: usize,
    next_order: u64,
    /// Packets to be sent again under their ids: publishes of an earlier link, and what is sent again on a live one.
    resends: VecDeque<PacketId>,
    /// When packets without an answer are sent again on a live link, oldest first; what is answered stays until it is
    /// in front.
    resends_due: VecDeque<(Instant, PacketId, u64)>,
    /// When SUBSCRIBE and UNSUBSCRIBE must be answered, oldest first; what is answered stays until it is in front.
    answers_due: VecDeque<(Instant, PacketId, u64)>,
    inbound: Inbound,
}

#[cfg(feature = "trace")]
crate::wire::fields!(Session {
    in_flight,
    publishes,
    restores,
    next_order,
    resends,
    resends_due,
    answers_due,
    inbound,
});

#[derive(Debug)]
struct Sent {
    /// Counts packets as they are first sent.
    order: u64,
    packet: InFlight,
    /// Whether the current link has carried it.
    on_link: bool,
}

#[cfg(feature = "trace")]
crate::wire::fields!(Sent { order, packet, on_link });

/// Which publishes may be sent again now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResendPublishes {
    All,
    /// Those that the current link has carried before.
    OnLink,
    None,
}

impl Session {
    pub(crate) fn new() -> Self {
        Self {
            in_flight: Packets::new(),
            publishes: 0,
            restores: 0,
            next_order: 0,
            resends: VecDeque::new(),
            resends_due: VecDeque::new(),
            answers_due: VecDeque::new(),
            inbound: Inbound::default(),
        }
    }

    /// Publishes without a PUBACK.
    pub(crate) fn publishes(&self) -> usize {
        self.publishes
    }

    /// Own SUBSCRIBEs without a SUBACK.
    pub(crate) fn restores(&self) -> usize {
        self.restores
    }

    pub(crate) fn inbound(&mut self) -> &mut Inbound {
        &mut self.inbound
    }

    pub(crate) fn unacked(&self) -> usize {
        self.inbound.unacked.len()
    }

    /// A packet id that no packet in flight has; `None` when all are in use.
    pub(crate) fn free_id(&mut self) -> Option<PacketId> {
        self.in_flight.free_id()
    }

    /// Remembers a packet that is being sent, with when its answer is due if that is bounded.
    pub(crate) fn sent(&mut self, id: PacketId, packet: InFlight, answer_due: Option<Instant>) {
        let order = self.next_order;
        self.next_order += 1;
        match packet {
            InFlight::Publish(..) => self.publishes += 1,
            InFlight::Restore(_) => self.restores += 1,
            InFlight::Subscribe(..) | InFlight::Unsubscribe(..) | InFlight::GivenUp => {}
        }
        if let Some(due) = answer_due {
            self.answers_due.push_back((due, id, order));
        }
        self.in_flight.insert(id, Sent { order, packet, on_link: true });
    }

    /// How many filters the SUBSCRIBE with this id has, if there is one.
    pub(crate) fn filters_in_flight(&self, id: u16) -> Option<usize> {
        match &self.in_flight.get(PacketId::new(id)?)?.packet {
            InFlight::Subscribe(_, filters) | InFlight::Restore(filters) => Some(filters.len()),
            InFlight::Publish(..) | InFlight::Unsubscribe(..) | InFlight::GivenUp => None,
        }
    }

    /// Takes the packet that `id` answers, if it is of the kind that is answered so.
    pub(crate) fn answered(&mut self, id: u16, fits: impl FnOnce(&InFlight) -> bool) -> Option<InFlight> {
        let id = PacketId::new(id)?;
        self.in_flight.get(id).filter(|sent| fits(&sent.packet))?;
        let packet = self.in_flight.take(id)?.packet;
        self.forget(&packet);
        self.drop_settled();
        Some(packet)
    }

    /// Takes an operation out of flight without an answer.
    pub(crate) fn remove(&mut self, wanted: Ticket) -> Option<InFlight> {
        let carries = |sent: &Sent| match sent.packet {
            InFlight::Publish(ticket, _) | InFlight::Subscribe(ticket, _) | InFlight::Unsubscribe(ticket, _) => {
                ticket == wanted
            }
            InFlight::Restore(_) | InFlight::GivenUp => false,
        };
        let id = self.in_flight.iter().find(|(_, sent)| carries(sent)).map(|(id, _)| id)?;
        let sent = self.in_flight.take(id)?;
        self.forget(&sent.packet);
        Some(sent.packet)
    }

    /// When the next answer is due.
    pub(crate) fn next_answer_due(&self) -> Option<Instant> {
        self.answers_due.front().map(|&(due, ..)| due)
    }

    /// No answer is overdue before `due`.
    pub(crate) fn put_off_answers(&mut self, due: Instant) {
        for (answer_due, ..) in &mut self.answers_due {
            *answer_due = due.max(*answer_due);
        }
    }

    /// Gives up one packet whose answer is overdue.
    pub(crate) fn give_up_overdue(&mut self, now: Instant) -> Option<InFlight> {
        let &(_, id, _) = self.answers_due.front().filter(|&&(due, ..)| due <= now)?;
        self.answers_due.pop_front();
        let sent = self.in_flight.get_mut(id)?;
        let packet = core::mem::replace(&mut sent.packet, InFlight::GivenUp);
        self.forget(&packet);
        self.drop_settled();
        Some(packet)
    }

    /// Has the packet `id`, which was just sent, sent again at `due` unless it is answered by then.
    pub(crate) fn resend_at(&mut self, due: Instant, id: PacketId) {
        if let Some(sent) = self.in_flight.get(id) {
            self.resends_due.push_back((due, id, sent.order));
        }
    }

    /// When the next packet is to be sent again.
    pub(crate) fn next_resend_due(&mut self) -> Option<Instant> {
        while let Some(&(due, id, order)) = self.resends_due.front() {
            if self.waits(id, order) {
                return Some(due);
            }
            self.resends_due.pop_front();
        }
        None
    }

    /// Has everything sent again that was due by `now`.
    pub(crate) fn resend_due(&mut self, now: Instant) {
        while self.next_resend_due().is_some_and(|due| due <= now) {
            self.resends.extend(self.resends_due.pop_front().map(|(_, id, _)| id));
        }
    }

    /// The next packet to send again.
    pub(crate) fn next_resend(&mut self, publishes: ResendPublishes) -> Option<(PacketId, &InFlight)> {
        while let Some(&id) = self.resends.front() {
            if self.in_flight.get(id).is_some_and(|sent| !matches!(sent.packet, InFlight::GivenUp)) {
                break;
            }
            self.resends.pop_front();
        }
        let mut resends = self.resends.iter().filter_map(|&id| Some((id, self.in_flight.get(id)?)));
        let next = resends.find(|(_, sent)| match sent.packet {
            InFlight::Publish(..) => match publishes {
                ResendPublishes::All => true,
                ResendPublishes::OnLink => sent.on_link,
                ResendPublishes::None => false,
            },
            InFlight::Subscribe(..) | InFlight::Unsubscribe(..) | InFlight::Restore(_) => true,
            InFlight::GivenUp => false,
        });
        next.map(|(id, sent)| (id, &sent.packet))
    }

    /// It was sent again; it stays in flight.
    pub(crate) fn resent(&mut self, id: PacketId) {
        if let Some(index) = self.resends.iter().position(|&resend| resend == id) {
            self.resends.remove(index);
        }
        if let Some(sent) = self.in_flight.get_mut(id) {
            sent.on_link = true;
        }
    }

    /// What the current link has carried and the server has not answered.
    pub(crate) fn unanswered(&self) -> impl Iterator<Item = &InFlight> {
        let sent = self.in_flight.iter().filter(|(_, sent)| sent.on_link);
        sent.map(|(_, sent)| &sent.packet).filter(|packet| !matches!(packet, InFlight::GivenUp))
    }

    pub(crate) fn has_resends(&self) -> bool {
        !self.resends.is_empty()
    }

    /// The link has ended: nothing is sent again before the server says what it kept.
    pub(crate) fn link_down(&mut self) {
        self.resends.clear();
        self.resends_due.clear();
        self.answers_due.clear();
        for sent in self.in_flight.values_mut() {
            sent.on_link = false;
        }
        self.inbound = Inbound::default();
    }

    /// The server kept the session: publishes go again under their ids, in order [MQTT-4.4.0-1] [MQTT-4.6.0-1].
    /// Returns the other requests, newest first, to be made again.
    pub(crate) fn resume(&mut self) -> Vec<(Ticket, Request)> {
        let (publishes, others): (Vec<_>, Vec<_>) =
            self.take_in_order().into_iter().partition(|(_, sent)| matches!(sent.packet, InFlight::Publish(..)));
        self.resends = publishes.iter().map(|&(id, _)| id).collect();
        self.publishes = publishes.len();
        for (id, sent) in publishes {
            self.in_flight.insert(id, sent);
        }
        requests(others)
    }

    /// The server has no session: returns all that was in flight, newest first, to be made again as new.
    pub(crate) fn restart(&mut self) -> Vec<(Ticket, Request)> {
        requests(self.take_in_order())
    }

    fn take_in_order(&mut self) -> Vec<(PacketId, Sent)> {
        self.publishes = 0;
        self.restores = 0;
        let mut all: Vec<_> = self.in_flight.take_all().collect();
        all.sort_by_key(|(_, sent)| sent.order);
        all
    }

    fn forget(&mut self, packet: &InFlight) {
        match packet {
            InFlight::Publish(..) => self.publishes -= 1,
            InFlight::Restore(_) => self.restores -= 1,
            InFlight::Subscribe(..) | InFlight::Unsubscribe(..) | InFlight::GivenUp => {}
        }
    }

    /// Keeps the front of `answers_due` a packet that still waits.
    fn drop_settled(&mut self) {
        while self.answers_due.front().is_some_and(|&(_, id, order)| !self.waits(id, order)) {
            self.answers_due.pop_front();
        }
    }

    /// Whether the packet that was sent as number `order` under `id` is still without an answer.
    fn waits(&self, id: PacketId, order: u64) -> bool {
        let sent = self.in_flight.get(id).filter(|sent| sent.order == order);
        sent.is_some_and(|sent| !matches!(sent.packet, InFlight::GivenUp))
    }
}

fn requests(in_order: Vec<(PacketId, Sent)>) -> Vec<(Ticket, Request)> {
    let mut requests: Vec<_> = in_order
        .into_iter()
        .filter_map(|(_, sent)| match sent.packet {
            InFlight::Publish(ticket, publish) => Some((ticket, Request::Publish(publish))),
            InFlight::Subscribe(ticket, filters) => Some((ticket, Request::Subscribe(filters))),
            InFlight::Unsubscribe(ticket, filters) => Some((ticket, Request::Unsubscribe(filters))),
            InFlight::Restore(_) | InFlight::GivenUp => None,
        })
        .collect();
    // A publish sent again as new keeps its ticket, not its order of sending: tickets are the order of acceptance.
    requests.sort_by_key(|&(ticket, _)| core::cmp::Reverse(ticket));
    requests
}

/// QoS 1 messages that the server waits to have acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Inbound {
    /// In the order of receipt, which is the order of acknowledging [MQTT-4.6.0-2].
    unacked: VecDeque<Unacked>,
    first_serial: u64,
}

#[cfg(feature = "trace")]
crate::wire::fields!(Inbound { unacked, first_serial });

#[derive(Debug)]
struct Unacked {
    id: PacketId,
    acked: bool,
}

#[cfg(feature = "trace")]
crate::wire::fields!(Unacked { id, acked });

impl Inbound {
    pub(crate) fn received(&mut self, link: Link, id: PacketId) -> AckToken {
        self.unacked.push_back(Unacked { id, acked: false });
        AckToken { link, serial: self.first_serial + self.unacked.len() as u64 - 1 }
    }

    pub(crate) fn ack(&mut self, serial: u64) {
        let index = serial.checked_sub(self.first_serial).and_then(|index| usize::try_from(index).ok());
        if let Some(unacked) = index.and_then(|index| self.unacked.get_mut(index)) {
            unacked.acked = true;
        }
    }

    /// The next PUBACK to send: never before that of an earlier message.
    pub(crate) fn pop_ack(&mut self) -> Option<PacketId> {
        self.unacked.front().filter(|unacked| unacked.acked)?;
        self.first_serial += 1;
        self.unacked.pop_front().map(|unacked| unacked.id)
    }
}
