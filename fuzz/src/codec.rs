//! Packets, as other codecs read and write them.

mod peers;

use bytes::{Bytes, BytesMut};
use rumqttc::mqttbytes::v4::{self, Packet};
use rumqttc::mqttbytes::{QoS, v4::SubscribeReasonCode};
use thingwire_core::{
    Action, Client, Config, Event, Filter, Instant, Limits, Link, Message, Notice, Outcome, Publish, Qos, Topic, Will,
};

use self::peers::{canonical, read_by_all, rewritten};
use crate::input::Input;

const NOW: Instant = Instant::EPOCH;

/// Laws of the wire: what the client sends, three others read as what was asked for, and two of them write as the same
/// bytes; what other codecs send, the client takes as what it is.
///
/// The simulator's tap and mqtt-protocol-core share no code with the codec of the core; rumqttc's codec grew from the same
/// one, and went its own way. None is a judge of what is forbidden: rumqttc's takes strings with a NUL, topics with
/// wildcards, and whatever stands behind the last field of an acknowledgement, mqtt-protocol-core any flags in a header.
/// That is the business of the target `frame`.
///
/// # Panics
///
/// When a law is broken.
pub fn codec(data: &[u8]) {
    let mut input = Input::new(data);
    match input.below(4) {
        0 => connect(&mut input),
        1 => outgoing(&mut input),
        2 => incoming(&mut input),
        _ => acknowledgements(&mut input),
    }
}

fn connect(input: &mut Input<'_>) {
    let mut config = Config::new(input.text(30));
    config.limits = Limits::none();
    config.clean_session = input.flag();
    config.keep_alive = core::time::Duration::from_secs(input.number() & 0xffff);
    if let (true, Ok(topic)) = (input.flag(), Topic::new(input.text(20))) {
        let (payload, qos, retain) = (Bytes::copy_from_slice(input.bytes(40)), qos(input), input.flag());
        config.will = Some(Will::new(topic, payload).qos(qos).retain(retain));
    }
    config.user_name = input.flag().then(|| input.text(20));
    let password = input.flag().then(|| input.text(20));
    config.password = password.as_deref().map(Into::into);
    let Ok(mut client) = Client::new(config.clone(), 1, NOW) else { return };
    let (_, out) = opened(&mut client);
    let Packet::Connect(connect) = only(&out) else { panic!("{out:?} is no CONNECT") };
    assert_eq!(connect.client_id, config.client_id);
    assert_eq!(connect.clean_session, config.clean_session);
    assert_eq!(u64::from(connect.keep_alive), config.keep_alive.as_secs());
    let will = connect.last_will.map(|will| (will.topic, will.message, will.qos, will.retain));
    let wanted = config.will.map(|will| (will.topic.to_string(), will.payload, peer_qos(will.qos), will.retain));
    assert_eq!(will, wanted);
    let login = connect.login.unwrap_or(v4::Login { username: String::new(), password: String::new() });
    assert_eq!(login.username, config.user_name.unwrap_or_default());
    assert_eq!(login.password, password.unwrap_or_default());
}

fn outgoing(input: &mut Input<'_>) {
    let (mut client, _) = online();
    for _ in 0..8 {
        if input.is_empty() {
            break;
        }
        let mut out = BytesMut::new();
        let kind = input.below(4);
        match kind {
            0 | 1 => {
                let Ok(topic) = Topic::new(input.text(40)) else { continue };
                let publish = Publish::new(topic, input.bytes(300).to_vec()).qos(qos(input)).retain(input.flag());
                client.publish(NOW, publish.clone()).expect("no limits");
                drain(&mut client, &mut out);
                let Packet::Publish(sent) = only(&out) else { panic!("{out:?} is no PUBLISH") };
                assert_eq!(sent.topic, publish.topic.as_str());
                assert_eq!(sent.payload, publish.payload);
                assert_eq!(sent.qos, peer_qos(publish.qos));
                assert_eq!((sent.dup, sent.retain), (false, publish.retain));
                assert_eq!(sent.pkid == 0, publish.qos == Qos::AtMostOnce);
            }
            2 => {
                let filters: Vec<_> = filters(input).into_iter().map(|filter| (filter, qos(input))).collect();
                if filters.is_empty() || client.subscribe(NOW, filters.clone()).is_err() {
                    continue;
                }
                drain(&mut client, &mut out);
                let Packet::Subscribe(sent) = only(&out) else { panic!("{out:?} is no SUBSCRIBE") };
                let sent: Vec<_> = sent.filters.into_iter().map(|filter| (filter.path, filter.qos)).collect();
                let wanted = filters.iter().map(|(filter, qos)| (filter.to_string(), peer_qos(*qos)));
                assert_eq!(sent, wanted.collect::<Vec<_>>());
            }
            _ => {
                let filters = filters(input);
                if filters.is_empty() || client.unsubscribe(NOW, filters.clone()).is_err() {
                    continue;
                }
                drain(&mut client, &mut out);
                let Packet::Unsubscribe(sent) = only(&out) else { panic!("{out:?} is no UNSUBSCRIBE") };
                assert_eq!(sent.topics, filters.iter().map(Filter::to_string).collect::<Vec<_>>());
            }
        }
    }
}

