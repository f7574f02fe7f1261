//! Subscribing and unsubscribing.

use std::fs;
use std::path::{Path, PathBuf};

use thingwire_sim::mosquitto::{Mosquitto, MosquittoOptions};

use crate::rig::{
    PATIENCE, broker, deliver, filter, logged, plain, publish, ready, ready_again, receive, receive_text, subscribe,
    subscribe_with, text,
};
use crate::runtime::{Outcome, Qos, Subscription};

#[test]
fn wildcards_match_as_the_broker_matches_them() {
    let broker = broker();
    let client = ready(plain(&broker, "client"));
    let topics = ["a", "a/b", "a/b/c", "/a", "b/a"];
    for (wanted, matching) in [
        ("a/#", &["a", "a/b", "a/b/c"][..]),
        ("+", &["a"]),
        ("+/+", &["a/b", "/a", "b/a"]),
        ("+/b/#", &["a/b", "a/b/c"]),
        ("/#", &["/a"]),
    ] {
        let messages = subscribe(&client, wanted);
        let end = subscribe(&client, "end/of/round");
        for to in topics {
            deliver(&client, publish(to, wanted));
        }
        deliver(&client, publish("end/of/round", ""));
        // The end comes last, so all others are there.
        receive(&end);
        let got: Vec<_> =
            std::iter::from_fn(|| messages.try_recv()).map(|message| message.topic.as_str().to_owned()).collect();
        assert_eq!(got, matching, "{wanted}");
        let filters = vec![filter(wanted), filter("end/of/round")];
        assert_eq!(client.unsubscribe(filters).unwrap().wait(PATIENCE), Some(Outcome::Unsubscribed));
    }
}

#[test]
fn one_request_may_ask_for_several_filters() {
    let broker = broker();
    let client = ready(plain(&broker, "client"));
    let filters = vec![(filter("a"), Qos::AtLeastOnce), (filter("b/+"), Qos::AtMostOnce)];
    let messages = client.subscribe_all(filters).unwrap();
    let granted = vec![Some(Qos::AtLeastOnce), Some(Qos::AtMostOnce)];
    assert_eq!(messages.granted(PATIENCE), Some(Outcome::Subscribed(granted)));
    for (to, qos) in [("a", Qos::AtLeastOnce), ("b/c", Qos::AtMostOnce)] {
        deliver(&client, publish(to, to));
        let message = receive(&messages);
        assert_eq!((message.topic.as_str(), message.qos), (to, qos));
    }
}

/// A broker may send a message once for each filter that it matches, as AWS does at times, or once for all of them, as
/// Mosquitto does unless told otherwise. Either way every subscription here gets it.
#[test]
fn overlapping_subscriptions_all_get_the_message() {
    let broker = broker();
    let client = ready(plain(&broker, "client"));
    let (exact, wide, other) = (subscribe(&client, "a/b"), subscribe(&client, "a/#"), subscribe(&client, "other"));
    deliver(&client, publish("a/b", "both"));
    deliver(&client, publish("a/c", "wide only"));
    deliver(&client, publish("other", "other"));
    assert_eq!(receive_text(&other), "other");
    assert_eq!(without_repeats(&exact), ["both"]);
    assert_eq!(without_repeats(&wide), ["both", "wide only"]);
}

/// What has arrived by now.
fn without_repeats(subscription: &Subscription) -> Vec<String> {
    let mut messages: Vec<_> = std::iter::from_fn(|| subscription.try_recv()).map(|message| text(&message)).collect();
    messages.dedup();
    messages
}

#[test]
fn a_second_subscription_to_the_same_filter_replaces_the_qos() {
    let broker = broker();
    let client = ready(plain(&broker, "client"));
    let first = subscribe_with(&client, "t", Qos::AtMostOnce);
    let second = subscribe(&client, "t");
    deliver(&client, publish("t", "x"));
    for subscription in [&first, &second] {
        assert_eq!(receive(subscription).qos, Qos::AtLeastOnce);
    }
    deliver(&client, publish("t", "y"));
    assert_eq!((receive_text(&first), receive_text(&second)), ("y".to_owned(), "y".to_owned()));
}

