//! The shadow service as clients of the broker see it.

use std::time::Duration;

use allocation_counter::measure;
use thingwire_core::Instant;
use thingwire_sim::broker::{Broker, ConnectionId, Output, Rules, ViolationKind};
use thingwire_sim::shadow::ShadowName;

use crate::packets::{Connect, puback, publish0, publish1, retained, subscribe};
use crate::world::World;

const UPDATE: &str = "$aws/things/t/shadow/update";
const SET: &[u8] = br#"{"state":{"reported":{"a":1}},"clientToken":"me"}"#;

/// The topics of the publishes sent to a client since the last time, and of all other packets their first byte.
fn topics(world: &mut World, connection: ConnectionId) -> Vec<String> {
    let topic = |packet: Vec<u8>| {
        if packet[0] >> 4 != 3 {
            return format!("{:x}", packet[0]);
        }
        let body = 1 + packet[1..].iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
        let length = usize::from(u16::from_be_bytes([packet[body], packet[body + 1]]));
        let topic = String::from_utf8(packet[body + 2..body + 2 + length].to_vec()).unwrap();
        format!("{} {}", packet[0] >> 1 & 3, topic.trim_start_matches("$aws/things/t/shadow/"))
    };
    world.sent_to(connection).into_iter().map(topic).collect()
}

#[test]
fn a_request_is_answered_to_everybody_who_has_subscribed_with_the_quality_they_were_granted() {
    for request in [publish0(UPDATE, SET), publish1(7, UPDATE, SET)] {
        let mut world = World::aws();
        let watcher = world.subscriber(&Connect::clean("watcher"), "$aws/things/t/shadow/update/#", 0);
        let device = world.subscriber(&Connect::clean("device"), "$aws/things/t/shadow/update/accepted", 1);
        let stranger = world.subscriber(&Connect::clean("stranger"), "$aws/things/u/shadow/#", 1);
        world.send(device, &request);
        let answered = topics(&mut world, device);
        let expected = ["40", "1 update/accepted"];
        assert_eq!(answered, expected[2 - answered.len()..], "the acknowledgement first");
        assert_eq!(answered.len(), if request[0] == 0x30 { 1 } else { 2 });
        assert_eq!(topics(&mut world, watcher), ["0 update/documents", "0 update/accepted"]);
        assert!(topics(&mut world, stranger).is_empty());
        assert!(world.violations().is_empty());
    }
}

#[test]
fn the_publish_itself_reaches_those_who_watch_it() {
    let mut world = World::aws();
    let watcher = world.subscriber(&Connect::clean("watcher"), "$aws/things/+/shadow/#", 0);
    let device = world.online(&Connect::clean("device"));
    world.send(device, &publish0(UPDATE, SET));
    assert_eq!(topics(&mut world, watcher), ["0 update", "0 update/documents", "0 update/accepted"]);
}

#[test]
fn an_answer_waits_for_a_session_that_is_offline() {
    let mut world = World::with(|_| {});
    let device = world.subscriber(&Connect::persistent("device"), "$aws/things/t/shadow/get/+", 1);
    world.lose(device);
    let other = world.online(&Connect::clean("other"));
    world.send(other, &publish0("$aws/things/t/shadow/get", b""));
    let device = world.open(&Connect::persistent("device").bytes());
    assert_eq!(topics(&mut world, device), ["20", "1 get/rejected"]);
}

