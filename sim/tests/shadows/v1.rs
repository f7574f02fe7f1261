//! What `AWSIoTMQTTShadowClient` of the first Python SDK does wrong, each by the name of what went wrong.

use core::time::Duration;

use thingwire_core::{Notice, Outcome, ShadowEvent, ShadowRequest, ShadowUpdate, ShadowWatch};
use thingwire_sim::world::Hands;

use crate::script::{ends, events, lamp, nothing, run};

fn get(hands: &mut Hands<'_>) {
    hands.ask_shadow(ShadowRequest::get(lamp()).timeout(Duration::from_secs(2))).unwrap();
}

fn wanted_on(hands: &mut Hands<'_>) {
    let update = ShadowUpdate::from_json(r#"{"state":{"desired":{"on":true}}}"#).unwrap();
    hands.ask_shadow(ShadowRequest::update(lamp(), update)).unwrap();
}

fn watch(hands: &mut Hands<'_>) {
    hands.watch_shadow(ShadowWatch::deltas(lamp())).unwrap();
}

/// There was one callback for each kind of request: the second get took the first one's.
#[test]
fn two_gets_in_flight_both_have_their_answer() {
    let (_, told) = run("", &[(1_000, wanted_on), (2_000, get), (2_000, get)], nothing);
    let ends = ends(&told);
    assert_eq!(ends.len(), 3);
    assert!(ends.iter().all(|(_, _, outcome)| matches!(outcome, Outcome::Accepted(_))), "{ends:?}");
    assert_ne!(ends[1].1, ends[2].1);
}

/// The answer to an update has the version of the delta that it leaves, and came first: the delta was thrown away.
#[test]
fn a_delta_with_the_version_of_the_answer_before_it_is_told() {
    let faults = r#"fault = [{ at = "0s", for = "1m", do = { shadow-service = { order = "accepted-first" } } }]"#;
    let (_, told) = run(faults, &[(1_000, watch), (2_000, wanted_on)], nothing);
    let deltas = events(&told).into_iter().filter_map(|event| match event {
        ShadowEvent::Delta(delta) => Some(delta.version),
        _ => None,
    });
    assert_eq!(deltas.collect::<Vec<_>>(), [1]);
    let at = |wanted: fn(&Notice) -> bool| told.iter().position(|(_, notice)| wanted(notice)).unwrap();
    let answer = at(|notice| matches!(notice, Notice::Done { outcome: Outcome::Accepted(_), .. }));
    assert!(
        answer < at(|notice| matches!(notice, Notice::Shadow(news) if matches!(news.event, ShadowEvent::Delta(_))))
    );
}

/// A call from the callback of a timeout waited for itself.
#[test]
fn a_timeout_can_be_answered_with_another_request() {
    let faults = r#"fault = [{ at = "2s", for = "3s", do = { shadow-service = "absent" } }]"#;
    let again = |hands: &mut Hands<'_>, notice: &Notice| {
        if matches!(notice, Notice::Done { outcome: Outcome::TimedOut, .. }) {
            get(hands);
        }
    };
    let (_, told) = run(faults, &[(1_000, wanted_on), (2_500, get)], again);
    let outcomes: Vec<_> = ends(&told).into_iter().map(|(at, _, outcome)| (at, outcome)).collect();
    assert!(matches!(outcomes[0].1, Outcome::Accepted(_)));
    assert_eq!(outcomes[1], (Duration::from_millis(4_500), Outcome::TimedOut));
    // It was published while nobody listened.
    assert_eq!(outcomes[2], (Duration::from_millis(6_500), Outcome::TimedOut));
    assert!(matches!(outcomes[3].1, Outcome::Accepted(_)), "{outcomes:?}");
}

/// A late answer found a token that had been forgotten, or the next request.
#[test]
fn an_answer_after_the_timeout_is_nobodys() {
    let faults = r#"
        fault = [{ at = "2s", for = "1m", do = { shadows = { to = "accepted", count = 1, how = { delay = "5s" } } } }]"#;
    let (_, told) = run(faults, &[(1_000, wanted_on), (2_500, get), (7_400, get)], nothing);
    let outcomes: Vec<_> = ends(&told).into_iter().map(|(at, _, outcome)| (at, outcome)).collect();
    assert_eq!(outcomes[1], (Duration::from_millis(4_500), Outcome::TimedOut));
    assert!(matches!(&outcomes[2], (at, Outcome::Accepted(_)) if *at > Duration::from_millis(7_400)), "{outcomes:?}");
    assert_eq!(outcomes.len(), 3);
}

/// A request without an answer left its token behind, and kept its subscription for ever.
#[test]
fn a_lost_answer_costs_one_timeout_and_nothing_after_it() {
    let faults = r#"
        fault = [{ at = "2s", for = "1m", do = { shadows = { to = "accepted", count = 1, how = "drop" } } }]"#;
    let (_, told) = run(faults, &[(1_000, wanted_on), (2_500, get), (3_000, get), (10_000, get)], nothing);
    let outcomes: Vec<_> = ends(&told).into_iter().map(|(_, _, outcome)| outcome).collect();
    let accepted = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Accepted(_))).count();
    assert_eq!((outcomes.len(), accepted), (4, 3));
    assert!(outcomes.contains(&Outcome::TimedOut));
}
