//! One run as lanes over time: faults, operations, phase, queue, packets, links, and what is wrong.

mod curves;
mod frame;
mod lanes;
mod page;
mod text;

use core::time::Duration;
use std::collections::BTreeMap;

use crate::oracle::Finding;
use crate::plan::{AppFault, BrokerFault, ClockFault, Fault, Plan, ShadowFault};
use crate::trace::Trace;

use frame::Frame;

/// How many devices a picture shows unless somebody says which.
const DEVICES_MAX: usize = 4;

/// What a picture shows, and what it says above.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// What it is called.
    pub title: String,
    /// A line below that, such as the command that makes the run again.
    pub subtitle: String,
    /// The devices to show; where none is named, those with findings and then the first ones, four at most.
    pub devices: Vec<u32>,
    /// Stretches without a record that are longer than this are folded. Unless it is said, a sixtieth of the whole, and
    /// at least five seconds.
    pub fold: Option<Duration>,
    /// What is known of the faults, by their place in the plan, beyond their name in the trace.
    pub faults: BTreeMap<u32, FaultNote>,
}

/// What is known of a fault.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FaultNote {
    /// What it is called in the picture; its name in the trace where this is empty.
    pub name: String,
    /// What it does, in full.
    pub words: String,
    /// Whether it is an instant, although its record ends later.
    pub instant: bool,
}

impl Options {
    /// The picture of a run of this plan.
    pub fn of(plan: &Plan) -> Self {
        let note = |(index, planned): (usize, &crate::plan::PlannedFault)| {
            let words = serde_json::to_string(&planned.fault).unwrap_or_default();
            let note = FaultNote { name: planned.name.clone(), words, instant: is_instant(&planned.fault) };
            (u32::try_from(index).unwrap_or(u32::MAX), note)
        };
        Self {
            title: format!("{}, seed {}", plan.name, plan.seed),
            faults: plan.fault.iter().enumerate().map(note).collect(),
            ..Self::default()
        }
    }
}

/// The picture as SVG, which stands alone.
pub fn svg(trace: &Trace, findings: &[Finding], options: &Options) -> String {
    Frame::new(trace, findings, options).draw(true)
}

/// The picture as a page: the SVG, its legend, the findings and the operations.
pub fn html(trace: &Trace, findings: &[Finding], options: &Options) -> String {
    page::html(trace, findings, options)
}

/// The run as text for a terminal or a log: one line for each thing that happened, in fixed columns.
pub fn text(trace: &Trace, findings: &[Finding], options: &Options) -> String {
    text::text(trace, findings, options)
}

/// The devices to show, and how many are left out.
fn devices(trace: &Trace, findings: &[Finding], options: &Options) -> (Vec<u32>, usize) {
    if !options.devices.is_empty() {
        return (options.devices.clone(), 0);
    }
    let mut all: Vec<_> = trace.records.iter().map(|record| record.device).collect();
    all.extend(findings.iter().map(|finding| finding.device));
    all.sort_unstable();
    all.dedup();
    let left_out = all.len().saturating_sub(DEVICES_MAX);
    // A stable sort: those with findings first, each part in order.
    all.sort_by_key(|device| !findings.iter().any(|finding| finding.device == *device));
    all.truncate(DEVICES_MAX);
    all.sort_unstable();
    (all, left_out)
}

/// Whether a fault is over as soon as it has begun, whatever its record says.
fn is_instant(fault: &Fault) -> bool {
    match fault {
        Fault::Cut { after, .. } => after.is_none(),
        Fault::Vanish | Fault::Inject(_) | Fault::FlipBit(_) => true,
        Fault::Broker(fault) => {
            matches!(fault, BrokerFault::Kick | BrokerFault::Restart { .. } | BrokerFault::ForgetSession)
        }
        Fault::Clock(fault) => matches!(fault, ClockFault::Back(_)),
        Fault::App(fault) => matches!(fault, AppFault::StartAgain | AppFault::Burst(_) | AppFault::DiscardAll),
        Fault::ShadowService(fault) => matches!(fault, ShadowFault::Delete | ShadowFault::Recreate),
        Fault::Connect(_)
        | Fault::Hold(_)
        | Fault::Shape(_)
        | Fault::SmallWrites(_)
        | Fault::Meddle { .. }
        | Fault::Shadows(_) => false,
    }
}
