use core::time::Duration;

use thingwire_core::{LinkError, Notice, Qos};

use crate::rig::{PINGREQ, PINGRESP, Rig, config, message, packet_id, puback};

const KEEP_ALIVE: Duration = Duration::from_secs(60);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

#[test]
fn an_idle_client_wakes_for_pings_only() {
    let mut rig = Rig::online(config());
    for _ in 0..5 {
        assert_eq!(rig.wake_after(KEEP_ALIVE), [PINGREQ]);
        rig.pass(Duration::from_millis(30));
        rig.receive(&PINGRESP);
        rig.pass(Duration::from_millis(10));
        rig.now = rig.now.max(rig.client.next_deadline().unwrap().0);
        // Silence counts from the PINGREQ, the older of the two directions.
        assert_eq!(rig.client.next_deadline().unwrap().0, rig.now);
        let sent = rig.wake();
        assert_eq!(sent, [PINGREQ]);
        rig.receive(&PINGRESP);
    }
}

#[test]
fn no_pingresp_is_a_dead_link() {
    let mut rig = Rig::online(config());
    rig.wake_after(KEEP_ALIVE);
    rig.wake_after(PING_TIMEOUT);
    let retry_in = Some(Duration::from_secs(1));
    assert_eq!(rig.take_notices(), [Notice::Offline { why: Some(LinkError::KeepAlive), retry_in }]);
    assert_eq!(rig.closed, 1);
}

#[test]
fn the_ping_timeout_is_at_most_half_the_keep_alive() {
    let mut config = config();
    config.keep_alive = Duration::from_secs(2);
    let mut rig = Rig::online(config);
    rig.wake_after(Duration::from_secs(2));
    rig.wake_after(Duration::from_secs(1));
    assert!(matches!(rig.take_notices()[..], [Notice::Offline { why: Some(LinkError::KeepAlive), .. }]));
}

#[test]
fn sending_without_an_answer_does_not_postpone_the_ping() {
    let mut rig = Rig::online(config());
    for _ in 0..5 {
        rig.pass(Duration::from_secs(10));
        rig.publish("t", "x", Qos::AtMostOnce);
        rig.drain();
    }
    assert_eq!(rig.wake_after(Duration::from_secs(10)), [PINGREQ]);
}

#[test]
fn receiving_without_sending_does_not_postpone_the_ping() {
    // The server counts what it hears, and would close after one and a half keep-alives (B-8).
    let mut rig = Rig::online(config());
    for _ in 0..5 {
        rig.pass(Duration::from_secs(10));
        rig.receive(&message("t", "x", None));
    }
    assert_eq!(rig.wake_after(Duration::from_secs(10)), [PINGREQ]);
}

#[test]
fn acknowledged_traffic_postpones_the_ping() {
    let mut rig = Rig::online(config());
    rig.pass(Duration::from_secs(50));
    rig.publish("t", "x", Qos::AtLeastOnce);
    let id = packet_id(&rig.drain()[0]);
    rig.receive(&puback(id));
    assert_eq!(rig.wake_after(KEEP_ALIVE), [PINGREQ]);
}

#[test]
fn half_a_packet_is_no_sign_of_life() {
    let mut rig = Rig::online(config());
    rig.wake_after(KEEP_ALIVE);
    let link = rig.link.unwrap();
    let mut dribble = bytes::BytesMut::from(&[0x30, 100, 0][..]);
    rig.client.handle(rig.now, thingwire_core::Event::Received(link, &mut dribble));
    rig.wake_after(PING_TIMEOUT);
    assert!(matches!(rig.take_notices()[..], [Notice::Offline { why: Some(LinkError::KeepAlive), .. }]));
}

#[test]
fn a_keep_alive_of_zero_never_pings() {
    let mut config = config();
    config.keep_alive = Duration::ZERO;
    let rig = Rig::online(config);
    assert_eq!(rig.client.next_deadline(), None);
}

#[test]
fn a_ping_that_the_socket_does_not_take_is_overdue_all_the_same() {
    let mut rig = Rig::online(config());
    let (deadline, _) = rig.client.next_deadline().unwrap();
    rig.now = deadline;
    rig.client.handle(rig.now, thingwire_core::Event::Wake);
    // The driver asks for no bytes: its socket is full.
    rig.wake_after(PING_TIMEOUT);
    assert!(matches!(rig.take_notices()[..], [Notice::Offline { why: Some(LinkError::KeepAlive), .. }]));
}

#[test]
fn an_unasked_pingresp_changes_nothing() {
    let mut rig = Rig::online(config());
    rig.receive(&PINGRESP);
    assert_eq!(rig.wake_after(KEEP_ALIVE), [PINGREQ]);
}

#[test]
fn a_pingresp_behind_other_packets_is_waited_for_but_not_for_ever() {
    let mut rig = Rig::online(config());
    rig.wake_after(KEEP_ALIVE);
    for _ in 0..6 {
        rig.pass(Duration::from_secs(9));
        rig.receive(&message("t", "x", None));
        assert!(rig.wake_after(Duration::from_secs(1)).is_empty());
    }
    let offline = rig.take_notices().pop();
    assert!(matches!(offline, Some(Notice::Offline { why: Some(LinkError::KeepAlive), .. })), "after one keep-alive");
}

#[test]
fn what_came_before_the_ping_is_no_reason_to_wait_longer_for_its_answer() {
    let mut rig = Rig::online(config());
    rig.now = rig.client.next_deadline().unwrap().0;
    rig.receive(&message("t", "x", None));
    assert_eq!(rig.wake(), [PINGREQ], "at the same instant");
    rig.take_notices();
    rig.wake_after(PING_TIMEOUT);
    assert!(matches!(rig.take_notices()[..], [Notice::Offline { why: Some(LinkError::KeepAlive), .. }]));
}
