//! One device: the client, and the driver that carries out what it says, by the contract of the core.

use core::fmt;
use core::time::Duration;

use bytes::BytesMut;
use thingwire_core::{Action, Client, Event, Instant, Link, LinkError, Notice, Phase, TcpError, TlsError};

use super::agenda::Due;
use super::app::App;
use super::application::{Application, Hands};
use super::clock::Clock;
use super::conditions::Conditions;
use super::pipe::{Pipe, Way};
use super::stage::Stage;
use super::wire::{Wire, error};
use crate::choices::Site;
use crate::plan::{ConnectFault, How, Network};
use crate::trace::{Holds, Record, What};

/// Encoded bytes that may wait for the socket before the client is asked for more.
const OUTPUT_BUDGET: usize = 16 * 1024;
/// When a socket that takes little at a time is asked again.
const NEXT_WRITE: Duration = Duration::from_millis(1);
/// When an attempt to connect through a network that holds everything up is tried again.
const NEXT_SYN: Duration = Duration::from_secs(1);
/// How often, in a thousand, an old link is heard of once more.
const LATE_PER_MILLE: u64 = 50;

/// A device.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) number: u32,
    pub(super) client: Client,
    pub(super) clock: Clock,
    pub(super) wire: Option<Wire>,
    pub(super) app: App,
    /// The user's application, if there is one.
    user: Option<User>,
    pub(super) conditions: Conditions,
    pub(super) asleep: bool,
    /// The moment of the world's time that the agenda has a wake for.
    wake_at: Option<Instant>,
    /// The wake that is due has been put off already.
    put_off: bool,
    shown: Shown,
    /// Bytes to be injected as soon as there is a connection.
    pub(super) injections: Vec<u8>,
    /// A bit to be flipped in the next packet.
    pub(super) flip: Option<u32>,
}

/// The user's application, and the moment of the world's time that the agenda has a wake for.
struct User {
    application: Box<dyn Application>,
    wake_at: Option<Instant>,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("wake_at", &self.wake_at).finish_non_exhaustive()
    }
}

/// What the record says of the client so far.
#[derive(Debug)]
struct Shown {
    phase: Phase,
    holds: Holds,
    deadline: Option<Instant>,
    blocked: bool,
}

impl Device {
    pub(super) fn new(number: u32, client: Client, app: App, network: Network) -> Self {
        Self {
            number,
            client,
            clock: Clock::default(),
            wire: None,
            app,
            user: None,
            conditions: Conditions::new(network),
            asleep: false,
            wake_at: None,
            put_off: false,
            shown: Shown { phase: Phase::Idle, holds: Holds::default(), deadline: None, blocked: false },
            injections: Vec::new(),
            flip: None,
        }
    }

    /// The time on the device's clock.
    pub(super) fn now(&mut self, stage: &Stage) -> Instant {
        self.clock.read(stage.now)
    }

    pub(super) fn record(&mut self, stage: &mut Stage, what: What) {
        let at = self.clock.read(stage.now);
        stage.record(at, self.number, what);
    }
}

/// The user's application.
impl Device {
    pub(super) fn run(&mut self, application: Box<dyn Application>) {
        self.user = Some(User { application, wake_at: None });
    }

