use core::time::Duration;

use thingwire_core::{Filter, LinkError, Notice, Outcome, Phase, ProtocolError, Qos, Refusal, WhenFull};

use crate::rig::{CONNACK, CONNACK_RESUMED, Rig, config, packet_id, persistent, suback, unsuback};

fn filters(texts: &[&str]) -> Vec<(Filter, Qos)> {
    texts.iter().map(|text| (Filter::new(*text).unwrap(), Qos::AtLeastOnce)).collect()
}

#[test]
fn every_filter_gets_its_own_answer() {
    let mut rig = Rig::online(config());
    let ticket = rig.client.subscribe(rig.now, filters(&["a", "b", "c"])).unwrap();
    let sent = rig.drain();
    assert_eq!(sent, [b"\x82\x0e\0\x01\0\x01a\x01\0\x01b\x01\0\x01c\x01".to_vec()]);
    rig.receive(&suback(1, &[1, 0x80, 0]));
    let granted = Outcome::Subscribed(vec![Some(Qos::AtLeastOnce), None, Some(Qos::AtMostOnce)]);
    assert_eq!(rig.outcomes(), [(ticket, granted)]);
}

#[test]
fn unsubscribing_is_acknowledged() {
    let mut rig = Rig::online(config());
    rig.subscribed("a");
    rig.take_notices();
    let ticket = rig.client.unsubscribe(rig.now, vec![Filter::new("a").unwrap()]).unwrap();
    let sent = rig.drain();
    assert_eq!(sent, [b"\xa2\x05\0\x02\0\x01a".to_vec()]);
    rig.receive(&unsuback(2));
    assert_eq!(rig.outcomes(), [(ticket, Outcome::Unsubscribed)]);
}

#[test]
fn what_the_service_would_punish_is_refused_at_the_call() {
    let mut rig = Rig::online(config());
    let mut refusal = |texts: &[&str]| rig.client.subscribe(rig.now, filters(texts)).unwrap_err().why;
    assert_eq!(refusal(&[]), Refusal::NoFilter);
    assert_eq!(refusal(&["x"; 9]), Refusal::TooManyFilters { count: 9, max: 8 });
    assert_eq!(refusal(&["1/2/3/4/5/6/7/8/#"]), Refusal::TopicTooDeep { slashes: 8, max: 7 });
    for n in 0..50 {
        rig.subscribed(&format!("f/{n}"));
    }
    rig.subscribe("f/7", Qos::AtMostOnce);
    let why = rig.client.subscribe(rig.now, filters(&["one/more"])).unwrap_err().why;
    assert_eq!(why, Refusal::TooManySubscriptions { max: 50 });
}

#[test]
fn a_refused_subscription_frees_its_place() {
    let mut config = config();
    config.limits.subscriptions_max = 1;
    let mut rig = Rig::online(config);
    rig.subscribe("a", Qos::AtLeastOnce);
    let id = packet_id(&rig.drain()[0]);
    rig.receive(&suback(id, &[0x80]));
    rig.subscribed("b");
}

#[test]
fn a_wrong_number_of_answers_ends_the_link_and_keeps_the_request() {
    let mut rig = Rig::online(config());
    let ticket = rig.client.subscribe(rig.now, filters(&["a", "b"])).unwrap();
    rig.drain();
    rig.receive(&suback(1, &[1]));
    let why = LinkError::Protocol(ProtocolError::SubackCount { expected: 2, got: 1 });
    assert!(matches!(rig.take_notices().pop(), Some(Notice::Offline { why: Some(error), .. }) if error == why));
    rig.wake();
    let sent = rig.reach_online(&CONNACK);
    rig.receive(&suback(packet_id(&sent[0]), &[1, 1]));
    let granted = Outcome::Subscribed(vec![Some(Qos::AtLeastOnce); 2]);
    assert_eq!(rig.outcomes(), [(ticket, granted)]);
}

#[test]
fn an_unanswered_subscription_times_out_and_a_late_answer_is_inert() {
    let mut rig = Rig::online(config());
    let ticket = rig.subscribe("a", Qos::AtLeastOnce);
    let id = packet_id(&rig.drain()[0]);
    rig.pass(Duration::from_secs(2));
    let second = rig.subscribe("b", Qos::AtLeastOnce);
    rig.drain();
    rig.wake_after(Duration::from_secs(3));
    assert_eq!(rig.outcomes(), [(ticket, Outcome::TimedOut)]);
    rig.wake_after(Duration::from_secs(2));
    assert_eq!(rig.outcomes(), [(second, Outcome::TimedOut)]);
    rig.receive(&suback(id, &[1]));
    assert_eq!(rig.outcomes(), []);
    assert_eq!(rig.client.phase(), Phase::Ready);
}