fn incoming(input: &mut Input<'_>) {
    let (mut client, link) = online();
    for number in 1..=8_u16 {
        if input.is_empty() {
            break;
        }
        let mut publish = v4::Publish::new(input.text(40), peer_qos(qos(input)), input.bytes(300));
        publish.retain = input.flag();
        let at_least_once = publish.qos == QoS::AtLeastOnce;
        (publish.pkid, publish.dup) = if at_least_once { (number, input.flag()) } else { (0, false) };
        let valid = Topic::new(publish.topic.as_str()).is_ok();
        let packet = Packet::Publish(publish.clone());
        let mut bytes = if valid { right(&packet) } else { canonical(&packet) };
        let (mut out, notices) = received(&mut client, link, &mut bytes);
        let messages: Vec<&Message> = messages(&notices);
        if !valid {
            assert!(messages.is_empty() && !client.phase().is_online(), "{:?} was taken", publish.topic);
            return;
        }
        let [message] = messages[..] else { panic!("{notices:?}") };
        assert_eq!(message.topic.as_str(), publish.topic);
        assert_eq!(message.payload, publish.payload);
        assert_eq!((message.retain, message.duplicate), (publish.retain, publish.dup));
        assert_eq!(peer_qos(message.qos), publish.qos);
        if at_least_once {
            assert_eq!(only(&out.split()), Packet::PubAck(v4::PubAck::new(number)));
        }
        assert!(out.is_empty(), "{out:?}");
    }
}

fn acknowledgements(input: &mut Input<'_>) {
    let (mut client, link) = online();
    let filters = filters(input);
    if filters.is_empty() {
        return;
    }
    let asked: Vec<_> = filters.iter().map(|filter| (filter.clone(), qos(input))).collect();
    let codes: Vec<_> = asked.iter().map(|_| answer(input)).collect();
    client.subscribe(NOW, asked).expect("no limits");
    let mut out = BytesMut::new();
    drain(&mut client, &mut out);
    let Packet::Subscribe(subscribe) = only(&out) else { panic!("{out:?} is no SUBSCRIBE") };
    let mut bytes = right(&Packet::SubAck(v4::SubAck::new(subscribe.pkid, codes.clone())));
    let grants = codes.iter().map(|code| match code {
        SubscribeReasonCode::Success(QoS::AtMostOnce) => Some(Qos::AtMostOnce),
        SubscribeReasonCode::Success(_) => Some(Qos::AtLeastOnce),
        SubscribeReasonCode::Failure => None,
    });
    let (_, notices) = received(&mut client, link, &mut bytes);
    assert_eq!(outcomes(&notices), [Outcome::Subscribed(grants.collect())]);

    client.publish(NOW, Publish::new(Topic::new("t").expect("a topic"), "")).expect("no limits");
    drain(&mut client, &mut out);
    let Packet::Publish(publish) = only(&out) else { panic!("{out:?} is no PUBLISH") };
    let (_, notices) = received(&mut client, link, &mut right(&Packet::PubAck(v4::PubAck::new(publish.pkid))));
    assert_eq!(outcomes(&notices), [Outcome::Acked]);

    client.unsubscribe(NOW, filters).expect("no limits");
    drain(&mut client, &mut out);
    let Packet::Unsubscribe(unsubscribe) = only(&out) else { panic!("{out:?} is no UNSUBSCRIBE") };
    let ack = Packet::UnsubAck(v4::UnsubAck { pkid: unsubscribe.pkid });
    let (_, notices) = received(&mut client, link, &mut right(&ack));
    assert_eq!(outcomes(&notices), [Outcome::Unsubscribed]);
}

