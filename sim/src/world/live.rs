//! The faults of a plan on real connections and in wall time: what a server can do to any client.
//!
//! It stands between a server's sockets and its broker, and treats every client alike, because it does not know which
//! device is which. What breaks, delays and changes bytes is the same as in the simulated world.

use std::collections::BTreeMap;

use bytes::Bytes;
use thingwire_core::Instant;

use super::conditions::Conditions;
use super::faults::{Waiting, connect, is_packet, ruled};
use super::meddle::{self, garbage, is_of};
use super::pipe::{Pipe, Way};
use super::wire::Break;
use crate::broker::{Broker, ConnectionId, Rules};
use crate::choices::{Choices, Seeded, Site};
use crate::plan::{BrokerFault, ConnectFault, Direction, Fault, How, Plan, Trigger};
use crate::tap::{Side, Tap};
use crate::trace::Packet;

/// Every connection is of one device, as far as chance goes.
const DEVICE: u32 = 0;

/// The faults of a plan between sockets and a broker.
#[derive(Debug)]
pub(crate) struct Live {
    plan: Plan,
    rules: Rules,
    conditions: Conditions,
    choices: Seeded,
    agenda: BTreeMap<(Instant, u64), Due>,
    /// Numbers what is put into the agenda.
    puts: u64,
    waiting: Vec<Waiting>,
    cables: BTreeMap<ConnectionId, Cable>,
    /// Somebody else's connections, by fault.
    intruders: Vec<(u32, ConnectionId)>,
    /// A bit to be flipped in the next packet.
    flip: Option<u32>,
    /// Bytes to be injected as soon as there is a connection.
    injections: Vec<u8>,
}

/// What a server has to do to a socket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// To send these bytes.
    Send(ConnectionId, Vec<u8>),
    /// To end the connection, of which the broker knows.
    End(ConnectionId, How),
}

#[derive(Debug)]
enum Due {
    Begin(u32),
    End(u32),
    /// A packet that was held back goes out.
    Release(ConnectionId, Bytes),
    /// From here on everything works.
    Heal,
}

/// A connection, and what is wrong with it.
#[derive(Debug)]
struct Cable {
    to_broker: Pipe,
    to_client: Pipe,
    sent: Tap,
    breaks: Option<Break>,
    /// Everything that is sent is lost, without a word.
    vanished: bool,
    /// It is closed as soon as anything is sent.
    closes_on_data: bool,
}

impl Live {
    /// The faults of `plan`, in front of a broker with these rules.
    pub(crate) fn new(plan: &Plan, rules: Rules) -> Self {
        let mut live = Self {
            plan: plan.clone(),
            rules,
            conditions: Conditions::new(plan.network),
            choices: Seeded::new(plan.seed),
            agenda: BTreeMap::new(),
            puts: 0,
            waiting: Vec::new(),
            cables: BTreeMap::new(),
            intruders: Vec::new(),
            flip: None,
            injections: Vec::new(),
        };
        live.put(Instant::EPOCH + plan.duration.0, Due::Heal);
        for (index, planned) in (0_u32..).zip(&plan.fault) {
            match planned.when {
                _ if not_done(&planned.fault, planned.when).is_some() => {}
                Trigger::At(at) => live.put(Instant::EPOCH + at.0, Due::Begin(index)),
                when => live.waiting.push(Waiting { index, device: DEVICE, when, met: 0 }),
            }
        }
        live
    }

