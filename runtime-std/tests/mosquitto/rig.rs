//! What the tests have in common.

use std::thread;
use std::time::{Duration, Instant};

use thingwire_sim::mosquitto::{Mosquitto, MosquittoOptions, MosquittoTls};

use crate::runtime::{
    Client, Drain, Filter, Jitter, LinkError, Message, Notice, Notices, Options, Outcome, Publish, Qos, Subscription,
    Topic,
};

/// Longer than anything takes that works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// A broker with a port for plain TCP.
pub(crate) fn broker() -> Mosquitto {
    Mosquitto::start(MosquittoOptions::default()).unwrap()
}

/// A broker with a port for TLS only.
pub(crate) fn tls_broker(tls: MosquittoTls) -> Mosquitto {
    Mosquitto::start(MosquittoOptions { plain: false, tls: Some(tls), ..MosquittoOptions::default() }).unwrap()
}

/// Where the broker serves plain TCP.
pub(crate) fn plain_endpoint(broker: &Mosquitto) -> String {
    format!("127.0.0.1:{}", broker.plain_port().unwrap())
}

/// Where the broker serves TLS, by a name that is in its certificate.
pub(crate) fn tls_endpoint(broker: &Mosquitto) -> String {
    format!("localhost:{}", broker.tls_port().unwrap())
}

/// A client over plain TCP with a clean session.
pub(crate) fn plain(broker: &Mosquitto, client_id: &str) -> Options {
    fast(Options::plain(&plain_endpoint(broker), client_id).unwrap())
}

/// A client over plain TCP whose session the broker keeps.
pub(crate) fn persistent(broker: &Mosquitto, client_id: &str) -> Options {
    plain(broker, client_id).with(|config| config.clean_session = false)
}

/// The same options with short waits and a queue for any number of operations.
pub(crate) fn fast(options: Options) -> Options {
    options.with(|config| {
        config.backoff.base = Duration::from_millis(50);
        config.backoff.max = Duration::from_millis(200);
        config.backoff.stable = Duration::from_secs(1);
        config.backoff.floor = Duration::ZERO;
        config.limits.connect_spacing = Duration::ZERO;
        config.limits.publishes_per_second_max = None;
        config.limits.bytes_per_second_max = None;
        config.drain = Drain::Unlimited;
        config.queue.count_max = None;
    })
}

/// The same options for a client that does not come back: its next attempt is later than the end of any test.
pub(crate) fn once(options: Options) -> Options {
    options.with(|config| {
        config.backoff.base = PATIENCE;
        config.backoff.max = PATIENCE;
        config.backoff.stable = 2 * PATIENCE;
        config.backoff.jitter = Jitter::None;
    })
}

/// A client that is ready.
pub(crate) fn ready(options: Options) -> Client {
    let client = Client::connect(options).unwrap();
    client.wait_ready_or_error(PATIENCE).unwrap();
    client
}

/// Why the first attempt fails. Every reason is one line.
pub(crate) fn refusal(options: Options) -> LinkError {
    let client = Client::connect(options).unwrap();
    let not_ready = client.wait_ready_or_error(PATIENCE).expect_err("it must not be accepted");
    let error = not_ready.last_error.expect("a reason");
    let text = error.to_string();
    assert!(!text.is_empty() && !text.contains('\n'), "{text:?}");
    error
}

pub(crate) fn topic(text: &str) -> Topic {
    Topic::new(text).unwrap()
}

pub(crate) fn filter(text: &str) -> Filter {
    Filter::new(text).unwrap()
}

/// A QoS 1 message.
pub(crate) fn publish(to: &str, payload: impl Into<Vec<u8>>) -> Publish {
    Publish::new(topic(to), payload.into())
}

/// Subscribes with QoS 1, and waits until the broker has granted that.
pub(crate) fn subscribe(client: &Client, to: &str) -> Subscription {
    subscribe_with(client, to, Qos::AtLeastOnce)
}

pub(crate) fn subscribe_with(client: &Client, to: &str, qos: Qos) -> Subscription {
    let subscription = client.subscribe(filter(to), qos).unwrap();
    assert_eq!(subscription.granted(PATIENCE), Some(Outcome::Subscribed(vec![Some(qos)])));
    subscription
}

/// Publishes, and waits until the broker has acknowledged it.
pub(crate) fn deliver(client: &Client, publish: Publish) {
    assert_eq!(client.publish(publish).unwrap().wait(PATIENCE), Some(Outcome::Acked));
}

/// The next message.
pub(crate) fn receive(subscription: &Subscription) -> Message {
    subscription.recv(PATIENCE).expect("a message")
}

/// The payload of the next message, which has to be text.
pub(crate) fn receive_text(subscription: &Subscription) -> String {
    text(&receive(subscription))
}

pub(crate) fn text(message: &Message) -> String {
    String::from_utf8(message.payload.to_vec()).unwrap()
}

/// Passes over notices until one fits.
pub(crate) fn notice<T>(notices: &Notices, fits: impl Fn(&Notice) -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    let mut seen = Vec::new();
    while let Some(left) = deadline.checked_duration_since(Instant::now()) {
        let Some(notice) = notices.recv(left) else { break };
        if let Some(found) = fits(&notice) {
            return found;
        }
        seen.push(notice);
    }
    panic!("the notice did not come; these did: {seen:?}");
}

/// Whether the broker has kept the session, at the next acceptance.
pub(crate) fn online(notices: &Notices) -> bool {
    notice(notices, |notice| if let Notice::Online { resumed } = notice { Some(*resumed) } else { None })
}

/// Why the link was lost.
pub(crate) fn offline(notices: &Notices) -> LinkError {
    notice(notices, |notice| if let Notice::Offline { why, .. } = notice { why.clone() } else { None })
}

/// Waits for [`Notice::Ready`].
pub(crate) fn ready_again(notices: &Notices) {
    notice(notices, |notice| (*notice == Notice::Ready).then_some(()));
}

/// Waits until the broker has logged `text`, and gives all that it has logged.
pub(crate) fn logged(broker: &Mosquitto, text: &str) -> Vec<String> {
    until(|| broker.log().iter().any(|line| line.contains(text)), || format!("{text:?} is not in {:#?}", broker.log()));
    broker.log()
}

/// Waits for what nobody tells about.
pub(crate) fn until(done: impl Fn() -> bool, otherwise: impl Fn() -> String) {
    /// How often it is looked at.
    const PERIOD: Duration = Duration::from_millis(2);
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "{}", otherwise());
        thread::sleep(PERIOD);
    }
}
