use core::time::Duration;

use thingwire_core::{Config, Drain, Filter, LinkError, Notice, Phase, Publish, Qos, Topic};

use crate::rig::{CONNACK, CONNACK_RESUMED, Rig, config, packet_id, payload, persistent, puback, suback};

fn every(millis: u64) -> Config {
    let mut config = config();
    config.drain = Drain::Every(Duration::from_millis(millis));
    config
}

fn publish_all(rig: &mut Rig, count: u64, qos: Qos) {
    for n in 0..count {
        rig.publish("t", &n.to_string(), qos);
    }
}

#[test]
fn seven_mixed_requests_leave_one_every_half_second_in_order() {
    // Case 37.
    let mut rig = Rig::new(every(500));
    for n in 0..5 {
        rig.publish("t", &n.to_string(), Qos::AtMostOnce);
    }
    rig.subscribe("f", Qos::AtLeastOnce);
    rig.client.unsubscribe(rig.now, vec![Filter::new("g").unwrap()]).unwrap();
    rig.client.start(rig.now);
    let began = rig.now;
    let mut sent: Vec<_> = rig.reach_online(&CONNACK).into_iter().map(|packet| (0, packet[0] >> 4)).collect();
    while rig.client.phase() == Phase::Draining {
        let packets = rig.wake();
        let at = u64::try_from(rig.now.since(began).as_millis()).unwrap();
        sent.extend(packets.into_iter().map(|packet| (at, packet[0] >> 4)));
    }
    let expected = [(0, 3), (500, 3), (1_000, 3), (1_500, 3), (2_000, 3), (2_500, 8), (3_000, 10)];
    assert_eq!(sent, expected);
    assert_eq!(rig.take_notices().last(), Some(&Notice::Ready));
}

#[test]
fn what_is_published_meanwhile_joins_the_tail_and_does_not_prolong_the_draining() {
    let mut rig = Rig::new(every(500));
    publish_all(&mut rig, 3, Qos::AtMostOnce);
    rig.client.start(rig.now);
    let mut sent = rig.reach_online(&CONNACK);
    rig.publish("t", "new", Qos::AtMostOnce);
    sent.extend(rig.wake_after(Duration::from_millis(500)));
    assert_eq!(rig.client.phase(), Phase::Draining);
    sent.extend(rig.wake_after(Duration::from_millis(500)));
    assert_eq!(rig.client.phase(), Phase::Ready);
    let payloads: Vec<_> = sent.iter().map(|packet| payload(packet)).collect();
    assert_eq!(payloads, ["0", "1", "2", "new"]);
}

#[test]
fn a_full_queue_is_drained_at_once_so_that_nothing_new_is_lost() {
    let mut config = every(500);
    config.queue.count_max = Some(5);
    let mut rig = Rig::new(config);
    publish_all(&mut rig, 5, Qos::AtMostOnce);
    rig.client.start(rig.now);
    // The first goes by right; room is there, so the second waits.
    assert_eq!(rig.reach_online(&CONNACK).len(), 1);
    rig.publish("t", "new", Qos::AtMostOnce);
    assert_eq!(rig.drain().len(), 1, "full again: one more goes");
    let publish = Publish::new(Topic::new("t").unwrap(), "newer").qos(Qos::AtMostOnce);
    assert!(rig.client.publish(rig.now, publish).is_ok());
}

#[test]
fn a_link_lost_while_draining_loses_nothing_and_the_next_goes_on() {
    // Case 42.
    let mut rig = Rig::new(every(500));
    publish_all(&mut rig, 6, Qos::AtMostOnce);
    rig.client.start(rig.now);
    let mut sent = rig.reach_online(&CONNACK);
    sent.extend(rig.wake_after(Duration::from_millis(500)));
    rig.lose_link(LinkError::Closed);
    assert!(!rig.take_notices().contains(&Notice::Ready));
    rig.wake();
    sent.extend(rig.reach_online(&CONNACK));
    while rig.client.phase() == Phase::Draining {
        sent.extend(rig.wake_after(Duration::from_millis(500)));
    }
    let payloads: Vec<_> = sent.iter().map(|packet| payload(packet)).collect();
    assert_eq!(payloads, ["0", "1", "2", "3", "4", "5"]);
}

