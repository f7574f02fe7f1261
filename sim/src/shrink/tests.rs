use thingwire_core::Instant;

use super::*;
use crate::campaign::Kind;
use crate::oracle::Finding;
use crate::plan::{BrokerFault, ClientPlan, Fault, Network, OpKind, Span, Trigger, Workload};
use crate::profile;
use crate::run::Run;

/// Fails when there is a takeover, and at least `messages` of QoS 1 before the end.
fn runner(messages: u64) -> impl Fn(&Plan, bool) -> Run + Sync {
    move |plan, _| {
        let mut run = Run::default();
        let taken = plan.fault.iter().find(|fault| fault.fault == Fault::Broker(BrokerFault::Takeover));
        let by_work: u64 = plan
            .workload
            .iter()
            .map(|workload| match workload {
                Workload::Publish { qos: 1, every, count, .. } => {
                    let fits = u64::try_from(plan.duration.0.as_micros() / every.0.as_micros()).unwrap();
                    count.map_or(fits, |count| count.min(fits))
                }
                _ => 0,
            })
            .sum();
        let by_ops = plan.op.iter().filter(|op| matches!(op.kind, OpKind::Publish { qos: 1, .. })).count() as u64;
        if let (Some(fault), true) = (taken, by_work + by_ops >= messages) {
            let at = match fault.when {
                Trigger::At(at) => at.0,
                _ => Duration::from_secs(3),
            };
            let at = Instant::EPOCH + at;
            run.findings.push(Finding { at, device: 0, ..finding(&format!("took over {at:?}")) });
        }
        run
    }
}

fn finding(what: &str) -> Finding {
    Finding { oracle: "S1", at: Instant::EPOCH, device: 0, what: what.to_owned() }
}

fn failing(runner: Runner<'_>) -> (Plan, Signature) {
    let profile = profile::find("takeover").unwrap();
    (0..100)
        .find_map(|seed| {
            let plan = profile.plan(seed);
            let signature = attempt(&plan, false, runner).signature()?;
            (plan.fault.len() > 20).then_some((plan, signature))
        })
        .unwrap()
}

#[test]
fn what_has_nothing_to_do_with_the_failure_is_left_out() {
    let runner = runner(3);
    let (plan, signature) = failing(&runner);
    assert_eq!(signature.kind(), Kind::Safety);
    let mut told = Vec::new();
    let shrunk = shrink(&plan, &signature, &runner, Budget::default(), &mut |step| told.push(step.clone()));
    assert_eq!(told, shrunk.steps);
    assert!(!shrunk.cut_short && shrunk.runs < 500, "{} runs", shrunk.runs);
    let small = &shrunk.plan;
    assert_eq!(attempt(small, false, &runner).signature(), Some(signature));
    assert_eq!(small.fault.len(), 1, "{small:?}");
    assert_eq!((&small.client, small.network, small.devices), (&ClientPlan::default(), Network::default(), 1));
    assert_eq!((small.workload.len(), small.op.len()), (0, 3), "the few messages are operations");
    assert!(small.duration < Span::secs(120) && small.heal == Span::default(), "{small:?}");
    assert!(shrunk.steps.windows(2).all(|pair| pair[0].left.faults >= pair[1].left.faults));
}

#[test]
fn the_budget_is_kept_and_what_was_found_until_then_is_given() {
    let runner = runner(3);
    let (plan, signature) = failing(&runner);
    let budget = Budget { runs: 5, ..Budget::default() };
    let shrunk = shrink(&plan, &signature, &runner, budget, &mut |_| {});
    assert!(shrunk.cut_short && shrunk.runs <= 6, "{}", shrunk.runs);
    assert_eq!(attempt(&shrunk.plan, false, &runner).signature(), Some(signature));
}

#[test]
fn another_failure_is_not_taken_for_this_one() {
    let both = |plan: &Plan, _: bool| {
        let mut run = Run::default();
        // Without faults something else is wrong.
        let what = if plan.fault.is_empty() { "another thing" } else { "this thing" };
        run.findings.push(finding(what));
        run
    };
    let plan = profile::find("flaky-wifi").unwrap().plan(1);
    let signature = attempt(&plan, false, &both).signature().unwrap();
    let shrunk = shrink(&plan, &signature, &both, Budget::default(), &mut |_| {});
    assert_eq!(shrunk.plan.fault.len(), 1);
}

#[test]
fn a_panic_is_shrunk_like_any_failure() {
    let panics = |plan: &Plan, _: bool| -> Run {
        assert!(plan.fault.len() < 4, "{} faults", plan.fault.len());
        Run::default()
    };
    let plan = profile::find("flaky-wifi").unwrap().plan(1);
    let signature = attempt(&plan, false, &panics).signature().unwrap();
    let shrunk = shrink(&plan, &signature, &panics, Budget::default(), &mut |_| {});
    assert_eq!(shrunk.plan.fault.len(), 4);
}
