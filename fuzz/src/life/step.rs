//! What happens to a client, read from bytes.

use core::time::Duration;

use bytes::{Bytes, BytesMut};
use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v4::{self, ConnectReturnCode, Packet, SubscribeReasonCode};
use thingwire_core::{
    Config, Drain, Filter, Jitter, LinkError, Publish, Qos, ShadowName, ShadowRequest, ShadowUpdate, ShadowWatch,
    Topic, WhenFull, WhenOffline,
};

use crate::input::Input;

/// The most steps of a life.
const STEPS_MAX: usize = 120;

const TOPICS: [&str; 6] = ["a", "a/b", "b/c/d", "$aws/things/t/shadow/update/delta", "a/a/a/a/a/a/a/a/a/a", "é"];
const FILTERS: [&str; 6] = ["a", "a/+", "#", "b/#", "$aws/things/t/shadow/update/delta", "é"];
const TOKENS: [&str; 3] = ["t0", "t1", "t2"];

/// One thing that happens.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Start,
    Stop,
    Publish(Publish),
    Subscribe(Vec<(Filter, Qos)>),
    Unsubscribe(Vec<Filter>),
    Shadow(ShadowRequest),
    Watch(ShadowWatch),
    /// End the watch with this number, counted from the first, as far as there are so many.
    Unwatch(usize),
    Discard(usize),
    /// Acknowledge the message with this number.
    Ack(usize),
    Pause(bool),
    LinkUp,
    LinkDown(LinkError),
    /// An event of the link before this one.
    Late(LinkError),
    Received(Bytes),
    /// What leads to a connection: start, link and an accepting CONNACK.
    Connect,
    /// The server answers all that it was asked on this link and has not answered in this way.
    Serve,
    /// Time passes up to the deadline.
    Sleep,
    Pass(Duration),
}

/// Settings, mostly at their edges.
pub(super) fn config(input: &mut Input<'_>) -> Config {
    let mut config = Config::new("life");
    let edges = input.byte();
    let edge = |bit: u8| edges >> bit & 1 == 1;
    config.clean_session = !edge(0);
    config.manual_acks = edge(1);
    if edge(2) {
        config.keep_alive = Duration::from_secs(u64::from(input.byte()));
        config.resend_after = input.flag().then(|| Duration::from_millis(1 + input.number() % 20_000));
    }
    if edge(3) {
        config.in_flight_max = input.pick(&[1, 2, 3]);
        config.unacked_max = input.pick(&[1, 2, 3]);
        config.actions_max = input.pick(&[1, 2, 8, 64]);
    }
    if edge(4) {
        config.queue.count_max = input.pick(&[None, Some(0), Some(1), Some(3)]);
        config.queue.bytes_max = input.pick(&[4 << 20, 64, 512]);
        config.queue.when_full = input.pick(&[WhenFull::DropNewest, WhenFull::DropOldest]);
    }
    if edge(5) {
        config.drain = input.pick(&[Drain::Unlimited, Drain::Adaptive, Drain::Every(Duration::from_millis(10))]);
        config.closes_max = input.pick(&[1, 2, 5]);
        config.backoff.jitter = input.pick(&[Jitter::None, Jitter::Full, Jitter::Equal, Jitter::Decorrelated]);
    }
    if edge(6) {
        config.requests.count_max = input.pick(&[1, 3]);
        config.requests.in_flight_max = input.pick(&[1, 2]);
        config.requests.filters_max = input.pick(&[4, 6]);
        config.requests.watches_max = input.pick(&[1, 2]);
        config.requests.keep_subscriptions = input.flag();
    }
    if edge(7) {
        config.limits.packet_len_max = 128;
        config.limits.subscriptions_max = input.pick(&[4, 5, 8]);
        config.limits.publishes_per_second_max = input.pick(&[None, Some(1), Some(2)]);
    }
    config
}

pub(super) fn steps(input: &mut Input<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    while !input.is_empty() && steps.len() < STEPS_MAX {
        steps.push(step(input));
    }
    steps
}

fn step(input: &mut Input<'_>) -> Step {
    match input.below(22) {
        0 => Step::Start,
        1 => Step::Stop,
        2 | 3 => Step::Publish(publish(input)),
        4 => {
            let filters = filters(input);
            Step::Subscribe(filters.into_iter().map(|filter| (filter, qos(input))).collect())
        }
        5 => Step::Unsubscribe(filters(input)),
        6 => Step::Shadow(shadow(input)),
        7 => {
            let (documents, deletions, get) = (input.flag(), input.flag(), input.flag());
            Step::Watch(ShadowWatch::deltas(name(input)).documents(documents).deletions(deletions).get_first(get))
        }
        8 => Step::Unwatch(input.below(4)),
        9 => Step::Discard(input.below(32)),
        10 => Step::Ack(input.below(32)),
        11 => Step::Pause(input.flag()),
        12 => Step::LinkUp,
        13 => Step::LinkDown(why(input)),
        14 => Step::Late(why(input)),
        15 => Step::Sleep,
        16 => Step::Pass(Duration::from_micros(input.number() % (1 << input.below(40)))),
        17 => Step::Connect,
        18 | 19 => Step::Serve,
        _ => Step::Received(said(input)),
    }
}

