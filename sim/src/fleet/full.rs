//! A fleet of whole clients: each opens links, sends its CONNECT and keeps its own time.

use core::time::Duration;

use bytes::BytesMut;
use thingwire_core::{Action, Client, Config, Event, Instant, Link, LinkError, Notice};

use super::capacity::{Answer, Server, Verdict};
use super::recovery::{Recorder, Recovery};
use super::wheel::Wheel;
use super::{Policy, Storm, millis};

/// How long the devices have been online when the storm begins: longer than a connection must last to count.
const ONLINE_BEFORE: Duration = Duration::from_secs(7 * 86_400);

pub(super) fn run(storm: &Storm, policy: &Policy, progress: &(dyn Fn(u32) + Sync)) -> Result<Recovery, String> {
    let mut fleet = Fleet::new(storm, policy)?;
    // Attempts that began in time are seen to their end.
    let until = millis(storm.until) + millis(storm.connect_timeout);
    let mut due = Vec::new();
    while let Some(now) = fleet.wheel.take(until, &mut due) {
        let before = fleet.field.recorder.connected();
        for &number in &due {
            let device = &mut fleet.devices[number as usize];
            device.turn(&mut fleet.field, now);
            if let Some(next) = device.next(now) {
                fleet.wheel.set(number, next);
            }
        }
        let back = fleet.field.recorder.connected() - before;
        if back > 0 {
            progress(back);
        }
    }
    Ok(fleet.finish())
}

struct Fleet {
    devices: Vec<Device>,
    wheel: Wheel,
    field: Field,
}

/// What the devices have in common.
struct Field {
    server: Server,
    recorder: Recorder,
    /// Attempts that begin later are not made.
    until: u32,
    outbound: BytesMut,
    inbound: BytesMut,
}

struct Device {
    client: Client,
    number: u32,
    attempts: u32,
    /// When the current attempt began.
    began: u32,
    server: Next,
    back: bool,
}

/// What the server does next to a device.
#[derive(Debug, Clone, Copy)]
enum Next {
    /// Loses the link that there is, or gives power to a device that has none.
    Loss(u32, Option<Link>),
    LinkUp(u32, Link, Answer),
    /// The answer to a CONNECT that was sent.
    Answer(Link, Answer),
    Nothing,
    /// The device is back, or its next attempt would be too late.
    Over,
}

/// Accepts, without a session.
const CONNACK: [u8; 4] = [0x20, 2, 0, 0];

/// How a CONNECT begins.
const CONNECT: u8 = 0x10;

impl Fleet {
    fn new(storm: &Storm, policy: &Policy) -> Result<Self, String> {
        let field = Field {
            server: Server::new(storm),
            recorder: Recorder::new(storm, policy),
            until: millis(storm.until),
            outbound: BytesMut::new(),
            inbound: BytesMut::new(),
        };
        let mut fleet = Self { devices: Vec::new(), wheel: Wheel::new(storm.devices), field };
        for number in 0..storm.devices {
            let mut config = Config::new(format!("device-{number:07}"));
            config.backoff = policy.backoff;
            config.connect_timeout = storm.connect_timeout;
            // Nothing but the storm wakes a device that is online.
            config.keep_alive = Duration::ZERO;
            let client = Client::new(config, storm.device_seed(number), Instant::EPOCH);
            let client = client.map_err(|error| error.to_string())?;
            let lost_at = storm.lost_at(number);
            let mut device = Device { client, number, attempts: 0, began: 0, server: Next::Nothing, back: false };
            let link = if storm.loss.begins_with_a_wait() { device.be_online(&mut fleet.field) } else { None };
            device.server = Next::Loss(lost_at, link);
            fleet.devices.push(device);
            fleet.wheel.set(number, lost_at);
        }
        Ok(fleet)
    }

    fn finish(mut self) -> Recovery {
        for device in self.devices.iter().filter(|device| !device.back) {
            self.field.recorder.left(device.attempts);
        }
        self.field.recorder.finish()
    }
}

