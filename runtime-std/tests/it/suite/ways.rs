//! Ways to the service without a certificate: WebSockets with signed upgrades, and custom authorizers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use thingwire_sim::double::{Double, Visitors};

use super::support::{PATIENCE, drive, drive_to, fast, filter, publish};
use crate::runtime::{
    Authorizer, Client, ConnectRefusal, Credentials, CredentialsSource, Driver, LinkError, Notice, Options, Outcome,
    Qos, WebSocketConfig, WebSocketError,
};

const ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "IQoJb3JpZ2luX2VjE/+==";

fn double(visitors: Visitors) -> Double {
    Double::options().visitors(visitors).plain_port(0).start().unwrap()
}

fn credentials() -> Credentials {
    Credentials::new(ID, SECRET).unwrap()
}

fn temporary() -> Credentials {
    credentials().with_session_token(TOKEN).unwrap()
}

fn signed(double: &Double, source: impl Into<CredentialsSource>) -> Options {
    websocket(double, WebSocketConfig::signed(source).with_region("eu-central-1"))
}

fn websocket(double: &Double, config: WebSocketConfig) -> Options {
    fast(Options::websocket_from_path(&double.endpoint(), "visitor", config, double.ca_path()).unwrap())
}

/// A message there and back, larger than any buffer on the way.
fn round_trip(options: Options) {
    let client = Client::new(options).unwrap();
    let messages = client.subscribe(filter("room/#"), Qos::AtLeastOnce).unwrap();
    client.start();
    client.wait_ready_or_error(PATIENCE).unwrap();
    let large = "x".repeat(120_000);
    let acked = client.publish(publish("room/1", large.clone())).unwrap();
    assert_eq!(acked.wait(PATIENCE), Some(Outcome::Acked));
    assert_eq!(messages.recv(PATIENCE).unwrap().payload, large.as_bytes());
    assert!(client.stop(PATIENCE));
}

fn failure(driver: &mut Driver) -> LinkError {
    drive(driver, |notice| match notice {
        Notice::Failed { why, .. } => why.clone(),
        _ => None,
    })
}

#[test]
fn a_signed_upgrade_is_let_in_with_and_without_a_session_token() {
    for (visitors, credentials) in [
        (Visitors::new().access_key(ID, SECRET), credentials()),
        (Visitors::new().temporary_key(ID, SECRET, TOKEN), temporary()),
    ] {
        let double = double(visitors);
        round_trip(signed(&double, credentials));
        assert_eq!(double.violations(), []);
    }
}

#[test]
fn a_certificate_is_still_let_in_on_the_same_port_and_a_stranger_is_not() {
    let double = double(Visitors::new().access_key(ID, SECRET));
    let (endpoint, ca) = (double.endpoint(), double.ca_path());
    let mutual = Options::mtls_from_path(&endpoint, "device", double.cert_path(), double.key_path(), ca);
    round_trip(fast(mutual.unwrap()));
    let mut stranger = Driver::new(fast(Options::tls_from_path(&endpoint, "stranger", ca).unwrap())).unwrap();
    stranger.start();
    assert!(matches!(failure(&mut stranger), LinkError::Refused(_)));
}

#[test]
fn every_link_asks_for_credentials_and_a_refusal_by_any_of_them_ends_nothing() {
    let double = double(Visitors::new().temporary_key(ID, SECRET, "expired by now"));
    let asked = Arc::new(AtomicUsize::new(0));
    let source = CredentialsSource::from_fn({
        let asked = Arc::clone(&asked);
        move || match asked.fetch_add(1, Ordering::Relaxed) {
            0 => Err("the source is not reachable".to_owned()),
            _ => Ok(temporary()),
        }
    });
    let options = signed(&double, source).with(|config| config.connect_timeout = PATIENCE);
    let mut driver = Driver::new(options).unwrap();
    driver.start();
    assert_eq!(failure(&mut driver), LinkError::Credentials { why: "the source is not reachable".to_owned() });
    let refused = WebSocketError::Refused { status: 403, kind: Some("ForbiddenException".to_owned()) };
    assert_eq!(failure(&mut driver), LinkError::WebSocket(refused));
    double.change_visitors(Visitors::new().temporary_key(ID, SECRET, TOKEN));
    drive_to(&mut driver, &Notice::Ready);

    let before = asked.load(Ordering::Relaxed);
    assert_eq!(double.drop_connections(), 1);
    drive_to(&mut driver, &Notice::Ready);
    assert!(before < asked.load(Ordering::Relaxed), "asked again for the next link");
    assert!(double.kick("visitor"));
    let why = drive(&mut driver, |notice| match notice {
        Notice::Offline { why, .. } => why.clone(),
        _ => None,
    });
    assert_eq!(why, LinkError::WebSocket(WebSocketError::Closed { code: Some(1000), reason: String::new() }));
    drive_to(&mut driver, &Notice::Ready);
    assert_eq!(double.violations(), []);
}