#[test]
fn a_will_to_a_shadow_is_a_message_and_no_request() {
    let mut world = World::aws();
    let watcher = world.subscriber(&Connect::clean("watcher"), "$aws/things/t/shadow/#", 1);
    let device = world.online(&Connect::clean("device").will(UPDATE, r#"{"state":{"reported":{"a":1}}}"#));
    world.lose(device);
    assert_eq!(topics(&mut world, watcher), ["1 update"]);
    assert_eq!(world.broker.shadows().names().count(), 0);
}

#[test]
fn a_repeated_publish_is_carried_out_again_as_the_service_does() {
    let mut world = World::aws();
    let device = world.online(&Connect::clean("device"));
    world.send(device, &publish1(1, UPDATE, SET));
    world.send(device, &crate::packets::again1(1, UPDATE, SET));
    let name = ShadowName::classic("t").unwrap();
    assert_eq!(world.broker.shadows().shadow(&name).unwrap()["version"], 2);
}

#[test]
fn reserved_topics_are_as_strict_as_before() {
    let mut world = World::aws();
    let device = world.online(&Connect::clean("device"));
    world.send(device, &retained(UPDATE, SET));
    world.assert_violated(device, ViolationKind::RetainOnReservedTopic);
    assert_eq!(world.broker.shadows().names().count(), 0);
}

#[test]
fn what_is_denied_or_discarded_is_no_request() {
    let mut world = World::with(|rules| rules.publishes_per_second = Some(1));
    let device = world.online(&Connect::clean("device"));
    for _ in 0..3 {
        world.send(device, &publish0(UPDATE, SET));
    }
    let name = ShadowName::classic("t").unwrap();
    assert_eq!(world.broker.shadows().shadow(&name).unwrap()["version"], 1);
    let mut world = World::with(|rules| rules.deny_publish.push("$aws/things/t/".to_owned()));
    let device = world.online(&Connect::clean("device"));
    world.send(device, &publish0(UPDATE, SET));
    assert_eq!(world.broker.shadows().names().count(), 0);
}

#[test]
fn without_the_rule_nobody_answers() {
    for mut world in [World::standard(), World::with(|rules| rules.shadows = false)] {
        let device = world.subscriber(&Connect::clean("device"), "$aws/things/t/shadow/#", 0);
        world.send(device, &publish0(UPDATE, SET));
        assert_eq!(topics(&mut world, device), ["0 update"]);
    }
}

#[test]
fn a_slow_service_wakes_the_broker() {
    let mut world = World::aws();
    world.broker.shadows_mut().rules_mut().latency = Duration::from_millis(300);
    let device = world.subscriber(&Connect::clean("device"), "$aws/things/t/shadow/update/accepted", 0);
    world.send(device, &publish0(UPDATE, SET));
    assert!(topics(&mut world, device).is_empty());
    assert_eq!(world.broker.next_deadline(), Some(Instant::EPOCH + Duration::from_millis(300)));
    world.pass(Duration::from_millis(300));
    assert_eq!(topics(&mut world, device), ["0 update/accepted"]);
}

#[test]
fn timestamps_are_those_of_the_clock_on_the_wall() {
    let mut world = World::aws();
    world.broker.set_unix_epoch(Duration::from_millis(1_700_000_000_900));
    world.pass(Duration::from_millis(200));
    let name = ShadowName::classic("t").unwrap();
    assert_eq!(world.broker.update_shadow(world.now, &name, SET), Ok(1));
    assert_eq!(world.broker.shadows().shadow(&name).unwrap()["timestamp"], 1_700_000_001);
}

#[test]
fn an_update_from_behind_reaches_the_device() {
    let mut world = World::aws();
    let device = world.subscriber(&Connect::clean("device"), "$aws/things/t/shadow/update/delta", 1);
    let name = ShadowName::classic("t").unwrap();
    world.broker.update_shadow(world.now, &name, br#"{"state":{"desired":{"a":1}}}"#).unwrap();
    world.settle();
    assert_eq!(topics(&mut world, device), ["1 update/delta"]);
    world.send(device, &puback(1));
    assert_eq!(world.broker.update_shadow(world.now, &name, b"{}").unwrap_err().code, 400);
}

#[test]
fn an_ordinary_publish_costs_nothing_for_it() {
    let allocated = |shadows: bool, topic: &str| {
        let mut broker = Broker::new(Rules { publishes_per_second: None, shadows, ..Rules::aws() });
        let connection = broker.open(Instant::EPOCH);
        broker.receive(Instant::EPOCH, connection, &Connect::clean("device").bytes());
        while broker.poll().is_some() {}
        let packet = publish0(topic, b"x");
        let mut publish = || {
            broker.receive(Instant::EPOCH, connection, &packet);
            while let Some(output) = broker.poll() {
                assert!(matches!(output, Output::Published { .. }));
            }
        };
        publish();
        measure(|| (0..100).for_each(|_| publish())).count_total
    };
    for topic in ["dt/device/0", "$aws/things/t/jobs/get", "$aws/things/t/shadow/update/accepted"] {
        assert_eq!(allocated(true, topic), allocated(false, topic), "{topic}");
    }
    // The measure can see it.
    assert!(allocated(true, UPDATE) > allocated(false, UPDATE));
}

#[test]
fn two_lives_with_many_shadows_are_the_same() {
    let life = || {
        let mut world = World::with(|rules| (rules.publishes_per_second, rules.bytes_per_second) = (None, None));
        let watcher = world.subscriber(&Connect::clean("watcher"), "$aws/things/+/shadow/#", 0);
        let device = world.online(&Connect::clean("device"));
        for thing in 0..200 {
            let topic = format!("$aws/things/t{}/shadow/update", thing % 40);
            world.send(device, &publish1(thing + 1, &topic, br#"{"state":{"desired":{"a":1},"reported":{"b":2}}}"#));
        }
        world.send(device, &subscribe(999, &[("x", 0)]));
        world.sent_to(watcher)
    };
    assert_eq!(life(), life());
}
