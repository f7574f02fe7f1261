//! A run with shadows, with one thing changed: each oracle sees what it is there for.

use core::time::Duration;

use thingwire_core::{Notice, Outcome, ShadowEvent};
use thingwire_sim::oracle::{Oracle, Rulebook};
use thingwire_sim::run::run;
use thingwire_sim::scenario;
use thingwire_sim::trace::shadow::{Says, Verb};
use thingwire_sim::trace::{Name, Operation, Packet, Record, What};

use crate::right::judge;

type Records = Vec<Record>;

/// Requests, a watch, an answer that is lost, and nothing else that is wrong.
pub(crate) fn life() -> (Records, Rulebook) {
    let text = r#"
        name = "shadows"
        duration = "2m"
        heal = "10m"
        client = { keep-subscriptions = false }
        workload = [
            { kind = "shadow", every = "1s", burst = 4 },
            { kind = "cloud", every = "2s" },
        ]
        fault = [{ at = "30s", for = "20s", do = { shadows = { to = "accepted", every = 2, how = "drop" } } }]
    "#;
    let plan = scenario::read("shadows", text, Some(5)).unwrap().plan;
    let run = run(&plan, true).unwrap();
    assert_eq!(run.findings, []);
    (run.trace.unwrap().records, Rulebook::new(plan.client.to_config(0)))
}

fn judged(records: &Records, rules: &Rulebook) -> Vec<&'static str> {
    judge(records, rules).findings.iter().map(|finding| finding.oracle).collect()
}

fn place(records: &Records, wanted: impl Fn(&What) -> bool) -> usize {
    records.iter().position(|record| wanted(&record.what)).unwrap()
}

fn accepted(what: &What) -> bool {
    matches!(what, What::Finished { outcome: Outcome::Accepted(_), .. })
}

fn timed_out(what: &What) -> bool {
    matches!(what, What::Finished { outcome: Outcome::TimedOut, .. })
}

fn delta(what: &What) -> bool {
    matches!(what, What::Told(Notice::Shadow(news)) if matches!(news.event, ShadowEvent::Delta(_)))
}

fn suback(what: &What) -> bool {
    matches!(what, What::Received(_, Packet::Suback(..)))
}

fn text(what: &What, wanted: impl Fn(Says) -> bool) -> bool {
    matches!(what, What::Shadow(text) if wanted(text.says))
}

/// Where a request is published that has no answer, and where it ends.
fn lost(records: &Records) -> (usize, usize) {
    let published =
        |lost| place(records, |what| text(what, |says| matches!(says, Says::Ask(_))) && ticket(what) == lost);
    let mut ends = (0..records.len()).filter(|&at| timed_out(&records[at].what));
    ends.find_map(|at| {
        let What::Finished { ticket: lost, .. } = records[at].what else { return None };
        records[..at].iter().any(|record| ticket(&record.what) == Some(lost)).then(|| (published(Some(lost)), at))
    })
    .unwrap()
}

/// The ticket that a message's token names.
fn ticket(what: &What) -> Option<u64> {
    if let What::Shadow(text) = what { text.ticket } else { None }
}

/// Which oracle has to see it, what is broken, and how.
pub(crate) type Mutation = (Oracle, &'static str, fn(&mut Records, &mut Rulebook));

pub(crate) const MUTATIONS: [Mutation; 14] = [
    (Oracle::S25, "an answer is not told", |r, _| drop(r.remove(place(r, accepted)))),
    (Oracle::S25, "a request ends without an answer", |r, _| {
        let at = place(r, timed_out);
        let ended = r.iter().find(|record| accepted(&record.what)).unwrap().clone();
        let (What::Finished { outcome, .. }, What::Finished { outcome: other, .. }) = (&mut r[at].what, ended.what)
        else {
            unreachable!()
        };
        *outcome = other;
    }),
    (Oracle::S25, "the answer has another token", |r, _| {
        let at = place(r, |what| text(what, |says| says == Says::Accepted(Verb::Get)));
        let What::Shadow(text) = &mut r[at].what else { unreachable!() };
        text.token = Some(Name(7));
    }),
    (Oracle::S25, "the answer is about another shadow", |r, _| {
        let at = place(r, |what| text(what, |says| matches!(says, Says::Accepted(_))));
        let What::Shadow(text) = &mut r[at].what else { unreachable!() };
        text.shadow = Name(7);
    }),
    (Oracle::S25, "a request times out too early", |r, _| {
        let (published, ended) = lost(r);
        let ended = r.remove(ended);
        r.insert(published + 2, Record { at: r[published].at, ..ended });
    }),
    (Oracle::S25, "what was published is said to be unsent", |r, _| {
        let at = place(r, timed_out);
        let What::Finished { outcome, .. } = &mut r[at].what else { unreachable!() };
        *outcome = Outcome::Unsent(thingwire_core::Unsent::Offline);
    }),
    (Oracle::L5, "a request never ends", |r, _| drop(r.remove(place(r, timed_out)))),
    (Oracle::S26, "a delta is told twice", |r, _| {
        let at = place(r, delta);
        r.insert(at, r[at].clone());
    }),
    (Oracle::S26, "a delta is not told", |r, _| {
        let last = r.iter().rposition(|record| delta(&record.what)).unwrap();
        r.remove(last);
    }),
    (Oracle::S27, "the subscription to the answers is not granted", |r, _| drop(r.remove(place(r, suback)))),
    (Oracle::S27, "the subscription to the answers is ended too early", |r, _| {
        let subscribe = |what: &What| matches!(what, What::Sent(_, Packet::Subscribe(..)));
        let ask = |what: &What| text(what, |says| matches!(says, Says::Ask(_)));
        let published = place(r, ask);
        let What::Sent(link, Packet::Subscribe(_, filters)) = r[place(r, subscribe)].what.clone() else {
            unreachable!()
        };
        let names = filters.iter().map(|(name, _)| *name).collect();
        let ended = What::Sent(link, Packet::Unsubscribe(60_000, names));
        r.insert(published + 2, Record { what: ended, ..r[published].clone() });
    }),
    (Oracle::S10, "a request that nobody made is published", |r, _| {
        let asked = |what: &What| matches!(what, What::Accepted { operation: Operation::Shadow(_), .. });
        drop(r.remove(place(r, asked)));
    }),
    (Oracle::L10, "the service has another version at the end", |r, _| {
        let at = place(r, |what| matches!(what, What::Stands(..)));
        let What::Stands(_, Some((version, _))) = &mut r[at].what else { unreachable!() };
        *version += 1;
    }),
    (Oracle::S28, "more requests are in flight than may be", |_, rules| rules.config.requests.in_flight_max = 1),
];

#[test]
fn each_defect_is_seen_by_the_oracle_that_is_there_for_it() {
    let (records, rules) = life();
    for (oracle, name, change) in MUTATIONS {
        let (mut changed, mut rules) = (records.clone(), rules.clone());
        change(&mut changed, &mut rules);
        let found = judged(&changed, &rules);
        assert!(found.contains(&oracle.id()), "{}: {name}: {found:?}", oracle.id());
    }
    assert_eq!(judged(&records, &rules), Vec::<&str>::new());
}

#[test]
fn a_request_is_held_to_its_own_deadline_alone() {
    let (records, mut rules) = life();
    rules.config.requests.timeout = Duration::from_secs(10);
    assert_eq!(judged(&records, &rules), Vec::<&str>::new());
}
