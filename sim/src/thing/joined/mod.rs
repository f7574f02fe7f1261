//! A thing with four devices, a property made of two of them, perhaps a rule, and the real shadow service, while everything
//! goes wrong that can.
//!
//! Lines, requests, answers and deltas are late, lost, out of order and come twice; ports vanish; connections break,
//! with the session and without; the program ends, in peace or not, and forgets or does not. Meanwhile somebody turns
//! the devices by hand, somebody wishes in the cloud, sensibly or not, and somebody deletes the shadow.
//!
//! Then everything is well again, and judged: the delta is empty and what is reported is what the devices are; no
//! device was set to what nobody wished for, nor to an older wish after a newer one, nor more often than wishes and
//! troubles explain; not more was asked than changes explain; no instant had an endless exchange; and nothing is said
//! any more. After that one thing happens after the other, and whoever was last wins, or whoever the policy says.

mod device;
mod judge;
mod people;
mod plan;
mod record;
mod rules;
mod world;

use core::fmt;
use core::time::Duration;

use thingwire_core::thing::{Authority, Boot};

use plan::Plan;
use world::{Happening, World};

/// What a run was like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Tally {
    /// Wishes in the cloud.
    pub wishes: usize,
    /// Devices turned by hand.
    pub turns: usize,
    /// Attempts to set a device.
    pub attempts: usize,
    /// Reads of the shadow.
    pub gets: usize,
    /// Updates of the shadow.
    pub updates: usize,
    /// Connections.
    pub connects: usize,
}

impl Tally {
    /// Counts another run's as well.
    pub fn add(&mut self, other: &Self) {
        self.wishes += other.wishes;
        self.turns += other.turns;
        self.attempts += other.attempts;
        self.gets += other.gets;
        self.updates += other.updates;
        self.connects += other.connects;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wishes, turns, attempts, gets, updates, connects } = self;
        write!(f, "{wishes} wishes, {turns} turns by hand, {attempts} attempts to set a device, ")?;
        write!(f, "{gets} reads and {updates} updates of the shadow, {connects} connections")
    }
}

/// Runs the world of a seed.
///
/// # Errors
///
/// What is wrong, in one line.
pub fn run(seed: u64) -> Result<Tally, String> {
    let mut world = World::new(Plan::new(seed));
    judged(&mut world)
}

/// The same, with everything that happens in lines.
///
/// # Errors
///
/// What is wrong, in one line.
pub fn story(seed: u64) -> (Vec<String>, Result<Tally, String>) {
    let mut world = World::new(Plan::new(seed));
    world.story = Some(vec![format!("{:#?}", world.plan)]);
    let result = judged(&mut world);
    (world.story.unwrap_or_default(), result)
}

fn judged(world: &mut World) -> Result<Tally, String> {
    for (index, (_, policy)) in world.plan.devices.clone().iter().enumerate() {
        // Whoever is put back or set at the start is set without a wish.
        if policy.authority == Authority::Cloud || policy.boot != Boot::Read {
            world.record.free(index);
        }
    }
    world.later(Duration::from_secs(3), Happening::Life);
    let chaos = world.plan.chaos;
    world.run(chaos)?;
    let seconds = usize::try_from(chaos.as_secs()).unwrap_or(0);
    let (asked, most) = (world.record.gets + world.record.updates, world.record.requests_max(seconds));
    if asked > most {
        return Err(format!("{asked} requests, and {most} are explained"));
    }
    world.heals()?;
    world.one_after_the_other()?;
    let record = &world.record;
    Ok(Tally {
        wishes: record.edits,
        turns: record.turns,
        attempts: (0..world.ports.len()).map(|index| record.attempts(index)).sum(),
        gets: record.gets,
        updates: record.updates,
        connects: record.connects,
    })
}
