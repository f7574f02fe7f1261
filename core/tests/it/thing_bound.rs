//! A thing joined to a client: what it asks goes out as packets, and what the server says comes in.

use bytes::BytesMut;
use serde_json::{Value, json};
use thingwire_core::thing::{Bound, ComponentId, Thing, ThingAction, ThingEvent, ThingNotice};
use thingwire_core::{
    Action, Client, Config, Event, Instant, LinkError, Notice, Refusal, ShadowName, ShadowWatch, TcpError,
};

use crate::requests::{PUBLISH, SUBSCRIBE, filters, kind, name, on, token};
use crate::rig::{
    CONNACK, CONNACK_RESUMED, Rig, config, message, packet_id, packets, payload, persistent, puback, suback, topic,
};
use crate::thing_rig::{Lines, ms};

/// A client on a bench, and a relay that keeps its shadow with it.
struct Joined {
    rig: Rig,
    bound: Bound,
    /// Lines to the device.
    told: Vec<String>,
    notices: Vec<ThingNotice>,
    /// Notices of the client that were not for the thing.
    others: Vec<Notice>,
    gets: usize,
}

impl Joined {
    fn new(config: Config) -> Self {
        let thing = Thing::builder().component("relay", Lines::one("on")).build(1).unwrap();
        let bound = Bound::new(thing, name());
        let mut rig = Rig::new(config);
        rig.client.start(rig.now);
        let mut joined = Self { rig, bound, told: Vec::new(), notices: Vec::new(), others: Vec::new(), gets: 0 };
        joined.bound.handle(joined.rig.now, ThingEvent::Up(ComponentId(0)));
        joined.hear("on false");
        joined
    }

    /// Connected, subscribed, and with a document of this version; nothing is left to be done.
    fn in_step(config: Config) -> Self {
        let mut joined = Self::new(config);
        let sent = joined.connect(&CONNACK);
        joined.serve(sent, &json!({"desired": {"on": false}, "reported": {"on": false}}), 1);
        joined.pass();
        joined.told.clear();
        joined
    }

    fn connect(&mut self, connack: &[u8]) -> Vec<Vec<u8>> {
        self.drain();
        let link = self.rig.link.unwrap();
        self.rig.client.handle(self.rig.now, Event::LinkUp(link));
        self.drain();
        self.receive(connack)
    }

    /// Grants what is subscribed to and answers what is asked, until nothing is.
    fn serve(&mut self, sent: Vec<Vec<u8>>, state: &Value, version: u64) -> Vec<Value> {
        let mut updates = Vec::new();
        let mut sent = std::collections::VecDeque::from(sent);
        while let Some(packet) = sent.pop_front() {
            if kind(&packet) == SUBSCRIBE {
                let codes = vec![1; filters(&packet)];
                sent.extend(self.receive(&suback(packet_id(&packet), &codes)));
            } else if kind(&packet) == PUBLISH {
                sent.extend(self.receive(&puback(packet_id(&packet))));
                let token = token(&packet);
                if topic(&packet).ends_with("/get") {
                    self.gets += 1;
                    let answer = json!({"state": state, "version": version, "clientToken": token});
                    sent.extend(self.receive(&message(&on("get/accepted"), &answer.to_string(), Some(7))));
                } else {
                    let mut answer: Value = serde_json::from_str(payload(&packet)).unwrap();
                    updates.push(answer["state"].clone());
                    answer["version"] = json!(version + updates.len() as u64);
                    sent.extend(self.receive(&message(&on("update/accepted"), &answer.to_string(), Some(8))));
                }
            }
        }
        updates
    }

    fn receive(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut inbound = BytesMut::from(bytes);
        let link = self.rig.link.unwrap();
        self.rig.client.handle(self.rig.now, Event::Received(link, &mut inbound));
        self.drain()
    }

    fn hear(&mut self, line: &str) -> Vec<Vec<u8>> {
        self.bound.handle(self.rig.now, ThingEvent::Received(ComponentId(0), line.as_bytes()));
        self.drain()
    }

    /// Lets the thing's batch pass.
    fn pass(&mut self) -> Vec<Vec<u8>> {
        self.rig.now = self.rig.now + ms(150);
        self.rig.client.handle(self.rig.now, Event::Wake);
        self.bound.handle(self.rig.now, ThingEvent::Wake);
        self.drain()
    }

    /// What a driver does.
    fn drain(&mut self) -> Vec<Vec<u8>> {
        let mut out = BytesMut::new();
        loop {
            let mut idle = self.rig.client.poll_transmit(self.rig.now, &mut out, 65_536) == 0;
            while let Some(action) = self.rig.client.poll_action() {
                idle = false;
                match action {
                    Action::Open(link) => self.rig.link = Some(link),
                    Action::Close(_) => {}
                    Action::Notify(notice) if self.bound.on_notice(self.rig.now, &notice) => {}
                    Action::Notify(notice) => self.others.push(notice),
                }
            }
            while let Some(action) = self.bound.poll_action(&mut self.rig.client, self.rig.now) {
                idle = false;
                match action {
                    ThingAction::Send(_, bytes) if bytes != b"?" => self.told.push(String::from_utf8(bytes).unwrap()),
                    ThingAction::Notify(notice) => self.notices.push(notice),
                    ThingAction::Ask(..) => panic!("it is asked of the client"),
                    _ => {}
                }
            }
            if idle {
                return packets(&out);
            }
        }
    }
}

