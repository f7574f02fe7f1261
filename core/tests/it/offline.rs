use core::time::Duration;

use thingwire_core::{Filter, LinkError, Notice, Outcome, Phase, Publish, Qos, Refusal, Topic, WhenFull};

use crate::rig::{CONNACK, Rig, config, packet_id, payload, puback, suback};

fn payloads(packets: &[Vec<u8>]) -> Vec<&str> {
    packets.iter().map(|packet| payload(packet)).collect()
}

#[test]
fn what_is_asked_before_the_first_start_is_done_after_it() {
    let mut rig = Rig::new(config());
    rig.publish("t", "early", Qos::AtMostOnce);
    rig.client.start(rig.now);
    assert_eq!(payloads(&rig.reach_online(&CONNACK)), ["early"]);
    assert_eq!(rig.take_notices().last(), Some(&Notice::Ready));
}

#[test]
fn a_full_queue_refuses_the_newest_and_gives_it_back() {
    let mut config = config();
    config.queue.count_max = Some(3);
    let mut rig = Rig::new(config);
    let mut refused = Vec::new();
    for n in 0..10 {
        let publish = Publish::new(Topic::new("t").unwrap(), n.to_string()).qos(Qos::AtMostOnce);
        if let Err(refusal) = rig.client.publish(rig.now, publish) {
            assert_eq!(refusal.why, Refusal::QueueFull { count_max: 3 });
            refused.push(refusal.value.payload);
        }
    }
    assert_eq!(refused, ["3", "4", "5", "6", "7", "8", "9"]);
    rig.client.start(rig.now);
    assert_eq!(payloads(&rig.reach_online(&CONNACK)), ["0", "1", "2"]);
}

#[test]
fn a_full_queue_can_drop_the_oldest_and_says_so() {
    let mut config = config();
    config.queue.count_max = Some(3);
    config.queue.when_full = WhenFull::DropOldest;
    let mut rig = Rig::new(config);
    let tickets: Vec<_> = (0..10).map(|n| rig.publish("t", &n.to_string(), Qos::AtMostOnce)).collect();
    rig.drain();
    let evicted: Vec<_> = tickets[..7].iter().map(|&ticket| (ticket, Outcome::Evicted)).collect();
    assert_eq!(rig.outcomes(), evicted);
    rig.client.start(rig.now);
    assert_eq!(payloads(&rig.reach_online(&CONNACK)), ["7", "8", "9"]);
}

#[test]
fn what_was_sent_once_is_never_evicted() {
    let mut config = config();
    config.queue.count_max = Some(1);
    config.queue.when_full = WhenFull::DropOldest;
    let mut rig = Rig::online(config);
    let sent = rig.publish("t", "sent", Qos::AtLeastOnce);
    rig.drain();
    rig.lose_link(LinkError::Closed);
    rig.wake();
    let newer = rig.publish("t", "newer", Qos::AtLeastOnce);
    let packets = rig.reach_online(&CONNACK);
    assert_eq!(payloads(&packets), ["sent", "newer"]);
    for packet in &packets {
        rig.receive(&puback(packet_id(packet)));
    }
    assert_eq!(rig.outcomes(), [(sent, Outcome::Acked), (newer, Outcome::Acked)]);
}

#[test]
fn the_queue_is_bounded_by_bytes_too() {
    let mut config = config();
    config.queue.bytes_max = 10;
    let mut rig = Rig::new(config);
    rig.publish("topic", "12345", Qos::AtMostOnce);
    let one_more = Publish::new(Topic::new("t").unwrap(), "");
    let refused = rig.client.publish(rig.now, one_more).unwrap_err();
    assert_eq!(refused.why, Refusal::QueueFullOfBytes { bytes_max: 10 });
    assert_eq!(rig.client.queued_bytes(), 10);
}

#[test]
fn a_queue_switched_off_refuses_while_offline_and_passes_on_while_online() {
    let mut config = config();
    config.queue.count_max = Some(0);
    let mut rig = Rig::new(config);
    let publish = Publish::new(Topic::new("t").unwrap(), "x");
    assert_eq!(rig.client.publish(rig.now, publish).unwrap_err().why, Refusal::Offline);
    rig.client.start(rig.now);
    rig.reach_online(&CONNACK);
    rig.publish("t", "y", Qos::AtMostOnce);
    assert_eq!(payloads(&rig.drain()), ["y"]);
}

#[test]
fn messages_expire_on_time_wherever_they_are_in_the_queue() {
    let mut rig = Rig::new(config());
    let mut publish = |text: &str, seconds: Option<u64>| {
        let mut publish = Publish::new(Topic::new("t").unwrap(), text.to_owned()).qos(Qos::AtMostOnce);
        publish.expires_in = seconds.map(Duration::from_secs);
        rig.client.publish(rig.now, publish).unwrap()
    };
    let (_, long, short) = (publish("kept", None), publish("long", Some(30)), publish("short", Some(20)));
    rig.wake_after(Duration::from_secs(20));
    assert_eq!(rig.outcomes(), [(short, Outcome::Expired)]);
    rig.wake_after(Duration::from_secs(10));
    assert_eq!(rig.outcomes(), [(long, Outcome::Expired)]);
    assert_eq!(rig.client.next_deadline(), None);
    assert_eq!(rig.client.queued(), 1);
}

