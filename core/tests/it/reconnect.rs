use core::time::Duration;

use thingwire_core::{Client, Event, Instant, Jitter, LinkError, Notice, Outcome, Phase, Qos, TcpError};

use crate::rig::{CONNACK, CONNACK_RESUMED, Rig, config, packet_id, payload, persistent, puback, suback, unlimited};

const REFUSED: LinkError = LinkError::Tcp { address: None, why: TcpError::Refused };

fn retry_in(rig: &mut Rig) -> u64 {
    let wait = |notice| match notice {
        Notice::Failed { retry_in, .. } | Notice::Offline { retry_in, .. } => retry_in,
        _ => None,
    };
    rig.take_notices().into_iter().find_map(wait).expect("a wait").as_secs()
}

#[test]
fn waits_follow_the_uptimes_as_documented() {
    // v1's own integration test: base 1, max 16, stable 60, and these uptimes.
    let mut config = config();
    config.backoff.max = Duration::from_secs(16);
    config.backoff.stable = Duration::from_secs(60);
    config.keep_alive = Duration::ZERO;
    let mut rig = Rig::online(config);
    let mut waits = Vec::new();
    for uptime in [3, 4, 6, 10, 18, 34, 66] {
        rig.pass(Duration::from_secs(uptime));
        rig.lose_link(LinkError::Closed);
        waits.push(retry_in(&mut rig));
        rig.wake();
        rig.reach_online(&CONNACK);
        rig.take_notices();
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 16, 1]);
}

#[test]
fn an_attempt_that_fails_at_once_is_not_repeated_at_once() {
    let mut rig = Rig::new(config());
    rig.client.start(rig.now);
    let mut waits = Vec::new();
    for _ in 0..7 {
        rig.drain();
        rig.lose_link(REFUSED);
        waits.push(retry_in(&mut rig));
        rig.wake();
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 32]);
}

#[test]
fn notices_of_links_are_strictly_paired() {
    let mut rig = Rig::new(config());
    rig.client.start(rig.now);
    rig.drain();
    rig.lose_link(REFUSED);
    rig.lose_link(REFUSED);
    rig.wake();
    rig.reach_online(&CONNACK);
    rig.lose_link(LinkError::Closed);
    rig.lose_link(LinkError::Closed);
    let seconds = |n| Some(Duration::from_secs(n));
    let expected = [
        Notice::Attempting { attempt: 1 },
        Notice::Failed { why: Some(REFUSED), retry_in: seconds(1) },
        Notice::Attempting { attempt: 2 },
        Notice::Online { resumed: false },
        Notice::Ready,
        Notice::Offline { why: Some(LinkError::Closed), retry_in: seconds(2) },
    ];
    assert_eq!(rig.take_notices(), expected);
}

#[test]
fn a_resumed_session_sends_again_under_the_same_ids_with_dup() {
    let mut rig = Rig::online(persistent());
    let tickets = ["a", "b", "c"].map(|text| rig.publish("t", text, Qos::AtLeastOnce));
    let first: Vec<_> = rig.drain();
    rig.receive(&puback(packet_id(&first[1])));
    rig.lose_link(LinkError::Closed);
    rig.publish("t", "new", Qos::AtLeastOnce);
    rig.wake();
    let again = rig.reach_online(&CONNACK_RESUMED);
    let seen: Vec<_> = again.iter().map(|packet| (packet[0], packet_id(packet), payload(packet))).collect();
    let id = |index: usize| packet_id(&first[index]);
    assert_eq!(seen, [(0x3a, id(0), "a"), (0x3a, id(2), "c"), (0x32, 4, "new")]);
    for packet in &again[..2] {
        rig.receive(&puback(packet_id(packet)));
    }
    assert_eq!(rig.outcomes(), [1, 0, 2].map(|index| (tickets[index], Outcome::Acked)));
}