#[test]
fn an_id_given_up_is_not_used_again_before_its_answer() {
    let mut rig = Rig::online(config());
    rig.subscribe("a", Qos::AtLeastOnce);
    let given_up = packet_id(&rig.drain()[0]);
    rig.wake_after(Duration::from_secs(5));
    for _ in 0..66_000 {
        rig.publish("t", "x", Qos::AtLeastOnce);
        let id = packet_id(&rig.drain()[0]);
        assert_ne!(id, given_up);
        rig.receive(&crate::rig::puback(id));
        rig.take_notices();
    }
}

#[test]
fn subscriptions_are_restored_in_order_before_anything_else_when_the_session_is_lost() {
    let mut rig = Rig::online(config());
    for n in (0..10).rev() {
        rig.subscribed(&format!("f/{n}"));
    }
    rig.lose_link(LinkError::Closed);
    rig.publish("t", "x", Qos::AtMostOnce);
    rig.wake();
    rig.take_notices();
    let sent = rig.reach_online(&CONNACK);
    assert_eq!(rig.client.phase(), Phase::Resubscribing);
    let [first, second] = &sent[..] else { panic!("{sent:02x?}") };
    // Eight filters in one SUBSCRIBE, two in the next; the message waits for both answers.
    assert_eq!(first[..9], *b"\x82\x32\0\x0b\0\x03f/9");
    assert_eq!(second[..9], *b"\x82\x0e\0\x0c\0\x03f/1");
    assert!(rig.receive(&suback(12, &[1; 2])).is_empty());
    let mut codes = [1; 8];
    codes[3] = 0x80;
    assert_eq!(rig.receive(&suback(11, &codes)).len(), 1);
    let notices = rig.take_notices();
    let lost = Notice::SubscriptionLost { filter: Filter::new("f/6").unwrap() };
    assert!(notices.contains(&lost), "{notices:?}");
    assert!(notices.contains(&Notice::Ready));
}

#[test]
fn a_resumed_session_is_not_subscribed_again() {
    let mut rig = Rig::online(persistent());
    rig.subscribed("a");
    rig.lose_link(LinkError::Closed);
    rig.wake();
    assert!(rig.reach_online(&CONNACK_RESUMED).is_empty());
    assert_eq!(rig.client.phase(), Phase::Ready);
}

#[test]
fn an_interrupted_restoring_goes_on_although_the_session_is_there_by_then() {
    let mut rig = Rig::online(persistent());
    rig.subscribed("a");
    rig.lose_link(LinkError::Closed);
    rig.wake();
    assert_eq!(rig.reach_online(&CONNACK).len(), 1, "the server has forgotten: SUBSCRIBE");
    rig.lose_link(LinkError::Closed);
    rig.wake();
    // The server has a session since that last link, but nobody knows whether it heard the SUBSCRIBE.
    assert_eq!(rig.reach_online(&CONNACK_RESUMED).len(), 1);
    assert_eq!(rig.client.phase(), Phase::Resubscribing);
}

#[test]
fn a_session_that_an_unanswered_connect_may_have_begun_is_not_trusted() {
    for stopped in [false, true] {
        let mut rig = Rig::online(persistent());
        rig.subscribed("a");
        rig.lose_link(LinkError::Closed);
        rig.wake();
        rig.reach_connect();
        if stopped {
            rig.client.stop(rig.now);
            rig.client.start(rig.now);
            rig.drain();
        } else {
            rig.lose_link(LinkError::Closed);
        }
        rig.wake();
        assert_eq!(rig.reach_online(&CONNACK_RESUMED).len(), 1, "SUBSCRIBE");
    }
}

#[test]
fn a_refused_connect_begins_no_session() {
    let mut rig = Rig::online(persistent());
    rig.subscribed("a");
    rig.lose_link(LinkError::Closed);
    rig.wake();
    rig.reach_online(b"\x20\x02\0\x03");
    rig.wake();
    assert!(rig.reach_online(&CONNACK_RESUMED).is_empty());
}

#[test]
fn restoring_without_an_answer_ends_the_link() {
    let mut rig = Rig::online(config());
    rig.subscribed("a");
    rig.lose_link(LinkError::Closed);
    rig.wake();
    rig.reach_online(&CONNACK);
    rig.wake_after(Duration::from_secs(5));
    assert!(matches!(rig.take_notices().pop(), Some(Notice::Offline { why: Some(LinkError::RestoreTimeout), .. })));
}

#[test]
fn a_subscription_in_flight_when_the_link_is_lost_is_made_on_the_next() {
    for connack in [CONNACK, CONNACK_RESUMED] {
        let mut rig = Rig::online(persistent());
        let ticket = rig.subscribe("a", Qos::AtLeastOnce);
        rig.drain();
        rig.lose_link(LinkError::Closed);
        rig.wake();
        let sent = rig.reach_online(&connack);
        assert_eq!(sent.len(), 1);
        rig.receive(&suback(packet_id(&sent[0]), &[1]));
        assert_eq!(rig.outcomes(), [(ticket, Outcome::Subscribed(vec![Some(Qos::AtLeastOnce)]))]);
    }
}

