//! `thingwire-sim bench`: how fast it is.

use core::fmt::Write as _;
use core::time::Duration;
use std::time::Instant;

use super::console::Failure;
use super::{Console, OK};
use crate::campaign::{Runner, attempt};
use crate::plan::Span;
use crate::profile;

/// Measure, on one thread and with all oracles on: events and seeds a second, and hours of devices per second.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  thingwire-sim bench --time 5s")]
pub(super) struct Bench {
    /// How long to run each profile.
    #[arg(long, value_name = "SPAN", default_value = "2s")]
    time: Span,
    /// The profiles; without any, calm, swarm and soak.
    #[arg(value_name = "PROFILE")]
    profiles: Vec<String>,
}

pub(super) fn bench(options: &Bench, runner: Runner<'_>, console: &mut Console<'_>) -> Result<u8, Failure> {
    let mut names: Vec<&str> = options.profiles.iter().map(String::as_str).collect();
    if names.is_empty() {
        names.extend(["calm", "swarm", "soak"]);
    }
    let mut text =
        format!("{:<16} {:>8} {:>12} {:>12} {:>16}\n", "profile", "seeds", "seeds/s", "events/s", "device-hours/s");
    for name in names {
        let Some(profile) = profile::find(name) else {
            return Err(Failure::usage(format!(
                "there is no profile `{name}` (hint: see 'thingwire-sim list profiles')"
            )));
        };
        let (mut seeds, mut events, mut micros, mut spent) = (0_u64, 0_u64, 0_u64, Duration::ZERO);
        while spent < options.time.0 || seeds == 0 {
            let plan = profile.plan(seeds);
            let begun = Instant::now();
            let run = attempt(&plan, false, runner).run;
            spent += begun.elapsed();
            seeds += 1;
            events += run.counts.events;
            micros = micros.saturating_add(run.counts.device_micros);
        }
        let secs = spent.as_secs_f64().max(1e-9);
        let hours = Duration::from_micros(micros).as_secs_f64() / 3_600.0;
        let (seeds_a_second, events_a_second) = (rate(seeds, secs), rate(events, secs));
        let hours = hours / secs;
        let _ = writeln!(text, "{name:<16} {seeds:>8} {seeds_a_second:>12.1} {events_a_second:>12.0} {hours:>16.1}");
    }
    console.print(&text)?;
    Ok(OK)
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn rate(count: u64, secs: f64) -> f64 {
    count as f64 / secs
}