#[test]
fn a_new_session_publishes_again_as_new_and_in_order() {
    for config in [config(), persistent()] {
        let mut rig = Rig::online(config);
        let tickets = ["a", "b"].map(|text| rig.publish("t", text, Qos::AtLeastOnce));
        rig.drain();
        rig.lose_link(LinkError::Closed);
        let late = rig.publish("t", "c", Qos::AtLeastOnce);
        rig.wake();
        let again = rig.reach_online(&CONNACK);
        let seen: Vec<_> = again.iter().map(|packet| (packet[0], payload(packet))).collect();
        assert_eq!(seen, [(0x32, "a"), (0x32, "b"), (0x32, "c")]);
        for packet in &again {
            rig.receive(&puback(packet_id(packet)));
        }
        assert_eq!(rig.outcomes(), [tickets[0], tickets[1], late].map(|ticket| (ticket, Outcome::Acked)));
    }
}

#[test]
fn an_acknowledgement_for_an_id_of_the_lost_session_completes_nothing() {
    let mut rig = Rig::online(config());
    rig.publish("t", "a", Qos::AtLeastOnce);
    let old = packet_id(&rig.drain()[0]);
    rig.lose_link(LinkError::Closed);
    rig.wake();
    let new = packet_id(&rig.reach_online(&CONNACK)[0]);
    assert_ne!(old, new);
    rig.take_notices();
    rig.receive(&puback(old));
    assert_eq!(rig.outcomes(), []);
    rig.receive(&puback(new));
    assert_eq!(rig.outcomes().len(), 1);
}

#[test]
fn nothing_is_lost_when_the_link_breaks_at_any_packet() {
    for config in [unlimited(), persistent()] {
        let resumed = !config.clean_session;
        let mut rig = Rig::online(config);
        let tickets: Vec<_> = (0..20).map(|n| rig.publish("t", &n.to_string(), Qos::AtLeastOnce)).collect();
        let mut first_arrivals: Vec<String> = Vec::new();
        let mut acked = Vec::new();
        let mut sent = rig.drain();
        while acked.len() < tickets.len() {
            let packet = sent.remove(0);
            if !first_arrivals.iter().any(|seen| seen == payload(&packet)) {
                first_arrivals.push(payload(&packet).to_owned());
            }
            rig.receive(&puback(packet_id(&packet)));
            if acked.len() % 2 == 1 {
                rig.lose_link(LinkError::Tcp { address: None, why: TcpError::Reset });
                rig.wake();
                sent = rig.reach_online(if resumed { &CONNACK_RESUMED } else { &CONNACK });
            }
            acked.extend(rig.outcomes());
        }
        assert_eq!(first_arrivals, (0..20).map(|n| n.to_string()).collect::<Vec<_>>());
        assert_eq!(acked, tickets.iter().map(|&ticket| (ticket, Outcome::Acked)).collect::<Vec<_>>());
    }
}

#[test]
fn events_of_an_old_link_have_no_effect() {
    let mut rig = Rig::online(config());
    let old = rig.link.unwrap();
    rig.lose_link(LinkError::Closed);
    rig.wake();
    rig.reach_online(&CONNACK);
    rig.take_notices();
    let mut late = bytes::BytesMut::from(&[0xff; 10][..]);
    rig.client.handle(rig.now, Event::Received(old, &mut late));
    rig.client.handle(rig.now, Event::LinkUp(old));
    rig.client.handle(rig.now, Event::LinkDown(old, LinkError::Closed));
    assert!(late.is_empty(), "taken, so that it cannot pile up");
    assert!(rig.drain().is_empty());
    assert!(rig.take_notices().is_empty());
    assert_eq!(rig.client.phase(), Phase::Ready);
}

#[test]
fn two_seeds_wait_differently() {
    let waits = |seed| {
        let mut client = Client::new(thingwire_core::Config::new("x"), seed, Instant::EPOCH).unwrap();
        let mut now = Instant::EPOCH;
        client.start(now);
        let mut waits = Vec::new();
        for _ in 0..20 {
            let link = loop {
                match client.poll_action() {
                    Some(thingwire_core::Action::Open(link)) => break link,
                    Some(_) => {}
                    None => panic!("no link wanted"),
                }
            };
            client.handle(now, Event::LinkDown(link, REFUSED));
            let (deadline, _) = client.next_deadline().unwrap();
            waits.push(deadline.since(now));
            now = deadline;
            client.handle(now, Event::Wake);
        }
        waits
    };
    assert_eq!(waits(1), waits(1));
    assert!(waits(1).iter().zip(waits(2)).all(|(a, b)| *a != b));
    assert!(waits(1).iter().all(|wait| (1..=33).contains(&wait.as_secs())), "floor and cap");
}

