//! How long a client needs to recover.

use core::time::Duration;

use thingwire_core::{Config, Drain};

use crate::plan::{AppFault, Fault, OpKind, Plan, Span, Workload};

/// The part of a run in which nothing new is asked for and everything works has to be quiet at its end for this long.
const QUIET: Duration = Duration::from_secs(60);

/// How long after its last fault the client of a plan needs, at most, until nothing happens any more.
///
/// The longest way there: the connection is dead and has to be found so; a first attempt runs into its timeout, and a
/// second one after the longest wait succeeds; subscriptions are restored; everything that may wait is drained and
/// acknowledged. All of that with half as much again, and a minute of quiet.
pub fn heal(plan: &Plan) -> Span {
    let config = plan.client.to_config(0);
    let found_dead = config.keep_alive + config.keep_alive / 2;
    let wait = config.backoff.floor + config.backoff.max;
    let online = config.connect_timeout * 2 + wait * 2;
    let restored = config.operation_timeout + config.resend_after.unwrap_or_default();
    let needed = found_dead + online + restored + drained(plan, &config);
    // Whole tens of seconds: the number is read by people.
    let needed = needed + needed / 2 + config.backoff.stable + QUIET + watched(plan, &config);
    let secs = needed.as_secs() / 10 * 10 + 10;
    Span::secs(secs.max(120))
}

/// How long it takes until watches know how their shadows stand: readings and subscriptions are tried again.
fn watched(plan: &Plan, config: &Config) -> Duration {
    let shadows = plan.workload.iter().any(|workload| matches!(workload, Workload::Shadow { .. }));
    if shadows { config.requests.timeout * 2 + QUIET } else { Duration::ZERO }
}

/// How long it takes until everything that may wait has been sent and acknowledged.
fn drained(plan: &Plan, config: &Config) -> Duration {
    let mut waiting = published(plan);
    if let Some(count_max) = config.queue.count_max {
        let held = u64::try_from(count_max).unwrap_or(u64::MAX).saturating_add(u64::from(config.in_flight_max));
        waiting = waiting.min(held);
    }
    let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
    let network = &plan.network;
    let round_trip = (network.latency.0 + network.jitter.0) * 2;
    let paced = match config.drain {
        Drain::Every(interval) => interval.saturating_mul(waiting),
        _ => Duration::ZERO,
    };
    // Rounds of a full window; where subscriptions are refused, each operation may take its timeout as well.
    let rounds = round_trip.saturating_mul(waiting / u32::from(config.in_flight_max.max(1)) + 1);
    let bytes = u64::from(waiting).saturating_mul(u64::from(size_max(plan)) + 64);
    let narrow = bytes.checked_div(u64::from(network.bytes_per_second)).unwrap_or(0);
    // The service takes 100 publishes a second (B-11); half of them may be inbound.
    let limited = u64::from(waiting) / 50;
    paced + rounds + Duration::from_secs(narrow + limited)
}

/// How many messages the devices' own application can have published, at most.
fn published(plan: &Plan) -> u64 {
    let duration = plan.duration.0.as_micros();
    let again: u64 = plan
        .workload
        .iter()
        .map(|workload| match workload {
            Workload::Publish { every, burst, count, .. } => {
                let times = u64::try_from(duration / every.0.as_micros().max(1)).unwrap_or(u64::MAX);
                // Random intervals are shorter for a while.
                let all = times.saturating_mul(u64::from(*burst)).saturating_mul(3) / 2 + 16;
                count.map_or(all, |count| count.min(all))
            }
            Workload::Churn { every, .. } => u64::try_from(duration / every.0.as_micros().max(1)).unwrap_or(u64::MAX),
            // Requests are outside of the queue, and end by themselves.
            Workload::Inbound { .. } | Workload::Meddle { .. } | Workload::Shadow { .. } | Workload::Cloud { .. } => 0,
        })
        .sum();
    let once = plan.op.iter().filter(|op| !matches!(op.kind, OpKind::Inbound { .. })).count() as u64;
    let bursts: u64 = plan
        .fault
        .iter()
        .map(|fault| match fault.fault {
            Fault::App(AppFault::Burst(count)) => u64::from(count),
            _ => 0,
        })
        .sum();
    again.saturating_add(once).saturating_add(bursts)
}

fn size_max(plan: &Plan) -> u32 {
    let sizes = plan.workload.iter().map(|workload| match workload {
        Workload::Publish { size, .. } | Workload::Inbound { size, .. } => *size,
        Workload::Churn { .. } | Workload::Meddle { .. } | Workload::Shadow { .. } | Workload::Cloud { .. } => 0,
    });
    sizes.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::ClientPlan;
    use crate::profile::find;

    #[test]
    fn slower_settings_need_longer() {
        let plan = Plan { client: ClientPlan::default(), ..find("flaky-wifi").unwrap().plan(1) };
        let with = |client: ClientPlan| heal(&Plan { client, ..plan.clone() });
        let base = with(ClientPlan::default());
        let slow_drain = with(ClientPlan { drain_hz: Some(0.2), ..ClientPlan::default() });
        assert!(slow_drain.0 >= base.0 + Duration::from_secs(20 * 4), "{slow_drain} {base}");
        let long_waits = with(ClientPlan { backoff_max: Some(Span::secs(128)), ..ClientPlan::default() });
        assert!(long_waits.0 >= base.0 + Duration::from_secs(96), "{long_waits} {base}");
        let no_bound = with(ClientPlan { queue: Some(-1), ..ClientPlan::default() });
        assert!(no_bound > base, "{no_bound} {base}");
    }
}
