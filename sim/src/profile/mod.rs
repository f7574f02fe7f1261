//! Plans made from a seed: what a device meets at a certain kind of place.
//!
//! A profile with a seed is one plan for ever; the seed decides lengths, times, settings and faults, each from a stated
//! range. After its faults, a plan gives the client enough time to recover for what must end to end: see [`heal`].

mod heal;
mod places;
mod swarm;

use crate::choices::{Choices, Seeded};
use crate::plan::Plan;

pub use heal::heal;

/// A named kind of run.
#[derive(Debug, Clone, Copy)]
pub struct Profile {
    /// Its name.
    pub name: &'static str,
    /// What it is like.
    pub what: &'static str,
    make: fn(&mut dyn Choices) -> Plan,
}

/// Every profile.
pub const ALL: &[Profile] = &[
    Profile { name: "calm", what: "nothing goes wrong", make: places::calm },
    Profile {
        name: "flaky-wifi",
        what: "a home network: cuts, stalls, half-open connections, bytes in pieces",
        make: places::flaky_wifi,
    },
    Profile {
        name: "cellular",
        what: "a modem: long and uneven latency, few bytes a second, paths that die in silence, sleep",
        make: places::cellular,
    },
    Profile {
        name: "captive",
        what: "a portal: names that lead elsewhere, HTTP instead of MQTT, failed handshakes",
        make: places::captive,
    },
    Profile {
        name: "brownout",
        what: "an overloaded service: slow and refused connections, late acknowledgements, restarts",
        make: places::brownout,
    },
    Profile { name: "takeover", what: "somebody else uses the client id, again and again", make: places::takeover },
    Profile {
        name: "powercut",
        what: "a few devices lose the network or the broker at one time, for minutes",
        make: places::powercut,
    },
    Profile {
        name: "hostile-broker",
        what: "a broker that lies, forgets, repeats and sends malformed packets",
        make: places::hostile_broker,
    },
    Profile {
        name: "device-advisor",
        what: "what AWS IoT Core Device Advisor does to a device, with its preset",
        make: places::device_advisor,
    },
    Profile {
        name: "soak",
        what: "two hours, 100 to 300 faults of every kind, a message every 5 to 60 s, or, seldom, 13 a second",
        make: swarm::soak,
    },
    Profile {
        name: "swarm",
        what: "half of the fault families, each with a weight, and settings at their edges",
        make: swarm::swarm,
    },
    Profile {
        name: "shadows",
        what: "device shadows, asked for, watched and changed by others, and half of the other fault families",
        make: swarm::shadows,
    },
    Profile { name: "all", what: "every fault family at once, and settings at their edges", make: swarm::all },
];

/// The profile with this name.
pub fn find(name: &str) -> Option<&'static Profile> {
    ALL.iter().find(|profile| profile.name == name)
}

impl Profile {
    /// The plan of this seed.
    pub fn plan(&self, seed: u64) -> Plan {
        self.plan_with(seed, &mut Seeded::new(seed))
    }

    /// The plan that somebody else's choices make, for fuzzers; `seed` decides what it leaves open.
    pub fn plan_with(&self, seed: u64, choices: &mut dyn Choices) -> Plan {
        let mut plan = (self.make)(choices);
        self.name.clone_into(&mut plan.name);
        plan.seed = seed;
        plan.heal = heal(&plan);
        plan
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::catalogue;
    use crate::choices::Read;
    use crate::plan::{ClientPlan, Span};
    use crate::scenario;

    #[test]
    fn every_plan_can_be_and_is_the_same_after_it_was_written_and_read() {
        for profile in ALL {
            for seed in 0..12 {
                let plan = profile.plan(seed);
                assert_eq!(scenario::check(&plan), Ok(()), "{} {seed}", profile.name);
                let text = scenario::write(&plan).unwrap();
                let read = scenario::read(profile.name, &text, None).unwrap_or_else(|error| panic!("{error}\n{text}"));
                assert_eq!(read.plan, plan, "{text}");
                assert_eq!(read.drawn, 0);
            }
        }
    }

    #[test]
    fn a_seed_is_one_plan() {
        for profile in ALL {
            assert_eq!(profile.plan(7), profile.plan(7));
            let differ = (0..20).map(|seed| format!("{:?}", Plan { seed: 0, ..profile.plan(seed) }));
            assert!(differ.collect::<BTreeSet<_>>().len() > 15, "{}", profile.name);
        }
    }

    #[test]
    fn faults_are_of_the_catalogue_and_every_case_is_met() {
        let mut met = BTreeSet::new();
        for seed in 0..100 {
            for name in ["all", "shadows"] {
                met.extend(find(name).unwrap().plan(seed).fault.into_iter().map(|fault| fault.name));
            }
        }
        for name in &met {
            assert_eq!(catalogue::static_name(name), name);
        }
        let made = catalogue::rows().filter(|row| matches!(row.made, catalogue::Made::By(_)));
        let missing: Vec<_> = made.filter(|row| !met.contains(row.name)).map(|row| row.name).collect();
        assert_eq!(missing, Vec::<&str>::new());
    }

    #[test]
    fn runs_are_short_enough_for_many_of_them() {
        for profile in ALL {
            for seed in 0..60 {
                let plan = profile.plan(seed);
                let long = if profile.name == "soak" { Span::secs(7_200) } else { Span::secs(1_800) };
                assert!(plan.duration <= long && plan.heal <= Span::secs(3_600), "{} {seed}: {plan:?}", profile.name);
                assert!(plan.heal >= Span::secs(120));
            }
        }
    }

    #[test]
    fn nothing_goes_wrong_where_nothing_is_chosen() {
        let plan = find("swarm").unwrap().plan_with(1, &mut Read::new(&[]));
        assert_eq!(plan.fault, []);
        assert_eq!(plan.client, ClientPlan::default());
    }
}