#[test]
fn what_an_earlier_link_has_carried_is_not_held_back() {
    for connack in [CONNACK, CONNACK_RESUMED] {
        let mut config = persistent();
        config.drain = Drain::Every(Duration::from_millis(500));
        let mut rig = Rig::online(config);
        publish_all(&mut rig, 10, Qos::AtLeastOnce);
        rig.drain();
        rig.lose_link(LinkError::Closed);
        rig.publish("t", "queued", Qos::AtLeastOnce);
        rig.publish("t", "queued too", Qos::AtLeastOnce);
        rig.wake();
        assert_eq!(rig.reach_online(&connack).len(), 11, "ten again, and the first of the queue");
        assert_eq!(rig.wake_after(Duration::from_millis(500)).len(), 1);
    }
}

#[test]
fn subscriptions_are_restored_before_the_first_request_is_drained() {
    let mut rig = Rig::online(every(500));
    rig.subscribed("f");
    rig.lose_link(LinkError::Closed);
    rig.publish("t", "x", Qos::AtMostOnce);
    rig.wake();
    let restore = rig.reach_online(&CONNACK);
    assert_eq!(restore[0][0], 0x82);
    rig.pass(Duration::from_secs(3));
    assert!(rig.drain().is_empty());
    assert_eq!(rig.receive(&suback(packet_id(&restore[0]), &[1])).len(), 1, "at once, not an interval later");
}

#[test]
fn adaptive_draining_doubles_with_every_round_trip() {
    let mut config = config();
    config.drain = Drain::Adaptive;
    config.queue.count_max = None;
    let mut rig = Rig::new(config);
    publish_all(&mut rig, 100, Qos::AtLeastOnce);
    rig.client.start(rig.now);
    let mut sent = rig.reach_online(&CONNACK);
    let mut rounds = Vec::new();
    while !sent.is_empty() {
        rounds.push(sent.len());
        let acks: Vec<u8> = sent.iter().flat_map(|packet| puback(packet_id(packet))).collect();
        sent = rig.receive(&acks);
    }
    assert_eq!(rounds, [1, 2, 4, 8, 16, 32, 37]);
    assert_eq!(rig.client.phase(), Phase::Ready);
}

#[test]
fn draining_begins_anew_with_every_link() {
    for (drain, first) in [(Drain::Adaptive, 1), (Drain::Every(Duration::from_secs(60)), 1)] {
        let mut config = config();
        config.drain = drain;
        config.queue.count_max = None;
        let mut rig = Rig::new(config);
        publish_all(&mut rig, 3, Qos::AtLeastOnce);
        rig.client.start(rig.now);
        let mut sent = rig.reach_online(&CONNACK);
        while drain == Drain::Adaptive && !sent.is_empty() {
            let acks: Vec<u8> = sent.iter().flat_map(|packet| puback(packet_id(packet))).collect();
            sent = rig.receive(&acks);
        }
        rig.receive(&[puback(1), puback(2), puback(3)].concat());
        rig.lose_link(LinkError::Closed);
        publish_all(&mut rig, 9, Qos::AtLeastOnce);
        rig.wake();
        assert_eq!(rig.reach_online(&CONNACK).len(), first, "{drain:?}: as careful as on the first link");
    }
}

#[test]
fn a_night_asleep_releases_one_request_not_a_flood() {
    let mut rig = Rig::new(every(500));
    publish_all(&mut rig, 10, Qos::AtMostOnce);
    rig.client.start(rig.now);
    rig.reach_online(&CONNACK);
    rig.now = rig.now + Duration::from_secs(3);
    rig.client.handle(rig.now, thingwire_core::Event::Wake);
    assert_eq!(rig.drain().len(), 1);
}
