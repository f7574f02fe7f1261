//! Requests to device shadows: each has one end, and calls from inside callbacks are as good as others.

use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};
use thingwire_sim::double::Double;
use thingwire_sim::plan::Span;
use thingwire_sim::shadow::{Mood, ShadowMessage, ShadowName, Whim};

use super::support::{PATIENCE, double, plain};
use crate::runtime::{
    Client, Delivery, Deltas, Document, Outcome, Refusal, Shadow, ShadowError, ShadowEvents, ShadowOperation,
    ShadowPending, ShadowRequest, ShadowUpdate, Unsent, WhenOffline,
};

/// Long enough to be the end of a request that nobody answers, and not of the test's patience.
const SHORT: Duration = Duration::from_millis(100);

/// A client that is ready, with the shadow of its thing.
pub(crate) fn pump(double: &Double) -> (Client, Shadow) {
    let client = Client::connect(plain(double, "pump")).unwrap();
    client.wait_ready(PATIENCE).unwrap();
    let shadow = client.shadow("pump").unwrap().timeout(PATIENCE);
    (client, shadow)
}

pub(crate) fn reported(state: &Value) -> ShadowUpdate {
    ShadowUpdate::reported(state).unwrap()
}

pub(crate) fn desired(state: &Value) -> ShadowUpdate {
    ShadowUpdate::desired(state).unwrap()
}

/// No answer is ever published.
fn silence(double: &Double) {
    double.change_shadows(|service| service.begin_mood(1, Mood::always(ShadowMessage::Any, Whim::Drop)));
}

fn state(double: &Double) -> Option<Value> {
    double.shadow(&ShadowName::classic("pump").unwrap()).map(|mut shadow| shadow["state"].take())
}

fn status(answer: Result<Document, ShadowError>) -> Option<u16> {
    answer.expect_err("rejected").status()
}

#[test]
fn the_service_answers_each_request() {
    let double = double();
    let (client, shadow) = pump(&double);
    assert_eq!(status(shadow.get().unwrap().answer()), Some(404));
    let made = shadow.update(reported(&json!({ "flow": 3.5, "serial": u64::MAX }))).unwrap().answer().unwrap();
    assert_eq!((made.version, made.desired), (Some(1), None));
    assert_eq!(made.reported.unwrap().get::<u64>("serial"), Some(Ok(u64::MAX)));

    let named = client.named_shadow("pump", "config").unwrap();
    assert_eq!(named.update(desired(&json!({ "on": true }))).unwrap().answer().unwrap().version, Some(1));
    assert_eq!(named.name().to_string(), "pump/config");

    let stale = shadow.update(reported(&json!({ "flow": 4 })).version(9)).unwrap();
    assert_eq!(stale.wait(PATIENCE).map(status), Some(Some(409)));
    let document = shadow.get().unwrap().answer().unwrap();
    let reported = document.reported.unwrap();
    assert_eq!((document.version, reported.get::<f64>("flow")), (Some(1), Some(Ok(3.5))));
    assert_eq!(reported.parse::<Value>().unwrap(), json!({ "flow": 3.5, "serial": u64::MAX }));

    assert_eq!(shadow.delete().unwrap().answer().unwrap().version, Some(1));
    assert_eq!(state(&double), None);
    assert_eq!(double.violations(), []);
}

#[test]
fn as_many_requests_as_there_is_room_for_each_get_their_own_answer() {
    let double = double();
    let (client, shadow) = pump(&double);
    let first = shadow.get().unwrap();
    let second = shadow.get().unwrap();
    assert!(!first.token().is_empty() && first.token() != second.token());
    let updates: Vec<_> = (1..=50).map(|n| (n, shadow.update(reported(&json!({ "n": n }))).unwrap())).collect();
    for (n, update) in updates {
        assert_eq!(update.answer().unwrap().reported.unwrap().get::<u32>("n"), Some(Ok(n)));
    }
    let request = ShadowRequest::get(shadow.name().clone()).token("mine").timeout(PATIENCE);
    let asked = client.ask_shadow(request).unwrap();
    assert_eq!((asked.token(), asked.answer().unwrap().client_token.as_deref()), ("mine", Some("mine")));
    assert_eq!(double.violations(), [], "the service takes ten at a time");
}

