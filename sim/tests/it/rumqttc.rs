//! rumqttc, a client that knows nothing of us, against `thingwire-sim serve`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rumqttc::{
    Client, Connection, ConnectionError, Event, MqttOptions, Outgoing, Packet, Publish, QoS, TlsConfiguration,
    Transport,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::serve::Serve;

/// Longer than anything here takes, shorter than anybody's patience.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client with the device's certificate, and what it has seen.
struct Device {
    client: Client,
    connection: Connection,
    seen: Vec<Seen>,
}

#[derive(Debug, PartialEq)]
enum Seen {
    /// Whether the session was kept.
    Online(bool),
    /// PUBLISH of this packet id was sent.
    Sent(u16),
    Acked(u16),
    Subscribed,
    Message(String, String),
    Lost,
}

impl Device {
    fn new(serve: &Serve, id: &str) -> Self {
        let port = u16::try_from(serve.ready["port"].as_u64().unwrap()).unwrap();
        let mut options = MqttOptions::new(id, "localhost", port);
        options.set_clean_session(false);
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls(serve))));
        let (client, connection) = Client::new(options, 10);
        Self { client, connection, seen: Vec::new() }
    }

    /// Lets it work until it has seen this.
    fn until(&mut self, wanted: impl Fn(&Seen) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !self.seen.last().is_some_and(&wanted) {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(event) = self.connection.recv_timeout(left) else { panic!("only {:?}", self.seen) };
            self.seen.extend(seen(event));
        }
    }

    /// What was seen since it was last asked.
    fn seen(&mut self) -> Vec<Seen> {
        core::mem::take(&mut self.seen)
    }
}

fn seen(event: Result<Event, ConnectionError>) -> Option<Seen> {
    match event {
        Ok(Event::Incoming(Packet::ConnAck(connack))) => Some(Seen::Online(connack.session_present)),
        Ok(Event::Incoming(Packet::SubAck(_))) => Some(Seen::Subscribed),
        Ok(Event::Incoming(Packet::PubAck(puback))) => Some(Seen::Acked(puback.pkid)),
        Ok(Event::Incoming(Packet::Publish(Publish { topic, payload, .. }))) => {
            Some(Seen::Message(topic, String::from_utf8(payload.to_vec()).unwrap()))
        }
        Ok(Event::Outgoing(Outgoing::Publish(id))) => Some(Seen::Sent(id)),
        Ok(_) => None,
        Err(_) => Some(Seen::Lost),
    }
}

/// Trusts the double's authority, and shows the device's certificate.
fn tls(serve: &Serve) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(serve.path("ca")).unwrap()).unwrap();
    let cert = CertificateDer::from_pem_file(serve.path("cert")).unwrap();
    let key = PrivateKeyDer::from_pem_file(serve.path("key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_root_certificates(roots).with_client_auth_cert(vec![cert], key).unwrap())
}

#[test]
fn rumqttc_publishes_and_subscribes_through_the_double() {
    let serve = Serve::start(&[]);
    let mut device = Device::new(&serve, "rumqttc");
    device.client.subscribe("greet/+", QoS::AtLeastOnce).unwrap();
    device.until(|seen| *seen == Seen::Subscribed);
    device.client.publish("greet/me", QoS::AtLeastOnce, false, "hello").unwrap();
    device.until(|seen| matches!(seen, Seen::Message(..)));
    let seen = device.seen();
    assert_eq!(seen.first(), Some(&Seen::Online(false)));
    assert_eq!(seen.last(), Some(&Seen::Message("greet/me".to_owned(), "hello".to_owned())));
    device.client.disconnect().unwrap();
    device.until(|seen| *seen == Seen::Lost);
    let (code, _, err) = serve.end(rustix::process::Signal::TERM);
    assert_eq!((code, err.as_str()), (Some(0), ""), "the broker has nothing to complain about");
}

#[test]
fn rumqttc_sends_again_what_was_not_acknowledged_when_the_link_was_cut() {
    let dir = tempfile::tempdir().unwrap();
    let faults = dir.path().join("faults.toml");
    let text = r#"
name = "a PUBACK is lost, and then the link"
duration = "1h"
heal = "1m"
network = { latency = "1ms" }

[[fault]]
name = "A1 puback-lost"
at = "0s"
do = { meddle = { packet = "puback", count = 1, how = "drop" } }

[[fault]]
name = "A9 dies-before-puback"
when = { sent = "publish", after = "200ms" }
do = { cut = { how = "reset" } }
"#;
    std::fs::write(&faults, text).unwrap();
    let serve = Serve::start(&["--faults", faults.to_str().unwrap()]);
    let mut listener = Device::new(&serve, "listener");
    listener.client.subscribe("dt/#", QoS::AtLeastOnce).unwrap();
    listener.until(|seen| *seen == Seen::Subscribed);

    let mut device = Device::new(&serve, "rumqttc");
    device.client.publish("dt/1", QoS::AtLeastOnce, false, "precious").unwrap();
    device.until(|seen| matches!(seen, Seen::Acked(_)));
    let expected = [Seen::Online(false), Seen::Sent(1), Seen::Lost, Seen::Online(true), Seen::Sent(1), Seen::Acked(1)];
    assert_eq!(device.seen(), expected);
    // What was not acknowledged comes twice. This client does not mark it with DUP, so that the broker cannot know it.
    let message = || Seen::Message("dt/1".to_owned(), "precious".to_owned());
    listener.until(|seen| *seen == message());
    listener.seen.clear();
    listener.until(|seen| *seen == message());
    let (code, _, err) = serve.end(rustix::process::Signal::TERM);
    assert_eq!((code, err.as_str()), (Some(0), ""));
}
