//! Device shadows: what the application of a device asks of them, and what others do to them.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use thingwire_core::{
    Client, Instant, Outcome, ShadowName, ShadowRequest, ShadowUpdate, ShadowWatch, Ticket, WhenOffline,
};

use super::app::App;
use super::stage::Stage;
use crate::choices::Site;
use crate::shadow::ShadowName as ServiceName;
use crate::trace::shadow::{ShadowAsk, ShadowTopics, WatchAsk, topic};
use crate::trace::{Operation, What};

/// What the application knows of its requests to shadows.
#[derive(Debug, Default)]
pub(super) struct Shadowing {
    watched: BTreeMap<ShadowName, Ticket>,
    /// Requests that have not ended, and the shadow that each is about.
    asked: Vec<(Ticket, ShadowName)>,
    used: bool,
    /// Tokens of its own so far.
    tokens: u32,
}

impl Shadowing {
    /// Whether anything was ever asked of a shadow.
    pub(super) fn is_used(&self) -> bool {
        self.used
    }
}

/// A state that the service does not take: more than its 8 KiB.
const TOO_LONG: usize = 9_000;
/// The longest that a request may take.
const TIMEOUT_MAX_MILLIS: u64 = 30_000;

impl App {
    /// Something with a shadow, at random.
    pub(super) fn shadow_turn(&mut self, stage: &mut Stage, client: &mut Client, now: Instant, shadow: ShadowName) {
        match self.shadow_draw(stage, 100) {
            0..25 => self.ask(stage, client, now, ShadowRequest::get(shadow)),
            25..60 => {
                let update = self.reported(stage);
                self.ask(stage, client, now, ShadowRequest::update(shadow, update));
            }
            60..66 => {
                let update = self.reported(stage).version(1 + self.shadow_draw(stage, 20));
                self.ask(stage, client, now, ShadowRequest::update(shadow, update));
            }
            66..68 => {
                let text = "x".repeat(TOO_LONG);
                if let Ok(update) = ShadowUpdate::from_json(format!(r#"{{"state":{{"reported":{{"t":"{text}"}}}}}}"#)) {
                    self.ask(stage, client, now, ShadowRequest::update(shadow, update));
                }
            }
            68..76 => self.ask(stage, client, now, ShadowRequest::delete(shadow)),
            _ => self.watch_or_not(stage, client, now, shadow),
        }
    }

    /// A request has ended. An application may go on from there, also after a timeout.
    pub(super) fn shadow_done(
        &mut self,
        stage: &mut Stage,
        client: &mut Client,
        now: Instant,
        ticket: Ticket,
        outcome: &Outcome,
    ) {
        let Some(index) = self.shadowing.asked.iter().position(|(asked, _)| *asked == ticket) else { return };
        let (_, shadow) = self.shadowing.asked.swap_remove(index);
        let failed = matches!(outcome, Outcome::TimedOut | Outcome::Unsent(_) | Outcome::Rejected(_));
        if failed && !stage.healed && stage.choices.chance(self.device, Site::Shadow, 300) {
            self.ask(stage, client, now, ShadowRequest::get(shadow));
        }
    }

    fn shadow_draw(&self, stage: &mut Stage, n: u64) -> u64 {
        stage.choices.below(self.device, Site::Shadow, n)
    }

    /// Says what the thing is: mostly what it may be wanted to be, so that now and then nothing differs.
    fn reported(&self, stage: &mut Stage) -> ShadowUpdate {
        let section = if stage.choices.chance(self.device, Site::Shadow, 150) { "desired" } else { "reported" };
        let (key, value) = (self.shadow_draw(stage, 3), self.shadow_draw(stage, 4));
        let value = if value == 3 { "null".to_owned() } else { value.to_string() };
        let text = format!(r#"{{"state":{{"{section}":{{"k{key}":{value}}}}}}}"#);
        ShadowUpdate::from_json(text).unwrap_or_else(|error| unreachable!("{error}"))
    }

    fn ask(&mut self, stage: &mut Stage, client: &mut Client, now: Instant, mut request: ShadowRequest) {
        self.shadowing.used = true;
        if stage.choices.chance(self.device, Site::Shadow, 500) {
            request.when_offline = WhenOffline::Wait;
        }
        if stage.choices.chance(self.device, Site::Shadow, 400) {
            let span = Duration::from_millis(100 + self.shadow_draw(stage, TIMEOUT_MAX_MILLIS - 100));
            request.timeout = Some(span);
        }
        if stage.choices.chance(self.device, Site::Shadow, 200) {
            // Now and then one that is in use.
            self.shadowing.tokens += u32::from(!stage.choices.chance(self.device, Site::Shadow, 200));
            request.token = Some(format!("own.{}.{}", self.device, self.shadowing.tokens));
        }
        let ask = ShadowAsk::of(&request, now, client.config().requests.timeout);
        let (operation, shadow) = (Operation::Shadow(Box::new(ask)), request.shadow.clone());
        match client.ask_shadow(now, request) {
            Ok(ticket) => {
                self.shadowing.asked.push((ticket, shadow));
                self.accepted(stage, now, ticket, operation);
            }
            Err(refused) => stage.record(now, self.device, What::Refused { operation, why: refused.why }),
        }
    }

    fn watch_or_not(&mut self, stage: &mut Stage, client: &mut Client, now: Instant, shadow: ShadowName) {
        if let Some(&watch) = self.shadowing.watched.get(&shadow) {
            // One watch of a shadow is enough for the oracles' model.
            if self.shadow_draw(stage, 2) == 1 {
                let was = client.unwatch_shadow(now, watch);
                stage.record(now, self.device, What::Unwatched(ShadowTopics::of(&shadow).shadow, was));
                self.shadowing.watched.remove(&shadow);
            }
            return;
        }
        let mut yes = |per_mille| stage.choices.chance(self.device, Site::Shadow, per_mille);
        let (documents, deletions, reads) = (yes(300), yes(400), !yes(100));
        let watch = ShadowWatch::deltas(shadow.clone()).documents(documents).deletions(deletions).get_first(reads);
        let operation = Operation::Watch(Box::new(WatchAsk::of(&watch)));
        match client.watch_shadow(now, watch) {
            Ok(ticket) => {
                self.shadowing.watched.insert(shadow, ticket);
                self.accepted(stage, now, ticket, operation);
            }
            Err(refused) => stage.record(now, self.device, What::Refused { operation, why: refused.why }),
        }
    }

    /// Somebody wants the device's shadows to be another, once more.
    pub(super) fn last_word(&self, stage: &mut Stage) {
        for shadow in self.shadows().cloned().collect::<BTreeSet<_>>() {
            let number = stage.next_inbound;
            stage.next_inbound += 1;
            change(stage, &shadow, &format!(r#"{{"state":{{"desired":{{"last":{number}}}}}}}"#));
        }
    }

    /// How the device's shadows stand.
    pub(super) fn stands(&self, stage: &Stage) -> Vec<What> {
        let shadows: BTreeSet<_> = self.shadows().collect();
        let stands = |shadow: &ShadowName| {
            let document = stage.broker.shadows().shadow(&service_name(shadow)?)?;
            let differs = document.get("state").and_then(|state| state.get("delta")).is_some();
            Some((document.get("version").and_then(Value::as_u64)?, differs))
        };
        shadows.iter().map(|shadow| What::Stands(ShadowTopics::of(shadow).shadow, stands(shadow))).collect()
    }

    /// Somebody deletes the device's shadows, and perhaps makes them anew.
    pub(super) fn delete_shadows(&self, stage: &mut Stage, again: bool) {
        for shadow in self.shadows().cloned().collect::<BTreeSet<_>>() {
            publish(stage, &topic(&shadow, "delete"), b"{}");
            if again {
                change(stage, &shadow, r#"{"state":{"desired":{"k0":9}}}"#);
            }
        }
    }
}

/// Somebody else does something with a shadow.
pub(super) fn cloud_turn(stage: &mut Stage, device: u32, shadow: &ShadowName) {
    let mut draw = |n| stage.choices.below(device, Site::Cloud, n);
    let (what, key, value) = (draw(100), draw(3), draw(4));
    let value = if value == 3 { "null".to_owned() } else { value.to_string() };
    let desired = format!(r#"{{"state":{{"desired":{{"k{key}":{value}}}}}"#);
    let number = stage.next_inbound;
    match what {
        0..55 => change(stage, shadow, &format!("{desired}}}")),
        55..70 => {
            stage.next_inbound += 1;
            // As another device of the same make would.
            let text = format!(r#"{desired},"clientToken":"0123456789abcdef-{number}"}}"#);
            publish(stage, &topic(shadow, "update"), text.as_bytes());
        }
        70..75 => {
            let text = format!(r#"{desired},"version":{},"clientToken":"theirs"}}"#, 1 + key);
            publish(stage, &topic(shadow, "update"), text.as_bytes());
        }
        75..82 => publish(stage, &topic(shadow, "get"), b""),
        82..86 => publish(stage, &topic(shadow, "update"), b"{\"state\":"),
        86..88 => publish(stage, &topic(shadow, "get"), b"\xff\xfe"),
        88..92 => publish(stage, &topic(shadow, "delete"), b"[]"),
        92..97 => publish(stage, &topic(shadow, "delete"), b"{\"clientToken\":\"theirs\"}"),
        _ => {
            publish(stage, &topic(shadow, "delete"), b"");
            change(stage, shadow, &format!("{desired}}}"));
        }
    }
}

/// Changes a shadow as an application in the cloud does, without a connection to the broker.
fn change(stage: &mut Stage, shadow: &ShadowName, text: &str) {
    if let Some(name) = service_name(shadow) {
        // What the service rejects changes nothing, and nobody waits for it.
        let _ = stage.broker.update_shadow(stage.now, &name, text.as_bytes());
    }
}

/// Publishes something in a connection of its own.
fn publish(stage: &mut Stage, topic: &str, payload: &[u8]) {
    let number = stage.next_inbound;
    stage.next_inbound += 1;
    let connection = stage.broker.open(stage.now);
    let mut bytes = super::faults::connect(&format!("cloud-{number}"), false);
    let string_len = u16::try_from(topic.len()).unwrap_or(u16::MAX).to_be_bytes();
    let body = [&string_len[..], topic.as_bytes(), payload].concat();
    bytes.push(0x30);
    let mut len = body.len();
    while len >= 0x80 {
        bytes.push(u8::try_from(len & 0x7f).unwrap_or(0) | 0x80);
        len >>= 7;
    }
    bytes.push(u8::try_from(len).unwrap_or(0));
    bytes.extend_from_slice(&body);
    bytes.extend_from_slice(&[0xe0, 0]);
    stage.broker.receive(stage.now, connection, &bytes);
    stage.broker.lost(stage.now, connection);
}

fn service_name(shadow: &ShadowName) -> Option<ServiceName> {
    match shadow.shadow() {
        Some(name) => ServiceName::named(shadow.thing(), name),
        None => ServiceName::classic(shadow.thing()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_services_too() {
        for shadow in [ShadowName::classic("t").unwrap(), ShadowName::named("t", "s1").unwrap()] {
            let name = service_name(&shadow).unwrap();
            assert_eq!((name.thing(), name.shadow()), (shadow.thing(), shadow.shadow()));
            assert_eq!(name.topic("get"), topic(&shadow, "get"));
        }
    }
}
