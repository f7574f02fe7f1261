use core::time::Duration;

use thingwire_core::{Filter, LinkError, Notice, Outcome, Phase, Qos, TcpError};

use crate::rig::{CONNACK, CONNACK_RESUMED, Rig, config, packet_id, payload, persistent, puback, suback, unsuback};

/// A server that closes the connection when it reads the payload `bad`; returns what it acknowledged.
fn serve_until_quiet(rig: &mut Rig, connack: &[u8], mut sent: Vec<Vec<u8>>) -> (Vec<String>, u32) {
    let (mut acked, mut closes) = (Vec::new(), 0);
    while rig.client.in_flight() + rig.client.queued() > 0 {
        if sent.is_empty() {
            sent = rig.wake();
            continue;
        }
        let packet = sent.remove(0);
        if payload(&packet) == "bad" {
            closes += 1;
            assert!(closes < 10, "it goes on for ever");
            rig.lose_link(LinkError::Closed);
            if rig.client.in_flight() + rig.client.queued() > 0 {
                rig.wake();
                sent = rig.reach_online(connack);
            }
        } else {
            acked.push(payload(&packet).to_owned());
            sent.extend(rig.receive(&puback(packet_id(&packet))));
        }
    }
    (acked, closes)
}

#[test]
fn what_the_server_closes_for_is_given_up_and_everything_else_gets_through() {
    for (config, connack) in [(config(), CONNACK), (persistent(), CONNACK_RESUMED)] {
        let mut rig = Rig::online(config);
        let tickets = ["a", "b", "bad", "c", "d"].map(|text| rig.publish("t", text, Qos::AtLeastOnce));
        let sent = rig.drain();
        let (acked, closes) = serve_until_quiet(&mut rig, &connack, sent);
        assert_eq!(acked, ["a", "b", "c", "d"]);
        assert_eq!(closes, 3);
        let mut outcomes = rig.outcomes();
        outcomes.sort_by_key(|&(ticket, _)| ticket);
        let mut expected = tickets.map(|ticket| (ticket, Outcome::Acked));
        expected[2].1 = Outcome::ConnectionClosed { times: 3 };
        assert_eq!(outcomes, expected);
    }
}

#[test]
fn two_of_them_are_both_found() {
    let mut rig = Rig::online(config());
    for text in ["bad", "a", "bad", "b"] {
        rig.publish("t", text, Qos::AtLeastOnce);
    }
    let sent = rig.drain();
    let (acked, closes) = serve_until_quiet(&mut rig, &CONNACK, sent);
    assert_eq!(acked, ["a", "b"]);
    assert!(closes <= 6, "three for each at the most: {closes}");
}

#[test]
fn one_close_slows_nothing_down() {
    let mut rig = Rig::online(config());
    for n in 0..10 {
        rig.publish("t", &n.to_string(), Qos::AtLeastOnce);
    }
    rig.drain();
    rig.lose_link(LinkError::Closed);
    rig.wake();
    assert_eq!(rig.reach_online(&CONNACK).len(), 10);
}

#[test]
fn a_bad_network_condemns_nobody() {
    let mut rig = Rig::online(config());
    let ticket = rig.publish("t", "x", Qos::AtLeastOnce);
    rig.drain();
    for round in 0..20 {
        let reset = LinkError::Tcp { address: None, why: TcpError::Reset };
        rig.lose_link(if round % 2 == 0 { LinkError::KeepAlive } else { reset });
        rig.wake();
        assert_eq!(rig.reach_online(&CONNACK).len(), 1);
    }
    rig.receive(&puback(21));
    assert_eq!(rig.outcomes(), [(ticket, Outcome::Acked)]);
}

#[test]
fn an_answer_in_between_begins_the_count_anew() {
    let mut rig = Rig::online(config());
    for _ in 0..5 {
        rig.publish("t", "x", Qos::AtLeastOnce);
        rig.drain();
        rig.lose_link(LinkError::Closed);
        rig.wake();
        let id = packet_id(&rig.reach_online(&CONNACK)[0]);
        rig.receive(&puback(id));
    }
    assert!(rig.outcomes().iter().all(|(_, outcome)| *outcome == Outcome::Acked));
}

