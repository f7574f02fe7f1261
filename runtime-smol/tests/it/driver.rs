//! The driver over real sockets, against the double and against peers that misbehave.
use std::future::{Future, poll_fn};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::pin::pin;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use async_io::Timer;
use futures_lite::FutureExt;
use futures_lite::future::block_on;
use thingwire_sim::double::Double;
use thingwire_smol::{
    Config, Drain, Driver, Filter, LinkError, Message, Notice, Options, Outcome, Phase, Publish, Qos, Ticket, Topic,
};

const PATIENCE: Duration = Duration::from_secs(20);

fn quick(config: &mut Config) {
    config.backoff.base = Duration::from_millis(10);
    config.backoff.max = Duration::from_millis(50);
    config.backoff.stable = Duration::from_secs(1);
    config.backoff.floor = Duration::ZERO;
    config.limits.connect_spacing = Duration::ZERO;
    config.drain = Drain::Unlimited;
    config.limits.publishes_per_second_max = None;
    config.limits.bytes_per_second_max = None;
}

fn mutual_tls(double: &Double) -> Driver {
    let (cert, key, ca) = (double.cert_path(), double.key_path(), double.ca_path());
    let options = Options::mtls_from_path(&double.endpoint(), "smol", cert, key, ca).unwrap();
    Driver::new(options.with(quick)).unwrap()
}

fn plain(port: u16) -> Driver {
    Driver::new(Options::plain(&format!("127.0.0.1:{port}"), "smol").unwrap().with(quick)).unwrap()
}

/// The first notice that `pick` takes, within a bounded time.
async fn until<T>(driver: &mut Driver, mut pick: impl FnMut(&Notice) -> Option<T>) -> T {
    let wanted = async {
        loop {
            let notice = driver.next().await;
            if let Some(found) = pick(&notice) {
                return found;
            }
        }
    };
    let late = async {
        Timer::after(PATIENCE).await;
        panic!("nothing of the kind in {PATIENCE:?}")
    };
    wanted.or(late).await
}

async fn done(driver: &mut Driver, wanted: Ticket) -> Outcome {
    until(driver, |notice| match notice {
        Notice::Done { ticket, outcome } if *ticket == wanted => Some(outcome.clone()),
        _ => None,
    })
    .await
}

async fn message(driver: &mut Driver) -> Message {
    until(driver, |notice| if let Notice::Message(message) = notice { Some(message.clone()) } else { None }).await
}

async fn failure(driver: &mut Driver) -> LinkError {
    until(driver, |notice| match notice {
        Notice::Failed { why, .. } | Notice::Offline { why, .. } => why.clone(),
        _ => None,
    })
    .await
}

fn publish(driver: &mut Driver, payload: &str) -> Ticket {
    driver.publish(Publish::new(Topic::new("smol/t").unwrap(), payload.to_owned())).unwrap()
}

fn subscribe(driver: &mut Driver) -> Ticket {
    driver.subscribe(vec![(Filter::new("smol/#").unwrap(), Qos::AtLeastOnce)]).unwrap()
}

#[test]
fn a_message_goes_round_over_mutual_tls() {
    let double = Double::start().unwrap();
    let mut driver = mutual_tls(&double);
    block_on(async {
        let subscribed = subscribe(&mut driver);
        driver.start();
        assert_eq!(done(&mut driver, subscribed).await, Outcome::Subscribed(vec![Some(Qos::AtLeastOnce)]));
        let published = publish(&mut driver, "hello");
        assert_eq!(done(&mut driver, published).await, Outcome::Acked);
        assert_eq!(&message(&mut driver).await.payload[..], b"hello");
        driver.stop();
        until(&mut driver, |notice| (*notice == Notice::Stopped).then_some(())).await;
        assert_eq!(driver.client().phase(), Phase::Idle);
    });
    assert_eq!(double.violations(), []);
}

#[test]
fn large_payloads_go_round_in_both_directions() {
    let double = Double::start().unwrap();
    let mut driver = mutual_tls(&double);
    let payload = "x".repeat(120_000);
    block_on(async {
        subscribe(&mut driver);
        driver.start();
        for _ in 0..5 {
            publish(&mut driver, &payload);
        }
        for _ in 0..5 {
            assert_eq!(message(&mut driver).await.payload, payload);
        }
    });
}

