//! Delta debugging: leave out halves, quarters, eighths, until single things matter.

use super::Search;
use crate::plan::Plan;

pub(super) fn faults(search: &mut Search<'_>) {
    ddmin(search, "faults", |plan| plan.fault.len(), |plan, index| drop(plan.fault.remove(index)));
}

pub(super) fn workloads(search: &mut Search<'_>) {
    ddmin(search, "work", |plan| plan.workload.len(), |plan, index| drop(plan.workload.remove(index)));
}

pub(super) fn ops(search: &mut Search<'_>) {
    ddmin(search, "operations", |plan| plan.op.len(), |plan, index| drop(plan.op.remove(index)));
}

fn ddmin(search: &mut Search<'_>, pass: &'static str, len: impl Fn(&Plan) -> usize, remove: impl Fn(&mut Plan, usize)) {
    let mut chunk = len(&search.best);
    while chunk > 0 && !search.is_spent() {
        // From the end: what comes later needs what came before, seldom the other way round.
        let mut end = len(&search.best);
        while end > 0 && !search.is_spent() {
            let begin = end.saturating_sub(chunk);
            search.keep_changed(pass, |plan| (begin..end).rev().for_each(|index| remove(plan, index)));
            end = begin;
        }
        chunk /= 2;
    }
}