#[test]
fn credentials_are_kept_for_as_long_as_they_are_good_and_renewed_when_they_are_refused() {
    let double = double(Visitors::new().temporary_key(ID, SECRET, TOKEN));
    let asked = Arc::new(AtomicUsize::new(0));
    let far = 32_503_680_000;
    let source = CredentialsSource::from_fn({
        let asked = Arc::clone(&asked);
        move || match asked.fetch_add(1, Ordering::Relaxed) {
            0 => Ok(temporary().with_expiry(far)),
            1 => Err("the source is not reachable".to_owned()),
            2 => Ok(credentials().with_session_token("renewed").unwrap().with_expiry(far)),
            // Valid until 1970: it was already over when it was given.
            _ => Ok(temporary().with_expiry(0)),
        }
    });
    let times = || asked.load(Ordering::Relaxed);
    let options = signed(&double, source.cached()).with(|config| config.connect_timeout = PATIENCE);
    let mut driver = Driver::new(options).unwrap();
    driver.start();
    for _ in 0..2 {
        drive_to(&mut driver, &Notice::Ready);
        assert_eq!(times(), 1, "two links, one question");
        assert_eq!(double.drop_connections(), 1);
    }
    drive_to(&mut driver, &Notice::Ready);
    double.change_visitors(Visitors::new().temporary_key(ID, SECRET, "renewed"));
    assert_eq!(double.drop_connections(), 1);
    assert!(matches!(failure(&mut driver), LinkError::WebSocket(WebSocketError::Refused { status: 403, .. })));
    assert_eq!(times(), 1, "it was refused with what was kept");
    assert_eq!(failure(&mut driver), LinkError::Credentials { why: "the source is not reachable".to_owned() });
    drive_to(&mut driver, &Notice::Ready);
    assert_eq!(times(), 3);
    double.change_visitors(Visitors::new());
    assert_eq!(double.drop_connections(), 1);
    assert!(matches!(failure(&mut driver), LinkError::WebSocket(WebSocketError::Refused { status: 403, .. })));
    match failure(&mut driver) {
        LinkError::Credentials { why } => assert!(why.contains("expired at 1970-01-01 00:00:00 UTC"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(double.violations(), []);
}

#[test]
fn nothing_is_signed_with_credentials_that_have_expired() {
    let double = double(Visitors::new().access_key(ID, SECRET));
    let mut driver = Driver::new(signed(&double, credentials().with_expiry(1_498_682_925))).unwrap();
    driver.start();
    for _ in 0..2 {
        match failure(&mut driver) {
            LinkError::Credentials { why } => assert!(why.contains("2017-06-28 20:48:45 UTC"), "{why}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn clocks_that_are_too_far_apart_are_told_as_such() {
    let double = double(Visitors::new().access_key(ID, SECRET).clock_ahead(-3_600));
    let mut driver = Driver::new(signed(&double, credentials())).unwrap();
    driver.start();
    match failure(&mut driver) {
        LinkError::WebSocket(WebSocketError::ClockSkew { ahead_seconds }) => {
            assert!((-3_660..=-3_590).contains(&ahead_seconds), "{ahead_seconds}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_custom_authorizer_is_asked_in_every_place_where_it_can_be_told() {
    let double = double(Visitors::new().authorizer("gate", "ticket", "a b+c/%", Some("c2ln+/==")));
    let right = || Authorizer::new("gate").with_token("ticket", "a b+c/%").with_signature("c2ln+/==");
    let direct = |authorizer| {
        let options = Options::authorizer_from_path(&double.endpoint(), "visitor", authorizer, double.ca_path());
        fast(options.unwrap())
    };
    round_trip(direct(right()));
    round_trip(direct(right()).with(|config| {
        config.user_name = Some("me".to_owned());
        config.password = Some("secret".into());
        config.sdk_metrics = true;
    }));
    round_trip(websocket(&double, WebSocketConfig::new()).with_authorizer(right()));
    round_trip(websocket(&double, WebSocketConfig::new()).with_authorizer(right().in_query()));

    let wrong = right().with_token("ticket", "another");
    let mut driver = Driver::new(direct(wrong.clone())).unwrap();
    driver.start();
    assert!(matches!(failure(&mut driver), LinkError::Refused(_)));
    let mut driver = Driver::new(websocket(&double, WebSocketConfig::new()).with_authorizer(wrong)).unwrap();
    driver.start();
    assert!(matches!(failure(&mut driver), LinkError::WebSocket(WebSocketError::Refused { status: 403, .. })));
}

#[test]
fn what_alpn_names_decides_who_is_spoken_to_at_one_port() {
    let visitors = Visitors::new().access_key(ID, SECRET).authorizer("gate", "ticket", "let-me-in", None);
    let double = double(visitors);
    let (endpoint, ca) = (double.endpoint(), double.ca_path());
    let naming = |mut options: Options, protocol| {
        let crate::runtime::Security::Tls(tls) = &mut options.security else { panic!("TLS") };
        *tls = tls.clone().with_alpn([protocol]);
        fast(options)
    };
    let mutual = || Options::mtls_from_path(&endpoint, "device", double.cert_path(), double.key_path(), ca).unwrap();
    let authorized = || {
        let authorizer = Authorizer::new("gate").with_token("ticket", "let-me-in");
        Options::authorizer_from_path(&endpoint, "visitor", authorizer, ca).unwrap()
    };
    round_trip(naming(mutual(), "x-amzn-mqtt-ca"));
    round_trip(naming(authorized(), "mqtt"));
    round_trip(naming(signed(&double, credentials()), "http/1.1"));
    for (options, why) in [
        (naming(mutual(), "mqtt"), LinkError::Refused(ConnectRefusal::NotAuthorized)),
        (naming(mutual(), "http/1.1"), LinkError::ClosedBeforeConnack),
        (
            naming(signed(&double, credentials()), "x-amzn-mqtt-ca"),
            LinkError::WebSocket(WebSocketError::ClosedBeforeUpgrade),
        ),
    ] {
        let mut driver = Driver::new(options).unwrap();
        driver.start();
        assert_eq!(failure(&mut driver), why);
    }
}

#[test]
fn a_websocket_without_tls_carries_mqtt_too() {
    let double = double(Visitors::new().unsigned());
    let endpoint = format!("127.0.0.1:{}", double.plain_port().unwrap());
    let options = Options::plain(&endpoint, "visitor").unwrap().with_websocket(WebSocketConfig::new());
    round_trip(fast(options));
    let elsewhere = Options::plain(&endpoint, "visitor").unwrap();
    let elsewhere = fast(elsewhere.with_websocket(WebSocketConfig::new().with_path("/elsewhere")));
    let mut driver = Driver::new(elsewhere).unwrap();
    driver.start();
    assert_eq!(failure(&mut driver), LinkError::WebSocket(WebSocketError::Refused { status: 404, kind: None }));
}

#[test]
fn the_server_may_call_itself_otherwise_than_the_way_to_it() {
    let double = Double::options()
        .visitors(Visitors::new().access_key(ID, SECRET))
        .server_names(&["iot.example.com"])
        .require_sni(true)
        .start()
        .unwrap();
    let mut options = signed(&double, credentials());
    let crate::runtime::Security::Tls(tls) = &mut options.security else { panic!("TLS") };
    *tls = tls.clone().with_server_name("iot.example.com").unwrap();
    round_trip(options);
    let mut driver = Driver::new(signed(&double, credentials())).unwrap();
    driver.start();
    let error = failure(&mut driver);
    assert!(matches!(error, LinkError::Tls(crate::runtime::TlsError::WrongName { .. })), "{error:?}");
}
