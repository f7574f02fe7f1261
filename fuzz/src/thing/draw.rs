//! What a thing is made of, and what happens to it, read from bytes.

use core::time::Duration;

use serde_json::{Map, Value, json};
use thingwire_core::thing::lines::{Lines, flag, number, words};
use thingwire_core::thing::{
    Authority, Boot, ComponentId, Confirm, Derived, OnRefusal, Policy, RequestId, Thing, ThingBuilder, ThingEvent,
};
use thingwire_core::{Delta, Document, Documents, Refusal, Rejection, ShadowError, ShadowEvent, Unsent};

use super::puppet::Puppet;
use crate::input::Input;

/// Names in shadows: of properties, and of nothing.
pub(super) const NAMES: [&str; 7] = ["power", "level", "lamp", "puppet", "other", "bright", "stranger"];

/// What a thing is made of.
pub(super) struct Plan {
    policies: Vec<(&'static str, Policy)>,
    has_rules: bool,
    writes_desired: bool,
    batch: Duration,
    read_every: Duration,
    memory: Vec<u8>,
    is_damaged: bool,
}

impl Plan {
    pub(super) fn draw(input: &mut Input<'_>) -> Self {
        let policies = (0..input.below(4)).map(|_| (input.pick(&NAMES[..6]), policy(input))).collect();
        let mut plan = Self {
            policies,
            has_rules: input.flag(),
            writes_desired: !input.flag(),
            batch: input.pick(&[100, 0, 1, 5_000].map(Duration::from_millis)),
            read_every: input.pick(&[
                Duration::from_secs(3_600),
                Duration::from_secs(60),
                Duration::MAX,
                Duration::ZERO,
            ]),
            memory: Vec::new(),
            is_damaged: false,
        };
        if input.flag() {
            plan.remember(input);
        }
        plan
    }

    /// What an earlier life has left, whole or not.
    fn remember(&mut self, input: &mut Input<'_>) {
        let Ok(mut earlier) = self.builder().build(1) else { return };
        let now = thingwire_core::Instant::EPOCH;
        earlier.handle(now, ThingEvent::Up(ComponentId(2)));
        earlier.handle(now, ThingEvent::Received(ComponentId(2), &said(ComponentId(2), input)));
        if let Some(event) = shadow(input) {
            earlier.handle(now, ThingEvent::Shadow(&event));
        }
        let whole = earlier.memory();
        self.memory.clone_from(&whole);
        for _ in 0..input.below(3) {
            let at = input.below(self.memory.len().max(1));
            match input.below(3) {
                0 => self.memory.truncate(at),
                1 => self.memory.extend_from_slice(input.bytes(20)),
                _ => {
                    if let Some(byte) = self.memory.get_mut(at) {
                        *byte = input.byte();
                    }
                }
            }
        }
        self.is_damaged = self.memory != whole;
    }

    /// Whether what is remembered may be unreadable.
    pub(super) fn is_damaged(&self) -> bool {
        self.is_damaged
    }

