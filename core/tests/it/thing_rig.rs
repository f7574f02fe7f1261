//! A thing on a bench: its devices are lines of text, its shadow answers when the test says so.

use core::time::Duration;

use serde_json::{Value, json};
use thingwire_core::thing::{
    Access, Ask, Component, ComponentAction, ComponentEvent, ComponentId, Failure, Policy, Property, PropertyId,
    RequestId, SetId, Thing, ThingAction, ThingBuilder, ThingEvent, ThingNotice, Unfit,
};
use thingwire_core::{Delta, Document, Instant, Rejection, ShadowError, ShadowEvent};

/// Says `NAME JSON` in a line, and is told so. `! NAME WHY` refuses what it was told; `! NAME gone` says that the device is
/// gone.
pub struct Lines {
    properties: Vec<Property>,
    step: i64,
    acknowledges: bool,
    pending: Vec<(SetId, PropertyId)>,
}

impl Lines {
    pub fn new<const N: usize>(properties: [(&str, Access); N]) -> Self {
        let properties = properties.into_iter().map(|(name, access)| Property::new(name, access)).collect();
        Self { properties, step: 1, acknowledges: false, pending: Vec::new() }
    }

    /// One that can be read and set.
    pub fn one(name: &str) -> Self {
        Self::new([(name, Access::ReadWrite)])
    }

    /// It has numbers in steps only.
    pub fn step(mut self, step: i64) -> Self {
        self.step = step;
        self
    }

    /// It obeys when it is told, as far as the component goes.
    pub fn acknowledging(mut self) -> Self {
        self.acknowledges = true;
        self
    }

    fn stepped(&self, value: &Value) -> Value {
        value
            .as_i64()
            .filter(|_| self.step > 1)
            .map_or(value.clone(), |n| json!((n + self.step / 2) / self.step * self.step))
    }

    fn hear(&mut self, line: &str, actions: &mut Vec<ComponentAction>) {
        let (name, text) = line.split_once(' ').unwrap();
        let find = |name: &str| PropertyId(self.properties.iter().position(|known| known.name == name).unwrap());
        if name == "!" {
            let (name, line) = text.split_once(' ').unwrap();
            let property = find(name);
            let why = if line == "gone" { Failure::Down } else { Failure::Refused { line: line.to_owned() } };
            let refused = self.pending.extract(property);
            return actions.extend(refused.map(|id| ComponentAction::Failed(id, why)));
        }
        let property = find(name);
        actions.push(ComponentAction::Heard(property, serde_json::from_str(text).unwrap()));
        actions.extend(self.pending.extract(property).map(ComponentAction::Done));
    }
}

trait Extract {
    fn extract(&mut self, property: PropertyId) -> Option<SetId>;
}

impl Extract for Vec<(SetId, PropertyId)> {
    fn extract(&mut self, property: PropertyId) -> Option<SetId> {
        let at = self.iter().position(|(_, of)| *of == property)?;
        Some(self.remove(at).0)
    }
}

impl Component for Lines {
    fn properties(&self) -> &[Property] {
        &self.properties
    }

    fn handle(&mut self, _: Instant, event: ComponentEvent<'_>, actions: &mut Vec<ComponentAction>) {
        match event {
            ComponentEvent::Up | ComponentEvent::Refresh => actions.push(ComponentAction::Send("?".into())),
            ComponentEvent::Down => {
                let failed = self.pending.drain(..);
                actions.extend(failed.map(|(id, _)| ComponentAction::Failed(id, Failure::Down)));
            }
            ComponentEvent::Received(bytes) => {
                core::str::from_utf8(bytes).unwrap().lines().for_each(|line| self.hear(line, actions));
            }
            ComponentEvent::Set { id, property, value } => {
                let old = self.pending.extract(property);
                actions.extend(old.map(|id| ComponentAction::Failed(id, Failure::Replaced)));
                let name = &self.properties[property.0].name;
                actions.push(ComponentAction::Send(format!("{name} {value}").into()));
                if self.acknowledges {
                    actions.push(ComponentAction::Done(id));
                } else {
                    self.pending.push((id, property));
                }
            }
            ComponentEvent::Wake => {}
        }
    }

    /// Numbers are from 0 to 100, and everything else is anything.
    fn check(&self, _: PropertyId, value: &Value) -> Result<(), Unfit> {
        match value.as_f64() {
            Some(number) if !(0.0..=100.0).contains(&number) => Err(Unfit("0 to 100".to_owned())),
            _ => Ok(()),
        }
    }