#[test]
fn a_refused_request_comes_back() {
    let double = double();
    let (client, shadow) = pump(&double);
    let long = reported(&json!({ "text": "x".repeat(9_000) }));
    let refused = shadow.update(long.clone()).expect_err("too long for a shadow");
    assert!(matches!(refused.why, Refusal::ShadowTooLong { max: 8_192, .. }));
    assert_eq!(refused.value.operation, ShadowOperation::Update(Box::new(long)));

    assert!(client.stop(PATIENCE));
    let refused = shadow.get().expect_err("there is no connection");
    assert_eq!((refused.why, &refused.value.shadow), (Refusal::Offline, shadow.name()));
    assert!(client.shadow("no thing").is_err() && client.named_shadow("pump", "no/name").is_err());
}

#[test]
fn without_a_connection_requests_wait_if_they_are_told_to_and_end_all_the_same() {
    let double = double();
    let client = Client::new(plain(&double, "pump")).unwrap();
    let shadow = client.shadow("pump").unwrap().when_offline(WhenOffline::Wait);
    let hopeless = shadow.clone().timeout(SHORT).get().unwrap();
    assert_eq!(hopeless.wait(Duration::ZERO), None);
    assert_eq!(hopeless.answer(), Err(ShadowError::Unsent(Unsent::Offline)));
    let patient = shadow.timeout(PATIENCE).update(reported(&json!({ "flow": 1 }))).unwrap();
    let withdrawn = client.shadow("pump").unwrap().when_offline(WhenOffline::Wait).get().unwrap();
    assert!(client.discard(withdrawn.ticket()));
    assert_eq!(withdrawn.answer(), Err(ShadowError::Other(Outcome::Discarded)));
    client.start();
    assert_eq!(patient.answer().unwrap().version, Some(1));
}

#[test]
fn an_answer_that_does_not_come_is_a_timeout_and_no_later_answer_changes_that() {
    let double = double();
    let (_client, shadow) = pump(&double);
    let late = Whim::Delay(Span(SHORT * 4));
    double.change_shadows(move |service| {
        service.begin_mood(1, Mood { count: 1, ..Mood::always(ShadowMessage::Accepted, late) });
    });
    let update = shadow.clone().timeout(SHORT).update(reported(&json!({ "flow": 1 }))).unwrap();
    assert_eq!(update.answer(), Err(ShadowError::TimedOut));
    let next = shadow.get().unwrap();
    assert_eq!(next.answer().unwrap().version, Some(1), "it was done all the same");
    assert_eq!(update.try_answer(), Some(Err(ShadowError::TimedOut)));
}

#[test]
fn an_answer_that_cannot_be_read_answers_nobody() {
    let double = double();
    let (_client, shadow) = pump(&double);
    // Without its end an answer has no token either, so nobody can tell whose it is.
    double.change_shadows(|service| service.begin_mood(1, Mood::always(ShadowMessage::Accepted, Whim::Garbled)));
    let garbled = shadow.clone().timeout(SHORT).update(reported(&json!({ "flow": 1 }))).unwrap();
    assert_eq!(garbled.answer(), Err(ShadowError::TimedOut));
    double.change_shadows(|service| service.end_mood(1));
    assert_eq!(shadow.get().unwrap().answer().unwrap().version, Some(1));
}

#[test]
fn callbacks_of_answers_may_use_the_shadow_block_and_panic() {
    let double = double();
    let (_client, shadow) = pump(&double);
    let (sender, ended) = mpsc::channel();
    shadow.update(reported(&json!({ "n": 1 }))).unwrap().on_done(|_| panic!("this panic is part of the test"));
    let inner = shadow.clone();
    shadow.get().unwrap().on_done(move |answer| {
        assert!(answer.is_ok());
        // Re-entrant and blocking.
        sender.send(inner.update(reported(&json!({ "n": 2 }))).unwrap().answer().unwrap().version).unwrap();
    });
    assert_eq!(ended.recv_timeout(PATIENCE), Ok(Some(2)));
    assert_eq!(shadow.get().unwrap().answer().unwrap().version, Some(2), "nobody was hurt");
}

