use core::time::Duration;

use thingwire_core::{Config, LinkError, Outcome, Qos};

use crate::rig::{CONNACK, CONNACK_RESUMED, Rig, config, packet_id, persistent, puback, suback};

const AFTER: Duration = Duration::from_secs(3);

fn resending(mut config: Config) -> Config {
    config.resend_after = Some(AFTER);
    config.operation_timeout = Duration::from_secs(60);
    config.keep_alive = Duration::ZERO;
    config
}

#[test]
fn an_unanswered_publish_is_sent_again_on_the_live_link_under_its_id() {
    let mut rig = Rig::online(resending(config()));
    let ticket = rig.publish("t", "x", Qos::AtLeastOnce);
    let first = rig.drain().remove(0);
    for _ in 0..3 {
        let again = rig.wake_after(AFTER);
        let mut expected = first.clone();
        expected[0] |= 0x08;
        assert_eq!(again, [expected]);
    }
    rig.receive(&puback(packet_id(&first)));
    assert_eq!(rig.outcomes(), [(ticket, Outcome::Acked)]);
    assert_eq!(rig.client.next_deadline(), None);
}

#[test]
fn an_unanswered_subscribe_and_unsubscribe_are_sent_again_as_they_were() {
    let mut rig = Rig::online(resending(config()));
    rig.subscribe("f", Qos::AtLeastOnce);
    let subscribe = rig.drain();
    assert_eq!(rig.wake_after(AFTER), subscribe);
    rig.receive(&suback(packet_id(&subscribe[0]), &[1]));
    rig.client.unsubscribe(rig.now, vec![thingwire_core::Filter::new("f").unwrap()]).unwrap();
    let unsubscribe = rig.drain();
    assert_eq!(rig.wake_after(AFTER), unsubscribe);
}

#[test]
fn what_is_sent_one_at_a_time_is_sent_again_as_well() {
    let mut config = resending(persistent());
    config.closes_max = 2;
    let mut rig = Rig::online(config);
    rig.publish("t", "x", Qos::AtLeastOnce);
    rig.publish("t", "y", Qos::AtLeastOnce);
    let first = rig.drain().remove(0);
    rig.lose_link(LinkError::Closed);
    rig.wake();
    let sent = rig.reach_online(&CONNACK_RESUMED);
    let ids: Vec<_> = sent.iter().map(|packet| packet_id(packet)).collect();
    assert_eq!(ids, [packet_id(&first)], "alone, to see whether it was to blame");
    rig.publish("t", "z", Qos::AtLeastOnce);
    assert_eq!(rig.drain(), [[0_u8; 0]; 0]);
    for _ in 0..2 {
        assert_eq!(rig.wake_after(AFTER), sent, "its acknowledgement was lost");
    }
}

#[test]
fn every_packet_has_a_clock_of_its_own() {
    let mut rig = Rig::online(resending(config()));
    let mut ids = Vec::new();
    for pause in [1, 1, 0] {
        rig.publish("t", "x", Qos::AtLeastOnce);
        ids.push(packet_id(&rig.drain()[0]));
        rig.pass(Duration::from_secs(pause));
    }
    rig.receive(&puback(ids[1]));
    assert_eq!(packet_id(&rig.wake_after(Duration::from_secs(1))[0]), ids[0]);
    assert_eq!(packet_id(&rig.wake_after(Duration::from_secs(2))[0]), ids[2]);
    assert_eq!(packet_id(&rig.wake_after(Duration::from_secs(1))[0]), ids[0]);
}

#[test]
fn by_default_a_live_link_carries_a_publish_once() {
    let mut rig = Rig::online(config());
    rig.publish("t", "x", Qos::AtLeastOnce);
    rig.drain();
    assert_eq!(rig.wake_after(Duration::from_secs(60)).len(), 1, "the ping");
}

#[test]
fn what_is_due_again_does_not_outlive_its_link() {
    let mut rig = Rig::online(resending(persistent()));
    rig.publish("t", "x", Qos::AtLeastOnce);
    rig.drain();
    rig.lose_link(LinkError::KeepAlive);
    rig.wake_after(Duration::from_secs(1));
    assert_eq!(rig.opened, 2);
}

#[test]
fn an_unanswered_renewal_is_sent_again_as_it_was() {
    let mut rig = Rig::online(resending(config()));
    rig.subscribed("f");
    rig.lose_link(LinkError::KeepAlive);
    rig.wake();
    let renewal = rig.reach_online(&CONNACK);
    assert_eq!(rig.wake_after(AFTER), renewal);
}
