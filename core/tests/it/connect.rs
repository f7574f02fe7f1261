use core::time::Duration;

use thingwire_core::{
    Client, Config, ConnectRefusal, ConnectStage, Event, Instant, LinkError, Notice, Phase, ProtocolError, Qos,
    TcpError, Topic, Will,
};

use crate::rig::{CONNACK, CONNACK_RESUMED, Rig, config, message, persistent};

fn connect_packet(config: Config) -> Vec<u8> {
    let mut rig = Rig::new(config);
    rig.client.start(rig.now);
    rig.drain();
    rig.client.handle(rig.now, Event::LinkUp(rig.link.unwrap()));
    rig.drain().remove(0)
}

#[test]
fn connect_says_who_we_are_and_nothing_more() {
    let expected = b"\x10\x0f\0\x04MQTT\x04\x02\0\x3c\0\x03rig";
    assert_eq!(connect_packet(config()), expected);
}

#[test]
fn device_advisor_is_served_by_shorter_waits_and_by_sending_again() {
    let (advisor, usual) = (Config::device_advisor("rig"), Config::new("rig"));
    assert_eq!((advisor.keep_alive, advisor.connect_timeout), (Duration::from_secs(30), Duration::from_secs(5)));
    assert_eq!(advisor.operation_timeout, Duration::from_secs(60));
    assert_eq!(advisor.resend_after, Some(Duration::from_secs(10)));
    assert!(advisor.keep_alive < usual.keep_alive && usual.resend_after.is_none());
}

#[test]
fn connect_carries_session_will_login_and_keep_alive() {
    let mut config = persistent();
    config.keep_alive = Duration::from_secs(600);
    config.user_name = Some("user".into());
    config.password = Some("pass".into());
    config.will = Some(Will::new(Topic::new("will").unwrap(), "gone").retain(true));
    // The flags are v1's own for this configuration.
    let expected = b"\x10\x27\0\x04MQTT\x04\xec\x02\x58\0\x03rig\0\x04will\0\x04gone\0\x04user\0\x04pass";
    assert_eq!(connect_packet(config), expected);
}

#[test]
fn the_metrics_suffix_joins_the_user_name() {
    let user_name = |name: Option<&str>| {
        let mut config = config();
        config.sdk_metrics = true;
        config.user_name = name.map(str::to_owned);
        let packet = connect_packet(config);
        String::from_utf8(packet[2 + 10 + 5 + 2..].to_vec()).unwrap()
    };
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(user_name(None), format!("?SDK=thingwire&Version={version}"));
    assert_eq!(user_name(Some("me")), format!("me?SDK=thingwire&Version={version}"));
    assert_eq!(user_name(Some("me?a=b")), format!("me?a=b&SDK=thingwire&Version={version}"));
}

#[test]
fn an_accepted_connection_is_online_and_ready_at_once_when_there_is_nothing_to_do() {
    let mut rig = Rig::new(config());
    rig.client.start(rig.now);
    rig.reach_online(&CONNACK);
    let expected = [Notice::Attempting { attempt: 1 }, Notice::Online { resumed: false }, Notice::Ready];
    assert_eq!(rig.take_notices(), expected);
    assert_eq!(rig.client.phase(), Phase::Ready);
}

#[test]
fn every_refusal_is_named_and_never_counts_as_online() {
    let refusals = [
        (1, ConnectRefusal::ProtocolVersion, 32),
        (2, ConnectRefusal::ClientId, 32),
        (3, ConnectRefusal::ServerUnavailable, 1),
        (4, ConnectRefusal::UserNameOrPassword, 32),
        (5, ConnectRefusal::NotAuthorized, 32),
    ];
    for (code, refusal, wait) in refusals {
        let mut rig = Rig::new(config());
        rig.client.start(rig.now);
        rig.reach_online(&[0x20, 2, 0, code]);
        let failed =
            Notice::Failed { why: Some(LinkError::Refused(refusal)), retry_in: Some(Duration::from_secs(wait)) };
        assert_eq!(rig.take_notices(), [Notice::Attempting { attempt: 1 }, failed]);
        assert_eq!(rig.closed, 1);
        assert_eq!(refusal.code(), code);
    }
}

