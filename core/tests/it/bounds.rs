//! What is exactly at a bound is within it.

use serde_json::json;
use thingwire_core::{
    Client, Filter, Instant, Limits, LinkError, Publish, Qos, Refusal, ShadowRequest, Topic, WhenFull,
};

use crate::requests::update;
use crate::rig::{CONNACK, CONNACK_RESUMED, Rig, config, persistent};

/// Reports this.
fn reported(text: &str) -> ShadowRequest {
    update(&format!(r#"{{"state":{{"reported":{text}}}}}"#))
}

#[test]
fn the_longest_topic_has_65_535_bytes() {
    assert!(Topic::new("t".repeat(65_535)).is_ok() && Filter::new("t".repeat(65_535)).is_ok());
    assert!(Topic::new("t".repeat(65_536)).is_err() && Filter::new("t".repeat(65_536)).is_err());
}

#[test]
fn without_limits_the_longest_message_is_the_longest_packet() {
    let limits = Limits::none();
    // First byte, remaining length, the topic's length, and the packet id.
    let around = 1 + 4 + 2 + 2;
    assert_eq!(limits.packet_len_max, 268_435_455 + 5);
    assert_eq!(limits.payload_len_max + limits.topic_len_max + around, limits.packet_len_max);
}

#[test]
fn a_request_may_have_as_many_filters_as_the_limit_says() {
    let mut rig = Rig::online(config());
    let filters = |count: usize| (0..count).map(|n| (Filter::new(format!("f/{n}")).unwrap(), Qos::AtMostOnce));
    assert!(rig.client.subscribe(rig.now, filters(8).collect()).is_ok());
    let refused = rig.client.subscribe(rig.now, filters(9).collect()).unwrap_err();
    assert_eq!(refused.why, Refusal::TooManyFilters { count: 9, max: 8 });
    assert!(rig.client.unsubscribe(rig.now, filters(8).map(|(filter, _)| filter).collect()).is_ok());
}

#[test]
fn an_update_may_be_as_long_and_as_deep_as_the_limit_says() {
    let mut rig = Rig::online(config());
    let text = |len: usize| json!("x".repeat(len - 2)).to_string();
    let whole = |len: usize| format!(r#"{{"a":{}}}"#, text(len - r#"{"a":}"#.len()));
    assert!(rig.client.ask_shadow(rig.now, reported(&whole(8 * 1024))).is_ok());
    let refused = rig.client.ask_shadow(rig.now, reported(&whole(8 * 1024 + 1))).unwrap_err();
    assert_eq!(refused.why, Refusal::ShadowTooLong { len: 8 * 1024 + 1, max: 8 * 1024 });
    let nested = |levels: usize| r#"{"a":"#.repeat(levels) + "1" + &"}".repeat(levels);
    let accepted =
        (1..20).take_while(|levels| rig.client.ask_shadow(rig.now, reported(&nested(*levels))).is_ok()).count();
    let refused = rig.client.ask_shadow(rig.now, reported(&nested(accepted + 1))).unwrap_err();
    assert_eq!(refused.why, Refusal::ShadowTooDeep { levels: 9, max: 8 });
}

#[test]
fn what_fits_to_the_byte_takes_the_place_of_what_is_older() {
    let mut config = persistent();
    config.queue.bytes_max = 100;
    config.queue.when_full = WhenFull::DropOldest;
    let mut rig = Rig::online(config);
    rig.publish("t", &"s".repeat(39), Qos::AtLeastOnce);
    rig.drain();
    rig.lose_link(LinkError::Closed);
    rig.wake();
    rig.reach_accepted(&CONNACK_RESUMED);
    // The 40 bytes are in flight, and no more in the queue; of these 20 no link has carried any.
    rig.publish("t", &"o".repeat(19), Qos::AtLeastOnce);
    let exact = Publish::new(Topic::new("t").unwrap(), "n".repeat(99));
    assert!(rig.client.publish(rig.now, exact).is_ok());
    assert_eq!((rig.client.queued(), rig.client.status().queued_bytes), (1, 100));
}

#[test]
fn bytes_that_were_sent_once_make_room_when_they_are_sent_again() {
    let mut config = config();
    config.queue.bytes_max = 100;
    let mut rig = Rig::online(config);
    rig.publish("t", &"s".repeat(59), Qos::AtLeastOnce);
    rig.drain();
    rig.lose_link(LinkError::Closed);
    rig.wake();
    rig.reach_accepted(&CONNACK);
    assert_eq!(rig.client.status().queued_bytes, 60, "the server has lost the session");
    let large = || Publish::new(Topic::new("t").unwrap(), "n".repeat(99));
    assert!(rig.client.publish(rig.now, large()).is_err());
    rig.drain();
    assert_eq!(rig.client.status().queued_bytes, 0);
    assert!(rig.client.publish(rig.now, large()).is_ok());
}

#[test]
fn one_request_at_a_time_needs_two_filters() {
    let mut least = config();
    (least.requests.filters_max, least.requests.in_flight_max) = (2, 1);
    assert!(Client::new(least, 1, Instant::EPOCH).is_ok());
}
