use thingwire_core::{LinkError, Outcome, Phase, Publish, Qos, Refusal, Topic};

use crate::rig::{PINGREQ, Rig, config, message, packet_id, payload, puback, unlimited};

#[test]
fn qos_0_is_done_when_it_is_handed_to_the_link() {
    let mut rig = Rig::online(config());
    let ticket = rig.publish("t", "hello", Qos::AtMostOnce);
    assert_eq!(rig.drain(), [b"\x30\x08\0\x01thello".to_vec()]);
    assert_eq!(rig.outcomes(), [(ticket, Outcome::Sent)]);
}

#[test]
fn qos_1_is_done_when_the_server_says_so() {
    let mut rig = Rig::online(config());
    let ticket = rig.publish("t", "hello", Qos::AtLeastOnce);
    let sent = rig.drain();
    assert_eq!(sent, [b"\x32\x0a\0\x01t\0\x01hello".to_vec()]);
    assert_eq!(rig.outcomes(), []);
    rig.receive(&puback(1));
    assert_eq!(rig.outcomes(), [(ticket, Outcome::Acked)]);
    assert_eq!(rig.client.in_flight(), 0);
}

#[test]
fn retain_is_a_flag_of_the_packet() {
    let mut rig = Rig::online(config());
    let publish = Publish::new(Topic::new("t").unwrap(), "x").qos(Qos::AtMostOnce).retain(true);
    rig.client.publish(rig.now, publish).unwrap();
    assert_eq!(rig.drain()[0][0], 0x31);
}

#[test]
fn acknowledgements_may_come_in_any_order() {
    let mut rig = Rig::online(config());
    let tickets = ["a", "b", "c"].map(|text| rig.publish("t", text, Qos::AtLeastOnce));
    let ids: Vec<_> = rig.drain().iter().map(|packet| packet_id(packet)).collect();
    for index in [2, 0, 1] {
        rig.receive(&puback(ids[index]));
    }
    let done: Vec<_> = rig.outcomes().into_iter().map(|(ticket, _)| ticket).collect();
    assert_eq!(done, [tickets[2], tickets[0], tickets[1]]);
}

#[test]
fn unknown_and_repeated_acknowledgements_have_no_effect() {
    let mut rig = Rig::online(config());
    let first = rig.publish("t", "a", Qos::AtLeastOnce);
    let second = rig.publish("t", "b", Qos::AtLeastOnce);
    let ids: Vec<_> = rig.drain().iter().map(|packet| packet_id(packet)).collect();
    rig.receive(&puback(999));
    assert_eq!(rig.outcomes(), []);
    rig.receive(&puback(ids[0]));
    rig.receive(&puback(ids[0]));
    assert_eq!(rig.outcomes(), [(first, Outcome::Acked)]);
    rig.receive(&puback(ids[1]));
    assert_eq!(rig.outcomes(), [(second, Outcome::Acked)]);
    assert_eq!(rig.client.phase(), Phase::Ready);
}

#[test]
fn a_puback_never_completes_a_subscription_with_the_same_id() {
    let mut rig = Rig::online(config());
    rig.subscribe("t", Qos::AtLeastOnce);
    let id = packet_id(&rig.drain()[0]);
    rig.receive(&puback(id));
    assert_eq!(rig.outcomes(), []);
    assert_eq!(rig.client.phase(), Phase::Ready);
}

