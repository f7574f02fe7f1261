//! What the application does.

use super::Made::{Always, By, Elsewhere};
use super::{Made, Row};
use crate::plan::{AppFault, Fault, PhaseName, Span, Trigger};

const fn row(
    name: &'static str,
    what: &'static str,
    expected: &'static str,
    oracles: &'static [&'static str],
    made: Made,
) -> Row {
    super::row(super::Family::App, name, what, expected, oracles, made)
}

pub(super) const ROWS: &[Row] = &[
    row(
        "AP1 burst",
        "more is published than the queue holds, perhaps while offline",
        "exactly what does not fit is refused or evicted, newest or oldest as set",
        &["S9", "S10"],
        By(|d| {
            let count = d.between(2, 60);
            let phases = [PhaseName::BackingOff, PhaseName::Ready, PhaseName::Opening];
            let (phase, nth) = (d.pick(&phases), d.between(1, 4));
            d.when(Trigger::OnPhase { phase, nth, after: Span::default() }, None, Fault::App(AppFault::Burst(count)))
        }),
    ),
    row(
        "AP2 publish-while-draining",
        "the application publishes while the queue drains",
        "it goes behind what waits",
        &["S7"],
        By(|d| {
            let (nth, count, after) = (d.between(1, 4), d.between(1, 10), d.millis(1, 500));
            let when = Trigger::OnPhase { phase: PhaseName::Draining, nth, after };
            d.when(when, None, Fault::App(AppFault::Burst(count)))
        }),
    ),
    row(
        "AP3 stop",
        "the application stops the client in any phase, and starts it again later",
        "no further attempt, and within its bound; the queue is kept",
        &["L7"],
        By(|d| d.lasting(1, 60_000, Fault::App(AppFault::Stop))),
    ),
    row(
        "AP4 twice",
        "the application starts what runs, subscribes twice, withdraws what it can",
        "defined results; nothing happens twice",
        &["S1"],
        By(|d| {
            let fault = d.pick(&[AppFault::StartAgain, AppFault::DiscardAll]);
            d.once(Fault::App(fault))
        }),
    ),
    row(
        "AP5 unsubscribe",
        "the application ends subscriptions, perhaps while offline",
        "they are not renewed",
        &["S15"],
        By(|d| d.lasting(1_000, 60_000, Fault::App(AppFault::Unsubscribe))),
    ),
    row(
        "AP6 reentrant",
        "the application publishes from within a handler",
        "no deadlock, and order is kept",
        &["S7"],
        Elsewhere("runtime tests: callbacks"),
    ),
    row(
        "AP7 no-queue",
        "the queue is switched off, and the application publishes while offline",
        "refused at once",
        &["S9"],
        Always,
    ),
];
