//! What every type of the API can do.

use core::error::Error;
use core::fmt::Debug;
use std::collections::BTreeMap;

use bytes::Bytes;
use thingwire_core::thing::lines::{
    Codec, Compiled, Framer, LineComponent, Lines, Mistake, Mistakes, Pattern, Template,
};
use thingwire_core::thing::{
    Bound, BuildError, ComponentAction, Failure, MemoryError, Note, Policy, RuleError, Thing, ThingAction,
    ThingBuilder, ThingNotice, Unfit, WishError,
};
use thingwire_core::{
    AckToken, Action, Backoff, BackoffConfig, Client, Config, ConfigError, ConnectRefusal, Delta, Document, Documents,
    Drain, Filter, FrameError, Instant, Jitter, JsonError, Limits, Link, LinkError, Message, NameError, Notice,
    Outcome, PacketKind, Password, Phase, ProtocolError, ProxyError, Publish, QueueConfig, Refusal, Refused, Rejection,
    Reply, RequestConfig, Rng, Section, ShadowError, ShadowEvent, ShadowName, ShadowNotice, ShadowRequest,
    ShadowUpdate, ShadowWatch, Snapshot, Status, TcpError, Ticket, TimerKind, TlsError, Topic, TopicError, Totals,
    Unsent, UpdateError, WebSocketError, WebSocketFault, WhenFull, WhenOffline, Will, WrongType,
};

macro_rules! each {
    ($check:ident: $($type:ty),+ $(,)?) => { $($check::<$type>();)+ };
}

#[test]
fn machines_go_from_thread_to_thread() {
    fn check<T: Debug + Send + 'static>() {}
    each!(check: Client, Thing, ThingBuilder, Bound, LineComponent);
}

#[test]
fn values_are_shown_copied_and_shared() {
    fn check<T: Debug + Clone + Send + Sync + 'static>() {}
    each!(check:
        Action, AckToken, Backoff, BackoffConfig, Config, Delta, Document, Documents, Drain, Filter, Instant, Jitter, Limits,
        Link, Message, Notice, Outcome, PacketKind, Password, Phase, Publish, QueueConfig, Rejection, Reply, RequestConfig,
        Rng, Section, ShadowEvent, ShadowName, ShadowNotice, ShadowRequest, ShadowUpdate, ShadowWatch, Snapshot, Status,
        Ticket, TimerKind, Topic, Totals, WhenFull, WhenOffline, Will,
    );
    each!(check: Codec, ComponentAction, Failure, Framer, Lines, Note, Pattern, Policy, Template, ThingAction, ThingNotice);
}

#[test]
fn a_checked_table_is_shared() {
    fn check<T: Debug + Send + Sync + 'static>() {}
    each!(check: Compiled);
}

#[test]
fn errors_are_values_that_say_what_is_wrong() {
    fn check<T: Error + Clone + PartialEq + Send + Sync + 'static>() {}
    each!(check:
        ConfigError, ConnectRefusal, FrameError, JsonError, LinkError, NameError, ProtocolError, ProxyError, Refusal,
        Refused<Publish>, Rejection, ShadowError, Unsent, TcpError, TlsError, TopicError, UpdateError, WebSocketError, WebSocketFault, WrongType,
    );
    each!(check: BuildError, MemoryError, Mistake, Mistakes, RuleError, Unfit, WishError);
}

#[test]
fn a_payload_is_the_applications_and_not_shown() {
    const SAID: &[u8] =
        br#"{"state":{"desired":{"a":"hush"},"reported":{"a":"hush"},"delta":{"a":"hush"}},"version":7}"#;
    let [topic, json] = [Topic::new("a/b").unwrap(), Topic::new("a/c").unwrap()];
    let [answer, no] = [Bytes::from_static(SAID), Bytes::from_static(br#"{"code":400,"message":"","state":"hush"}"#)];
    let delta = br#"{"state":{"a":"hush"},"version":8}"#.to_vec();
    let documents = br#"{"current":{"state":{"desired":{"a":"hush"}},"version":2}}"#.to_vec();
    let publish = Publish::new(topic, "hush");
    let refused = Publish::new(Topic::new("$aws/x").unwrap(), "hush").retain(true);
    let mut client = Client::new(Config::new("device"), 1, Instant::EPOCH).unwrap();
    let shown = [
        format!("{publish:?}"),
        format!("{:?}", Will::new(json, "hush")),
        format!("{:?}", Document::parse(answer).unwrap()),
        format!("{:?}", Delta::parse(delta.into()).unwrap()),
        format!("{:?}", Documents::parse(documents.into()).unwrap()),
        format!("{:?}", Rejection::read(no)),
        format!("{:?}", ShadowUpdate::from_json(br#"{"state":{"reported":{"a":"hush"}}}"#).unwrap()),
        format!("{:?}", client.publish(Instant::EPOCH, refused)),
    ];
    for text in &shown {
        assert!(!text.contains("hush"), "{text}");
    }
    assert_eq!(
        shown[0],
        r#"Publish { topic: "a/b", qos: AtLeastOnce, retain: false, expires_in: None, payload: 4 bytes }"#
    );
    assert_eq!(shown[7], "Err(Refused { why: RetainOnReservedTopic, .. })");
}

#[test]
fn topics_and_filters_are_looked_up_by_their_text() {
    let (topic, filter) = (Topic::new("a/b").unwrap(), Filter::new("a/#").unwrap());
    assert!(topic == "a/b" && filter == *"a/#" && topic.as_ref() == "a/b");
    let handlers = BTreeMap::from([(topic, 1)]);
    assert_eq!(handlers.get("a/b"), Some(&1));
}