/// A client that the server has accepted.
fn online() -> (Client, Link) {
    let mut config = Config::new("fuzz");
    config.limits = Limits::none();
    let mut client = Client::new(config, 1, NOW).expect("a valid configuration");
    let (link, _) = opened(&mut client);
    let connack = v4::ConnAck::new(v4::ConnectReturnCode::Success, false);
    received(&mut client, link, &mut right(&Packet::ConnAck(connack)));
    assert!(client.phase().is_online());
    (client, link)
}

/// A client that has sent CONNECT, and what it sent.
fn opened(client: &mut Client) -> (Link, BytesMut) {
    let mut out = BytesMut::new();
    client.start(NOW);
    let actions = drain(client, &mut out);
    let link = actions.iter().find_map(|action| if let Action::Open(link) = action { Some(*link) } else { None });
    let link = link.expect("a client that is started wants a link");
    client.handle(NOW, Event::LinkUp(link));
    drain(client, &mut out);
    (link, out)
}

/// What the client sends and tells when it gets these bytes.
fn received(client: &mut Client, link: Link, bytes: &mut BytesMut) -> (BytesMut, Vec<Notice>) {
    let mut out = BytesMut::new();
    client.handle(NOW, Event::Received(link, bytes));
    let notices = drain(client, &mut out).into_iter().filter_map(|action| match action {
        Action::Notify(notice) => Some(notice),
        Action::Open(_) | Action::Close(_) => None,
    });
    (out, notices.collect())
}

/// Empties the client; what was in `out` is replaced.
fn drain(client: &mut Client, out: &mut BytesMut) -> Vec<Action> {
    out.clear();
    let mut actions = Vec::new();
    loop {
        let written = client.poll_transmit(NOW, out, usize::MAX);
        let action = client.poll_action();
        if written == 0 && action.is_none() {
            return actions;
        }
        actions.extend(action);
    }
}

fn messages(notices: &[Notice]) -> Vec<&Message> {
    notices
        .iter()
        .filter_map(|notice| if let Notice::Message(message) = notice { Some(message) } else { None })
        .collect()
}

fn outcomes(notices: &[Notice]) -> Vec<Outcome> {
    let outcome =
        |notice: &Notice| if let Notice::Done { outcome, .. } = notice { Some(outcome.clone()) } else { None };
    notices.iter().filter_map(outcome).collect()
}

/// The bytes of a packet that is right, on which two codecs agree.
fn right(packet: &Packet) -> BytesMut {
    let bytes = canonical(packet);
    assert_eq!(rewritten(&bytes), bytes, "{packet:?}");
    bytes
}

/// The one packet that was sent.
fn only(out: &BytesMut) -> Packet {
    let packet = read_by_all(out);
    assert_eq!(canonical(&packet), out, "the same bytes");
    packet
}

fn qos(input: &mut Input<'_>) -> Qos {
    input.pick(&[Qos::AtLeastOnce, Qos::AtMostOnce])
}

fn peer_qos(qos: Qos) -> QoS {
    match qos {
        Qos::AtMostOnce => QoS::AtMostOnce,
        Qos::AtLeastOnce => QoS::AtLeastOnce,
    }
}

fn answer(input: &mut Input<'_>) -> SubscribeReasonCode {
    match input.below(3) {
        0 => SubscribeReasonCode::Success(QoS::AtLeastOnce),
        1 => SubscribeReasonCode::Success(QoS::AtMostOnce),
        _ => SubscribeReasonCode::Failure,
    }
}

/// Up to four different filters.
fn filters(input: &mut Input<'_>) -> Vec<Filter> {
    let mut filters: Vec<_> = (0..=input.below(4)).filter_map(|_| Filter::new(input.text(20)).ok()).collect();
    filters.sort();
    filters.dedup();
    filters
}