#[test]
fn a_broken_connection_comes_back_with_its_subscriptions_and_loses_nothing() {
    let double = Double::start().unwrap();
    let mut driver = mutual_tls(&double);
    block_on(async {
        let subscribed = subscribe(&mut driver);
        driver.start();
        done(&mut driver, subscribed).await;
        for round in 0..5 {
            assert_eq!(double.drop_connections(), 1);
            let published = publish(&mut driver, &round.to_string());
            assert_eq!(done(&mut driver, published).await, Outcome::Acked);
        }
        let mut arrived = Vec::new();
        publish(&mut driver, "last");
        while arrived.last().is_none_or(|last| last != "last") {
            arrived.push(String::from_utf8(message(&mut driver).await.payload.to_vec()).unwrap());
        }
    });
    assert_eq!(double.violations(), []);
}

#[test]
fn the_future_may_be_dropped_at_any_await() {
    let double = Double::start().unwrap();
    let mut driver = mutual_tls(&double);
    block_on(async {
        subscribe(&mut driver);
        driver.start();
        let tickets: Vec<_> = (0..10).map(|n| publish(&mut driver, &n.to_string())).collect();
        let (mut acked, mut arrived) = (0, Vec::new());
        while acked < tickets.len() || arrived.len() < tickets.len() {
            // Polled once, then dropped wherever it stands.
            let notice = {
                let mut next = pin!(driver.next());
                poll_fn(|context| match next.as_mut().poll(context) {
                    Poll::Ready(notice) => Poll::Ready(Some(notice)),
                    Poll::Pending => Poll::Ready(None),
                })
                .await
            };
            match notice {
                Some(Notice::Done { outcome: Outcome::Acked, .. }) => acked += 1,
                Some(Notice::Message(message)) => arrived.push(message.payload),
                Some(Notice::Failed { why, .. } | Notice::Offline { why, .. }) => panic!("{why:?}"),
                _ => futures_lite::future::yield_now().await,
            }
        }
        assert_eq!(arrived, (0..10).map(|n| n.to_string()).collect::<Vec<_>>());
    });
}

#[test]
fn nobody_listening_is_said_with_the_address() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut driver = plain(port);
    driver.start();
    let why = block_on(failure(&mut driver)).to_string();
    assert!(why.starts_with(&format!("127.0.0.1:{port}: connection refused")), "{why}");
}

#[test]
fn a_host_that_does_not_resolve_is_said_by_name() {
    let mut driver = Driver::new(Options::plain("nowhere.invalid", "smol").unwrap()).unwrap();
    driver.start();
    let why = block_on(failure(&mut driver));
    assert!(matches!(&why, LinkError::Resolve { host, .. } if host == "nowhere.invalid"), "{why:?}");
}

#[test]
fn a_peer_that_closes_before_connack_is_told_apart() {
    let peer = peer(drop);
    let mut driver = plain(peer);
    driver.start();
    assert_eq!(block_on(failure(&mut driver)), LinkError::ClosedBeforeConnack);
}

#[test]
fn a_silent_peer_runs_into_the_connect_timeout() {
    let peer = peer(|mut stream| drop(stream.read_to_end(&mut Vec::new())));
    let options = Options::plain(&format!("127.0.0.1:{peer}"), "smol").unwrap();
    let mut driver =
        Driver::new(options.with(quick).with(|config| config.connect_timeout = Duration::from_millis(100))).unwrap();
    driver.start();
    let why = block_on(failure(&mut driver));
    assert!(matches!(why, LinkError::ConnectTimeout { .. }), "{why:?}");
}

#[test]
fn a_peer_that_takes_one_byte_at_a_time_gets_every_byte() {
    let peer = peer(|mut stream| {
        stream.write_all(&[0x20, 2, 0, 0]).unwrap();
        let mut byte = [0];
        let mut payload_bytes = 0_usize;
        while payload_bytes < 60_000 {
            stream.read_exact(&mut byte).unwrap();
            payload_bytes += usize::from(byte == [b'x']);
        }
        stream.write_all(&[0x40, 2, 0, 1]).unwrap();
        drop(stream.read_to_end(&mut Vec::new()));
    });
    let mut driver = plain(peer);
    driver.start();
    let published = publish(&mut driver, &"x".repeat(60_000));
    assert_eq!(block_on(done(&mut driver, published)), Outcome::Acked);
}

