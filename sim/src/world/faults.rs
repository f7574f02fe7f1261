//! When faults begin, what that does, and when they are over.

use core::time::Duration;

use thingwire_core::{Instant, Phase};

use super::agenda::Due;
use super::device::Device;
use super::meddle::{garbage, is_of};
use super::pipe::Way;
use super::stage::Stage;
use super::wire::Break;
use super::{App, NEXT_LOOK, World};
use crate::broker::{ConnectionId, Refuse, Rules};
use crate::catalogue;
use crate::choices::Site;
use crate::plan::{
    AppFault, BrokerFault, ClockFault, Direction, Fault, Garbage, PacketType, PhaseName, PlannedFault, ShadowFault,
    Trigger,
};
use crate::shadow::ShadowRules;
use crate::trace::{Packet, What};

/// Faults that wait for something to happen.
#[derive(Debug, Default)]
pub(super) struct Triggers {
    waiting: Vec<Waiting>,
    /// Which packets the broker has sent since the last look.
    answers: Vec<(u32, u8)>,
    /// Somebody else's connections with a device's client id, by fault.
    intruders: Vec<(u32, ConnectionId)>,
}

/// A fault that waits for something to happen.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) index: u32,
    pub(super) device: u32,
    pub(super) when: Trigger,
    pub(super) met: u32,
}

impl Triggers {
    pub(super) fn answered(&mut self, device: u32, first: u8) {
        if !self.waiting.is_empty() {
            self.answers.push((device, first));
        }
    }
}

impl Waiting {
    /// Counts what it waits for; how long after that the fault begins, once it has happened often enough.
    pub(super) fn counts(&mut self, happened: bool, nth: u32, after: Duration) -> Option<Duration> {
        self.met += u32::from(happened);
        (happened && self.met == nth.max(1)).then_some(after)
    }
}

impl World {
    pub(super) fn plan_faults(&mut self) {
        for (index, planned) in self.plan.fault.iter().enumerate() {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            match planned.when {
                Trigger::At(at) => self.stage.put(Instant::EPOCH + at.0, Due::Begin(index)),
                when => self.triggers.waiting.push(Waiting { index, device: planned.device, when, met: 0 }),
            }
        }
    }

    /// Whether something has happened since the last look that a fault waits for.
    pub(super) fn watch(&mut self) -> bool {
        if self.triggers.waiting.is_empty() || self.stage.healed {
            self.triggers.answers.clear();
            self.watched = self.stage.records.len();
            return false;
        }
        let answers = core::mem::take(&mut self.triggers.answers);
        let from = self.watched.min(self.stage.records.len());
        let records = self.stage.records.get(from..).unwrap_or_default();
        let devices = &self.devices;
        let mut begin = Vec::new();
        self.triggers.waiting.retain_mut(|waiting| {
            let device = waiting.device;
            let mut mine = records.iter().filter(|record| record.device == device);
            let after = match waiting.when {
                Trigger::At(_) => None,
                Trigger::OnPhase { phase, nth, after } => mine.find_map(|record| {
                    let met = matches!(record.what, What::Phase(entered) if is_phase(phase, entered));
                    waiting.counts(met, nth, after.0)
                }),
                Trigger::OnSent { packet, nth, after } => mine.find_map(|record| {
                    let met = matches!(&record.what, What::Sent(_, sent) if is_packet(packet, sent));
                    waiting.counts(met, nth, after.0)
                }),
                Trigger::OnAnswer { packet, nth, after } => answers
                    .iter()
                    .find_map(|&(of, first)| waiting.counts(of == device && is_of(packet, first), nth, after.0)),
                Trigger::OnQueued(least) => {
                    let queued = devices.get(waiting.device as usize).map_or(0, |device| device.client.queued());
                    (queued >= least as usize).then_some(Duration::ZERO)
                }
            };
            begin.extend(after.map(|after| (waiting.index, after)));
            after.is_none()
        });
        self.watched = self.stage.records.len();
        for &(index, after) in &begin {
            if after.is_zero() {
                self.begin_fault(index);
            } else {
                self.stage.put(self.stage.now + after, Due::Begin(index));
            }
        }
        !begin.is_empty()
    }

