//! The whole table.

use core::net::SocketAddr;
use std::fmt::Write as _;

use thingwire_std::{CertificateInfo, FrameError, TlsError, UpgradeHeader, WebSocketError, WebSocketFault};

use super::*;

fn device() -> Situation {
    Situation {
        endpoint: "a1b2c3-ats.iot.eu-west-1.amazonaws.com:8883".to_owned(),
        host: "a1b2c3-ats.iot.eu-west-1.amazonaws.com".to_owned(),
        port: 8883,
        kind: Kind::Data,
        region: Some("eu-west-1".to_owned()),
        way: Way::Certificate,
        is_tls: true,
        has_proxy: false,
        client_id: "thingwire-1234".to_owned(),
        own_id: false,
        topic: Some("thingwire/doctor/me".to_owned()),
        certificate_id: Some("0a1b".to_owned()),
    }
}

fn signed() -> Situation {
    Situation {
        way: Way::Signature,
        port: 443,
        certificate_id: None,
        own_id: true,
        client_id: "pump-7".to_owned(),
        ..device()
    }
}

fn elsewhere() -> Situation {
    Situation {
        kind: Kind::Other,
        host: "broker.example".to_owned(),
        region: None,
        way: Way::Password,
        certificate_id: None,
        ..device()
    }
}

fn certificate() -> CertificateInfo {
    CertificateInfo::new("server")
}

fn tcp(why: TcpError) -> LinkError {
    LinkError::Tcp { address: Some(SocketAddr::from(([192, 0, 2, 1], 8883))), why }
}

fn issuer(issuer: &str) -> LinkError {
    let (certificate, issuer, roots) = (Box::new(certificate()), issuer.to_owned(), vec!["root".to_owned()]);
    LinkError::Tls(TlsError::UnknownIssuer { certificate, issuer, roots })
}

fn refused_device(alert: &str) -> LinkError {
    LinkError::Tls(TlsError::DeviceRefused { certificate: Some(Box::new(certificate())), alert: alert.to_owned() })
}

fn alert(name: &str) -> LinkError {
    LinkError::Tls(TlsError::Alert { name: name.to_owned() })
}

fn upgrade(status: u16) -> LinkError {
    LinkError::WebSocket(WebSocketError::Refused { status, kind: None })
}