#[test]
fn an_operation_that_was_not_sent_can_be_withdrawn() {
    let mut rig = Rig::new(config());
    let kept = rig.publish("t", "kept", Qos::AtMostOnce);
    let ticket = rig.publish("t", "withdrawn", Qos::AtMostOnce);
    assert!(rig.client.discard(rig.now, ticket));
    assert!(!rig.client.discard(rig.now, ticket), "once");
    rig.client.start(rig.now);
    assert_eq!(payloads(&rig.reach_online(&CONNACK)), ["kept"]);
    assert_eq!(rig.outcomes(), [(ticket, Outcome::Discarded), (kept, Outcome::Sent)]);
}

#[test]
fn subscriptions_made_and_ended_offline_are_settled_in_order() {
    let mut rig = Rig::online(config());
    rig.subscribed("a");
    rig.lose_link(LinkError::Closed);
    rig.subscribe("b", Qos::AtLeastOnce);
    rig.client.unsubscribe(rig.now, vec![Filter::new("a").unwrap()]).unwrap();
    rig.wake();
    let sent = rig.reach_online(&CONNACK);
    // `a` is not restored, because it was ended; it is still ended at the server, in case it kept the session.
    assert_eq!(sent[0][..], b"\x82\x06\0\x02\0\x01b\x01"[..]);
    assert_eq!(sent[1][..], b"\xa2\x05\0\x03\0\x01a"[..]);
    rig.receive(&suback(2, &[1]));
    assert_eq!(rig.outcomes().len(), 2, "the first subscription and this one");
}

#[test]
fn a_queue_switched_off_is_bounded_by_bytes_while_online() {
    let mut config = config();
    config.queue.count_max = Some(0);
    config.queue.bytes_max = 10;
    let mut rig = Rig::online(config);
    // The socket takes nothing: the driver asks for no bytes.
    rig.publish("t", "12345", Qos::AtLeastOnce);
    let one_more = Publish::new(Topic::new("t").unwrap(), "12345");
    let refused = rig.client.publish(rig.now, one_more).unwrap_err();
    assert_eq!(refused.why, Refusal::QueueFullOfBytes { bytes_max: 10 });
}

#[test]
fn what_has_expired_is_not_sent_although_the_wake_is_late() {
    let mut rig = Rig::online(config());
    let publish = Publish::new(Topic::new("t").unwrap(), "x").expires_in(Duration::from_secs(1));
    let ticket = rig.client.publish(rig.now, publish).unwrap();
    rig.now = rig.now + Duration::from_secs(1);
    assert!(rig.drain().is_empty());
    assert_eq!(rig.outcomes(), [(ticket, Outcome::Expired)]);
}

#[test]
fn what_was_sent_once_cannot_be_withdrawn() {
    let mut rig = Rig::online(config());
    let ticket = rig.publish("t", "x", Qos::AtLeastOnce);
    rig.drain();
    rig.lose_link(LinkError::Closed);
    rig.wake();
    rig.reach_accepted(&CONNACK);
    // It waits to be sent again, but the server may have it.
    assert_eq!(rig.client.queued(), 1);
    assert!(!rig.client.discard(rig.now, ticket));
    assert_eq!(rig.drain().len(), 1);
}

#[test]
fn draining_does_not_wait_for_what_was_evicted() {
    let mut config = config();
    config.queue.count_max = Some(1);
    config.queue.when_full = WhenFull::DropOldest;
    let mut rig = Rig::new(config);
    rig.publish("t", "old", Qos::AtMostOnce);
    rig.client.start(rig.now);
    rig.drain();
    rig.reach_accepted(&CONNACK);
    assert_eq!(rig.client.phase(), Phase::Draining);
    rig.publish("t", "new", Qos::AtMostOnce);
    assert_eq!(rig.client.phase(), Phase::Ready);
}

#[test]
fn nothing_is_evicted_for_what_is_refused_all_the_same() {
    let mut config = config();
    config.queue.bytes_max = 100;
    config.queue.when_full = WhenFull::DropOldest;
    let mut rig = Rig::online(config);
    rig.publish("t", &"s".repeat(80), Qos::AtLeastOnce);
    rig.drain();
    rig.lose_link(LinkError::Closed);
    rig.wake();
    rig.reach_accepted(&CONNACK);
    // What was sent is back in the queue and stays there; what was not would make too little room.
    rig.publish("t", "unsent", Qos::AtLeastOnce);
    let large = Publish::new(Topic::new("t").unwrap(), "n".repeat(50));
    assert_eq!(rig.client.publish(rig.now, large).unwrap_err().why, Refusal::QueueFullOfBytes { bytes_max: 100 });
    assert_eq!(rig.client.queued(), 2);
}

#[test]
fn what_would_never_fit_is_refused_for_its_bytes_although_the_count_is_full_too() {
    let mut config = config();
    config.queue.count_max = Some(1);
    config.queue.bytes_max = 100;
    config.queue.when_full = WhenFull::DropOldest;
    let mut rig = Rig::new(config);
    rig.publish("t", "small", Qos::AtLeastOnce);
    let large = Publish::new(Topic::new("t").unwrap(), "x".repeat(200));
    assert_eq!(rig.client.publish(rig.now, large).unwrap_err().why, Refusal::QueueFullOfBytes { bytes_max: 100 });
    assert_eq!(rig.client.queued(), 1, "nothing is given up for it");
}