    /// Lets the user's application do something, if there is one.
    pub(super) fn user(&mut self, stage: &mut Stage, act: impl FnOnce(&mut dyn Application, &mut Hands<'_>)) {
        let now = self.now(stage);
        let Some(mut user) = self.user.take() else { return };
        act(&mut *user.application, &mut Hands { device: self.number, now, client: &mut self.client, stage });
        self.user = Some(user);
    }

    pub(super) fn user_due(&mut self, stage: &mut Stage) {
        let Some(user) = self.user.as_mut().filter(|user| user.wake_at == Some(stage.now)) else { return };
        user.wake_at = None;
        if self.asleep {
            return;
        }
        self.user(stage, |application, hands| {
            if application.deadline().is_some_and(|at| at <= hands.now()) {
                application.wake(hands);
            }
        });
        self.drain(stage);
    }

    fn arm_user(&mut self, stage: &mut Stage) {
        let Some(user) = &mut self.user else { return };
        let Some(deadline) = user.application.deadline() else { return };
        let at = self.clock.reaches(deadline).max(stage.now);
        if user.wake_at.is_none_or(|wake_at| at < wake_at) {
            user.wake_at = Some(at);
            stage.put(at, Due::Application(self.number));
        }
    }

    pub(super) fn verify(&self) -> Result<(), String> {
        self.user.as_ref().map_or(Ok(()), |user| user.application.verify())
    }
}

/// Driving the client.
impl Device {
    /// Carries out what the client says until it says nothing more.
    pub(super) fn drain(&mut self, stage: &mut Stage) {
        if self.asleep {
            return;
        }
        let now = self.now(stage);
        self.show(stage, now);
        loop {
            let written = self.transmit(stage, now);
            match self.client.poll_action() {
                None if written == 0 => break,
                None => {}
                Some(Action::Open(link)) => self.open(stage, link),
                Some(Action::Close(link)) => self.close(stage, link),
                Some(Action::Notify(notice)) => self.told(stage, now, notice),
            }
        }
        self.show(stage, now);
        self.show_room(stage, now);
        let deadline = self.client.next_deadline().map(|(at, _)| at);
        if deadline != self.shown.deadline {
            self.shown.deadline = deadline;
            stage.record(now, self.number, What::Deadline(deadline));
        }
        self.write(stage);
        self.schedule(stage, Way::ToClient);
        self.arm(stage);
        self.arm_user(stage);
    }

    fn transmit(&mut self, stage: &mut Stage, now: Instant) -> usize {
        let Some(wire) = &mut self.wire else { return 0 };
        let before = wire.outbound.len();
        let budget = OUTPUT_BUDGET.saturating_sub(before);
        let written = self.client.poll_transmit(now, &mut wire.outbound, budget);
        let (link, device) = (wire.link.number(), self.number);
        let bytes = wire.outbound.get(before..).unwrap_or_default();
        wire.sent.push(bytes, |packet| {
            stage.records.push(Record { at: now, device, what: What::Sent(link, packet) });
        });
        written
    }

    fn told(&mut self, stage: &mut Stage, now: Instant, notice: Notice) {
        self.app.told(stage, &mut self.client, now, &notice);
        self.user(stage, |application, hands| application.told(hands, &notice));
        let what = match notice {
            Notice::Done { ticket, outcome } => What::Finished { ticket: ticket.number(), outcome },
            Notice::Message(message) => What::Delivered(super::app::published(&message)),
            other => What::Told(other),
        };
        stage.record(now, self.number, what);
    }

    /// Records what can be seen of the client, where it has changed.
    fn show(&mut self, stage: &mut Stage, now: Instant) {
        let phase = self.client.phase();
        if phase != self.shown.phase {
            self.shown.phase = phase;
            stage.record(now, self.number, What::Phase(phase));
        }
        let holds = Holds {
            queued: u32::try_from(self.client.queued()).unwrap_or(u32::MAX),
            queued_bytes: self.client.queued_bytes() as u64,
            in_flight: u32::try_from(self.client.in_flight()).unwrap_or(u32::MAX),
        };
        if holds != self.shown.holds {
            self.shown.holds = holds;
            stage.record(now, self.number, What::Holds(holds));
        }
    }

    /// Records whether the socket takes what the client may have to say.
    fn show_room(&mut self, stage: &mut Stage, now: Instant) {
        let blocked = self.wire.as_ref().is_some_and(|wire| wire.outbound.len() >= OUTPUT_BUDGET);
        if blocked != self.shown.blocked {
            self.shown.blocked = blocked;
            stage.record(now, self.number, What::Blocked(blocked));
        }
    }