    fn same(&self, _: PropertyId, one: &Value, other: &Value) -> bool {
        self.stepped(one) == self.stepped(other)
    }
}

/// What was asked of the shadow.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    Get,
    Update(Value),
}

pub struct Bench {
    pub thing: Thing,
    pub now: Instant,
    /// Lines to devices since last asked for, without queries.
    pub told: Vec<String>,
    pub queries: usize,
    pub asked: Option<RequestId>,
    asked_at: Instant,
    pub requests: Vec<Asked>,
    pub notices: Vec<ThingNotice>,
    pub memory: Vec<u8>,
}

pub fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A document in which each value has a time of its own: `[value, time]`.
pub fn document(version: u64, desired: &Value, reported: &Value) -> Document {
    let (wishes, times) = with_times(desired);
    let state = json!({ "desired": wishes, "reported": reported });
    let text = json!({ "state": state, "metadata": { "desired": times }, "version": version }).to_string();
    Document::parse(text.into()).unwrap()
}

fn with_times(desired: &Value) -> (Value, Value) {
    let pairs = || desired.as_object().unwrap().iter();
    let wishes = pairs().map(|(key, pair)| (key.clone(), pair[0].clone())).collect();
    let times = pairs().map(|(key, pair)| (key.clone(), json!({ "timestamp": pair[1] }))).collect();
    (Value::Object(wishes), Value::Object(times))
}

pub fn delta(version: u64, desired: &Value) -> ShadowEvent {
    let (wishes, times) = with_times(desired);
    let text = json!({ "state": wishes, "metadata": times, "version": version }).to_string();
    ShadowEvent::Delta(Delta::parse(text.into()).unwrap())
}

pub fn rejected(code: u16) -> ShadowError {
    ShadowError::Rejected(Box::new(Rejection::read(json!({ "code": code, "message": "no" }).to_string().into())))
}

impl Bench {
    /// Not online, ports closed.
    pub fn new(builder: ThingBuilder) -> Self {
        let thing = builder.build(7).unwrap();
        let mut bench = Self {
            thing,
            now: Instant::from_micros(1_000_000),
            told: Vec::new(),
            queries: 0,
            asked: None,
            asked_at: Instant::EPOCH,
            requests: Vec::new(),
            notices: Vec::new(),
            memory: Vec::new(),
        };
        bench.drain();
        bench
    }

    /// A relay, `on`, with this policy; not online, ports closed.
    pub fn relay(policy: Policy) -> Self {
        Self::new(Thing::builder().component("relay", Lines::one("on")).policy("on", policy))
    }

    /// One component that has these, which are so, and are reported at version 1; nobody wishes for anything.
    pub fn with(lines: Lines, policies: &[(&str, Policy)], are: &[(&str, Value)]) -> Self {
        let builder = Thing::builder().component("all", lines);
        let policies = policies.iter().cloned();
        let mut bench = Self::new(policies.fold(builder, |builder, (name, policy)| builder.policy(name, policy)));
        bench.up(0);
        for (name, value) in are {
            bench.hear(&format!("{name} {value}"));
        }
        bench.online();
        let reported = are.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        bench.current(1, &json!({}), &Value::Object(reported));
        bench.pass(ms(200));
        assert_eq!((bench.take_told(), bench.take_requests()), (vec![], vec![]));
        bench.notices.clear();
        bench
    }

    /// A device `relay` that is off, and a shadow at version 1 that says so; nothing is to be done.
    pub fn in_step(policy: Policy) -> Self {
        let mut bench = Self::relay(policy);
        bench.up(0);
        bench.hear("on false");
        bench.online();
        bench.current(1, &json!({ "on": [false, 10] }), &json!({ "on": false }));
        bench.pass(ms(200));
        assert_eq!(bench.take_told(), [""; 0]);
        assert_eq!(bench.take_requests(), []);
        bench.notices.clear();
        bench
    }

    pub fn event(&mut self, event: ThingEvent<'_>) {
        self.thing.handle(self.now, event);
        self.drain();
    }

    pub fn up(&mut self, component: usize) {
        self.event(ThingEvent::Up(ComponentId(component)));
    }

    pub fn down(&mut self, component: usize) {
        self.event(ThingEvent::Down(ComponentId(component)));
    }

    pub fn hear(&mut self, line: &str) {
        self.hear_from(0, line);
    }