#[test]
fn after_unsubscribing_nothing_comes() {
    let broker = broker();
    let client = ready(plain(&broker, "client"));
    let (ended, kept) = (subscribe(&client, "ended"), subscribe(&client, "kept"));
    deliver(&client, publish("ended", "before"));
    assert_eq!(receive_text(&ended), "before");
    let unsubscribed = client.unsubscribe(vec![filter("ended"), filter("never/subscribed")]).unwrap();
    assert_eq!(unsubscribed.wait(PATIENCE), Some(Outcome::Unsubscribed));
    deliver(&client, publish("ended", "after"));
    deliver(&client, publish("kept", "kept"));
    assert_eq!(receive_text(&kept), "kept");
    assert_eq!(ended.try_recv(), None);
}

/// Where AWS would close the connection, Mosquitto acknowledges a publish that it drops.
#[test]
fn a_forbidden_subscription_is_refused_and_the_others_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Mosquitto::start(MosquittoOptions {
        extra: vec![
            format!("plugin {}", dynamic_security().display()),
            format!("plugin_opt_config_file {}", allow_only_open(dir.path()).display()),
        ],
        ..MosquittoOptions::default()
    });
    let broker = broker.unwrap();
    let client = ready(plain(&broker, "client"));
    let filters = vec![(filter("secret"), Qos::AtLeastOnce), (filter("open/#"), Qos::AtLeastOnce)];
    let messages = client.subscribe_all(filters).unwrap();
    assert_eq!(messages.granted(PATIENCE), Some(Outcome::Subscribed(vec![None, Some(Qos::AtLeastOnce)])));
    deliver(&client, publish("secret", "dropped"));
    deliver(&client, publish("open/door", "delivered"));
    assert_eq!(receive_text(&messages), "delivered");
}

/// Mosquitto's plugin for access control: its access list forbids no subscriptions.
fn dynamic_security() -> PathBuf {
    const NAME: &str = "mosquitto_dynamic_security.so";
    let inside = |dir: &str| fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let dirs = ["/usr/lib", "/usr/local/lib"].map(PathBuf::from).into_iter().chain(inside("/usr/lib"));
    let found = dirs.map(|dir| dir.join(NAME)).find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("{NAME} not found: it comes with Debian's mosquitto"))
}

fn allow_only_open(dir: &Path) -> PathBuf {
    let file = dir.join("access.json");
    let rules = r#"{
        "defaultACLAccess": {
            "publishClientSend": false, "publishClientReceive": true, "subscribe": false, "unsubscribe": true
        },
        "roles": [{
            "rolename": "open",
            "acls": [
                {"acltype": "subscribePattern", "topic": "open/#", "allow": true},
                {"acltype": "publishClientSend", "topic": "open/#", "allow": true}
            ]
        }],
        "groups": [{"groupname": "all", "roles": [{"rolename": "open"}], "clients": []}],
        "anonymousGroup": "all"
    }"#;
    fs::write(&file, rules).unwrap();
    file
}

/// AWS takes eight filters in one SUBSCRIBE and fifty in one connection.
#[test]
fn fifty_subscriptions_are_restored_in_several_requests() {
    let mut broker = broker();
    let client = ready(plain(&broker, "client"));
    let subscriptions: Vec<_> = (0..50).map(|number| subscribe(&client, &format!("t/{number}"))).collect();
    let notices = client.notices();
    broker.restart().unwrap();
    ready_again(&notices);
    for (number, subscription) in subscriptions.iter().enumerate() {
        deliver(&client, publish(&format!("t/{number}"), number.to_string()));
        assert_eq!(receive_text(subscription), number.to_string());
    }
    let log = logged(&broker, "Received PUBLISH from client");
    let requests = log.iter().filter(|line| line.contains("Received SUBSCRIBE from client")).count();
    assert_eq!(requests, 50_usize.div_ceil(8));
}
