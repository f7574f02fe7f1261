//! What came of a storm, for people and for programs.

use core::fmt::Write as _;
use core::time::Duration;

use serde_json::{Value, json};

use super::{Loss, MILESTONES, OverRate, Recovery, Storm};
use crate::plan::Span;

/// The policies side by side, one line each.
pub fn table(storm: &Storm, recoveries: &[Recovery]) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(text, "{}\n", [summary(storm), round_trips(storm)].join(" ").trim_end());
    for line in core::iter::once(columns()).chain(recoveries.iter().map(row)) {
        for (at, (cell, width)) in line.iter().zip(WIDTHS).enumerate() {
            let _ = if at == 0 { write!(text, "{cell:<width$}") } else { write!(text, "{cell:>width$}") };
        }
        text.push('\n');
    }
    text
}

/// How wide each column of the table is.
const WIDTHS: [usize; 13] = [12, 9, 9, 9, 9, 8, 10, 7, 7, 10, 11, 11, 9];

/// What the columns of the table are.
pub(super) fn columns() -> [String; WIDTHS.len()] {
    let [half, most, nearly, all] = MILESTONES.map(|milestone| format!("{milestone} %"));
    let words = ["back", "attempts", "p99", "worst", "peak/s", "refused/s", "timeouts", "on air"];
    let [back, attempts, p99, worst, peak, refused, timeouts, on_air] = words.map(str::to_owned);
    let first = "policy".to_owned();
    [first, half, most, nearly, all, back, attempts, p99, worst, peak, refused, timeouts, on_air]
}

/// A policy in these columns.
pub(super) fn row(recovery: &Recovery) -> [String; WIDTHS.len()] {
    let [half, most, nearly, all] = recovery.reached.map(|reached| reached.map_or("-".to_owned(), seconds));
    [
        recovery.policy.kind.to_string(),
        half,
        most,
        nearly,
        all,
        back(recovery),
        format!("{:.1}", recovery.attempts_mean()),
        recovery.attempts_percentile(99).to_string(),
        recovery.attempts_percentile(100).to_string(),
        grouped(recovery.peak_attempts().into()),
        grouped(recovery.peak_refused().into()),
        grouped(recovery.timed_out),
        format!("{:.1} s", recovery.on_air_mean()),
    ]
}

/// How far away the devices are, where that is not the same for all.
pub(super) fn round_trips(storm: &Storm) -> String {
    let capacity = &storm.capacity;
    if capacity.round_trip_spread.is_zero() {
        return String::new();
    }
    let longest = capacity.round_trip + capacity.round_trip_spread;
    format!("Round trips take {} to {}.", Span(capacity.round_trip), Span(longest))
}

/// The storm in a sentence or two.
pub(super) fn summary(storm: &Storm) -> String {
    let capacity = &storm.capacity;
    let how = match storm.loss {
        Loss::AtOnce => "lose the connection at once".to_owned(),
        Loss::Spread(window) => format!("lose the connection within {}", Span(window)),
        Loss::PowerCut(window) => format!("get their power back within {}", Span(window)),
    };
    let rest = match capacity.over_rate {
        OverRate::Refuse => "",
        OverRate::Ignore => " and ignores the rest",
    };
    format!(
        "{} devices {how}; the server accepts {} of them a second{rest}: {} at best.",
        grouped(storm.devices.into()),
        grouped(capacity.rate.into()),
        seconds(storm.at_best())
    )
}

/// Every second of every policy, for a spreadsheet.
pub fn csv(recoveries: &[Recovery]) -> String {
    let mut text = "policy,second,attempts,accepted,refused,timed_out,connected\n".to_owned();
    for recovery in recoveries {
        let mut connected = 0;
        for (at, second) in recovery.seconds.iter().enumerate() {
            connected += second.accepted;
            let name = recovery.policy.kind.name();
            let super::Second { attempts, accepted, refused, timed_out } = second;
            let _ = writeln!(text, "{name},{at},{attempts},{accepted},{refused},{timed_out},{connected}");
        }
    }
    text
}

/// The storm and what came of it. Times are in seconds; `null` is what was not reached.
pub fn json(storm: &Storm, recoveries: &[Recovery]) -> Value {
    let capacity = &storm.capacity;
    let handshakes = capacity.handshakes.as_ref();
    json!({
        "devices": storm.devices,
        "loss": storm.loss.to_string(),
        "seed": storm.seed,
        "until": storm.until.as_secs_f64(),
        "connect_timeout": storm.connect_timeout.as_secs_f64(),
        "at_best": storm.at_best().as_secs_f64(),
        "capacity": {
            "rate": capacity.rate,
            "burst": capacity.burst,
            "ignores_the_rest": capacity.over_rate == OverRate::Ignore,
            "round_trip": capacity.round_trip.as_secs_f64(),
            "round_trip_spread": capacity.round_trip_spread.as_secs_f64(),
            "id_spacing": capacity.id_spacing.map(|spacing| spacing.as_secs_f64()),
            "overloaded_percent": capacity.overloaded_percent,
            "handshakes": handshakes.map(|handshakes| json!({
                "workers": handshakes.workers,
                "each": handshakes.each.as_secs_f64(),
                "backlog": handshakes.backlog,
            })),
        },
        "policies": recoveries.iter().map(one).collect::<Vec<_>>(),
    })
}

fn one(recovery: &Recovery) -> Value {
    let backoff = &recovery.policy.backoff;
    let reached = MILESTONES.into_iter().zip(recovery.reached);
    let reached = reached.map(|(percent, at)| (percent.to_string(), json!(at.map(|at| at.as_secs_f64()))));
    json!({
        "policy": recovery.policy.kind.name(),
        "base": backoff.base.as_secs_f64(),
        "max": backoff.max.as_secs_f64(),
        "connected": recovery.connected,
        "reached": reached.collect::<serde_json::Map<_, _>>(),
        "attempts": recovery.attempts,
        "refused": recovery.refused,
        "timed_out": recovery.timed_out,
        "on_air": recovery.on_air.as_secs_f64(),
        "peak_attempts_per_second": recovery.peak_attempts(),
        "peak_refused_per_second": recovery.peak_refused(),
        "attempts_per_device": {
            "mean": recovery.attempts_mean(),
            "p99": recovery.attempts_percentile(99),
            "worst": recovery.attempts_percentile(100),
        },
        "devices_by_attempts": recovery.devices_by_attempts,
    })
}

/// How much of the fleet is back; 100 % only where nobody is missing.
fn back(recovery: &Recovery) -> String {
    let per_mille = u64::from(recovery.connected) * 1_000 / u64::from(recovery.devices);
    match per_mille % 10 {
        0 => format!("{} %", per_mille / 10),
        tenth => format!("{}.{tenth} %", per_mille / 10),
    }
}

pub(super) fn seconds(span: Duration) -> String {
    format!("{} s", grouped(span.as_millis().div_ceil(1_000).try_into().unwrap_or(u64::MAX)))
}

/// A number as people read it: 1,234,567.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
