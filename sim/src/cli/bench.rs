//! `thingwire-sim bench`: how fast it is.

use core::fmt::Write as _;
use core::time::Duration;
use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};

use super::console::Failure;
use super::{Console, OK};
use crate::campaign::{Attempt, Runner, attempt};
use crate::oracle::Finding;
use crate::plan::{ClientPlan, Network, Plan, Span, Workload};
use crate::profile;
use crate::run::Run;
use crate::shrink::{Budget, shrink};

/// Measure on one thread, with all oracles on, beside what is aimed at.
///
/// Rates are by the second of the processor's time, so that another load on the machine does not matter much. With names of profiles,
/// it measures those instead.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  thingwire-sim bench
  thingwire-sim bench swarm hostile-broker --time 5s")]
pub(super) struct Bench {
    /// How long to measure each thing.
    #[arg(long, value_name = "SPAN", default_value = "2s")]
    time: Span,
    /// Profiles to measure instead.
    #[arg(value_name = "PROFILE")]
    profiles: Vec<String>,
}

/// How many failing plans are shrunk.
const SHRUNK: usize = 9;

/// What many runs came to.
#[derive(Debug, Default)]
struct Sums {
    runs: u64,
    events: u64,
    device_micros: u64,
    cpu: Duration,
    wall: Duration,
}

pub(super) fn bench(options: &Bench, runner: Runner<'_>, console: &mut Console<'_>) -> Result<u8, Failure> {
    if !options.profiles.is_empty() {
        return profiles(options, runner, console);
    }
    let measured = format!("{:>14}  {:>14}", "by CPU", "by the wall");
    console.print(&format!("{:<44} {measured}  {}\n", "", "aim"))?;
    let telemetry = measure(options.time.0, runner, &|seed| telemetry(seed));
    let mut text = String::from("one device, one QoS 1 message a second\n");
    text += &telemetry.row("events/s", telemetry.events, "1,500,000", 0);
    text += &telemetry.row("device-hours/s", telemetry.device_micros / 3_600_000_000, "120", 1);
    console.print(&text)?;
    let soak = profile::find("soak").map(|soak| measure(options.time.0, runner, &|seed| soak.plan(seed)));
    let mut text = String::from("two hours with 100 to 300 faults (soak)\n");
    text += &soak.map_or(String::new(), |soak| soak.row("seeds/s", soak.runs, "150", 1));
    console.print(&text)?;
    console.print(&shrinking(runner))?;
    Ok(OK)
}

fn profiles(options: &Bench, runner: Runner<'_>, console: &mut Console<'_>) -> Result<u8, Failure> {
    let columns = [("runs/s", 12), ("events/s", 12), ("device-hours/s", 16)];
    let head = columns.iter().fold(String::new(), |head, (name, width)| head + &format!(" {name:>width$}"));
    let mut text = format!("{:<16} {:>8}{head}\n", "profile", "runs");
    for name in &options.profiles {
        let Some(profile) = profile::find(name) else {
            return Err(Failure::usage(format!(
                "there is no profile `{name}` (hint: see 'thingwire-sim list profiles')"
            )));
        };
        let sums = measure(options.time.0, runner, &|seed| profile.plan(seed));
        let hours = sums.device_micros / 3_600_000_000;
        let [runs, events, hours] = [sums.runs, sums.events, hours].map(|count| rate(count, sums.cpu));
        let _ = writeln!(text, "{name:<16} {:>8} {runs:>12.1} {events:>12.0} {hours:>16.1}", sums.runs);
    }
    console.print(&text)?;
    Ok(OK)
}

fn measure(time: Duration, runner: Runner<'_>, plan: &dyn Fn(u64) -> Plan) -> Sums {
    let mut sums = Sums::default();
    while sums.wall < time || sums.runs == 0 {
        let plan = plan(sums.runs);
        let (begun, cpu) = (Instant::now(), cpu());
        let Attempt { run, .. } = attempt(&plan, false, runner);
        sums.cpu += self::cpu().saturating_sub(cpu);
        sums.wall += begun.elapsed();
        sums.runs += 1;
        sums.events += run.counts.events;
        sums.device_micros = sums.device_micros.saturating_add(run.counts.device_micros);
    }
    sums
}

impl Sums {
    fn row(&self, what: &str, count: u64, aim: &str, digits: usize) -> String {
        let (by_cpu, by_wall) = (rate(count, self.cpu), rate(count, self.wall));
        format!("  {what:<42} {by_cpu:>14.digits$}  {by_wall:>14.digits$}  {aim}\n")
    }
}

/// A device that publishes once a second for ten hours.
fn telemetry(seed: u64) -> Plan {
    Plan {
        name: "telemetry".to_owned(),
        seed,
        duration: Span::secs(36_000),
        heal: Span::secs(120),
        devices: 1,
        client: ClientPlan::default(),
        network: Network::default(),
        workload: vec![Workload::Publish {
            topic: "dt/{id}".to_owned(),
            topics: 1,
            qos: 1,
            every: Span::secs(1),
            random: false,
            burst: 1,
            size: 64,
            expires_in: None,
            count: None,
        }],
        op: Vec::new(),
        fault: Vec::new(),
    }
}

/// How long it takes to make plans smaller whose runs fail, as far as this goes, once a session is resumed.
fn shrinking(runner: Runner<'_>) -> String {
    let broken = |plan: &Plan, record: bool| -> Run {
        let mut run = runner(plan, record);
        if run.marks.get("session resumed").is_some_and(|times| *times > 0) {
            let at = thingwire_core::Instant::EPOCH;
            run.findings = vec![Finding { oracle: "S1", at, device: 0, what: "a session was resumed".to_owned() }];
        }
        run
    };
    let mut took = Vec::new();
    let plans = profile::find("swarm").into_iter().flat_map(|swarm| (0..200).map(|seed| swarm.plan(seed)));
    for plan in plans {
        let Some(signature) = attempt(&plan, false, &broken).signature() else { continue };
        let begun = Instant::now();
        shrink(&plan, &signature, &broken, Budget::default(), &mut |_| {});
        took.push(begun.elapsed());
        if took.len() == SHRUNK {
            break;
        }
    }
    took.sort_unstable();
    let median = took.get(took.len() / 2).map_or("-".to_owned(), |median| format!("{:.2}", median.as_secs_f64()));
    format!(
        "shrinking {} swarm plans with a defect put in\n  {:<42} {:>14}  {median:>14}  2.00\n",
        took.len(),
        "seconds, median",
        ""
    )
}

/// The processor's time that this thread has had.
fn cpu() -> Duration {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    let (secs, nanos) = (u64::try_from(spent.tv_sec).unwrap_or(0), u32::try_from(spent.tv_nsec).unwrap_or(0));
    Duration::new(secs, nanos)
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn rate(count: u64, span: Duration) -> f64 {
    count as f64 / span.as_secs_f64().max(1e-9)
}
