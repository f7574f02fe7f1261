use core::time::Duration;

use thingwire_core::{LinkError, Phase, Publish, Qos, Refusal, ShadowWatch, Topic, Totals, WhenFull, WhenOffline};

use crate::requests::{get, name};
use crate::rig::{CONNACK, CONNACK_RESUMED, Rig, config, message, packet_id, persistent, puback};

#[test]
fn a_look_at_everything_while_offline_and_after() {
    let mut rig = Rig::new(config());
    rig.client.start(rig.now);
    rig.drain();
    rig.pass(Duration::from_secs(2));
    rig.lose_link(LinkError::KeepAlive);
    let waits_since = rig.now;
    rig.publish("topic", "12345", Qos::AtLeastOnce);
    rig.publish("topic", "", Qos::AtMostOnce);
    let status = rig.client.status();
    assert_eq!((status.phase, status.since), (Phase::BackingOff, waits_since));
    assert_eq!((status.attempt, status.next_attempt_at), (2, Some(rig.now + Duration::from_secs(1))));
    assert_eq!(status.last_error, Some(LinkError::KeepAlive));
    assert_eq!((status.queued, status.queued_bytes, status.oldest_waits_since), (2, 15, Some(waits_since)));
    assert_eq!((status.totals.attempts, status.totals.connections, status.totals.accepted), (1, 0, 2));

    rig.wake();
    let sent = rig.reach_online(&CONNACK);
    let status = rig.client.status();
    assert_eq!((status.phase, status.last_error), (Phase::Ready, None));
    assert_eq!((status.queued, status.queued_bytes, status.oldest_waits_since, status.in_flight), (0, 0, None, 1));
    rig.receive(&puback(packet_id(&sent[0])));
    rig.receive(&puback(999));
    let totals = rig.client.status().totals;
    assert_eq!((totals.sent, totals.acked, totals.unknown_answers), (1, 1, 1));
    assert_eq!(totals.ended_operations(), totals.accepted);
    assert_eq!(rig.client.status().to_string(), "ready; 2 done, 0 in flight, 0 queued, 0 dropped");
}

#[test]
fn every_end_without_success_is_dropped() {
    let mut totals = Totals::default();
    (totals.evicted, totals.expired, totals.discarded) = (1, 10, 100);
    (totals.timed_out, totals.given_up, totals.unsent) = (1_000, 10_000, 100_000);
    assert_eq!(totals.dropped(), 111_111);
    (totals.sent, totals.acked, totals.answered) = (1_000_000, 10_000_000, 100_000_000);
    assert_eq!(totals.ended_operations(), 111_111_111);
}

#[test]
fn calls_that_are_accepted_or_find_no_room_are_counted() {
    let mut config = persistent();
    config.queue.count_max = Some(0);
    config.requests.count_max = 1;
    let mut rig = Rig::new(config);
    let publish = rig.client.publish(rig.now, Publish::new(Topic::new("t").unwrap(), ""));
    assert_eq!(publish.unwrap_err().why, Refusal::Offline);
    let counted = |rig: &Rig| {
        let totals = rig.client.status().totals;
        (totals.accepted, totals.refused)
    };
    assert_eq!(counted(&rig), (0, 1));
    rig.client.watch_shadow(rig.now, ShadowWatch::deltas(name())).unwrap();
    assert_eq!(counted(&rig), (1, 1));
    let request = || get().when_offline(WhenOffline::Wait);
    rig.client.ask_shadow(rig.now, request()).unwrap();
    assert_eq!(counted(&rig), (2, 1));
    assert!(rig.client.ask_shadow(rig.now, request()).is_err());
    assert_eq!(counted(&rig), (2, 2));
}

#[test]
fn what_arrives_and_what_is_sent_again_is_counted() {
    let mut rig = Rig::online(persistent());
    rig.receive(&[message("t", "a", None), message("t", "b", Some(1))].concat());
    rig.publish("t", "c", Qos::AtLeastOnce);
    rig.publish("t", "d", Qos::AtLeastOnce);
    rig.drain();
    rig.lose_link(LinkError::Closed);
    rig.wake();
    rig.reach_online(&CONNACK_RESUMED);
    let totals = rig.client.status().totals;
    assert_eq!((totals.received, totals.resent), (2, 2));
    assert_eq!((totals.attempts, totals.connections), (2, 2));
}

#[test]
fn what_makes_room_is_counted() {
    let mut config = config();
    config.queue.count_max = Some(1);
    config.queue.when_full = WhenFull::DropOldest;
    let mut rig = Rig::new(config);
    for payload in ["a", "b", "c"] {
        rig.publish("t", payload, Qos::AtLeastOnce);
    }
    let totals = rig.client.status().totals;
    assert_eq!((totals.evicted, totals.accepted, totals.dropped()), (2, 3, 2));
}