impl Device {
    /// Connects long before the storm.
    fn be_online(&mut self, field: &mut Field) -> Option<Link> {
        let mut online = None;
        self.client.start(Instant::EPOCH);
        while let Some(action) = self.client.poll_action() {
            if let Action::Open(link) = action {
                online = Some(link);
                self.client.handle(Instant::EPOCH, Event::LinkUp(link));
                self.client.poll_transmit(Instant::EPOCH, &mut field.outbound, usize::MAX);
                field.outbound.clear();
                field.inbound.extend_from_slice(&CONNACK);
                self.client.handle(Instant::EPOCH, Event::Received(link, &mut field.inbound));
            }
        }
        online
    }

    /// What happens to it at this millisecond, and what it makes of it.
    fn turn(&mut self, field: &mut Field, now: u32) {
        match self.server {
            Next::Loss(at, link) if at == now => {
                self.server = Next::Nothing;
                match link {
                    Some(link) => self.client.handle(instant(now), Event::LinkDown(link, LinkError::Closed)),
                    None => self.client.start(instant(now)),
                }
            }
            Next::LinkUp(at, link, answer) if at == now => {
                self.server = Next::Nothing;
                self.client.handle(instant(now), Event::LinkUp(link));
                if self.sends_connect(field, now) && answer.verdict != Verdict::TimedOut {
                    self.server = Next::Answer(link, answer);
                }
            }
            Next::Answer(link, answer) if answer.end == now => {
                self.server = Next::Nothing;
                if answer.verdict == Verdict::Accepted {
                    field.inbound.extend_from_slice(&CONNACK);
                    self.client.handle(instant(now), Event::Received(link, &mut field.inbound));
                } else {
                    self.client.handle(instant(now), Event::LinkDown(link, LinkError::Closed));
                }
            }
            _ => {}
        }
        self.client.handle(instant(now), Event::Wake);
        self.obey(field, now);
    }

    fn sends_connect(&mut self, field: &mut Field, now: u32) -> bool {
        self.client.poll_transmit(instant(now), &mut field.outbound, usize::MAX);
        let first = field.outbound.first().copied();
        field.outbound.clear();
        first == Some(CONNECT)
    }

    fn obey(&mut self, field: &mut Field, now: u32) {
        while let Some(action) = self.client.poll_action() {
            match action {
                Action::Open(_) if now > field.until => self.server = Next::Over,
                Action::Open(link) => {
                    self.attempts += 1;
                    self.began = now;
                    field.recorder.began(self.number, now);
                    let answer = field.server.attempt(self.number, now);
                    self.server = answer.ready.map_or(Next::Nothing, |ready| Next::LinkUp(ready, link, answer));
                }
                Action::Close(_) => self.server = Next::Nothing,
                Action::Notify(Notice::Online { .. }) => {
                    field.recorder.accepted(self.number, self.began, now, self.attempts);
                    self.server = Next::Over;
                    self.back = true;
                }
                Action::Notify(Notice::Failed { why: Some(LinkError::ConnectTimeout { .. }), .. }) => {
                    field.recorder.timed_out(self.began, now);
                }
                Action::Notify(Notice::Failed { .. }) => field.recorder.refused(self.began, now),
                Action::Notify(_) => {}
            }
        }
    }

    /// When something happens to it next.
    fn next(&self, now: u32) -> Option<u32> {
        let server = match self.server {
            Next::Over => return None,
            Next::Loss(at, _) | Next::LinkUp(at, ..) => Some(at),
            Next::Answer(_, answer) => Some(answer.end),
            Next::Nothing => None,
        };
        let client = self.client.next_deadline().map(|(deadline, _)| to_millis(deadline));
        // A deadline that is over would be a defect of the client; it must not be one of the wheel.
        server.into_iter().chain(client).min().map(|at| at.max(now + 1))
    }
}

/// The client's time.
fn instant(at: u32) -> Instant {
    Instant::EPOCH + ONLINE_BEFORE + Duration::from_millis(at.into())
}

/// A driver that wakes a little late.
fn to_millis(deadline: Instant) -> u32 {
    millis(deadline.since(instant(0)))
}
