//! What the broker publishes for a client that vanishes.

use std::time::Instant;

use bytes::Bytes;

use crate::rig::{
    PATIENCE, broker, deliver, logged, offline, once, plain, publish, ready, receive, receive_text, subscribe, topic,
};
use crate::runtime::{Driver, LinkError, Notice, Options, Phase, Qos, Will};

fn with_will(options: Options, retain: bool) -> Options {
    options.with(|config| {
        let payload = Bytes::from_static(b"gone");
        config.will = Some(Will::new(topic("will/device"), payload).retain(retain));
    })
}

/// A client on this thread that is ready. Without a thread of its own it can vanish at any time.
fn driven(options: Options) -> Driver {
    let mut driver = Driver::new(options).unwrap();
    driver.start();
    let deadline = Instant::now() + PATIENCE;
    while driver.next(Some(PATIENCE)) != Some(Notice::Ready) {
        assert!(Instant::now() < deadline, "{:?}", driver.client().phase());
    }
    assert_eq!(driver.client().phase(), Phase::Ready);
    driver
}

#[test]
fn the_will_of_a_client_that_vanishes_is_delivered() {
    let broker = broker();
    let watcher = ready(plain(&broker, "watcher"));
    let wills = subscribe(&watcher, "will/#");
    drop(driven(with_will(plain(&broker, "device"), false)));
    let will = receive(&wills);
    assert_eq!((will.topic, &will.payload[..], will.qos), (topic("will/device"), &b"gone"[..], Qos::AtLeastOnce));
    assert!(!will.retain);
}

#[test]
fn a_retained_will_waits_for_later_subscribers() {
    let broker = broker();
    let watcher = ready(plain(&broker, "watcher"));
    let wills = subscribe(&watcher, "will/#");
    drop(driven(with_will(plain(&broker, "device"), true)));
    assert_eq!(receive_text(&wills), "gone");
    let later = ready(plain(&broker, "later"));
    let will = receive(&subscribe(&later, "will/#"));
    assert_eq!((&will.payload[..], will.retain), (&b"gone"[..], true));
}

#[test]
fn after_a_clean_stop_there_is_no_will() {
    let broker = broker();
    let watcher = ready(plain(&broker, "watcher"));
    let wills = subscribe(&watcher, "will/#");
    let stopped = ready(with_will(plain(&broker, "stopped"), false));
    assert!(stopped.stop(PATIENCE));
    // The last handle says goodbye too.
    drop(ready(with_will(plain(&broker, "dropped"), false)));
    for id in ["stopped", "dropped"] {
        logged(&broker, &format!("Client {id} disconnected."));
    }
    deliver(&watcher, publish("will/none", "no will"));
    assert_eq!(receive_text(&wills), "no will");
}

#[test]
fn the_will_of_a_client_that_is_pushed_off_is_delivered() {
    let broker = broker();
    let watcher = ready(plain(&broker, "watcher"));
    let wills = subscribe(&watcher, "will/#");
    let first = ready(once(with_will(plain(&broker, "device"), false)));
    let notices = first.notices();
    let _second = ready(plain(&broker, "device"));
    assert_eq!(offline(&notices), LinkError::Closed);
    assert_eq!(receive_text(&wills), "gone");
}
