//! The simulated world: devices, one broker, and networks between them that can break, on a virtual clock.
//!
//! It goes from one thing that happens to the next, so that idle hours cost nothing. The devices are driven by the same
//! contract as with real sockets. What happens is only recorded here; [`crate::oracle`] judges it, and [`crate::run`]
//! brings both together.

mod agenda;
mod app;
mod application;
mod clock;
mod conditions;
mod device;
mod faults;
mod live;
mod meddle;
mod pipe;
mod shadows;
mod stage;
mod wire;

use core::time::Duration;
use std::collections::BTreeMap;

use bytes::Bytes;
use thingwire_core::{Client, Instant};

use crate::broker::{self, Broker, ConnectionId, Output, Rules};
use crate::choices::{Choices, Site};
use crate::plan::Plan;
use crate::tap::tag_on;
use crate::trace::{Name, Published, Record, What};

pub use application::{Application, Hands};
pub(crate) use live::{Act, Live};

use agenda::{Agenda, Due};
use app::App;
use device::Device;
use faults::Triggers;
use stage::Stage;

/// When the application of a device that sleeps is looked at again.
const NEXT_LOOK: Duration = Duration::from_secs(1);

/// Steps at one instant before the run is called a livelock.
const STEPS_AT_ONE_INSTANT_MAX: u32 = 100_000;

/// The simulated world.
#[derive(Debug)]
pub struct World {
    plan: Plan,
    stage: Stage,
    devices: Vec<Device>,
    /// The broker's rules while no fault changes them.
    rules: Rules,
    triggers: Triggers,
    /// Packets of the broker's that are held back.
    held: BTreeMap<u32, (u32, ConnectionId, Bytes)>,
    held_count: u32,
    /// The moment that the agenda has a wake of the broker's for.
    broker_wake: Option<Instant>,
    /// How many of the records were looked at for what faults wait for.
    watched: usize,
    events: u64,
    /// The instant of the last step, and how many steps there were at it.
    steps_at: (Instant, u32),
}

impl World {
    /// The beginning of a plan: nothing has happened yet.
    ///
    /// # Errors
    ///
    /// What in the plan cannot be, in one line.
    pub fn new(plan: &Plan, mut choices: Box<dyn Choices + Send>) -> Result<Self, String> {
        let rules = if plan.client.no_limits { Rules::standard() } else { Rules::aws() };
        let mut devices = Vec::new();
        for number in 0..plan.devices {
            let config = plan.client.to_config(number);
            let id = config.client_id.clone();
            let seed = choices.below(number, Site::ClientSeed, u64::MAX);
            let client = Client::new(config, seed, Instant::EPOCH).map_err(|error| error.to_string())?;
            devices.push(Device::new(number, client, App::new(number, &id, &plan.workload)?, plan.network));
        }
        let stage = Stage {
            now: Instant::EPOCH,
            agenda: Agenda::default(),
            broker: Broker::new(rules.clone()),
            routes: BTreeMap::new(),
            choices,
            records: Vec::new(),
            names: None,
            next_inbound: 1,
            healed: false,
            piece: bytes::BytesMut::new(),
        };
        let mut world = Self {
            plan: plan.clone(),
            stage,
            devices,
            rules,
            triggers: Triggers::default(),
            held: BTreeMap::new(),
            held_count: 0,
            broker_wake: None,
            watched: 0,
            events: 0,
            steps_at: (Instant::EPOCH, 0),
        };
        world.plan_all();
        Ok(world)
    }

    /// Has the user's application run on a device, beside what the plan says; before [`begin`](Self::begin).
    pub fn install(&mut self, device: u32, application: Box<dyn Application>) {
        self.with(device as usize, |device, _| device.run(application));
    }

    /// Has the texts of what the users' applications name remembered: for people, who do not read fingerprints.
    pub fn remember_names(&mut self) {
        self.stage.names = Some(BTreeMap::new());
    }

    /// What was remembered.
    pub fn names(&self) -> impl Iterator<Item = (Name, &str)> {
        self.stage.names.iter().flatten().map(|(name, text)| (*name, text.as_str()))
    }

    /// Starts every client.
    pub fn begin(&mut self) {
        for index in 0..self.devices.len() {
            self.with(index, |device, stage| {
                let now = device.now(stage);
                device.app.begin(stage, &mut device.client, now);
                device.user(stage, |application, hands| application.begin(hands));
                device.app.start(stage, &mut device.client, now);
                device.drain(stage);
            });
        }
        self.settle();
    }

    /// What the users' applications say of the end: the device, and what does not hold.
    pub fn verify(&self) -> impl Iterator<Item = (u32, String)> {
        self.devices.iter().filter_map(|device| device.verify().err().map(|why| (device.number, why)))
    }

