//! Every way to the server: through a proxy or not, with TLS or not, in a WebSocket or not, byte by byte or not.

use std::io::{Cursor, ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustls::server::ServerConnection;
use thingwire_core::transport::{
    Authorizer, Credentials, CredentialsProvider, CredentialsSource, NoCredentials, ProxyConfig, Supplies,
    WebSocketConfig,
};
use thingwire_core::{
    Action, ConnectStage, Engine, Instant, Jitter, Layer, Link, LinkError, Notice, Options, Outcome, Password,
    ProxyError, Publish, Qos, Topic, WebSocketError,
};
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::{Message, Role, WebSocket};

use crate::pair::{CONNACK, NOW, World};
use crate::pki::{HOST, Version, server_config};

/// The server's side of a WebSocket, in memory.
#[derive(Debug, Default)]
struct Pipe {
    inbound: Cursor<Vec<u8>>,
    outbound: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.inbound.read(buffer)? {
            0 => Err(ErrorKind::WouldBlock.into()),
            len => Ok(len),
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.outbound.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What stands at the other end, layer by layer. Each is there until it has done its part.
struct Server {
    /// What a proxy says to each of our requests.
    proxy: Vec<Vec<u8>>,
    /// What the proxy was told.
    at_proxy: Vec<u8>,
    tls: Option<ServerConnection>,
    /// What is answered to the upgrade, instead of an agreement.
    refusal: Option<String>,
    is_websocket: bool,
    websocket: Option<WebSocket<Pipe>>,
    /// The upgrade's request.
    request: String,
    /// MQTT.
    mqtt: Vec<u8>,
    to_engine: Vec<u8>,
}

impl Server {
    fn receive(&mut self, bytes: &[u8]) {
        if !self.proxy.is_empty() {
            self.at_proxy.extend_from_slice(bytes);
            let is_whole = match (self.at_proxy.as_slice(), self.proxy.len()) {
                ([5, ..], 2) => self.at_proxy.len() == 3,
                // The greeting, and the name between four bytes and its port, behind its length.
                ([5, ..], _) => self.at_proxy.len() == 3 + 5 + HOST.len() + 2,
                (http, _) => http.ends_with(b"\r\n\r\n"),
            };
            if is_whole {
                self.to_engine.extend(self.proxy.remove(0));
            }
            return;
        }
        let Some(tls) = &mut self.tls else { return self.receive_plain(bytes) };
        let (mut wire, mut plain) = (bytes, Vec::new());
        while !wire.is_empty() {
            tls.read_tls(&mut wire).unwrap();
            tls.process_new_packets().unwrap();
            // WouldBlock after the last byte.
            let _ = tls.reader().read_to_end(&mut plain);
        }
        self.receive_plain(&plain);
        self.flush();
    }

    fn receive_plain(&mut self, bytes: &[u8]) {
        if !self.is_websocket {
            return self.mqtt.extend_from_slice(bytes);
        }
        if let Some(websocket) = &mut self.websocket {
            websocket.get_mut().inbound = Cursor::new(bytes.to_vec());
            while let Ok(message) = websocket.read() {
                if let Message::Binary(data) = message {
                    self.mqtt.extend_from_slice(&data);
                }
            }
            // What it answers to pings and closes.
            let _ = websocket.flush();
            let answer = std::mem::take(&mut websocket.get_mut().outbound);
            return self.send_below(&answer);
        }
        self.request.push_str(core::str::from_utf8(bytes).unwrap());
        if self.request.ends_with("\r\n\r\n") {
            let key = self.request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
            let answer = self.refusal.clone().unwrap_or_else(|| {
                format!(
                    "HTTP/1.1 101 x\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nUpgrade: websocket\r\n\
                     Connection: upgrade\r\nSec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Accept: {}\r\n\r\n",
                    derive_accept_key(key.as_bytes())
                )
            });
            self.websocket = Some(WebSocket::from_raw_socket(Pipe::default(), Role::Server, None));
            self.send_below(answer.as_bytes());
        }
    }

    /// The server says MQTT.
    fn say(&mut self, mqtt: &[u8]) {
        let Some(websocket) = &mut self.websocket else { return self.send_below(mqtt) };
        websocket.send(Message::Binary(mqtt.to_vec().into())).unwrap();
        let framed = std::mem::take(&mut websocket.get_mut().outbound);
        self.send_below(&framed);
    }

    fn send_below(&mut self, mut bytes: &[u8]) {
        match &mut self.tls {
            None => self.to_engine.extend_from_slice(bytes),
            Some(_) => {
                while !bytes.is_empty() {
                    let taken = self.tls.as_mut().unwrap().writer().write(bytes).unwrap();
                    bytes = &bytes[taken..];
                    self.flush();
                }
            }
        }
    }

    fn flush(&mut self) {
        let Some(tls) = &mut self.tls else { return };
        while tls.wants_write() {
            tls.write_tls(&mut self.to_engine).unwrap();
        }
    }
}

struct Way {
    engine: Engine,
    server: Server,
    link: Option<Link>,
    notices: Vec<Notice>,
    chunk: usize,
    now: Instant,
    supplies: Option<Supplies>,
}

impl Way {
    fn new(options: Options, proxy: &[&[u8]], tls: Option<ServerConnection>) -> Self {
        let is_websocket = options.websocket.is_some();
        let options = options.with(|config| config.backoff.jitter = Jitter::None);
        let mut engine = Engine::new(options, 7, NOW).unwrap();
        engine.client().start(NOW);
        let server = Server {
            proxy: proxy.iter().map(|answer| answer.to_vec()).collect(),
            at_proxy: Vec::new(),
            tls,
            refusal: None,
            is_websocket,
            websocket: None,
            request: String::new(),
            mqtt: Vec::new(),
            to_engine: Vec::new(),
        };
        let supplies = Supplies::new([7; 32], 1_498_682_925);
        Self { engine, server, link: None, notices: Vec::new(), chunk: 20_000, now: NOW, supplies: Some(supplies) }
    }

    /// Moves bytes until both sides have no more to say.
    fn run(&mut self) {
        loop {
            let mut moved = false;
            while let Some(action) = self.engine.poll_action(self.now) {
                moved = true;
                match action {
                    Action::Open(link) => {
                        self.link = Some(link);
                        if let Some(supplies) = &self.supplies {
                            self.engine.supply(link, supplies.clone());
                        }
                        self.engine.opened(self.now, link);
                    }
                    Action::Close(_) => {
                        while self.carry_to_server() {}
                        self.link = None;
                    }
                    Action::Notify(notice) => self.notices.push(notice),
                }
            }
            moved |= self.carry_to_server();
            let len = self.server.to_engine.len().min(self.chunk);
            let bytes: Vec<u8> = self.server.to_engine.drain(..len).collect();
            if let Some(link) = self.link.filter(|_| len > 0) {
                self.engine.received(self.now, link, &bytes);
                moved = true;
            }
            if !moved {
                return;
            }
        }
    }

    fn carry_to_server(&mut self) -> bool {
        let bytes = self.engine.transmit(self.now);
        let bytes = bytes[..bytes.len().min(self.chunk)].to_vec();
        self.engine.transmitted(self.now, bytes.len());
        if !bytes.is_empty() {
            self.server.receive(&bytes);
        }
        !bytes.is_empty()
    }

    fn say(&mut self, mqtt: &[u8]) {
        self.server.say(mqtt);
        self.run();
    }

    fn end(&mut self) {
        self.engine.closed(self.now, self.link.take().unwrap(), LinkError::Closed);
        self.run();
    }

    fn why(&self) -> LinkError {
        let why = self.notices.iter().rev().find_map(|notice| match notice {
            Notice::Failed { why, .. } | Notice::Offline { why, .. } => why.clone(),
            _ => None,
        });
        why.unwrap_or_else(|| panic!("{:?}", self.notices))
    }

    fn retry_in(&self) -> Duration {
        let wait = self.notices.iter().rev().find_map(|notice| match notice {
            Notice::Failed { retry_in, .. } | Notice::Offline { retry_in, .. } => *retry_in,
            _ => None,
        });
        wait.unwrap()
    }
}

const PUBLISH_LEN: usize = 17_000;

/// A PUBLISH of many frames, records and reads.
fn publish() -> Vec<u8> {
    let body = [&[0, 1, b't'][..], &vec![b'p'; PUBLISH_LEN]].concat();
    let len = body.len();
    let low = |shift: usize| u8::try_from(len >> shift & 0x7f).unwrap();
    [&[0x30, low(0) | 0x80, low(7) | 0x80, low(14)][..], &body].concat()
}

fn proxies() -> [(Option<ProxyConfig>, Vec<&'static [u8]>); 3] {
    let parse = |url| Some(ProxyConfig::parse(url).unwrap());
    [
        (None, vec![]),
        (parse("http://proxy:3128"), vec![b"HTTP/1.1 200 OK\r\nVia: x\r\n\r\n"]),
        (parse("socks5://proxy"), vec![&[5, 0], &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]]),
    ]
}

fn options(world: &World, secure: bool, websocket: bool) -> (Options, Option<ServerConnection>) {
    let endpoint = format!("{HOST}:9443");
    let tls = secure.then(|| {
        let mut config = server_config(&world.server, None, Version::Tls13);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        ServerConnection::new(config.into()).unwrap()
    });
    let options =
        if secure { world.options_of_stranger(&endpoint) } else { Options::plain(&endpoint, "device").unwrap() };
    (if websocket { options.with_websocket(WebSocketConfig::new()) } else { options }, tls)
}

#[test]
fn every_stack_of_layers_carries_mqtt_in_chunks_of_any_size() {
    let world = World::new();
    for (proxy, answers) in proxies() {
        for (secure, websocket) in [(false, false), (false, true), (true, false), (true, true)] {
            for chunk in [1, 7, 100, 20_000] {
                let (mut options, tls) = options(&world, secure, websocket);
                options.proxy.clone_from(&proxy);
                let mut way = Way::new(options, &answers, tls);
                way.chunk = chunk;
                way.run();
                let context = format!("{proxy:?} TLS {secure} WebSocket {websocket} chunk {chunk}: {:?}", way.notices);
                assert_eq!(way.server.mqtt.first(), Some(&0x10), "CONNECT first: {context}");
                assert_eq!(proxy.is_some(), !way.server.at_proxy.is_empty());
                way.say(&CONNACK);
                assert!(way.notices.contains(&Notice::Ready), "{context}");
                assert_eq!(way.engine.server_time_secs(), websocket.then_some(784_111_777), "{context}");

                way.server.mqtt.clear();
                way.say(&publish());
                let got = way.notices.iter().any(|notice| match notice {
                    Notice::Message(message) => message.payload.len() == PUBLISH_LEN,
                    _ => false,
                });
                assert!(got, "{context}");
                let publish = Publish::new(Topic::new("t").unwrap(), vec![b'p'; PUBLISH_LEN]).qos(Qos::AtMostOnce);
                way.engine.client().publish(way.now, publish).unwrap();
                way.run();
                assert_eq!(way.server.mqtt, self::publish(), "{context}");

                way.engine.client().stop(way.now);
                way.server.mqtt.clear();
                way.run();
                assert_eq!(way.server.mqtt, [0xe0, 0], "DISCONNECT: {context}");
            }
        }
    }
}

#[test]
fn a_connection_that_ends_early_is_told_by_its_stage_and_so_is_one_that_hangs() {
    let world = World::new();
    let [none, http, _] = proxies();
    let silent: &[u8] = &[];
    let cases = [
        (&http, vec![silent, silent], false, ConnectStage::Proxy, LinkError::Proxy(ProxyError::Closed)),
        (&none, vec![silent, silent], true, ConnectStage::Tls, LinkError::Tls(thingwire_core::TlsError::Closed)),
        (&none, vec![], true, ConnectStage::WebSocket, LinkError::WebSocket(WebSocketError::ClosedBeforeUpgrade)),
    ];
    for (proxy, answers, secure, stage, closed) in cases {
        for hangs in [false, true] {
            let (mut options, tls) = options(&world, secure, true);
            options.proxy.clone_from(&proxy.0);
            let mut way = Way::new(options, &answers, tls);
            way.server.refusal = Some(String::new());
            way.run();
            if hangs {
                way.now = way.engine.next_deadline().unwrap();
                way.engine.wake(way.now);
                way.run();
                assert_eq!(way.why(), LinkError::ConnectTimeout { waiting_for: stage });
                assert_eq!(way.link, None, "closed");
            } else {
                way.end();
                assert_eq!(way.why(), closed);
            }
            assert!(way.engine.next_deadline().is_some(), "it is tried again");
        }
    }
}

#[test]
fn what_trying_again_cannot_mend_waits_longest_and_is_still_tried() {
    let world = World::new();
    for (status, wait) in [("403", 32), ("503", 1)] {
        let (options, tls) = options(&world, true, true);
        let mut way = Way::new(options, &[], tls);
        way.server.refusal = Some(format!("HTTP/1.1 {status} x\r\n\r\n"));
        way.run();
        assert_eq!(way.why().layer(), Layer::WebSocket);
        assert_eq!(way.retry_in(), Duration::from_secs(wait), "{status}");
    }
    let (mut options, tls) = options(&world, true, false);
    options.proxy = Some(ProxyConfig::parse("http://proxy").unwrap());
    let mut way = Way::new(options, &[b"HTTP/1.1 407 x\r\n\r\n"], tls);
    way.run();
    assert_eq!((way.why(), way.retry_in()), (LinkError::Proxy(ProxyError::LoginWanted), Duration::from_secs(32)));
}

#[test]
fn a_closed_websocket_tells_its_code_and_counts_as_the_servers_decision() {
    let world = World::new();
    let (options, tls) = options(&world, true, true);
    let options = options.with(|config| config.closes_max = 1);
    let mut way = Way::new(options, &[], tls);
    way.run();
    way.say(&CONNACK);
    way.engine.client().publish(way.now, Publish::new(Topic::new("t").unwrap(), "forbidden")).unwrap();
    way.run();
    let websocket = way.server.websocket.as_mut().unwrap();
    websocket.close(Some(tungstenite::protocol::CloseFrame { code: 1008.into(), reason: "no".into() })).unwrap();
    let close = std::mem::take(&mut websocket.get_mut().outbound);
    way.server.send_below(&close);
    way.run();
    let expected = WebSocketError::Closed { code: Some(1008), reason: "no".to_owned() };
    assert_eq!(way.why(), LinkError::WebSocket(expected));
    assert_eq!(way.why().layer(), Layer::Server);
    let given_up = way.notices.iter().any(|notice| matches!(notice, Notice::Done { .. }));
    assert!(given_up, "as with a connection that is closed below: {:?}", way.notices);
}

#[test]
fn every_link_is_signed_anew_with_what_the_driver_supplies() {
    let host = "abc-ats.iot.eu-central-1.amazonaws.com";
    let options = Options::plain(&format!("{host}:80"), "device").unwrap();
    let credentials = Credentials::new("AKID", "secretsecret").unwrap().with_session_token("t/oken").unwrap();
    let source = CredentialsSource::from(credentials.clone());
    let mut way = Way::new(options.with_websocket(WebSocketConfig::signed(source)), &[], None);
    way.run();
    assert_eq!(way.why(), LinkError::Credentials { why: "the driver has supplied none".to_owned() });

    let mut requests = Vec::new();
    for unix_seconds in [1_498_682_925, 1_498_682_926] {
        let supplies = Supplies::new([1; 32], unix_seconds).with_credentials(credentials.clone());
        way.supplies = Some(supplies);
        way.server.websocket = None;
        way.server.request.clear();
        way.now = way.engine.next_deadline().unwrap();
        way.engine.wake(way.now);
        way.run();
        assert_eq!(way.server.mqtt.first(), Some(&0x10), "{:?}", way.notices);
        requests.push(way.server.request.lines().next().unwrap().to_owned());
        way.end();
    }
    insta::assert_snapshot!(requests.join("\n"));
    let shown = format!("{:?} {:?}", way.engine, credentials);
    for secret in ["secretsecret", "t/oken", "t%2Foken", "X-Amz-Signature"] {
        assert!(!shown.contains(secret), "{secret}");
    }
}

/// Hands out what it was made with, and counts how often that was refused.
#[derive(Debug)]
struct Refusable {
    credentials: Credentials,
    refused: Arc<AtomicUsize>,
}

impl CredentialsProvider for Refusable {
    fn credentials(&self, _unix_seconds: u64) -> Result<Credentials, NoCredentials> {
        Ok(self.credentials.clone())
    }

    fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_source_is_told_when_the_server_refuses_what_it_gave() {
    let credentials = Credentials::new("AKID", "secretsecret").unwrap();
    let fixed = CredentialsSource::from(credentials.clone());
    assert_eq!(fixed.at_once().map(|found| found.access_key_id().to_owned()).as_deref(), Some("AKID"));
    for (status, times) in [("401", 1), ("403", 1), ("404", 0), ("503", 0)] {
        let refused = Arc::default();
        let asked = CredentialsSource::from_provider(Refusable {
            credentials: credentials.clone(),
            refused: Arc::clone(&refused),
        });
        assert!(asked.at_once().is_none());
        let source = CredentialsSource::chain([asked]);
        let options = Options::plain("abc-ats.iot.eu-central-1.amazonaws.com:80", "device").unwrap();
        let mut way = Way::new(options.with_websocket(WebSocketConfig::signed(source)), &[], None);
        way.supplies = Some(Supplies::new([1; 32], 1_498_682_925).with_credentials(credentials.clone()));
        way.server.refusal = Some(format!("HTTP/1.1 {status} x\r\n\r\n"));
        way.run();
        assert_eq!(way.why().layer(), Layer::WebSocket);
        assert_eq!(refused.load(Ordering::Relaxed), times, "{status}");
    }
}

#[test]
fn a_message_that_expires_while_a_link_is_made_does_not_end_the_attempt() {
    let world = World::new();
    let (options, _) = options(&world, true, false);
    let mut engine = Engine::new(options, 7, NOW).unwrap();
    engine.client().start(NOW);
    let second = Duration::from_secs(1);
    let brief = Publish::new(Topic::new("t").unwrap(), "").expires_in(second);
    let ticket = engine.client().publish(NOW, brief).unwrap();
    let opened = core::iter::from_fn(|| engine.poll_action(NOW)).find_map(|action| match action {
        Action::Open(link) => Some(link),
        _ => None,
    });
    engine.opened(NOW, opened.unwrap());
    engine.wake(NOW + second);
    let told: Vec<_> = core::iter::from_fn(|| engine.poll_action(NOW + second)).collect();
    assert_eq!(told, [Action::Notify(Notice::Done { ticket, outcome: Outcome::Expired })]);
    assert_eq!(engine.stage(), Some(ConnectStage::Tls), "TLS goes on");
}

#[test]
fn the_late_end_of_an_earlier_link_leaves_the_present_one_alone() {
    let world = World::new();
    let (options, tls) = options(&world, true, false);
    let mut way = Way::new(options, &[], None);
    way.run();
    let first = way.link.unwrap();
    way.end();
    way.now = way.engine.next_deadline().unwrap();
    way.engine.wake(way.now);
    let opened = core::iter::from_fn(|| way.engine.poll_action(way.now)).find_map(|action| match action {
        Action::Open(link) => Some(link),
        _ => None,
    });
    way.link = opened;
    way.engine.closed(way.now, first, LinkError::Closed);
    (way.server.tls, way.server.mqtt) = (tls, Vec::new());
    way.engine.opened(way.now, opened.unwrap());
    way.run();
    assert_eq!(way.server.mqtt.first(), Some(&0x10), "CONNECT: {:?}", way.notices);
}

#[test]
fn a_custom_authorizer_is_told_in_the_login_or_in_headers_or_in_the_url() {
    let authorizer = Authorizer::new("my-authorizer").with_token("tokenKey", "a b+c").with_signature("c2ln+/==");
    let login = |config: &mut thingwire_core::Config| {
        config.user_name = Some("me".to_owned());
        config.password = Some(Password::from("pass"));
    };
    let options = || Options::plain("localhost:80", "device").unwrap().with(login).with_authorizer(authorizer.clone());
    let mut direct = Way::new(options(), &[], None);
    direct.run();
    let connect = String::from_utf8_lossy(&direct.server.mqtt).into_owned();
    let query = "x-amz-customauthorizer-name=my-authorizer&x-amz-customauthorizer-signature=c2ln%2B%2F%3D%3D\
                 &tokenKey=a%20b%2Bc";
    assert!(connect.contains(&format!("me?{query}\0\u{4}pass")), "{connect:?}");
    assert!(!format!("{:?}", direct.engine).contains("c2ln"), "no signature is shown");

    let mut headers = Way::new(options().with_websocket(WebSocketConfig::new()), &[], None);
    headers.run();
    let request = headers.server.request.clone();
    for line in [
        "GET /mqtt HTTP/1.1",
        "x-amz-customauthorizer-name: my-authorizer",
        "x-amz-customauthorizer-signature: c2ln+/==",
        "tokenKey: a b+c",
    ] {
        assert!(request.lines().any(|found| found == line), "{line} in {request}");
    }
    let connect = String::from_utf8_lossy(&headers.server.mqtt).into_owned();
    assert!(connect.contains("\0\u{2}me\0\u{4}pass"), "the login as it is: {connect:?}");

    let mut in_query = options().with_websocket(WebSocketConfig::new());
    in_query.authorizer = Some(authorizer.clone().in_query());
    let mut in_query = Way::new(in_query, &[], None);
    in_query.run();
    assert!(in_query.server.request.starts_with(&format!("GET /mqtt?{query} HTTP/1.1\r\n")));
}

#[test]
fn what_cannot_be_asked_for_is_refused_when_the_client_is_set_up() {
    let plain = || Options::plain("localhost:80", "device").unwrap();
    let websocket = |config: WebSocketConfig| plain().with_websocket(config);
    let credentials = || Credentials::new("AKID", "secret").unwrap();
    let authorizer = |authorizer: Authorizer| plain().with_authorizer(authorizer);
    let cases = vec![
        websocket(WebSocketConfig::signed(credentials())),
        websocket(WebSocketConfig::signed(credentials()).with_region("Frankfurt")),
        websocket(WebSocketConfig::signed(credentials()).with_region("eu-central-1").with_path("/other")),
        websocket(WebSocketConfig::new().with_path("mqtt")),
        websocket(WebSocketConfig::new().with_path("/mqtt?signature")),
        websocket(WebSocketConfig::new().with_path("/a b")),
        websocket(WebSocketConfig::new().with_header("Host", "x")),
        websocket(WebSocketConfig::new().with_header("sec-websocket-KEY", "x")),
        websocket(WebSocketConfig::new().with_header("a b", "x")),
        websocket(WebSocketConfig::new().with_header("Cookie", "secret\r\nX: y")),
        authorizer(Authorizer::new("")),
        authorizer(Authorizer::new("a b")),
        authorizer(Authorizer::new("a").with_signature("c2ln")),
        authorizer(Authorizer::new("a").with_token("k", "t").with_signature("c2ln%3D")),
        authorizer(Authorizer::new("a").with_token("k:", "secret")),
        authorizer(Authorizer::new("a").with_token("k", "secret\r\nX: y")),
        authorizer(Authorizer::of_endpoint().with_token("k", "")),
        plain().with_proxy(ProxyConfig::parse("socks5://proxy").unwrap().with_login("u", "")),
    ];
    let errors: Vec<_> = cases
        .into_iter()
        .map(|options| {
            let shown = format!("{options:?}");
            let error = Engine::new(options, 7, NOW).unwrap_err();
            assert!(!format!("{error} {error:?} {shown}").contains("secret"), "{error}");
            error.to_string()
        })
        .collect();
    insta::assert_snapshot!(errors.join("\n"));
    for [id, secret, token] in [["", "s", "t"], ["a", "", "t"], ["a", "s", ""], ["a ", "s", "t"], ["a", "s\n", "t"]] {
        let made = Credentials::new(id, secret).and_then(|credentials| credentials.with_session_token(token));
        made.unwrap_err();
    }
}