    pub fn hear_from(&mut self, component: usize, line: &str) {
        self.event(ThingEvent::Received(ComponentId(component), line.as_bytes()));
    }

    pub fn online(&mut self) {
        self.event(ThingEvent::Online { resumed: false });
    }

    pub fn resumed(&mut self) {
        self.event(ThingEvent::Online { resumed: true });
    }

    pub fn shadow(&mut self, event: &ShadowEvent) {
        self.event(ThingEvent::Shadow(event));
    }

    pub fn current(&mut self, version: u64, desired: &Value, reported: &Value) {
        self.shadow(&ShadowEvent::Current(document(version, desired, reported)));
    }

    /// Somebody wishes for it; each with its time.
    pub fn wish(&mut self, version: u64, desired: &Value) {
        self.shadow(&delta(version, desired));
    }

    pub fn answer(&mut self, answer: Result<Document, ShadowError>) {
        let id = self.asked.take().expect("something was asked");
        self.event(ThingEvent::Answered(id, answer));
    }

    /// The update that is under way is accepted; `desired` in it is written at this time.
    pub fn accept(&mut self, version: u64, time: u64) {
        let Some(Asked::Update(request)) = self.requests.last() else { panic!("no update was asked") };
        let desired = request["state"]["desired"].as_object().cloned().unwrap_or_default();
        let times: Value = desired.keys().map(|key| (key.clone(), json!({ "timestamp": time }))).collect();
        let text = json!({ "state": request["state"], "metadata": { "desired": times }, "version": version });
        self.answer(Ok(Document::parse(text.to_string().into()).unwrap()));
    }

    pub fn set(&mut self, property: &str, value: impl Into<Value>) {
        self.thing.set(self.now, property, value).unwrap();
        self.drain();
    }

    /// Lets time pass, with all its deadlines.
    pub fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(deadline) = self.thing.next_deadline().filter(|deadline| *deadline <= end) {
            self.now = self.now.max(deadline);
            self.event(ThingEvent::Wake);
            let next = self.thing.next_deadline();
            assert!(next.is_none_or(|next| next > self.now), "it does not go away: {next:?} at {:?}", self.now);
        }
        self.now = end;
    }

    /// Lets time pass until something is asked; how long that took.
    pub fn until_asked(&mut self) -> Duration {
        let begin = self.now;
        while self.asked.is_none() {
            self.pass(ms(100));
            assert!(self.now.since(begin) < ms(60_000), "nothing is asked");
        }
        self.now.since(begin)
    }

    pub fn drain(&mut self) {
        let mut actions = 0;
        while let Some(action) = self.thing.poll_action() {
            actions += 1;
            assert!(actions < 500, "it does not end: {action:?}");
            match action {
                ThingAction::Send(_, bytes) if bytes == b"?" => self.queries += 1,
                ThingAction::Send(_, bytes) => self.told.push(String::from_utf8(bytes).unwrap()),
                ThingAction::Ask(id, ask) => {
                    let given_up = self.now.since(self.asked_at) >= ms(30_000);
                    assert!(self.asked.replace(id).is_none() || given_up, "one at a time");
                    self.asked_at = self.now;
                    self.requests.push(match ask {
                        Ask::Get => Asked::Get,
                        Ask::Update(update) => Asked::Update(serde_json::from_str(&update.to_json()).unwrap()),
                    });
                }
                ThingAction::Persist(memory) => self.memory = memory,
                ThingAction::Notify(notice) => self.notices.push(notice),
            }
        }
    }

    pub fn take_told(&mut self) -> Vec<String> {
        core::mem::take(&mut self.told)
    }

    pub fn take_requests(&mut self) -> Vec<Asked> {
        core::mem::take(&mut self.requests)
    }

    pub fn take_notices(&mut self) -> Vec<ThingNotice> {
        core::mem::take(&mut self.notices)
    }

    /// What the one update since last asked for says, apart from its version.
    pub fn update(&mut self) -> Value {
        match &self.requests[..] {
            [Asked::Update(update)] => update["state"].clone(),
            other => panic!("{other:?}"),
        }
    }

    pub fn actual(&self, property: &str) -> Option<Value> {
        self.thing.property(property).unwrap().actual.cloned()
    }

    /// The program starts anew; the device and the shadow stay what they are.
    pub fn rebooted(&self, builder: ThingBuilder) -> Self {
        let mut bench = Self::new(builder.remember(self.memory.clone()));
        bench.now = self.now;
        bench
    }
}
