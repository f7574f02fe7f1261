//! Requests that find no room, that nobody needs any more, or that share a subscription with the application.

use core::time::Duration;

use thingwire_core::{Client, Instant, LinkError, Notice, Outcome, Qos, ShadowRequest, Unsent, WhenOffline};

use crate::requests::{PUBLISH, SUBSCRIBE, UNSUBSCRIBE, filters, get, kind, name, on, reply, token, update};
use crate::rig::{CONNACK, CONNACK_RESUMED, Rig, config, packet_id, persistent, puback, suback, topic, unsuback};

const NOTHING: [[u8; 0]; 0] = [];

fn kinds_and_topics(sent: &[Vec<u8>]) -> Vec<(u8, &str)> {
    sent.iter().map(|packet| (kind(packet), topic(packet))).collect()
}

#[test]
fn an_answer_is_taken_while_another_request_waits_to_be_sent() {
    let mut config = config();
    config.in_flight_max = 1;
    let mut rig = Rig::online(config);
    let ticket = rig.shadow(get().token("a"));
    let subscribe = rig.drain().remove(0);
    assert_eq!(kind(&rig.receive(&suback(packet_id(&subscribe), &[1, 1]))[0]), PUBLISH);
    rig.shadow(get().token("b"));
    assert_eq!(rig.drain(), NOTHING, "the window is full");
    rig.tell("get/accepted", &reply("a"));
    assert_eq!(rig.ends(), [(ticket, reply("a"))]);
}

#[test]
fn what_the_window_had_no_room_for_was_never_sent() {
    for (offline, why) in [(false, Unsent::Crowded), (true, Unsent::Offline)] {
        let mut config = config();
        config.in_flight_max = 1;
        let mut rig = Rig::online(config);
        rig.publish("busy", "1", Qos::AtLeastOnce);
        let ticket = rig.shadow(get());
        let sent = rig.drain();
        let subscribe = sent.iter().find(|packet| kind(packet) == SUBSCRIBE).unwrap();
        assert_eq!(rig.receive(&suback(packet_id(subscribe), &[1, 1])), NOTHING);
        if offline {
            rig.lose_link(LinkError::KeepAlive);
        }
        let mut ends = rig.outcomes();
        while ends.is_empty() {
            rig.wake();
            ends = rig.outcomes();
        }
        assert_eq!(ends, [(ticket, Outcome::Unsent(why))]);
    }
}

