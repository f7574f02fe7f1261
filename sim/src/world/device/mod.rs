//! One device: the client, and the driver that carries out what it says, by the contract of the core.

mod links;
mod stream;

use core::fmt;
use core::time::Duration;

use thingwire_core::{Action, Client, Event, Instant, Notice, Phase};

use super::agenda::Due;
use super::app::App;
use super::application::{Application, Hands};
use super::clock::Clock;
use super::conditions::Conditions;
use super::pipe::Way;
use super::stage::Stage;
use super::wire::Wire;
use crate::choices::Site;
use crate::plan::Network;
use crate::trace::{Holds, Record, What};

/// Encoded bytes that may wait for the socket before the client is asked for more.
const OUTPUT_BUDGET: usize = 16 * 1024;

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
        self.transmit(stage, now);
        while let Some(action) = self.client.poll_action() {
            match action {
                Action::Open(link) => self.open(stage, link),
                Action::Close(link) => self.close(stage, link),
                Action::Notify(notice) => {
                    // What is said of it, by the client or by whoever is told, goes out before the next thing is told.
                    let answered = self.user.is_some() || self.app.answers(&notice);
                    self.told(stage, now, notice);
                    if answered {
                        self.transmit(stage, now);
                    }
                }
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
        self.arm_for(stage, deadline);
        self.arm_user(stage);
    }

    fn transmit(&mut self, stage: &mut Stage, now: Instant) {
        let Some(wire) = &mut self.wire else { return };
        let before = wire.outbound.len();
        let budget = OUTPUT_BUDGET.saturating_sub(before);
        if self.client.poll_transmit(now, &mut wire.outbound, budget) == 0 {
            return;
        }
        let (link, device) = (wire.link.number(), self.number);
        let bytes = wire.outbound.get(before..).unwrap_or_default();
        wire.sent.push_read(bytes, |text, packet| {
            stage.records.extend(text.map(|text| Record { at: now, device, what: What::Shadow(text) }));
            stage.records.push(Record { at: now, device, what: What::Sent(link, packet) });
        });
    }

    fn told(&mut self, stage: &mut Stage, now: Instant, notice: Notice) {
        if self.user.is_none() {
            // Whoever has an application of their own acknowledges for themselves.
            self.app.told(stage, &mut self.client, now, &notice);
        }
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
        self.arm_for(stage, self.client.next_deadline().map(|(at, _)| at));
    }

    fn arm_for(&mut self, stage: &mut Stage, deadline: Option<Instant>) {
        let Some(deadline) = deadline else { return };
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