#[test]
fn a_callback_of_a_timeout_may_use_the_shadow() {
    // Case 55 ★: with v1 this is a deadlock for ever.
    let double = double();
    let (_client, shadow) = pump(&double);
    silence(&double);
    let (sender, ended) = mpsc::channel();
    let inner = shadow.clone();
    let talk = double;
    shadow.timeout(SHORT).get().unwrap().on_done(move |answer| {
        talk.change_shadows(|service| service.end_mood(1));
        let again = inner.update(reported(&json!({ "n": 1 }))).unwrap().answer();
        sender.send((answer, again.unwrap().version)).unwrap();
    });
    assert_eq!(ended.recv_timeout(PATIENCE), Ok((Err(ShadowError::TimedOut), Some(1))));
}

#[test]
fn a_request_survives_a_lost_connection() {
    let double = double();
    let (client, shadow) = pump(&double);
    double.freeze(true);
    let get = shadow.get().unwrap();
    let update = shadow.update(reported(&json!({ "n": 1 }))).unwrap();
    let notices = client.notices();
    double.drop_connections();
    double.freeze(false);
    assert!(update.answer().is_ok());
    // It may have been before the update, and it may have been after it.
    assert!(matches!(get.answer(), Ok(_) | Err(ShadowError::Rejected(_))));
    assert!(notices.try_recv().is_some(), "the connection was lost");
}

#[test]
fn handles_may_be_dropped_at_every_stage() {
    let double = double();
    let (client, shadow) = pump(&double);
    drop(shadow.update(reported(&json!({ "n": 1 }))).unwrap());
    drop(shadow.deltas().unwrap());
    let granted = shadow.watch(|watch| watch.documents(true)).unwrap();
    assert!(matches!(granted.granted(PATIENCE), Some(Outcome::Subscribed(_))));
    drop(granted);
    assert_eq!(shadow.get().unwrap().answer().unwrap().version, Some(1), "what nobody waited for was done");

    silence(&double);
    let pending = shadow.get().unwrap();
    let (sender, ended) = mpsc::channel();
    shadow.get().unwrap().on_done(move |answer| sender.send(answer).unwrap());
    let events = shadow.watch(|watch| watch).unwrap();
    drop((client, shadow));
    assert_eq!(pending.answer(), Err(ShadowError::Gone));
    assert_eq!(pending.wait(Duration::ZERO), Some(Err(ShadowError::Gone)));
    assert_eq!(ended.recv_timeout(PATIENCE), Ok(Err(ShadowError::Gone)));
    assert_eq!(events.count(), 0, "it is over");
    assert_eq!(double.violations(), []);
}

#[test]
fn a_stopped_client_ends_its_requests_by_their_deadlines() {
    let double = double();
    let (client, shadow) = pump(&double);
    silence(&double);
    let published = shadow.clone().timeout(SHORT).get().unwrap();
    assert!(client.stop(PATIENCE));
    let waiting = shadow.clone().when_offline(WhenOffline::Wait).timeout(SHORT).get().unwrap();
    assert_eq!(waiting.answer(), Err(ShadowError::Unsent(Unsent::Offline)));
    assert!(matches!(published.answer(), Err(ShadowError::TimedOut | ShadowError::Unsent(_))));
    double.change_shadows(|service| service.end_mood(1));
    client.start();
    client.wait_ready(PATIENCE).unwrap();
    assert_eq!(status(shadow.get().unwrap().answer()), Some(404));
}

#[test]
fn handles_go_from_thread_to_thread() {
    fn check<T: Send + Sync>() {}
    check::<Shadow>();
    check::<ShadowPending>();
    check::<ShadowEvents>();
    check::<Deltas>();
    check::<Delivery>();
}
