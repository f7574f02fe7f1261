use core::time::Duration;

use bytes::BytesMut;
use thingwire_core::{AckToken, Action, Event, LinkError, Message, Notice, Outcome, Qos};

use crate::rig::{
    CONNACK, CONNACK_RESUMED, PINGREQ, PINGRESP, Rig, config, message, packet_id, persistent, puback, suback,
};

fn messages(rig: &mut Rig) -> Vec<Message> {
    let message = |notice| match notice {
        Notice::Message(message) => Some(message),
        _ => None,
    };
    rig.take_notices().into_iter().filter_map(message).collect()
}

#[test]
fn a_message_arrives_with_all_that_is_known_of_it() {
    let mut rig = Rig::online(config());
    let mut packet = message("a/b", "hello", Some(7));
    packet[0] = 0x3b;
    assert_eq!(rig.receive(&packet), [puback(7)]);
    let received = messages(&mut rig).remove(0);
    assert_eq!(received.topic.as_str(), "a/b");
    assert_eq!(&received.payload[..], b"hello");
    assert_eq!(received.qos, Qos::AtLeastOnce);
    assert!(received.retain && received.duplicate);
    assert_eq!(received.ack, None, "acknowledged already");
    assert!(rig.receive(&message("a/b", "", None)).is_empty(), "QoS 0 is not acknowledged");
}

#[test]
fn nothing_is_acknowledged_before_the_driver_has_it() {
    let mut rig = Rig::online(config());
    let mut inbound = BytesMut::from(&message("t", "x", Some(7))[..]);
    rig.client.handle(rig.now, Event::Received(rig.link.unwrap(), &mut inbound));
    let mut out = BytesMut::new();
    assert_eq!(rig.client.poll_transmit(rig.now, &mut out, 4096), 0);
    assert!(matches!(rig.client.poll_action(), Some(Action::Notify(Notice::Message(_)))));
    rig.client.poll_transmit(rig.now, &mut out, 4096);
    assert_eq!(out[..], puback(7));
}

#[test]
fn manual_acknowledgements_leave_in_the_order_of_receipt() {
    let mut config = config();
    config.manual_acks = true;
    let mut rig = Rig::online(config);
    let ids = [7, 3, 5];
    let stream: Vec<u8> = ids.iter().flat_map(|&id| message("t", "x", Some(id))).collect();
    assert!(rig.receive(&stream).is_empty());
    let tokens: Vec<AckToken> = messages(&mut rig).into_iter().map(|message| message.ack.unwrap()).collect();
    rig.client.ack(rig.now, tokens[2]);
    rig.client.ack(rig.now, tokens[1]);
    assert!(rig.drain().is_empty(), "the first is missing");
    rig.client.ack(rig.now, tokens[0]);
    assert_eq!(rig.drain(), ids.map(puback));
    rig.client.ack(rig.now, tokens[0]);
    assert!(rig.drain().is_empty(), "once");
}

#[test]
fn a_token_of_an_earlier_link_has_no_effect() {
    let mut config = persistent();
    config.manual_acks = true;
    let mut rig = Rig::online(config);
    rig.receive(&message("t", "x", Some(7)));
    let old = messages(&mut rig).remove(0).ack.unwrap();
    rig.lose_link(LinkError::Closed);
    rig.client.ack(rig.now, old);
    rig.wake();
    rig.reach_online(&CONNACK_RESUMED);
    rig.receive(&message("t", "x", Some(9)));
    rig.client.ack(rig.now, old);
    assert!(rig.drain().is_empty());
}

#[test]
fn a_message_taken_after_its_link_is_gone_is_not_acknowledged_on_the_next() {
    let mut rig = Rig::online(persistent());
    let link = rig.link.unwrap();
    let mut inbound = BytesMut::from(&message("t", "x", Some(7))[..]);
    rig.client.handle(rig.now, Event::Received(link, &mut inbound));
    rig.client.handle(rig.now, Event::LinkDown(link, LinkError::Closed));
    rig.drain();
    assert_eq!(messages(&mut rig).len(), 1, "what was received is delivered");
    rig.wake();
    assert!(rig.reach_online(&CONNACK_RESUMED).is_empty());
}

