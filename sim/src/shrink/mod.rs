//! The smallest plan that still fails in the same way.
//!
//! Passes, each of which keeps a change only if the run of the changed plan fails with the same signature: leave out
//! whole families of faults, then single faults (delta debugging), then work, then what comes after the failure; round
//! numbers, set the client and the network to their defaults, leave one device, and turn work into the few operations
//! that matter. They are repeated until none of them helps any more.

mod change;
mod ddmin;
mod nice;

use core::time::Duration;
use std::collections::BTreeSet;
use std::time::Instant;

use crate::campaign::{Runner, Signature, attempt};
use crate::plan::Plan;

/// How much may be spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Runs.
    pub runs: u32,
    /// Time on the wall.
    pub time: Duration,
}

impl Default for Budget {
    fn default() -> Self {
        Self { runs: 2_000, time: Duration::from_secs(10) }
    }
}

/// A change that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The pass.
    pub pass: &'static str,
    /// Faults, pieces of work and operations that are left.
    pub left: Size,
    /// Runs so far.
    pub runs: u32,
}

/// How large a plan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size {
    /// Faults.
    pub faults: usize,
    /// Workloads.
    pub workloads: usize,
    /// Operations.
    pub ops: usize,
}

impl Size {
    /// How large this plan is.
    pub fn of(plan: &Plan) -> Self {
        Self { faults: plan.fault.len(), workloads: plan.workload.len(), ops: plan.op.len() }
    }
}

/// What shrinking came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Shrunk {
    /// The smallest plan that was found.
    pub plan: Plan,
    /// The changes that were kept, in order.
    pub steps: Vec<Step>,
    /// Runs that were made.
    pub runs: u32,
    /// Whether the budget was used up before nothing helped any more.
    pub cut_short: bool,
}

/// Makes a plan smaller that fails with this signature. One that does not comes back as it is.
pub fn shrink(
    plan: &Plan,
    signature: &Signature,
    runner: Runner<'_>,
    budget: Budget,
    on_step: &mut dyn FnMut(&Step),
) -> Shrunk {
    let seen = BTreeSet::from([format!("{plan:?}")]);
    let begun = Instant::now();
    let mut search =
        Search { best: plan.clone(), signature, runner, budget, begun, runs: 0, seen, steps: Vec::new(), on_step };
    loop {
        let before = search.best.clone();
        change::drop_families(&mut search);
        ddmin::faults(&mut search);
        ddmin::workloads(&mut search);
        ddmin::ops(&mut search);
        change::cut_the_tail(&mut search);
        change::one_device(&mut search);
        change::defaults(&mut search);
        change::materialise(&mut search);
        nice::round(&mut search);
        if search.best == before || search.is_spent() {
            break;
        }
    }
    Shrunk { cut_short: search.is_spent(), plan: search.best, steps: search.steps, runs: search.runs }
}

/// The state of a search.
struct Search<'a> {
    best: Plan,
    signature: &'a Signature,
    runner: Runner<'a>,
    budget: Budget,
    begun: Instant,
    runs: u32,
    /// Plans that were tried, by how they look: a plan is never run twice.
    seen: BTreeSet<String>,
    steps: Vec<Step>,
    on_step: &'a mut dyn FnMut(&Step),
}

impl Search<'_> {
    fn is_spent(&self) -> bool {
        self.runs >= self.budget.runs || self.begun.elapsed() >= self.budget.time
    }

    /// Keeps the changed plan if it can be, and still fails in the same way.
    fn keep(&mut self, pass: &'static str, plan: Plan) -> bool {
        if self.is_spent() || crate::scenario::check(&plan).is_err() || !self.seen.insert(format!("{plan:?}")) {
            return false;
        }
        self.runs += 1;
        let same = attempt(&plan, false, self.runner).signature().as_ref() == Some(self.signature);
        if same {
            let step = Step { pass, left: Size::of(&plan), runs: self.runs };
            self.best = plan;
            (self.on_step)(&step);
            self.steps.push(step);
        }
        same
    }

    /// Keeps what `change` makes of the best plan, if it still fails in the same way.
    fn keep_changed(&mut self, pass: &'static str, change: impl FnOnce(&mut Plan)) -> bool {
        let mut plan = self.best.clone();
        change(&mut plan);
        self.keep(pass, plan)
    }
}

#[cfg(test)]
mod tests;