    pub(super) fn begin_fault(&mut self, index: u32) {
        if self.stage.healed {
            return;
        }
        let Some(PlannedFault { fault, device, lasts, name, .. }) = self.plan.fault.get(index as usize).cloned() else {
            return;
        };
        if self.sleeps_through(device, &fault) {
            return self.stage.put(self.stage.now + NEXT_LOOK, Due::Begin(index));
        }
        let name = catalogue::static_name(&name);
        self.with(device as usize, |device, stage| {
            device.record(stage, What::Fault { index, name, begins: true });
            device.conditions.begin(index, &fault);
        });
        match &fault {
            Fault::Broker(fault) => self.begin_broker_fault(index, device, fault),
            Fault::App(fault) => self.begin_app_fault(device, *fault),
            Fault::Shadows(mood) => self.stage.broker.shadows_mut().begin_mood(index, *mood),
            Fault::ShadowService(fault) => self.begin_shadow_fault(device, *fault),
            other => self.with(device as usize, |device, stage| begin_device_fault(device, stage, other)),
        }
        if let Some(lasts) = lasts {
            self.stage.put(self.stage.now + lasts.0, Due::End(index));
        }
    }

    /// An application does nothing, good or bad, while its device sleeps.
    fn sleeps_through(&self, device: u32, fault: &Fault) -> bool {
        matches!(fault, Fault::App(_)) && self.devices.get(device as usize).is_some_and(|device| device.asleep)
    }

    fn begin_broker_fault(&mut self, index: u32, number: u32, fault: &BrokerFault) {
        let now = self.stage.now;
        let Some(id) = self.client_id(number) else { return };
        match fault {
            BrokerFault::Kick => drop(self.stage.broker.kick(now, &id)),
            BrokerFault::Restart { forget } => {
                self.stage.broker.restart(now, *forget);
                self.end_intruders(|_| *forget);
            }
            BrokerFault::ForgetSession => {
                self.stage.broker.forget_session(now, &id);
                self.end_intruders(|_| true);
            }
            BrokerFault::Takeover => {
                let intruder = self.stage.broker.open(now);
                let clean = !self.stage.broker.has_session(&id);
                self.stage.broker.receive(now, intruder, &connect(&id, clean));
                self.triggers.intruders.push((index, intruder));
            }
            BrokerFault::Refuse(_)
            | BrokerFault::RefuseSilently
            | BrokerFault::SlowConnack(_)
            | BrokerFault::DenyPublish(_)
            | BrokerFault::DenySubscribe(_)
            | BrokerFault::Throttle(_) => self.rule(),
        }
    }

    /// Ends the connections of intruders that came with these faults; of all when the session ends, lest one that waits for
    /// its CONNACK begins another.
    fn end_intruders(&mut self, of: impl Fn(u32) -> bool) {
        let now = self.stage.now;
        let broker = &mut self.stage.broker;
        self.triggers.intruders.retain(|&(fault, intruder)| {
            let ends = of(fault);
            if ends {
                broker.lost(now, intruder);
            }
            !ends
        });
    }

    /// The broker's rules, with what the faults that are on make of them.
    fn rule(&mut self) {
        let active = self.devices.iter().flat_map(|device| device.conditions.active());
        let mut rules = ruled(&self.rules, active);
        let mut shadow_rules = ShadowRules::aws();
        for fault in self.devices.iter().flat_map(|device| device.conditions.active()) {
            if let Fault::ShadowService(fault) = fault {
                fault.bend(&mut shadow_rules);
                rules.shadows &= *fault != ShadowFault::Absent;
            }
        }
        *self.stage.broker.rules_mut() = rules;
        *self.stage.broker.shadows_mut().rules_mut() = shadow_rules;
    }

    fn begin_shadow_fault(&mut self, device: u32, fault: ShadowFault) {
        match fault {
            ShadowFault::Delete | ShadowFault::Recreate => self.with(device as usize, |device, stage| {
                device.app.delete_shadows(stage, fault == ShadowFault::Recreate);
            }),
            _ => self.rule(),
        }
    }

    fn begin_app_fault(&mut self, device: u32, fault: AppFault) {
        self.act(device, |app, stage, client, now| match fault {
            AppFault::Stop => app.stop(stage, client, now),
            AppFault::StartAgain => app.start(stage, client, now),
            AppFault::Burst(count) => app.burst(stage, client, now, count),
            AppFault::Pause => app.pause(stage, client, now, true),
            AppFault::Unsubscribe => app.subscribe_all(stage, client, now, false),
            AppFault::DiscardAll => app.discard_all(stage, client, now),
        });
    }

