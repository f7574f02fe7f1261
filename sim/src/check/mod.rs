//! The simulator in a test of your own: many runs, and of the first that fails everything there is to know.
//!
//! ```
//! // 20 homes with bad Wi-Fi, each with other faults at other times.
//! thingwire_sim::check!("flaky-wifi", seeds = 20);
//! ```
//!
//! What stands first is a profile (`thingwire-sim list profiles`), the path of a scenario file, or the text of one. With
//! an [`Application`], the logic of a device is what is tested:
//!
//! ```
//! use thingwire_core::{Instant, Notice, Outcome, Publish, Qos, Topic};
//! use thingwire_sim::world::{Application, Hands};
//!
//! /// Says once that it is there, however often that takes.
//! #[derive(Default)]
//! struct Hello {
//!     said: bool,
//!     again_at: Option<Instant>,
//! }
//!
//! impl Hello {
//!     fn say(&mut self, hands: &mut Hands<'_>) {
//!         let hello = Publish::new(Topic::new("hello").unwrap(), "world").qos(Qos::AtLeastOnce);
//!         // A full queue refuses it: then it is said later.
//!         let refused = hands.publish(hello).is_err();
//!         self.again_at = refused.then(|| hands.now() + std::time::Duration::from_secs(5));
//!     }
//! }
//!
//! impl Application for Hello {
//!     fn begin(&mut self, hands: &mut Hands<'_>) {
//!         self.say(hands);
//!     }
//!     fn told(&mut self, hands: &mut Hands<'_>, notice: &Notice) {
//!         match notice {
//!             Notice::Done { outcome: Outcome::Acked, .. } => self.said = true,
//!             Notice::Done { .. } => self.say(hands),
//!             _ => {}
//!         }
//!     }
//!     fn deadline(&self) -> Option<Instant> {
//!         self.again_at
//!     }
//!     fn wake(&mut self, hands: &mut Hands<'_>) {
//!         self.say(hands);
//!     }
//!     fn verify(&self) -> Result<(), String> {
//!         self.said.then_some(()).ok_or("it was never said".to_owned())
//!     }
//! }
//!
//! thingwire_sim::check!("brownout", seeds = 20, application = |_device| Hello::default());
//! ```
//!
//! The panic of a check that fails names the seed, and how to run it alone:
//! `THINGWIRE_SIM_SEED=17 cargo test door::every_change_arrives`. `THINGWIRE_SIM_SEEDS=10000` runs more of them.

mod failure;

use core::ops::Range;
use core::sync::atomic::AtomicBool;
use std::env;
use std::fmt;
use std::fs;
use std::path::Path;

pub use failure::Failure;

use crate::campaign::{self, Line, Report, Setup, Source, Watch};
use crate::oracle::Oracle;
use crate::plan::Plan;
use crate::run::{Run, run, run_with};
use crate::world::Application;
use crate::{profile, scenario};

/// Runs a [`Check`]: of a profile or scenario, with the methods of [`Check`] as options. See the [module](self).
#[macro_export]
macro_rules! check {
    ($what:expr $(, $option:ident = $value:expr)* $(,)?) => {
        $crate::check::Check::of(&$what)$(.$option($value))*.run()
    };
}

/// Makes the application of a device, by its number.
type Make = Box<dyn Fn(u32) -> Box<dyn Application> + Send + Sync>;

/// Runs without any other number.
const SEEDS: u64 = 100;

/// Many runs of a profile or scenario. See the [module](self).
#[must_use = "a check is made by `run`"]
pub struct Check {
    source: Source,
    first: u64,
    seeds: u64,
    make: Option<Make>,
}

impl Check {
    /// Of a profile, of a scenario's text, or of the scenario in a file: what has a line break or a `=` is a text.
    ///
    /// # Panics
    ///
    /// When there is no such profile or file, or the scenario cannot be.
    #[track_caller]
    pub fn of(what: &str) -> Self {
        if profile::find(what).is_some() { Self::profile(what) } else { Self::scenario(what) }
    }

    /// Of a profile.
    ///
    /// # Panics
    ///
    /// When there is no such profile.
    #[track_caller]
    pub fn profile(name: &str) -> Self {
        match profile::find(name) {
            Some(profile) => Self::new(Source::Profile(profile), 0),
            None => panic!("{}", unknown(name)),
        }
    }

    /// Of a scenario: its text, or the path of its file, which Cargo takes from the package's folder. The first seed is
    /// the one that is written in it, else 0.
    ///
    /// # Panics
    ///
    /// When there is no such file, or it is no scenario.
    #[track_caller]
    pub fn scenario(text_or_path: &str) -> Self {
        let (file, text) = if text_or_path.contains(['\n', '=']) {
            ("scenario".to_owned(), text_or_path.to_owned())
        } else if text_or_path.contains(['/', '.']) || Path::new(text_or_path).exists() {
            match fs::read_to_string(text_or_path) {
                Ok(text) => (text_or_path.to_owned(), text),
                Err(error) => panic!("cannot read {text_or_path}: {error}"),
            }
        } else {
            panic!("{}", unknown(text_or_path));
        };
        match scenario::read(&file, &text, None) {
            Ok(read) => Self::new(Source::Scenario { file, text }, read.plan.seed),
            Err(error) => panic!("{error}"),
        }
    }