    /// What of a plan a server cannot do, each once, in order.
    pub(crate) fn not_done(plan: &Plan) -> Vec<&'static str> {
        let mut kinds: Vec<_> =
            plan.fault.iter().filter_map(|planned| not_done(&planned.fault, planned.when)).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// When there is something to do.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let agenda = self.agenda.keys().next().map(|&(at, _)| at);
        let to_broker = self.cables.values().filter(|_| !self.conditions.holds(Way::ToBroker));
        let to_client = self.cables.values().filter(|_| !self.conditions.holds(Way::ToClient));
        let arrivals = to_broker.filter_map(|cable| cable.to_broker.next());
        arrivals.chain(to_client.filter_map(|cable| cable.to_client.next())).chain(agenda).min()
    }

    /// A client has connected.
    pub(crate) fn opened(&mut self, now: Instant, connection: ConnectionId) {
        let connect = self.conditions.connect;
        let mut cable = Cable {
            to_broker: Pipe::default(),
            to_client: Pipe::default(),
            sent: Tap::new(Side::Sent),
            breaks: None,
            vanished: connect == Some(ConnectFault::NoAnswer),
            closes_on_data: connect == Some(ConnectFault::ClosedAfterConnect),
        };
        if connect == Some(ConnectFault::ClosedAtOnce) {
            cable.to_client.end_after(now);
        }
        self.cables.insert(connection, cable);
        let injected = core::mem::take(&mut self.injections);
        self.send(now, connection, &injected);
    }

    /// A client has sent something.
    pub(crate) fn received(&mut self, now: Instant, connection: ConnectionId, bytes: &[u8]) {
        let Some(cable) = self.cables.get_mut(&connection).filter(|cable| !cable.vanished) else { return };
        if cable.closes_on_data {
            return cable.to_client.end_after(now);
        }
        cable.to_broker.send(now, bytes, &self.conditions.network, DEVICE, &mut self.choices);
    }

    /// The broker sends a packet.
    pub(crate) fn answered(&mut self, now: Instant, connection: ConnectionId, mut bytes: Bytes) {
        let first = bytes.first().copied().unwrap_or_default();
        self.count(now, |when| match when {
            Trigger::OnAnswer { packet, nth, after } => Some((is_of(packet, first), nth, after.0)),
            _ => None,
        });
        if let Some(bit) = self.flip.take() {
            bytes = meddle::flip(&bytes, bit);
        }
        let mut meddlers = self.conditions.meddlers.iter_mut();
        let Some(meddler) = meddlers.find_map(|meddler| meddler.meets(&bytes).then_some(meddler)) else {
            return self.send(now, connection, &bytes);
        };
        let fate = meddler.meddle(bytes);
        for packet in &fate.now {
            self.send(now, connection, packet);
        }
        if let Some((after, packet)) = fate.later {
            self.put(now + after, Due::Release(connection, packet));
        }
        if fate.closes {
            self.end_behind(now, connection);
        }
    }

    /// The broker, or a fault, closes a connection: what was sent before still arrives.
    pub(crate) fn end_behind(&mut self, now: Instant, connection: ConnectionId) {
        let travels = self.conditions.network.latency.0;
        if let Some(cable) = self.cables.get_mut(&connection) {
            cable.to_client.end_after(now + travels);
        }
    }

    /// A client is gone: its last words still arrive.
    pub(crate) fn lost(&mut self, now: Instant, connection: ConnectionId, broker: &mut Broker) {
        let Some(cable) = self.cables.remove(&connection) else { return };
        if !self.conditions.holds(Way::ToBroker) {
            broker.receive(now, connection, cable.to_broker.rest());
        }
    }

    /// Does everything that is due by `now`.
    pub(crate) fn pass(&mut self, now: Instant, broker: &mut Broker) -> Vec<Act> {
        let mut acts = Vec::new();
        while let Some(entry) = self.agenda.first_entry().filter(|entry| entry.key().0 <= now) {
            match entry.remove() {
                Due::Begin(index) => self.begin(now, index, broker, &mut acts),
                Due::End(index) => self.end(now, index, broker),
                Due::Release(connection, bytes) => self.send(now, connection, &bytes),
                Due::Heal => self.heal(now, broker),
            }
        }
        let connections: Vec<_> = self.cables.keys().copied().collect();
        for connection in connections {
            let cut = self.reach_broker(now, connection, broker);
            let how = cut.or_else(|| self.reach_client(now, connection, &mut acts));
            if let Some(how) = how {
                self.cut(connection, how, &mut acts);
            }
        }
        acts
    }
}

