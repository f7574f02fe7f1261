//! Requests to device shadows: each has one end, whatever happens.

use core::time::Duration;

use bytes::BytesMut;
use thingwire_core::{
    Config, Drain, Event, Filter, LinkError, Notice, Outcome, Publish, Qos, Refusal, ShadowName, ShadowRequest,
    ShadowUpdate, ShadowWatch, Ticket, Topic, Unsent, WhenOffline,
};

use crate::rig::{
    CONNACK, CONNACK_RESUMED, Rig, config, message, packet_id, payload, persistent, puback, suback, topic, unsuback,
};

pub fn name() -> ShadowName {
    ShadowName::classic("pump").unwrap()
}

pub fn get() -> ShadowRequest {
    ShadowRequest::get(name())
}

pub fn update(json: &str) -> ShadowRequest {
    ShadowRequest::update(name(), ShadowUpdate::from_json(json).unwrap())
}

pub fn on(end: &str) -> String {
    format!("$aws/things/pump/shadow/{end}")
}

/// The kind of a packet that was sent.
pub fn kind(packet: &[u8]) -> u8 {
    packet[0] >> 4
}

pub const PUBLISH: u8 = 3;
pub const SUBSCRIBE: u8 = 8;
pub const UNSUBSCRIBE: u8 = 10;

pub fn token(packet: &[u8]) -> String {
    let text = payload(packet);
    let start = text.find("\"clientToken\":\"").unwrap() + 15;
    text[start..].split('"').next().unwrap().to_owned()
}

impl Rig {
    pub fn shadow(&mut self, request: ShadowRequest) -> Ticket {
        self.client.ask_shadow(self.now, request).unwrap()
    }

    /// A server that grants, acknowledges and ends whatever it is asked to, until no more comes; returns the publishes.
    pub fn served(&mut self) -> Vec<Vec<u8>> {
        let sent = self.drain();
        self.serve(sent)
    }

    pub fn serve(&mut self, mut sent: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        let mut publishes = Vec::new();
        while !sent.is_empty() {
            let mut answers = Vec::new();
            for packet in sent {
                let id =
                    if matches!(kind(&packet), PUBLISH | SUBSCRIBE | UNSUBSCRIBE) { packet_id(&packet) } else { 0 };
                match kind(&packet) {
                    PUBLISH => {
                        answers.extend(puback(id));
                        publishes.push(packet);
                    }
                    SUBSCRIBE => answers.extend(suback(id, &vec![1; filters(&packet)])),
                    UNSUBSCRIBE => answers.extend(unsuback(id)),
                    _ => {}
                }
            }
            sent = if answers.is_empty() { Vec::new() } else { self.receive(&answers) };
        }
        publishes
    }

    pub fn tell(&mut self, end: &str, json: &str) -> Vec<Vec<u8>> {
        self.receive(&message(&on(end), json, None))
    }

    /// Loses this link and two more to a server that closes them.
    pub fn be_closed_three_times(&mut self, connack: &[u8]) {
        for _ in 0..2 {
            self.lose_link(LinkError::Closed);
            self.wake();
            self.reach_online(connack);
        }
        self.lose_link(LinkError::Closed);
    }

    /// How operations ended, in words.
    pub fn ends(&mut self) -> Vec<(Ticket, String)> {
        let said = |(ticket, outcome)| match outcome {
            Outcome::Accepted(reply) => (ticket, core::str::from_utf8(&reply.payload).unwrap().to_owned()),
            outcome => (ticket, format!("{outcome:?}")),
        };
        self.outcomes().into_iter().map(said).collect()
    }
}

pub fn filters(subscribe: &[u8]) -> usize {
    let mut rest = &crate::rig::body(subscribe)[2..];
    let mut count = 0;
    while !rest.is_empty() {
        rest = &rest[3 + usize::from(u16::from_be_bytes([rest[0], rest[1]]))..];
        count += 1;
    }
    count
}

fn end(ticket: Ticket, outcome: Outcome) -> (Ticket, Outcome) {
    (ticket, outcome)
}