    fn new(source: Source, first: u64) -> Self {
        Self { source, first, seeds: SEEDS, make: None }
    }

    /// How many runs, each with a seed of its own; 100 without this. The variable `THINGWIRE_SIM_SEEDS` overrides it, and
    /// `THINGWIRE_SIM_SEED` leaves one run.
    pub fn seeds(mut self, seeds: u64) -> Self {
        self.seeds = seeds;
        self
    }

    /// The application to test. It runs on every device in the place of the plan's workload; operations and faults of the
    /// plan stay.
    pub fn application<A: Application + 'static>(mut self, make: impl Fn(u32) -> A + Send + Sync + 'static) -> Self {
        self.make = Some(Box::new(move |device| Box::new(make(device))));
        self
    }

    /// Makes the runs, on all cores.
    ///
    /// # Panics
    ///
    /// When one fails, with the words of [`Failure`].
    #[track_caller]
    pub fn run(self) {
        if let Err(failure) = self.try_run() {
            panic!("{failure}");
        }
    }

    /// Makes the runs, on all cores, until one fails.
    ///
    /// # Errors
    ///
    /// The failure with the lowest seed.
    ///
    /// # Panics
    ///
    /// When a variable of the environment is no number, or a seed makes a plan that cannot be.
    #[track_caller]
    pub fn try_run(&self) -> Result<(), Box<Failure>> {
        let var = |name| env::var(name).ok();
        let seeds = range(self.first, self.seeds, var("THINGWIRE_SIM_SEED"), var("THINGWIRE_SIM_SEEDS"));
        let seeds = seeds.unwrap_or_else(|wrong| panic!("{wrong}"));
        let setup = Setup {
            sources: vec![self.source.clone()],
            first_seed: seeds.start,
            seeds: Some(seeds.end - seeds.start),
            time: None,
            jobs: 0,
            failures_max: 1,
            marks: Vec::new(),
        };
        let runner = |plan: &Plan, record: bool| self.one(plan, record);
        let mut first = First(None);
        if let Err(error) = campaign::campaign(&setup, &runner, &AtomicBool::new(false), &mut first) {
            panic!("{error:?}");
        }
        let Some(seed) = first.0 else { return Ok(()) };
        Err(Box::new(Failure::examine(&self.source, seed, &runner)))
    }

    /// One run, of what is left of the plan.
    fn one(&self, plan: &Plan, record: bool) -> Run {
        let run = match &self.make {
            None => run(plan, record),
            Some(make) => run_with(&Plan { workload: Vec::new(), ..plan.clone() }, record, &**make),
        };
        let mut run = run.unwrap_or_else(|wrong| panic!("a plan that cannot be: {wrong}"));
        if self.make.is_some() {
            // Applications need not rest when the network has been mended.
            run.findings.retain(|finding| finding.oracle != Oracle::L9.id());
        }
        run
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check").field("source", &self.source.name()).field("seeds", &self.seeds).finish_non_exhaustive()
    }
}

/// Keeps the seed of the first run that failed.
struct First(Option<u64>);

impl Watch for First {
    fn line(&mut self, line: &Line) -> std::io::Result<()> {
        if line.failure.is_some() && self.0.is_none() {
            self.0 = line.seed.parse().ok();
        }
        Ok(())
    }

    fn progress(&mut self, _: &Report, _: f64) {}
}

/// The seeds to run: as asked for, or as the environment says.
fn range(first: u64, seeds: u64, one: Option<String>, many: Option<String>) -> Result<Range<u64>, String> {
    let number = |name: &str, text: Option<String>| {
        let wrong = |text: &str| format!("{name} has to be a number, and is `{text}`");
        text.map(|text| text.parse::<u64>().map_err(|_| wrong(&text))).transpose()
    };
    let one = number("THINGWIRE_SIM_SEED", one)?;
    let many = number("THINGWIRE_SIM_SEEDS", many)?;
    Ok(match one {
        Some(seed) => seed..seed.saturating_add(1),
        None => first..first.saturating_add(many.unwrap_or(seeds)),
    })
}

fn unknown(name: &str) -> String {
    let near = scenario::nearest(name, profile::ALL.iter().map(|profile| profile.name));
    let hint = near.map_or_else(String::new, |near| format!(" (hint: did you mean `{near}`?)"));
    format!("there is neither a profile nor a file called `{name}`{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_narrows_to_one_seed_or_asks_for_more() {
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(range(7, 200, None, None), Ok(7..207));
        assert_eq!(range(7, 200, text("17"), None), Ok(17..18));
        assert_eq!(range(7, 200, text("17"), text("5000")), Ok(17..18), "one is one");
        assert_eq!(range(7, 200, None, text("5000")), Ok(7..5_007));
        let wrong = range(7, 200, text("seventeen"), None).unwrap_err();
        assert_eq!(wrong, "THINGWIRE_SIM_SEED has to be a number, and is `seventeen`");
    }
}
