//! A broker that dies, comes back, or stands still.

use std::collections::BTreeSet;
use std::time::Duration;

use thingwire_sim::mosquitto::{Mosquitto, MosquittoOptions};

use crate::rig::{
    PATIENCE, broker, deliver, notice, offline, online, persistent, plain, publish, ready, receive, receive_text,
    subscribe, until,
};
use crate::runtime::{Client, LinkError, Notice, Outcome, Pending, Subscription, TcpError};

const MESSAGES: usize = 50;

/// Messages on `t` that belong together.
struct Batch {
    payloads: Vec<String>,
    pending: Vec<Pending>,
}

impl Batch {
    fn publish(client: &Client, name: &str) -> Self {
        let payloads: Vec<_> = (0..MESSAGES).map(|number| format!("{name} {number}")).collect();
        let send = |payload: &String| client.publish(publish("t", payload.clone())).unwrap();
        Self { pending: payloads.iter().map(send).collect(), payloads }
    }

    fn assert_acknowledged(&self) {
        for pending in &self.pending {
            assert_eq!(pending.wait(PATIENCE), Some(Outcome::Acked));
        }
    }

    /// All of it was acknowledged and came, in order and once.
    fn assert_complete(&self, messages: &Subscription) {
        self.assert_acknowledged();
        for payload in &self.payloads {
            assert_eq!(receive_text(messages), *payload);
        }
    }

    /// All of it was acknowledged and came, some of it perhaps again.
    fn assert_nothing_lost(&self, messages: &Subscription) {
        self.assert_acknowledged();
        let mut missing: BTreeSet<_> = self.payloads.iter().cloned().collect();
        while !missing.is_empty() {
            missing.remove(&receive_text(messages));
        }
    }
}

/// Waits for an attempt that meets nobody.
fn unreachable(notice: &Notice) -> Option<()> {
    let refused = |why: &LinkError| matches!(why, LinkError::Tcp { why: TcpError::Refused, .. });
    matches!(notice, Notice::Failed { why: Some(why), .. } if refused(why)).then_some(())
}

#[test]
fn what_is_published_while_the_broker_is_dead_is_delivered_after_its_restart() {
    let mut broker = broker();
    let client = ready(plain(&broker, "client"));
    let messages = subscribe(&client, "t");
    let notices = client.notices();
    broker.kill().unwrap();
    let why = offline(&notices);
    assert!(matches!(why, LinkError::Closed | LinkError::Tcp { why: TcpError::Reset, .. }), "{why:?}");
    notice(&notices, unreachable);
    let batch = Batch::publish(&client, "message");
    notice(&notices, unreachable);
    assert_eq!(client.queued(), MESSAGES);

    broker.restart().unwrap();
    assert!(!online(&notices));
    batch.assert_complete(&messages);
    assert_eq!((client.queued(), client.in_flight()), (0, 0));
}

#[test]
fn what_was_in_flight_when_the_broker_died_is_delivered_after_its_restart() {
    let mut broker = broker();
    let client = ready(plain(&broker, "client"));
    let messages = subscribe(&client, "t");
    let notices = client.notices();
    // It takes the bytes and does nothing with them.
    broker.pause().unwrap();
    let batch = Batch::publish(&client, "message");
    until(|| client.in_flight() == MESSAGES, || format!("{} of {MESSAGES} are in flight", client.in_flight()));
    broker.kill().unwrap();
    offline(&notices);
    broker.restart().unwrap();
    batch.assert_complete(&messages);
}

#[test]
fn a_broker_that_saves_sessions_resumes_them_after_its_restart() {
    let options = MosquittoOptions { persistence: true, ..MosquittoOptions::default() };
    let mut broker = Mosquitto::start(options).unwrap();
    let client = ready(persistent(&broker, "client"));
    let messages = subscribe(&client, "t");
    deliver(&client, publish("state", "kept").retain(true));
    let notices = client.notices();
    broker.stop().unwrap();
    assert_eq!(offline(&notices), LinkError::Closed);
    let batch = Batch::publish(&client, "message");
    broker.restart().unwrap();
    assert!(online(&notices), "the session is resumed");
    batch.assert_complete(&messages);
    let state = receive(&subscribe(&client, "state"));
    assert_eq!((&state.payload[..], state.retain), (&b"kept"[..], true));
}

#[test]
fn restarts_in_the_middle_of_publishing_lose_nothing() {
    let options = MosquittoOptions { persistence: true, ..MosquittoOptions::default() };
    let mut broker = Mosquitto::start(options).unwrap();
    let client = ready(persistent(&broker, "client"));
    let messages = subscribe(&client, "t");
    let notices = client.notices();
    for round in ["first", "second", "third"] {
        let batch = Batch::publish(&client, round);
        // In good order: a killed one forgets what it has acknowledged a moment ago.
        broker.stop().unwrap();
        offline(&notices);
        broker.restart().unwrap();
        assert!(online(&notices), "the session is resumed");
        batch.assert_nothing_lost(&messages);
    }
}

#[test]
fn a_broker_that_stands_still_is_found_dead_by_the_keep_alive() {
    let broker = broker();
    let client = ready(persistent(&broker, "client").with(|config| config.keep_alive = Duration::from_secs(1)));
    let messages = subscribe(&client, "t");
    let notices = client.notices();
    broker.pause().unwrap();
    let batch = Batch::publish(&client, "message");
    assert_eq!(offline(&notices), LinkError::KeepAlive);
    broker.resume().unwrap();
    assert!(online(&notices), "the session is resumed");
    batch.assert_nothing_lost(&messages);
}

#[test]
fn pings_keep_a_quiet_link_alive() {
    let broker = broker();
    let client = ready(plain(&broker, "quiet").with(|config| config.keep_alive = Duration::from_secs(2)));
    let notices = client.notices();
    // Mosquitto drops a client after one and a half times the keep-alive.
    assert_eq!(notices.recv(Duration::from_secs(5)), None);
    let pings = broker.log().iter().filter(|line| line.contains("Received PINGREQ from quiet")).count();
    assert!(pings >= 2, "{pings}");
}
