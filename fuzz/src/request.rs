//! Which answer belongs to which shadow request.

use std::collections::BTreeMap;

use bytes::BytesMut;
use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v4::{self, Packet, SubscribeReasonCode};
use thingwire_core::{
    Action, Client, Config, Event, Instant, Link, Notice, Outcome, ShadowName, ShadowRequest, ShadowUpdate, Ticket,
    WhenOffline,
};

use crate::input::Input;

const NOW: Instant = Instant::EPOCH;
const TOKENS: [&str; 4] = ["a", "b", "ä\"\\", "0"];
const CALLS: [&str; 3] = ["get", "update", "delete"];

/// Laws of requests and their answers: a request ends with the first answer to its call about its shadow with its token,
/// once it is published, as accepted or rejected as the topic says, and with nothing else. The bytes choose what is asked,
/// and what the service says of its own accord.
///
/// # Panics
///
/// When a law is broken.
pub fn request(data: &[u8]) {
    let mut input = Input::new(data);
    let mut desk = Desk::new(&mut input);
    for _ in 0..60 {
        if input.is_empty() {
            break;
        }
        match input.below(3) {
            0 => desk.ask(&mut input),
            _ => desk.answer(&mut input),
        }
    }
}

/// What a request is told apart by: thing and shadow, call, token.
type Key = (usize, &'static str, String);

/// A client whose server grants everything at once, and a service that answers as the bytes say.
struct Desk {
    client: Client,
    link: Link,
    shadows: Vec<ShadowName>,
    /// Requests without an outcome.
    open: BTreeMap<Ticket, Key>,
    /// Those that the server has seen, by topic and token.
    published: Vec<(String, String)>,
    packet_id: u16,
}

impl Desk {
    fn new(input: &mut Input<'_>) -> Self {
        let mut config = Config::new("fuzz");
        config.limits.publishes_per_second_max = None;
        config.requests.in_flight_max = input.pick(&[10, 1, 2]);
        config.requests.filters_max = input.pick(&[40, 6, 8]);
        config.requests.keep_subscriptions = !input.flag();
        let mut client = Client::new(config, 7, NOW).expect("a valid configuration");
        client.start(NOW);
        let Some(Action::Notify(Notice::Attempting { .. })) = client.poll_action() else { panic!("an attempt") };
        let Some(Action::Open(link)) = client.poll_action() else { panic!("a link") };
        client.handle(NOW, Event::LinkUp(link));
        let shadows = vec![
            ShadowName::classic("thing"),
            ShadowName::named("thing", "one"),
            ShadowName::named("thing", "get"),
            ShadowName::classic("shadow"),
        ];
        let shadows = shadows.into_iter().map(|name| name.expect("a valid name")).collect();
        let mut desk = Self { client, link, shadows, open: BTreeMap::new(), published: Vec::new(), packet_id: 0 };
        assert_eq!(desk.settle(), []);
        assert!(desk.client.phase().is_online());
        desk
    }

    fn ask(&mut self, input: &mut Input<'_>) {
        let (shadow, call) = (input.below(self.shadows.len()), input.pick(&CALLS));
        let name = self.shadows[shadow].clone();
        let request = match call {
            "get" => ShadowRequest::get(name),
            "delete" => ShadowRequest::delete(name),
            _ => ShadowRequest::update(name, ShadowUpdate::from_json("{\"state\":null}").expect("an update")),
        };
        let chosen = input.flag().then(|| input.pick(&TOKENS));
        let request = request.when_offline(WhenOffline::Wait);
        let request = if let Some(token) = chosen { request.token(token) } else { request };
        let in_use = chosen.is_some_and(|token| self.open.values().any(|(_, _, used)| used == token));
        let asked = self.client.ask_shadow(NOW, request);
        assert!(!(in_use && asked.is_ok()), "a token that is in use was taken");
        if let Ok(ticket) = asked {
            let token = self.client.shadow_token(ticket).expect("every request has a token").to_owned();
            assert!(chosen.is_none_or(|chosen| chosen == token));
            self.open.insert(ticket, (shadow, call, token));
        }
        assert_eq!(self.settle(), [], "nobody has answered");
    }

    fn answer(&mut self, input: &mut Input<'_>) {
        let (shadow, call) = (input.below(self.shadows.len()), input.pick(&CALLS));
        let accepted = input.flag();
        let token = match input.below(4) {
            0 => None,
            1 => Some(input.pick(&TOKENS).to_owned()),
            _ => {
                let known: Vec<_> = self.open.values().map(|(_, _, token)| token.clone()).collect();
                (!known.is_empty()).then(|| known[input.below(known.len())].clone())
            }
        };
        let topic = self.topic(shadow, call);
        let expected = token.as_ref().filter(|token| self.published.contains(&(topic.clone(), (*token).clone())));
        let expected = expected.and_then(|token| {
            let key = (shadow, call, token.clone());
            self.open.iter().find(|(_, open)| **open == key).map(|(&ticket, _)| ticket)
        });
        let payload = match &token {
            Some(token) => serde_json::json!({ "clientToken": token, "state": {}, "version": 1 }).to_string(),
            None => "{\"state\":{},\"version\":1}".to_owned(),
        };
        let end = if accepted { "accepted" } else { "rejected" };
        let publish = v4::Publish::new(format!("{topic}/{end}"), QoS::AtMostOnce, payload.clone());
        let mut bytes = BytesMut::new();
        publish.write(&mut bytes).expect("memory");
        self.client.handle(NOW, Event::Received(self.link, &mut bytes));
        let told = self.settle();
        let told: Vec<_> = told
            .into_iter()
            .map(|(ticket, outcome)| match outcome {
                Outcome::Accepted(reply) => (ticket, true, reply.payload),
                Outcome::Rejected(why) => (ticket, false, why.payload),
                other => panic!("{other:?}"),
            })
            .collect();
        let wanted: Vec<_> = expected.into_iter().map(|ticket| (ticket, accepted, payload.clone().into())).collect();
        assert_eq!(told, wanted, "{topic}/{end} {payload} of {:?}", self.open);
        if let Some(ticket) = expected {
            let (_, _, token) = self.open.remove(&ticket).expect("it was open");
            self.published.retain(|published| *published != (topic.clone(), token.clone()));
        }
    }

    fn topic(&self, shadow: usize, call: &str) -> String {
        let name = &self.shadows[shadow];
        let named = name.shadow().map(|shadow| format!("/name/{shadow}")).unwrap_or_default();
        format!("$aws/things/{}/shadow{named}/{call}", name.thing())
    }

    /// Lets server and client talk until they have no more to say; what has ended in between.
    fn settle(&mut self) -> Vec<(Ticket, Outcome)> {
        let mut ended = Vec::new();
        loop {
            let mut out = BytesMut::new();
            let written = self.client.poll_transmit(NOW, &mut out, usize::MAX);
            let action = self.client.poll_action();
            if written == 0 && action.is_none() {
                return ended;
            }
            match action {
                Some(Action::Notify(Notice::Done { ticket, outcome })) => ended.push((ticket, outcome)),
                Some(Action::Close(_) | Action::Open(_)) => panic!("the link stays"),
                Some(Action::Notify(_)) | None => {}
            }
            let mut replies = BytesMut::new();
            while !out.is_empty() {
                self.serve(Packet::read(&mut out, usize::MAX).expect("valid packets"), &mut replies);
            }
            self.client.handle(NOW, Event::Received(self.link, &mut replies));
        }
    }

    fn serve(&mut self, packet: Packet, replies: &mut BytesMut) {
        let reply = match packet {
            Packet::Connect(_) => Packet::ConnAck(v4::ConnAck::new(v4::ConnectReturnCode::Success, false)),
            Packet::Subscribe(subscribe) => {
                let codes = subscribe.filters.iter().map(|_| SubscribeReasonCode::Success(QoS::AtLeastOnce));
                Packet::SubAck(v4::SubAck::new(subscribe.pkid, codes.collect()))
            }
            Packet::Unsubscribe(unsubscribe) => Packet::UnsubAck(v4::UnsubAck { pkid: unsubscribe.pkid }),
            Packet::Publish(publish) => {
                let body: serde_json::Value = serde_json::from_slice(&publish.payload).expect("a request is JSON");
                let token = body["clientToken"].as_str().expect("a request has a token").to_owned();
                assert_ne!(self.packet_id, publish.pkid, "a new packet id");
                self.packet_id = publish.pkid;
                self.published.push((publish.topic, token));
                Packet::PubAck(v4::PubAck::new(publish.pkid))
            }
            other => panic!("{other:?} was not expected"),
        };
        reply.write(replies, usize::MAX).expect("memory");
    }
}