    pub(super) fn builder(&self) -> ThingBuilder {
        let relay = Lines::new("relay").property("power", flag()).query("P?", "P{power}").command("power", "P{power}");
        let relay = relay.poll_every(Duration::from_secs(5)).build().expect("a good table");
        let dimmer = Lines::new("dimmer")
            .property("level", number(0..=100))
            .property("lamp", words([("A", json!("off")), ("B", json!({ "on": true })), ("C", json!([1, 2]))]))
            .hears("L{level}")
            .hears("M{lamp}")
            .command("level", "L{level}")
            .acknowledged_by(["OK"])
            .command("lamp", "M{lamp}")
            .unconfirmed()
            .refused_by("NO")
            .build()
            .expect("a good table");
        let bright = Derived::new("bright", ["level"], |values| Some(json!(values[0]?.as_u64()? > 50))).writes(
            |value, wishes| {
                wishes.set("level", if *value == json!(true) { 100 } else { 0 });
                Ok(())
            },
        );
        let mut builder = Thing::builder()
            .component("relay", relay)
            .component("dimmer", dimmer)
            .component("puppet", Puppet::new(["puppet", "other"]))
            .derived(bright)
            .batch(self.batch)
            .read_every(self.read_every)
            .remember(self.memory.clone());
        for (name, policy) in &self.policies {
            builder = builder.policy(*name, policy.clone());
        }
        if self.has_rules {
            builder = with_rules(builder);
        }
        if self.writes_desired { builder } else { builder.never_write_desired() }
    }
}

/// Rules that set each other off, one that fails, and one that wants what cannot be.
fn with_rules(builder: ThingBuilder) -> ThingBuilder {
    builder
        .rule("on", |changes, wishes| {
            if let Some(change) = changes.of("puppet") {
                wishes.set("other", change.new.clone());
            }
            if let Some(change) = changes.of("other") {
                wishes.set("puppet", json!([change.new.clone()]));
            }
            Ok(())
        })
        .rule("fails", |changes, wishes| {
            wishes.set("power", changes.became("level", 0));
            if changes.became("level", 7) { Err("seven".into()) } else { Ok(()) }
        })
        .rule("wants too much", |changes, wishes| {
            if changes.became("power", true) {
                wishes.set("stranger", 1);
                wishes.set("level", 1_000);
            }
            Ok(())
        })
}

fn policy(input: &mut Input<'_>) -> Policy {
    let mut policy = Policy::new()
        .confirm(input.pick(&[Confirm::ReadBack, Confirm::DeviceAck, Confirm::Optimistic]))
        .authority(input.pick(&[Authority::Device, Authority::Cloud, Authority::LocalClears]))
        .on_refusal(input.pick(&[OnRefusal::Snap, OnRefusal::Null, OnRefusal::Leave]))
        .boot(match input.below(4) {
            0 => Boot::Read,
            1 => Boot::Restore,
            2 => Boot::Desired,
            _ => Boot::Value(value(input)),
        });
    let edges = input.byte();
    if edges & 1 == 1 {
        policy = policy.obey_within(span(input));
    }
    if edges & 2 == 2 {
        policy = policy.report_at_most_every(span(input));
    }
    if edges & 4 == 4 {
        policy = policy.report_at_least_every(span(input));
    }
    if edges & 8 == 8 {
        policy = policy.deadband(input.pick(&[0.5, 0.0, -1.0, f64::NAN, f64::INFINITY]));
    }
    policy
}

fn span(input: &mut Input<'_>) -> Duration {
    input.pick(&[
        Duration::from_secs(10),
        Duration::from_millis(1),
        Duration::ZERO,
        Duration::MAX,
        Duration::from_nanos(1),
    ])
}

/// What a device says.
pub(super) fn said(component: ComponentId, input: &mut Input<'_>) -> Vec<u8> {
    if component.0 >= 2 {
        return input.bytes(16).to_vec();
    }
    let mut said = String::new();
    for _ in 0..=input.below(3) {
        match input.below(8) {
            0 | 1 => said.push_str(input.pick(&["P0\n", "P1\n"])),
            2 | 3 => said.extend(["L", &(input.byte() % 110).to_string(), "\n"]),
            4 => said.push_str(input.pick(&["MA\n", "MB\n", "MC\n"])),
            5 => said.push_str(input.pick(&["OK\n", "NO\n"])),
            _ => said.push_str(&input.text(4)),
        }
    }
    said.into_bytes()
}

/// News of the shadow; none where it would be no news at all.
pub(super) fn shadow(input: &mut Input<'_>) -> Option<ShadowEvent> {
    Some(match input.below(10) {
        0 | 1 => ShadowEvent::Current(Document::parse(document(input)).ok()?),
        2..=4 => {
            let text = json!({ "state": wishes(input), "metadata": times(input), "version": version(input) });
            ShadowEvent::Delta(Delta::parse(text.to_string().into()).ok()?)
        }
        5 => {
            let text = format!("{{\"current\":{}}}", String::from_utf8_lossy(&document(input)));
            ShadowEvent::Documents(Documents::parse(text.into()).ok()?)
        }
        6 => ShadowEvent::Absent,
        7 => ShadowEvent::Deleted { version: input.flag().then(|| version(input)) },
        8 => ShadowEvent::NotSubscribed,
        _ => ShadowEvent::Unreadable(rejection(input)),
    })
}

/// What comes of a request.
pub(super) fn answer(id: RequestId, input: &mut Input<'_>) -> ThingEvent<'static> {
    let error = match input.below(10) {
        0..=4 => {
            return match Document::parse(document(input)) {
                Ok(document) => ThingEvent::Answered(id, Ok(document)),
                Err(_) => ThingEvent::Answered(id, Err(ShadowError::TimedOut)),
            };
        }
        5 | 6 => ShadowError::Rejected(Box::new(rejection(input))),
        7 => ShadowError::TimedOut,
        8 => input
            .pick(&[ShadowError::Unsent(Unsent::Offline), ShadowError::ConnectionClosed { times: 3 }].each_ref())
            .clone(),
        _ => {
            let too_long = Refusal::ShadowTooLong { len: 9_000, max: 8_192 };
            return ThingEvent::Refused(id, if input.flag() { too_long } else { Refusal::Offline });
        }
    };
    ThingEvent::Answered(id, Err(error))
}

fn rejection(input: &mut Input<'_>) -> Rejection {
    let code = input.pick(&[404, 409, 413, 400, 429, 500, 403, 0]);
    Rejection::read(json!({ "code": code, "message": input.text(6) }).to_string().into())
}

fn document(input: &mut Input<'_>) -> bytes::Bytes {
    let state = json!({ "desired": wishes(input), "reported": wishes(input) });
    let mut text = json!({ "state": state, "metadata": { "desired": times(input) }, "version": version(input) });
    if input.byte() % 16 == 15 {
        text["version"] = Value::Null;
    }
    text.to_string().into()
}

fn version(input: &mut Input<'_>) -> u64 {
    if input.byte() % 16 == 15 { input.number() } else { u64::from(input.byte() % 16) }
}

fn wishes(input: &mut Input<'_>) -> Value {
    (0..input.below(4)).map(|_| (input.pick(&NAMES).to_owned(), value(input))).collect::<Map<_, _>>().into()
}

fn times(input: &mut Input<'_>) -> Value {
    let times = (0..input.below(4)).map(|_| (input.pick(&NAMES).to_owned(), json!({ "timestamp": input.byte() % 4 })));
    times.collect::<Map<_, _>>().into()
}

pub(super) fn value(input: &mut Input<'_>) -> Value {
    match input.below(12) {
        0 | 1 => json!(true),
        2 => json!(false),
        3 => json!(input.byte()),
        4 => json!(f64::from(input.byte()) / 4.0),
        5 => Value::Null,
        6 => json!({ "on": input.flag() }),
        7 => json!({ "on": null, "a": { "b": input.byte() } }),
        8 => json!([1, input.flag()]),
        9 => json!([null]),
        10 => json!("x".repeat(usize::from(input.byte()) * 40)),
        _ => json!(input.text(6)),
    }
}