fn publish(input: &mut Input<'_>) -> Publish {
    let topic = Topic::new(input.pick(&TOPICS)).expect("a topic");
    let publish = Publish::new(topic, input.bytes(40).to_vec()).qos(qos(input)).retain(input.flag());
    if input.flag() { publish.expires_in(Duration::from_millis(input.number() % 10_000)) } else { publish }
}

fn shadow(input: &mut Input<'_>) -> ShadowRequest {
    let name = name(input);
    let update = ShadowUpdate::from_json("{\"state\":{\"reported\":{\"a\":1}}}").expect("an update");
    let request = match input.below(3) {
        0 => ShadowRequest::get(name),
        1 => ShadowRequest::update(name, update),
        _ => ShadowRequest::delete(name),
    };
    let request = request.when_offline(input.pick(&[WhenOffline::Wait, WhenOffline::Refuse]));
    let request = if input.flag() { request.token(input.pick(&TOKENS)) } else { request };
    if input.flag() { request.timeout(Duration::from_millis(input.number() % 20_000)) } else { request }
}

fn name(input: &mut Input<'_>) -> ShadowName {
    let name = if input.flag() { ShadowName::named("t", "n") } else { ShadowName::classic("t") };
    name.expect("a valid name")
}

fn filters(input: &mut Input<'_>) -> Vec<Filter> {
    (0..input.below(4)).map(|_| Filter::new(input.pick(&FILTERS)).expect("a filter")).collect()
}

fn qos(input: &mut Input<'_>) -> Qos {
    input.pick(&[Qos::AtLeastOnce, Qos::AtMostOnce])
}

fn why(input: &mut Input<'_>) -> LinkError {
    match input.below(4) {
        0 => LinkError::Closed,
        1 => LinkError::KeepAlive,
        2 => LinkError::Resolve { host: "h".to_owned(), why: "w".to_owned() },
        _ => LinkError::Credentials { why: "w".to_owned() },
    }
}

/// What the server says: packets, most of them plausible, or bytes.
fn said(input: &mut Input<'_>) -> Bytes {
    let mut said = BytesMut::new();
    for _ in 0..=input.below(4) {
        let id = u16::try_from(input.below(12)).unwrap_or(0);
        let packet = match input.below(10) {
            0 | 1 => {
                let code = if input.byte() % 8 == 7 {
                    input.pick(&[ConnectReturnCode::NotAuthorized, ConnectReturnCode::ServiceUnavailable])
                } else {
                    ConnectReturnCode::Success
                };
                Packet::ConnAck(v4::ConnAck::new(code, input.flag()))
            }
            2 => Packet::PubAck(v4::PubAck::new(id)),
            3 | 4 => {
                let codes = (0..=input.below(4)).map(|_| {
                    let grant = input.pick(&[Some(QoS::AtLeastOnce), Some(QoS::AtMostOnce), None]);
                    grant.map_or(SubscribeReasonCode::Failure, SubscribeReasonCode::Success)
                });
                Packet::SubAck(v4::SubAck::new(id, codes.collect()))
            }
            5 => Packet::UnsubAck(v4::UnsubAck { pkid: id }),
            6 => {
                let topic = input.pick(&TOPICS);
                let mut publish = v4::Publish::new(topic, QoS::AtLeastOnce, input.bytes(40));
                publish.retain = input.flag();
                (publish.pkid, publish.dup) = (id, input.flag());
                if publish.pkid == 0 {
                    (publish.qos, publish.dup) = (QoS::AtMostOnce, false);
                }
                Packet::Publish(publish)
            }
            7 => Packet::Publish(of_shadow(input)),
            8 => Packet::PingResp,
            _ => {
                said.extend_from_slice(input.bytes(12));
                continue;
            }
        };
        packet.write(&mut said, usize::MAX).unwrap_or(0);
    }
    said.freeze()
}

/// What the shadow service says.
fn of_shadow(input: &mut Input<'_>) -> v4::Publish {
    let named = if input.flag() { "/name/n" } else { "" };
    let end = input.pick(&[
        "get/accepted",
        "get/rejected",
        "update/accepted",
        "update/rejected",
        "delete/accepted",
        "delete/rejected",
        "update/delta",
        "update/documents",
    ]);
    let (version, token) = (input.below(4), input.pick(&TOKENS));
    let payload = match input.below(6) {
        0 => format!("{{\"state\":{{\"a\":1}},\"version\":{version},\"clientToken\":\"{token}\"}}"),
        1 => format!("{{\"state\":{{\"delta\":{{\"a\":1}}}},\"version\":{version}}}"),
        2 => format!("{{\"code\":404,\"message\":\"m\",\"clientToken\":\"{token}\"}}"),
        3 => format!("{{\"current\":{{\"state\":{{}},\"version\":{version}}}}}"),
        4 => format!("{{\"version\":{version},\"clientToken\":\"{token}\"}}"),
        _ => input.text(20),
    };
    v4::Publish::new(format!("$aws/things/t/shadow{named}/{end}"), QoS::AtMostOnce, payload)
}
