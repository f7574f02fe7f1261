//! One run of a plan, and what came of it.

use std::collections::BTreeMap;

use thingwire_core::{Instant, Notice, Outcome, Phase};

use crate::choices::Seeded;
use crate::digest::Digest;
use crate::oracle::Finding;
use crate::plan::Plan;
use crate::trace::{Trace, What};
use crate::world::{Application, World};

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Run {
    /// What must hold and did not, in the order it was seen. Empty for a run that passed.
    pub findings: Vec<Finding>,
    /// How often each thing happened that a campaign has to meet, by its name.
    pub marks: BTreeMap<&'static str, u64>,
    /// How often each fault began in each phase of the client.
    pub coverage: BTreeMap<(&'static str, Phase), u64>,
    /// Counts.
    pub counts: Counts,
    /// A hash over every record: equal runs have equal hashes.
    pub hash: u64,
    /// Everything that happened, if it was asked for.
    pub trace: Option<Trace>,
}

/// Counts of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Steps of the world: segments that arrived, timers, work of the application, faults.
    pub events: u64,
    /// Virtual time that passed, in microseconds, times the number of devices.
    pub device_micros: u64,
    /// Operations that were accepted.
    pub accepted: u64,
    /// Messages that were acknowledged.
    pub acked: u64,
    /// Messages delivered to the application.
    pub delivered: u64,
    /// Connections accepted by the broker.
    pub connections: u64,
    /// Faults that began.
    pub faults: u64,
}

/// Runs a plan, and judges it.
///
/// # Errors
///
/// What in the plan cannot be, in one line.
pub fn run(plan: &Plan, record: bool) -> Result<Run, String> {
    let mut world = World::new(plan, Box::new(Seeded::new(plan.seed)))?;
    live(plan, &mut world, record)
}

/// Runs a plan with the user's own application on every device, and judges both.
///
/// # Errors
///
/// What in the plan cannot be, in one line.
pub fn run_with(plan: &Plan, record: bool, make: &dyn Fn(u32) -> Box<dyn Application>) -> Result<Run, String> {
    let mut world = World::new(plan, Box::new(Seeded::new(plan.seed)))?;
    for device in 0..plan.devices {
        world.install(device, make(device));
    }
    live(plan, &mut world, record)
}

fn live(plan: &Plan, world: &mut World, record: bool) -> Result<Run, String> {
    world.begin();
    let mut scribe = Scribe { run: Run::default(), digest: Digest::default(), trace: record.then(Trace::default) };
    let (heal_at, end_at) = (Instant::EPOCH + plan.duration.0, Instant::EPOCH + plan.duration.0 + plan.heal.0);
    while world.step(heal_at) {
        scribe.take(world);
    }
    world.heal();
    while world.step(end_at) {
        scribe.take(world);
    }
    world.end();
    scribe.take(world);
    Ok(scribe.finish(plan, world))
}

/// Looks at everything that happens.
struct Scribe {
    run: Run,
    digest: Digest,
    trace: Option<Trace>,
}

impl Scribe {
    fn take(&mut self, world: &mut World) {
        for record in world.records().drain(..) {
            self.digest.add(&record);
            self.run.counts.add(&record.what);
            if let Some(trace) = &mut self.trace {
                trace.records.push(record);
            }
        }
    }

    fn finish(mut self, plan: &Plan, world: &World) -> Run {
        self.run.counts.events = world.events();
        self.run.counts.device_micros = world.now().as_micros() * u64::from(plan.devices);
        self.run.hash = self.digest.value();
        self.run.trace = self.trace;
        self.run
    }
}

impl Counts {
    fn add(&mut self, what: &What) {
        let count = match what {
            What::Accepted { .. } => &mut self.accepted,
            What::Finished { outcome: Outcome::Acked, .. } => &mut self.acked,
            What::Delivered(_) => &mut self.delivered,
            What::Told(Notice::Online { .. }) => &mut self.connections,
            What::Fault { begins: true, .. } => &mut self.faults,
            _ => return,
        };
        *count += 1;
    }
}