    pub(super) fn end_fault(&mut self, index: u32) {
        let Some(PlannedFault { fault, device, name, .. }) = self.plan.fault.get(index as usize).cloned() else {
            return;
        };
        if self.sleeps_through(device, &fault) {
            return self.stage.put(self.stage.now + NEXT_LOOK, Due::End(index));
        }
        let name = catalogue::static_name(&name);
        let was_on = self.devices.get_mut(device as usize).is_some_and(|device| device.conditions.end(index));
        if !was_on {
            return;
        }
        self.with(device as usize, |device, stage| device.record(stage, What::Fault { index, name, begins: false }));
        match &fault {
            Fault::Broker(BrokerFault::Takeover) => {
                self.end_intruders(|fault| fault == index);
            }
            Fault::Broker(_) => self.rule(),
            Fault::Shadows(_) => self.stage.broker.shadows_mut().end_mood(index),
            Fault::ShadowService(_) => self.rule(),
            Fault::App(AppFault::Stop) => self.act(device, App::start),
            Fault::App(AppFault::Pause) => {
                self.act(device, |app, stage, client, now| app.pause(stage, client, now, false));
            }
            Fault::App(AppFault::Unsubscribe) => {
                self.act(device, |app, stage, client, now| app.subscribe_all(stage, client, now, true));
            }
            Fault::App(_) => {}
            other => self.with(device as usize, |device, stage| end_device_fault(device, stage, other)),
        }
    }

    /// Everything that is on ends, and nothing more begins.
    pub(super) fn end_faults(&mut self) {
        self.triggers.waiting.clear();
        // Devices wake first: their applications are to end what they have begun.
        let (sleep, others): (Vec<_>, Vec<_>) = (0..)
            .zip(&self.plan.fault)
            .map(|(index, planned)| (index, is_sleep(&planned.fault)))
            .partition(|(_, sleeps)| *sleeps);
        for (index, _) in sleep.into_iter().chain(others) {
            self.end_fault(index);
        }
        // Nor does anything go wrong that a fault has left for later.
        for device in &mut self.devices {
            device.injections.clear();
            device.flip = None;
            if let Some(wire) = &mut device.wire {
                wire.breaks = None;
            }
        }
        for (device, connection, bytes) in core::mem::take(&mut self.held).into_values() {
            self.forward(device, connection, &bytes);
        }
    }

    pub(super) fn spurious(&mut self, device: u32) {
        let every = self.devices.get(device as usize).and_then(|device| {
            device.conditions.active().find_map(|fault| match fault {
                Fault::Clock(ClockFault::Spurious(every)) => Some(every.0),
                _ => None,
            })
        });
        if let Some(every) = every {
            self.with(device as usize, Device::wake);
            self.stage.put(self.stage.now + every.max(Duration::from_millis(1)), Due::Spurious(device));
        }
    }

    fn client_id(&self, device: u32) -> Option<String> {
        self.devices.get(device as usize).map(|device| device.client.config().client_id.clone())
    }
}

/// These rules, with what the faults make of them.
pub(super) fn ruled<'a>(rules: &Rules, faults: impl Iterator<Item = &'a Fault>) -> Rules {
    let mut rules = rules.clone();
    for fault in faults {
        let Fault::Broker(fault) = fault else { continue };
        match fault {
            BrokerFault::Refuse(code) => rules.refuse = Some(Refuse::Code(*code)),
            BrokerFault::RefuseSilently => rules.refuse = Some(Refuse::Silently),
            BrokerFault::SlowConnack(span) => rules.connack_delay = span.0,
            BrokerFault::DenyPublish(prefix) => rules.deny_publish.push(prefix.clone()),
            BrokerFault::DenySubscribe(prefix) => rules.deny_subscribe.push(prefix.clone()),
            BrokerFault::Throttle(most) => rules.publishes_per_second = Some(*most),
            BrokerFault::Kick | BrokerFault::Restart { .. } | BrokerFault::ForgetSession | BrokerFault::Takeover => {}
        }
    }
    rules
}