    /// Sees to it that the agenda has a wake for the client's deadline, or an earlier one.
    fn arm(&mut self, stage: &mut Stage) {
        let Some((deadline, _)) = self.client.next_deadline() else { return };
        let at = self.clock.reaches(deadline).max(stage.now);
        if self.wake_at.is_none_or(|wake_at| at < wake_at) {
            self.wake_at = Some(at);
            stage.put(at, Due::Wake(self.number));
        }
    }

    /// The agenda's wake has come.
    pub(super) fn wake_due(&mut self, stage: &mut Stage) {
        if self.wake_at != Some(stage.now) || self.asleep {
            return;
        }
        self.wake_at = None;
        let Some((deadline, _)) = self.client.next_deadline() else { return };
        if self.clock.reaches(deadline) > stage.now {
            return self.arm(stage);
        }
        let most = u64::try_from(self.conditions.late.as_micros()).unwrap_or(u64::MAX);
        if most > 0 && !self.put_off {
            let late = Duration::from_micros(stage.choices.below(self.number, Site::Late, most + 1));
            self.put_off = true;
            self.wake_at = Some(stage.now + late);
            return stage.put(stage.now + late, Due::Wake(self.number));
        }
        self.put_off = false;
        self.wake(stage);
    }

    pub(super) fn wake(&mut self, stage: &mut Stage) {
        if self.asleep {
            return;
        }
        let now = self.now(stage);
        let due = self.client.next_deadline().is_some_and(|(deadline, _)| deadline <= now);
        stage.record(now, self.number, What::Wake { due });
        self.client.handle(now, Event::Wake);
        self.drain(stage);
    }

    /// Puts the device to sleep; `stopped` says whether its clock stands still meanwhile.
    pub(super) fn fall_asleep(&mut self, stage: &Stage, stopped: bool) {
        self.asleep = true;
        if stopped {
            self.clock.stop(stage.now);
        }
    }

    pub(super) fn wake_up(&mut self, stage: &mut Stage) {
        self.asleep = false;
        self.clock.go_on(stage.now);
        self.wake_at = None;
        self.wake(stage);
        if let Some(why) = self.wire.as_mut().and_then(|wire| wire.unheard.take()) {
            self.down(stage, why);
        }
        self.schedule(stage, Way::ToClient);
    }
}

/// Links.
impl Device {
    fn open(&mut self, stage: &mut Stage, link: Link) {
        self.record(stage, What::Dial(link.number()));
        let trip = self.conditions.network.latency.0;
        let after = match self.conditions.connect {
            Some(ConnectFault::Silence) => None,
            Some(ConnectFault::Unreachable | ConnectFault::NoSockets) => Some(Duration::ZERO),
            Some(ConnectFault::NoName | ConnectFault::Refused) => Some(trip * 2),
            // TCP takes one round trip, TLS 1.3 another.
            _ => Some(trip * 4),
        };
        self.wire = Some(Wire::new(link, self.client.config().limits.packet_len_max));
        if let Some(after) = after {
            stage.put(stage.now + after, Due::Connected(self.number, link.number()));
        }
    }

    /// An attempt to connect has come to its end.
    pub(super) fn connected(&mut self, stage: &mut Stage, number: u64) {
        let Some(wire) = self.wire.as_mut().filter(|wire| wire.link.number() == number && !wire.up) else { return };
        if self.asleep || self.conditions.holds(Way::ToBroker) || self.conditions.holds(Way::ToClient) {
            return stage.put(stage.now + NEXT_SYN, Due::Connected(self.number, number));
        }
        let tcp = |why| LinkError::Tcp { address: None, why };
        let failure = match self.conditions.connect {
            Some(ConnectFault::Silence) => return,
            Some(ConnectFault::NoName) => LinkError::Resolve { host: "iot.example".into(), why: "no such host".into() },
            Some(ConnectFault::Refused) => tcp(TcpError::Refused),
            Some(ConnectFault::Unreachable) => tcp(TcpError::Unreachable),
            Some(ConnectFault::NoSockets) => tcp(TcpError::Os { code: Some(24) }),
            Some(ConnectFault::TlsAlert) => TlsError::Alert { name: "UnknownCA".into() }.into(),
            Some(ConnectFault::TlsNotYetValid) => TlsError::NotYetValid.into(),
            Some(ConnectFault::ClosedAtOnce | ConnectFault::ClosedAfterConnect | ConnectFault::NoAnswer) | None => {
                wire.up = true;
                return self.link_up(stage);
            }
        };
        self.down(stage, failure);
    }

