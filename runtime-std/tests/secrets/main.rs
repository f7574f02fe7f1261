//! Whole runs with everything logged that anybody logs: no secret is in the log, in `Debug` output or in an error.

use std::fmt::{Debug, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

#[path = "../common/encrypted_key.rs"]
mod encrypted_key;

use thingwire_sim::double::{Double, Visitors};
use thingwire_sim::proxies::{Proxy, ProxyProgram};
use thingwire_std::thingwire_core::host;
use thingwire_std::{
    Authorizer, Credentials, CredentialsSource, Driver, Notice, Options, ProxyConfig, Publish, Qos, TlsConfig, Topic,
    WebSocketConfig,
};

const PATIENCE: Duration = Duration::from_secs(20);

const ID: &str = "ASIAEXAMPLE";
const SECRET: &str = "hidden-secret";
const TOKEN: &str = "hidden-token/+==";
const PASSPHRASE: &str = "hidden-passphrase";
/// `hidden-signature` in base64.
const SIGNATURE: &str = "aGlkZGVuLXNpZ25hdHVyZQ==";
/// Among them `proxyuser:hidden-proxy` in base64.
const SECRETS: [&str; 5] = ["hidden-", SIGNATURE, "cHJveHl1c2VyOmhpZGRlbi1wcm94eQ==", "X-Amz-", "PRIVATE KEY"];

static SAID: Mutex<String> = Mutex::new(String::new());

/// Remembers what everybody logs, at every level.
struct Everything;

impl log::Log for Everything {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        say(record.target(), &record.args());
    }

    fn flush(&self) {}
}

fn say(who: &str, what: &dyn Debug) {
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    writeln!(said, "{who}: {what:?}").expect("memory");
}

/// A message there and back, then a lost link, then the same with what the server does not take.
fn run(name: &str, double: &Double, right: Options, wrong: Options) {
    say(name, &right);
    say(name, &wrong);
    let quick = |options: Options| {
        options.with(|config| {
            config.backoff.base = Duration::from_millis(10);
            config.backoff.floor = Duration::ZERO;
            config.limits.connect_spacing = Duration::ZERO;
            config.user_name = Some("me".to_owned());
            config.password = Some("hidden-password".into());
        })
    };
    let mut driver = Driver::new(quick(right)).expect("valid");
    driver.start();
    until(&mut driver, |notice| *notice == Notice::Ready);
    let topic = Topic::new("t").expect("valid");
    driver.subscribe(vec![(topic.clone().into(), Qos::AtLeastOnce)]).expect("room");
    driver.publish(Publish::new(topic, "hidden-payload")).expect("room");
    until(&mut driver, |notice| matches!(notice, Notice::Message(_)));
    assert_eq!(double.drop_connections(), 1, "{name}");
    until(&mut driver, |notice| *notice == Notice::Ready);
    say(name, &driver);
    say(name, driver.client());
    driver.stop();
    until(&mut driver, |notice| *notice == Notice::Stopped);
    let mut driver = Driver::new(quick(wrong)).expect("valid");
    driver.start();
    until(&mut driver, |notice| matches!(notice, Notice::Failed { .. }));
}

/// Everything that is told on the way, but for the payload, is said.
fn until(driver: &mut Driver, is_it: impl Fn(&Notice) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let notice = driver.next(Some(deadline.saturating_duration_since(Instant::now()))).expect("in time");
        say("notice", &notice.to_string());
        if is_it(&notice) {
            return;
        }
    }
}

fn certificate() {
    let double = Double::start().expect("it starts");
    let dir = tempfile::tempdir().expect("a directory");
    let key = dir.path().join("encrypted.key");
    std::fs::write(&key, encrypted_key::encrypt(double.key_path(), PASSPHRASE)).expect("written");
    let identity = |passphrase: &str| host::encrypted_identity(double.cert_path(), &key, passphrase.as_bytes());
    say("wrong passphrase", &identity("hidden-other").expect_err("it is wrong"));
    let roots = host::roots(double.ca_path()).expect("PEM");
    let endpoint = double.endpoint().parse().expect("valid");
    let right = Options::tls(endpoint, "device", TlsConfig::mutual(identity(PASSPHRASE).expect("it is right"), roots));
    let wrong = Options::tls_from_path(&double.endpoint(), "stranger", double.ca_path()).expect("valid");
    run("certificate", &double, right, wrong);
}

fn websocket() {
    let double =
        Double::options().visitors(Visitors::new().temporary_key(ID, SECRET, TOKEN)).start().expect("it starts");
    for program in [ProxyProgram::Tinyproxy, ProxyProgram::Microsocks] {
        let proxy = Proxy::start(program, Some(("proxyuser", "hidden-proxy"))).expect("it starts");
        let options = |token: &'static str| {
            let ask = move || {
                let credentials = Credentials::new(ID, SECRET).and_then(|key| key.with_session_token(token));
                credentials
                    .map(|credentials| credentials.with_expiry(32_503_680_000))
                    .map_err(|error| error.to_string())
            };
            let websocket = WebSocketConfig::signed(CredentialsSource::from_fn(ask).cached()).with_region("eu-west-1");
            let options = Options::websocket_from_path(&double.endpoint(), "visitor", websocket, double.ca_path());
            options.expect("valid").with_proxy(ProxyConfig::parse(&proxy.url()).expect("a proxy"))
        };
        run("websocket", &double, options(TOKEN), options("hidden-old"));
        let mut elsewhere = options(TOKEN);
        elsewhere.proxy = Some(ProxyConfig::parse(&proxy.url_with("proxyuser:hidden-other@")).expect("a proxy"));
        run("proxy", &double, options(TOKEN), elsewhere);
    }
}

fn authorizer() {
    let visitors = Visitors::new().authorizer("gate", "ticket", "hidden-ticket", Some(SIGNATURE));
    let double = Double::options().visitors(visitors).start().expect("it starts");
    let options = |ticket: &str| {
        let authorizer = Authorizer::new("gate").with_token("ticket", ticket).with_signature(SIGNATURE);
        Options::authorizer_from_path(&double.endpoint(), "visitor", authorizer, double.ca_path()).expect("valid")
    };
    run("authorizer", &double, options("hidden-ticket"), options("hidden-other"));
    for in_query in [false, true] {
        let over_websocket = |ticket: &str| {
            let mut options =
                options(ticket).with_websocket(WebSocketConfig::new().with_header("X-More", "hidden-header"));
            options.authorizer = options.authorizer.map(|it| if in_query { it.in_query() } else { it });
            options
        };
        run("authorizer over WebSocket", &double, over_websocket("hidden-ticket"), over_websocket("hidden-other"));
    }
}

#[test]
fn nothing_that_is_secret_is_said_by_anybody() {
    log::set_logger(&Everything).expect("the first logger");
    log::set_max_level(log::LevelFilter::Trace);
    certificate();
    websocket();
    authorizer();
    let said = SAID.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for words in
        ["certificate: Options", "notice: \"online", "notice: \"WebSocket: ", "notice: \"proxy: ", "thingwire: "]
    {
        assert!(said.contains(words), "it was listened to: {words:?}");
    }
    // What the double says of its guests is its own affair, but it says nothing either.
    for secret in SECRETS {
        let line = said.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}