#[test]
fn what_has_ended_is_not_asked_again_on_a_new_session() {
    let mut rig = Rig::online(config());
    let half_a_second = Duration::from_millis(500);
    let ticket = rig.shadow(update(r#"{"state":{"reported":{}}}"#).timeout(half_a_second));
    let subscribe = rig.drain().remove(0);
    assert_eq!(kind(&rig.receive(&suback(packet_id(&subscribe), &[1, 1]))[0]), PUBLISH);
    rig.lose_link(LinkError::KeepAlive);
    rig.wake_after(half_a_second);
    assert_eq!(rig.outcomes(), [(ticket, Outcome::TimedOut)]);
    rig.wake();
    let sent = rig.reach_online(&CONNACK);
    assert_eq!(rig.serve(sent), NOTHING);
}

#[test]
fn a_subscription_that_the_application_has_as_well_stays_when_requests_are_over() {
    let mut config = config();
    config.requests.keep_subscriptions = false;
    config.limits.subscriptions_max = 4;
    let mut rig = Rig::online(config);
    rig.subscribed(&on("get/accepted"));
    rig.subscribed(&on("get/rejected"));
    rig.shadow(get().token("a"));
    rig.served();
    assert_eq!(rig.tell("get/accepted", &reply("a")), NOTHING, "it is not unsubscribed from");
    rig.take_notices();
    rig.tell("get/accepted", &reply("somebody else's"));
    assert!(matches!(rig.take_notices()[..], [Notice::Message(_)]));
    // It has two of the four places.
    rig.shadow(update(r#"{"state":{}}"#));
    rig.shadow(ShadowRequest::delete(name()));
    assert_eq!(kinds_and_topics(&rig.drain()), [(SUBSCRIBE, &on("update/accepted")[..])]);
}

#[test]
fn a_request_without_room_for_its_answers_is_never_sent() {
    let mut config = config();
    config.limits.subscriptions_max = 3;
    let mut rig = Rig::online(config);
    rig.subscribed("1");
    rig.subscribed("2");
    rig.take_notices();
    let ticket = rig.shadow(get());
    assert_eq!(rig.drain(), NOTHING, "two answers, and one place");
    assert_eq!(rig.wake_after(Duration::from_secs(10)), NOTHING);
    assert_eq!(rig.outcomes(), [(ticket, Outcome::Unsent(Unsent::Crowded))]);
}

#[test]
fn what_the_server_has_refused_is_not_unsubscribed_from() {
    let mut rig = Rig::online(config());
    let ticket = rig.shadow(get().timeout(Duration::from_millis(500)));
    let subscribe = rig.drain().remove(0);
    rig.receive(&suback(packet_id(&subscribe), &[0x80, 0x80]));
    assert_eq!(rig.wake_after(Duration::from_millis(500)), NOTHING);
    assert_eq!(rig.outcomes(), [(ticket, Outcome::Unsent(Unsent::SubscriptionRefused))]);
}

#[test]
fn what_is_granted_when_nobody_needs_it_any_more_makes_room_for_others() {
    let mut config = config();
    (config.requests.filters_max, config.requests.in_flight_max) = (2, 1);
    let mut rig = Rig::online(config);
    let ticket = rig.shadow(get());
    let subscribe = rig.drain().remove(0);
    assert!(rig.client.discard(rig.now, ticket));
    assert_eq!(rig.receive(&suback(packet_id(&subscribe), &[1, 1])), NOTHING);
    rig.shadow(update(r#"{"state":{}}"#));
    let expected = [(UNSUBSCRIBE, &on("get/accepted")[..]), (SUBSCRIBE, &on("update/accepted"))];
    assert_eq!(kinds_and_topics(&rig.drain()), expected);
}

#[test]
fn no_two_clients_have_the_same_tokens() {
    let token = |seed| {
        let mut client = Client::new(config(), seed, Instant::EPOCH).unwrap();
        let ticket = client.ask_shadow(Instant::EPOCH, get().when_offline(WhenOffline::Wait)).unwrap();
        client.shadow_token(ticket).unwrap().to_owned()
    };
    assert_ne!(token(1), token(2));
}

#[cfg(feature = "trace")]
#[test]
fn requests_that_were_withdrawn_leave_nothing_behind() {
    let mut rig = Rig::new(config());
    let state_len_after = [200, 2_000].map(|count| {
        for _ in 0..count {
            let ticket = rig.shadow(ShadowRequest::delete(name()).when_offline(WhenOffline::Wait));
            assert!(rig.client.discard(rig.now, ticket));
        }
        rig.drain();
        rig.client.record(&thingwire_core::trace::RecordOptions::new([1, 2]));
        rig.client.recording().unwrap().len()
    });
    assert_eq!(state_len_after[0], state_len_after[1]);
}

#[test]
fn what_a_lost_session_leaves_to_be_made_again_waits_for_its_answers_to_be_subscribed_to() {
    let mut rig = Rig::online(persistent());
    let patient = || update(r#"{"state":{"reported":{}}}"#).timeout(Duration::from_secs(600));
    let ticket = rig.shadow(patient().token("a"));
    let sent = rig.drain();
    assert_eq!(token(&rig.receive(&suback(packet_id(&sent[0]), &[1, 1]))[0]), "a");
    rig.lose_link(LinkError::KeepAlive);
    rig.wake();
    // A CONNECT that is not answered may have begun a session of its own.
    rig.reach_connect();
    rig.lose_link(LinkError::KeepAlive);
    rig.wake();
    let sent = rig.reach_online(&CONNACK_RESUMED);
    assert_eq!((kind(&sent[0]), filters(&sent[0])), (SUBSCRIBE, 2), "renewed, to be certain");
    let sent = rig.receive(&suback(packet_id(&sent[0]), &[1, 0x80]));
    assert_eq!((kind(&sent[0]), token(&sent[0]).as_str()), (PUBLISH, "a"), "the server has the session [MQTT-4.4.0-1]");
    rig.lose_link(LinkError::KeepAlive);
    rig.wake();
    let sent = rig.reach_online(&CONNACK);
    assert_eq!((kind(&sent[0]), filters(&sent[0])), (SUBSCRIBE, 1));
    let mut sent = rig.receive(&suback(packet_id(&sent[0]), &[1]));
    if sent.is_empty() {
        sent = rig.wake();
    }
    assert_eq!(kinds_and_topics(&sent), [(SUBSCRIBE, on("update/accepted").as_str())], "not in the dark");
    let sent = rig.serve(sent);
    assert_eq!(token(&sent[0]), "a");
    rig.tell("update/accepted", r#"{"state":{},"version":1,"clientToken":"a"}"#);
    assert!(matches!(rig.outcomes()[..], [(done, Outcome::Accepted(_))] if done == ticket));
}

#[test]
fn who_wants_what_is_being_given_up_waits_when_its_renewal_is_refused() {
    let mut rig = Rig::online(config());
    let first = rig.shadow(get().timeout(Duration::from_secs(5)));
    let subscribe = rig.drain().remove(0);
    rig.receive(&suback(packet_id(&subscribe), &[1, 0x80]));
    rig.lose_link(LinkError::KeepAlive);
    rig.wake();
    let renewal = rig.reach_online(&CONNACK).remove(0);
    assert_eq!((kind(&renewal), filters(&renewal)), (SUBSCRIBE, 1));
    let mut ended = rig.outcomes();
    while ended.is_empty() {
        rig.wake();
        ended = rig.outcomes();
    }
    assert_eq!(ended, [(first, Outcome::Unsent(Unsent::SubscriptionRefused))]);
    let second = rig.shadow(get().token("b"));
    let unsubscribe = rig.receive(&suback(packet_id(&renewal), &[0x80])).remove(0);
    assert_eq!(kind(&unsubscribe), UNSUBSCRIBE, "the other filter may be known");
    assert_eq!(rig.receive(&unsuback(packet_id(&unsubscribe))), NOTHING, "not at once");
    let sent = rig.wake();
    assert_eq!(kinds_and_topics(&sent), [(SUBSCRIBE, &on("get/accepted")[..])]);
    assert_eq!(token(&rig.serve(sent)[0]), "b");
    rig.tell("get/accepted", &reply("b"));
    assert_eq!(rig.ends(), [(second, reply("b"))]);
}

#[test]
fn what_is_asked_again_waits_for_its_answers_to_be_subscribed_to() {
    let mut rig = Rig::online(config());
    let ticket = rig.shadow(get().token("a").timeout(Duration::from_secs(600)));
    let subscribe = rig.drain().remove(0);
    let publish = rig.receive(&suback(packet_id(&subscribe), &[1, 1])).remove(0);
    rig.receive(&puback(packet_id(&publish)));
    rig.subscribe(&on("get/accepted"), Qos::AtLeastOnce);
    let subscribe = rig.drain().remove(0);
    rig.receive(&suback(packet_id(&subscribe), &[0x80]));
    rig.lose_link(LinkError::KeepAlive);
    rig.wake();
    let renewal = rig.reach_online(&CONNACK).remove(0);
    assert_eq!((kind(&renewal), topic(&renewal)), (SUBSCRIBE, &on("get/rejected")[..]));
    let mut sent = rig.receive(&suback(packet_id(&renewal), &[1]));
    if sent.is_empty() {
        sent = rig.wake();
    }
    assert_eq!(kinds_and_topics(&sent), [(SUBSCRIBE, &on("get/accepted")[..])], "not in the dark");
    assert_eq!(token(&rig.serve(sent)[0]), "a");
    rig.take_notices();
    rig.tell("get/accepted", &reply("a"));
    assert_eq!(rig.ends(), [(ticket, reply("a"))]);
}