/// Every failure, with who meets it and where.
fn failures() -> Vec<(Step, LinkError, Situation)> {
    let vpc = Situation { kind: Kind::Vpc, ..device() };
    let behind_proxy = Situation { has_proxy: true, ..device() };
    let own_id = Situation { own_id: true, client_id: "pump-7".to_owned(), ..device() };
    let authorizer = Situation { way: Way::Authorizer, ..signed() };
    let resolve = LinkError::Resolve { host: "host".to_owned(), why: "no".to_owned() };
    let closed = |code| LinkError::WebSocket(WebSocketError::Closed { code, reason: String::new() });
    let silent = |waiting_for| LinkError::ConnectTimeout { waiting_for };
    vec![
        (Step::Dns, resolve.clone(), device()),
        (Step::Dns, resolve.clone(), vpc),
        (Step::Dns, resolve, behind_proxy.clone()),
        (Step::Tcp, tcp(TcpError::Refused), device()),
        (Step::Tcp, tcp(TcpError::TimedOut), behind_proxy),
        (Step::Tcp, tcp(TcpError::Unreachable), device()),
        (Step::Tcp, tcp(TcpError::Reset), device()),
        (Step::Proxy, LinkError::Proxy(ProxyError::LoginWanted), device()),
        (Step::Proxy, LinkError::Proxy(ProxyError::AuthenticationKind), device()),
        (Step::Proxy, LinkError::Proxy(ProxyError::Status { status: 403 }), device()),
        (Step::Proxy, LinkError::Proxy(ProxyError::Socks { code: 5 }), device()),
        (Step::Proxy, LinkError::Proxy(ProxyError::NotHttp), device()),
        (Step::Proxy, silent(ConnectStage::Proxy), device()),
        (Step::Chain, issuer("VeriSign Class 3"), Situation { kind: Kind::Legacy, ..device() }),
        (Step::Chain, issuer("Amazon Root CA 1"), device()),
        (Step::Chain, issuer("Example Corp proxy"), device()),
        (Step::Chain, issuer("Example Corp"), elsewhere()),
        (
            Step::Chain,
            LinkError::Tls(TlsError::WrongName { certificate: Box::new(certificate()), wanted: "host".to_owned() }),
            device(),
        ),
        (Step::Chain, LinkError::Tls(TlsError::Expired { certificate: Box::new(certificate()), now: 0 }), device()),
        (Step::Chain, LinkError::Tls(TlsError::NotYetValid { certificate: Box::new(certificate()), now: 0 }), device()),
        (
            Step::Chain,
            LinkError::Tls(TlsError::OtherPin { certificate: Box::new(certificate()), pin: String::new() }),
            device(),
        ),
        (Step::Chain, LinkError::Tls(TlsError::BadCertificate { certificate: None, why: String::new() }), elsewhere()),
        (Step::Device, refused_device("CertificateUnknown"), device()),
        (Step::Device, refused_device("CertificateExpired"), device()),
        (Step::Device, refused_device("CertificateRevoked"), device()),
        (Step::Device, LinkError::Tls(TlsError::DeviceRefused { certificate: None, alert: String::new() }), signed()),
        (Step::Alpn, alert("NoApplicationProtocol"), device()),
        (Step::Tls, alert("UnrecognisedName"), device()),
        (Step::Tls, alert("ProtocolVersion"), device()),
        (Step::Tls, alert("InternalError"), device()),
        (Step::Tls, LinkError::Tls(TlsError::Closed), device()),
        (Step::Tls, LinkError::Tls(TlsError::NotTls), device()),
        (Step::Tls, LinkError::Tls(TlsError::Other { why: String::new() }), device()),
        (Step::Tls, silent(ConnectStage::Tls), device()),
        (Step::Credentials, LinkError::Credentials { why: String::new() }, signed()),
        (Step::Credentials, LinkError::CredentialsService { why: String::new() }, signed()),
        (Step::Clock, LinkError::WebSocket(WebSocketError::ClockSkew { ahead_seconds: 900 }), signed()),
        (Step::WebSocket, upgrade(403), signed()),
        (
            Step::WebSocket,
            upgrade(403),
            Situation { own_id: false, client_id: "thingwire-1234".to_owned(), ..signed() },
        ),
        (Step::WebSocket, upgrade(403), authorizer.clone()),
        (Step::WebSocket, upgrade(429), signed()),
        (Step::WebSocket, upgrade(503), signed()),
        (Step::WebSocket, upgrade(200), signed()),
        (Step::WebSocket, LinkError::WebSocket(WebSocketError::Redirect { status: 302, location: None }), signed()),
        (Step::WebSocket, LinkError::WebSocket(WebSocketError::NotHttp), signed()),
        (Step::WebSocket, LinkError::WebSocket(WebSocketError::Header { header: UpgradeHeader::Accept }), signed()),
        (Step::WebSocket, LinkError::WebSocket(WebSocketError::ClosedBeforeUpgrade), signed()),
        (Step::WebSocket, LinkError::WebSocket(WebSocketFault::Masked.into()), signed()),
        (Step::WebSocket, silent(ConnectStage::WebSocket), signed()),
        (Step::Connect, closed(Some(1000)), signed()),
        (Step::Connect, LinkError::Protocol(ProtocolError::Http), elsewhere()),
        (Step::Connect, LinkError::Protocol(ProtocolError::Frame(FrameError::RemainingLength)), elsewhere()),
        (Step::Connect, LinkError::Refused(ConnectRefusal::ProtocolVersion), elsewhere()),
        (Step::Connect, LinkError::Refused(ConnectRefusal::ClientId), device()),
        (Step::Connect, LinkError::Refused(ConnectRefusal::ServerUnavailable), device()),
        (Step::Connect, LinkError::Refused(ConnectRefusal::UserNameOrPassword), elsewhere()),
        (Step::Connect, LinkError::Refused(ConnectRefusal::NotAuthorized), device()),
        (Step::Connect, LinkError::Refused(ConnectRefusal::NotAuthorized), authorizer),
        (Step::Connect, LinkError::ClosedBeforeConnack, device()),
        (Step::Connect, LinkError::ClosedBeforeConnack, own_id.clone()),
        (Step::Connect, LinkError::ClosedBeforeConnack, Situation { kind: Kind::Credentials, ..device() }),
        (Step::Connect, silent(ConnectStage::Connack), device()),
        (Step::Subscribe, LinkError::Closed, device()),
        (Step::Publish, LinkError::Closed, own_id.clone()),
        (Step::Shadow, tcp(TcpError::Reset), device()),
        (Step::Stay, LinkError::Closed, own_id.clone()),
        (Step::Stay, closed(None), signed()),
        (Step::Stay, LinkError::KeepAlive, own_id),
        (Step::Connect, LinkError::RestoreTimeout, device()),
    ]
}

fn show(text: &mut String, what: &str, advice: &Advice) {
    let _ = writeln!(text, "{what}\n  {}: {}", advice.class, advice.means);
    for line in &advice.tries {
        let _ = writeln!(text, "  - {line}");
    }
}

#[test]
fn every_failure_has_a_class_a_meaning_and_something_to_try() {
    let mut text = String::new();
    for (step, why, who) in failures() {
        let advice = Advice::of_link(step, &why, &who);
        assert!(!advice.tries.is_empty() && advice.means.ends_with('.'), "{advice:?}");
        show(&mut text, &format!("{step}, {:?}, {:?}: {why}", who.kind, who.way), &advice);
    }
    let who = device();
    let others = [
        ("setup", Advice::of_setup()),
        ("SUBACK 0x80", Advice::of_subscription_refused("t", &who)),
        ("no SUBACK", Advice::of_subscription_unanswered()),
        ("no PUBACK", Advice::of_publish_unanswered()),
        ("no message", Advice::of_message_missing("t", &who)),
        ("shadow, 403", Advice::of_shadow_rejected(Some(403), Vec::new())),
        ("shadow, 500", Advice::of_shadow_rejected(Some(500), Vec::new())),
        ("shadow, 0x80", Advice::of_shadow(&ShadowError::Unsent(Unsent::SubscriptionRefused), "pump-7", &who)),
        ("shadow, silence", Advice::of_shadow(&ShadowError::TimedOut, "pump-7", &who)),
        ("shadow, gone", Advice::of_shadow(&ShadowError::Gone, "pump-7", &who)),
    ];
    for (what, advice) in &others {
        show(&mut text, what, advice);
    }
    insta::assert_snapshot!(text);
}
