//! A run with shadows, with one thing changed: each oracle sees what it is there for.

use core::time::Duration;

use thingwire_core::{Notice, Outcome, ShadowEvent};
use thingwire_sim::oracle::{Judge, Rulebook};
use thingwire_sim::plan::Plan;
use thingwire_sim::run::run;
use thingwire_sim::scenario;
use thingwire_sim::trace::shadow::{Says, Verb};
use thingwire_sim::trace::{Name, Observer, Operation, Packet, Record, What};

type Records = Vec<Record>;

/// Requests, a watch, an answer that is lost, and nothing else that is wrong.
fn life() -> (Plan, Records) {
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
    (plan, run.trace.unwrap().records)
}

fn judged(plan: &Plan, records: &Records, change_rules: fn(&mut Rulebook)) -> Vec<&'static str> {
    let mut rules = Rulebook::new(plan.client.to_config(0));
    change_rules(&mut rules);
    let mut judge = Judge::new(vec![rules]);
    for record in records {
        judge.observe(record);
    }
    let verdict = judge.finish(records.last().unwrap().at);
    verdict.findings.iter().map(|finding| finding.oracle).collect()
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

/// What is broken, which oracle has to see it, and how it is broken.
type Mutation = (&'static str, &'static str, fn(&mut Records));

#[test]
fn each_defect_is_seen_by_the_oracle_that_is_there_for_it() {
    let (plan, records) = life();
    let mutations: [Mutation; 13] = [
        ("S25", "an answer is not told", |r| drop(r.remove(place(r, accepted)))),
        ("S25", "a request ends without an answer", |r| {
            let at = place(r, timed_out);
            let ended = r.iter().find(|record| accepted(&record.what)).unwrap().clone();
            let (What::Finished { outcome, .. }, What::Finished { outcome: other, .. }) = (&mut r[at].what, ended.what)
            else {
                unreachable!()
            };
            *outcome = other;
        }),
        ("S25", "the answer has another token", |r| {
            let at = place(r, |what| text(what, |says| says == Says::Accepted(Verb::Get)));
            let What::Shadow(text) = &mut r[at].what else { unreachable!() };
            text.token = Some(Name(7));
        }),
        ("S25", "the answer is about another shadow", |r| {
            let at = place(r, |what| text(what, |says| matches!(says, Says::Accepted(_))));
            let What::Shadow(text) = &mut r[at].what else { unreachable!() };
            text.shadow = Name(7);
        }),
        ("S25", "a request times out too early", |r| {
            let at = place(r, timed_out);
            let mut ended = r.remove(at);
            ended.at = r[at - 40].at;
            r.insert(at - 40, ended);
        }),
        ("S25", "what was published is said to be unsent", |r| {
            let at = place(r, timed_out);
            let What::Finished { outcome, .. } = &mut r[at].what else { unreachable!() };
            *outcome = Outcome::Unsent(thingwire_core::Unsent::Offline);
        }),
        ("L5", "a request never ends", |r| drop(r.remove(place(r, timed_out)))),
        ("S26", "a delta is told twice", |r| {
            let at = place(r, delta);
            r.insert(at, r[at].clone());
        }),
        ("S26", "a delta is not told", |r| {
            let last = r.iter().rposition(|record| delta(&record.what)).unwrap();
            r.remove(last);
        }),
        ("S27", "the subscription to the answers is not granted", |r| drop(r.remove(place(r, suback)))),
        ("S27", "the subscription to the answers is ended too early", |r| {
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
        ("S10", "a request that nobody made is published", |r| {
            let asked = |what: &What| matches!(what, What::Accepted { operation: Operation::Shadow(_), .. });
            drop(r.remove(place(r, asked)));
        }),
        ("L10", "the service has another version at the end", |r| {
            let at = place(r, |what| matches!(what, What::Stands(..)));
            let What::Stands(_, Some((version, _))) = &mut r[at].what else { unreachable!() };
            *version += 1;
        }),
    ];
    for (oracle, name, change) in mutations {
        let mut changed = records.clone();
        change(&mut changed);
        let found = judged(&plan, &changed, |_| {});
        assert!(found.contains(&oracle), "{name}: {found:?}");
    }
    assert_eq!(judged(&plan, &records, |_| {}), Vec::<&str>::new());
    let found = judged(&plan, &records, |rules| rules.config.requests.in_flight_max = 1);
    assert!(found.contains(&"S28"), "{found:?}");
    let found = judged(&plan, &records, |rules| rules.config.requests.timeout = Duration::from_secs(10));
    assert_eq!(found, Vec::<&str>::new());
}