/// Bytes.
impl Live {
    /// What has arrived at the broker; how the connection breaks then.
    fn reach_broker(&mut self, now: Instant, connection: ConnectionId, broker: &mut Broker) -> Option<How> {
        let mut packets: Vec<Packet> = Vec::new();
        let mut cut = None;
        while let Some(cable) = self.cables.get_mut(&connection).filter(|_| !self.conditions.holds(Way::ToBroker)) {
            let Some(len) = cable.to_broker.arrived(now) else { break };
            let (arrives, breaks) = Break::arrive(&mut cable.breaks, Way::ToBroker, len);
            let bytes = cable.to_broker.take().get(..arrives).unwrap_or_default();
            broker.receive(now, connection, bytes);
            cable.sent.push(bytes, |packet| packets.push(packet));
            cable.to_broker.tidy();
            if breaks.is_some() {
                cut = breaks;
                break;
            }
        }
        for packet in packets {
            self.count(now, |when| match when {
                Trigger::OnSent { packet: kind, nth, after } => Some((is_packet(kind, &packet), nth, after.0)),
                _ => None,
            });
        }
        cut
    }

    /// What has arrived at the client; how the connection ends then.
    fn reach_client(&mut self, now: Instant, connection: ConnectionId, acts: &mut Vec<Act>) -> Option<How> {
        while let Some(cable) = self.cables.get_mut(&connection).filter(|_| !self.conditions.holds(Way::ToClient)) {
            let Some(len) = cable.to_client.arrived(now) else {
                return cable.to_client.has_ended(now).then_some(How::Fin);
            };
            let (arrives, breaks) = Break::arrive(&mut cable.breaks, Way::ToClient, len);
            acts.push(Act::Send(connection, cable.to_client.take().get(..arrives).unwrap_or_default().to_vec()));
            cable.to_client.tidy();
            if breaks.is_some() {
                return breaks;
            }
        }
        None
    }

    fn send(&mut self, now: Instant, connection: ConnectionId, bytes: &[u8]) {
        if let Some(cable) = self.cables.get_mut(&connection).filter(|cable| !cable.vanished) {
            cable.to_client.send(now, bytes, &self.conditions.network, DEVICE, &mut self.choices);
        }
    }

    fn cut(&mut self, connection: ConnectionId, how: How, acts: &mut Vec<Act>) {
        self.cables.remove(&connection);
        acts.push(Act::End(connection, how));
    }
}

/// Faults.
impl Live {
    fn put(&mut self, at: Instant, due: Due) {
        self.puts += 1;
        self.agenda.insert((at, self.puts), due);
    }

    /// Something has happened that faults may wait for; `seen` says whether it is what a trigger means, the how many
    /// that has to be, and how long after it the fault begins.
    fn count(&mut self, now: Instant, seen: impl Fn(Trigger) -> Option<(bool, u32, core::time::Duration)>) {
        let mut begin = Vec::new();
        self.waiting.retain_mut(|waiting| {
            let after = seen(waiting.when).and_then(|(happened, nth, after)| waiting.counts(happened, nth, after));
            begin.extend(after.map(|after| (waiting.index, after)));
            after.is_none()
        });
        for (index, after) in begin {
            self.put(now + after, Due::Begin(index));
        }
    }

