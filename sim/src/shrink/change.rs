//! Passes that change a plan in one go.

use core::time::Duration;

use crate::catalogue::{self, Family};
use crate::plan::{ClientPlan, Network, Op, OpKind, PlannedFault, Span, Workload};

use super::{Search, nice};
use crate::campaign::attempt;

/// The most operations that a workload is turned into.
const FEW: u64 = 8;

/// Whole families of faults.
pub(super) fn drop_families(search: &mut Search<'_>) {
    search.keep_changed("no faults", |plan| plan.fault.clear());
    for family in Family::ALL {
        let of = |fault: &PlannedFault| catalogue::find(&fault.name).is_some_and(|row| row.family == family);
        if search.best.fault.iter().any(of) {
            search.keep_changed("families", |plan| plan.fault.retain(|fault| !of(fault)));
        }
    }
}

/// What comes after the failure, and the time to recover where nobody needs it.
pub(super) fn cut_the_tail(search: &mut Search<'_>) {
    let found = attempt(&search.best, false, search.runner).run.findings.first().map(|finding| finding.at);
    search.runs += 1;
    let needed = found.map_or(Span::default(), |at| Span(Duration::from_micros(at.as_micros())));
    // The shortest that is enough; a little more than up to the failure may be needed.
    for duration in nice::ROUND.map(Span::secs) {
        let fits = needed <= duration && duration < search.best.duration;
        if fits && search.keep_changed("duration", |plan| plan.duration = duration) {
            break;
        }
    }
    for heal in [Span::default(), Span::secs(120), nice::up(Span(search.best.heal.0 / 2))] {
        if heal < search.best.heal && search.keep_changed("heal", |plan| plan.heal = heal) {
            break;
        }
    }
}

/// One device: the first one, or the one that something happens to.
pub(super) fn one_device(search: &mut Search<'_>) {
    if search.best.devices == 1 {
        return;
    }
    for only in 0..search.best.devices.min(8) {
        let kept = search.keep_changed("devices", |plan| {
            plan.devices = 1;
            plan.fault.retain(|fault| fault.device == only);
            plan.op.retain(|op| op.device == only);
            plan.fault.iter_mut().for_each(|fault| fault.device = 0);
            plan.op.iter_mut().for_each(|op| op.device = 0);
        });
        if kept {
            return;
        }
    }
}

/// The client and the network as they are by default, as far as that can be.
pub(super) fn defaults(search: &mut Search<'_>) {
    if search.best.client != ClientPlan::default()
        && !search.keep_changed("client", |plan| plan.client = ClientPlan::default())
    {
        single_settings(search);
    }
    if search.best.network != Network::default()
        && !search.keep_changed("network", |plan| plan.network = Network::default())
    {
        let plain = Network::default();
        search.keep_changed("network", |plan| plan.network.jitter = plain.jitter);
        search.keep_changed("network", |plan| plan.network.latency = plain.latency);
        search.keep_changed("network", |plan| plan.network.fragmented = plain.fragmented);
        search.keep_changed("network", |plan| plan.network.bytes_per_second = plain.bytes_per_second);
        search.keep_changed("network", |plan| plan.network.segment_len_max = plain.segment_len_max);
        search.keep_changed("network", |plan| plan.network.send_buffer = plain.send_buffer);
    }
}

fn single_settings(search: &mut Search<'_>) {
    type Reset = fn(&mut ClientPlan);
    let resets: [Reset; 23] = [
        |client| client.device_advisor = false,
        |client| client.same_id = false,
        |client| client.no_limits = false,
        |client| client.clean_session = None,
        |client| client.keep_alive = None,
        |client| client.manual_acks = None,
        |client| client.connect_timeout = None,
        |client| client.operation_timeout = None,
        |client| client.resend_after = None,
        |client| client.closes_max = None,
        |client| client.in_flight_max = None,
        |client| client.unacked_max = None,
        // The three of them have to fit together.
        |client| (client.backoff_base, client.backoff_max, client.backoff_stable) = (None, None, None),
        |client| client.jitter = None,
        |client| client.queue = None,
        |client| client.queue_bytes = None,
        |client| client.drop_oldest = None,
        |client| client.drain_hz = None,
        |client| client.request_timeout = None,
        |client| client.requests_max = None,
        |client| client.requests_in_flight = None,
        |client| client.request_filters = None,
        |client| client.keep_subscriptions = None,
    ];
    for reset in resets {
        let mut changed = search.best.client.clone();
        reset(&mut changed);
        if changed != search.best.client {
            search.keep_changed("client", |plan| plan.client = changed);
        }
    }
}

/// Fewer messages, and where few are enough, each as an operation of its own.
pub(super) fn materialise(search: &mut Search<'_>) {
    for index in 0..search.best.workload.len() {
        for few in [1, 2, 4, FEW, 16, 64] {
            let smaller = |workload: &mut Workload| match workload {
                Workload::Publish { count, .. }
                | Workload::Inbound { count, .. }
                | Workload::Shadow { count, .. }
                | Workload::Cloud { count, .. }
                    if count.is_none_or(|count| count > few) =>
                {
                    *count = Some(few);
                    true
                }
                _ => false,
            };
            let mut plan = search.best.clone();
            if smaller(&mut plan.workload[index]) && search.keep("count", plan) {
                break;
            }
        }
    }
    for index in (0..search.best.workload.len()).rev() {
        let ops = as_ops(search, index);
        if !ops.is_empty() {
            search.keep_changed("work as operations", |plan| {
                plan.workload.remove(index);
                plan.op.extend(ops);
                plan.op.sort_by_key(|op| op.at);
            });
        }
    }
}

/// The few messages of a workload as operations; none where there are many.
fn as_ops(search: &Search<'_>, index: usize) -> Vec<Op> {
    let plan = &search.best;
    let (topic, every, count) = match &plan.workload[index] {
        Workload::Publish { topic, every, count: Some(count), .. }
        | Workload::Inbound { topic, every, count: Some(count), .. }
            if *count <= FEW && plan.devices == 1 =>
        {
            (topic.replace("{id}", &plan.client.client_id(0)).replace("{n}", "0"), *every, *count)
        }
        _ => return Vec::new(),
    };
    let kind = match &plan.workload[index] {
        Workload::Publish { qos, size, expires_in, .. } => {
            OpKind::Publish { topic, qos: *qos, size: *size, expires_in: *expires_in, retain: false }
        }
        Workload::Inbound { qos, size, .. } => OpKind::Inbound { topic, qos: *qos, size: *size },
        Workload::Churn { .. } | Workload::Meddle { .. } | Workload::Shadow { .. } | Workload::Cloud { .. } => {
            return Vec::new();
        }
    };
    let at = |nth: u64| Span(every.0 * u32::try_from(nth).unwrap_or(1));
    (1..=count).map(|nth| Op { at: at(nth), device: 0, kind: kind.clone() }).collect()
}