pub fn reply(token: &str) -> String {
    format!(r#"{{"state":{{}},"version":1,"clientToken":"{token}"}}"#)
}

#[test]
fn a_request_is_published_when_its_answers_are_subscribed_to_and_ends_with_the_answer() {
    let mut rig = Rig::online(config());
    let ticket = rig.shadow(get());

    let sent = rig.drain();
    assert_eq!(sent.iter().map(|packet| kind(packet)).collect::<Vec<_>>(), [SUBSCRIBE]);
    assert_eq!((topic(&sent[0]), filters(&sent[0])), (&on("get/accepted")[..], 2));
    let sent = rig.receive(&suback(packet_id(&sent[0]), &[1, 1]));
    assert_eq!((sent.len(), kind(&sent[0]), topic(&sent[0])), (1, PUBLISH, &on("get")[..]), "no wait");
    assert_eq!(sent[0][0] & 0x06, 0x02, "QoS 1");
    let token = token(&sent[0]);
    assert_eq!(payload(&sent[0]), format!(r#"{{"clientToken":"{token}"}}"#));
    assert_eq!(rig.client.shadow_token(ticket), Some(&token[..]));

    rig.receive(&puback(packet_id(&sent[0])));
    assert_eq!(rig.outcomes(), [], "an acknowledgement is no answer");
    let text =
        format!(r#"{{"state":{{"desired":{{"n":123456789012345678901}}}},"version":7,"clientToken":"{token}"}}"#);
    rig.tell("get/accepted", &text);
    assert_eq!((rig.ends(), rig.client.shadow_token(ticket)), (vec![(ticket, text)], None));
    assert_eq!(rig.client.next_deadline().unwrap().1, thingwire_core::TimerKind::KeepAlive, "nothing is left");
    let totals = rig.client.status().totals;
    assert_eq!((totals.accepted, totals.ended_operations(), totals.unmatched), (1, 1, 0));
}

#[test]
fn the_next_request_of_a_kind_needs_no_subscription() {
    let mut rig = Rig::online(config());
    rig.shadow(get());
    let first = rig.served();
    rig.shadow(get());
    let second = rig.drain();
    assert_eq!(second.len(), 1);
    assert_eq!(kind(&second[0]), PUBLISH);
    assert_ne!(token(&first[0]), token(&second[0]));
}

#[test]
fn without_keeping_subscriptions_the_last_request_of_a_kind_ends_them() {
    let mut config = config();
    config.requests.keep_subscriptions = false;
    let mut rig = Rig::online(config);
    rig.shadow(get());
    rig.shadow(get());
    let sent = rig.served();
    assert_eq!(rig.tell("get/accepted", &reply(&token(&sent[0]))), [[0_u8; 0]; 0], "one still waits");
    let sent = rig.tell("get/accepted", &reply(&token(&sent[1])));
    assert_eq!((sent.len(), kind(&sent[0]), topic(&sent[0])), (1, UNSUBSCRIBE, &on("get/accepted")[..]));

    // A request while that is on its way: never published without a subscription (SH14).
    rig.shadow(get());
    assert_eq!(rig.drain(), [[0_u8; 0]; 0]);
    let again = rig.receive(&unsuback(packet_id(&sent[0])));
    assert_eq!((again.len(), kind(&again[0])), (1, SUBSCRIBE));
}

#[test]
fn answers_find_their_requests_in_any_order() {
    let mut rig = Rig::online(config());
    let (a, b) = (rig.shadow(get()), rig.shadow(get()));
    let sent = rig.served();
    let tokens = [token(&sent[0]), token(&sent[1])];
    rig.tell("get/accepted", &reply(&tokens[1]));
    rig.tell("get/rejected", &format!(r#"{{"code":404,"message":"none","clientToken":"{}"}}"#, tokens[0]));
    let outcomes = rig.outcomes();
    assert_eq!([outcomes[0].0, outcomes[1].0], [b, a]);
    assert!(matches!(&outcomes[0].1, Outcome::Accepted(_)));
    let Outcome::Rejected(why) = &outcomes[1].1 else { panic!("{outcomes:?}") };
    assert_eq!((why.status(), why.message.as_str()), (Some(404), "none"));
    assert_eq!(outcomes[1].1.to_string(), "rejected: 404 none");
}

#[test]
fn what_is_not_for_a_request_does_not_end_it() {
    let mut rig = Rig::online(config());
    let ticket = rig.shadow(get());
    rig.shadow(update(r#"{"state":{"reported":{}}}"#));
    let sent = rig.served();
    let [get, update] = [token(&sent[0]), token(&sent[1])];
    rig.tell("update/accepted", &reply(&get));
    rig.tell("get/accepted", &reply(&update));
    rig.tell("get/accepted", &reply("somebody-else"));
    rig.tell("get/accepted", r#"{"state":{},"version":1}"#);
    rig.tell("get/rejected", r#"{"code":400,"message":"Invalid JSON"}"#);
    rig.tell("get/accepted", &format!(r#"[{{"clientToken":"{get}"}}]"#));
    rig.tell("get/accepted", &format!(r#"{{"clientToken":"{get}""#));
    rig.tell("get/accepted", &format!(r#"{{"clientToken":"{get}","clientToken":"{get}"}}"#));
    rig.tell("get/accepted", &"[".repeat(5_000));
    let mut not_utf8 = message(&on("get/accepted"), &format!(r#"{{"x":"?","clientToken":"{get}"}}"#), None);
    let at = not_utf8.iter().position(|byte| *byte == b'?').unwrap();
    not_utf8[at] = 0xff;
    rig.receive(&not_utf8);
    // Of another thing: nobody asked for it, and the application is not surprised with it.
    assert_eq!(rig.take_notices(), []);
    assert_eq!(rig.client.status().totals.unmatched, 10);
    rig.tell("get/accepted", &reply(&get));
    assert_eq!(rig.ends()[0].0, ticket);
    rig.tell("get/accepted", &reply(&get));
    assert_eq!(rig.take_notices(), [], "a repeated answer ends nothing");
}

#[test]
fn a_message_of_another_thing_goes_to_the_application() {
    let mut rig = Rig::online(config());
    rig.shadow(get());
    rig.served();
    rig.receive(&message("$aws/things/valve/shadow/get/accepted", "{}", None));
    assert!(matches!(&rig.take_notices()[..], [Notice::Message(_)]), "as every message that comes");
}

#[test]
fn at_the_deadline_a_request_ends_and_a_late_answer_is_counted() {
    let mut rig = Rig::online(config());
    let ticket = rig.shadow(get());
    rig.pass(Duration::from_secs(3));
    let sent = rig.served();
    rig.wake_after(Duration::from_secs(7));
    assert_eq!(rig.outcomes(), [end(ticket, Outcome::TimedOut)], "10 s after the call");
    rig.tell("get/accepted", &reply(&token(&sent[0])));
    assert_eq!((rig.outcomes(), rig.client.status().totals.unmatched), (vec![], 1));

    // As from inside of a callback of the first.
    let ticket = rig.shadow(get().timeout(Duration::from_millis(500)));
    assert_eq!(rig.served().len(), 1);
    rig.wake_after(Duration::from_millis(500));
    assert_eq!(rig.outcomes(), [end(ticket, Outcome::TimedOut)]);
}

#[test]
fn answers_that_are_there_when_the_deadline_is_come_in_time_in_whichever_portions() {
    for in_one in [true, false] {
        let mut rig = Rig::online(config());
        rig.shadow(get());
        let first = rig.served();
        rig.tell("get/accepted", &reply(&token(&first[0])));
        rig.outcomes();
        let tickets = [rig.shadow(get()), rig.shadow(get())];
        let sent = rig.served();
        rig.now = rig.now + Duration::from_secs(10);
        let answers: Vec<_> =
            sent.iter().map(|publish| message(&on("get/accepted"), &reply(&token(publish)), None)).collect();
        if in_one {
            rig.receive(&answers.concat());
        } else {
            for answer in &answers {
                rig.receive(answer);
            }
        }
        let accepted: Vec<_> = rig.ends().into_iter().map(|(ticket, _)| ticket).collect();
        assert_eq!(accepted, tickets);
        rig.wake();
        assert_eq!(rig.outcomes(), []);
    }
}

#[test]
fn what_has_had_its_time_is_not_published_any_more() {
    let mut config = config();
    config.requests.in_flight_max = 1;
    let mut rig = Rig::online(config);
    let open = rig.shadow(get());
    let sent = rig.served();
    let waits = rig.shadow(get().timeout(Duration::from_secs(5)));
    rig.now = rig.now + Duration::from_secs(5);
    assert_eq!(rig.tell("get/accepted", &reply(&token(&sent[0]))), Vec::<Vec<u8>>::new());
    rig.wake();
    let ends = rig.outcomes();
    assert!(matches!(ends[0], (ticket, Outcome::Accepted(_)) if ticket == open), "{ends:?}");
    assert_eq!(ends[1..], [end(waits, Outcome::Unsent(Unsent::Crowded))]);
}

#[test]
fn an_answer_to_what_was_not_published_yet_is_somebody_elses() {
    let mut rig = Rig::online(config());
    rig.shadow(get().token("mine"));
    let sent = rig.drain();
    rig.tell("get/accepted", &reply("mine"));
    assert_eq!(rig.outcomes(), []);
    let sent = rig.receive(&suback(packet_id(&sent[0]), &[1, 1]));
    assert_eq!(token(&sent[0]), "mine");
    rig.tell("get/accepted", &reply("mine"));
    assert_eq!(rig.outcomes().len(), 1);

    // The same token again, while there is no room in flight: a repeated answer is still the other's.
    let mut config = config();
    config.in_flight_max = 1;
    let mut rig = Rig::online(config);
    rig.shadow(get().token("mine"));
    rig.served();
    rig.tell("get/accepted", &reply("mine"));
    rig.publish("a", "1", Qos::AtLeastOnce);
    let sent = rig.drain();
    rig.outcomes();
    rig.shadow(get().token("mine"));
    rig.tell("get/accepted", &reply("mine"));
    assert_eq!(rig.outcomes(), []);
    let sent = rig.receive(&puback(packet_id(&sent[0])));
    assert_eq!(token(&sent[0]), "mine");
    rig.outcomes();
    rig.tell("get/accepted", &reply("mine"));
    assert_eq!(rig.outcomes().len(), 1);
}

#[test]
fn without_a_suback_a_request_is_not_sent() {
    let mut rig = Rig::online(config());
    let ticket = rig.shadow(get());
    assert_eq!(rig.drain().len(), 1);
    rig.wake_after(Duration::from_secs(5));
    // Asked again after the SUBSCRIBE has timed out, in vain.
    while rig.notices.is_empty() {
        rig.wake();
    }
    assert_eq!(rig.outcomes(), [end(ticket, Outcome::Unsent(Unsent::NotSubscribed))]);
}

#[test]
fn a_refused_subscription_is_tried_again_and_again_until_the_deadline() {
    let mut rig = Rig::online(config());
    let ticket = rig.shadow(get());
    let mut asked = 0;
    let mut sent = rig.drain();
    while rig.notices.is_empty() {
        let codes = if asked % 2 == 0 { [0x80, 0x80] } else { [1, 0x80] };
        while let Some(packet) = sent.iter().find(|packet| kind(packet) == SUBSCRIBE) {
            asked += 1;
            let answer = suback(packet_id(packet), &codes);
            sent = rig.receive(&answer);
        }
        sent = rig.wake();
    }
    assert_eq!(rig.outcomes(), [end(ticket, Outcome::Unsent(Unsent::SubscriptionRefused))]);
    assert!((2..=6).contains(&asked), "with growing waits: {asked}");

    let ticket = rig.shadow(get());
    let mut sent = rig.served();
    while sent.is_empty() {
        sent = rig.wake();
        sent = rig.serve(sent);
    }
    rig.tell("get/accepted", &reply(&token(&sent[0])));
    assert_eq!(rig.outcomes()[0].0, ticket, "the policy was mended");
}

#[test]
fn offline_a_request_is_refused_unless_it_may_wait() {
    let mut rig = Rig::new(config());
    let refused = rig.client.ask_shadow(rig.now, get()).unwrap_err();
    assert_eq!((refused.why, refused.value), (Refusal::Offline, get()));
    let wait = get().when_offline(WhenOffline::Wait).timeout(Duration::from_secs(3));
    let ticket = rig.shadow(wait.clone());
    rig.wake_after(Duration::from_secs(3));
    assert_eq!(rig.outcomes(), [end(ticket, Outcome::Unsent(Unsent::Offline))]);
    assert_eq!(rig.client.next_deadline(), None, "a client that was never started has nothing to wake for");

    let ticket = rig.shadow(wait);
    rig.client.start(rig.now);
    let sent = rig.reach_online(&CONNACK);
    let sent = rig.serve(sent);
    rig.tell("get/accepted", &reply(&token(&sent[0])));
    assert_eq!(rig.outcomes()[0].0, ticket);
}

#[test]
fn a_request_goes_ahead_of_what_waited_offline() {
    let mut config = config();
    config.drain = Drain::Every(Duration::from_secs(60));
    let mut rig = Rig::new(config);
    for number in 0..5 {
        rig.publish("backlog", &number.to_string(), Qos::AtLeastOnce);
    }
    rig.client.start(rig.now);
    let mut sent = rig.reach_online(&CONNACK);
    rig.shadow(get());
    sent.extend(rig.drain());
    let topics: Vec<_> = rig.serve(sent).iter().map(|packet| topic(packet).to_owned()).collect();
    assert_eq!(topics, ["backlog", &on("get")]);
}

#[test]
fn ten_requests_are_in_flight_and_the_oldest_goes_next() {
    let mut rig = Rig::online(config());
    let tickets: Vec<_> = (0..12).map(|number| rig.shadow(get().token(format!("t{number}")))).collect();
    let sent = rig.served();
    assert_eq!(sent.len(), 10);
    let next = rig.tell("get/accepted", &reply("t7"));
    assert_eq!(token(&next[0]), "t10");
    rig.serve(next);
    let over = rig.shadow(get());
    assert!(rig.client.discard(rig.now, over));
    assert!(!rig.client.discard(rig.now, tickets[0]), "too late");
    rig.drain();
    assert_eq!(rig.outcomes().iter().map(|(ticket, _)| *ticket).collect::<Vec<_>>(), [tickets[7], over]);
    rig.wake_after(Duration::from_secs(10));
    let late = rig.outcomes();
    assert_eq!(late.len(), 11);
    assert_eq!(late.iter().filter(|(_, outcome)| *outcome == Outcome::Unsent(Unsent::Crowded)).count(), 1);
}

#[test]
fn a_request_that_is_taken_back_leaves_its_place_to_others() {
    let mut config = config();
    config.requests.in_flight_max = 1;
    let mut rig = Rig::online(config);
    let first = rig.shadow(get().timeout(Duration::from_secs(60)));
    let sent = rig.drain();
    // Its turn comes, and the link ends before it is sent.
    let (link, granted) = (rig.link.unwrap(), suback(packet_id(&sent[0]), &[1, 1]));
    rig.client.handle(rig.now, Event::Received(link, &mut BytesMut::from(&granted[..])));
    rig.lose_link(LinkError::KeepAlive);
    rig.wake();
    let sent = rig.reach_online(&CONNACK);
    assert_eq!((kind(&sent[0]), filters(&sent[0])), (SUBSCRIBE, 2), "renewed first");
    let sent = rig.receive(&suback(packet_id(&sent[0]), &[0x80, 0x80]));
    assert_eq!(sent, [[0_u8; 0]; 0], "not in the dark (S27)");
    let other = rig.shadow(update(r#"{"state":{}}"#).token("u").timeout(Duration::from_secs(60)));
    let sent = rig.served();
    assert_eq!(sent.iter().map(|packet| topic(packet)).collect::<Vec<_>>(), [on("update")]);
    rig.tell("update/accepted", &reply("u"));
    assert_eq!(rig.ends().iter().map(|(ticket, _)| *ticket).collect::<Vec<_>>(), [other]);
    let sent = rig.wake();
    let sent = rig.serve(sent);
    assert_eq!(topic(&sent[0]), on("get"), "asked for again, and granted");
    rig.tell("get/accepted", &reply(&token(&sent[0])));
    assert_eq!(rig.ends().iter().map(|(ticket, _)| *ticket).collect::<Vec<_>>(), [first]);
}

#[test]
fn a_kind_that_is_refused_does_not_hold_up_another() {
    let mut rig = Rig::online(config());
    rig.shadow(get());
    let sent = rig.drain();
    rig.receive(&suback(packet_id(&sent[0]), &[0x80, 0x80]));
    rig.shadow(update(r#"{"state":{"reported":{"a":1}}}"#));
    let sent = rig.served();
    assert_eq!(topic(&sent[0]), on("update"));
}

#[test]
fn what_nobody_uses_makes_room_for_what_is_needed() {
    let mut config = config();
    config.requests.filters_max = 4;
    let mut rig = Rig::online(config);
    let tokens = ["a", "b"].map(str::to_owned);
    rig.shadow(get().token("a"));
    rig.shadow(update(r#"{"state":{}}"#).token("b"));
    rig.served();
    rig.shadow(ShadowRequest::delete(name()));
    assert_eq!(rig.drain(), [[0_u8; 0]; 0], "all places are taken");
    let sent = rig.tell("get/accepted", &reply(&tokens[0]));
    let asked: Vec<_> = sent.iter().map(|packet| (kind(packet), topic(packet).to_owned())).collect();
    assert_eq!(asked, [(UNSUBSCRIBE, on("get/accepted")), (SUBSCRIBE, on("delete/accepted"))]);
    let sent = rig.serve(sent);
    assert_eq!(topic(&sent[0]), on("delete"));
}

#[test]
fn of_what_nobody_uses_the_least_recently_used_goes_first() {
    let mut config = config();
    config.requests.filters_max = 4;
    let mut rig = Rig::online(config);
    // The first subscription is used again after the second.
    for (end, request) in [("get", get()), ("update", update(r#"{"state":{}}"#)), ("get", get())] {
        rig.shadow(request.token("a"));
        rig.served();
        rig.tell(&format!("{end}/accepted"), &reply("a"));
    }
    rig.shadow(ShadowRequest::delete(name()));
    let asked: Vec<_> = rig.drain().iter().map(|packet| (kind(packet), topic(packet).to_owned())).collect();
    assert_eq!(asked, [(UNSUBSCRIBE, on("update/accepted")), (SUBSCRIBE, on("delete/accepted"))]);
}

#[test]
fn the_applications_own_subscriptions_come_first() {
    let mut config = config();
    config.limits.subscriptions_max = 4;
    let mut rig = Rig::online(config);
    rig.shadow(get().token("a"));
    rig.served();
    rig.subscribed("1");
    rig.subscribed("2");
    let more = vec![(Filter::new("3").unwrap(), Qos::AtMostOnce)];
    let refused = rig.client.subscribe(rig.now, more.clone()).unwrap_err();
    assert_eq!(refused.why, Refusal::TooManySubscriptions { max: 4 }, "the request needs two");
    rig.tell("get/accepted", &reply("a"));
    rig.client.subscribe(rig.now, more).unwrap();
    let asked: Vec<_> = rig.drain().iter().map(|packet| (kind(packet), topic(packet).to_owned())).collect();
    assert_eq!(asked, [(UNSUBSCRIBE, on("get/accepted")), (SUBSCRIBE, "3".to_owned())]);
}

#[test]
fn on_a_resumed_session_what_is_unacknowledged_goes_again_and_nothing_else() {
    let mut rig = Rig::online(persistent());
    let (acked, unacked) = (rig.shadow(get().token("a")), rig.shadow(get().token("b")));
    let sent = rig.drain();
    let sent = rig.receive(&suback(packet_id(&sent[0]), &[1, 1]));
    rig.receive(&puback(packet_id(&sent[0])));
    rig.lose_link(LinkError::KeepAlive);
    rig.wake();
    let sent = rig.reach_online(&CONNACK_RESUMED);
    assert_eq!((sent.len(), token(&sent[0]), sent[0][0] & 0x08), (1, "b".to_owned(), 0x08), "DUP");
    rig.tell("get/accepted", &reply("a"));
    rig.tell("get/accepted", &reply("b"));
    let ended: Vec<_> = rig.outcomes().into_iter().map(|(ticket, _)| ticket).collect();
    assert_eq!(ended, [acked, unacked]);
}

#[test]
fn on_a_new_session_subscriptions_come_first_and_only_a_get_is_asked_again() {
    let mut rig = Rig::online(config());
    rig.shadow(get().token("get"));
    rig.shadow(update(r#"{"state":{"reported":{}}}"#).token("acked"));
    rig.shadow(update(r#"{"state":{"reported":{}}}"#).token("unacked"));
    rig.shadow(ShadowRequest::delete(name()).token("done"));
    let sent = rig.drain();
    let subacks: Vec<_> = sent.iter().flat_map(|packet| suback(packet_id(packet), &[1, 1])).collect();
    let sent = rig.receive(&subacks);
    assert_eq!(sent.iter().map(|packet| token(packet)).collect::<Vec<_>>(), ["get", "acked", "unacked", "done"]);
    let acks = [0, 1, 3].map(|index: usize| puback(packet_id(&sent[index]))).concat();
    rig.receive(&acks);
    rig.tell("delete/accepted", &reply("done"));
    rig.lose_link(LinkError::KeepAlive);
    rig.wake();
    let sent = rig.reach_online(&CONNACK);
    let asked: Vec<_> = sent.iter().map(|packet| (kind(packet), filters(packet))).collect();
    assert_eq!(asked, [(SUBSCRIBE, 4)], "of get and update; nobody waits for a delete any more");
    let sent = rig.serve(sent);
    assert_eq!(sent.iter().map(|packet| token(packet)).collect::<Vec<_>>(), ["unacked", "get"]);
    assert!(sent.iter().all(|packet| packet[0] & 0x08 == 0), "as new");
}

#[test]
fn what_would_be_sent_again_waits_when_its_answers_are_not_subscribed_to_any_more() {
    let mut rig = Rig::online(config());
    let ticket = rig.shadow(get().token("a").timeout(Duration::from_secs(60)));
    let sent = rig.drain();
    rig.receive(&suback(packet_id(&sent[0]), &[1, 1]));
    rig.lose_link(LinkError::KeepAlive);
    rig.wake();
    let sent = rig.reach_online(&CONNACK);
    assert_eq!(rig.receive(&suback(packet_id(&sent[0]), &[1, 0x80])), [[0_u8; 0]; 0], "not in the dark (S27)");
    let mut sent = rig.wake();
    assert_eq!((kind(&sent[0]), filters(&sent[0])), (SUBSCRIBE, 2), "asked again");
    sent = rig.serve(sent);
    assert_eq!(token(&sent[0]), "a");
    rig.tell("get/accepted", &reply("a"));
    assert_eq!(rig.outcomes().last().unwrap().0, ticket);
}

#[test]
fn what_asks_again_waits_when_the_renewal_of_a_part_of_it_is_refused() {
    let mut rig = Rig::online(config());
    let ticket = rig.shadow(get().token("a").timeout(Duration::from_secs(60)));
    let sent = rig.drain();
    rig.receive(&suback(packet_id(&sent[0]), &[1, 0x80]));
    let sent = rig.wake();
    assert_eq!((kind(&sent[0]), filters(&sent[0])), (SUBSCRIBE, 2), "asked again, on a link that ends");
    rig.lose_link(LinkError::KeepAlive);
    rig.wake();
    let sent = rig.reach_online(&CONNACK);
    assert_eq!((kind(&sent[0]), filters(&sent[0])), (SUBSCRIBE, 1), "what was granted is renewed");
    assert_eq!(rig.receive(&suback(packet_id(&sent[0]), &[0x80])), [[0_u8; 0]; 0], "not at once");
    let mut sent = rig.wake();
    assert_eq!((kind(&sent[0]), filters(&sent[0])), (SUBSCRIBE, 2));
    sent = rig.serve(sent);
    assert_eq!(token(&sent[0]), "a");
    rig.tell("get/accepted", &reply("a"));
    assert_eq!(rig.ends(), [(ticket, reply("a"))]);
    rig.shadow(get().token("b"));
    assert_eq!(token(&rig.drain()[0]), "b", "no other packet is waited for");
}

#[test]
fn a_request_that_ends_before_it_can_be_published_again_is_not_published_again() {
    let mut rig = Rig::online(config());
    let late = update(r#"{"state":{"reported":{}}}"#).token("late").timeout(Duration::from_secs(4));
    let ticket = rig.shadow(late);
    let sent = rig.drain();
    assert_eq!(token(&rig.receive(&suback(packet_id(&sent[0]), &[1, 1]))[0]), "late");
    rig.lose_link(LinkError::KeepAlive);
    rig.wake();
    let restoring = rig.reach_online(&CONNACK);
    assert_eq!(kind(&restoring[0]), SUBSCRIBE);
    rig.take_notices();
    assert_eq!(rig.wake(), Vec::<Vec<u8>>::new());
    assert_eq!(rig.outcomes(), [end(ticket, Outcome::TimedOut)]);
    assert_eq!(rig.serve(restoring), Vec::<Vec<u8>>::new());
}

#[test]
fn a_request_that_could_not_be_sent_before_its_deadline_is_unsent() {
    let mut rig = Rig::online(config());
    rig.shadow(get().token("first"));
    rig.served();
    rig.lose_link(LinkError::KeepAlive);
    let ticket = rig.shadow(get().when_offline(WhenOffline::Wait).timeout(Duration::from_millis(100)));
    rig.wake_after(Duration::from_millis(100));
    assert_eq!(rig.outcomes(), [end(ticket, Outcome::Unsent(Unsent::Offline))]);
}

#[test]
fn a_request_that_the_server_closes_the_connection_for_is_given_up() {
    let mut config = persistent();
    config.requests.timeout = Duration::from_secs(3_600);
    let mut rig = Rig::online(config);
    rig.shadow(get().token("harmless"));
    rig.served();
    rig.tell("get/accepted", &reply("harmless"));
    rig.take_notices();
    let ticket = rig.shadow(get());
    rig.drain();
    rig.be_closed_three_times(&CONNACK_RESUMED);
    assert_eq!(rig.outcomes(), [end(ticket, Outcome::ConnectionClosed { times: 3 })]);
}

#[test]
fn a_subscription_that_the_server_closes_the_connection_for_is_given_up() {
    let mut config = config();
    config.requests.timeout = Duration::from_secs(3_600);
    let mut rig = Rig::online(config);
    let tickets = [rig.shadow(get()), rig.shadow(get())];
    rig.drain();
    rig.be_closed_three_times(&CONNACK);
    let closed = Outcome::ConnectionClosed { times: 3 };
    assert_eq!(rig.outcomes(), [end(tickets[0], closed.clone()), end(tickets[1], closed)]);
}

#[test]
fn a_subscription_that_is_needed_cannot_be_ended_by_the_application() {
    let mut rig = Rig::online(config());
    rig.shadow(get().token("a"));
    rig.served();
    let filter = Filter::new(on("get/accepted")).unwrap();
    let refused = rig.client.unsubscribe(rig.now, vec![filter.clone()]).unwrap_err();
    assert_eq!(refused.why, Refusal::FilterInUse { filter: filter.clone() });
    rig.tell("get/accepted", &reply("a"));
    rig.client.unsubscribe(rig.now, vec![filter]).unwrap();
    let sent = rig.served();
    assert_eq!(sent.len(), 0);
    rig.shadow(get());
    assert_eq!(kind(&rig.drain()[0]), SUBSCRIBE, "it is subscribed to again");
}

#[test]
fn what_the_application_subscribed_to_reaches_it_as_well() {
    let mut rig = Rig::online(config());
    rig.subscribed("$aws/things/pump/#");
    rig.take_notices();
    let ticket = rig.shadow(get().token("a"));
    rig.served();
    rig.tell("get/accepted", &reply("a"));
    let notices = rig.take_notices();
    assert!(matches!(&notices[..], [Notice::Done { ticket: ended, .. }, Notice::Message(_)] if *ended == ticket));
}

#[test]
fn a_stopped_client_still_ends_its_requests() {
    let mut rig = Rig::online(config());
    let sent_one = rig.shadow(get());
    rig.served();
    rig.client.stop(rig.now);
    rig.drain();
    rig.take_notices();
    rig.wake_after(Duration::from_secs(10));
    assert_eq!(rig.outcomes(), [end(sent_one, Outcome::TimedOut)]);
    assert_eq!(rig.client.next_deadline(), None);
}

#[test]
fn calls_that_can_only_fail_are_refused() {
    let mut config = config();
    config.requests.count_max = 1;
    let mut rig = Rig::online(config);
    let why = |rig: &mut Rig, request: ShadowRequest| rig.client.ask_shadow(rig.now, request).unwrap_err().why;
    assert_eq!(why(&mut rig, get().token("")), Refusal::TokenLen { len: 0, max: 64 });
    assert_eq!(why(&mut rig, get().token("t".repeat(65))), Refusal::TokenLen { len: 65, max: 64 });
    let long = format!(r#"{{"state": {{"reported": {{"a":"{}" }} }} }}"#, "x".repeat(8 * 1024));
    assert_eq!(why(&mut rig, update(&long)), Refusal::ShadowTooLong { len: 8 * 1024 + 8, max: 8 * 1024 });
    let deep = format!(r#"{{"state":{{"desired":{}1{}}}}}"#, r#"{"a":"#.repeat(9), "}".repeat(9));
    assert_eq!(why(&mut rig, update(&deep)), Refusal::ShadowTooDeep { levels: 9, max: 8 });
    rig.shadow(get().token("a"));
    assert_eq!(why(&mut rig, get().token("a")), Refusal::TokenInUse);
    assert_eq!(why(&mut rig, get()), Refusal::TooManyRequests { count_max: 1 });
}

#[test]
fn updates_are_checked_when_they_are_made() {
    let error = |text: &str| ShadowUpdate::from_json(text).unwrap_err().to_string();
    insta::assert_snapshot!(
        [
            "",
            "[]",
            "{",
            "7",
            "{}",
            r#"{"state":1}"#,
            r#"{"state":{"desird":{}}}"#,
            r#"{"state":{"desired":1}}"#,
            r#"{"state":{"desired":{"a":[1,null]}}}"#,
            r#"{"state":{},"version":-1}"#,
            r#"{"state":{},"version":"1"}"#,
            r#"{"state":{},"clientToken":1}"#,
            r#"{"state":{},"state":{}}"#,
            r#"{"state":{"desired":{},"desired":{}}}"#,
        ]
        .map(|text| format!("{text:<40} {}", error(text)))
        .join("\n")
    );
    for fine in [r#"{"state":null}"#, r#"{"state":{}}"#, r#"{"state":{"desired":null,"reported":{"a":null}},"x":[1]}"#]
    {
        assert!(ShadowUpdate::from_json(fine).is_ok(), "{fine}");
    }
}

#[test]
fn an_update_is_sent_as_it_was_written() {
    let mut rig = Rig::online(config());
    let text = r#"{"state": {"reported": {"big": 18446744073709551617, "pi": 3.140} }, "other": [1], "version": 3}"#;
    rig.shadow(update(text).token("t\"1"));
    let sent = rig.served();
    assert_eq!(
        payload(&sent[0]),
        r#"{"state":{"reported": {"big": 18446744073709551617, "pi": 3.140} },"other":[1],"version":3,"clientToken":"t\"1"}"#
    );
    let wrong = ShadowUpdate::both(&std::collections::BTreeMap::from([("on", true)]), &7).unwrap_err();
    assert_eq!(wrong.to_string(), "\"reported\" in \"state\" is neither an object nor null");
}

#[test]
fn requests_with_a_named_shadow_use_its_topics() {
    let mut rig = Rig::online(config());
    let named = ShadowName::named("pump", "config").unwrap();
    rig.shadow(ShadowRequest::get(named.clone()).token("n"));
    rig.shadow(get().token("c"));
    let sent = rig.served();
    assert_eq!(sent.iter().map(|packet| topic(packet)).collect::<Vec<_>>(), [&on("name/config/get")[..], &on("get")]);
    rig.tell("get/accepted", &reply("n"));
    rig.tell("name/config/get/accepted", &reply("c"));
    assert_eq!(rig.outcomes(), [], "classic and named are not mixed up (SH18)");
    rig.client.watch_shadow(rig.now, ShadowWatch::deltas(named)).unwrap();
    rig.served();
}

#[test]
fn a_full_offline_queue_is_no_obstacle() {
    let mut config: Config = config();
    config.queue.count_max = Some(1);
    let mut rig = Rig::new(config);
    rig.publish("t", "1", Qos::AtLeastOnce);
    let full = Publish::new(Topic::new("t").unwrap(), "2");
    assert!(rig.client.publish(rig.now, full).is_err());
    rig.shadow(get().when_offline(WhenOffline::Wait));
    rig.client.start(rig.now);
    let sent = rig.reach_online(&CONNACK);
    assert_eq!(rig.serve(sent).len(), 2);
}

#[test]
fn what_a_link_has_carried_is_never_said_to_be_unsent() {
    let mut rig = Rig::online(config());
    let change = update(r#"{"state":{"reported":{}}}"#).token("a").timeout(Duration::from_secs(60));
    let ticket = rig.shadow(change);
    let sent = rig.drain();
    assert_eq!(token(&rig.receive(&suback(packet_id(&sent[0]), &[1, 1]))[0]), "a");
    rig.lose_link(LinkError::KeepAlive);
    rig.wake();
    let sent = rig.reach_online(&CONNACK);
    rig.receive(&suback(packet_id(&sent[0]), &[1, 0x80]));
    // It waits for its subscription once more, and can be withdrawn no more.
    assert!(!rig.client.discard(rig.now, ticket));
    rig.take_notices();
    rig.lose_link(LinkError::KeepAlive);
    let mut ends = Vec::new();
    while ends.is_empty() {
        rig.wake();
        ends = rig.outcomes();
    }
    assert_eq!(ends, [end(ticket, Outcome::TimedOut)]);
}

#[test]
fn a_late_answer_to_what_an_earlier_link_has_carried_is_its_answer() {
    let mut rig = Rig::online(config());
    let ticket = rig.shadow(update(r#"{"state":{"reported":{}}}"#).token("a"));
    let sent = rig.drain();
    rig.receive(&suback(packet_id(&sent[0]), &[1, 1]));
    rig.lose_link(LinkError::KeepAlive);
    rig.wake();
    let sent = rig.reach_online(&CONNACK);
    // One of its two topics is subscribed to again: it waits for the other, and the answer comes on the first.
    rig.receive(&suback(packet_id(&sent[0]), &[1, 0x80]));
    rig.tell("update/accepted", &reply("a"));
    assert_eq!(rig.ends(), [(ticket, reply("a"))]);
    assert_eq!(rig.served(), Vec::<Vec<u8>>::new(), "and it is not published again");
}

#[test]
fn a_subscription_that_nobody_answered_and_nobody_needs_is_ended() {
    let mut rig = Rig::online(config());
    rig.shadow(get().timeout(Duration::from_secs(4)));
    assert_eq!(rig.drain().iter().map(|packet| kind(packet)).collect::<Vec<_>>(), [SUBSCRIBE]);
    let mut sent = Vec::new();
    while sent.is_empty() {
        sent = rig.wake();
    }
    // The server may have heard all the same, and would send every answer to anybody's request.
    assert_eq!((kind(&sent[0]), topic(&sent[0])), (UNSUBSCRIBE, &on("get/accepted")[..]));
}

#[test]
fn a_new_session_is_not_asked_to_end_what_it_does_not_know() {
    let mut config = config();
    config.requests.keep_subscriptions = false;
    let mut rig = Rig::online(config);
    rig.shadow(get());
    let sent = rig.served();
    let sent = rig.tell("get/accepted", &reply(&token(&sent[0])));
    assert_eq!(kind(&sent[0]), UNSUBSCRIBE);
    rig.lose_link(LinkError::KeepAlive);
    rig.shadow(get().when_offline(WhenOffline::Wait));
    rig.wake();
    let sent = rig.reach_online(&CONNACK);
    assert_eq!(sent.iter().map(|packet| kind(packet)).collect::<Vec<_>>(), [SUBSCRIBE]);
}

#[test]
fn a_subscription_that_comes_back_does_not_count_what_it_is_there_for_twice() {
    let mut config = config();
    config.requests.in_flight_max = 2;
    config.requests.timeout = Duration::from_secs(600);
    let mut rig = Rig::online(config);
    rig.shadow(update(r#"{"state":{"reported":{}}}"#).token("a"));
    rig.served();
    rig.lose_link(LinkError::KeepAlive);
    rig.wake();
    let sent = rig.reach_online(&CONNACK);
    rig.receive(&suback(packet_id(&sent[0]), &[1, 0x80]));
    let sent = rig.wake();
    assert_eq!(rig.serve(sent), Vec::<Vec<u8>>::new(), "what is acknowledged is not done twice");
    rig.tell("update/accepted", &reply("a"));
    rig.shadow(update(r#"{"state":{"reported":{}}}"#).token("b"));
    rig.shadow(update(r#"{"state":{"reported":{}}}"#).token("c"));
    assert_eq!(rig.served().iter().map(|packet| token(packet)).collect::<Vec<_>>(), ["b", "c"], "there is room again");
}

#[test]
fn what_nobody_uses_is_ended_where_a_doubtful_session_may_know_it() {
    for answers_are_renewed in [false, true] {
        let mut rig = Rig::online(persistent());
        for number in 0..8 {
            rig.subscribed(&format!("app/{number}"));
        }
        rig.take_notices();
        let ticket = rig.shadow(get().timeout(Duration::from_secs(2)));
        rig.served();
        rig.lose_link(LinkError::KeepAlive);
        rig.wake();
        let sent = rig.reach_online(&CONNACK);
        let renewed = &sent[usize::from(answers_are_renewed)];
        rig.receive(&suback(packet_id(renewed), &vec![1; filters(renewed)]));
        rig.wake();
        assert_eq!(rig.outcomes(), [end(ticket, Outcome::TimedOut)], "nobody needs its answers any more");
        rig.lose_link(LinkError::KeepAlive);
        rig.wake();
        let sent = rig.reach_online(&CONNACK_RESUMED);
        let expected = if answers_are_renewed { SUBSCRIBE } else { UNSUBSCRIBE };
        assert_eq!(sent.iter().map(|packet| kind(packet)).collect::<Vec<_>>(), [expected]);
        rig.serve(sent);
        rig.take_notices();
        rig.tell("get/accepted", &reply("somebody else's"));
        let told = rig.take_notices();
        assert_eq!(told.is_empty(), answers_are_renewed, "it is not subscribed to, or the client's own: {told:?}");
    }
}