#[test]
fn the_client_stops_reading_when_nobody_acknowledges() {
    let mut config = config();
    config.manual_acks = true;
    config.unacked_max = 2;
    let mut rig = Rig::online(config);
    let stream: Vec<u8> = (1..=3).flat_map(|id| message("t", "x", Some(id))).collect();
    let mut inbound = BytesMut::from(&stream[..]);
    let link = rig.link.unwrap();
    rig.client.handle(rig.now, Event::Received(link, &mut inbound));
    rig.drain();
    assert_eq!(inbound.len(), stream.len() / 3, "the third stays in the buffer");
    assert!(!rig.client.wants_input());
    let first = messages(&mut rig).remove(0).ack.unwrap();
    rig.client.ack(rig.now, first);
    rig.drain();
    assert!(rig.client.wants_input());
    rig.client.handle(rig.now, Event::Received(link, &mut inbound));
    assert!(inbound.is_empty());
}

#[test]
fn the_client_stops_reading_when_the_driver_does_not_keep_up() {
    let mut config = config();
    config.actions_max = 3;
    let mut rig = Rig::online(config);
    let stream: Vec<u8> = (0..10).flat_map(|_| message("t", "x", None)).collect();
    let mut inbound = BytesMut::from(&stream[..]);
    let link = rig.link.unwrap();
    rig.client.handle(rig.now, Event::Received(link, &mut inbound));
    assert_eq!(inbound.len(), stream.len() * 7 / 10);
    while !inbound.is_empty() {
        rig.drain();
        rig.client.handle(rig.now, Event::Received(link, &mut inbound));
    }
    rig.drain();
    assert_eq!(messages(&mut rig).len(), 10);
}

#[test]
fn a_slow_application_is_not_a_dead_server() {
    let mut rig = Rig::online(config());
    rig.client.pause_input(true);
    assert!(!rig.client.wants_input());
    for _ in 0..3 {
        assert_eq!(rig.wake(), [PINGREQ], "pings still go out");
    }
    assert!(rig.take_notices().is_empty(), "nobody could have read the PINGRESP");
    rig.client.pause_input(false);
    assert_eq!(rig.wake(), [PINGREQ]);
    assert!(rig.take_notices().is_empty(), "it may be in the socket");
    rig.receive(&PINGRESP);
    assert_eq!(rig.wake(), [PINGREQ]);
    rig.wake();
    assert!(matches!(rig.take_notices()[..], [Notice::Offline { why: Some(LinkError::KeepAlive), .. }]));
}

#[test]
fn a_slow_application_does_not_keep_the_client_offline() {
    let mut rig = Rig::online(config());
    rig.subscribed("a");
    rig.client.pause_input(true);
    rig.lose_link(LinkError::Closed);
    rig.wake();
    rig.reach_connect();
    assert!(rig.client.wants_input(), "CONNACK");
    let mut inbound = BytesMut::from(&CONNACK[..]);
    let link = rig.link.unwrap();
    rig.client.handle(rig.now, Event::Received(link, &mut inbound));
    assert!(!rig.client.wants_input());
    let id = packet_id(&rig.drain()[0]);
    rig.take_notices();
    rig.wake_after(Duration::from_secs(5));
    assert_eq!(rig.take_notices(), [], "nobody could have read the SUBACK");
    rig.client.pause_input(false);
    rig.receive(&suback(id, &[1]));
    assert_eq!(rig.take_notices(), [Notice::Ready]);
}

#[test]
fn a_subscription_whose_answer_was_not_read_has_not_timed_out() {
    let mut rig = Rig::online(config());
    let ticket = rig.subscribe("a", Qos::AtLeastOnce);
    let id = packet_id(&rig.drain()[0]);
    rig.client.pause_input(true);
    rig.wake_after(Duration::from_secs(5));
    rig.client.pause_input(false);
    rig.receive(&suback(id, &[1]));
    assert_eq!(rig.outcomes(), [(ticket, Outcome::Subscribed(vec![Some(Qos::AtLeastOnce)]))]);
}

#[test]
fn an_answer_that_is_put_off_is_due_later_whatever_else_is_answered() {
    let mut rig = Rig::online(config());
    rig.subscribe("a", Qos::AtLeastOnce);
    rig.drain();
    rig.client.pause_input(true);
    rig.wake_after(Duration::from_secs(5));
    // Another request is sent: when its own answer is due is not what the client waits for.
    rig.subscribe("b", Qos::AtLeastOnce);
    rig.drain();
    rig.wake_after(Duration::from_secs(5));
}