    fn link_up(&mut self, stage: &mut Stage) {
        let now = self.now(stage);
        let Some(wire) = &mut self.wire else { return };
        let link = wire.link;
        match self.conditions.connect {
            Some(ConnectFault::ClosedAtOnce) => wire.to_client.end_after(stage.now + self.conditions.network.latency.0),
            Some(ConnectFault::ClosedAfterConnect) => wire.closes_on_data = true,
            Some(ConnectFault::NoAnswer) => wire.vanished = true,
            _ => {
                let connection = stage.broker.open(stage.now);
                stage.routes.insert(connection, self.number);
                wire.connection = Some(connection);
            }
        }
        stage.record(now, self.number, What::Up(link.number()));
        self.client.handle(now, Event::LinkUp(link));
        let injected = core::mem::take(&mut self.injections);
        if !injected.is_empty() {
            self.inject(stage, &injected);
        }
        self.drain(stage);
    }

    /// The link is over, and the client is told; one that sleeps, when it wakes.
    pub(super) fn down(&mut self, stage: &mut Stage, why: LinkError) {
        let Some(wire) = &mut self.wire else { return };
        if let Some(connection) = wire.connection.take() {
            stage.routes.remove(&connection);
            stage.broker.lost(stage.now, connection);
        }
        if self.asleep {
            wire.unheard.get_or_insert(why);
            return;
        }
        let Some(wire) = self.wire.take() else { return };
        let now = self.now(stage);
        stage.record(now, self.number, What::Down(wire.link.number(), why.clone()));
        self.client.handle(now, Event::LinkDown(wire.link, why));
        self.drain(stage);
    }

    /// The client gives the link up: its last words arrive, what is on its way to it is not read any more.
    fn close(&mut self, stage: &mut Stage, link: Link) {
        self.record(stage, What::Close(link.number()));
        let Some(wire) = self.wire.take_if(|wire| wire.link == link) else { return };
        if let Some(connection) = wire.connection {
            stage.routes.remove(&connection);
            // Through a network that holds everything up not even the end is heard.
            if !self.conditions.holds(Way::ToBroker) {
                stage.broker.receive(stage.now, connection, wire.to_broker.rest());
                stage.broker.receive(stage.now, connection, &wire.outbound);
                stage.broker.lost(stage.now, connection);
            }
        }
        if stage.choices.chance(self.number, Site::Driver, LATE_PER_MILLE) {
            let at = stage.now + self.conditions.network.latency.0;
            self.app.old_link = Some(link);
            stage.put(at, Due::Late(self.number, link.number()));
        }
    }

    /// Bytes of a link that is over still reach the client.
    pub(super) fn late(&mut self, stage: &mut Stage, number: u64) {
        let current = self.wire.as_ref().map(|wire| wire.link);
        let Some(old) = self.app.old_link.take_if(|link| link.number() == number && Some(*link) != current) else {
            return;
        };
        if self.asleep {
            return;
        }
        let now = self.now(stage);
        let mut bytes = BytesMut::from(&[0x40, 2, 0, 1][..]);
        self.client.handle(now, Event::LinkUp(old));
        self.client.handle(now, Event::Received(old, &mut bytes));
        self.client.handle(now, Event::LinkDown(old, LinkError::Closed));
        self.drain(stage);
    }