#[test]
fn a_server_that_closes_instead_of_answering_is_told_apart() {
    // Whether the end comes in good order or as a reset is chance: it depends on what the server had read by then.
    for why in [LinkError::Closed, LinkError::Tcp { address: None, why: TcpError::Reset }] {
        let mut rig = Rig::new(config());
        rig.client.start(rig.now);
        rig.drain();
        rig.client.handle(rig.now, Event::LinkUp(rig.link.unwrap()));
        rig.drain();
        rig.lose_link(why);
        let failed =
            Notice::Failed { why: Some(LinkError::ClosedBeforeConnack), retry_in: Some(Duration::from_secs(1)) };
        assert_eq!(rig.take_notices().pop(), Some(failed));
    }
}

#[test]
fn the_connect_timeout_says_what_it_waited_for() {
    let mut rig = Rig::new(config());
    rig.client.start(rig.now);
    rig.drain();
    rig.wake_after(Duration::from_secs(10));
    let waited_for = |rig: &mut Rig| match rig.take_notices().pop() {
        Some(Notice::Failed { why: Some(LinkError::ConnectTimeout { waiting_for }), .. }) => waiting_for,
        other => panic!("{other:?}"),
    };
    assert_eq!(waited_for(&mut rig), ConnectStage::Transport);
    rig.wake_after(Duration::from_secs(1));
    rig.client.handle(rig.now, Event::LinkUp(rig.link.unwrap()));
    rig.drain();
    rig.wake_after(Duration::from_secs(10));
    assert_eq!(waited_for(&mut rig), ConnectStage::Connack);
    assert_eq!(rig.closed, 2);
}

#[test]
fn a_connack_after_the_timeout_does_not_make_the_client_online() {
    let mut rig = Rig::new(config());
    rig.client.start(rig.now);
    rig.drain();
    let late = rig.link.unwrap();
    rig.client.handle(rig.now, Event::LinkUp(late));
    rig.drain();
    rig.wake();
    rig.take_notices();
    assert!(rig.receive(&CONNACK).is_empty());
    rig.client.handle(rig.now, Event::LinkUp(late));
    assert!(rig.drain().is_empty());
    assert_eq!(rig.client.phase(), Phase::BackingOff);
    assert!(rig.take_notices().is_empty());
}

#[test]
fn a_server_that_breaks_the_handshake_is_left() {
    let cases: [(&[u8], ProtocolError); 3] = [
        (&message("t", "early", None), ProtocolError::NotConnack),
        (&CONNACK_RESUMED, ProtocolError::SessionOfCleanConnect),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", ProtocolError::Http),
    ];
    for (answer, expected) in cases {
        let mut rig = Rig::new(config());
        rig.client.start(rig.now);
        rig.reach_online(answer);
        match rig.take_notices().pop() {
            Some(Notice::Failed { why: Some(LinkError::Protocol(error)), .. }) => assert_eq!(error, expected),
            other => panic!("{other:?}"),
        }
        assert_eq!(rig.closed, 1);
    }
}

#[test]
fn a_second_connack_ends_the_link() {
    let mut rig = Rig::online(config());
    rig.receive(&CONNACK);
    let why = Some(LinkError::Protocol(ProtocolError::SecondConnack));
    assert_eq!(rig.take_notices(), [Notice::Offline { why, retry_in: Some(Duration::from_secs(1)) }]);
}

#[test]
fn nothing_after_the_packet_that_ends_a_link_is_applied() {
    let mut rig = Rig::online(config());
    let mut bytes = CONNACK.to_vec();
    bytes.extend(message("t", "too late", None));
    rig.receive(&bytes);
    assert!(!rig.notices.iter().any(|notice| matches!(notice, Notice::Message(_))));
}

