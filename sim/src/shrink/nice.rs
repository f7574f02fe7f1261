//! Rounder numbers.

use core::time::Duration;

use super::Search;
use crate::plan::{Fault, OpKind, Plan, Span, Trigger, Workload};

/// The numbers that people would have written, in seconds.
pub(super) const ROUND: [u64; 15] = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 14_400];

/// The next round span that is no shorter.
pub(super) fn up(span: Span) -> Span {
    ROUND.into_iter().map(Span::secs).find(|round| *round >= span).unwrap_or(span)
}

/// Rounds every number of the plan, one after the other.
pub(super) fn round(search: &mut Search<'_>) {
    for index in 0..search.best.fault.len() {
        for span in [when, after, lasts] {
            round_span(search, |plan| span(plan, index));
        }
        search.keep_changed("numbers", |plan| nth_first(plan, index));
        search.keep_changed("numbers", |plan| simplest_fault(plan, index));
    }
    for index in 0..search.best.op.len() {
        round_span(search, |plan| plan.op.get_mut(index).map(|op| &mut op.at));
        search.keep_changed("numbers", |plan| {
            if let OpKind::Publish { size, .. } | OpKind::Inbound { size, .. } = &mut plan.op[index].kind {
                *size = 64;
            }
        });
    }
    for index in 0..search.best.workload.len() {
        search.keep_changed("numbers", |plan| plain_work(plan, index));
        round_span(search, |plan| every(plan, index));
    }
}

/// Tries 0, and then rounder and rounder spans near this one: the roundest that is kept stays.
fn round_span(search: &mut Search<'_>, field: impl Fn(&mut Plan) -> Option<&mut Span>) {
    let Some(span) = field(&mut search.best.clone()).copied() else { return };
    for round in rounder(span) {
        let kept = search.keep_changed("numbers", |plan| {
            if let Some(field) = field(plan) {
                *field = round;
            }
        });
        if kept {
            return;
        }
    }
}

/// Rounder spans than this one, the roundest first.
fn rounder(span: Span) -> Vec<Span> {
    let micros = u64::try_from(span.0.as_micros()).unwrap_or(u64::MAX);
    // Far shorter, before only rounder: what happens early is seen early.
    let shorter = [16, 4, 2].map(|divisor| up(Span(span.0 / divisor)));
    let mut rounder = vec![Span::default()];
    for unit in [60_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000] {
        let below = micros / unit * unit;
        if below == micros {
            break;
        }
        rounder.push(Span(Duration::from_micros(below)));
        rounder.push(Span(Duration::from_micros(below.saturating_add(unit))));
    }
    // A span of nothing is tried already.
    let (first, rest) = rounder.split_at(1);
    let mut rounder = first.to_vec();
    rounder.extend(shorter.into_iter().filter(|shorter| *shorter < span));
    rounder.extend(rest.iter().filter(|span| **span != Span::default()));
    rounder.dedup();
    rounder.retain(|round| *round != span);
    rounder
}

fn when(plan: &mut Plan, index: usize) -> Option<&mut Span> {
    match &mut plan.fault.get_mut(index)?.when {
        Trigger::At(at) => Some(at),
        _ => None,
    }
}

fn after(plan: &mut Plan, index: usize) -> Option<&mut Span> {
    match &mut plan.fault.get_mut(index)?.when {
        Trigger::OnPhase { after, .. } | Trigger::OnSent { after, .. } | Trigger::OnAnswer { after, .. } => Some(after),
        Trigger::At(_) | Trigger::OnQueued(_) => None,
    }
}

fn lasts(plan: &mut Plan, index: usize) -> Option<&mut Span> {
    plan.fault.get_mut(index)?.lasts.as_mut()
}

fn every(plan: &mut Plan, index: usize) -> Option<&mut Span> {
    match plan.workload.get_mut(index)? {
        Workload::Publish { every, .. }
        | Workload::Inbound { every, .. }
        | Workload::Churn { every, .. }
        | Workload::Meddle { every }
        | Workload::Shadow { every, .. }
        | Workload::Cloud { every, .. } => Some(every),
    }
}

/// The first time instead of a later one.
fn nth_first(plan: &mut Plan, index: usize) {
    if let Trigger::OnPhase { nth, .. } | Trigger::OnSent { nth, .. } | Trigger::OnAnswer { nth, .. } =
        &mut plan.fault[index].when
    {
        *nth = 1;
    }
}

/// The simplest fault of its kind.
fn simplest_fault(plan: &mut Plan, index: usize) {
    match &mut plan.fault[index].fault {
        Fault::Cut { after, .. } => *after = None,
        Fault::Meddle { every, count, .. } => (*every, *count) = (1, 1),
        Fault::SmallWrites(most) => *most = 1,
        _ => {}
    }
}

/// One topic, evenly spaced, one at a time, of the usual size.
fn plain_work(plan: &mut Plan, index: usize) {
    match &mut plan.workload[index] {
        Workload::Publish { topics, random, burst, size, expires_in, .. } => {
            (*topics, *random, *burst, *size, *expires_in) = (1, false, 1, 64, None);
        }
        Workload::Inbound { topics, random, burst, size, .. } => (*topics, *random, *burst, *size) = (1, false, 1, 64),
        Workload::Churn { filters, .. } => *filters = 1,
        Workload::Shadow { shadows, burst, .. } => (*shadows, *burst) = (1, 1),
        Workload::Cloud { shadows, .. } => *shadows = 1,
        Workload::Meddle { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounder_numbers_come_roundest_first() {
        let rounder: Vec<_> = rounder(Span::millis(72_345)).iter().map(ToString::to_string).collect();
        assert_eq!(
            rounder,
            ["0s", "5s", "20s", "1m", "2m", "70s", "80s", "72s", "73s", "72300ms", "72400ms", "72340ms", "72350ms"]
        );
        assert_eq!(super::rounder(Span::default()), []);
        assert_eq!(up(Span::secs(61)), Span::secs(120));
    }
}