fn begin_device_fault(device: &mut Device, stage: &mut Stage, fault: &Fault) {
    match fault {
        Fault::Cut { how, after: None } => device.cut(stage, *how),
        Fault::Cut { how, after: Some((direction, bytes)) } => {
            let way = if *direction == Direction::ToBroker { Way::ToBroker } else { Way::ToClient };
            if let Some(wire) = &mut device.wire {
                wire.breaks = Some(Break { way, bytes: (*bytes).max(1) as usize, how: *how });
            }
        }
        Fault::Vanish => device.vanish(stage),
        Fault::Inject(kind) => {
            let number = device.number;
            let bytes = injected(*kind, stage, number);
            device.inject(stage, &bytes);
        }
        Fault::FlipBit(bit) => device.flip = Some(*bit),
        Fault::Clock(ClockFault::SuspendStopped) => device.fall_asleep(stage, true),
        Fault::Clock(ClockFault::SuspendRunning) => device.fall_asleep(stage, false),
        Fault::Clock(ClockFault::Coarse(tick)) => device.clock.set_tick(tick.0),
        Fault::Clock(ClockFault::Back(span)) => device.clock.set_back(span.0),
        Fault::Clock(ClockFault::Spurious(_)) => stage.put(stage.now, Due::Spurious(device.number)),
        _ => {}
    }
}

fn is_sleep(fault: &Fault) -> bool {
    matches!(fault, Fault::Clock(ClockFault::SuspendStopped | ClockFault::SuspendRunning))
}

fn end_device_fault(device: &mut Device, stage: &mut Stage, fault: &Fault) {
    match fault {
        Fault::Hold(_) => {
            device.schedule(stage, Way::ToBroker);
            device.schedule(stage, Way::ToClient);
        }
        Fault::Clock(ClockFault::SuspendStopped | ClockFault::SuspendRunning) => device.wake_up(stage),
        Fault::Clock(ClockFault::Coarse(_)) => device.clock.set_tick(Duration::ZERO),
        Fault::SmallWrites(_) => device.writable(stage),
        Fault::Shape(_) => device.hurry(stage),
        _ => {}
    }
}

fn injected(kind: Garbage, stage: &mut Stage, device: u32) -> Vec<u8> {
    garbage(kind, &mut |n| stage.choices.below(device, Site::Garbage, n))
}

/// A CONNECT of somebody else's with this client id. One that would leave a session of its own has to be `clean`: nobody could
/// tell it from the lost one ("session-lie" plays that).
pub(super) fn connect(id: &str, clean: bool) -> Vec<u8> {
    let len = u8::try_from(id.len()).unwrap_or(u8::MAX);
    let flags = u8::from(clean) << 1;
    let mut packet = vec![0x10, 12 + len, 0, 4, b'M', b'Q', b'T', b'T', 4, flags, 0, 60, 0, len];
    packet.extend_from_slice(id.get(..usize::from(len)).unwrap_or(id).as_bytes());
    packet
}

fn is_phase(name: PhaseName, phase: Phase) -> bool {
    let named = match name {
        PhaseName::Idle => Phase::Idle,
        PhaseName::Opening => Phase::Opening,
        PhaseName::AwaitingConnack => Phase::AwaitingConnack,
        PhaseName::Resubscribing => Phase::Resubscribing,
        PhaseName::Draining => Phase::Draining,
        PhaseName::Ready => Phase::Ready,
        PhaseName::BackingOff => Phase::BackingOff,
        PhaseName::Closing => Phase::Closing,
    };
    named == phase
}

pub(super) fn is_packet(kind: PacketType, packet: &Packet) -> bool {
    let of = match packet {
        Packet::Connect { .. } => PacketType::Connect,
        Packet::Connack { .. } => PacketType::Connack,
        Packet::Publish(_) => PacketType::Publish,
        Packet::Puback(_) => PacketType::Puback,
        Packet::Subscribe(..) => PacketType::Subscribe,
        Packet::Suback(..) => PacketType::Suback,
        Packet::Unsubscribe(..) => PacketType::Unsubscribe,
        Packet::Unsuback(_) => PacketType::Unsuback,
        Packet::Pingreq => PacketType::Pingreq,
        Packet::Pingresp => PacketType::Pingresp,
        Packet::Disconnect => PacketType::Disconnect,
        Packet::Malformed => return kind == PacketType::Any,
    };
    kind == PacketType::Any || kind == of
}