    /// The peer is gone without a word.
    pub(super) fn vanish(&mut self, stage: &mut Stage) {
        if let Some(wire) = &mut self.wire {
            wire.vanished = true;
            wire.to_client = Pipe::default();
            if let Some(connection) = wire.connection.take() {
                stage.routes.remove(&connection);
            }
        }
    }

    /// Breaks the connection, now or where the plan says.
    pub(super) fn cut(&mut self, stage: &mut Stage, how: How) {
        match how {
            How::Reset => self.down(stage, error(how)),
            How::Fin => {
                if let Some(connection) = self.wire.as_mut().and_then(|wire| wire.connection.take()) {
                    stage.routes.remove(&connection);
                    stage.broker.lost(stage.now, connection);
                }
                self.peer_closed(stage);
            }
        }
    }

    /// The peer closes: what it has sent before still arrives.
    pub(super) fn peer_closed(&mut self, stage: &mut Stage) {
        let travels = self.conditions.network.latency.0;
        if let Some(wire) = self.wire.as_mut().filter(|wire| !wire.vanished) {
            wire.connection = None;
            wire.to_client.end_after(stage.now + travels);
            self.schedule(stage, Way::ToClient);
        }
    }
}

/// Bytes.
impl Device {
    /// The socket takes what it has room for.
    pub(super) fn write(&mut self, stage: &mut Stage) {
        let network = self.conditions.network;
        let Some(wire) = self.wire.as_mut().filter(|wire| !wire.outbound.is_empty()) else { return };
        let room = (network.send_buffer as usize).saturating_sub(wire.to_broker.len());
        let most = self.conditions.small_writes.unwrap_or(usize::MAX);
        let len = wire.outbound.len().min(room).min(most);
        if !wire.vanished {
            let bytes = wire.outbound.get(..len).unwrap_or_default();
            wire.to_broker.send(stage.now, bytes, &network, self.number, &mut *stage.choices);
        }
        bytes::Buf::advance(&mut wire.outbound, len);
        if !wire.outbound.is_empty() && !wire.waits_for_room {
            wire.waits_for_room = true;
            stage.put(stage.now + NEXT_WRITE, Due::Writable(self.number));
        }
        if wire.closes_on_data {
            self.peer_closed(stage);
        }
        self.schedule(stage, Way::ToBroker);
    }

    /// A socket that was full is asked again.
    pub(super) fn writable(&mut self, stage: &mut Stage) {
        if let Some(wire) = &mut self.wire {
            wire.waits_for_room = false;
            self.drain(stage);
        }
    }

    /// Sees to it that the agenda has the next arrival of this direction.
    pub(super) fn schedule(&mut self, stage: &mut Stage, way: Way) {
        let idle = match way {
            Way::ToBroker => false,
            Way::ToClient => self.asleep || !self.client.wants_input(),
        };
        if idle || self.conditions.holds(way) {
            return;
        }
        let Some(pipe) = self.wire.as_mut().map(|wire| wire.pipe(way)) else { return };
        let Some(at) = pipe.next().map(|at| at.max(stage.now)) else { return };
        if pipe.scheduled.is_none_or(|scheduled| at < scheduled) {
            pipe.scheduled = Some(at);
            stage.put(at, Due::Arrive(self.number, way));
        }
    }

    /// What has arrived is handed over, segment by segment.
    pub(super) fn arrive(&mut self, stage: &mut Stage, way: Way) {
        let Some(pipe) = self.wire.as_mut().map(|wire| wire.pipe(way)) else { return };
        if pipe.scheduled != Some(stage.now) {
            return;
        }
        pipe.scheduled = None;
        match way {
            Way::ToBroker => self.arrive_at_broker(stage),
            Way::ToClient => self.arrive_at_client(stage),
        }
        self.schedule(stage, way);
    }

