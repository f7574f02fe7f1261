//! One thing, its devices, its ports, its connection and the shadow service, on one clock.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use thingwire_core::thing::{Ask, ComponentId, RequestId, Thing, ThingAction, ThingEvent, ThingNotice};
use thingwire_core::{Delta, Document, Instant, Qos, Rejection, Rng, ShadowError, ShadowEvent};

use super::device::{Device, Speaker};
use super::plan::Plan;
use super::record::Record;
use super::rules::{Rules, SHOW, SHOWN};
use crate::shadow::{Moment, Order, Publication, Service, ShadowName, ShadowRules};

/// More actions at one instant are a thing that plays ping-pong with itself.
const ACTIONS_PER_INSTANT_MAX: usize = 300;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) struct World {
    pub(super) plan: Plan,
    pub(super) now: Instant,
    pub(super) rng: Rng,
    pub(super) service: Service,
    pub(super) shadow: ShadowName,
    pub(super) thing: Option<Thing>,
    pub(super) ports: Vec<Port>,
    pub(super) link: Link,
    /// Whether things go wrong.
    pub(super) faults: bool,
    pub(super) record: Record,
    /// What was persisted last.
    pub(super) memory: Vec<u8>,
    /// What this life of the program began with: the same, unless that was damaged.
    pub(super) remembered: Vec<u8>,
    /// What has happened, in lines, if somebody wants to know.
    pub(super) story: Option<Vec<String>>,
    /// Counts the starts of the program.
    pub(super) life: u32,
    rules: Rules,
    agenda: BTreeMap<(Instant, u64), Happening>,
    happenings: u64,
    asked: Option<(u32, RequestId, &'static str)>,
    /// The versions of the shadow that this life of the program knows whole.
    whole: BTreeSet<u64>,
    actions_now: (Instant, usize),
}

/// A device and the port it is on.
pub(super) struct Port {
    pub(super) device: Device,
    pub(super) open: bool,
    /// Counts the times it was opened.
    number: u64,
    /// When the last line of each direction is there: a wire keeps their order.
    last: [Instant; 2],
}

/// The connection.
#[derive(Default)]
pub(super) struct Link {
    pub(super) up: bool,
    /// Counts the sessions; messages of an older one are lost.
    session: u64,
    /// What waits for the next connection of the session.
    waiting: Vec<Message>,
    /// The session in which whoever watches has read the shadow.
    read: u64,
}

#[derive(Clone)]
pub(super) enum Happening {
    ToDevice(usize, u64, String),
    ToThing(usize, u64, String),
    Request { life: u32, verb: &'static str, body: String },
    Arrives(u64, Box<Message>),
    TimedOut(u32, RequestId),
    WatchReads(u64),
    PortOpens(usize),
    LinkUp { resumed: bool },
    Starts,
    Life,
}

#[derive(Clone)]
pub(super) enum Message {
    Told(ShadowEvent),
    Read(u64, ShadowEvent),
    Answer(u32, RequestId, Result<Document, ShadowError>),
}

impl World {
    pub(super) fn new(plan: Plan) -> Self {
        let mut rules = ShadowRules::aws();
        rules.order = Order::Changing;
        let ports = plan.devices.iter().map(|(kind, _)| Port {
            device: Device::new(*kind),
            open: false,
            number: 0,
            last: [Instant::EPOCH; 2],
        });
        let mut world = Self {
            now: Instant::from_micros(1_000_000),
            rng: Rng::new(plan.seed ^ 0x7468_696e_6773),
            service: Service::new(rules),
            shadow: ShadowName::classic("thing").unwrap_or_else(|| unreachable!("it is a name")),
            thing: None,
            ports: ports.collect(),
            link: Link { session: 1, ..Link::default() },
            faults: true,
            record: Record::new(plan.devices.len()),
            memory: Vec::new(),
            remembered: Vec::new(),
            story: None,
            life: 0,
            rules: Rules::default(),
            agenda: BTreeMap::new(),
            happenings: 0,
            asked: None,
            whole: BTreeSet::new(),
            actions_now: (Instant::EPOCH, 0),
            plan,
        };
        world.starts();
        world.later(Duration::from_millis(500), Happening::LinkUp { resumed: false });
        world
    }

    pub(super) fn note(&mut self, what: impl FnOnce(&Self) -> String) {
        if self.story.is_some() {
            let line = format!("{:>10.3} {}", self.now.since(Instant::EPOCH).as_secs_f64(), what(self));
            self.story.get_or_insert_default().push(line);
        }
    }

    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.rng.next_u64() % n.max(1)
    }

    pub(super) fn per_mille(&mut self, chance: u64) -> bool {
        self.faults && self.below(1_000) < chance
    }

    pub(super) fn span(&mut self, low_ms: u64, high_ms: u64) -> Duration {
        Duration::from_millis(low_ms + self.below(high_ms - low_ms + 1))
    }

    pub(super) fn later(&mut self, span: Duration, what: Happening) {
        self.happenings += 1;
        self.agenda.insert((self.now + span, self.happenings), what);
    }

    pub(super) fn moment(&self) -> Moment {
        Moment { now: self.now, unix_seconds: 1_700_000_000 + self.now.as_micros() / 1_000_000 }
    }

    /// What the service holds.
    pub(super) fn document(&self) -> Value {
        self.service.shadow(&self.shadow).unwrap_or_else(|| json!({ "state": {} }))
    }

    /// Lets the world go on for a while.
    pub(super) fn run(&mut self, span: Duration) -> Result<(), String> {
        let end = self.now + span;
        loop {
            let happens = self.agenda.keys().next().map(|(at, _)| *at);
            let deadline = self.thing.as_ref().and_then(Thing::next_deadline);
            let next = happens.into_iter().chain(deadline).min().filter(|next| *next <= end);
            let Some(next) = next else { break };
            self.now = self.now.max(next);
            let wakes = happens.is_none_or(|at| at > self.now);
            if wakes {
                self.tell(ThingEvent::Wake);
            } else if let Some((_, what)) = self.agenda.pop_first() {
                self.happens(what);
            }
            self.drain()?;
            let due = self.thing.as_ref().and_then(Thing::next_deadline).is_some_and(|at| at <= self.now);
            if wakes && due {
                return Err("a deadline does not go away".to_owned());
            }
        }
        self.now = end;
        Ok(())
    }

    pub(super) fn tell(&mut self, event: ThingEvent<'_>) {
        if event != ThingEvent::Wake {
            self.note(|_| told(&event));
        }
        if let Some(thing) = &mut self.thing {
            thing.handle(self.now, event);
        }
    }

    /// Takes what the thing and the service say until both are silent.
    pub(super) fn drain(&mut self) -> Result<(), String> {
        loop {
            for (index, value) in self.rules.take() {
                self.note(|_| format!("RULE: {index} to {value}"));
                self.record.set(index, &value);
            }
            while let Some(publication) = self.service.poll(self.now) {
                self.published(&publication);
            }
            let Some(action) = self.thing.as_mut().and_then(Thing::poll_action) else { return Ok(()) };
            self.budget()?;
            self.note(|_| match &action {
                ThingAction::Send(component, bytes) => {
                    format!("  -> {}: {}", component.0, String::from_utf8_lossy(bytes).trim_end())
                }
                ThingAction::Ask(id, Ask::Update(update)) => format!("  asks {}: {}", id.0, update.to_json()),
                ThingAction::Ask(id, Ask::Get) => format!("  asks {}: get", id.0),
                ThingAction::Notify(notice) => format!("  says: {notice}"),
                ThingAction::Persist(_) => "  persists".to_owned(),
            });
            match action {
                ThingAction::Send(ComponentId(index), bytes) => self.sent(index, &bytes)?,
                ThingAction::Ask(id, ask) => self.ask(id, &ask)?,
                ThingAction::Persist(memory) => self.memory = memory,
                ThingAction::Notify(ThingNotice::Confused(_)) => return Err("a component is misread".to_owned()),
                ThingAction::Notify(_) => {}
            }
        }
    }

    fn budget(&mut self) -> Result<(), String> {
        if self.actions_now.0 != self.now {
            self.actions_now = (self.now, 0);
        }
        self.actions_now.1 += 1;
        let over = self.actions_now.1 > ACTIONS_PER_INSTANT_MAX;
        if over { Err("too much is done at one instant".to_owned()) } else { Ok(()) }
    }

    fn sent(&mut self, index: usize, bytes: &[u8]) -> Result<(), String> {
        let line = String::from_utf8_lossy(bytes).into_owned();
        if let Some((id, value)) = line.trim_end().strip_prefix("= ").and_then(|rest| rest.split_once(' ')) {
            let value: Value = serde_json::from_str(value).map_err(|error| error.to_string())?;
            let (kind, document) = (self.ports[index].device.kind, self.document());
            let shown = SHOWN.contains(&kind).then_some(SHOW);
            let of = |property: &str| document["state"]["desired"][property].clone();
            let desired: Vec<_> = [kind.property()].into_iter().chain(shown).map(of).collect();
            self.record.command(self.now, index, (self.life, id.parse().unwrap_or(0)), &value, &desired)?;
        }
        if !self.per_mille(self.plan.lines_lost) {
            let (delay, number) = (self.on_the_wire(index, 0), self.ports[index].number);
            self.later(delay, Happening::ToDevice(index, number, line));
        }
        Ok(())
    }

    fn ask(&mut self, id: RequestId, ask: &Ask) -> Result<(), String> {
        if self.asked.is_some() {
            return Err("two requests at a time".to_owned());
        }
        let (verb, mut body) = match ask {
            Ask::Get => ("get", json!({})),
            Ask::Update(update) => ("update", serde_json::from_str(&update.to_json()).map_err(|e| e.to_string())?),
        };
        self.asked = Some((self.life, id, verb));
        self.record.request(verb);
        let knows = body["version"].as_u64().is_some_and(|version| self.whole.contains(&version));
        if !body["state"]["desired"].is_null() && !knows {
            return Err(format!("desired is written on top of what is not known: {body}"));
        }
        body["clientToken"] = json!(format!("t{}-{}", self.life, id.0));
        let request = Happening::Request { life: self.life, verb, body: body.to_string() };
        for _ in 0..=u8::from(self.per_mille(self.plan.twice)) {
            let delay = self.span(10, 150);
            if !self.per_mille(self.plan.requests_lost) {
                self.later(delay, request.clone());
            }
        }
        self.later(REQUEST_TIMEOUT, Happening::TimedOut(self.life, id));
        Ok(())
    }

    fn happens(&mut self, what: Happening) {
        match what {
            Happening::ToDevice(index, number, line) if self.is_open(index, number) => {
                let answer = self.ports[index].device.line(self.now, line.trim_end());
                self.device_says(index, answer);
            }
            Happening::ToThing(index, number, line) if self.is_open(index, number) => {
                self.tell(ThingEvent::Received(ComponentId(index), line.as_bytes()));
            }
            Happening::ToDevice(..) | Happening::ToThing(..) => {}
            Happening::Request { life, verb, body } => self.request(life, verb, body),
            Happening::Arrives(session, message) => self.arrives(session, *message),
            Happening::TimedOut(life, id) => self.answered(life, id, Err(ShadowError::TimedOut)),
            Happening::WatchReads(session) => self.watch_reads(session),
            Happening::PortOpens(index) => self.port_opens(index),
            Happening::LinkUp { resumed } => self.link_up(resumed),
            Happening::Starts => self.starts(),
            Happening::Life => self.live(),
        }
    }

    fn is_open(&self, index: usize, number: u64) -> bool {
        self.ports[index].open && self.ports[index].number == number
    }

    pub(super) fn device_says(&mut self, index: usize, line: String) {
        if self.ports[index].open && !self.per_mille(self.plan.lines_lost) {
            let (delay, number) = (self.on_the_wire(index, 1), self.ports[index].number);
            self.later(delay, Happening::ToThing(index, number, line));
        }
    }

    /// How long a line takes: longer than the one before it.
    fn on_the_wire(&mut self, index: usize, direction: usize) -> Duration {
        let alone = self.now + self.span(1, 30);
        let after = self.ports[index].last[direction] + Duration::from_millis(1);
        let at = alone.max(after);
        self.ports[index].last[direction] = at;
        at.since(self.now)
    }
}

/// Ports and the program.
impl World {
    fn port_opens(&mut self, index: usize) {
        if self.ports[index].open || self.thing.is_none() {
            return;
        }
        self.ports[index].open = true;
        self.ports[index].number += 1;
        self.tell(ThingEvent::Up(ComponentId(index)));
    }

    pub(super) fn port_closes(&mut self, index: usize) {
        if self.ports[index].open {
            self.ports[index].open = false;
            self.record.down(index);
            self.tell(ThingEvent::Down(ComponentId(index)));
        }
    }

    fn starts(&mut self) {
        if self.thing.is_some() {
            return;
        }
        self.life += 1;
        self.asked = None;
        self.whole.clear();
        self.note(|_| "STARTS".to_owned());
        let mut builder = Thing::builder().remember(self.memory.clone()).read_every(self.plan.read_every);
        for (kind, policy) in &self.plan.devices {
            builder = builder.component(kind.property(), Speaker::new(*kind)).policy(kind.property(), policy.clone());
        }
        builder = self.rules.join(builder, self.plan.follows);
        let seed = self.rng.next_u64();
        // The plan's policies fit its devices.
        self.thing = builder.build(seed).ok();
        self.remembered = self.thing.as_ref().map(Thing::memory).unwrap_or_default();
        for index in 0..self.ports.len() {
            let delay = self.span(100, 2_000);
            self.later(delay, Happening::PortOpens(index));
        }
    }

    /// The program ends. Its memory is what was persisted, unless it ends in peace.
    pub(super) fn ends(&mut self, in_peace: bool) {
        let Some(thing) = self.thing.take() else { return };
        let memory = thing.memory();
        self.note(|_| format!("ENDS, in peace: {in_peace}"));
        if in_peace {
            self.memory = memory;
        } else if memory != self.memory {
            self.record.forgotten();
        }
        self.record.restart();
        for port in &mut self.ports {
            port.open = false;
        }
        self.link_down(false);
    }
}

/// The connection and the service.
impl World {
    fn link_up(&mut self, resumed: bool) {
        if self.link.up || self.thing.is_none() {
            return;
        }
        self.link.up = true;
        self.record.online(self.now);
        self.tell(ThingEvent::Online { resumed });
        if !resumed {
            self.later(Duration::from_millis(20), Happening::WatchReads(self.link.session));
        }
        for message in core::mem::take(&mut self.link.waiting) {
            let delay = self.span(5, 300);
            self.later(delay, Happening::Arrives(self.link.session, Box::new(message)));
        }
    }

    pub(super) fn link_down(&mut self, resumes: bool) {
        self.link.up = false;
        self.record.offline();
        if !resumes {
            self.link.session += 1;
            self.link.waiting.clear();
        }
        self.tell(ThingEvent::Offline);
    }

    fn watch_reads(&mut self, session: u64) {
        if !self.link.up || session != self.link.session || self.link.read == session {
            return;
        }
        let body = json!({ "clientToken": format!("w{session}") }).to_string();
        let delay = self.span(10, 150);
        self.later(delay, Happening::Request { life: self.life, verb: "get", body });
        self.later(REQUEST_TIMEOUT, Happening::WatchReads(session));
    }

    fn request(&mut self, life: u32, verb: &'static str, body: String) {
        if !self.link.up {
            // What the connection has swallowed comes with the next one, or not at all.
            if self.below(2) == 0 && life == self.life {
                self.later(Duration::from_secs(2), Happening::Request { life, verb, body });
            }
            return;
        }
        if self.per_mille(self.plan.rejected) {
            return self.reject(verb, &body);
        }
        let topic = self.shadow.topic(verb);
        self.service.request(self.moment(), u64::from(life), &topic, body.as_bytes());
    }

    /// The service has no time, or a fault of its own.
    fn reject(&mut self, verb: &str, body: &str) {
        let token = serde_json::from_str(body).map_or(Value::Null, |body: Value| body["clientToken"].clone());
        let code = [429, 500, 503][usize::try_from(self.below(3)).unwrap_or(0)];
        let payload = json!({ "code": code, "message": "not now", "clientToken": token }).to_string();
        let topic = self.shadow.topic(&format!("{verb}/rejected"));
        self.published(&Publication { topic, payload: payload.into(), qos: Qos::AtLeastOnce });
    }

    fn published(&mut self, publication: &Publication) {
        let payload = &publication.payload;
        let end = publication.topic.rsplit_once("shadow/").map_or("", |(_, end)| end);
        let token =
            serde_json::from_slice(payload).ok().and_then(|body: Value| Some(body["clientToken"].as_str()?.to_owned()));
        let accepted = end.ends_with("/accepted");
        match end {
            "update/delta" => {
                if let Ok(delta) = Delta::parse(payload.clone()) {
                    self.sends(&Message::Told(ShadowEvent::Delta(delta)), self.plan.deltas_lost);
                }
            }
            "delete/accepted" => {
                let version = Document::parse(payload.clone()).ok().and_then(|document| document.version);
                self.sends(&Message::Told(ShadowEvent::Deleted { version }), self.plan.deltas_lost);
            }
            "get/accepted" | "get/rejected" | "update/accepted" | "update/rejected" => {
                let answer = if accepted {
                    Document::parse(payload.clone()).map_err(|_| ShadowError::TimedOut)
                } else {
                    Err(ShadowError::Rejected(Box::new(Rejection::read(payload.clone()))))
                };
                if let Some(message) = token.and_then(|token| answer_to(&token, answer)) {
                    self.sends(&message, self.plan.answers_lost);
                }
            }
            _ => {}
        }
    }

    /// A message of the service's is on its way to the thing, once or twice, or lost.
    fn sends(&mut self, message: &Message, lost: u64) {
        for _ in 0..=u8::from(self.per_mille(self.plan.twice)) {
            let delay = self.span(5, 200);
            if !self.per_mille(lost) {
                self.later(delay, Happening::Arrives(self.link.session, Box::new(message.clone())));
            }
        }
    }

    fn arrives(&mut self, session: u64, message: Message) {
        if session != self.link.session {
            return;
        }
        if !self.link.up {
            return self.link.waiting.push(message);
        }
        match message {
            Message::Told(event) => self.tell(ThingEvent::Shadow(&event)),
            Message::Read(of, event) => {
                if of == session {
                    self.link.read = session;
                    if let ShadowEvent::Current(document) = &event {
                        self.whole.extend(document.version);
                    }
                    self.tell(ThingEvent::Shadow(&event));
                }
            }
            Message::Answer(life, id, answer) => self.answered(life, id, answer),
        }
    }

    fn answered(&mut self, life: u32, id: RequestId, answer: Result<Document, ShadowError>) {
        let Some((_, _, verb)) = self.asked.take_if(|asked| (asked.0, asked.1) == (life, id)) else { return };
        let version = answer.as_ref().ok().and_then(|document| document.version);
        // An accepted update makes of a version that is known whole the next one.
        self.whole.extend(version.filter(|version| verb == "get" || self.whole.contains(&(version - 1))));
        self.tell(ThingEvent::Answered(id, answer));
    }
}

/// An event in a story, with what the service has written.
fn told(event: &ThingEvent<'_>) -> String {
    match event {
        ThingEvent::Shadow(event) => {
            let raw = event.raw().map(|raw| String::from_utf8_lossy(raw)).unwrap_or_default();
            format!("Shadow({event}) {raw}")
        }
        ThingEvent::Answered(id, Ok(document)) => {
            format!("Answered({}) {}", id.0, String::from_utf8_lossy(&document.raw))
        }
        event => format!("{event:?}"),
    }
}

/// Who is answered, by the token.
fn answer_to(token: &str, answer: Result<Document, ShadowError>) -> Option<Message> {
    if let Some(session) = token.strip_prefix('w') {
        let event = match answer {
            Ok(document) => ShadowEvent::Current(document),
            Err(why) if why.status() == Some(404) => ShadowEvent::Absent,
            // It is read again.
            Err(_) => return None,
        };
        return Some(Message::Read(session.parse().ok()?, event));
    }
    let (life, id) = token.strip_prefix('t')?.split_once('-')?;
    Some(Message::Answer(life.parse().ok()?, RequestId(id.parse().ok()?), answer))
}
