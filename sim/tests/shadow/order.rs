//! In which order, and when, messages are published.

use std::time::Duration;

use thingwire_sim::shadow::Order;

use crate::rig::Rig;

const DIFFERS: &str = r#"{"state":{"desired":{"a":1}}}"#;
const MILLI: Duration = Duration::from_millis(1);

fn topics(rig: &mut Rig, payload: &str) -> Vec<String> {
    rig.ask("update", payload).into_iter().map(|(topic, _)| topic.strip_prefix("update/").unwrap().to_owned()).collect()
}

#[test]
fn the_order_of_the_messages_about_an_update_is_a_rule() {
    assert_eq!(topics(&mut Rig::new(), DIFFERS), ["delta", "documents", "accepted"]);
    assert_eq!(topics(&mut Rig::new(), r#"{"state":{"reported":{"a":1}}}"#), ["documents", "accepted"]);
    let mut rig = Rig::with(|rules| rules.order = Order::AcceptedFirst);
    assert_eq!(topics(&mut rig, DIFFERS), ["accepted", "documents", "delta"]);
    let mut rig = Rig::with(|rules| rules.order = Order::Changing);
    let mut orders: Vec<_> = (0..6).map(|_| topics(&mut rig, DIFFERS)).collect();
    assert!(orders.iter().all(|order| order.len() == 3));
    orders.sort();
    orders.dedup();
    assert_eq!(orders.len(), 6, "every order there is");
}

#[test]
fn answers_take_as_long_as_the_rules_say_and_the_effect_is_at_once() {
    let mut rig = Rig::with(|rules| rules.latency = 40 * MILLI);
    rig.send(1, "update", DIFFERS);
    assert!(rig.service.shadow(&Rig::name()).is_some());
    assert_eq!(rig.service.next_deadline(), Some(rig.now + 40 * MILLI));
    rig.pass(39 * MILLI);
    assert!(rig.told().is_empty());
    rig.pass(MILLI);
    assert_eq!(rig.told().len(), 3);
    assert_eq!(rig.service.next_deadline(), None);
}