    fn arrive_at_broker(&mut self, stage: &mut Stage) {
        while let Some(wire) = self.wire.as_mut().filter(|_| !self.conditions.holds(Way::ToBroker)) {
            let Some(len) = wire.to_broker.arrived(stage.now) else { return };
            let (arrives, breaks) = wire.arrive(Way::ToBroker, len);
            let bytes = wire.to_broker.take();
            if let Some(connection) = wire.connection {
                stage.broker.receive(stage.now, connection, bytes.get(..arrives).unwrap_or_default());
            }
            wire.to_broker.tidy();
            if let Some(how) = breaks {
                return self.cut(stage, how);
            }
        }
    }

    fn arrive_at_client(&mut self, stage: &mut Stage) {
        loop {
            if self.asleep || self.conditions.holds(Way::ToClient) {
                return;
            }
            self.take_in(stage);
            let wants_input = self.client.wants_input();
            let Some(wire) = self.wire.as_mut().filter(|_| wants_input) else { return };
            let Some(len) = wire.to_client.arrived(stage.now) else {
                if wire.to_client.has_ended(stage.now) {
                    self.down(stage, LinkError::Closed);
                }
                return;
            };
            let (arrives, breaks) = wire.arrive(Way::ToClient, len);
            let bytes = wire.to_client.take().get(..arrives).unwrap_or_default();
            wire.inbound.extend_from_slice(bytes);
            wire.unseen.extend_from_slice(bytes);
            wire.to_client.tidy();
            self.take_in(stage);
            if let Some(how) = breaks {
                return self.down(stage, error(how));
            }
        }
    }

    /// The client takes what it wants of what the socket has given.
    fn take_in(&mut self, stage: &mut Stage) {
        while self.client.wants_input() {
            let now = self.now(stage);
            let Some(wire) = self.wire.as_mut().filter(|wire| !wire.inbound.is_empty()) else { return };
            let before = wire.inbound.len();
            self.client.handle(now, Event::Received(wire.link, &mut wire.inbound));
            let waits = matches!(self.client.phase(), Phase::AwaitingConnack) || self.client.phase().is_online();
            // Of bytes that have ended the link the client takes all or none; they were given to it.
            let taken = if waits { before - wire.inbound.len() } else { before };
            let (link, device) = (wire.link.number(), self.number);
            wire.received.push(wire.unseen.get(..taken).unwrap_or_default(), |packet| {
                stage.records.push(Record { at: now, device, what: What::Received(link, packet) });
            });
            wire.unseen.drain(..taken.min(wire.unseen.len()));
            if !waits {
                wire.inbound.clear();
            }
            self.drain(stage);
            if taken == 0 {
                return;
            }
        }
    }

    /// The network is another one: what it has held up comes sooner.
    pub(super) fn hurry(&mut self, stage: &mut Stage) {
        let network = self.conditions.network;
        for way in [Way::ToBroker, Way::ToClient] {
            if let Some(wire) = &mut self.wire {
                wire.pipe(way).hurry(stage.now, &network);
            }
            self.schedule(stage, way);
        }
    }

    /// A packet of the broker's is put on its way.
    pub(super) fn send(&mut self, stage: &mut Stage, bytes: &[u8]) {
        let network = self.conditions.network;
        if let Some(wire) = self.wire.as_mut().filter(|wire| !wire.vanished) {
            wire.to_client.send(stage.now, bytes, &network, self.number, &mut *stage.choices);
            self.schedule(stage, Way::ToClient);
        }
    }

    /// From here on the client is sent what the broker has not.
    pub(super) fn tamper(&mut self) {
        if let Some(wire) = &mut self.wire {
            wire.tampered = true;
        }
    }

    /// Bytes that nobody asked for are put on their way, now or with the next connection.
    pub(super) fn inject(&mut self, stage: &mut Stage, bytes: &[u8]) {
        if self.wire.as_ref().is_some_and(|wire| wire.up) {
            self.tamper();
            self.send(stage, bytes);
        } else {
            self.injections.extend_from_slice(bytes);
        }
    }
}