    /// The world's time.
    pub fn now(&self) -> Instant {
        self.stage.now
    }

    /// How many things have happened.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The client of a device, to look at.
    pub fn client(&self, device: u32) -> Option<&Client> {
        self.devices.get(device as usize).map(|device| &device.client)
    }

    /// The broker, to look at.
    pub fn broker(&self) -> &Broker {
        &self.stage.broker
    }

    /// Lets the next thing happen, if it is not later than `end`; false when there is none.
    ///
    /// # Panics
    ///
    /// When the world never comes to rest: a client that always has something to do at once.
    pub fn step(&mut self, end: Instant) -> bool {
        let Some((at, due)) = self.stage.agenda.pop(end) else {
            self.stage.now = self.stage.now.max(end);
            return false;
        };
        self.events += 1;
        if self.steps_at.0 != at {
            self.steps_at = (at, 0);
        }
        self.steps_at.1 += 1;
        assert!(self.steps_at.1 < STEPS_AT_ONE_INSTANT_MAX, "no rest at {at:?}, the last was {due:?}");
        self.stage.now = at;
        self.watched = self.stage.records.len();
        self.happen(due);
        self.settle();
        true
    }

    /// What has happened since this was last called, in order; the caller empties it.
    pub fn records(&mut self) -> &mut Vec<Record> {
        &mut self.stage.records
    }

    /// Somebody wants every shadow to be another once more, and is heard: so everybody can know how they stand.
    fn last_word(&mut self) {
        for device in &self.devices {
            device.app.last_word(&mut self.stage);
        }
        self.settle();
    }

    /// From here on everything works: faults end, no new work is done, clients run, messages are acknowledged.
    pub fn heal(&mut self) {
        self.stage.healed = true;
        self.end_faults();
        self.stage.put(self.stage.now, Due::LastWord);
        for index in 0..self.devices.len() {
            self.with(index, |device, stage| {
                let now = device.now(stage);
                stage.record(now, device.number, What::Healed);
                device.app.pause(stage, &mut device.client, now, false);
                device.app.start(stage, &mut device.client, now);
                device.app.ack_all(stage, &mut device.client, now);
                device.user(stage, |application, hands| application.healed(hands));
                device.drain(stage);
            });
        }
        self.settle();
    }

    /// The last record of every device.
    pub fn end(&mut self) {
        for device in &mut self.devices {
            for what in device.app.stands(&self.stage) {
                device.record(&mut self.stage, what);
            }
            device.record(&mut self.stage, What::End);
        }
    }
}

impl World {
    fn plan_all(&mut self) {
        for (index, op) in self.plan.op.iter().enumerate() {
            self.stage.put(Instant::EPOCH + op.at.0, Due::Op(u32::try_from(index).unwrap_or(u32::MAX)));
        }
        self.plan_faults();
    }

    fn with(&mut self, index: usize, act: impl FnOnce(&mut Device, &mut Stage)) {
        if let Some(device) = self.devices.get_mut(index) {
            act(device, &mut self.stage);
        }
    }

    fn happen(&mut self, due: Due) {
        if self.sleeper(due).is_some_and(|device| device.asleep) {
            // The application sleeps with its device.
            return self.stage.put(self.stage.now + NEXT_LOOK, due);
        }
        match due {
            Due::Broker => {
                self.broker_wake = None;
                self.stage.broker.wake(self.stage.now);
            }
            Due::Begin(index) => self.begin_fault(index),
            Due::End(index) => self.end_fault(index),
            Due::Release(index) => {
                if let Some((device, connection, bytes)) = self.held.remove(&index) {
                    self.forward(device, connection, &bytes);
                }
            }
            Due::Op(index) => {
                let Some(op) = self.plan.op.get(index as usize) else { return };
                if self.stage.healed && op.at < self.plan.duration {
                    // The device has slept over it.
                    return;
                }
                let (device, kind) = (op.device, op.kind.clone());
                self.act(device, |app, stage, client, now| app.op(stage, client, now, &kind));
            }
            Due::Wake(device) => self.with(device as usize, Device::wake_due),
            Due::Spurious(device) => self.spurious(device),
            Due::Arrive(device, way) => self.with(device as usize, |device, stage| device.arrive(stage, way)),
            Due::Connected(device, link) => self.with(device as usize, |device, stage| device.connected(stage, link)),
            Due::Writable(device) => self.with(device as usize, Device::writable),
            Due::Application(device) => self.with(device as usize, Device::user_due),
            Due::Late(device, link) => self.with(device as usize, |device, stage| device.late(stage, link)),
            Due::Work(device, index) if !self.stage.healed => {
                self.act(device, |app, stage, client, now| app.work(stage, client, now, index));
            }
            Due::Work(..) => {}
            Due::LastWord => self.last_word(),
            Due::Ack(device) => self.act(device, App::ack),
            Due::Start(device) => self.act(device, App::start),
            Due::Unpause(device) => self.act(device, |app, stage, client, now| app.pause(stage, client, now, false)),
        }
    }