#[test]
fn a_thing_follows_its_shadow_through_a_client_and_its_shadow_follows_it() {
    let mut joined = Joined::in_step(config());
    let delta = json!({"state": {"on": true}, "metadata": {"on": {"timestamp": 20}}, "version": 2});
    joined.receive(&message(&on("update/delta"), &delta.to_string(), Some(9)));
    assert_eq!(joined.told, ["on true"]);
    joined.hear("on true");
    let sent = joined.pass();
    assert_eq!(joined.serve(sent, &json!({}), 2), [json!({"reported": {"on": true}})]);
    assert!(joined.notices.contains(&ThingNotice::Accepted { version: 3 }));
}

#[test]
fn notices_of_others_are_not_taken() {
    let mut joined = Joined::in_step(config());
    let words: Vec<_> = joined.others.iter().map(ToString::to_string).collect();
    assert_eq!(words, ["connecting, attempt 1", "online, new session", "ready"]);
    let watch = ShadowWatch::deltas(ShadowName::classic("other").unwrap());
    joined.others.clear();
    joined.rig.client.watch_shadow(joined.rig.now, watch).unwrap();
    let sent = joined.drain();
    joined.receive(&suback(packet_id(&sent[0]), &[1]));
    assert_eq!(joined.others.len(), 1, "{:?}", joined.others);
    let delta = json!({"state": {"on": true}, "version": 9});
    joined.receive(&message("$aws/things/other/shadow/update/delta", &delta.to_string(), None));
    assert!(matches!(joined.others[1..], [Notice::Shadow(_)]), "{:?}", joined.others);
    assert_eq!(joined.told, [""; 0], "nobody wishes that of the relay");
}

#[test]
fn a_watch_for_which_there_is_no_room_is_begun_when_there_is() {
    let (mut config, mut now) = (config(), Instant::EPOCH);
    config.requests.watches_max = 1;
    let mut client = Client::new(config, 7, now).unwrap();
    let other = || ShadowWatch::deltas(ShadowName::classic("other").unwrap());
    let first = client.watch_shadow(now, other()).unwrap();
    let mut bound = Bound::new(Thing::builder().build(1).unwrap(), name());
    for _ in 0..2 {
        assert_eq!(bound.next_deadline(), Some(now), "it wants to begin");
        while bound.poll_action(&mut client, now).is_some() {}
        now = bound.next_deadline().expect("it has not given up");
        bound.handle(now, ThingEvent::Wake);
    }
    assert!(client.unwatch_shadow(now, first));
    while bound.poll_action(&mut client, now).is_some() {}
    assert_eq!(client.watch_shadow(now, other()).unwrap_err().why, Refusal::TooManyWatches { max: 1 });
}

#[test]
fn after_a_resumed_session_the_shadow_is_read_once() {
    let mut joined = Joined::in_step(persistent());
    let link = joined.rig.link.unwrap();
    joined
        .rig
        .client
        .handle(joined.rig.now, Event::LinkDown(link, LinkError::Tcp { address: None, why: TcpError::Reset }));
    joined.drain();
    joined.hear("on true");
    assert_eq!(joined.pass(), [[0_u8; 0]; 0], "offline nothing is asked");
    joined.rig.now = joined.rig.client.next_deadline().unwrap().0;
    joined.rig.client.handle(joined.rig.now, Event::Wake);
    let sent = joined.connect(&CONNACK_RESUMED);
    assert_eq!(sent.iter().filter(|packet| kind(packet) == PUBLISH).count(), 1);
    assert!(topic(&sent[0]).ends_with("/get"), "{}", topic(&sent[0]));
    let updates = joined.serve(sent, &json!({"desired": {"on": false}, "reported": {"on": false}}), 1);
    assert_eq!(updates, [json!({"desired": {"on": true}, "reported": {"on": true}})]);
}

#[test]
fn after_a_lost_session_the_watch_reads_it_and_the_thing_does_not() {
    let mut joined = Joined::in_step(config());
    let link = joined.rig.link.unwrap();
    joined
        .rig
        .client
        .handle(joined.rig.now, Event::LinkDown(link, LinkError::Tcp { address: None, why: TcpError::Reset }));
    joined.drain();
    joined.rig.now = joined.rig.client.next_deadline().unwrap().0;
    joined.rig.client.handle(joined.rig.now, Event::Wake);
    let sent = joined.connect(&CONNACK);
    joined.gets = 0;
    joined.serve(sent, &json!({"desired": {"on": false}, "reported": {"on": false}}), 1);
    joined.pass();
    assert_eq!(joined.gets, 1);
}

#[test]
fn a_thing_may_be_bound_to_a_client_that_is_ready_already() {
    let mut rig = Rig::online(config());
    rig.drain();
    let thing = Thing::builder().component("relay", Lines::one("on")).build(1).unwrap();
    let bound = Bound::new(thing, name());
    let mut joined = Joined { rig, bound, told: Vec::new(), notices: Vec::new(), others: Vec::new(), gets: 0 };
    joined.bound.handle(joined.rig.now, ThingEvent::Up(ComponentId(0)));
    let mut sent = joined.hear("on true");
    sent.extend(joined.pass());
    let mut updates = joined.serve(sent, &json!({"desired": {}, "reported": {}}), 1);
    let sent = joined.pass();
    updates.extend(joined.serve(sent, &json!({}), 1));
    assert_eq!(updates, [json!({"reported": {"on": true}})]);
}

#[test]
fn a_thing_that_is_unbound_watches_no_more() {
    let mut config = config();
    config.requests.keep_subscriptions = false;
    let Joined { mut rig, bound, .. } = Joined::in_step(config);
    let thing = bound.unbind(&mut rig.client, rig.now);
    assert!(thing.property("on").is_some());
    let sent = rig.drain();
    assert!(sent.iter().any(|packet| packet[0] >> 4 == 10), "UNSUBSCRIBE: {sent:?}");
}
