//! One run of a plan, and what came of it.

use core::time::Duration;
use std::collections::BTreeMap;

use thingwire_core::{Instant, Notice, Outcome, Phase};

use crate::catalogue;
use crate::choices::{Choices, Seeded};
use crate::digest::Digest;
use crate::oracle::{Finding, Judge, Rulebook, Verdict};
use crate::plan::{ClockFault, Fault, Plan};
use crate::trace::shadow::ShadowTopics;
use crate::trace::{Name, Observer, Trace, What};
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
/// What in the plan cannot be, in one line; [`crate::scenario::check`] tells it too.
pub fn run(plan: &Plan, record: bool) -> Result<Run, String> {
    Ok(live(plan, &mut world(plan)?, record))
}

/// Runs a plan in which somebody else's choices decide what it leaves open, for fuzzers, and judges it.
///
/// # Errors
///
/// As [`run`].
pub fn run_by(plan: &Plan, choices: Box<dyn Choices + Send>, record: bool) -> Result<Run, String> {
    Ok(live(plan, &mut World::new(plan, choices)?, record))
}

/// Runs a plan with the user's own application on every device, and judges both.
///
/// # Errors
///
/// As [`run`].
pub fn run_with(plan: &Plan, record: bool, make: &dyn Fn(u32) -> Box<dyn Application>) -> Result<Run, String> {
    let mut world = world(plan)?;
    for device in 0..plan.devices {
        world.install(device, make(device));
    }
    Ok(live(plan, &mut world, record))
}

fn world(plan: &Plan) -> Result<World, String> {
    World::new(plan, Box::new(Seeded::new(plan.seed)))
}

fn live(plan: &Plan, world: &mut World, record: bool) -> Run {
    if record {
        world.remember_names();
    }
    world.begin();
    let mut scribe = Scribe {
        judge: Judge::new((0..plan.devices).map(|device| rulebook(plan, device)).collect()),
        counts: Counts::default(),
        digest: Digest::default(),
        trace: record.then(|| Trace { names: names(plan), ..Trace::default() }),
    };
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
    scribe.finish(plan, world)
}

/// Looks at everything that happens.
struct Scribe {
    judge: Judge,
    counts: Counts,
    digest: Digest,
    trace: Option<Trace>,
}

impl Scribe {
    fn take(&mut self, world: &mut World) {
        let records = world.records();
        for record in &*records {
            self.judge.observe(record);
            self.digest.add(record);
            self.counts.add(&record.what);
        }
        match &mut self.trace {
            Some(trace) => trace.records.append(records),
            None => records.clear(),
        }
    }

    fn finish(mut self, plan: &Plan, world: &World) -> Run {
        if let Some(trace) = &mut self.trace {
            trace.names.extend(world.names().map(|(name, text)| (name, text.to_owned())));
        }
        self.counts.events = world.events();
        self.counts.device_micros = world.now().as_micros() * u64::from(plan.devices);
        let Verdict { mut findings, marks, coverage } = self.judge.finish(world.now());
        findings.extend(world.verify().map(|(device, what)| Finding { oracle: "APP", at: world.now(), device, what }));
        Run { findings, marks, coverage, counts: self.counts, hash: self.digest.value(), trace: self.trace }
    }
}

/// What the client of a device is judged by.
fn rulebook(plan: &Plan, device: u32) -> Rulebook {
    let mut rules = Rulebook::new(plan.client.to_config(device));
    let network = plan.network;
    rules.round_trip_max = (network.latency.0 + network.jitter.0) * 2 + Duration::from_millis(1);
    for planned in plan.fault.iter().filter(|planned| planned.device == device) {
        rules.slack = rules.slack.max(slack(&planned.fault));
        rules.excused.extend(catalogue::excuses(&planned.fault));
    }
    rules
}

/// How much later than due a fault may make things that the client decides.
fn slack(fault: &Fault) -> Duration {
    match fault {
        Fault::Clock(ClockFault::Late(span) | ClockFault::Coarse(span)) => span.0 * 2,
        Fault::SmallWrites(_) | Fault::Shape(_) => Duration::from_millis(1),
        _ => Duration::ZERO,
    }
}

/// The texts of the plan's topics and filters.
fn names(plan: &Plan) -> BTreeMap<Name, String> {
    let ids: Vec<_> = (0..plan.devices).map(|device| plan.client.to_config(device).client_id).collect();
    let loads = ids.iter().flat_map(|id| plan.workload.iter().flat_map(move |load| load.topics(id)));
    let ops = plan.op.iter().flat_map(|op| op.kind.topics());
    let shadows =
        ids.iter().flat_map(|id| plan.workload.iter().filter_map(move |load| load.shadows(id).ok()).flatten());
    let shadows = shadows.flat_map(|shadow| ShadowTopics::texts(&shadow));
    loads.chain(ops).chain(shadows).map(|text| (Name::of(text.as_bytes()), text)).collect()
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
