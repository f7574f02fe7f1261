use core::time::Duration;

use thingwire_core::{Config, Drain, Event, Limits, LinkError, Qos};

use crate::rig::{CONNACK_RESUMED, PINGREQ, Rig, message, payload, persistent, puback, unlimited};

fn paced() -> Config {
    let mut config = unlimited();
    config.limits.publishes_per_second_max = Limits::aws().publishes_per_second_max;
    config.limits.bytes_per_second_max = Limits::aws().bytes_per_second_max;
    config
}

/// When each packet leaves, in microseconds, until nothing is left.
fn departures(rig: &mut Rig) -> Vec<u64> {
    let mut departures = Vec::new();
    let mut sent = rig.drain().len();
    loop {
        departures.extend(std::iter::repeat_n(rig.now.as_micros(), sent));
        if rig.client.queued() == 0 {
            return departures;
        }
        sent = rig.wake().len();
    }
}

#[test]
fn no_second_sees_more_than_a_hundred_publishes() {
    let mut rig = Rig::online(paced());
    for _ in 0..1_000 {
        rig.publish("t", "x", Qos::AtMostOnce);
    }
    let departures = departures(&mut rig);
    for &from in &departures {
        let within = departures.iter().filter(|&&at| (from..from + 1_000_000).contains(&at)).count();
        assert!(within <= 100, "{within}");
    }
    let seconds = departures[999] / 1_000_000;
    assert!((10..=11).contains(&seconds), "and not many fewer: {seconds} s for 1,000");
}

#[test]
fn bytes_are_spread_as_well() {
    let mut rig = Rig::online(paced());
    for _ in 0..40 {
        rig.publish("t", &"x".repeat(128 * 1024), Qos::AtMostOnce);
    }
    let last = departures(&mut rig)[39];
    assert!((8_900_000..9_200_000).contains(&last), "5 MiB at 512 KiB a second, one second in advance: {last}");
}

#[test]
fn acknowledgements_pings_and_subscriptions_are_never_held_back() {
    let mut rig = Rig::online(paced());
    let (deadline, _) = rig.client.next_deadline().unwrap();
    rig.now = deadline;
    for _ in 0..50 {
        rig.publish("t", "x", Qos::AtMostOnce);
    }
    let held = rig.drain();
    assert_eq!(held.len(), 10);
    rig.client.handle(rig.now, Event::Wake);
    assert_eq!(rig.receive(&message("t", "x", Some(7))), [PINGREQ.to_vec(), puback(7)]);
}

#[test]
fn messages_from_the_server_count_too() {
    let mut rig = Rig::online(paced());
    for _ in 0..10 {
        rig.receive(&message("t", "x", None));
    }
    rig.publish("t", "x", Qos::AtMostOnce);
    rig.publish("t", "x", Qos::AtMostOnce);
    assert_eq!(rig.drain().len(), 1);
    assert_eq!(rig.drain().len(), 0);
    assert_eq!(rig.wake().len(), 1);
}

#[test]
fn a_server_that_never_rests_leaves_something_to_send() {
    for (max, gap_millis, within_millis) in [(100, 10, 1_200), (100, 1, 1_200), (3, 1, 10_000), (1, 1, 10_000)] {
        let mut config = paced();
        config.limits.publishes_per_second_max = Some(max);
        let mut rig = Rig::online(config);
        let begun = rig.now;
        rig.drain();
        for _ in 0..10 {
            rig.publish("t", "x", Qos::AtMostOnce);
        }
        for _ in 0..20 {
            rig.receive(&message("t", "x", None));
        }
        while rig.client.queued() > 0 {
            rig.now = rig.now + Duration::from_millis(gap_millis);
            rig.client.handle(rig.now, Event::Wake);
            rig.receive(&message("t", "x", None));
            let took = rig.now.since(begun);
            assert!(took <= Duration::from_millis(within_millis), "{max} a second: {} wait", rig.client.queued());
        }
    }
}

#[test]
fn nothing_waits_when_the_limits_are_off() {
    let mut rig = Rig::online(unlimited());
    for _ in 0..1_000 {
        rig.publish("t", "x", Qos::AtMostOnce);
    }
    let mut sent = 0;
    while rig.client.queued() > 0 {
        sent += rig.drain().len();
    }
    assert_eq!(sent, 1_000);
}

#[test]
fn a_withdrawn_request_leaves_no_timer_behind() {
    let mut config = paced();
    config.keep_alive = Duration::ZERO;
    let mut rig = Rig::online(config);
    let tickets: Vec<_> = (0..11).map(|_| rig.publish("t", "x", Qos::AtMostOnce)).collect();
    rig.drain();
    assert!(rig.client.next_deadline().is_some());
    assert!(rig.client.discard(rig.now, tickets[10]));
    rig.drain();
    assert_eq!(rig.client.next_deadline(), None);
}

#[test]
fn nothing_new_overtakes_what_waits_to_be_sent_again() {
    let mut config = persistent();
    config.limits.bytes_per_second_max = Some(100);
    let mut rig = Rig::online(config);
    for _ in 0..2 {
        rig.publish("t", &"x".repeat(60), Qos::AtLeastOnce);
        rig.drain();
        if rig.client.queued() > 0 {
            rig.wake();
        }
    }
    assert_eq!(rig.client.in_flight(), 2);
    rig.lose_link(LinkError::Closed);
    rig.publish("t", "new", Qos::AtLeastOnce);
    let subscribe = rig.subscribe("f", Qos::AtLeastOnce);
    rig.wake();
    let mut sent = rig.reach_online(&CONNACK_RESUMED);
    while sent.iter().filter(|packet| packet[0] >> 4 == 3).count() < 3 {
        sent.extend(rig.wake());
    }
    let payloads: Vec<_> =
        sent.iter().filter(|packet| packet[0] >> 4 == 3).map(|packet| payload(packet).len()).collect();
    assert_eq!(payloads, [60, 60, 3]);
    assert!(sent.iter().any(|packet| packet[0] == 0x82), "{subscribe} is sent");
}

#[test]
fn what_waits_to_be_sent_again_wakes_the_client_also_while_the_queue_waits_for_acks() {
    let mut config = persistent();
    config.drain = Drain::Adaptive;
    config.queue.count_max = None;
    config.limits.publishes_per_second_max = Some(10);
    let mut rig = Rig::online(config);
    for _ in 0..5 {
        rig.publish("t", "old", Qos::AtLeastOnce);
        while rig.client.queued() > 0 {
            rig.drain();
            if rig.client.queued() > 0 {
                rig.wake();
            }
        }
    }
    rig.lose_link(LinkError::Closed);
    rig.publish("t", "new", Qos::AtLeastOnce);
    rig.wake();
    rig.reach_online(&CONNACK_RESUMED);
    let accepted_at = rig.now;
    for _ in 0..4 {
        rig.wake();
    }
    assert!(rig.now.since(accepted_at) < Duration::from_secs(1), "{:?}", rig.now.since(accepted_at));
}

#[test]
fn a_topic_counts_as_much_as_a_payload() {
    let mut config = unlimited();
    config.limits.bytes_per_second_max = Some(1_000);
    let mut rig = Rig::online(config);
    for _ in 0..4 {
        // With nine bytes around them: 500.
        rig.publish(&"t".repeat(91), &"x".repeat(400), Qos::AtMostOnce);
    }
    assert_eq!(departures(&mut rig), [0, 0, 500_000, 1_000_000]);
}