#[test]
fn a_subscription_ended_before_its_answer_came_is_not_restored() {
    let mut rig = Rig::online(config());
    rig.subscribe("a", Qos::AtLeastOnce);
    let subscribe = packet_id(&rig.drain()[0]);
    rig.client.unsubscribe(rig.now, vec![Filter::new("a").unwrap()]).unwrap();
    let unsubscribe = packet_id(&rig.drain()[0]);
    rig.receive(&suback(subscribe, &[1]));
    rig.receive(&unsuback(unsubscribe));
    rig.lose_link(LinkError::Closed);
    rig.wake();
    assert!(rig.reach_online(&CONNACK).is_empty());
}

#[test]
fn what_is_asked_for_again_behind_an_unsubscribe_keeps_its_place() {
    let mut config = config();
    config.limits.subscriptions_max = 1;
    let mut rig = Rig::online(config);
    rig.subscribed("a");
    rig.client.unsubscribe(rig.now, vec![Filter::new("a").unwrap()]).unwrap();
    rig.subscribe("a", Qos::AtLeastOnce);
    // UNSUBSCRIBE alone.
    rig.client.poll_transmit(rig.now, &mut bytes::BytesMut::new(), 1);
    let why = rig.client.subscribe(rig.now, filters(&["b"])).unwrap_err().why;
    assert_eq!(why, Refusal::TooManySubscriptions { max: 1 });
}

#[test]
fn of_two_requests_for_one_filter_the_granted_one_counts() {
    for codes in [[0x80, 1], [1, 0]] {
        let mut rig = Rig::online(config());
        let mut ids = Vec::new();
        for _ in codes {
            rig.subscribe("a", Qos::AtLeastOnce);
            ids.push(packet_id(&rig.drain()[0]));
        }
        for (id, code) in ids.into_iter().zip(codes) {
            rig.receive(&suback(id, &[code]));
        }
        rig.lose_link(LinkError::Closed);
        rig.wake();
        assert_eq!(rig.reach_online(&CONNACK).len(), 1, "SUBSCRIBE");
    }
}

#[test]
fn a_subscription_that_comes_to_nothing_frees_its_place() {
    let mut config = config();
    config.limits.subscriptions_max = 1;
    (config.queue.count_max, config.queue.when_full) = (Some(1), WhenFull::DropOldest);
    let mut rig = Rig::new(config);
    let discarded = rig.subscribe("a", Qos::AtLeastOnce);
    assert!(rig.client.discard(rig.now, discarded));
    let evicted = rig.subscribe("b", Qos::AtLeastOnce);
    rig.publish("t", "x", Qos::AtMostOnce);
    rig.client.start(rig.now);
    rig.reach_online(&CONNACK);
    rig.take_notices();
    let unanswered = rig.subscribe("c", Qos::AtLeastOnce);
    rig.drain();
    rig.wake_after(Duration::from_secs(5));
    assert_eq!(rig.outcomes(), [(unanswered, Outcome::TimedOut)]);
    rig.subscribed("d");
    let totals = rig.client.status().totals;
    assert_eq!((totals.discarded, totals.evicted), (1, 1), "{evicted} made room");
}

#[test]
fn a_subscription_that_is_not_renewed_frees_its_place() {
    let mut config = config();
    config.limits.subscriptions_max = 1;
    let mut rig = Rig::online(config);
    rig.subscribed("a");
    rig.lose_link(LinkError::Closed);
    rig.wake();
    let renewal = packet_id(&rig.reach_online(&CONNACK)[0]);
    rig.receive(&suback(renewal, &[0x80]));
    rig.subscribed("b");
}

#[test]
fn a_request_that_comes_to_nothing_takes_nothing_from_another_for_the_same_filter() {
    let is_renewed = |rig: &mut Rig| {
        rig.lose_link(LinkError::KeepAlive);
        rig.wake();
        rig.reach_online(&CONNACK).len() == 1
    };
    let mut rig = Rig::online(config());
    rig.subscribed("granted before");
    rig.subscribe("granted before", Qos::AtLeastOnce);
    rig.drain();
    rig.wake_after(Duration::from_secs(5));
    assert!(matches!(rig.outcomes()[..], [_, (_, Outcome::TimedOut)]));
    assert!(is_renewed(&mut rig));

    let mut rig = Rig::new(config());
    let withdrawn = rig.subscribe("granted later", Qos::AtLeastOnce);
    rig.subscribe("granted later", Qos::AtLeastOnce);
    assert!(rig.client.discard(rig.now, withdrawn));
    rig.client.start(rig.now);
    let subscribe = packet_id(&rig.reach_online(&CONNACK)[0]);
    rig.receive(&suback(subscribe, &[1]));
    assert!(is_renewed(&mut rig));
}
