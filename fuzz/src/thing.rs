//! A whole thing: devices, wishes and the cloud in any order.

mod draw;
mod puppet;

use core::time::Duration;

use serde_json::Value;
use thingwire_core::thing::{Ask, ComponentId, RequestId, Thing, ThingAction, ThingEvent, ThingNotice};
use thingwire_core::{Instant, ShadowUpdate};

use self::draw::Plan;
use crate::input::Input;

/// The most steps of a life.
const STEPS_MAX: usize = 80;
/// The most actions of one drain: more is a loop.
const ACTIONS_MAX: usize = 5_000;
/// Notices that wait for somebody to take them, and the one that tells how many did not.
const NOTICES_MAX: usize = 1_025;
/// A request that nobody answers is given up after so long.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// All that the service takes for a whole shadow, in bytes, and what is around it (S-6).
const UPDATE_LEN_MAX: usize = 8_192 + 512;

/// Laws of a thing, whatever its devices, its program and the cloud do, with components that keep their contract and one
/// that does not, and with a memory that was damaged:
///
/// 1. A drain ends, and what waits is bounded. After a wake and a drain, the deadline is `None` or later.
/// 2. One request is under way, with a number of its own. What it writes is an update, no longer than a shadow.
/// 3. Nothing that a shadow cannot keep is ever what a property is.
/// 4. What is to be persisted is read as the same, and a notice is one line.
/// 5. The same events have the same actions.
///
/// # Panics
///
/// When a law is broken.
pub fn thing(data: &[u8]) {
    let mut input = Input::new(data);
    let plan = Plan::draw(&mut input);
    let rest = input.rest();
    let lived = live(&plan, rest);
    assert_eq!(lived, live(&plan, rest), "the same again");
}

fn live(plan: &Plan, data: &[u8]) -> Option<Vec<ThingAction>> {
    let mut input = Input::new(data);
    let thing = plan.builder().build(7).ok()?;
    let mut stand = Stand { thing, plan, now: Instant::EPOCH, asked: None, last: 0, actions: Vec::new() };
    stand.drain();
    for _ in 0..STEPS_MAX {
        if input.is_empty() {
            break;
        }
        stand.step(&mut input);
        if input.byte() % 8 != 7 {
            stand.drain();
        }
    }
    stand.drain();
    Some(stand.actions)
}

struct Stand<'p> {
    thing: Thing,
    plan: &'p Plan,
    now: Instant,
    /// The request under way, and since when.
    asked: Option<(RequestId, Instant)>,
    /// The number of the last request.
    last: u64,
    actions: Vec<ThingAction>,
}

impl Stand<'_> {
    fn step(&mut self, input: &mut Input<'_>) {
        // One more than there are.
        let component = ComponentId(input.below(4));
        match input.below(16) {
            0 => self.event(ThingEvent::Up(component)),
            1 => self.event(ThingEvent::Down(component)),
            2..=4 => {
                let said = draw::said(component, input);
                self.event(ThingEvent::Received(component, &said));
            }
            5 => self.event(ThingEvent::Online { resumed: input.flag() }),
            6 => self.event(ThingEvent::Offline),
            7 | 8 => {
                if let Some(event) = draw::shadow(input) {
                    self.event(ThingEvent::Shadow(&event));
                }
            }
            9 | 10 => {
                // Often the right one.
                let old = RequestId(self.last.saturating_sub(u64::from(input.byte() % 8 == 7)));
                let id = self.asked.take_if(|(id, _)| *id == old).map_or(old, |(id, _)| id);
                let event = draw::answer(id, input);
                self.event(event);
            }
            11 => {
                let (property, value) = (input.pick(&draw::NAMES), draw::value(input));
                let known = self.thing.property(property).is_some();
                let set = self.thing.set(self.now, property, value);
                assert!(known || set.is_err(), "{property:?} was set, and is not there");
            }
            12 => self.thing.refresh(self.now),
            13 | 14 => {
                let deadline = self.thing.next_deadline();
                self.wake(deadline.map_or(self.now, |deadline| deadline.max(self.now)));
            }
            _ => {
                let millis = input.pick(&[0, 1, 100, 250, 1_000, 30_000, 3_600_000]);
                self.wake(self.now + Duration::from_millis(millis));
            }
        }
    }

    fn event(&mut self, event: ThingEvent<'_>) {
        self.thing.handle(self.now, event);
    }

    fn wake(&mut self, at: Instant) {
        // What was asked was asked at its own time.
        self.drain();
        // A day more would only be more of the same.
        self.now = at.min(self.now + Duration::from_secs(86_400));
        self.event(ThingEvent::Wake);
        self.drain();
        let deadline = self.thing.next_deadline();
        assert!(deadline.is_none_or(|deadline| deadline > self.now), "{deadline:?} at {:?}", self.now);
    }

    fn drain(&mut self) {
        let (mut actions, mut notices) = (0, 0);
        while let Some(action) = self.thing.poll_action() {
            actions += 1;
            notices += usize::from(matches!(action, ThingAction::Notify(_)));
            assert!(actions <= ACTIONS_MAX && notices <= NOTICES_MAX, "a drain has no end");
            match &action {
                ThingAction::Send(ComponentId(id), _) => assert!(*id < 3, "component {id} is not there"),
                ThingAction::Ask(id, ask) => self.asks(*id, ask),
                ThingAction::Persist(memory) => self.remembers(memory),
                ThingAction::Notify(notice) => {
                    assert!(!matches!(notice, ThingNotice::Memory(_)) || self.plan.is_damaged(), "{notice}");
                    assert!(!notice.to_string().contains(char::is_control), "{notice:?}");
                }
            }
            self.actions.push(action);
        }
        for name in draw::NAMES {
            let Some(view) = self.thing.property(name) else { continue };
            for value in [view.actual, view.wanted, view.desired, view.reported].into_iter().flatten() {
                assert!(is_storable(value), "{name} is {value}");
            }
        }
    }

    fn asks(&mut self, id: RequestId, ask: &Ask) {
        assert!(id.0 > self.last, "request {} is not new", id.0);
        self.last = id.0;
        let before = self.asked.replace((id, self.now));
        assert!(before.is_none_or(|(_, since)| self.now.since(since) >= ANSWER_WITHIN), "two requests at once");
        if let Ask::Update(update) = ask {
            let text = update.to_json();
            assert!(ShadowUpdate::from_json(&text).is_ok(), "{text:?}");
            assert!(text.len() <= UPDATE_LEN_MAX, "an update of {} bytes", text.len());
        }
    }

    /// What is persisted is what is known then.
    fn remembers(&self, memory: &[u8]) {
        let mut again = self.plan.builder().remember(memory).build(7).expect("it was built before");
        assert_eq!(again.poll_action(), None, "{:?}", String::from_utf8_lossy(memory));
        assert_eq!(again.memory(), memory);
    }
}

fn is_storable(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => items.iter().all(is_storable),
        Value::Object(members) => members.values().all(is_storable),
        _ => true,
    }
}