#[test]
fn the_order_of_sending_survives_the_wrap_of_packet_ids() {
    let mut rig = Rig::online(persistent());
    for _ in 0..65_533 {
        rig.publish("t", "x", Qos::AtLeastOnce);
        let id = packet_id(&rig.drain()[0]);
        rig.receive(&puback(id));
    }
    let first = ["a", "b", "c", "d"].map(|text| {
        rig.publish("t", text, Qos::AtLeastOnce);
        packet_id(&rig.drain()[0])
    });
    assert_eq!(first, [65_534, 65_535, 1, 2]);
    rig.lose_link(LinkError::Closed);
    rig.wake();
    let again = rig.reach_online(&CONNACK_RESUMED);
    assert_eq!(again.iter().map(|packet| payload(packet)).collect::<Vec<_>>(), ["a", "b", "c", "d"]);
}

#[test]
fn what_two_links_have_carried_goes_again_in_the_order_of_acceptance() {
    let mut rig = Rig::online(persistent());
    rig.subscribe("a", Qos::AtLeastOnce);
    rig.publish("t", "x", Qos::AtLeastOnce);
    rig.drain();
    rig.lose_link(LinkError::Closed);
    rig.wake();
    // Resumed, so that SUBSCRIBE is to be made again while PUBLISH stays in flight; then the session is lost too.
    rig.reach_accepted(&CONNACK_RESUMED);
    rig.lose_link(LinkError::Closed);
    rig.wake();
    let sent = rig.reach_online(&CONNACK);
    assert_eq!(sent.iter().map(|packet| packet[0]).collect::<Vec<_>>(), [0x82, 0x32]);
}

#[test]
fn an_acknowledgement_that_comes_before_the_repetition_makes_it_needless() {
    let mut rig = Rig::online(persistent());
    let ticket = rig.publish("t", "x", Qos::AtLeastOnce);
    let id = packet_id(&rig.drain()[0]);
    rig.lose_link(LinkError::Closed);
    rig.wake();
    rig.take_notices();
    assert!(rig.reach_online(&[CONNACK_RESUMED.to_vec(), puback(id)].concat()).is_empty());
    let acked = Notice::Done { ticket, outcome: Outcome::Acked };
    assert_eq!(rig.take_notices(), [Notice::Online { resumed: true }, acked, Notice::Ready]);
}

#[test]
fn no_jitter_brings_two_attempts_closer_than_the_service_takes() {
    for jitter in [Jitter::None, Jitter::Full, Jitter::Equal, Jitter::Decorrelated] {
        let mut config = config();
        config.backoff.jitter = jitter;
        config.backoff.base = Duration::from_millis(100);
        config.backoff.floor = Duration::ZERO;
        let mut rig = Rig::new(config);
        rig.client.start(rig.now);
        rig.drain();
        rig.pass(Duration::from_millis(300));
        rig.lose_link(REFUSED);
        let (deadline, _) = rig.client.next_deadline().unwrap();
        assert!(deadline >= Instant::from_micros(1_000_000), "{jitter:?}: {deadline:?}");
    }
}

#[test]
fn subscriptions_are_back_before_anything_is_sent_again() {
    let mut rig = Rig::online(persistent());
    rig.subscribed("reply");
    rig.publish("request", "x", Qos::AtLeastOnce);
    rig.drain();
    rig.lose_link(LinkError::Closed);
    rig.wake();
    // Whose session the next CONNACK speaks of is unknown: all is restored, and the publish is still in flight.
    rig.reach_connect();
    rig.lose_link(LinkError::Closed);
    rig.wake();
    let restored = rig.reach_online(&CONNACK_RESUMED);
    assert_eq!(restored.iter().map(|packet| packet[0]).collect::<Vec<_>>(), [0x82]);
    let sent = rig.receive(&suback(packet_id(&restored[0]), &[1]));
    assert_eq!(sent.iter().map(|packet| packet[0]).collect::<Vec<_>>(), [0x3a]);
}
