//! Clock and scheduling.

use super::Made::{By, Elsewhere};
use super::{Made, Row};
use crate::plan::{AppFault, ClockFault, Fault, Span};

const fn row(
    name: &'static str,
    what: &'static str,
    expected: &'static str,
    oracles: &'static [&'static str],
    made: Made,
) -> Row {
    super::row(super::Family::Clock, name, what, expected, oracles, made)
}

pub(super) const ROWS: &[Row] = &[
    row(
        "C1 wall-clock-jumps",
        "the time of day jumps",
        "nothing: only time since an epoch is used, and the core has no clock at all",
        &["S29"],
        Elsewhere("core/clippy.toml bans clocks"),
    ),
    row(
        "C2 suspend-stopped",
        "the device sleeps, and its clock stops",
        "the peer has left: found within the keep-alive's bound after waking",
        &["S29", "L1"],
        By(|d| d.lasting(1_000, 600_000, Fault::Clock(ClockFault::SuspendStopped))),
    ),
    row(
        "C3 suspend-running",
        "the device sleeps, and its clock goes on",
        "overdue timers fire once; the drain does not make up for lost time",
        &["S16", "S29", "S31"],
        By(|d| d.lasting(1_000, 600_000, Fault::Clock(ClockFault::SuspendRunning))),
    ),
    row(
        "C4 late",
        "every wake comes late",
        "bounds hold, plus the lateness; the drain's ceiling holds",
        &["S16"],
        By(|d| {
            let late = d.millis(1, 2_000);
            d.lasting(1_000, 120_000, Fault::Clock(ClockFault::Late(late)))
        }),
    ),
    row(
        "C5 spurious",
        "wakes come without a reason",
        "nothing",
        &["S31"],
        By(|d| {
            let every = d.millis(10, 5_000);
            d.lasting(1_000, 30_000, Fault::Clock(ClockFault::Spurious(every)))
        }),
    ),
    row(
        "C6 coarse",
        "the clock ticks rarely: many things happen at one time",
        "order is kept; nothing loops",
        &["S31"],
        By(|d| {
            let tick = d.pick(&[Span::millis(1), Span::millis(16), Span::millis(100), Span::secs(1)]);
            d.lasting(1_000, 120_000, Fault::Clock(ClockFault::Coarse(tick)))
        }),
    ),
    row(
        "C7 backwards",
        "the clock goes back",
        "the client stands still until it has caught up",
        &["S29"],
        By(|d| {
            let back = d.millis(1, 10_000);
            d.once(Fault::Clock(ClockFault::Back(back)))
        }),
    ),
    row(
        "C8 long-uptime",
        "the client runs for years",
        "nothing overflows",
        &["S4", "S29"],
        Elsewhere("core tests: time"),
    ),
    row(
        "C9 app-stalls",
        "the application takes no input for a while",
        "input waits; nothing is lost, and nobody is blamed for what is not read",
        &["S22", "S36", "L7"],
        By(|d| d.lasting(1_000, 120_000, Fault::App(AppFault::Pause))),
    ),
];
