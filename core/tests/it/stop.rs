use core::time::Duration;

use thingwire_core::Phase::{self, AwaitingConnack, BackingOff, Draining, Idle, Opening, Ready, Resubscribing};
use thingwire_core::{Event, LinkError, Notice, Qos};

use crate::rig::{CONNACK, CONNACK_RESUMED, DISCONNECT, Rig, config, packet_id, payload, persistent, puback};

#[test]
fn stop_says_goodbye_then_closes() {
    let mut rig = Rig::online(config());
    rig.client.stop(rig.now);
    assert_eq!(rig.closed, 0);
    assert_eq!(rig.drain(), [DISCONNECT]);
    assert_eq!(rig.closed, 1);
    assert_eq!(rig.take_notices(), [Notice::Offline { why: None, retry_in: None }, Notice::Stopped]);
    assert_eq!(rig.client.next_deadline(), None);
}

#[test]
fn stop_works_at_once_in_every_phase_and_leaves_the_client_reusable() {
    let at_phase = |phase: Phase| {
        let mut rig = Rig::new(config());
        if phase == Idle {
            return rig;
        }
        rig.client.start(rig.now);
        rig.drain();
        match phase {
            Opening => {}
            BackingOff => drop(rig.lose_link(LinkError::Closed)),
            AwaitingConnack => {
                rig.client.handle(rig.now, Event::LinkUp(rig.link.unwrap()));
                rig.drain();
            }
            Resubscribing => {
                rig.reach_online(&CONNACK);
                rig.subscribed("a");
                rig.lose_link(LinkError::Closed);
                rig.wake();
                rig.reach_online(&CONNACK);
            }
            Draining => {
                for n in 0..20 {
                    rig.publish("t", &n.to_string(), Qos::AtLeastOnce);
                }
                rig.client.handle(rig.now, Event::LinkUp(rig.link.unwrap()));
                let mut out = bytes::BytesMut::new();
                rig.client.poll_transmit(rig.now, &mut out, 4096);
                let mut connack = bytes::BytesMut::from(&CONNACK[..]);
                rig.client.handle(rig.now, Event::Received(rig.link.unwrap(), &mut connack));
            }
            _ => drop(rig.reach_online(&CONNACK)),
        }
        rig
    };
    for phase in [Idle, Opening, AwaitingConnack, Resubscribing, Draining, Ready, BackingOff] {
        let mut rig = at_phase(phase);
        assert_eq!(rig.client.phase(), phase);
        rig.client.stop(rig.now);
        rig.client.stop(rig.now);
        rig.drain();
        assert_eq!(rig.client.phase(), Idle, "{phase:?}");
        let notices = rig.take_notices();
        let stopped = notices.iter().filter(|notice| **notice == Notice::Stopped).count();
        assert_eq!(stopped, usize::from(phase != Idle), "{phase:?}: {notices:?}");
        rig.now = rig.now + Duration::from_secs(2);
        rig.client.start(rig.now);
        rig.reach_online(&CONNACK);
        assert!(rig.client.phase().is_online());
    }
}

#[test]
fn what_is_unsent_or_unacknowledged_survives_a_stop() {
    let mut rig = Rig::online(config());
    rig.publish("t", "in flight", Qos::AtLeastOnce);
    rig.drain();
    rig.client.stop(rig.now);
    rig.drain();
    rig.publish("t", "queued", Qos::AtLeastOnce);
    rig.now = rig.now + Duration::from_secs(60);
    rig.client.start(rig.now);
    let sent = rig.reach_online(&CONNACK);
    assert_eq!(sent.iter().map(|packet| payload(packet)).collect::<Vec<_>>(), ["in flight", "queued"]);
    for packet in &sent {
        rig.receive(&puback(packet_id(packet)));
    }
    assert_eq!(rig.outcomes().len(), 2);
}

#[test]
fn a_goodbye_that_cannot_be_written_is_given_up() {
    let mut rig = Rig::online(config());
    rig.client.stop(rig.now);
    // The socket takes nothing: the driver never asks for bytes.
    rig.now = rig.client.next_deadline().unwrap().0;
    rig.client.handle(rig.now, Event::Wake);
    rig.drain();
    assert_eq!(rig.closed, 1);
    assert_eq!(rig.take_notices().last(), Some(&Notice::Stopped));
}

#[test]
fn a_link_lost_while_saying_goodbye_is_the_end_all_the_same() {
    let mut rig = Rig::online(config());
    rig.client.stop(rig.now);
    rig.lose_link(LinkError::Closed);
    assert_eq!(rig.take_notices(), [Notice::Offline { why: None, retry_in: None }, Notice::Stopped]);
}

#[test]
fn a_restart_keeps_the_distance_between_connects() {
    let mut rig = Rig::new(config());
    rig.client.start(rig.now);
    rig.reach_online(&CONNACK);
    rig.pass(Duration::from_millis(300));
    rig.client.stop(rig.now);
    rig.client.start(rig.now);
    rig.drain();
    assert_eq!((rig.opened, rig.closed), (1, 1));
    rig.wake_after(Duration::from_millis(700));
    assert_eq!(rig.opened, 2);
    rig.reach_online(&CONNACK);
}

#[test]
fn starting_twice_is_starting_once() {
    let mut rig = Rig::new(config());
    rig.client.start(rig.now);
    rig.client.start(rig.now);
    rig.drain();
    assert_eq!(rig.opened, 1);
}

#[test]
fn a_restart_in_one_breath_says_goodbye_first() {
    let mut config = config();
    config.limits.connect_spacing = Duration::ZERO;
    let mut rig = Rig::online(config);
    rig.client.stop(rig.now);
    rig.client.start(rig.now);
    assert_eq!(rig.drain(), [DISCONNECT]);
    assert_eq!((rig.opened, rig.closed), (2, 1));
    assert_eq!(rig.client.phase(), Opening);
    rig.reach_online(&CONNACK);
    rig.client.stop(rig.now);
    rig.client.start(rig.now);
    rig.client.stop(rig.now);
    rig.drain();
    assert_eq!(rig.client.phase(), Idle, "the last word counts");
}

#[test]
fn a_restart_keeps_its_distance_from_the_last_connect_not_from_the_last_attempt() {
    let mut rig = Rig::new(config());
    rig.client.start(rig.now);
    rig.drain();
    // The network is slow: CONNECT goes out long after the attempt began.
    rig.pass(Duration::from_secs(3));
    rig.reach_connect();
    rig.client.stop(rig.now);
    rig.drain();
    rig.pass(Duration::from_millis(100));
    rig.client.start(rig.now);
    rig.drain();
    assert_eq!((rig.opened, rig.client.phase()), (1, BackingOff));
    rig.wake_after(Duration::from_millis(900));
    assert_eq!(rig.opened, 2);
}

#[test]
fn a_stop_after_a_refusal_does_not_doubt_the_session() {
    let mut rig = Rig::online(persistent());
    rig.subscribed("f");
    rig.lose_link(LinkError::Closed);
    rig.wake();
    rig.reach_online(&[0x20, 2, 0, 5]);
    assert_eq!(rig.client.phase(), BackingOff);
    rig.client.stop(rig.now);
    rig.client.start(rig.now);
    rig.drain();
    if rig.client.phase() == BackingOff {
        rig.wake();
    }
    assert_eq!(rig.reach_online(&CONNACK_RESUMED), [[0_u8; 0]; 0], "the refusal began no new session");
}
