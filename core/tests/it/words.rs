//! What people read: every error, outcome and event in one line.

use std::fmt::Display;

use bytes::Bytes;
use thingwire_core::thing::{
    Cause, ComponentId, Failure, MemoryError, Note, Port, RuleError, ThingNotice, Unfit, WishError,
};
use thingwire_core::{
    CertificateInfo, ConnectRefusal, ConnectStage, Delta, Document, Filter, FrameError, LinkError, Outcome, PacketKind,
    ProtocolError, ProxyError, Publish, Qos, Refusal, Rejection, Reply, ShadowError, ShadowEvent, ShadowName, TcpError,
    TlsError, Topic, TopicError, Unsent, UpgradeHeader, WebSocketError, WebSocketFault,
};

use crate::rig::{Rig, config};

/// A line for each; a text that would break a line is a mistake.
fn lines(words: &[&dyn Display]) -> String {
    let lines: Vec<_> = words.iter().map(ToString::to_string).collect();
    for line in &lines {
        assert!(!line.is_empty() && !line.contains(char::is_control), "{line:?}");
    }
    lines.join("\n")
}

#[test]
fn outcomes() {
    let words = lines(&[
        &Outcome::Sent,
        &Outcome::Acked,
        &Outcome::Subscribed(vec![Some(Qos::AtLeastOnce), Some(Qos::AtMostOnce)]),
        &Outcome::Subscribed(vec![Some(Qos::AtLeastOnce), None]),
        &Outcome::Unsubscribed,
        &Outcome::Accepted(Box::new(Reply::new("{}"))),
        &Outcome::Rejected(Box::new(Rejection::read(br#"{"code":404,"message":"No shadow\n\u001b[2J"}"#[..].into()))),
        &Outcome::Rejected(Box::new(Rejection::read(Bytes::new()))),
        &Outcome::Unsent(Unsent::Offline),
        &Outcome::Unsent(Unsent::NotSubscribed),
        &Outcome::Unsent(Unsent::SubscriptionRefused),
        &Outcome::Unsent(Unsent::Crowded),
        &Outcome::Expired,
        &Outcome::TimedOut,
        &Outcome::ConnectionClosed { times: 3 },
        &Outcome::Evicted,
        &Outcome::Discarded,
    ]);
    insta::assert_snapshot!(words);
}

#[test]
fn refusals() {
    let words = lines(&[
        &Refusal::QueueFull { count_max: 9 },
        &Refusal::QueueFullOfBytes { bytes_max: 9 },
        &Refusal::Offline,
        &Refusal::PayloadTooLong { len: 9, max: 8 },
        &Refusal::TopicTooLong { len: 9, max: 8 },
        &Refusal::TopicTooDeep { slashes: 9, max: 8 },
        &Refusal::RetainOnReservedTopic,
        &Refusal::NoFilter,
        &Refusal::TooManyFilters { count: 9, max: 8 },
        &Refusal::TooManySubscriptions { max: 8 },
        &Refusal::FilterInUse { filter: Filter::new("a/+").unwrap() },
        &Refusal::TooManyRequests { count_max: 8 },
        &Refusal::TokenInUse,
        &Refusal::TokenLen { len: 65, max: 64 },
        &Refusal::TooManyWatches { max: 8 },
        &Refusal::ShadowTooLong { len: 9, max: 8 },
        &Refusal::ShadowTooDeep { levels: 9, max: 8 },
    ]);
    insta::assert_snapshot!(words);
}

#[test]
fn what_is_refused_says_why_and_its_ticket_has_a_number() {
    let mut rig = Rig::new(config());
    let ticket = rig.client.publish(rig.now, Publish::new(Topic::new("a").unwrap(), "")).unwrap();
    assert_eq!((ticket.number(), ticket.to_string().as_str()), (1, "#1"));
    let refused = rig.client.subscribe(rig.now, vec![]).unwrap_err();
    assert_eq!(refused.to_string(), "no filter given");
    rig.client.start(rig.now);
    rig.reach_connect();
    let link = rig.link.unwrap();
    assert_eq!((link.number(), link.to_string().as_str()), (1, "link 1"));
}

#[test]
fn ends_of_links() {
    let timeout = |waiting_for| LinkError::ConnectTimeout { waiting_for };
    let frame = |error| LinkError::Protocol(ProtocolError::Frame(error));
    let words = lines(&[
        &LinkError::Resolve { host: "exmaple".to_owned(), why: "no such host".to_owned() },
        &TcpError::Refused,
        &TcpError::Reset,
        &TcpError::Unreachable,
        &TcpError::TimedOut,
        &TcpError::WriteStalled,
        &TcpError::Os { code: Some(99) },
        &TcpError::Os { code: None },
        &LinkError::Tcp { address: Some(([127, 0, 0, 1], 8883).into()), why: TcpError::Refused },
        &LinkError::Tcp { address: None, why: TcpError::Reset },
        &LinkError::Credentials { why: "none found".to_owned() },
        &LinkError::CredentialsService { why: "status 500".to_owned() },
        &LinkError::Protocol(ProtocolError::Http),
        &LinkError::Protocol(ProtocolError::BeforeConnect),
        &LinkError::Protocol(ProtocolError::NotConnack),
        &LinkError::Protocol(ProtocolError::SecondConnack),
        &LinkError::Protocol(ProtocolError::SessionOfCleanConnect),
        &LinkError::Protocol(ProtocolError::SubackCount { expected: 2, got: 1 }),
        &frame(FrameError::FixedHeader { first: 0x10 }),
        &frame(FrameError::Qos2 { first: 0x34 }),
        &frame(FrameError::RemainingLength),
        &frame(FrameError::PacketTooLong { len: 9, max: 8 }),
        &frame(FrameError::BodyLength { kind: PacketKind::Puback, len: 3 }),
        &frame(FrameError::Connack { flags: 2, code: 7 }),
        &frame(FrameError::SubackCode { code: 2 }),
        &frame(FrameError::PacketIdZero { kind: PacketKind::Publish }),
        &frame(FrameError::Topic),
        &frame(FrameError::Codec),
        &LinkError::Refused(ConnectRefusal::ProtocolVersion),
        &LinkError::Refused(ConnectRefusal::ClientId),
        &LinkError::Refused(ConnectRefusal::ServerUnavailable),
        &LinkError::Refused(ConnectRefusal::UserNameOrPassword),
        &LinkError::Refused(ConnectRefusal::NotAuthorized),
        &LinkError::ClosedBeforeConnack,
        &LinkError::Closed,
        &LinkError::KeepAlive,
        &timeout(ConnectStage::Transport),
        &timeout(ConnectStage::Proxy),
        &timeout(ConnectStage::Tls),
        &timeout(ConnectStage::WebSocket),
        &timeout(ConnectStage::Connack),
        &LinkError::RestoreTimeout,
    ]);
    insta::assert_snapshot!(words);
}

#[test]
fn ends_of_tls() {
    let certificate = || {
        let mut certificate = CertificateInfo::new("CN=broker");
        certificate.names = ["a.test", "b.test"].map(str::to_owned).into();
        (certificate.not_before_secs, certificate.not_after_secs) = (1_600_000_000, 1_700_000_000);
        Box::new(certificate)
    };
    let nameless = || Box::new(CertificateInfo::new("CN=broker"));
    let mut subjectless = CertificateInfo::new("");
    subjectless.names = vec!["a.test".to_owned()];
    let unknown = |issuer: &str, root: &str| {
        let (issuer, roots) = (issuer.to_owned(), vec![root.to_owned()]);
        LinkError::Tls(TlsError::UnknownIssuer { certificate: certificate(), issuer, roots })
    };
    let wanted = || "c.test".to_owned();
    let refused = |alert: &str| {
        LinkError::Tls(TlsError::DeviceRefused { certificate: Some(certificate()), alert: alert.to_owned() })
    };
    let alert = |name: &str| LinkError::Tls(TlsError::Alert { name: name.to_owned() });
    let words = lines(&[
        &unknown("CN=Root", "CN=Root"),
        &unknown("CN=VeriSign", "CN=Root"),
        &unknown("CN=Symantec", "CN=Root"),
        &unknown("CN=Amazon Root CA 1", "CN=Root"),
        &unknown("CN=Starfield", "CN=Root"),
        &unknown("CN=Else", "CN=Root"),
        &TlsError::WrongName { certificate: certificate(), wanted: wanted() },
        &TlsError::WrongName { certificate: nameless(), wanted: wanted() },
        &TlsError::Expired { certificate: certificate(), now: 1_800_000_000 },
        &TlsError::NotYetValid { certificate: certificate(), now: 1_500_000_000 },
        &TlsError::OtherPin { certificate: certificate(), pin: "00ff".to_owned() },
        &TlsError::BadCertificate { certificate: Some(Box::new(subjectless)), why: "odd".to_owned() },
        &TlsError::BadCertificate { certificate: None, why: "odd".to_owned() },
        &refused("CertificateExpired"),
        &refused("CertificateRevoked"),
        &refused("UnknownCA"),
        &refused("CertificateRequired"),
        &refused("NoCertificate"),
        &refused("AccessDenied"),
        &TlsError::DeviceRefused { certificate: None, alert: "CertificateRequired".to_owned() },
        &alert("UnrecognisedName"),
        &alert("NoApplicationProtocol"),
        &alert("ProtocolVersion"),
        &alert("InsufficientSecurity"),
        &alert("HandshakeFailure"),
        &alert("BadCertificate"),
        &alert("UnsupportedCertificate"),
        &alert("CertificateUnknown"),
        &alert("AccessDenied"),
        &alert("DecryptError"),
        &alert("InternalError"),
        &TlsError::Closed,
        &TlsError::NotTls,
        &TlsError::Other { why: "odd".to_owned() },
    ]);
    insta::assert_snapshot!(words);
    let certificate = certificate();
    let (from, until) = (certificate.not_before_secs, certificate.not_after_secs);
    assert!(certificate.is_too_early_at(from - 1) && !certificate.is_too_early_at(from), "its first second counts");
    assert!(!certificate.is_expired_at(until) && certificate.is_expired_at(until + 1), "and its last");
}

#[test]
fn ends_of_websockets_and_proxies() {
    let refused = |status| WebSocketError::Refused { status, kind: None };
    let closed = |code| WebSocketError::Closed { code: Some(code), reason: String::new() };
    let mut words = vec![
        LinkError::WebSocket(WebSocketError::Refused { status: 403, kind: Some("ForbiddenException".to_owned()) }),
        LinkError::WebSocket(WebSocketError::ClockSkew { ahead_seconds: -400 }),
        LinkError::WebSocket(WebSocketError::ClockSkew { ahead_seconds: 400 }),
        LinkError::WebSocket(WebSocketError::Redirect { status: 302, location: Some("http://login".to_owned()) }),
        LinkError::WebSocket(WebSocketError::Redirect { status: 302, location: None }),
        LinkError::WebSocket(WebSocketError::NotHttp),
        LinkError::WebSocket(WebSocketError::HeadTooLong { max: 8 }),
        LinkError::WebSocket(WebSocketError::ClosedBeforeUpgrade),
        LinkError::WebSocket(WebSocketError::Closed { code: None, reason: "b\u{7}ye".to_owned() }),
        LinkError::Proxy(ProxyError::LoginWanted),
        LinkError::Proxy(ProxyError::LoginRefused),
        LinkError::Proxy(ProxyError::AuthenticationKind),
        LinkError::Proxy(ProxyError::NotHttp),
        LinkError::Proxy(ProxyError::NotSocks),
        LinkError::Proxy(ProxyError::HeadTooLong { max: 8 }),
        LinkError::Proxy(ProxyError::Closed),
    ];
    words.extend([101, 200, 400, 401, 404, 426, 429, 500, 600].map(|status| LinkError::WebSocket(refused(status))));
    let codes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1012, 1013, 4000];
    words.extend(codes.map(|code| LinkError::WebSocket(closed(code))));
    let faults = [
        WebSocketFault::ReservedBits,
        WebSocketFault::Opcode { opcode: 3 },
        WebSocketFault::Masked,
        WebSocketFault::Length,
        WebSocketFault::ControlTooLong,
        WebSocketFault::ControlFragment,
        WebSocketFault::Text,
        WebSocketFault::Continuation,
        WebSocketFault::Interleaved,
        WebSocketFault::CloseBody,
    ];
    words.extend(faults.map(|fault| LinkError::WebSocket(fault.into())));
    let headers = [
        UpgradeHeader::Upgrade,
        UpgradeHeader::Connection,
        UpgradeHeader::Accept,
        UpgradeHeader::Protocol,
        UpgradeHeader::Extensions,
    ];
    words.extend(headers.map(|header| LinkError::WebSocket(WebSocketError::Header { header })));
    words.extend([400, 403, 407, 502, 504].map(|status| LinkError::Proxy(ProxyError::Status { status })));
    words.extend((1..=9).map(|code| LinkError::Proxy(ProxyError::Socks { code })));
    let words: Vec<_> = words.iter().map(|word| -> &dyn Display { word }).collect();
    let words = lines(&words);
    insta::assert_snapshot!(words);
}

#[test]
fn topics_names_and_shadows() {
    let delta = br#"{"state":{"on":true},"version":7}"#;
    let document = br#"{"state":{"desired":{"on":true}},"version":7}"#;
    let refused = Rejection::read(br#"{"code":403,"message":"Forbidden"}"#[..].into());
    let words = lines(&[
        &TopicError::Empty,
        &TopicError::Nul,
        &TopicError::TooLong { len: 65_536 },
        &Topic::new("a/+\n").unwrap_err(),
        &Filter::new("a#\n").unwrap_err(),
        &Filter::new("a+").unwrap_err(),
        &ShadowName::classic("lamp").unwrap(),
        &ShadowName::named("lamp", "night").unwrap(),
        &ShadowName::classic("la\nmp").unwrap_err(),
        &ShadowName::named("lamp", "").unwrap_err(),
        &ShadowEvent::Delta(Delta::parse(delta[..].into()).unwrap()),
        &ShadowEvent::Current(Document::parse(document[..].into()).unwrap()),
        &ShadowEvent::Current(Document::parse(br#"{"state":{}}"#[..].into()).unwrap()),
        &ShadowEvent::Absent,
        &ShadowEvent::Deleted { version: Some(7) },
        &ShadowEvent::Deleted { version: None },
        &ShadowEvent::Unreadable(refused),
        &ShadowEvent::NotSubscribed,
        &ShadowEvent::GivenUp { times: 3 },
    ]);
    insta::assert_snapshot!(words);
    assert_eq!(format!("{:?}", ShadowName::named("lamp", "night").unwrap()), "\"lamp/night\"");
}

#[test]
fn things() {
    let text = |text: &str| text.to_owned();
    let cause = Cause::Local;
    let failed = |why| ThingNotice::Failed { property: "on".into(), value: true.into(), cause, why };
    let device = |note| ThingNotice::Device(ComponentId(3), note);
    let max = 80;
    let words = lines(&[
        &ThingNotice::Changed { property: text("on"), old: None, new: true.into(), cause: Cause::Hardware },
        &ThingNotice::Fulfilled { property: text("on"), cause: Cause::Cloud { version: 7 } },
        &failed(WishError::Unknown),
        &failed(WishError::ReadOnly),
        &failed(WishError::Unfit(Unfit(text("0 to 9")))),
        &failed(WishError::Device(Failure::Down)),
        &failed(WishError::Device(Failure::NoAnswer { attempts: 3 })),
        &failed(WishError::Device(Failure::Refused { line: text("ERR\n") })),
        &failed(WishError::Device(Failure::Replaced)),
        &failed(WishError::Device(Failure::Unfit(Unfit(text("0 to 9"))))),
        &failed(WishError::TooLate),
        &ThingNotice::UnknownKey { key: text("no\n"), value: text("7") },
        &ThingNotice::Unreportable { property: text("on"), why: text("too long") },
        &ThingNotice::Accepted { version: 7 },
        &ThingNotice::NotAccepted(ShadowError::TimedOut),
        &ThingNotice::RuleFailed { rule: text("film"), why: text("odd") },
        &ThingNotice::RulesRunInCircles { rule: text("film") },
        &device(Note::NotUnderstood { line: text("?\n") }),
        &device(Note::TooLong { max }),
        &device(Note::Silent { question: text("ON?") }),
        &device(Note::Refused { question: Some(text("ON?")), line: text("ERR") }),
        &device(Note::Refused { question: None, line: text("ERR") }),
        &device(Note::Broken { line: text("O") }),
        &ThingNotice::Confused(ComponentId(3)),
        &ThingNotice::Memory(MemoryError::Unknown),
        &ThingNotice::Memory(MemoryError::Damaged),
        &ThingNotice::Memory(MemoryError::TooLong { len: 81, max }),
        &ThingNotice::NoShadow,
        &ThingNotice::Unreadable(Rejection::read(br#"{"code":403,"message":"Forbidden"}"#[..].into())),
        &ThingNotice::NotSubscribed,
        &ThingNotice::Malformed,
        &ThingNotice::Lost { count: 9 },
        &Cause::Rule,
        &Cause::Boot,
        &RuleError::from("odd"),
        &"lamp\n".parse::<Port>().unwrap_err(),
    ]);
    insta::assert_snapshot!(words);
}