/// With less than `HTTP` in the first piece, it was told as a bad first byte.
#[test]
fn a_web_server_is_told_however_its_answer_is_cut() {
    let answer = b"HTTP/1.1 400 Bad Request\r\n\r\n";
    for len in 1..=answer.len() {
        let mut rig = Rig::new(config());
        rig.client.start(rig.now);
        rig.reach_online(&answer[..len]);
        let told = rig.take_notices().pop();
        let web = LinkError::Protocol(ProtocolError::Http);
        assert!(matches!(&told, Some(Notice::Failed { why: Some(why), .. }) if *why == web), "{len}: {told:?}");
    }
}

#[test]
fn settings_that_cannot_be_are_refused_by_field_value_and_rule() {
    let broken: [(&str, fn(&mut Config)); 28] = [
        ("empty id, persistent", |c| (c.client_id, c.clean_session) = (String::new(), false)),
        ("reserved id", |c| c.client_id = "$x".into()),
        ("long id", |c| c.client_id = "x".repeat(129)),
        ("NUL in id", |c| c.client_id = "a\0b".into()),
        ("keep-alive too long", |c| c.keep_alive = Duration::from_secs(65_536)),
        ("keep-alive in parts of a second", |c| c.keep_alive = Duration::from_millis(1500)),
        ("no connect timeout", |c| c.connect_timeout = Duration::ZERO),
        ("connect timeout below the resolution of time", |c| c.connect_timeout = Duration::from_nanos(999)),
        ("no write timeout", |c| c.write_timeout = Duration::ZERO),
        ("no operation timeout", |c| c.operation_timeout = Duration::ZERO),
        ("no window", |c| c.in_flight_max = 0),
        ("no inbound window", |c| c.unacked_max = 0),
        ("no actions", |c| c.actions_max = 0),
        ("empty user name", |c| c.user_name = Some(String::new())),
        ("password alone", |c| c.password = Some("secret-word".into())),
        ("empty password", |c| (c.user_name, c.password) = (Some("u".into()), Some("".into()))),
        ("no base", |c| c.backoff.base = Duration::ZERO),
        ("base over max", |c| c.backoff.base = Duration::from_secs(33)),
        ("stable too short", |c| c.backoff.stable = Duration::from_secs(1)),
        ("payloads that no packet carries", |c| c.limits.payload_len_max = 1 << 40),
        ("ids that no packet carries", |c| c.limits.client_id_len_max = 65_536),
        ("requests without filters", |c| c.limits.filters_per_request_max = 0),
        ("no publish a second", |c| c.limits.publishes_per_second_max = Some(0)),
        ("no byte a second", |c| c.limits.bytes_per_second_max = Some(0)),
        ("no time for requests", |c| c.requests.timeout = Duration::ZERO),
        ("no request at a time", |c| c.requests.in_flight_max = 0),
        ("filters for less than a request", |c| c.requests.filters_max = 1),
        ("deep will", |c| {
            let topic = Topic::new("a/b/c/d/e/f/g/h/i").unwrap();
            c.will = Some(Will::new(topic, "").qos(Qos::AtMostOnce));
        }),
    ];
    let message = |(name, change): (&str, fn(&mut Config))| {
        let mut config = config();
        change(&mut config);
        format!("{name}: {}", Client::new(config, 1, Instant::EPOCH).unwrap_err())
    };
    let messages = broken.map(message).join("\n");
    assert!(!messages.contains("secret-word"));
    insta::assert_snapshot!(messages);
}

#[test]
fn an_empty_client_id_is_allowed_with_a_clean_session() {
    let mut config = config();
    config.client_id = String::new();
    assert_eq!(connect_packet(config)[12..], [0, 0]);
}

#[test]
fn an_answer_to_nothing_does_not_connect() {
    let mut rig = Rig::new(config());
    rig.client.start(rig.now);
    rig.drain();
    let link = rig.link.unwrap();
    rig.client.handle(rig.now, Event::LinkUp(link));
    rig.receive(&CONNACK);
    let why = Some(LinkError::Protocol(ProtocolError::BeforeConnect));
    assert!(matches!(rig.take_notices().pop(), Some(Notice::Failed { why: reason, .. }) if reason == why));
}