    /// The device whose application is to do something.
    fn sleeper(&self, due: Due) -> Option<&Device> {
        let device = match due {
            Due::Work(device, _)
            | Due::Ack(device)
            | Due::Start(device)
            | Due::Unpause(device)
            | Due::Application(device) => device,
            Due::Op(index) => self.plan.op.get(index as usize)?.device,
            _ => return None,
        };
        self.devices.get(device as usize)
    }

    /// The application of a device does something.
    fn act(&mut self, device: u32, act: impl FnOnce(&mut App, &mut Stage, &mut Client, Instant)) {
        self.with(device as usize, |device, stage| {
            let now = device.now(stage);
            act(&mut device.app, stage, &mut device.client, now);
            device.drain(stage);
        });
    }

    /// Carries out what the broker says, and looks whether something has happened that a fault waits for.
    fn settle(&mut self) {
        loop {
            while let Some(output) = self.stage.broker.poll() {
                self.answer(output);
            }
            if !self.watch() {
                break;
            }
        }
        let next = self.stage.broker.next_deadline();
        if let Some(at) = next.filter(|&at| self.broker_wake.is_none_or(|wake| at < wake)) {
            self.broker_wake = Some(at);
            self.stage.put(at, Due::Broker);
        }
    }

    fn answer(&mut self, output: Output) {
        match output {
            Output::Send(connection, bytes) => {
                let Some(&device) = self.stage.routes.get(&connection) else { return };
                self.triggers.answered(device, bytes.first().copied().unwrap_or_default());
                self.meddle(device, connection, bytes);
            }
            Output::Close(connection, _) => {
                if let Some(device) = self.stage.routes.remove(&connection) {
                    self.with(device as usize, Device::peer_closed);
                }
            }
            Output::Violation(violation) => {
                let Some(&device) = self.stage.routes.get(&violation.connection) else { return };
                self.with(device as usize, |device, stage| {
                    // What the client makes of packets that the broker never sent is nobody's fault.
                    if device.wire.as_ref().is_some_and(|wire| !wire.tampered) {
                        device.record(stage, What::Violation(violation.kind));
                    }
                });
            }
            Output::Published { connection, message, dup } => {
                let Some(&device) = self.stage.routes.get(&connection) else { return };
                self.with(device as usize, |device, stage| {
                    device.record(stage, What::Took(published(&message, dup)));
                    device.user(stage, |application, _| application.arrived(&message));
                });
            }
        }
    }

    /// A packet of the broker's goes out, or what the faults make of it.
    fn meddle(&mut self, number: u32, connection: ConnectionId, mut bytes: Bytes) {
        let Some(device) = self.devices.get_mut(number as usize) else { return };
        if let Some(bit) = device.flip.take() {
            bytes = meddle::flip(&bytes, bit);
            device.tamper();
        }
        let Some(meddler) = device.conditions.meddlers.iter_mut().find_map(|meddler| {
            // Each counts what it meets, and the first whose turn it is has its way.
            meddler.meets(&bytes).then_some(meddler)
        }) else {
            return self.forward(number, connection, &bytes);
        };
        let fate = meddler.meddle(bytes);
        if meddler.tampers() {
            device.tamper();
        }
        for packet in &fate.now {
            self.forward(number, connection, packet);
        }
        if let Some((after, packet)) = fate.later {
            self.held_count += 1;
            self.held.insert(self.held_count, (number, connection, packet));
            self.stage.put(self.stage.now + after, Due::Release(self.held_count));
        }
        if fate.closes {
            self.with(number as usize, |device, stage| device.cut(stage, crate::plan::How::Fin));
        }
    }

    fn forward(&mut self, device: u32, connection: ConnectionId, bytes: &[u8]) {
        self.with(device as usize, |device, stage| {
            if device.wire.as_ref().is_some_and(|wire| wire.connection == Some(connection)) {
                device.send(stage, bytes);
            }
        });
    }
}

/// A message as the record has it.
fn published(message: &broker::Message, dup: bool) -> Published {
    let qos = match message.qos {
        broker::Qos::AtMostOnce => thingwire_core::Qos::AtMostOnce,
        broker::Qos::AtLeastOnce | broker::Qos::ExactlyOnce => thingwire_core::Qos::AtLeastOnce,
    };
    Published {
        id: 0,
        dup,
        qos,
        retain: message.retain,
        topic: Name::of(message.topic.as_bytes()),
        tag: tag_on(message.topic.as_bytes(), &message.payload),
        len: u32::try_from(message.payload.len()).unwrap_or(u32::MAX),
    }
}