#[test]
fn a_subscription_that_is_punished_is_given_up_and_frees_its_place() {
    let mut config = config();
    config.limits.subscriptions_max = 1;
    let mut rig = Rig::online(config);
    let ticket = rig.subscribe("forbidden", Qos::AtLeastOnce);
    rig.drain();
    for _ in 0..2 {
        rig.lose_link(LinkError::Closed);
        rig.wake();
        assert_eq!(rig.reach_online(&CONNACK).len(), 1);
    }
    rig.lose_link(LinkError::Closed);
    assert_eq!(rig.outcomes(), [(ticket, Outcome::ConnectionClosed { times: 3 })]);
    rig.subscribe("allowed", Qos::AtLeastOnce);
}

#[test]
fn a_renewed_subscription_that_is_punished_is_reported_lost_and_the_others_come_back() {
    let mut rig = Rig::online(config());
    for filter in ["a", "forbidden", "c"] {
        rig.subscribed(filter);
    }
    rig.lose_link(LinkError::Closed);
    rig.wake();
    let mut sent = rig.reach_online(&CONNACK);
    let mut closes = 0;
    while rig.client.phase() != Phase::Ready {
        let packet = sent.remove(0);
        let filters = packet.windows(9).any(|window| window == b"forbidden");
        if filters {
            closes += 1;
            assert!(closes < 10, "it goes on for ever");
            rig.lose_link(LinkError::Closed);
            rig.wake();
            sent = rig.reach_online(&CONNACK);
        } else {
            let codes = vec![1; (packet.len() - 4) / 4];
            sent.extend(rig.receive(&suback(packet_id(&packet), &codes)));
        }
    }
    assert_eq!(closes, 3);
    let lost = Notice::SubscriptionLost { filter: Filter::new("forbidden").unwrap() };
    assert_eq!(rig.take_notices().iter().filter(|notice| **notice == lost).count(), 1);
    rig.lose_link(LinkError::Tcp { address: None, why: TcpError::Reset });
    rig.wake();
    let again = rig.reach_online(&CONNACK);
    assert_eq!(again[0][4..], *b"\0\x01a\x01\0\x01c\x01");
    rig.pass(Duration::from_secs(1));
}

#[test]
fn a_suspect_that_was_unsubscribed_slows_nothing_down() {
    let forbidden = || vec![Filter::new("forbidden").unwrap()];
    for closes in [2, 3] {
        let mut rig = Rig::online(config());
        rig.subscribed("forbidden");
        rig.lose_link(LinkError::Closed);
        for close in 1..=closes {
            rig.wake();
            assert_eq!(rig.reach_online(&CONNACK).len(), 1);
            if close == 3 {
                rig.client.unsubscribe(rig.now, forbidden()).unwrap();
            }
            rig.lose_link(LinkError::Closed);
        }
        if closes == 2 {
            rig.client.unsubscribe(rig.now, forbidden()).unwrap();
        }
        rig.wake();
        let unsubscribe = packet_id(&rig.reach_online(&CONNACK)[0]);
        rig.receive(&unsuback(unsubscribe));
        for n in 0..10 {
            rig.publish("t", &n.to_string(), Qos::AtLeastOnce);
        }
        assert_eq!(rig.drain().len(), 10);
        assert!(!rig.take_notices().iter().any(|notice| matches!(notice, Notice::SubscriptionLost { .. })));
    }
}

#[test]
fn a_suspect_that_is_subscribed_to_anew_is_still_wanted() {
    let mut rig = Rig::online(config());
    rig.subscribed("a");
    for _ in 0..3 {
        rig.lose_link(LinkError::Closed);
        rig.wake();
        assert_eq!(rig.reach_online(&CONNACK).len(), 1);
    }
    rig.subscribe("a", Qos::AtLeastOnce);
    rig.lose_link(LinkError::Closed);
    rig.wake();
    let again = packet_id(&rig.reach_online(&CONNACK)[0]);
    rig.receive(&suback(again, &[1]));
    rig.lose_link(LinkError::Closed);
    rig.wake();
    assert_eq!(rig.reach_online(&CONNACK).len(), 1, "renewed: it was granted");
}