#[test]
fn a_server_that_still_sends_gets_to_read_the_goodbye() {
    let (verdict, verdicts) = std::sync::mpsc::channel();
    let peer = peer(move |mut stream| {
        stream.write_all(&[0x20, 2, 0, 0]).unwrap();
        let mut connect = [0; 18];
        stream.read_exact(&mut connect).unwrap();
        // The goodbye is there, and is left there until everything else is sent.
        stream.peek(&mut [0]).unwrap();
        let message = [&[0x30, 103, 0, 1, b'a'][..], &[b'x'; 100]].concat();
        let sent_all = (0..2_000).all(|_| stream.write_all(&message).is_ok());
        let mut rest = Vec::new();
        let ended = stream.read_to_end(&mut rest).is_ok();
        verdict.send((sent_all, ended, rest)).unwrap();
    });
    let mut driver = plain(peer);
    driver.start();
    block_on(async {
        until(&mut driver, |notice| (*notice == Notice::Ready).then_some(())).await;
        driver.stop();
        until(&mut driver, |notice| (*notice == Notice::Stopped).then_some(())).await;
    });
    assert_eq!(verdicts.recv_timeout(PATIENCE), Ok((true, true, vec![0xe0, 0])));
}

#[test]
fn what_is_encoded_is_told_although_the_socket_takes_nothing() {
    let (release, released) = std::sync::mpsc::channel::<()>();
    let peer = peer(move |mut stream| {
        stream.write_all(&[0x20, 2, 0, 0]).unwrap();
        // Reads nothing until the test is over.
        let _ = released.recv();
    });
    let mut driver = plain(peer);
    driver.start();
    block_on(async {
        until(&mut driver, |notice| (*notice == Notice::Ready).then_some(())).await;
        let payload = "x".repeat(4_000);
        let told = loop {
            let message = Publish::new(Topic::new("smol/t").unwrap(), payload.clone()).qos(Qos::AtMostOnce);
            driver.publish(message).unwrap();
            let told = async { Some(driver.next().await) };
            let late = async {
                Timer::after(Duration::from_millis(300)).await;
                None
            };
            if told.or(late).await.is_none() {
                break driver.client().queued() > 0;
            }
        };
        assert!(told, "an operation that was handed to the link has not ended");
    });
    drop(release);
}

/// A server that treats its first connection with `serve`; returns the port.
fn peer(serve: impl FnOnce(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || serve(listener.accept().unwrap().0));
    port
}

#[cfg(feature = "websocket")]
#[test]
fn a_signed_websocket_carries_mqtt_and_every_link_asks_for_credentials() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use thingwire_sim::double::Visitors;
    use thingwire_smol::{Credentials, CredentialsSource, WebSocketConfig};

    let visitors = Visitors::new().temporary_key("AKID", "secret", "token");
    let double = Double::options().visitors(visitors).start().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let source = CredentialsSource::from_fn({
        let asked = Arc::clone(&asked);
        move || {
            asked.fetch_add(1, Ordering::Relaxed);
            let credentials = Credentials::new("AKID", "secret").map_err(|error| error.to_string())?;
            credentials.with_session_token("token").map_err(|error| error.to_string())
        }
    });
    let websocket = WebSocketConfig::signed(source).with_region("eu-central-1");
    let options = Options::websocket_from_path(&double.endpoint(), "smol", websocket, double.ca_path()).unwrap();
    let mut driver = Driver::new(options.with(quick)).unwrap();
    driver.subscribe(vec![(Filter::new("t").unwrap(), Qos::AtLeastOnce)]).unwrap();
    driver.start();
    block_on(async {
        for round in 1..3 {
            until(&mut driver, |notice| (*notice == Notice::Ready).then_some(())).await;
            assert_eq!(asked.load(Ordering::Relaxed), round);
            driver.publish(Publish::new(Topic::new("t").unwrap(), "payload")).unwrap();
            assert_eq!(message(&mut driver).await.payload, "payload");
            assert_eq!(double.drop_connections(), 1);
        }
    });
    assert_eq!(double.violations(), []);
}
