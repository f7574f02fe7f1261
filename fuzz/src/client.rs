//! Simulated lives.

use core::time::Duration;

use thingwire_sim::choices::{Choices, Read, Seeded, Site};
use thingwire_sim::plan::{Plan, Span, Trigger};
use thingwire_sim::profile;
use thingwire_sim::run::run_by;
use thingwire_sim::scenario;

use crate::input::Input;

/// The longest life, without the healing.
const DURATION_MAX: Span = Span(Duration::from_secs(120));

/// The profiles of which the bytes choose one.
const PROFILES: [&str; 4] = ["calm", "swarm", "shadows", "all"];

/// Laws of a whole life: the bytes choose settings, work and faults, and then what the plan leaves open: how streams are
/// cut, how much a socket takes, what is late and what the application does. Every oracle of the simulator judges.
///
/// # Panics
///
/// When an oracle objects.
pub fn client(data: &[u8]) {
    let mut input = Input::new(data);
    let profile = profile::find(input.pick(&PROFILES)).expect("a profile of this name");
    let (seed, chosen) = (u64::from(input.byte()), input.bytes(1_024));
    let plan = short(profile.plan_with(seed, &mut Read::new(chosen)));
    assert_eq!(scenario::check(&plan), Ok(()), "a plan that cannot be");
    let choices = Chosen { bytes: input.rest().to_vec(), used: 0, rest: Seeded::new(seed) };
    let run = run_by(&plan, Box::new(choices), false).expect("a plan that can be");
    if let Some(finding) = run.findings.first() {
        let text = scenario::write(&plan).unwrap_or_default();
        panic!("{} objects at {:?}: {}\n{text}", finding.oracle, finding.at, finding.what);
    }
}

/// The first minutes of a plan: many short lives see more than one that is long.
fn short(mut plan: Plan) -> Plan {
    plan.duration = plan.duration.min(DURATION_MAX);
    let (duration, late) = (plan.duration, |at: Span| at > DURATION_MAX);
    plan.fault.retain(|fault| !matches!(fault.when, Trigger::At(at) if late(at)));
    plan.op.retain(|op| op.at <= duration);
    plan.heal = profile::heal(&plan);
    plan
}

/// Draws from bytes, and from a seed once they are used up: a life that ended in nothing but the simplest choices would
/// not be one.
#[derive(Debug)]
struct Chosen {
    bytes: Vec<u8>,
    used: usize,
    rest: Seeded,
}

impl Choices for Chosen {
    fn below(&mut self, device: u32, site: Site, n: u64) -> u64 {
        let left = &self.bytes[self.used..];
        if n <= 1 || left.is_empty() {
            return self.rest.below(device, site, n);
        }
        // As many bytes as the range needs.
        let width = usize::try_from(71 - (n - 1).leading_zeros()).unwrap_or(64) / 8;
        let taken = width.min(left.len());
        self.used += taken;
        Read::new(&left[..taken]).below(device, site, n)
    }
}