#[test]
fn no_more_than_the_window_is_unacknowledged() {
    let mut config = unlimited();
    config.in_flight_max = 3;
    let mut rig = Rig::online(config);
    for n in 0..10 {
        rig.publish("t", &n.to_string(), Qos::AtLeastOnce);
    }
    let mut window = rig.drain();
    let mut seen = Vec::new();
    while let Some(packet) = window.first().cloned() {
        assert!(rig.client.in_flight() <= 3);
        seen.push(payload(&packet).to_owned());
        window.remove(0);
        window.extend(rig.receive(&puback(packet_id(&packet))));
    }
    assert_eq!(seen, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
}

#[test]
fn packet_ids_wrap_without_meeting_one_that_is_in_flight() {
    let mut rig = Rig::online(unlimited());
    rig.publish("t", "stuck", Qos::AtLeastOnce);
    let stuck = packet_id(&rig.drain()[0]);
    for _ in 0..70_000 {
        rig.publish("t", "x", Qos::AtLeastOnce);
        let id = packet_id(&rig.drain()[0]);
        assert_ne!(id, stuck);
        rig.receive(&puback(id));
    }
    assert_eq!(rig.client.in_flight(), 1);
}

#[test]
fn the_budget_holds_back_requests_not_bytes() {
    let mut rig = Rig::online(unlimited());
    for _ in 0..5 {
        rig.publish("t", "0123456789", Qos::AtMostOnce);
    }
    let mut out = bytes::BytesMut::new();
    assert_eq!(rig.client.poll_transmit(rig.now, &mut out, 0), 0);
    assert_eq!(rig.client.poll_transmit(rig.now, &mut out, 1), 15, "one packet, whole");
    assert_eq!(rig.client.poll_transmit(rig.now, &mut out, 16), 30, "until the budget is reached");
    assert_eq!(rig.client.queued(), 2);
}

#[test]
fn what_the_service_would_punish_is_refused_at_the_call() {
    let mut rig = Rig::online(config());
    let mut refusal = |topic: &str, len: usize| {
        let publish = Publish::new(Topic::new(topic).unwrap(), vec![0; len]).retain(true);
        let refused = rig.client.publish(rig.now, publish.clone()).unwrap_err();
        assert_eq!(refused.value, publish, "the argument comes back");
        refused.why
    };
    assert_eq!(refusal("t", 131_073), Refusal::PayloadTooLong { len: 131_073, max: 131_072 });
    assert_eq!(refusal(&"x".repeat(257), 0), Refusal::TopicTooLong { len: 257, max: 256 });
    assert_eq!(refusal("1/2/3/4/5/6/7/8/9", 0), Refusal::TopicTooDeep { slashes: 8, max: 7 });
    assert_eq!(refusal("$aws/things/x", 0), Refusal::RetainOnReservedTopic);
    assert!(rig.drain().is_empty());
}

#[test]
fn basic_ingest_does_not_count_its_prefix() {
    let mut rig = Rig::online(config());
    rig.publish("$aws/rules/my_rule/1/2/3/4/5/6/7/8", "x", Qos::AtLeastOnce);
    assert_eq!(rig.drain().len(), 1);
}

#[test]
fn the_limits_of_aws_can_be_switched_off() {
    let mut rig = Rig::online(unlimited());
    rig.publish("1/2/3/4/5/6/7/8/9", &"x".repeat(200_000), Qos::AtLeastOnce);
    assert_eq!(rig.drain()[0].len(), 1 + 3 + 2 + 17 + 2 + 200_000);
}

#[test]
fn an_acknowledgement_read_together_with_the_end_of_the_link_counts() {
    let mut rig = Rig::online(config());
    let ticket = rig.publish("t", "x", Qos::AtLeastOnce);
    let id = packet_id(&rig.drain()[0]);
    rig.receive(&puback(id));
    rig.lose_link(LinkError::Closed);
    assert_eq!(rig.outcomes(), [(ticket, Outcome::Acked)]);
}

#[test]
fn acknowledgements_and_pings_do_not_wait_behind_publishes() {
    let mut rig = Rig::online(unlimited());
    let (deadline, _) = rig.client.next_deadline().unwrap();
    rig.now = deadline;
    for _ in 0..100 {
        rig.publish("t", "x", Qos::AtMostOnce);
    }
    rig.client.handle(rig.now, thingwire_core::Event::Wake);
    let mut inbound = bytes::BytesMut::from(&message("t", "x", Some(7))[..]);
    rig.client.handle(rig.now, thingwire_core::Event::Received(rig.link.unwrap(), &mut inbound));
    while rig.client.poll_action().is_some() {}
    let sent = rig.drain();
    assert_eq!(sent[..2], [puback(7), PINGREQ.to_vec()]);
    assert_eq!(sent.len(), 102);
}