    fn begin(&mut self, now: Instant, index: u32, broker: &mut Broker, acts: &mut Vec<Act>) {
        let Some(planned) = self.plan.fault.get(index as usize).cloned() else { return };
        self.conditions.begin(index, &planned.fault);
        let all: Vec<_> = self.cables.keys().copied().collect();
        match &planned.fault {
            Fault::Broker(fault) => self.begin_broker_fault(now, index, fault, broker),
            Fault::Shadows(mood) => broker.shadows_mut().begin_mood(index, *mood),
            Fault::Cut { how: How::Reset, after: None } => {
                for connection in all {
                    self.cut(connection, How::Reset, acts);
                }
            }
            Fault::Cut { how: How::Fin, after: None } => {
                for connection in all {
                    self.end_behind(now, connection);
                }
            }
            Fault::Cut { how, after: Some((direction, bytes)) } => {
                let way = if *direction == Direction::ToBroker { Way::ToBroker } else { Way::ToClient };
                for cable in self.cables.values_mut() {
                    cable.breaks = Some(Break { way, bytes: (*bytes).max(1) as usize, how: *how });
                }
            }
            Fault::Vanish => self.cables.values_mut().for_each(|cable| {
                cable.vanished = true;
                (cable.to_broker, cable.to_client) = (Pipe::default(), Pipe::default());
            }),
            Fault::Inject(kind) => {
                let bytes = garbage(*kind, &mut |n| self.choices.below(DEVICE, Site::Garbage, n));
                if all.is_empty() {
                    self.injections.extend_from_slice(&bytes);
                }
                for connection in all {
                    self.send(now, connection, &bytes);
                }
            }
            Fault::FlipBit(bit) => self.flip = Some(*bit),
            _ => {}
        }
        if let Some(lasts) = planned.lasts {
            self.put(now + lasts.0, Due::End(index));
        }
    }

    fn begin_broker_fault(&mut self, now: Instant, index: u32, fault: &BrokerFault, broker: &mut Broker) {
        let ids: Vec<String> = broker.clients().map(str::to_owned).collect();
        match fault {
            BrokerFault::Kick => ids.iter().for_each(|id| _ = broker.kick(now, id)),
            BrokerFault::Restart { forget } => broker.restart(now, *forget),
            BrokerFault::ForgetSession => ids.iter().for_each(|id| _ = broker.forget_session(now, id)),
            BrokerFault::Takeover => {
                for id in &ids {
                    let intruder = broker.open(now);
                    broker.receive(now, intruder, &connect(id, false));
                    self.intruders.push((index, intruder));
                }
            }
            _ => *broker.rules_mut() = ruled(&self.rules, self.conditions.active()),
        }
    }

    fn end(&mut self, now: Instant, index: u32, broker: &mut Broker) {
        if !self.conditions.end(index) {
            return;
        }
        match self.plan.fault.get(index as usize).map(|planned| &planned.fault) {
            Some(Fault::Broker(BrokerFault::Takeover)) => {
                for (_, intruder) in self.intruders.iter().filter(|&&(of, _)| of == index) {
                    broker.lost(now, *intruder);
                }
                self.intruders.retain(|&(of, _)| of != index);
            }
            Some(Fault::Shadows(_)) => broker.shadows_mut().end_mood(index),
            Some(Fault::Broker(_)) => *broker.rules_mut() = ruled(&self.rules, self.conditions.active()),
            _ => {}
        }
    }

    /// Everything that is on ends, and nothing more begins.
    fn heal(&mut self, now: Instant, broker: &mut Broker) {
        self.waiting.clear();
        self.agenda.retain(|_, due| matches!(due, Due::Release(..)));
        for index in 0..u32::try_from(self.plan.fault.len()).unwrap_or(u32::MAX) {
            self.end(now, index, broker);
        }
    }
}

/// The kind of a fault that a server cannot do, or that waits for what a server cannot see.
fn not_done(fault: &Fault, when: Trigger) -> Option<&'static str> {
    match when {
        Trigger::OnPhase { .. } => return Some("faults that wait for a phase of the client"),
        Trigger::OnQueued(_) => return Some("faults that wait for a full queue of the client"),
        Trigger::At(_) | Trigger::OnSent { .. } | Trigger::OnAnswer { .. } => {}
    }
    match fault {
        Fault::Connect(ConnectFault::ClosedAtOnce | ConnectFault::ClosedAfterConnect | ConnectFault::NoAnswer) => None,
        Fault::Connect(_) => Some("connect faults before a connection is there"),
        Fault::SmallWrites(_) => Some("small-writes"),
        Fault::Clock(_) => Some("clock"),
        Fault::App(_) => Some("app"),
        Fault::ShadowService(_) => Some("shadow-service"),
        _ => None,
    }
}
