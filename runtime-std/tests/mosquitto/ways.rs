//! Other people's servers on the way: Mosquitto's WebSockets, tinyproxy, microsocks.

use std::time::Duration;

use thingwire_sim::mosquitto::{Mosquitto, MosquittoOptions, MosquittoTls};
use thingwire_sim::proxies::{Proxy, ProxyProgram};

use crate::rig::{PATIENCE, fast};
use crate::runtime::{
    Client, ConnectStage, Filter, LinkError, Options, Outcome, ProxyConfig, ProxyError, Publish, Qos, Topic,
    WebSocketConfig, WebSocketError,
};

const LOGIN: Option<(&str, &str)> = Some(("user", "pass-word"));

fn broker() -> Mosquitto {
    let options =
        MosquittoOptions { websockets: true, tls: Some(MosquittoTls::ServerOnly), ..MosquittoOptions::default() };
    Mosquitto::start(options).unwrap()
}

fn over_websocket(broker: &Mosquitto) -> Options {
    // By name: a proxy has to resolve it.
    let endpoint = format!("localhost:{}", broker.websocket_port().unwrap());
    fast(Options::plain(&endpoint, "visitor").unwrap().with_websocket(WebSocketConfig::new()))
}

fn over_tls(broker: &Mosquitto) -> Options {
    let endpoint = format!("localhost:{}", broker.tls_port().unwrap());
    fast(Options::tls_from_path(&endpoint, "visitor", &broker.files().ca).unwrap())
}

fn through(options: Options, url: &str) -> Options {
    options.with_proxy(ProxyConfig::parse(url).unwrap())
}

/// Messages of these sizes there and back.
fn round_trip(options: Options, lens: &[usize]) {
    let client = Client::new(options).unwrap();
    let messages = client.subscribe(Filter::new("room/#").unwrap(), Qos::AtLeastOnce).unwrap();
    client.start();
    client.wait_ready_or_error(PATIENCE).unwrap();
    for &len in lens {
        let payload = vec![b'x'; len];
        let publish = Publish::new(Topic::new("room/1").unwrap(), payload.clone());
        assert_eq!(client.publish(publish).unwrap().wait(PATIENCE), Some(Outcome::Acked), "{len}");
        assert_eq!(messages.recv(PATIENCE).unwrap().payload, payload);
    }
    assert!(client.stop(PATIENCE));
}

fn failure(options: Options) -> LinkError {
    let client = Client::new(options).unwrap();
    client.start();
    client.wait_ready_or_error(PATIENCE).unwrap_err().last_error.unwrap()
}

#[test]
fn mosquitto_takes_websockets() {
    let broker = broker();
    round_trip(over_websocket(&broker), &[0, 1, 100, 125, 126, 5_000, 65_530, 65_540, 120_000]);
}

#[test]
fn mqtt_asked_for_a_websocket_and_the_other_way_round_is_told() {
    let broker = broker();
    let mqtt = format!("127.0.0.1:{}", broker.plain_port().unwrap());
    let websocket = Options::plain(&mqtt, "visitor").unwrap().with_websocket(WebSocketConfig::new());
    let why = failure(fast(websocket));
    assert!(
        matches!(why, LinkError::WebSocket(WebSocketError::ClosedBeforeUpgrade | WebSocketError::NotHttp)),
        "{why:?}"
    );
}

#[test]
fn proxies_pass_on_what_they_are_given() {
    let broker = broker();
    for program in [ProxyProgram::Tinyproxy, ProxyProgram::Microsocks] {
        for login in [None, LOGIN] {
            let proxy = Proxy::start(program, login).unwrap();
            round_trip(through(over_tls(&broker), &proxy.url()), &[120_000]);
            round_trip(through(over_websocket(&broker), &proxy.url()), &[120_000]);
        }
    }
}

#[test]
fn a_login_that_is_missing_or_wrong_is_told() {
    let broker = broker();
    for program in [ProxyProgram::Tinyproxy, ProxyProgram::Microsocks] {
        let proxy = Proxy::start(program, LOGIN).unwrap();
        let without = failure(through(over_tls(&broker), &proxy.url_with("")));
        assert_eq!(without, LinkError::Proxy(ProxyError::LoginWanted), "{program:?}");
        let wrong = failure(through(over_tls(&broker), &proxy.url_with("user:wrong@")));
        assert_eq!(wrong, LinkError::Proxy(ProxyError::LoginRefused), "{program:?}");
    }
}

#[test]
fn a_server_that_a_proxy_cannot_reach_is_told() {
    let broker = broker();
    let nowhere = |port| fast(Options::tls_from_path(&format!("localhost:{port}"), "v", &broker.files().ca).unwrap());
    for program in [ProxyProgram::Tinyproxy, ProxyProgram::Microsocks] {
        let proxy = Proxy::start(program, None).unwrap();
        // The discard service, which nobody runs.
        let why = failure(through(nowhere(9), &proxy.url()));
        assert!(
            matches!(
                why,
                LinkError::Proxy(ProxyError::Status { status: 500..=599 } | ProxyError::Socks { code: 1..=5 })
            ),
            "{why:?}"
        );
    }
}

#[test]
fn a_proxy_asked_for_what_it_does_not_speak_is_told() {
    let broker = broker();
    let mistaken = |url: &str| {
        let options = through(over_tls(&broker), url);
        // Some say nothing, and wait for more.
        failure(options.with(|config| config.connect_timeout = Duration::from_millis(500)))
    };
    let silence = LinkError::ConnectTimeout { waiting_for: ConnectStage::Proxy };
    let http = Proxy::start(ProxyProgram::Tinyproxy, None).unwrap();
    let why = mistaken(&http.url().replace("http", "socks5"));
    let expected = [LinkError::Proxy(ProxyError::NotSocks), LinkError::Proxy(ProxyError::Closed), silence.clone()];
    assert!(expected.contains(&why), "{why:?}");
    let socks = Proxy::start(ProxyProgram::Microsocks, None).unwrap();
    let why = mistaken(&socks.url().replace("socks5", "http"));
    let expected = [LinkError::Proxy(ProxyError::NotHttp), LinkError::Proxy(ProxyError::Closed), silence];
    assert!(expected.contains(&why), "{why:?}");
}
